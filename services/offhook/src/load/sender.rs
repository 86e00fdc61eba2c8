//! The open loop: each delivery goes out when it is due, whether or not earlier ones were answered.
//!
//! Times are taken from when a delivery was due, not from when it went out, so that a slow answer is not hidden by the
//! deliveries that it holds up.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use chrono::Utc;
use reqwest::{Client, StatusCode, header::CONTENT_TYPE};
use sources::retell::{SIGNATURE_HEADER, name, sign};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    arguments::Sender,
    plan::{EVENTS, Plan},
    tally::{Outcome, Tally},
};
use crate::output::Output;

/// Deliveries in flight; under the customary limit of 1024 open files.
const IN_FLIGHT_MAX: usize = 768;
/// Bodies that are made ahead.
const AHEAD_MAX: usize = 1024;
/// One request; what Retell waits, too.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// How often Retell sends a delivery again.
const RETRIES_MAX: u64 = 3;
/// The pause before the first retry; doubled for each further one.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// A delivery with its body.
struct Parcel {
    due: Duration,
    call: usize,
    org: usize,
    id: String,
    body: Bytes,
}

/// Where an org's deliveries go, and the key they are signed with.
struct Door {
    client: Client,
    endpoint: String,
    key: String,
}

/// Sends the whole plan.
///
/// # Errors
/// When there can be no HTTP client, or a task of ours panicked.
pub(super) async fn send(plan: &Arc<Plan>, url: &str, senders: &[Sender], output: Output) -> anyhow::Result<Tally> {
    let client = Client::builder().timeout(REQUEST_MAX).build()?;
    let doors: Vec<Arc<Door>> = senders.iter().map(|sender| Arc::new(door(&client, url, sender))).collect();
    let (parcels, mut due) = mpsc::channel(AHEAD_MAX);
    let packed = Arc::clone(plan);
    let packing = tokio::task::spawn_blocking(move || pack(&packed, &parcels));
    let bar = output.progress(plan.deliveries.len(), "sent");
    let (mut tally, mut tasks) = (Tally::new(plan.calls.len()), JoinSet::new());
    let places = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let mut began = None;
    while let Some(parcel) = due.recv().await {
        // The clock starts with the first body at hand.
        let due = *began.get_or_insert_with(Instant::now) + parcel.due;
        sleep_until(due).await;
        let place = if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            place
        } else {
            tally.delayed += 1;
            Arc::clone(&places).acquire_owned().await?
        };
        let door = Arc::clone(&doors[parcel.org]);
        tasks.spawn(async move {
            let outcome = deliver(&door, parcel, due).await;
            drop(place);
            outcome
        });
        while let Some(done) = tasks.try_join_next() {
            tally.add(done?);
            bar.inc(1);
        }
    }
    while let Some(done) = tasks.join_next().await {
        tally.add(done?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    packing.await.context("the bodies")?;
    Ok(tally)
}

fn door(client: &Client, url: &str, sender: &Sender) -> Door {
    let endpoint = format!("{}/v1/{}/retell/events", url.trim_end_matches('/'), sender.org);
    Door { client: client.clone(), endpoint, key: sender.key.clone() }
}

/// Makes the bodies ahead of time, beside the clock; a call's are kept until its last delivery. Ends early when nobody
/// takes them.
fn pack(plan: &Plan, parcels: &mpsc::Sender<Parcel>) {
    let mut left = vec![0_usize; plan.calls.len()];
    for delivery in &plan.deliveries {
        left[delivery.call] += 1;
    }
    let mut made: HashMap<usize, [(String, Bytes); EVENTS]> = HashMap::new();
    for delivery in &plan.deliveries {
        let call = &plan.calls[delivery.call];
        let events = made.entry(delivery.call).or_insert_with(|| {
            // The ids of these events don't depend on the time.
            call.lifecycle.events().map(|(_, body)| (name(&body, Utc::now()).id, Bytes::from(body)))
        });
        let (id, body) = events[delivery.event].clone();
        let parcel = Parcel { due: delivery.due, call: delivery.call, org: call.org, id, body };
        if parcels.blocking_send(parcel).is_err() {
            return;
        }
        left[delivery.call] -= 1;
        if left[delivery.call] == 0 {
            made.remove(&delivery.call);
        }
    }
}

/// Sends one delivery, and again as Retell does while the other side is at fault.
async fn deliver(door: &Door, parcel: Parcel, due: Instant) -> Outcome {
    let Parcel { call, id, body, .. } = parcel;
    let mut retries = 0;
    let answer = loop {
        match attempt(door, &body).await {
            Ok(()) => break Ok(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX)),
            Err((true, _)) if retries < RETRIES_MAX => {
                sleep(RETRY_PAUSE * 2_u32.pow(retries as u32)).await;
                retries += 1;
            }
            Err((_, why)) => break Err(why),
        }
    };
    Outcome { call, id, retries, answer }
}

/// One request; an error says whether it may be made again, and why it failed.
async fn attempt(door: &Door, body: &Bytes) -> Result<(), (bool, String)> {
    let request = door.client.post(&door.endpoint).header(SIGNATURE_HEADER, sign(&door.key, body, Utc::now()));
    let request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
    let response = request.send().await.map_err(|error| (true, format!("{:#}", anyhow::Error::from(error))))?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let again = status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT;
    Err((again, format!("{status} {}", response.text().await.unwrap_or_default().trim())))
}
