//! The shapes: each question is answered in its own, and nobody is refused but strangers.

use serde_json::{Value, json};
use testkit::Question;

use crate::stage::{JANE, MAIN, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_question_gets_the_providers_shape_and_a_flat_one_its_own() {
    let stage = Stage::start().await;
    let nested = stage.ring(JANE).await;
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&nested.body), ["call_inbound"]);
    assert_eq!(keys(&nested.body["call_inbound"]), ["dynamic_variables", "metadata"]);
    assert_eq!(nested.body["call_inbound"]["metadata"], json!({ "offhook_id": nested.id }));
    assert_eq!((nested.get("customer_name"), nested.get("degraded")), ("Jane Doe", ""));

    let flat = Question::flat(JANE, MAIN).ask(&stage.url).await;
    assert_eq!(keys(&flat.body), ["dynamic_variables"]);
    assert_eq!(flat.get("customer_name"), "Jane Doe");
    stage.end().await;
}
