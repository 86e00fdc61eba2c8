//! What all vendors' calls share. HighLevel stands for any: its lookup may be repeated, adding a note may not. Without Redis
//! its budget is five calls at once, then one each 600 ms.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{net::TcpListener, sync::oneshot, time::Instant};
use vendors::{
    By, Limits, VendorError, Vendors,
    highlevel::{Account, Contact, Note},
};

use crate::double::{Answer, Double, live, org, phone, vendors};

const FOUND: &str = r#"{"contact":{"id":"c1"}}"#;
const NOTED: &str = r#"{"note":{"id":"n1","body":"x"}}"#;
/// Calls after which a breaker makes up its mind.
const FEW: usize = 5;

pub(crate) fn account(base_url: &str, name: &str) -> Account {
    let location_id = format!("LOC-{name}");
    Account { org: org(name), base_url: base_url.to_owned(), token: "pit-secret".to_owned().into(), location_id }
}

async fn lookup(vendors: &Vendors, account: &Account, by: By) -> Result<Option<Contact>, VendorError> {
    vendors.highlevel(account).lookup(&phone(), by).await
}

async fn note(vendors: &Vendors, account: &Account, by: By) -> Result<Note, VendorError> {
    vendors.highlevel(account).add_note("c1", "x", by).await
}

fn within(millis: u64) -> By {
    By::live(Instant::now() + Duration::from_millis(millis))
}

#[tokio::test]
async fn an_account_that_keeps_failing_is_left_alone_and_no_other() {
    let vendor = Double::saying(503, "").await;
    let (vendors, clock) = vendors(Limits::default());
    let (dead, other) = (account(&vendor.base_url, "a"), account(&vendor.base_url, "b"));
    for _ in 0..FEW {
        assert!(matches!(note(&vendors, &dead, live()).await, Err(VendorError::Broken(503, _))));
    }
    clock.advance(Duration::from_secs(60));
    assert_eq!(note(&vendors, &dead, live()).await, Err(VendorError::Open));
    assert_eq!(vendor.count(), FEW);
    assert!(matches!(note(&vendors, &other, live()).await, Err(VendorError::Broken(503, _))));
}

#[tokio::test]
async fn hanging_opens_the_breaker_too() {
    let vendor = Double::start((0..=FEW).map(|_| Answer::Hang), (201, NOTED)).await;
    let (vendors, _) = vendors(Limits { request: Duration::from_millis(100), ..Limits::default() });
    let hangs = account(&vendor.base_url, "a");
    let calls = join_all((0..FEW).map(|_| note(&vendors, &hangs, live()))).await;
    assert!(calls.iter().all(|call| *call == Err(VendorError::TimedOut)), "{calls:?}");
    assert_eq!(note(&vendors, &hangs, live()).await, Err(VendorError::Open));
}

#[tokio::test]
async fn one_request_takes_no_longer_than_its_limit_whatever_the_deadline() {
    let vendor = Double::start([Answer::Hang], (200, FOUND)).await;
    let (vendors, _) = vendors(Limits { request: Duration::from_millis(50), ..Limits::default() });
    let account = account(&vendor.base_url, "a");
    assert_eq!(note(&vendors, &account, live()).await, Err(VendorError::TimedOut));
}

#[tokio::test]
async fn a_vendor_that_refuses_or_asks_to_wait_is_not_broken() {
    for status in [400, 404, 409, 422, 429] {
        let vendor = Double::start((0..2 * FEW).map(|_| Answer::json(status, "{}")), (201, NOTED)).await;
        let (vendors, clock) = vendors(Limits::default());
        let account = account(&vendor.base_url, "a");
        for _ in 0..2 * FEW {
            let refused = note(&vendors, &account, live()).await;
            assert!(matches!(refused, Err(VendorError::Refused(..) | VendorError::RateLimited(_))), "{refused:?}");
            clock.advance(Duration::from_secs(60));
        }
        assert_eq!(note(&vendors, &account, live()).await.unwrap().id, "n1", "{status}");
        assert_eq!(vendor.count(), 2 * FEW + 1);
    }
}

