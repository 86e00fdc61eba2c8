//! log-worker's SQL: one transaction per batch, one statement per step, every step in key order.
//!
//! The order of steps is the same in every process (inbox, events, calls, appointments, messages, conversations,
//! contacts), so that two workers with the same
//! calls in hand wait for each other and never deadlock.

pub(crate) mod appointments;
pub(crate) mod contacts;
mod conversations;
pub(crate) mod messages;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use contract::{CallFacts, EventKey, PhoneNumber};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgPool, Row as _, types::Json};
use uuid::Uuid;

use self::{appointments::Appointments, contacts::ContactKey};
use crate::{NAME, merge::Merge, record::Record, recorded::Recorded};

/// Of the projection: raise it to have every event applied anew.
const VERSION: i16 = 1;

/// The branch of what came through none of our addresses.
const UNASSIGNED: &str = "unassigned";

/// Numbers that a call had before; a call has one, or a mistaken one and a right one.
const FORMER_PHONES_MAX: usize = 8;

/// A call's key within the database: org, source, call id.
type CallKey = (String, String, String);
/// A call's row as far as merging needs it.
#[derive(Debug, Default)]
struct Call {
    merge: Merge,
    /// The columns that tell who is who.
    route: CallFacts,
    branch: String,
    contact_phone: Option<String>,
    /// Those it had before, the oldest first.
    former_phones: Vec<String>,
}

/// Archives the events and merges them into what they speak of; all of it or nothing.
///
/// # Errors
/// The statement's; see `postgres::is_data_fault`.
pub(crate) async fn record(pool: &PgPool, records: &[Record<'_>]) -> sqlx::Result<Vec<Recorded>> {
    let mut tx = pool.begin().await?;
    let keys: Vec<EventKey> = records.iter().map(|record| record.event.key).collect();
    let mut claimed = postgres::claim(&mut tx, NAME, VERSION, &keys).await?;
    // A key that is twice in the batch is taken once.
    let fresh: Vec<&Record<'_>> = records.iter().filter(|record| claimed.remove(&record.event.key)).collect();
    archive(&mut tx, &fresh).await?;
    create_calls(&mut tx, &fresh).await?;
    let mut calls = lock_calls(&mut tx, records).await?;
    let touched = fold(&mut calls, &fresh);
    let branches = branches(&mut tx, &touched, &calls).await?;
    let of_calls = derive(&mut calls, &touched, &branches);
    write_calls(&mut tx, &touched, &calls).await?;
    let appointments = appointments::write(&mut tx, records, &fresh).await?;
    messages::write(&mut tx, &fresh).await?;
    contacts::write(&mut tx, of_calls, &fresh).await?;
    tx.commit().await?;
    Ok(records.iter().map(|record| recorded(record, &calls, &appointments)).collect())
}

/// Deletes events that were received before so many days; returns how many.
///
/// # Errors
/// The statement's; what was deleted stays deleted.
pub(crate) async fn retire_events(pool: &PgPool, days: u16) -> sqlx::Result<u64> {
    let delete = || {
        let delete = sqlx::query(
            "DELETE FROM offhook.events WHERE event_key = ANY (ARRAY(
                SELECT event_key FROM offhook.events WHERE received_at < now() - make_interval(days => $1) ORDER BY received_at LIMIT $2))",
        );
        delete.bind(i32::from(days)).bind(postgres::ROWS_MAX)
    };
    postgres::in_batches(pool, delete).await
}

/// Those of the digests that no archived event refers to.
///
/// # Errors
/// The statement's.
pub(crate) async fn unreferenced(pool: &PgPool, digests: &[String]) -> sqlx::Result<Vec<String>> {
    let select = sqlx::query_scalar(
        "SELECT digest FROM unnest($1::text[]) AS digest
         WHERE NOT EXISTS (SELECT 1 FROM offhook.events AS e WHERE e.body_digest = digest)",
    );
    select.bind(digests).fetch_all(pool).await
}

