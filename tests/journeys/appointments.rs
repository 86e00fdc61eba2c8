//! Appointments, from the vendor's signed word to the row, and to callers who are told what is free.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use context::{Accounts, Library, Slots};
use contract::OrgId;
use orgs::Live;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{World, until};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vendors::{Limits, Vendors};

use crate::{
    count,
    invalidation::worked_off,
    office::{Office, PHONE, booking, text},
};

const RECORDED: &str = "events.office.appointment.recorded.log-worker";
const FIRST: &str = "2026-12-01T16:00:00Z";
const SECOND: &str = "2026-12-03T01:00:00Z";
const ROWS: &str = "SELECT to_jsonb(a) - 'created_at' - 'updated_at' - 'first_received_at' - 'provenance' - 'starts'
    FROM offhook.appointments AS a ORDER BY external_id";
const SUMMARY: &str =
    "SELECT to_jsonb(s) - 'org' - 'branch' FROM offhook.appointment_summary AS s WHERE branch = 'tokyo' ORDER BY day";

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_booking_is_a_row_and_its_person_a_contact() {
    let office = Office::start().await;
    let booked = booking("BOOKING_CREATED", "bk_1", 0, FIRST, json!({}));
    for _ in 0..2 {
        office.calcom(&booked).await;
    }
    let rows = office.rows(ROWS).await;
    let expected = json!({
        "org": "office", "vendor": "calcom", "external_id": "bk_1", "branch": "tokyo", "status": "booked", "no_show": null,
        "starts_at": "2026-12-01T16:00:00+00:00", "ends_at": null, "previous_starts_at": null, "rescheduled_from": null,
        "rescheduled_to": null, "title": "Check-up", "calendar": "88", "contact_phone": PHONE, "contact_id": null,
        "contact_name": "Noor Haddad", "contact_email": "noor@example.com", "time_zone": "Europe/Madrid", "location": null,
        "cancellation_reason": null,
    });
    assert_eq!(rows, [expected]);
    let contact = "SELECT to_jsonb(c) FROM offhook.contacts AS c WHERE org = 'office'";
    let contact = office.rows(contact).await;
    assert_eq!((&contact[0]["phone"], &contact[0]["name"]), (&json!(PHONE), &json!("Noor Haddad")));
    assert_eq!((&contact[0]["email"], &contact[0]["total_calls"]), (&json!("noor@example.com"), &json!(0)));
    let told = office.world.stored(RECORDED, 0).await;
    let told: Vec<Value> = told.iter().map(|(_, input)| serde_json::from_slice(&input.body).unwrap()).collect();
    let expected = json!({ "vendor": "calcom", "id": "bk_1", "branch": "tokyo", "contact_phone": PHONE, "calendar": "88",
        "starts_at": FIRST, "previous_starts_at": null, "starts": [FIRST] });
    assert_eq!(told, [expected]);
    // It is the next day already where the branch is.
    let summary = office.rows(SUMMARY).await;
    assert_eq!((&summary[0]["day"], &summary[0]["booked"]), (&json!("2026-12-02"), &json!(1)));
    office.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_and_called_off_in_any_order_leaves_the_same_rows() {
    let office = Office::start().await;
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (nth, order) in orders.iter().enumerate() {
        let (old, new) = (format!("bk_{nth}_a"), format!("bk_{nth}_b"));
        let moved = json!({ "rescheduleUid": old, "rescheduleStartTime": FIRST });
        let told = [
            booking("BOOKING_CREATED", &old, 0, FIRST, json!({})),
            booking("BOOKING_RESCHEDULED", &new, 1, SECOND, moved),
            booking(
                "BOOKING_CANCELLED",
                &new,
                2,
                SECOND,
                json!({ "status": "CANCELLED", "cancellationReason": "ill" }),
            ),
        ];
        for turn in order {
            office.calcom(&told[*turn]).await;
            office.recorded().await;
        }
    }
    let rows = office.rows(ROWS).await;
    assert_eq!(rows.len(), 2 * orders.len());
    for pair in rows.chunks(2) {
        let [old, new] = pair else { panic!("an even number of rows") };
        assert_eq!((&old["status"], &old["rescheduled_to"]), (&json!("rescheduled"), &new["external_id"]));
        assert_eq!(
            (&old["starts_at"], &old["cancellation_reason"]),
            (&json!("2026-12-01T16:00:00+00:00"), &json!(null))
        );
        assert_eq!((&new["status"], &new["rescheduled_from"]), (&json!("cancelled"), &old["external_id"]));
        assert_eq!(
            (&new["starts_at"], &new["previous_starts_at"]),
            (&json!("2026-12-03T01:00:00+00:00"), &old["starts_at"])
        );
        assert_eq!((&new["cancellation_reason"], &new["branch"]), (&json!("ill"), &json!("tokyo")));
    }
    let summary = office.rows(SUMMARY).await;
    let days: Vec<_> = summary.iter().map(|day| (&day["day"], &day["rescheduled"], &day["cancelled"])).collect();
    assert_eq!(days, [(&json!("2026-12-02"), &json!(6), &json!(0)), (&json!("2026-12-03"), &json!(0), &json!(6))]);
    office.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_not_come_and_what_was_moved_before_it_was_ever_heard_of() {
    let office = Office::start().await;
    let moved = json!({ "rescheduleUid": "bk_a", "rescheduleStartTime": FIRST });
    office.calcom(&booking("BOOKING_RESCHEDULED", "bk_b", 1, SECOND, moved)).await;
    // Whatever else is said of it: it has moved.
    office.calcom(&booking("BOOKING_CANCELLED", "bk_a", 2, FIRST, json!({ "status": "CANCELLED" }))).await;
    let missed = json!({ "bookingUid": "bk_b", "attendees": [{ "email": "noor@example.com", "noShow": true }] });
    office
        .calcom(&json!({ "triggerEvent": "BOOKING_NO_SHOW_UPDATED", "createdAt": text(Utc::now()), "payload": missed }))
        .await;
    let rows = office.rows(ROWS).await;
    assert_eq!((&rows[0]["status"], &rows[0]["contact_phone"]), (&json!("rescheduled"), &json!(PHONE)));
    assert_eq!((&rows[1]["status"], &rows[1]["no_show"]), (&json!("booked"), &json!(true)));
    let summary = office.rows(SUMMARY).await;
    assert_eq!((&summary[1]["no_shows"], &summary[1]["no_show_rate"]), (&json!(1), &json!(1.0)));
    assert_eq!(summary[0]["appointments"], 0);
    office.end().await;
}

/// Whoever asks for free slots, with a cache of a process of its own.
struct Reader {
    library: Library,
    orgs: Live,
    stop: CancellationToken,
}

impl Reader {
    async fn of(world: &World) -> Self {
        let stop = CancellationToken::new();
        // So long that nothing is told anew for its age.
        let lives = vec!["slots=1h/2h".parse().expect("a life")];
        let settings = cache::Settings { lives, ..world.cache_settings() };
        let cache = context::open(&settings, &world.pool, &world.bus, &stop).expect("Redis's address");
        until("it is connected", async || cache.is_connected().then_some(())).await;
        let vendors = Vendors::new(cache.clone(), Limits::default()).expect("certificates");
        let orgs = Live::start(world.bus.clone(), None, stop.clone()).await;
        until("the orgs are known", async || orgs.directory()).await;
        Self { library: Library::new(cache, world.pool.clone(), vendors), orgs, stop }
    }

    /// What it tells to be free in the week to come.
    async fn free(&self) -> Vec<DateTime<Utc>> {
        let org: OrgId = "office".parse().expect("an org id");
        let directory = self.orgs.directory().expect("the orgs");
        let live = directory.org(&org).expect("the org");
        let slots = Slots::of(live.branch("main").expect("the branch"), Utc::now()).expect("a calendar");
        let deadline = Instant::now() + Duration::from_secs(5);
        let week = self.library.slots(&Accounts::of(live), &org, &slots, deadline).await.expect("an account");
        week.expect("slots").slots.iter().map(|slot| slot.to_utc()).collect()
    }

    async fn tells(&self, what: &str, free: DateTime<Utc>, taken: Option<DateTime<Utc>>) {
        until(what, async || {
            let found = self.free().await;
            (found.contains(&free) && taken.is_none_or(|taken| !found.contains(&taken))).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_that_is_moved_elsewhere_frees_one_day_and_fills_the_other_for_every_reader() {
    let office = Office::start().await;
    let reader = Reader::of(&office.world).await;
    let free = reader.free().await;
    let zone = chrono_tz::America::New_York;
    let day = |slot: &DateTime<Utc>| -> NaiveDate { slot.with_timezone(&zone).date_naive() };
    // The first of the days after the present one, as the clock moves on meanwhile.
    let days: Vec<DateTime<Utc>> =
        free.windows(2).filter(|pair| day(&pair[0]) != day(&pair[1])).map(|pair| pair[1]).collect();
    let [first, second, ..] = days[..] else { panic!("{free:?}") };

    let contact =
        office.vendors.highlevel(Method::POST, "/contacts/upsert", json!({ "locationId": "loc_demo", "phone": PHONE }));
    let contact = contact.await["contact"]["id"].clone();
    let made =
        json!({ "calendarId": "cal_main", "locationId": "loc_demo", "contactId": contact, "startTime": text(first) });
    let made = office.vendors.highlevel(Method::POST, "/calendars/events/appointments", made).await;
    assert!(reader.free().await.contains(&first), "nobody has heard of it");
    let tell = async |kind: &str, webhook: &str, starts_at: DateTime<Utc>| {
        let appointment = json!({ "id": made["id"], "calendarId": "cal_main", "contactId": contact, "appointmentStatus": "confirmed",
            "startTime": text(starts_at), "dateUpdated": text(Utc::now()) });
        let body = json!({ "type": kind, "timestamp": text(Utc::now()), "webhookId": webhook, "locationId": "loc_demo", "appointment": appointment });
        office.highlevel(&body).await;
    };
    tell("AppointmentCreate", "w1", first).await;
    reader.tells("it is taken", second, Some(first)).await;

    // The second time too, which would else be taken for the first of the next.
    worked_off(&office.world).await;
    reader.tells("it is taken, and both days are cached", second, Some(first)).await;
    let path = format!("/calendars/events/appointments/{}", made["id"].as_str().expect("an id"));
    office.vendors.highlevel(Method::PUT, &path, json!({ "startTime": text(second) })).await;
    assert!(reader.free().await.contains(&second), "nobody has heard of it");
    tell("AppointmentUpdate", "w2", second).await;
    reader.tells("the one is free and the other taken", first, Some(second)).await;

    office.vendors.highlevel(Method::PUT, &path, json!({ "appointmentStatus": "cancelled" })).await;
    tell("AppointmentDelete", "w3", second).await;
    reader.tells("both are free", second, None).await;
    let row = office.rows(ROWS).await;
    assert_eq!(
        (&row[0]["status"], &row[0]["branch"], &row[0]["contact_id"]),
        (&json!("cancelled"), &json!("main"), &contact)
    );
    assert_eq!((&row[0]["starts_at"], &row[0]["previous_starts_at"]), (&moment(second), &moment(first)));
    // Each tag is one row, however often it was asked for.
    assert_eq!(count(&office.world.pool, "SELECT count(*) FROM offhook.invalidations WHERE tag = 'slots'").await, 2);
    reader.stop.cancel();
    office.end().await;
}

/// As PostgreSQL writes a whole second.
fn moment(moment: DateTime<Utc>) -> Value {
    json!(moment.format("%Y-%m-%dT%H:%M:%S+00:00").to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_takes_its_persons_appointments_out_of_the_caches() {
    let office = Office::start().await;
    office.calcom(&booking("BOOKING_CREATED", "bk_1", 0, FIRST, json!({}))).await;
    office.recorded().await;
    office.world.settled(invalidate_worker::NAME).await;
    let noted = "SELECT jsonb_build_array(tag, parts) FROM offhook.invalidations ORDER BY tag, parts";
    let noted = office.rows(noted).await;
    let expected = [
        json!(["appointments", [PHONE]]),
        json!(["contact", [PHONE]]),
        // The branch's day, not Greenwich's.
        json!(["slots", ["calcom:88", "2026-12-02"]]),
    ];
    assert_eq!(noted, expected);
    let twice = "SELECT count(*) FROM offhook.invalidations WHERE tag <> 'contact' AND bumps_due = 0";
    crate::counted(&office.world.pool, twice, 2).await;
    let told = office.world.stored("events.office.cache.bumped.invalidate-worker", 0).await;
    assert_eq!(told.len(), 5, "what a vendor tells twice, what we tell ourselves once");
    office.end().await;
}
