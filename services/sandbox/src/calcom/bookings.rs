//! Bookings: the list, one by its uid, and what others do to them.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{Calcom, EVENT_TYPE, ZONE, error, invalid, success, time};
use crate::{
    call::{Call, Moment, text},
    lagged::Lagged,
    reply::{Answer, Reply},
    slots::{SLOT, Span, can_begin},
    state::State,
};

const STATUSES: [&str; 5] = ["upcoming", "recurring", "past", "cancelled", "unconfirmed"];
const TAKE_MAX: usize = 250;
const TAKE_USUAL: usize = 100;

/// One booking.
#[derive(Debug, Clone)]
pub(crate) struct Booking {
    id: u64,
    uid: String,
    title: String,
    status: &'static str,
    start: DateTime<Utc>,
    attendee: Attendee,
    made_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

/// Who comes.
#[derive(Debug, Clone)]
struct Attendee {
    name: String,
    /// Made of the number, if none was given.
    email: String,
    phone: Option<String>,
    zone: Tz,
}

/// What a list is asked for.
struct Filter<'a> {
    statuses: Vec<&'a str>,
    email: Option<String>,
    /// Whether the event type is ours, if one is named.
    of_event_type: bool,
    after: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
    take: usize,
    skip: usize,
}

/// Those to come unless others are asked for. What it does not know in a query, it passes over, as the real one does.
pub(crate) fn list(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let filter = Filter::read(call).ok_or_else(|| invalid("Bad Request Exception"))?;
    let seen = state.calcom.bookings.values().filter_map(|kept| kept.seen(moment.now));
    let mut found: Vec<&Booking> = seen.filter(|booking| filter.fits(booking, moment.utc)).collect();
    found.sort_by_key(|booking| booking.start);
    if call.query("sortStart") == Some("desc") {
        found.reverse();
    }
    let (total, Filter { take, skip, .. }) = (found.len(), filter);
    let page: Vec<Value> = found.into_iter().skip(skip).take(take).map(Booking::shown).collect();
    let rest = total.saturating_sub(skip.saturating_add(page.len()));
    let pagination = json!({
        "returnedItems": page.len(), "totalItems": total, "itemsPerPage": take, "remainingItems": rest,
        "currentPage": skip / take + 1, "totalPages": total.div_ceil(take), "hasNextPage": rest > 0, "hasPreviousPage": skip > 0,
    });
    Ok(Reply::ok(json!({ "status": "success", "data": page, "pagination": pagination })))
}

pub(crate) fn get(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let uid = call.param("uid").unwrap_or_default();
    let missing = || error(StatusCode::NOT_FOUND, &format!("Booking with uid={uid} was not found in the database"));
    let kept = state.calcom.bookings.get(uid).ok_or_else(missing)?;
    Ok(success(&kept.newest().shown()))
}

/// Somebody books: `eventTypeId`, `start`, `attendee` with `name` and `email` or `phoneNumber`; `title` if they like.
pub(crate) fn add(calcom: &mut Calcom, wanted: &Value, moment: &Moment) -> Result<Value, String> {
    if wanted["eventTypeId"].as_u64() != Some(EVENT_TYPE) {
        return Err(format!("eventTypeId is not {EVENT_TYPE}"));
    }
    let start = text(wanted, "start").and_then(|start| DateTime::parse_from_rfc3339(start).ok());
    let start = start.ok_or("start is no time with offset")?;
    // Looks at what was last written, not at what is seen: nothing is booked twice.
    let taken = calcom.taken(|kept| Some(kept.newest()));
    if !can_begin(start, start.to_utc() + SLOT, ZONE, &taken, moment.utc) {
        return Err("User either already has booking at this time or is not available".to_owned());
    }
    let attendee = Attendee::read(&wanted["attendee"])?;
    calcom.next_id += 1;
    let booking = Booking {
        id: calcom.next_id,
        uid: format!("bkg_{:06}", calcom.next_id),
        title: text(wanted, "title").unwrap_or("Appointment").to_owned(),
        status: "accepted",
        start: start.to_utc(),
        attendee,
        made_at: moment.utc,
        changed_at: moment.utc,
    };
    let shown = booking.shown();
    calcom.bookings.insert(booking.uid.clone(), Lagged::new(booking, moment.now, moment.calcom_lag));
    Ok(shown)
}