fn call_key(record: &Record<'_>) -> Option<CallKey> {
    let envelope = &record.event.envelope;
    record.call.as_ref().map(|(call_id, ..)| (envelope.org.to_string(), envelope.source.to_string(), call_id.clone()))
}

fn recorded(record: &Record<'_>, calls: &BTreeMap<CallKey, Call>, appointments: &Appointments) -> Recorded {
    let named = record.contact.as_ref().map(|said| said.phone.to_string());
    if record.appointment.is_some() {
        return Recorded::Appointments { standing: appointments::standing(record, appointments), contact: named };
    }
    match (call_key(record).and_then(|key| calls.get_key_value(&key)), named) {
        (Some(((_, source, call_id), call)), named) => Recorded::Call {
            source: source.clone(),
            call_id: call_id.clone(),
            branch: call.branch.clone(),
            contact_phone: call.contact_phone.clone(),
            others: call.former_phones.iter().cloned().chain(named).collect(),
        },
        (None, Some(phone)) => Recorded::Contact { phone },
        (None, None) => Recorded::Archived,
    }
}

async fn archive(tx: &mut PgConnection, records: &[&Record<'_>]) -> sqlx::Result<()> {
    let envelopes = || records.iter().map(|record| &record.event.envelope);
    let apart = || records.iter().map(|record| record.event.apart.as_ref());
    let text = |value: &str| value.replace('\0', "");
    let insert = sqlx::query(
        "INSERT INTO offhook.events
            (event_key, org, event_id, type, source, channel, subject, occurred_at, received_at, content_type, fault, body,
             body_digest, body_bytes)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::bigint[])
         ON CONFLICT DO NOTHING",
    );
    insert
        .bind(records.iter().map(|record| record.event.key.as_uuid()).collect::<Vec<Uuid>>())
        .bind(envelopes().map(|envelope| envelope.org.to_string()).collect::<Vec<_>>())
        .bind(envelopes().map(|envelope| text(&envelope.id)).collect::<Vec<_>>())
        .bind(envelopes().map(|envelope| envelope.kind.to_string()).collect::<Vec<_>>())
        .bind(envelopes().map(|envelope| envelope.source.to_string()).collect::<Vec<_>>())
        .bind(envelopes().map(|envelope| text(&envelope.channel)).collect::<Vec<_>>())
        .bind(envelopes().map(|envelope| envelope.subject.as_deref().map(text)).collect::<Vec<_>>())
        .bind(envelopes().map(|envelope| envelope.time).collect::<Vec<_>>())
        .bind(envelopes().map(|envelope| envelope.received_at).collect::<Vec<_>>())
        .bind(envelopes().map(|envelope| text(&envelope.content_type)).collect::<Vec<_>>())
        .bind(envelopes().map(|envelope| envelope.fault.as_deref().map(text)).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.event.body.to_vec()).collect::<Vec<_>>())
        .bind(apart().map(|apart| apart.map(|apart| apart.digest.clone())).collect::<Vec<_>>())
        .bind(apart().map(|apart| apart.map(|apart| apart.bytes.cast_signed())).collect::<Vec<_>>())
        .execute(tx)
        .await
        .map(|_| ())
}