#[tokio::test]
async fn one_call_tries_an_account_that_was_left_alone_and_its_success_opens_the_way() {
    let (let_go, held) = oneshot::channel();
    let failures = (0..FEW).map(|_| Answer::json(500, ""));
    let vendor = Double::start(failures.chain([Answer::Hold(held, 201, NOTED.to_owned())]), (201, NOTED)).await;
    let (vendors, clock) = vendors(Limits { rest: Duration::ZERO, ..Limits::default() });
    let account = account(&vendor.base_url, "a");
    for _ in 0..FEW {
        note(&vendors, &account, live()).await.unwrap_err();
    }
    clock.advance(Duration::from_secs(60));
    let trying = note(&vendors, &account, live());
    let meanwhile = async {
        vendor.was_asked(FEW + 1).await;
        assert_eq!(note(&vendors, &account, live()).await, Err(VendorError::Open));
        let_go.send(()).unwrap();
    };
    let (tried, ()) = tokio::join!(trying, meanwhile);
    tried.unwrap();
    note(&vendors, &account, live()).await.unwrap();
    assert_eq!(vendor.count(), FEW + 2);
}

#[tokio::test]
async fn a_trial_that_is_dropped_leaves_the_next_one_to_another_call() {
    let failures = (0..FEW).map(|_| Answer::json(500, ""));
    let vendor = Double::start(failures.chain([Answer::Hang]), (201, NOTED)).await;
    let (vendors, clock) = vendors(Limits { rest: Duration::ZERO, ..Limits::default() });
    let account = account(&vendor.base_url, "a");
    for _ in 0..FEW {
        note(&vendors, &account, live()).await.unwrap_err();
    }
    clock.advance(Duration::from_secs(60));
    tokio::select! {
        _ = note(&vendors, &account, live()) => panic!("it hangs"),
        () = vendor.was_asked(FEW + 1) => {}
    }
    note(&vendors, &account, live()).await.unwrap();
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated_once_and_what_may_not_never() {
    let vendor = Double::start([Answer::json(502, ""), Answer::json(200, FOUND)], (503, "")).await;
    let (vendors, _) = vendors(Limits::default());
    assert!(lookup(&vendors, &account(&vendor.base_url, "a"), live()).await.unwrap().is_some());
    assert_eq!(vendor.count(), 2);
    let failed = lookup(&vendors, &account(&vendor.base_url, "b"), live()).await;
    assert_eq!(failed, Err(VendorError::Broken(503, String::new())));
    assert_eq!(vendor.count(), 4);
    note(&vendors, &account(&vendor.base_url, "c"), live()).await.unwrap_err();
    assert_eq!(vendor.count(), 5);
}

#[tokio::test]
async fn a_repetition_that_is_turned_away_hides_no_doubt_about_the_first_attempt() {
    let limited = Answer::Say(429, vec![("retry-after", "30".to_owned())], String::new());
    let vendor = Double::start([Answer::json(503, ""), limited], (200, FOUND)).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let broken = lookup(&vendors, &account, live()).await.unwrap_err();
    assert!(broken.may_have_happened(), "{broken:?}");
    assert!(matches!(lookup(&vendors, &account, live()).await, Err(VendorError::RateLimited(_))));
    assert_eq!(vendor.count(), 2);
}

#[tokio::test]
async fn nothing_is_repeated_beyond_the_deadline_and_nothing_sent_after_it() {
    let vendor = Double::saying(503, "").await;
    let (vendors, _) = vendors(Limits::default());
    // No time for the pause before a repetition: the vendor's fault is told at once. A busy machine may need more than one try.
    let mut calls = 0;
    loop {
        calls += 1;
        let account = account(&vendor.base_url, &format!("org{calls}"));
        match lookup(&vendors, &account, within(100)).await {
            Err(VendorError::Broken(503, _)) => break,
            Err(VendorError::TimedOut) if calls < 8 => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(vendor.count() <= calls);
    let sent = vendor.count();
    assert_eq!(lookup(&vendors, &account(&vendor.base_url, "a"), within(0)).await, Err(VendorError::TimedOut));
    assert_eq!(vendor.count(), sent);
}

#[tokio::test]
async fn a_bad_hour_of_all_vendors_is_not_doubled_by_repetitions() {
    let vendor = Double::saying(503, "").await;
    let (vendors, _) = vendors(Limits::default());
    let accounts: Vec<Account> = (0..100).map(|n| account(&vendor.base_url, &format!("org{n}"))).collect();
    join_all(accounts.iter().map(|account| lookup(&vendors, account, live()))).await;
    let repeated = vendor.count() - accounts.len();
    assert!((15..=20).contains(&repeated), "{repeated}: a tenth, and a floor of ten in ten seconds");
}

#[tokio::test]
async fn a_vendor_nobody_listens_for_is_unreachable() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (vendors, _) = vendors(Limits::default());
    let account = account(&format!("http://{gone}"), "a");
    assert_eq!(lookup(&vendors, &account, live()).await, Err(VendorError::Unreachable));
}

/// Calls until the budget refuses; how many it granted, and how long it said to wait.
async fn use_up(vendors: &Vendors, account: &Account, by: impl Fn() -> By) -> (usize, Duration) {
    let mut granted = 0;
    loop {
        match lookup(vendors, account, by()).await {
            Ok(_) => granted += 1,
            Err(VendorError::RateLimited(wait)) => return (granted, wait),
            // The machine was busy with something else.
            Err(VendorError::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_caller_on_the_line_is_refused_at_once_and_background_work_leaves_it_some() {
    let vendor = Double::saying(200, FOUND).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let (granted, _) = use_up(&vendors, &account, || By::background(Instant::now() + Duration::from_millis(200))).await;
    assert!(granted >= 3, "{granted}");
    for _ in 0..2 {
        lookup(&vendors, &account, live()).await.unwrap();
    }
    let (more, wait) = use_up(&vendors, &account, live).await;
    assert!(!wait.is_zero() && wait <= Duration::from_millis(600), "{wait:?}");
    assert_eq!(vendor.count(), granted + 2 + more);
}

#[tokio::test]
async fn idle_work_gives_up_its_turn_and_leaves_live_calls_theirs() {
    let vendor = Double::saying(200, FOUND).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    // Would it wait for its turn, it would never be turned away.
    let (granted, _) = use_up(&vendors, &account, || By::idle(Instant::now() + Duration::from_secs(60))).await;
    assert!(granted >= 3, "{granted}");
    for _ in 0..2 {
        lookup(&vendors, &account, live()).await.unwrap();
    }
    assert_eq!(vendor.count(), granted + 2);
}

#[tokio::test]
async fn background_work_waits_for_its_turn() {
    let vendor = Double::saying(200, FOUND).await;
    let (vendors, clock) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let (granted, _) = use_up(&vendors, &account, live).await;
    tokio::time::pause();
    let minute = By::background(Instant::now() + Duration::from_secs(60));
    let turn = async {
        clock.advance(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(10)).await;
        // From here on real sockets are waited for.
        tokio::time::resume();
    };
    let (waited, ()) = tokio::join!(biased; lookup(&vendors, &account, minute), turn);
    waited.unwrap();
    assert_eq!(vendor.count(), granted + 1);
}

#[tokio::test]
async fn a_429_is_not_repeated_and_pauses_the_account_for_as_long_as_it_says() {
    let limited = || Answer::Say(429, vec![("retry-after", "30".to_owned())], "{}".to_owned());
    let vendor = Double::start([limited()], (200, FOUND)).await;
    let (vendors, clock) = vendors(Limits::default());
    let (one, other) = (account(&vendor.base_url, "a"), account(&vendor.base_url, "b"));
    let thirty = Duration::from_secs(30);
    assert_eq!(lookup(&vendors, &one, live()).await, Err(VendorError::RateLimited(thirty)));
    let Err(VendorError::RateLimited(wait)) = lookup(&vendors, &one, live()).await else { panic!("it is paused") };
    assert!(wait <= thirty && wait > thirty / 2, "{wait:?}");
    assert_eq!(vendor.count(), 1);
    lookup(&vendors, &other, live()).await.unwrap();
    clock.advance(thirty);
    lookup(&vendors, &one, live()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_as_documented_or_too_long_is_unreadable() {
    let long = format!(r#"{{"contact":null,"x":"{}"}}"#, "x".repeat(1024 * 1024));
    for body in
        ["", "[]", "7", "<html>", r#"{"contact":{}}"#, r#"{"contact":[]}"#, r#"{"contact":"+14155550100"}"#, &long]
    {
        let vendor = Double::saying(200, body).await;
        let (vendors, _) = vendors(Limits::default());
        let read = lookup(&vendors, &account(&vendor.base_url, "a"), live()).await;
        let Err(error @ VendorError::Unreadable(_)) = read else { panic!("{body:.40}: {read:?}") };
        assert!(!error.to_string().contains("4155550100"), "{error}");
        assert_eq!(vendor.count(), 1, "asking again would bring the same");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_cut_off() {
    let vendor = Double::start([Answer::Pour], (200, FOUND)).await;
    let (vendors, _) = vendors(Limits::default());
    let read = lookup(&vendors, &account(&vendor.base_url, "a"), live()).await;
    assert!(matches!(read, Err(VendorError::Unreadable(_))), "{read:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let vendor =
        Double::start([Answer::Say(302, vec![("location", "/elsewhere".to_owned())], String::new())], (200, FOUND))
            .await;
    let (vendors, _) = vendors(Limits::default());
    let refused = lookup(&vendors, &account(&vendor.base_url, "a"), live()).await;
    assert!(matches!(refused, Err(VendorError::Refused(302, _))), "{refused:?}");
    assert_eq!(vendor.count(), 1);
}
