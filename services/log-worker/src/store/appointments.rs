//! Appointments: one row for each booking at its vendor, folded from whoever tells of it, in any order.
//!
//! Where a moved appointment has a new id, the event that says so tells of two: it is the one's own, and ends the other.

mod starts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::SubsecRound as _;
use contract::{AppointmentFacts, AppointmentStatus, Envelope, PhoneNumber, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sources::SUBJECT_BYTES_MAX;
use sqlx::{PgConnection, Row as _, postgres::PgRow, types::Json};

use self::starts::Starts;
use super::{UNASSIGNED, columns};
use crate::{
    merge::{Merge, Stamp},
    record::Record,
    recorded::Standing,
};

/// An appointment's key within the database: org, vendor, the vendor's id.
pub(crate) type AppointmentKey = (String, String, String);

/// The appointments of a batch, by key.
pub(crate) type Appointments = BTreeMap<AppointmentKey, Appointment>;

/// How much an event counts: for its own appointment; for the one that it was before, of which it tells by the way; and that this
/// one has moved is final, whatever is said of it later.
const OF_ITSELF: u8 = 1;
const BY_THE_WAY: u8 = 0;
const MOVED: u8 = 2;

/// What one event says of an appointment.
pub(crate) struct Told {
    key: AppointmentKey,
    own: Stamp,
    by_the_way: Stamp,
    moved: Stamp,
    facts: Box<AppointmentFacts>,
}

/// What an event says; the fields are columns.
#[derive(Default, Serialize)]
struct Columns<'a> {
    status: Option<AppointmentStatus>,
    no_show: Option<bool>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    rescheduled_from: Option<&'a str>,
    rescheduled_to: Option<&'a str>,
    title: Option<&'a str>,
    calendar: Option<&'a str>,
    contact_phone: Option<&'a PhoneNumber>,
    contact_id: Option<&'a str>,
    contact_name: Option<&'a str>,
    contact_email: Option<&'a str>,
    time_zone: Option<&'a str>,
    location: Option<&'a str>,
    cancellation_reason: Option<&'a str>,
}

/// An appointment's row as far as merging and telling need it.
#[derive(Debug)]
pub(crate) struct Appointment {
    merge: Merge,
    starts: Starts,
    branch: String,
    calendar: Option<String>,
    contact_phone: Option<String>,
    starts_at: Option<Timestamp>,
}

impl Told {
    /// What these facts say; nothing if they name no appointment by an id that one can have. `stamp` makes stamps of ranks.
    pub(crate) fn of(
        envelope: &Envelope,
        stamp: impl Fn(u8) -> Stamp,
        mut facts: Box<AppointmentFacts>,
    ) -> Option<Self> {
        let is_id = |id: &String| (1..=SUBJECT_BYTES_MAX).contains(&id.len());
        let id = facts.external_id.clone().filter(is_id)?;
        let vendor = facts.vendor.clone().unwrap_or_else(|| envelope.source.to_string());
        facts.previous_external_id = facts.previous_external_id.filter(|before| is_id(before) && *before != id);
        // As the table keeps them: what is read back has to be what was written.
        let AppointmentFacts { starts_at, previous_starts_at, .. } = &mut *facts;
        for moment in [starts_at, previous_starts_at].into_iter().flatten() {
            *moment = moment.trunc_subsecs(6);
        }
        let key = (envelope.org.to_string(), vendor, id);
        Some(Self { key, own: stamp(OF_ITSELF), by_the_way: stamp(BY_THE_WAY), moved: stamp(MOVED), facts })
    }

    /// The appointment that it was before.
    fn before(&self) -> Option<AppointmentKey> {
        let (org, vendor, _) = &self.key;
        self.facts.previous_external_id.clone().map(|before| (org.clone(), vendor.clone(), before))
    }

    fn keys(&self) -> impl Iterator<Item = AppointmentKey> {
        std::iter::once(self.key.clone()).chain(self.before())
    }

