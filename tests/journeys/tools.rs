//! The tools as people and scripts use them: the load and its verdict, the dead letters, the status.

use serde_json::{Value, json};
use testkit::{Delivery, KEY, OTHER_KEY, Process, World, until};

use crate::{call, count, with};

/// Exit code, the printed objects, standard error.
pub(crate) async fn offhook(arguments: &[&str], environment: &[(&str, String)]) -> (i32, Vec<Value>, String) {
    let mut command = Process::command(arguments);
    command.arg("--json").envs(environment.iter().map(|(name, value)| (name, value)));
    let output = command.output().await.expect("offhook runs");
    let printed = String::from_utf8(output.stdout).expect("text");
    let objects = printed.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    (
        output.status.code().expect("an exit code"),
        objects.collect(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// The verdict of a load on the ingress at `url`.
async fn load(world: &World, url: &str, more: &[&str]) -> (i32, Value) {
    let mut environment = world.environment();
    environment.extend([("OFFHOOK_URL", url.to_owned()), ("DEMO_RETELL_API_KEY", KEY.to_owned())]);
    let arguments = [&["simulate", "load", "--rate", "400", "--seed", "7"], more].concat();
    let (code, printed, why) = offhook(&arguments, &environment).await;
    let [verdict] = printed.as_slice() else { panic!("one object, not {printed:?}: {why}") };
    (code, verdict.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_shuffled_and_partly_repeated_loses_and_doubles_nothing() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let (worker, metrics) = (world.log_worker(), world.metrics_worker());
    let other = format!("other={OTHER_KEY}");
    let more = ["--calls", "60", "--duplicates", "10%", "--shuffle", "--org", "demo", "--org", &other];
    let (code, verdict) = load(&world, &url, &more).await;
    assert_eq!(code, 0, "{verdict}");
    let expected = json!({ "sent": 198, "acknowledged": 198, "duplicates": 18, "complete": 60, "incomplete": 0, "lost": 0,
        "doubled": 0, "uncounted": 0, "refused": 0, "refusal": null });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&verdict[name], value, "{name} in {verdict}");
    }
    let ms: Vec<f64> = ["p50", "p95", "p99", "max"].map(|name| verdict["ack_ms"][name].as_f64().expect("ms")).into();
    assert!(ms.is_sorted() && ms[0] > 0.0, "{ms:?}");
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.calls WHERE org = 'other'").await, 30);

    // Once more with the same seed: other calls, so that the first run proves nothing for the second.
    let (code, again) = load(&world, &url, &["--calls", "5"]).await;
    assert_eq!((code, &again["complete"], &again["lost"]), (0, &json!(5), &json!(0)));
    assert_ne!(again["run"], verdict["run"]);
    for stopped in [ingress, worker, metrics] {
        stopped.stop().await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verdict_finds_what_postgres_lost_and_what_it_counted_twice() {
    let world = World::start().await;
    for sabotage in [
        "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER forget BEFORE INSERT ON offhook.events FOR EACH ROW
            WHEN (NEW.subject LIKE 'call%3' AND NEW.type = 'call.ended') EXECUTE FUNCTION forget()",
        "CREATE FUNCTION overcount() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.duration_ms := NEW.duration_ms + 1; RETURN NEW; END'",
        "CREATE TRIGGER overcount BEFORE UPDATE ON offhook.daily_metrics FOR EACH ROW EXECUTE FUNCTION overcount()",
    ] {
        sqlx::query(sabotage).execute(&world.pool).await.expect("the database takes the sabotage");
    }
    let (ingress, url) = world.ingress().await;
    let (worker, metrics) = (world.log_worker(), world.metrics_worker());
    let (code, verdict) = load(&world, &url, &["--calls", "20", "--wait", "3s"]).await;
    assert_eq!((code, &verdict["acknowledged"]), (1, &json!(60)), "{verdict}");
    let counted = |name: &str| verdict[name].as_u64().expect("a count");
    assert!(counted("lost") >= 2, "two calls end in 3: {verdict}");
    assert!(counted("doubled") >= 1, "{verdict}");
    world.settled(log_worker::NAME).await;
    for stopped in [ingress, worker, metrics] {
        stopped.stop().await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_is_refused_is_told_so_and_one_without_a_key_is_wrong_usage() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let wrong = ["--calls", "2", "--org", "demo=wrong", "--wait", "0s"];
    let (code, verdict) = load(&world, &url, &wrong).await;
    assert_eq!((code, &verdict["refused"], &verdict["retried"]), (0, &json!(6), &json!(0)), "{verdict}");
    assert!(verdict["refusal"].as_str().is_some_and(|why| why.contains("bad_signature")), "{verdict}");
    assert_eq!((&verdict["acknowledged"], &verdict["lost"], &verdict["complete"]), (&json!(0), &json!(0), &json!(0)));
    for wrong in [vec![], vec!["--org", "Demo=x"], vec!["--duplicates", "101%"], vec!["--wait", "soon"]] {
        let arguments = [vec!["simulate", "load"], wrong].concat();
        let (code, printed, why) = offhook(&arguments, &world.environment()).await;
        assert!(code == 64 && printed.is_empty(), "{arguments:?}: {code} {why}");
    }
    ingress.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_and_shown_whole() {
    let world = World::start().await;
    let environment = world.environment();
    let (code, printed, why) = offhook(&["dead", "list"], &environment).await;
    assert!(code == 0 && printed.is_empty(), "{why}");
    sqlx::query("ALTER TABLE offhook.calls ADD CONSTRAINT no_poison CHECK (transcript <> 'poison')")
        .execute(&world.pool)
        .await
        .expect("the database takes the constraint");
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    for id in ["call_one", "call_two", "call_three"] {
        let ended = with(call(id), json!({ "transcript": "poison" }));
        Delivery::event("call_ended", &ended).acknowledged(&url).await;
        world.settled(log_worker::NAME).await;
    }
    let (code, letters, why) = offhook(&["dead", "list", "--worker", "log-worker", "--limit", "2"], &environment).await;
    assert_eq!((code, letters.len()), (0, 2), "{why}");
    let newest = &letters[0];
    let read = ["subject", "worker", "event_id", "type", "org"].map(|name| newest[name].as_str().unwrap_or_default());
    assert_eq!(read, ["call_three", "log-worker", "retell:call_ended:call_three", "call.ended", "demo"]);
    assert!(newest["reason"].as_str().is_some_and(|why| why.contains("no_poison")), "{newest}");
    assert!(newest["at"].is_string() && letters[1]["subject"] == "call_two");
    assert!(offhook(&["dead", "list", "--worker", "nobody"], &environment).await.1.is_empty());

    let (key, number) = (newest["key"].as_str().expect("a key").to_owned(), newest["sequence"].to_string());
    for id in [key.as_str(), number.as_str()] {
        let (code, shown, why) = offhook(&["dead", "show", id], &environment).await;
        assert_eq!((code, shown.len()), (0, 1), "{why}");
        assert_eq!(shown[0]["body"]["call"]["transcript"], "poison", "the body as JSON");
        assert_eq!(shown[0]["headers"]["offhook-worker"], "log-worker");
        assert_eq!(shown[0]["headers"]["ce-type"], "call.ended");
    }
    let (code, _, why) = offhook(&["dead", "show", "4711"], &environment).await;
    assert!(code == 1 && why.contains("no dead letter 4711"), "{why}");

    // Mended, one is sent again by its number and the rest by their worker; what is recorded already is not recorded twice.
    world.sql("ALTER TABLE offhook.calls DROP CONSTRAINT no_poison").await;
    for (arguments, recorded) in
        [(vec!["dead", "retry", &number], 1), (vec!["dead", "retry", "--worker", "log-worker"], 3)]
    {
        let (code, sent, why) = offhook(&arguments, &environment).await;
        assert_eq!((code, sent.len()), (0, recorded), "{why}");
        until("it is recorded", async || {
            (count(&world.pool, "SELECT count(*) FROM offhook.calls").await == recorded as i64).then_some(())
        })
        .await;
    }
    world.settled(log_worker::NAME).await;
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.events").await, 3);
    for (wrong, expected) in [(vec!["dead", "retry"], 64), (vec!["dead", "retry", "4711"], 1)] {
        assert_eq!(offhook(&wrong, &environment).await.0, expected);
    }
    ingress.stop().await;
    worker.stop().await;
    world.end_with_dead_letters(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_of_servers_streams_and_workers_and_of_what_is_down() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    for nth in 0..5 {
        Delivery::event("call_started", &call(&format!("call_{nth}"))).acknowledged(&url).await;
    }
    let (code, printed, why) = offhook(&["status"], &world.environment()).await;
    let status = &printed[0];
    assert_eq!((code, &status["healthy"], &status["dead_letters"]), (0, &json!(true), &json!(0)), "{status} {why}");
    for server in ["nats", "postgres"] {
        assert!(status[server]["reachable"] == true && status[server]["version"].is_string(), "{status}");
    }
    let named = |list: &str, name: &str| {
        let all = status[list].as_array().expect("a list");
        all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} in {status}")).clone()
    };
    let events = named("streams", "EVENTS");
    assert_eq!(events["messages"], 5);
    assert!(events["bytes"].as_u64() > Some(0) && events["max_bytes"].as_u64() > Some(0), "{events}");
    assert!(events["used_percent"].is_number(), "{events}");
    let worker = named("consumers", log_worker::NAME);
    assert_eq!((&worker["pending"], &worker["unacked"], &worker["redelivered"]), (&json!(5), &json!(0), &json!(0)));
    assert!(worker["oldest_unacked_s"].as_f64() >= Some(0.0), "{worker}");
    assert!(named("consumers", metrics_worker::NAME)["oldest_unacked_s"].is_null());

    let nobody = [("NATS_URL", "nats://127.0.0.1:1".to_owned()), ("DATABASE_URL", world.database_url.clone())];
    let (code, printed, _) = offhook(&["status"], &nobody).await;
    assert_eq!((code, &printed[0]["healthy"]), (1, &json!(false)));
    assert!(printed[0]["nats"]["reachable"] == false && printed[0]["nats"]["fault"].is_string(), "{}", printed[0]);
    assert_eq!(printed[0]["postgres"]["reachable"], true);
    let (code, printed, _) = offhook(&["status"], &[("NATS_URL", world.nats.url())]).await;
    assert_eq!((code, &printed[0]["postgres"]["fault"]), (1, &json!("DATABASE_URL is not set")));
    ingress.stop().await;
    world.end_with_dead_letters(0).await;
}
