//! Every seed of the fuzzers through a real ingress: truncated, nested, huge, of wrong types, no text at all. Signed it is taken
//! like any other, kept byte by byte and archived, and harms no worker; unsigned it is refused.

use std::{collections::BTreeSet, fs, path::Path};

use chrono::Utc;
use contract::{OrgId, Source};
use reqwest::Client;
use sources::{elevenlabs, highlevel, whatsapp};

use crate::{
    count,
    responses::{ROWS, SECRET, SEED, shown, source, world},
};

/// When the seeds say they were sent, to the second; here they are sent now.
const WRITTEN: &[u8] = b"2026-11-18T11:06:40";
/// Seeds that tell by themselves that they are old, or from a time to come: (source, file).
const STALE: [(&str, &str); 8] = [
    ("calcom", "created-at-leap-second"),
    ("calcom", "created-at-too-old"),
    ("calcom", "created-at-with-an-offset"),
    ("calcom", "invalid-utf-8-beside-a-time-too-old"),
    ("highlevel", "told-leap-second"),
    ("highlevel", "told-of-year-0"),
    ("highlevel", "told-of-year-9999"),
    ("highlevel", "told-too-long-ago"),
];
/// A seed about a location that is not the org's.
const ELSEWHERE: (&str, &str) = ("highlevel", "invalid-utf-8-in-the-location");

/// A source's seeds by name, as if they were written at `now`.
fn seeds(source: &str, now: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(source);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let seeds = entries.map(|entry| {
        let path = entry.expect("a folder's entry").path();
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, renewed(&fs::read(&path).expect("a seed"), now.as_bytes()))
    });
    seeds.collect()
}

fn renewed(body: &[u8], now: &[u8]) -> Vec<u8> {
    let (mut renewed, mut rest) = (Vec::with_capacity(body.len()), body);
    while let Some(at) = rest.windows(WRITTEN.len()).position(|bytes| bytes == WRITTEN) {
        renewed.extend_from_slice(&rest[..at]);
        renewed.extend_from_slice(now);
        rest = &rest[at + WRITTEN.len()..];
    }
    renewed.extend_from_slice(rest);
    renewed
}

/// The status that the sender of this seed gets.
fn expected(path: &str, name: &str) -> u16 {
    let seed = (source(path), name);
    match seed.0 {
        _ if STALE.contains(&seed) || (seed == ELSEWHERE && path.contains("ORG")) => 401,
        "retell" | "webhook" => 204,
        _ => 200,
    }
}

/// Whose it is kept as.
fn owner(path: &str, body: &[u8]) -> OrgId {
    let ours = path.contains("ORG")
        || elevenlabs::agent_id(body).as_deref() == Some("agent_many")
        || highlevel::location_id(body).as_deref() == Some("loc_many");
    if ours { "many".parse().expect("an org id") } else { OrgId::unknown() }
}

async fn status(client: &Client, url: &str, headers: &[(&'static str, String)], body: &[u8]) -> u16 {
    let request = client.post(url);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    request.body(body.to_vec()).send().await.expect("ingress answers").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_authentic_is_taken_and_kept_whatever_it_says_and_nothing_else_is() {
    let world = world().await;
    let (ingress, url) = world.ingress().await;
    let (client, mut taken) = (Client::new(), BTreeSet::new());
    // One for all: what is told twice has to be the same.
    let now = Utc::now().format("%Y-%m-%dT%H:%M:%S").to_string();
    for (_, path, _) in ROWS {
        let url = format!("{url}{}", path.replace("ORG", "many"));
        let source: Source = source(path).parse().expect("a source");
        for (name, body) in seeds(source.as_str(), &now) {
            let unsigned = status(&client, &url, &[], &body).await;
            assert_eq!(unsigned, 401, "{path} {name}, unsigned");
            let signed = shown(path, (SECRET, SEED), &name, &body, Utc::now());
            let (found, expected) = (status(&client, &url, &signed, &body).await, expected(path, &name));
            assert_eq!(found, expected, "{path} {name}");
            if expected < 300 {
                let body = if source == Source::WHATSAPP { whatsapp::redact(&body).into_owned() } else { body };
                taken.insert((owner(path, &body).to_string(), source, body));
            }
        }
    }
    let stored = world.stored("events.>", 0).await;
    let events = stored.len() as i64;
    let kept: BTreeSet<_> = stored
        .into_iter()
        .map(|(_, input)| (input.envelope.org.to_string(), input.envelope.source, input.body.to_vec()))
        .collect();
    let lost = taken
        .difference(&kept)
        .map(|(org, source, body)| format!("{org} {source} {:?}", String::from_utf8_lossy(body)));
    assert_eq!(lost.collect::<Vec<_>>(), [""; 0], "taken and not kept");
    assert_eq!(kept.len(), taken.len(), "kept and not taken");

    let workers = world.workers();
    for worker in
        [log_worker::NAME, metrics_worker::NAME, invalidate_worker::NAME, crm_worker::NAME, refresh_worker::NAME]
    {
        world.settled(worker).await;
    }
    let archived = "SELECT count(*) FROM offhook.events WHERE source = ANY (ARRAY['retell', 'elevenlabs', 'whatsapp', 'calcom', 'highlevel', 'webhook'])";
    assert_eq!(count(&world.pool, archived).await, events);
    ingress.stop().await;
    for worker in workers {
        worker.stop().await;
    }
    world.end().await;
}
