//! All three in slots: side by side, kept, emptied by `fresh`, left out when given.

mod help;

use std::ffi::OsString;

use help::{ask, connect, options, root, startup};
use servers::{Servers, run_command};

fn port(url: &str) -> u16 {
    let (_, rest) = url.rsplit_once(':').expect("a port");
    rest.split('/').next().and_then(|p| p.parse().ok()).expect("a port")
}

#[tokio::test]
async fn two_beside_one_another_then_fresh() {
    let root = root();
    let (one, two) =
        tokio::join!(Servers::start(options(root.path(), "dev")), Servers::start(options(root.path(), "dev")));
    let (one, two) = (one.expect("the first"), two.expect("the second"));
    let mut names: Vec<_> = [&one, &two].map(|s| s.state_dir().file_name().expect("a name").to_owned()).into();
    names.sort();
    assert_eq!(names, ["dev", "dev-2"]);
    for servers in [&one, &two] {
        assert!(ask(port(&servers.nats_url), b"").is_some_and(|a| a.starts_with("INFO ")));
        assert!(ask(port(&servers.redis_url), b"PING\r\n").is_some_and(|a| a == "+PONG\r\n"));
        assert!(ask(port(&servers.database_url), &startup()).is_some_and(|a| a.starts_with('R')));
    }
    let ports = [&one.nats_url, &one.redis_url, &one.database_url].map(|u| port(u));
    one.stop().await.expect("stop");
    two.stop().await.expect("stop");
    assert!(ports.iter().all(|p| connect(*p).is_none()), "stopped");

    let dir = root.path().join("dev");
    let data = dir.join("postgres/data").canonicalize().expect("the data is kept");
    std::fs::write(dir.join("mine"), "kept").expect("a file of the caller");
    let kept = Servers::start(options(root.path(), "dev")).await.expect("again");
    assert!(dir.join("mine").exists(), "state stays");
    let marker = data.join("marker");
    std::fs::write(&marker, "old").expect("a marker");
    kept.stop().await.expect("stop");

    let mut fresh = options(root.path(), "dev");
    fresh.fresh = true;
    let fresh = Servers::start(fresh).await.expect("fresh");
    assert!(!dir.join("mine").exists() && !marker.exists(), "fresh empties, PostgreSQL's data too");
    assert!(root.path().join("dev-2").exists(), "and only this slot");
    fresh.stop().await.expect("stop");
}

#[tokio::test]
async fn given_servers_are_used_and_the_command_sees_all() {
    let root = root();
    let mut given = options(root.path(), "servers");
    given.nats_url = Some("nats://given:1".into());
    given.database_url = Some("postgres://given/2".into());
    let mut servers = Servers::start(given).await.expect("only a Redis");
    assert!(servers.nats().is_none() && servers.postgres().is_none());
    let redis = port(&servers.redis_url);
    assert_eq!(servers.redis().expect("a Redis").port(), redis);
    let out = root.path().join("seen");
    let script = r#"echo "$NATS_URL $DATABASE_URL $REDIS_URL" > "$0"; exit 7"#;
    let words: Vec<OsString> = vec!["sh".into(), "-c".into(), script.into(), out.clone().into()];
    assert_eq!(run_command(servers, &words).await.expect("the command ran"), 7);
    let seen = std::fs::read_to_string(out).expect("what the command saw");
    assert_eq!(seen, format!("nats://given:1 postgres://given/2 redis://127.0.0.1:{redis}\n"));
    assert!(connect(redis).is_none(), "stopped after the command");
}

#[tokio::test]
async fn a_command_ended_by_a_signal_or_missing_has_the_shells_exit_code() {
    let given = |root: &std::path::Path| {
        let mut all = options(root, "servers");
        all.nats_url = Some("nats://given".into());
        all.database_url = Some("postgres://given".into());
        all.redis_url = Some("redis://given".into());
        all
    };
    let root = root();
    let run = async |words: &[&str]| {
        let servers = Servers::start(given(root.path())).await.expect("nothing to start");
        let words: Vec<OsString> = words.iter().map(Into::into).collect();
        run_command(servers, &words).await
    };
    assert_eq!(run(&["sh", "-c", "kill -TERM $$"]).await.expect("ran"), 143);
    assert_eq!(run(&["/no/such/program"]).await.expect("ran"), 127);
    assert!(run(&[]).await.is_err());
}
