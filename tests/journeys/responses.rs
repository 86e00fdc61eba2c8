//! The README's table of responses, cell by cell: each source, each cause, against a running ingress.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use contract::Timestamp;
use serde_json::json;
use sources::{calcom, elevenlabs, highlevel, retell, webhook, whatsapp};
use testkit::{World, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

pub(crate) const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==";
const OTHER_SECRET: &str = "whsec_GRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQ==";
pub(crate) const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const OTHER_SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";

/// How the table begins; its columns are the causes.
const HEAD: [&str; 9] =
    ["source", "taken", "unknown org", "bad signature", "stale", "too large", "overloaded", "broker away", "timeout"];

/// The table's rows, each with its path and the largest body that is taken there, in bytes.
pub(crate) const ROWS: [(&str, &str, usize); 8] = [
    ("Retell", "/v1/ORG/retell/events", ingress::BODY_BYTES_MAX),
    ("ElevenLabs", "/v1/ORG/elevenlabs/events", ingress::SOUND_BYTES_MAX),
    ("ElevenLabs, for many orgs", "/v1/elevenlabs/events", ingress::SOUND_BYTES_MAX),
    ("Evolution API", "/v1/ORG/whatsapp/clinic-01", ingress::BODY_BYTES_MAX),
    ("Cal.com", "/v1/ORG/calcom/events", ingress::BODY_BYTES_MAX),
    ("HighLevel", "/v1/ORG/highlevel/events", ingress::BODY_BYTES_MAX),
    ("HighLevel, for many orgs", "/v1/highlevel/events", ingress::BODY_BYTES_MAX),
    ("Standard Webhooks", "/v1/ORG/webhook/leads", ingress::BODY_BYTES_MAX),
];

/// An org that every source calls. `SECRETS` are files of the world's folder.
const ORG: &str = r#"
[[org]]
id = "many"
name = "Many"
[[org.branch]]
id = "main"
time_zone = "UTC"
[[org.channel]]
kind = "agent"
address = "agent_many"
branch = "main"
[[org.channel]]
kind = "whatsapp"
address = "clinic-01"
branch = "main"
[[org.channel]]
kind = "webhook"
address = "leads"
branch = "main"
[org.vendor.highlevel]
token = "file:DIR/elevenlabs.key"
location_id = "loc_many"
[org.source.highlevel]
public_keys = ["file:DIR/highlevel.key"]
"#;

/// What is wrong with a delivery itself.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    UnknownOrg,
    BadSignature,
    Stale,
}

/// A world in which ingress knows the org, and platform keys that are the same.
pub(crate) async fn world() -> World {
    let world = World::start().await;
    world.write_key("elevenlabs", SECRET);
    world.write_key("highlevel", &highlevel::public_key(SEED).expect("a key"));
    let sources = ["retell", "elevenlabs", "whatsapp", "calcom", "webhook"]
        .map(|source| format!("[org.source.{source}]\nsecrets = [\"file:DIR/elevenlabs.key\"]\n"));
    let org = format!("{ORG}{}", sources.concat()).replace("DIR/", &world.path("").display().to_string());
    world.apply_orgs(&format!("{}\n{org}", world.orgs_file())).await;
    world
}

/// Sends a delivery of this row; the status of its answer.
async fn status(url: String, row: usize, fault: Fault) -> u16 {
    let (_, path, _) = ROWS[row];
    let of_all = !path.contains("ORG");
    let known = fault != Fault::UnknownOrg;
    let (secret, seed) = if fault == Fault::BadSignature { (OTHER_SECRET, OTHER_SEED) } else { (SECRET, SEED) };
    let at = Utc::now() - TimeDelta::days(if fault == Fault::Stale { 2 } else { 0 });
    let name = |known_name: &'static str| if known || !of_all { known_name } else { "nobody" };
    let body = json!({
        "event": "call_started", "call": { "call_id": "call_1" },
        "type": "post_call_transcription", "data": { "agent_id": name("agent_many"), "conversation_id": "conv_1" },
        "triggerEvent": "PING", "createdAt": at.to_rfc3339(),
        "locationId": name("loc_many"), "timestamp": at.to_rfc3339(), "webhookId": "wh_1",
    })
    .to_string();
    let headers = shown(path, (secret, seed), "msg_1", body.as_bytes(), at);
    let path = path.replace("ORG", if known { "many" } else { "nobody" });
    let request = reqwest::Client::new().post(format!("{url}{path}"));
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    request.body(body).send().await.expect("ingress answers").status().as_u16()
}

/// Whose path it is.
pub(crate) fn source(path: &str) -> &str {
    let sources = ["retell", "elevenlabs", "whatsapp", "calcom", "highlevel", "webhook"];
    path.split('/').find(|part| sources.contains(part)).expect("a source's path")
}

