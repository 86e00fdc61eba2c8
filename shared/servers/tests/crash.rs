//! A parent that is killed leaves nothing behind; one that is asked to end passes that on. The parent is this test binary, run again.

mod help;

use std::{
    env,
    ffi::OsString,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use help::{connect, options, root, runs, startup, terminate, until};
use servers::{Servers, run_command};

/// Tells the second run of this binary what to be, and where.
const ROOT: &str = "SERVERS_TEST_ROOT";

/// Not a test of its own: the parent in the other tests. Without the variable it does nothing.
#[tokio::test]
async fn parent() {
    #[expect(clippy::disallowed_methods, reason = "the way to tell the child process that it is the child")]
    let Some(root) = env::var_os(ROOT) else { return };
    let root = Path::new(&root);
    let mut servers = Servers::start(options(root, "dev")).await.expect("servers");
    let mut lines = String::new();
    let nats = servers.nats().expect("nats");
    lines += &format!("{} {}\n", nats.pid().expect("a pid"), nats.port());
    let postgres = servers.postgres().expect("postgres");
    lines += &format!("{} {}\n", postgres.pid().expect("a pid"), postgres.port());
    let redis = servers.redis().expect("redis");
    // One is frozen when its parent dies: it must end all the same.
    redis.freeze().expect("freeze");
    lines += &format!("{} {}\n", redis.pid().expect("a pid"), redis.port());
    fs::write(root.join("servers.new"), lines).expect("a report");
    fs::rename(root.join("servers.new"), root.join("servers")).expect("a whole report");
    let script = r#"trap 'echo told > "$0"; exit 5' TERM; echo $$ > "$0.pid"; while :; do sleep 0.05; done"#;
    let words: Vec<OsString> = vec!["sh".into(), "-c".into(), script.into(), root.join("command").into()];
    let code = run_command(servers, &words).await.expect("the command ran");
    fs::write(root.join("code"), code.to_string()).expect("a report");
}

/// The parent; it ends with its test, also with one that fails.
struct Parent(Child);

impl Drop for Parent {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts the parent and waits until its command runs; returns pids and ports of the servers.
fn start(root: &Path) -> (Parent, Vec<(u32, u16)>) {
    let parent = Command::new(env::current_exe().expect("this binary"))
        .args(["--exact", "parent", "--nocapture"])
        .env(ROOT, root)
        .stdin(Stdio::null())
        .spawn()
        .expect("a parent");
    let parent = Parent(parent);
    until("the command runs", || fs::read_to_string(root.join("command.pid")).is_ok_and(|p| p.ends_with('\n')));
    let text = fs::read_to_string(root.join("servers")).expect("the report");
    let pairs = text.lines().map(|l| l.split_once(' ').expect("a pair"));
    (parent, pairs.map(|(pid, port)| (pid.parse().expect("a pid"), port.parse().expect("a port"))).collect())
}

#[test]
fn nothing_stays_behind_a_killed_parent() {
    let root = root();
    let (mut parent, servers) = start(root.path());
    let command: u32 =
        fs::read_to_string(root.path().join("command.pid")).expect("its pid").trim().parse().expect("a pid");
    assert_eq!(servers.len(), 3);
    // A session in PostgreSQL must not keep it up.
    let mut session = connect(servers[1].1).expect("a session");
    std::io::Write::write_all(&mut session, &startup()).expect("a session");
    assert!(servers.iter().all(|(pid, port)| runs(*pid) && connect(*port).is_some()) && runs(command));

    parent.0.kill().expect("SIGKILL");
    parent.0.wait().expect("reap");
    until("the servers and the command are gone", || {
        servers.iter().all(|(pid, port)| !runs(*pid) && connect(*port).is_none()) && !runs(command)
    });

    // The slot is free and whole at once, and the same one.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let again = Servers::start(options(root.path(), "dev")).await.expect("servers again");
        assert_eq!(again.state_dir(), root.path().join("dev"));
        again.stop().await.expect("stop");
    });
}

#[test]
fn a_restart_right_after_a_crash_gets_the_same_slot() {
    let root = root();
    let (mut parent, _) = start(root.path());
    parent.0.kill().expect("SIGKILL");
    parent.0.wait().expect("reap");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut again = options(root.path(), "dev");
        again.fresh = true;
        let again = Servers::start(again).await.expect("servers while the old ones are still ending");
        assert_eq!(again.state_dir(), root.path().join("dev"));
        again.stop().await.expect("stop");
    });
}

#[test]
fn a_terminated_parent_tells_the_command_and_stops_the_servers() {
    let root = root();
    let (mut parent, servers) = start(root.path());
    terminate(parent.0.id());
    assert!(parent.0.wait().expect("its end").success());
    assert_eq!(fs::read_to_string(root.path().join("command")).expect("told"), "told\n");
    assert_eq!(fs::read_to_string(root.path().join("code")).expect("a code"), "5");
    assert!(servers.iter().all(|(pid, port)| !runs(*pid) && connect(*port).is_none()), "stopped before it ended");
}
