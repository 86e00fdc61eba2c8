//! Each server alone: serves, is killed, comes back on its port with its data, freezes, stops.

mod help;

use help::{ask, connect, programs, runs, startup, until};
use servers::{Nats, Postgres, Redis, Server, Settings};
use tempfile::tempdir;

/// The trials that are the same for all three; `answers` sends a request and looks at the reply.
async fn trials(server: &mut Server, answers: impl Fn(u16) -> bool) {
    let (port, pid) = (server.port(), server.pid().expect("a pid"));
    assert!((15_000..32_000).contains(&port));
    assert!(answers(port), "serves as soon as start returns");

    server.freeze().expect("freeze");
    assert!(connect(port).is_some(), "frozen: the kernel still accepts");
    assert!(!answers(port), "frozen: nobody answers");
    server.thaw().expect("thaw");
    until("answers after the thaw", || answers(port));

    server.kill().await.expect("kill");
    assert_eq!(server.pid(), None);
    assert!(!runs(pid) && connect(port).is_none(), "killed");
    server.kill().await.expect("twice is once");

    server.restart().await.expect("restart");
    assert_eq!(server.port(), port);
    assert!(answers(port), "serves as soon as restart returns");

    let pid = server.pid().expect("a pid");
    server.freeze().expect("freeze");
    server.stop().await.expect("a frozen server can be stopped");
    assert!(!runs(pid) && connect(port).is_none(), "stopped");
    server.restart().await.expect("restart after a stop");
    assert!(answers(port));
}

#[tokio::test]
async fn nats() {
    let dir = tempdir().expect("a directory");
    let mut nats = Nats::start(&programs(), dir.path()).await.expect("a nats-server");
    let info = ask(nats.port(), b"").expect("a greeting");
    assert!(info.contains("\"jetstream\":true") && info.contains("\"max_payload\":8454144"), "{info}");
    assert_eq!(nats.url(), format!("nats://127.0.0.1:{}", nats.port()));
    trials(&mut nats, |port| ask(port, b"").is_some_and(|a| a.starts_with("INFO "))).await;
    let log = std::fs::read_to_string(nats.log()).expect("its log");
    assert!(log.contains("Server is ready"), "{log}");
    let (pid, port) = (nats.pid().expect("a pid"), nats.port());
    drop(nats);
    assert!(!runs(pid) && connect(port).is_none(), "dropped");
}

#[tokio::test]
async fn redis() {
    let dir = tempdir().expect("a directory");
    let mut redis = Redis::start(&programs(), dir.path()).await.expect("a Redis");
    trials(&mut redis, |port| ask(port, b"PING\r\n").is_some_and(|a| a == "+PONG\r\n")).await;
    redis.stop().await.expect("stop");
    let left: Vec<_> = std::fs::read_dir(dir.path()).expect("its directory").flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|n| n == "lock" || n == "redis.log"), "nothing is written to disk: {left:?}");
}

#[tokio::test]
async fn postgres() {
    let dir = tempdir().expect("a directory");
    let settings = Settings { server: vec![("max_connections".into(), "37".into())], ephemeral: true };
    let mut postgres = Postgres::start(&programs(), dir.path(), settings).await.expect("a PostgreSQL");
    assert_eq!(postgres.url(), format!("postgres://offhook@127.0.0.1:{}/offhook", postgres.port()));
    trials(&mut postgres, |port| ask(port, &startup()).is_some_and(|a| a.starts_with('R'))).await;
    let options = std::fs::read_to_string(dir.path().join("data/postmaster.opts")).expect("its options");
    assert!(options.contains("max_connections=37"), "{options}");
    let pid = postgres.pid().expect("a pid");
    let data = dir.path().join("data").canonicalize().expect("the data directory");
    drop(postgres);
    assert!(!runs(pid), "dropped");
    assert!(!data.exists(), "ephemeral data goes with it");
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_its_log() {
    let dir = tempdir().expect("a directory");
    let settings = Settings { server: vec![("no_such_setting".into(), "1".into())], ephemeral: true };
    let error = Postgres::start(&programs(), dir.path(), settings).await.expect_err("a bad setting");
    assert!(format!("{error:#}").contains("no_such_setting"), "{error:#}");
}

#[tokio::test]
async fn data_of_another_version_is_refused_with_the_cure() {
    let dir = tempdir().expect("a directory");
    let ephemeral = Settings { server: Vec::new(), ephemeral: false };
    let postgres = Postgres::start(&programs(), dir.path(), ephemeral).await.expect("a PostgreSQL");
    let data = dir.path().join("data").canonicalize().expect("the data directory");
    drop(postgres);
    std::fs::write(data.join("PG_VERSION"), "9\n").expect("another version");
    let again = Settings { server: Vec::new(), ephemeral: true };
    let error = Postgres::start(&programs(), dir.path(), again).await.expect_err("another version");
    assert!(format!("{error:#}").contains("--fresh"), "{error:#}");
}

#[tokio::test]
async fn a_directory_serves_one_at_a_time() {
    let dir = tempdir().expect("a directory");
    let redis = Redis::start(&programs(), dir.path()).await.expect("a Redis");
    let programs = programs();
    let second = Redis::start(&programs, dir.path());
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), second).await;
    assert!(early.is_err(), "the second waits");
    drop(redis);
    Redis::start(&programs, dir.path()).await.expect("free again");
}
