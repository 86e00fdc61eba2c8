//! The argv prefix under which every child runs, so that it ends when this process ends, however it ends.
//!
//! Linux: the kernel sends the parent-death signal that `setpriv` asks for. Elsewhere: a small shell watchdog. Both are programs and not
//! code in the child, because code between fork and exec would need `unsafe`. The prefix execs, so the child's pid is the server's.

use std::ffi::OsString;

use rustix::process::Signal;

/// The user that PostgreSQL runs as when we are root (it refuses to run as root).
pub(crate) const POSTGRES_USER: &str = "postgres";

/// Ends at once when the parent died before setpriv asked for the signal: such a child would never get it.
const GUARD: &str = r#"[ "$PPID" = "$0" ] || exit 1; exec "$@""#;

/// Polls every 0.2 s; after the signal the server has 10 s, then it is killed. Forked twice and with its own standard streams: the
/// server must not be told of a child that it does not know, and the watchdog must not hold the server's lock. Deaf to signals: it is
/// in the server's process group, which gets a hangup when the parent dies while the server is frozen.
const WATCHDOG: &str = r#"
parent=$0 signal=$1 server=$$
shift
(trap '' HUP INT TERM; (
    while kill -0 "$parent" && kill -0 "$server"; do sleep 0.2; done
    kill -s "$signal" "$server"
    kill -s CONT "$server"
    n=0
    while [ $n -lt 50 ] && kill -0 "$server"; do sleep 0.2; n=$((n + 1)); done
    kill -s KILL "$server"
) &) </dev/null >/dev/null 2>&1
exec "$@"
"#;

/// How a child learns that its parent is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    /// The kernel's parent-death signal, through `setpriv` of util-linux.
    Kernel,
    /// A shell process that looks whether the parent is there.
    Watchdog,
}

impl Tie {
    /// The better one that this system has.
    pub(crate) const fn here() -> Self {
        if cfg!(target_os = "linux") { Self::Kernel } else { Self::Watchdog }
    }
}

/// The words to put before a program and its arguments: on the death of `parent` it gets `signal` (INT, QUIT or TERM); with `user` it
/// runs as that user (only with [`Tie::Kernel`] and as root).
pub(crate) fn launcher(tie: Tie, parent: u32, signal: Signal, user: Option<&str>) -> Vec<OsString> {
    let signal = match signal {
        Signal::INT => "INT",
        Signal::QUIT => "QUIT",
        _ => "TERM",
    };
    let mut words: Vec<String> = Vec::new();
    if tie == Tie::Kernel {
        words.extend(["setpriv".into(), "--pdeathsig".into(), signal.into()]);
        if let Some(user) = user {
            words.extend([format!("--reuid={user}"), format!("--regid={user}"), "--init-groups".into()]);
        }
        words.extend(["--", "/bin/sh", "-c", GUARD].map(String::from));
        words.push(parent.to_string());
    } else {
        words.extend(["/bin/sh", "-c", WATCHDOG].map(String::from));
        words.extend([parent.to_string(), signal.into()]);
    }
    words.into_iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use super::*;

    /// `parent` starts `sleep` under the launcher and is killed; the sleep must end.
    fn ends_with_its_parent(tie: Tie) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("pid");
        let mut parent = Command::new("sleep").arg("60").spawn().expect("a parent");
        // The kernel's tie is to the real parent (this thread), so that one is tested with real servers in tests/; the watchdog
        // can be given any pid.
        let words = launcher(tie, parent.id(), Signal::TERM, None);
        let script = format!("echo $$ > {}; exec sleep 60", file.display());
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .args(["/bin/sh", "-c", &script])
            .stdout(Stdio::null())
            .spawn()
            .expect("a child");
        let deadline = Instant::now() + Duration::from_secs(10);
        while !file.exists() {
            assert!(Instant::now() < deadline, "the child did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(child.try_wait().expect("its state").is_none());
        parent.kill().expect("kill");
        parent.wait().expect("reap");
        while child.try_wait().expect("its state").is_none() {
            assert!(Instant::now() < deadline, "the child outlived its parent");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn the_watchdog_notices_the_death() {
        ends_with_its_parent(Tie::Watchdog);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_of_a_dead_parent_does_not_begin() {
        // Pid 0 is nobody's parent pid here: as if the parent had died before setpriv ran.
        let words = launcher(Tie::Kernel, 0, Signal::INT, None);
        let status = Command::new(&words[0]).args(&words[1..]).args(["sleep", "60"]).status().expect("setpriv runs");
        assert_eq!(status.code(), Some(1));
    }
}