/// Makes the rows exist, so that two first events of one call don't both see "no row".
async fn create_calls(tx: &mut PgConnection, records: &[&Record<'_>]) -> sqlx::Result<()> {
    let first: BTreeMap<CallKey, _> = records
        .iter()
        .rev()
        .filter_map(|record| Some((call_key(record)?, record.event.envelope.received_at)))
        .collect();
    let (orgs, sources, ids) = columns(first.keys());
    let insert = sqlx::query(
        "INSERT INTO offhook.calls (org, source, call_id, first_received_at)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) ON CONFLICT DO NOTHING",
    );
    let received: Vec<_> = first.values().copied().collect();
    insert.bind(orgs).bind(sources).bind(ids).bind(received).execute(tx).await.map(|_| ())
}

async fn lock_calls(tx: &mut PgConnection, records: &[Record<'_>]) -> sqlx::Result<BTreeMap<CallKey, Call>> {
    let keys: BTreeSet<CallKey> = records.iter().filter_map(call_key).collect();
    let (orgs, sources, ids) = columns(&keys);
    let select = sqlx::query(
        "SELECT org, source, call_id, branch, contact_phone, former_phones, provenance,
            jsonb_build_object('direction', direction, 'agent_id', agent_id, 'from_number', from_number, 'to_number', to_number) AS route
         FROM offhook.calls
         WHERE (org, source, call_id) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
         ORDER BY org, source, call_id FOR UPDATE",
    );
    let rows = select.bind(orgs).bind(sources).bind(ids).fetch_all(tx).await?;
    let read = |row: sqlx::postgres::PgRow| {
        let Json(provenance) = row.try_get("provenance")?;
        let Json(route) = row.try_get("route")?;
        let merge = Merge { provenance, changed: Map::new() };
        let call = Call {
            merge,
            route,
            branch: row.try_get("branch")?,
            contact_phone: row.try_get("contact_phone")?,
            former_phones: row.try_get("former_phones")?,
        };
        Ok(((row.try_get("org")?, row.try_get("source")?, row.try_get("call_id")?), call))
    };
    rows.into_iter().map(read).collect()
}

/// Folds the fresh events in; returns the calls they speak of.
fn fold(calls: &mut BTreeMap<CallKey, Call>, fresh: &[&Record<'_>]) -> BTreeSet<CallKey> {
    let mut touched = BTreeSet::new();
    for record in fresh {
        let (Some(key), Some((_, stamp, facts))) = (call_key(record), &record.call) else { continue };
        if let Some(call) = calls.get_mut(&key) {
            call.merge.fold(*stamp, facts);
            call.learn_route();
            touched.insert(key);
        }
    }
    touched
}

impl Call {
    fn learn_route(&mut self) {
        let changed =
            |column: &str| self.merge.changed.get(column).and_then(|value| serde_json::from_value(value.clone()).ok());
        let text = |column: &str| self.merge.changed.get(column).and_then(Value::as_str).map(str::to_owned);
        self.route.direction = changed("direction").or(self.route.direction);
        self.route.agent_id = text("agent_id").or(self.route.agent_id.take());
        self.route.from_number = text("from_number").or(self.route.from_number.take());
        self.route.to_number = text("to_number").or(self.route.to_number.take());
    }

    /// Keeps the number that the call had before, if it is another one now: whoever dies after the commit must still know
    /// whose calls have changed.
    fn leave(&mut self, before: Option<String>) {
        let left = before.filter(|before| self.contact_phone.as_ref() != Some(before));
        if let Some(left) = left.filter(|left| !self.former_phones.contains(left)) {
            self.former_phones.push(left);
            let too_many = self.former_phones.len().saturating_sub(FORMER_PHONES_MAX);
            self.former_phones.drain(..too_many);
        }
    }

    /// Our addresses that tell the branch, the surer one first.
    fn addresses(&self) -> impl Iterator<Item = (&'static str, String)> {
        let number = self.route.our_number().and_then(|number| number.parse::<PhoneNumber>().ok());
        let agent = self.route.agent_id.clone();
        number.map(|number| ("phone", number.to_string())).into_iter().chain(agent.map(|agent| ("agent", agent)))
    }
}

/// The branch of each of our addresses that the calls came through.
async fn branches(
    tx: &mut PgConnection,
    touched: &BTreeSet<CallKey>,
    calls: &BTreeMap<CallKey, Call>,
) -> sqlx::Result<HashMap<CallKey, String>> {
    let wanted: BTreeSet<CallKey> = touched
        .iter()
        .flat_map(|key| calls[key].addresses().map(|(kind, address)| (key.0.clone(), kind.to_owned(), address)))
        .collect();
    addressed(tx, &wanted).await
}

/// The branch of each of these addresses of ours: org, kind, address. Removed channels are included.
async fn addressed(tx: &mut PgConnection, wanted: &BTreeSet<CallKey>) -> sqlx::Result<HashMap<CallKey, String>> {
    let (orgs, kinds, addresses) = columns(wanted);
    let select = sqlx::query_as::<_, (String, String, String, String)>(
        "SELECT org, kind, address, branch FROM offhook.channels
         WHERE (org, kind, address) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))",
    );
    let rows = select.bind(orgs).bind(kinds).bind(addresses).fetch_all(tx).await?;
    Ok(rows.into_iter().map(|(org, kind, address, branch)| ((org, kind, address), branch)).collect())
}

/// Derives branch and contact of the touched calls; returns every contact whose calls changed.
fn derive(
    calls: &mut BTreeMap<CallKey, Call>,
    touched: &BTreeSet<CallKey>,
    branches: &HashMap<CallKey, String>,
) -> BTreeSet<ContactKey> {
    let mut contacts = BTreeSet::new();
    for key in touched {
        let Some(call) = calls.get_mut(key) else { continue };
        let branch =
            call.addresses().find_map(|(kind, address)| branches.get(&(key.0.clone(), kind.to_owned(), address)));
        call.branch = branch.map_or(UNASSIGNED, String::as_str).to_owned();
        let before = call.contact_phone.take();
        call.contact_phone = call.route.contact_phone().map(String::from);
        contacts.extend(before.iter().chain(&call.contact_phone).map(|phone| (key.0.clone(), phone.clone())));
        call.leave(before);
    }
    contacts
}

async fn write_calls(
    tx: &mut PgConnection,
    touched: &BTreeSet<CallKey>,
    calls: &BTreeMap<CallKey, Call>,
) -> sqlx::Result<()> {
    let rows: Vec<Value> = touched.iter().map(|key| row(key, &calls[key])).collect();
    let update = sqlx::query(
        "UPDATE offhook.calls AS c SET
            branch = n.branch, contact_phone = n.contact_phone, former_phones = n.former_phones, provenance = n.provenance, updated_at = now(),
            status = coalesce(n.status, c.status), direction = coalesce(n.direction, c.direction),
            call_type = coalesce(n.call_type, c.call_type), agent_id = coalesce(n.agent_id, c.agent_id),
            from_number = coalesce(n.from_number, c.from_number), to_number = coalesce(n.to_number, c.to_number),
            started_at = coalesce(n.started_at, c.started_at), ended_at = coalesce(n.ended_at, c.ended_at),
            duration_ms = coalesce(n.duration_ms, c.duration_ms),
            disconnection_reason = coalesce(n.disconnection_reason, c.disconnection_reason),
            transcript = coalesce(n.transcript, c.transcript), summary = coalesce(n.summary, c.summary),
            sentiment = coalesce(n.sentiment, c.sentiment), successful = coalesce(n.successful, c.successful),
            in_voicemail = coalesce(n.in_voicemail, c.in_voicemail), cost_cents = coalesce(n.cost_cents, c.cost_cents),
            transferred = coalesce(n.transferred, c.transferred),
            transfer_destination = coalesce(n.transfer_destination, c.transfer_destination),
            recording_url = coalesce(n.recording_url, c.recording_url), answer_id = coalesce(n.answer_id, c.answer_id)
         FROM jsonb_populate_recordset(NULL::offhook.calls, $1) AS n
         WHERE (c.org, c.source, c.call_id) = (n.org, n.source, n.call_id)",
    );
    update.bind(Json(rows)).execute(tx).await.map(|_| ())
}

fn row((org, source, call_id): &CallKey, call: &Call) -> Value {
    let mut row = call.merge.changed.clone();
    let keys = json!({ "org": org, "source": source, "call_id": call_id, "branch": call.branch,
        "contact_phone": call.contact_phone, "former_phones": call.former_phones, "provenance": call.merge.provenance });
    if let Value::Object(keys) = keys {
        row.extend(keys);
    }
    Value::Object(row)
}

/// Keys of three parts as the three arrays that `unnest` takes.
fn columns<'a>(keys: impl IntoIterator<Item = &'a CallKey>) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (first, second, third) in keys {
        columns.0.push(first.clone());
        columns.1.push(second.clone());
        columns.2.push(third.clone());
    }
    columns
}
