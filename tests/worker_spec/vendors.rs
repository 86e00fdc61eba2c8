//! The vendors of the orgs that workers are tried with: out of reach, unless a trial is about them.

use serde_json::{Value, json};
use testkit::{Sandbox, World};

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";
const ACCOUNTS: &str = r#"
[org.vendor.highlevel]
base_url = "URL/highlevel"
token = "file:DIR/other.key"
location_id = "loc_demo"
last_call_id_field = "cf_call"
"#;
/// The only org that the trials' events are of is the first in the file.
const AFTER: &str = "[[org]]\nid = \"other\"";

/// A world whose org `demo` has vendors that can't be reached.
pub(crate) async fn world() -> World {
    let world = World::start().await;
    connect(&world, NOWHERE).await;
    world
}

/// From now on the vendors of org `demo` are here.
pub(crate) async fn connect(world: &World, url: &str) {
    let folder = world.path("");
    let accounts = ACCOUNTS.replace("URL", url).replace("DIR", folder.display().to_string().trim_end_matches('/'));
    let file = world.orgs_file().replacen(AFTER, &format!("{accounts}\n{AFTER}"), 1);
    assert!(file.contains(&accounts), "the testkit's orgs have changed: put the accounts elsewhere");
    world.apply_orgs(&file).await;
}

/// What the vendors hold of org `demo`, without what differs from run to run.
pub(crate) async fn held(vendors: &Sandbox) -> Value {
    let state = vendors.state().await;
    let location = &state["highlevel"]["loc_demo"];
    let of = |list: &Value, names: &[&str]| {
        let mut parts: Vec<String> = list
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| names.iter().map(|name| format!("{name} {}; ", item[name])).collect())
            .collect();
        parts.sort();
        parts
    };
    json!({ "contacts": of(&location["contacts"], &["phone", "name", "tags", "customFields"]), "notes": of(&location["notes"], &["body"]) })
}