    /// Who it is for, and where: the same before and after it was moved.
    fn whose(&self) -> Columns<'_> {
        let facts = &self.facts;
        Columns {
            title: facts.title.as_deref(),
            calendar: facts.calendar.as_deref(),
            contact_phone: facts.attendee_phone.as_ref(),
            contact_id: facts.attendee_id.as_deref(),
            contact_name: facts.attendee_name.as_deref(),
            contact_email: facts.attendee_email.as_deref(),
            time_zone: facts.attendee_time_zone.as_deref(),
            location: facts.location.as_deref(),
            ..Columns::default()
        }
    }

    fn fold_into(&self, appointment: &mut Appointment) {
        let facts = &self.facts;
        let columns = Columns {
            status: facts.status,
            no_show: facts.no_show,
            starts_at: facts.starts_at,
            ends_at: facts.ends_at,
            rescheduled_from: facts.previous_external_id.as_deref(),
            cancellation_reason: facts.cancellation_reason.as_deref(),
            ..self.whose()
        };
        appointment.fold(self.own, &columns);
        appointment.starts.hear(facts.previous_starts_at, self.by_the_way);
    }

    fn end(&self, before: &mut Appointment) {
        let facts = &self.facts;
        let was = Columns { starts_at: facts.previous_starts_at, ends_at: facts.previous_ends_at, ..self.whose() };
        before.fold(self.by_the_way, &was);
        let (_, _, id) = &self.key;
        let status = Some(AppointmentStatus::Rescheduled);
        before.fold(self.moved, &Columns { status, rescheduled_to: Some(id), ..Columns::default() });
    }
}

impl Appointment {
    fn read(row: &PgRow) -> sqlx::Result<Self> {
        let (Json(provenance), Json(starts)) = (row.try_get("provenance")?, row.try_get("starts")?);
        Ok(Self {
            merge: Merge { provenance, changed: Map::new() },
            starts,
            branch: row.try_get("branch")?,
            calendar: row.try_get("calendar")?,
            contact_phone: row.try_get("contact_phone")?,
            starts_at: row.try_get("starts_at")?,
        })
    }

    fn fold(&mut self, stamp: Stamp, said: &Columns<'_>) {
        self.merge.fold(stamp, said);
        self.starts.hear(said.starts_at, stamp);
        let text = |column: &str| self.merge.changed.get(column).and_then(Value::as_str).map(str::to_owned);
        let starts_at = text("starts_at").and_then(|moment| moment.parse().ok());
        self.calendar = text("calendar").or(self.calendar.take());
        self.contact_phone = text("contact_phone").or(self.contact_phone.take());
        self.starts_at = starts_at.or(self.starts_at);
    }

    /// Its calendar, as branches name theirs.
    fn place(&self, (org, vendor, _): &AppointmentKey) -> Option<(String, String)> {
        self.calendar.as_ref().map(|calendar| (org.clone(), format!("{vendor}:{calendar}")))
    }

    fn row(&self, (org, vendor, id): &AppointmentKey) -> Value {
        let mut row = self.merge.changed.clone();
        let keys = json!({ "org": org, "vendor": vendor, "external_id": id, "branch": self.branch,
            "previous_starts_at": self.starts.before(self.starts_at), "starts": self.starts, "provenance": self.merge.provenance });
        row.extend(keys.as_object().cloned().unwrap_or_default());
        Value::Object(row)
    }

    fn standing(&self, (_, vendor, id): &AppointmentKey) -> Standing {
        Standing {
            vendor: vendor.clone(),
            id: id.clone(),
            branch: self.branch.clone(),
            contact_phone: self.contact_phone.clone(),
            calendar: self.calendar.clone(),
            starts_at: self.starts_at,
            previous_starts_at: self.starts.before(self.starts_at),
            starts: self.starts.all().collect(),
        }
    }
}

/// How the appointments stand that the record tells of.
pub(crate) fn standing(record: &Record<'_>, appointments: &Appointments) -> Vec<Standing> {
    let keys = record.appointment.iter().flat_map(Told::keys);
    keys.filter_map(|key| Some(appointments.get(&key)?.standing(&key))).collect()
}