/// Somebody cancels; `None` if there is no such booking.
pub(crate) fn cancel(calcom: &mut Calcom, uid: &str, moment: &Moment) -> Option<Value> {
    let kept = calcom.bookings.get_mut(uid)?;
    let cancelled = Booking { status: "cancelled", changed_at: moment.utc, ..kept.newest().clone() };
    let shown = cancelled.shown();
    kept.set(cancelled, moment.now, moment.calcom_lag);
    Some(shown)
}

impl<'a> Filter<'a> {
    /// `None` if a part of it is not what it should be.
    fn read(call: &'a Call) -> Option<Self> {
        let statuses: Vec<&str> = call.query("status").unwrap_or("upcoming").split(',').collect();
        let number = |name: &str, usual: usize| call.query(name).map_or(Some(usual), |number| number.parse().ok());
        let day = |name: &str| call.query(name).map(str::parse::<DateTime<Utc>>).transpose().ok();
        let filter = Self {
            // As the real one reads it: a plus sign that came as a blank is one again.
            email: call.query("attendeeEmail").map(|email| email.trim().replace(' ', "+")),
            of_event_type: call.query("eventTypeId").is_none_or(|id| id == EVENT_TYPE.to_string()),
            after: day("afterStart")?,
            before: day("beforeEnd")?,
            take: number("take", TAKE_USUAL)?,
            skip: number("skip", 0)?,
            statuses,
        };
        let known = filter.statuses.iter().all(|status| STATUSES.contains(status));
        (known && (1..=TAKE_MAX).contains(&filter.take)).then_some(filter)
    }

    fn fits(&self, booking: &Booking, now: DateTime<Utc>) -> bool {
        self.of_event_type
            && self.statuses.iter().any(|status| booking.is(status, now))
            && self.email.as_ref().is_none_or(|email| *email == booking.attendee.email)
            && self.after.is_none_or(|after| booking.start > after)
            && self.before.is_none_or(|before| booking.span().1 < before)
    }
}

impl Attendee {
    fn read(wanted: &Value) -> Result<Self, String> {
        let (email, phone) = (text(wanted, "email"), text(wanted, "phoneNumber"));
        let of_phone = || Some(format!("{}@sms.cal.com", phone?.replace('+', "")));
        Ok(Self {
            name: text(wanted, "name").ok_or("the attendee has no name")?.to_owned(),
            email: email.map(str::to_owned).or_else(of_phone).ok_or("the attendee has no email and no phoneNumber")?,
            phone: phone.map(str::to_owned),
            zone: text(wanted, "timeZone").map_or(Ok(Tz::UTC), str::parse).map_err(|_| "timeZone is none")?,
        })
    }
}

impl Booking {
    /// Whether it takes up time.
    pub(super) fn stands(&self) -> bool {
        self.status == "accepted"
    }

    pub(super) fn span(&self) -> Span {
        (self.start, self.start + SLOT)
    }

    /// Whether it is what a list of this status holds.
    fn is(&self, status: &str, now: DateTime<Utc>) -> bool {
        match status {
            "upcoming" => self.stands() && self.span().1 > now,
            "past" => self.stands() && self.span().1 <= now,
            "cancelled" => !self.stands(),
            _ => false,
        }
    }

    pub(super) fn shown(&self) -> Value {
        let Attendee { name, email, phone, zone } = &self.attendee;
        let mut attendee = json!({
            "name": name, "email": email, "displayEmail": email, "timeZone": zone.name(), "language": "en", "absent": false,
        });
        let mut fields = json!({ "name": name, "email": email });
        if let Some(phone) = phone {
            attendee["phoneNumber"] = json!(phone);
            fields["attendeePhoneNumber"] = json!(phone);
        }
        json!({
            "id": self.id, "uid": self.uid, "title": self.title, "description": "",
            "hosts": [{ "id": 1, "name": "Host", "email": "host@example.com", "username": "host", "timeZone": ZONE.name() }],
            "status": self.status, "start": time(&self.span().0), "end": time(&self.span().1), "duration": SLOT.num_minutes(),
            "eventTypeId": EVENT_TYPE, "eventType": { "id": EVENT_TYPE, "slug": "check-up" }, "location": "integrations:daily",
            "absentHost": false, "createdAt": time(&self.made_at), "updatedAt": time(&self.changed_at), "metadata": {},
            "attendees": [attendee], "bookingFieldsResponses": fields, "icsUid": format!("{}@Cal.com", self.uid),
        })
    }
}
