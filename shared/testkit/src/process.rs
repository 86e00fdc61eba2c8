//! A service, or any other command of `offhook`, in a process of its own.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{LIMIT, until};

/// A child process whose log is read along.
pub struct Process {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// The binary of this build.
    ///
    /// # Panics
    /// When it is not built.
    #[must_use]
    pub fn binary() -> PathBuf {
        let test = std::env::current_exe().expect("a test has a path");
        let binary = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join("offhook");
        assert!(
            binary.is_file(),
            "{} is missing: run `make test`, or `cargo build --workspace --bins` first",
            binary.display()
        );
        binary
    }

    /// A command that will run `offhook` with these arguments and nothing of our environment but `PATH`.
    #[must_use]
    pub fn command(arguments: &[&str]) -> Command {
        let mut command = Command::new(Self::binary());
        #[expect(clippy::disallowed_methods, reason = "PATH is no setting of ours")]
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(arguments).env_clear().env("PATH", path).kill_on_drop(true);
        command
    }

    /// Starts `offhook run SERVICE…` with these variables, both listeners on free ports.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn run(services: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Self::command(&["run"]);
        command.args(services).env("OFFHOOK_LISTEN", "127.0.0.1:0").env("OFFHOOK_ADMIN_LISTEN", "127.0.0.1:0");
        command.env("OFFHOOK_LOG_FORMAT", "json").envs(environment.iter().copied());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("offhook starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, stderr) = (Arc::clone(&log), child.stderr.take().expect("piped"));
        tokio::spawn(async move {
            let mut stderr = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = stderr.next_line().await {
                lines.lock().expect("never poisoned").push(line);
            }
        });
        Self { child, log }
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("never poisoned").clone()
    }

    /// Where the listener named `name` is.
    pub async fn url(&self, name: &str) -> String {
        let what = format!("{name} listens");
        let address = until(&what, async || {
            self.log().iter().find_map(|line| {
                let line: Value = serde_json::from_str(line).ok()?;
                (line["message"] == "listening" && line["service"] == name)
                    .then(|| line["address"].as_str().map(str::to_owned))?
            })
        });
        format!("http://{}", address.await)
    }

    /// Waits until `/readyz` says yes.
    pub async fn ready(&self) {
        let url = format!("{}/readyz", self.url("admin").await);
        until("the process is ready", async || {
            let response = reqwest::get(&url).await.ok()?;
            response.status().is_success().then_some(())
        })
        .await;
    }

    /// The value of a metric whose line begins with `series`; 0 if there is none yet.
    ///
    /// # Panics
    /// When `/metrics` does not answer.
    pub async fn metric(&self, series: &str) -> f64 {
        let url = format!("{}/metrics", self.url("admin").await);
        let text = reqwest::get(url).await.expect("metrics answer").text().await.expect("metrics are text");
        let line = text.lines().find(|line| line.starts_with(series));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("the process runs");
        kill_process(pid, signal).expect("the process can be signalled");
    }

    /// Asks it to end and waits for that.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended(LIMIT).await
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not come within `limit`.
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        timeout(limit, self.child.wait()).await.expect("the process ends").expect("the process can be waited for")
    }
}