/// Makes the appointments exist and writes what the fresh events say of them; returns all that the records tell of.
pub(crate) async fn write(
    tx: &mut PgConnection,
    records: &[Record<'_>],
    fresh: &[&Record<'_>],
) -> sqlx::Result<Appointments> {
    if records.iter().all(|record| record.appointment.is_none()) {
        return Ok(Appointments::new());
    }
    create(tx, fresh).await?;
    let mut appointments = lock(tx, records).await?;
    let mut touched = BTreeSet::new();
    for told in fresh.iter().filter_map(|record| record.appointment.as_ref()) {
        appointments.get_mut(&told.key).into_iter().for_each(|appointment| told.fold_into(appointment));
        told.before().and_then(|key| appointments.get_mut(&key)).into_iter().for_each(|before| told.end(before));
        touched.extend(told.keys());
    }
    let branches = branches(tx, &touched, &appointments).await?;
    for key in &touched {
        let Some(appointment) = appointments.get_mut(key) else { continue };
        let branch = appointment.place(key).and_then(|place| branches.get(&place));
        appointment.branch = branch.map_or(UNASSIGNED, String::as_str).to_owned();
    }
    update(tx, &touched, &appointments).await?;
    Ok(appointments)
}

async fn create(tx: &mut PgConnection, fresh: &[&Record<'_>]) -> sqlx::Result<()> {
    let received = |record: &&Record<'_>| record.event.envelope.received_at;
    let first: BTreeMap<AppointmentKey, Timestamp> = fresh
        .iter()
        .rev()
        .flat_map(|record| record.appointment.iter().flat_map(Told::keys).map(move |key| (key, received(record))))
        .collect();
    let (orgs, vendors, ids) = columns(first.keys());
    let insert = sqlx::query(
        "INSERT INTO offhook.appointments (org, vendor, external_id, first_received_at)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) ON CONFLICT DO NOTHING",
    );
    let received: Vec<_> = first.values().copied().collect();
    insert.bind(orgs).bind(vendors).bind(ids).bind(received).execute(tx).await.map(|_| ())
}

async fn lock(tx: &mut PgConnection, records: &[Record<'_>]) -> sqlx::Result<Appointments> {
    let keys: BTreeSet<AppointmentKey> =
        records.iter().flat_map(|record| record.appointment.iter().flat_map(Told::keys)).collect();
    let (orgs, vendors, ids) = columns(&keys);
    let select = sqlx::query(
        "SELECT org, vendor, external_id, branch, calendar, contact_phone, starts_at, starts, provenance
         FROM offhook.appointments
         WHERE (org, vendor, external_id) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
         ORDER BY org, vendor, external_id FOR UPDATE",
    );
    let rows = select.bind(orgs).bind(vendors).bind(ids).fetch_all(tx).await?;
    let read = |row: PgRow| {
        let key = (row.try_get("org")?, row.try_get("vendor")?, row.try_get("external_id")?);
        Ok((key, Appointment::read(&row)?))
    };
    rows.into_iter().map(read).collect()
}

/// The branch of each calendar that the appointments stand in, removed branches included. Of several that share one it is the
/// first by name.
async fn branches(
    tx: &mut PgConnection,
    touched: &BTreeSet<AppointmentKey>,
    appointments: &Appointments,
) -> sqlx::Result<HashMap<(String, String), String>> {
    let wanted: BTreeSet<_> = touched.iter().filter_map(|key| appointments.get(key)?.place(key)).collect();
    let (orgs, calendars): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
    let select = sqlx::query_as::<_, (String, String, String)>(
        "SELECT DISTINCT ON (org, calendar) org, calendar, branch FROM offhook.branches
         WHERE (org, calendar) IN (SELECT * FROM unnest($1::text[], $2::text[]))
         ORDER BY org, calendar, removed_at DESC NULLS FIRST, branch",
    );
    let rows = select.bind(orgs).bind(calendars).fetch_all(tx).await?;
    Ok(rows.into_iter().map(|(org, calendar, branch)| ((org, calendar), branch)).collect())
}

async fn update(
    tx: &mut PgConnection,
    touched: &BTreeSet<AppointmentKey>,
    appointments: &Appointments,
) -> sqlx::Result<()> {
    let rows: Vec<Value> = touched.iter().filter_map(|key| Some(appointments.get(key)?.row(key))).collect();
    let update = sqlx::query(
        "UPDATE offhook.appointments AS a SET
            branch = n.branch, previous_starts_at = n.previous_starts_at, starts = n.starts, provenance = n.provenance, updated_at = now(),
            status = coalesce(n.status, a.status), no_show = coalesce(n.no_show, a.no_show),
            starts_at = coalesce(n.starts_at, a.starts_at), ends_at = coalesce(n.ends_at, a.ends_at),
            rescheduled_from = coalesce(n.rescheduled_from, a.rescheduled_from),
            rescheduled_to = coalesce(n.rescheduled_to, a.rescheduled_to),
            title = coalesce(n.title, a.title), calendar = coalesce(n.calendar, a.calendar),
            contact_phone = coalesce(n.contact_phone, a.contact_phone), contact_id = coalesce(n.contact_id, a.contact_id),
            contact_name = coalesce(n.contact_name, a.contact_name), contact_email = coalesce(n.contact_email, a.contact_email),
            time_zone = coalesce(n.time_zone, a.time_zone), location = coalesce(n.location, a.location),
            cancellation_reason = coalesce(n.cancellation_reason, a.cancellation_reason)
         FROM jsonb_populate_recordset(NULL::offhook.appointments, $1) AS n
         WHERE (a.org, a.vendor, a.external_id) = (n.org, n.vendor, n.external_id)",
    );
    update.bind(Json(rows)).execute(tx).await.map(|_| ())
}
