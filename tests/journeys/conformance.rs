//! A reader that is not ours understands our events: the CloudEvents SDK for Python.

use std::{path::Path, process::Stdio};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use testkit::{Delivery, World};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::call;

/// The attributes and the data that the SDK reads from a message.
async fn read_by_sdk(headers: Vec<(String, String)>, body: &[u8]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut python = Command::new("python3");
    python.arg(root.join("tests/conformance/read_event.py")).env("PYTHONPATH", root.join(".offhook/python"));
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 runs");
    let headers: serde_json::Map<String, Value> =
        headers.into_iter().map(|(name, value)| (name, value.into())).collect();
    let message = json!({ "headers": headers, "body": BASE64_STANDARD.encode(body) }).to_string();
    python.stdin.take().expect("piped").write_all(message.as_bytes()).await.expect("python3 reads");
    let output = python.wait_with_output().await.expect("python3 ends");
    assert!(output.status.success(), "the SDK reads it (`make test` installs the SDK; its complaint stands above)");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cloudevents_sdk_for_python_reads_our_events() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    // A call id with what a header has to escape.
    let id = "call_\"é\" 100%😀";
    Delivery::event("call_started", &call(id)).acknowledged(&url).await;
    let (headers, body) = world.raw_event("events.demo.call.started.retell").await;
    let read = read_by_sdk(headers, &body).await;
    let attributes = &read["attributes"];
    let expected = json!({
        "specversion": "1.0", "id": format!("retell:call_started:{id}"), "source": "/demo/retell", "type": "call.started",
        "subject": id, "time": "2026-11-18 11:06:41.200000+00:00", "datacontenttype": "application/json", "org": "demo",
    });
    for (attribute, value) in expected.as_object().expect("an object") {
        assert_eq!(&attributes[attribute], value, "{attribute} of {attributes}");
    }
    assert!(attributes["receivedtime"].as_str().is_some_and(|time| time.ends_with('Z')), "{attributes}");
    assert_eq!(read["data"]["call"]["call_id"], id);
    ingress.stop().await;
    world.end_with_dead_letters(0).await;
}
