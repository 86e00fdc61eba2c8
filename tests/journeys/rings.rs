//! Many callers ring: all of them are answered, and nearly all of what they are told comes out of the cache.

use serde_json::json;
use testkit::{KEY, World};

use crate::tools::offhook;

/// The org with every vendor, as `make run` serves it.
const ORGS: &str = include_str!("../../orgs.demo.toml");
/// Of all reads, the cache must have so many once it is warm.
const HIT_RATE_MIN: f64 = 0.9;

#[tokio::test(flavor = "multi_thread")]
async fn a_usual_mix_of_callers_is_answered_nearly_all_from_the_cache() {
    let world = World::start().await;
    let (sandbox, sandbox_url) = world.sandbox().await;
    world.apply_orgs(ORGS).await;
    let secrets = ["DEMO_RETELL_API_KEY", "DEMO_API_KEY", "DEMO_VENDOR_TOKEN"].map(|name| (name, KEY));
    let environment = [secrets.as_slice(), &[("OFFHOOK_SANDBOX_URL", sandbox_url.as_str())]].concat();
    let answer = world.process(&[answer::NAME], &environment);
    answer.ready().await;
    let (url, admin_url) = (answer.url(answer::NAME).await, answer.url("admin").await);
    let environment = [("OFFHOOK_URL", url), ("OFFHOOK_ADMIN_URL", admin_url), ("DEMO_RETELL_API_KEY", KEY.to_owned())];
    let sizes = ["--warm-up", "60", "--calls", "150", "--callers", "6", "--known", "80%", "--rate", "40"];
    let (code, printed, why) = offhook(&[&["simulate", "rings"], sizes.as_slice()].concat(), &environment).await;
    let [told] = printed.as_slice() else { panic!("one object, not {printed:?}: {why}") };
    assert_eq!((code, &told["sent"], &told["answered"]), (0, &json!(150), &json!(150)), "{told} {why}");
    let ms: Vec<f64> = ["p50", "p95", "p99", "max"].map(|name| told["answer_ms"][name].as_f64().expect("ms")).into();
    assert!(ms.is_sorted() && ms[0] > 0.0, "{ms:?}");
    assert!(told["hit_rate"].as_f64() >= Some(HIT_RATE_MIN), "{told}");
    assert!(told["reads"].as_u64() >= Some(150 * 8), "even of nobody: a week's slots and a prompt: {told}");

    let wrong = [("OFFHOOK_URL", environment[0].1.clone()), ("DEMO_RETELL_API_KEY", "wrong".to_owned())];
    let (code, printed, _) = offhook(&["simulate", "rings", "--calls", "3"], &wrong).await;
    assert_eq!((code, &printed[0]["sent"], &printed[0]["answered"]), (1, &json!(3), &json!(0)));
    assert!(printed[0]["refusal"].as_str().is_some_and(|why| why.contains("bad_signature")), "{}", printed[0]);
    assert!(printed[0]["hit_rate"].is_null(), "nobody was asked for it");
    assert_eq!(answer.terminate().await.code(), Some(0));
    sandbox.stop().await;
    world.end_with_dead_letters(0).await;
}
