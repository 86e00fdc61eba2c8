//! The branch: its clock, its hours and its exceptions, as they are at the moment of the answer.

use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;

use crate::stage::{JANE, Stage};

/// Twenty-five hours apart: never the same date.
const APART: [(&str, Tz); 2] = [("+15005550011", Tz::Pacific__Kiritimati), ("+15005550012", Tz::Pacific__Pago_Pago)];

fn branch(number: &str, zone: Tz, more: &str) -> String {
    let id = &number[8..];
    format!(
        "[[org.branch]]\nid = \"b{id}\"\ntime_zone = \"{}\"\n{more}\n[[org.channel]]\nkind = \"phone\"\naddress = \"{number}\"\n\
         branch = \"b{id}\"\ndeadline_ms = 5000\n",
        zone.name()
    )
}

/// What an answer that was made between these moments may say of the clock.
fn clocks(zone: Tz, moments: [DateTime<Utc>; 2]) -> [String; 2] {
    moments.map(|moment| moment.with_timezone(&zone).format("%Y-%m-%d %H:%M %A").to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_branch_has_its_own_clock_at_the_moment_of_the_answer() {
    let stage = Stage::with(&APART.map(|(number, zone)| branch(number, zone, "")).concat()).await;
    for _ in 0..2 {
        for (number, zone) in APART {
            let begun = Utc::now();
            let answer = stage.ring_at(JANE, number).await;
            let told = ["current_date", "current_time", "current_weekday"].map(|name| answer.get(name)).join(" ");
            let clocks = clocks(zone, [begun, Utc::now()]);
            assert!(clocks.contains(&told), "{told} is not in {clocks:?}");
            assert_eq!(answer.get("time_zone"), zone.name());
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_hours_give_way_to_the_days_own() {
    let zone = Tz::America__New_York;
    let today = Utc::now().with_timezone(&zone).date_naive();
    // Tomorrow too: midnight may come before the answer.
    let days = [today, today.checked_add_days(Days::new(1)).expect("a date")];
    let exceptions = |openings: &str| {
        let each = days.map(|day| format!("\"{day}\" = {openings}")).join(", ");
        format!("exceptions = {{ {each} }}\n")
    };
    let always = "[\"00:00-24:00\"]";
    let week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map(|day| format!("{day} = {always}")).join(", ");
    let open = format!("hours = {{ {week} }}\n");
    let branches = [
        branch("+15005550021", zone, &open),
        branch("+15005550022", zone, &format!("{open}{}", exceptions("[]"))),
        branch("+15005550023", zone, &exceptions(always)),
        branch("+15005550024", zone, ""),
    ];
    let stage = Stage::with(&branches.concat()).await;
    let expected = [
        ("+15005550021", "yes", "Mon-Sun 12:00 AM-midnight"),
        ("+15005550022", "no", "Mon-Sun 12:00 AM-midnight; today closed"),
        ("+15005550023", "yes", "Mon-Sun closed; today 12:00 AM-midnight"),
        ("+15005550024", "no", "Mon-Sun closed"),
    ];
    for (number, is_open, hours) in expected {
        let answer = stage.ring_at(JANE, number).await;
        assert_eq!((answer.get("is_open"), answer.get("business_hours")), (is_open, hours), "{number}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moments_are_told_with_the_offset_that_holds_then() {
    let stage = Stage::start().await;
    let moments = [
        ("+15005550041", "2026-10-31T12:00:00Z", "2026-10-31T08:00:00-04:00"),
        ("+15005550042", "2026-11-02T12:00:00Z", "2026-11-02T07:00:00-05:00"),
        ("+15005550043", "2026-11-01T05:30:00Z", "2026-11-01T01:30:00-04:00"),
        ("+15005550044", "2026-11-01T06:30:00Z", "2026-11-01T01:30:00-05:00"),
    ];
    for (number, at, told) in moments {
        stage.contact(number, None, 1).await;
        let update = format!("UPDATE offhook.contacts SET last_call_at = '{at}' WHERE phone = '{number}'");
        stage.world.sql(&update).await;
        assert_eq!(stage.ring(number).await.get("last_call_at"), told);
    }
    stage.end().await;
}
