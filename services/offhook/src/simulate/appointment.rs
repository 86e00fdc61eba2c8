//! `offhook simulate appointment`: what became of a booking, sent to an ingress as Cal.com would send it.

use chrono::{DurationRound as _, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use contract::{OrgId, PhoneNumber, Timestamp};
use sources::calcom::{Booking, Change};

use super::send_one;
use crate::{delivery::Delivery, output::Output};

/// A booking begins so long from now, at a full hour.
const AHEAD: TimeDelta = TimeDelta::days(3);

/// What became of the booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// It was made.
    Booked,
    /// It was moved to another day, and got another id.
    Rescheduled,
    /// It was called off.
    Cancelled,
    /// Nobody came.
    NoShow,
}

/// Settings of `simulate appointment`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Appointment {
    /// What became of it
    #[arg(value_enum, default_value = "booked")]
    what: What,
    /// Where ingress is
    #[arg(long, env = "OFFHOOK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Whose appointment
    #[arg(long, default_value = "demo")]
    org: OrgId,
    /// The secret to sign with
    #[arg(long, env = "DEMO_CALCOM_SECRET", hide_env_values = true)]
    secret: String,
    /// The booking's id at Cal.com, as `booked` has shown it; a new one if unset
    #[arg(long)]
    uid: Option<String>,
    /// When it begins, like 2026-12-24T10:00:00Z; in three days if unset
    #[arg(long)]
    starts_at: Option<Timestamp>,
    /// Who comes
    #[arg(long, default_value = "Jane Doe")]
    name: String,
    /// That person's number
    #[arg(long, default_value = "+15005550006")]
    phone: PhoneNumber,
    /// That person's e-mail address
    #[arg(long, default_value = "jane.doe@demo.example")]
    email: String,
    /// The database, to show the event's row; not shown if unset
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

impl Appointment {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<()> {
        let change = match self.what {
            What::Booked => Change::Booked,
            What::Rescheduled => Change::Rescheduled,
            What::Cancelled => Change::Cancelled,
            What::NoShow => Change::NoShow,
        };
        let new = || format!("bk_{}", uuid::Uuid::now_v7().simple());
        // What is moved gets a new id and names the old one.
        let (uid, previous_uid) = match (change, self.uid) {
            (Change::Rescheduled, uid) => (new(), Some(uid.unwrap_or_else(new))),
            (_, uid) => (uid.unwrap_or_else(new), None),
        };
        let in_three_days = Utc::now() + AHEAD;
        let starts_at = self.starts_at.unwrap_or(in_three_days.duration_trunc(TimeDelta::hours(1))?);
        let Self { name, email, phone, .. } = self;
        let booking = Booking { uid, previous_uid, starts_at, minutes: 30, name, email, phone, at: Utc::now() };
        let delivery = Delivery::calcom(&self.org, &self.secret, change.trigger(), booking.body(change));
        send_one(&delivery, &self.url, self.database_url.as_deref(), output).await
    }
}
