//! What the tests of this crate share: where programs are, a temporary `.offhook` directory, waiting with a deadline.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use servers::{Options, Programs};
use tempfile::TempDir;

/// How long anything may take before a test fails.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The workspace's `.offhook`, where `scripts/install-servers` puts nats-server.
pub(crate) fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.offhook")
}

pub(crate) fn programs() -> Programs {
    Programs::find(&workspace_root()).expect("the programs")
}

/// A directory that stands for `.offhook`, with the same programs.
pub(crate) fn root() -> TempDir {
    let root = tempfile::tempdir().expect("a temporary directory");
    symlink(workspace_root().join("bin"), root.path().join("bin")).expect("a link to the programs");
    root
}

pub(crate) fn options(root: &Path, slot: &str) -> Options {
    Options {
        root: root.to_owned(),
        slot: slot.into(),
        fresh: false,
        nats_url: None,
        database_url: None,
        redis_url: None,
    }
}

/// Waits until `condition` holds; fails the test after [`LIMIT`].
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a read timeout");
    Some(stream)
}

/// Sends `request` and returns what comes back first, or nothing within half a second.
pub(crate) fn ask(port: u16, request: &[u8]) -> Option<String> {
    let mut stream = connect(port)?;
    stream.write_all(request).ok()?;
    let mut buffer = vec![0; 4096];
    let count = stream.read(&mut buffer).ok()?;
    (count > 0).then(|| String::from_utf8_lossy(&buffer[..count]).into_owned())
}

/// A PostgreSQL startup packet for the database `offhook`: a server that works answers with `R` (authenticated).
pub(crate) fn startup() -> Vec<u8> {
    let body = b"user\0offhook\0database\0offhook\0\0";
    let length = u32::try_from(body.len() + 8).expect("a short packet");
    [&length.to_be_bytes(), &196_608_u32.to_be_bytes(), body.as_slice()].concat()
}

/// Whether a process runs; dead ones that nobody has reaped yet do not count.
pub(crate) fn runs(pid: u32) -> bool {
    let zombie = std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| s.contains(") Z "));
    rustix::process::test_kill_process(id(pid)).is_ok() && !zombie
}

/// Asks a process to end.
pub(crate) fn terminate(pid: u32) {
    rustix::process::kill_process(id(pid), rustix::process::Signal::TERM).expect("the process runs");
}

fn id(pid: u32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid")
}