/// What a delivery to this path shows for itself, signed with the secret or the private key. `id` is what Standard Webhooks
/// calls it.
pub(crate) fn shown(
    path: &str,
    (secret, seed): (&str, &str),
    id: &str,
    body: &[u8],
    at: Timestamp,
) -> Vec<(&'static str, String)> {
    match source(path) {
        "retell" => vec![(retell::SIGNATURE_HEADER, retell::sign(secret, body, at))],
        "elevenlabs" => vec![(elevenlabs::SIGNATURE_HEADER, elevenlabs::sign(secret, body, at))],
        "whatsapp" => vec![("authorization", whatsapp::sign(secret, at))],
        "calcom" => vec![(calcom::SIGNATURE_HEADER, calcom::sign(secret, body))],
        "highlevel" => vec![(highlevel::SIGNATURE_HEADER, highlevel::sign(seed, body).expect("a key"))],
        _ => webhook::sign(secret, id, body, at).expect("a secret of the standard").into(),
    }
}

/// Sends the beginning of a body to this row, of which `announced` bytes are announced, and keeps the connection.
async fn begin(url: &str, row: usize, announced: usize, sent: usize) -> TcpStream {
    let path = ROWS[row].1.replace("ORG", "many");
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {announced}\r\n\r\n");
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("ingress listens");
    // What is refused is not read to its end.
    stream.write_all(&[head.into_bytes(), vec![b' '; sent]].concat()).await.ok();
    stream
}

/// The status of a begun request's answer.
async fn answered(mut stream: TcpStream) -> u16 {
    let mut answer = vec![0; 2048];
    let bytes = stream.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..bytes]);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in {answer}"))
}

/// What `send` gives for every row, all at the same time.
async fn of_every_row<F>(send: impl Fn(usize) -> F) -> Vec<u16>
where
    F: Future<Output = u16> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for row in 0..ROWS.len() {
        let sent = send(row);
        tasks.spawn(async move { (row, sent.await) });
    }
    tasks.join_all().await.into_iter().collect::<BTreeMap<_, _>>().into_values().collect()
}

/// The status of each row while bodies of others fill the room.
async fn overloaded(url: &str) -> Vec<u16> {
    let (mut holders, mut statuses) = (Vec::new(), Vec::new());
    for row in 0..ROWS.len() {
        let refused = until("there is no room", async || {
            // Room is reserved by doubling: a byte more than half takes all of it.
            let (announced, sent) = (ingress::BODY_BYTES_MAX, ingress::BODY_BYTES_MAX / 2 + 1);
            holders.push(begin(url, 0, announced, sent).await);
            Some(status(url.to_owned(), row, Fault::None).await).filter(|status| *status >= 300)
        });
        statuses.push(refused.await);
    }
    statuses
}

/// The table of a page: the cells of each line below the one that begins like [`HEAD`].
fn table(page: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let lines = page.lines().skip_while(|line| cells(line) != HEAD);
    lines.take_while(|line| line.starts_with('|')).skip(2).map(cells).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_of_the_readmes_table_is_what_a_sender_gets() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).expect("README.md");
    let mut world = world().await;
    let (ingress, url) = world.ingress().await;
    let faulty = async |fault: Fault| of_every_row(|row| status(url.clone(), row, fault)).await;
    let mut columns = Vec::new();
    for fault in [Fault::None, Fault::UnknownOrg, Fault::BadSignature, Fault::Stale] {
        columns.push(faulty(fault).await);
    }
    columns.push(
        of_every_row(|row| {
            let url = url.clone();
            async move { answered(begin(&url, row, ROWS[row].2 + 1, 0).await).await }
        })
        .await,
    );
    columns.push(overloaded(&url).await);
    until("there is room again", async || (status(url.clone(), 0, Fault::None).await == 204).then_some(())).await;
    let timeout = of_every_row(|row| {
        let url = url.clone();
        async move { answered(begin(&url, row, 100, 1).await).await }
    })
    .await;
    world.nats.stop().await.expect("nats-server stops");
    columns.push(faulty(Fault::None).await);
    columns.push(timeout);

    let cells = |row: usize| columns.iter().map(move |column| column[row].to_string());
    let measured: Vec<Vec<String>> = ROWS
        .iter()
        .enumerate()
        .map(|(row, (name, ..))| std::iter::once((*name).to_owned()).chain(cells(row)).collect())
        .collect();
    let lines =
        |table: &[Vec<String>]| table.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect::<String>();
    let (told, found) = (lines(&table(&page)), lines(&measured));
    assert!(told == found, "README.md says\n{told}but what happens is\n{found}");
    ingress.stop().await;
    world.abandon();
}
