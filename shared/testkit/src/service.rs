//! A service that runs in the test's own process.

use runtime::Runtime;
use tokio::task::JoinHandle;

/// A running service; stopping it drains it as a signal would.
pub struct Service {
    /// What the service was given: its health, its shutdown, its addresses.
    pub runtime: Runtime,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Service {
    /// Starts `run` with a runtime of its own.
    pub fn start<F>(run: impl FnOnce(Runtime) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let runtime = Runtime::default();
        let task = tokio::spawn(run(runtime.clone()));
        Self { runtime, task }
    }

    /// Where the service named `name` listens.
    pub async fn url(&self, name: &str) -> String {
        format!("http://{}", self.runtime.address(name).await)
    }

    /// Why the service is not ready; empty when it is.
    #[must_use]
    pub fn objections(&self) -> Vec<String> {
        let (_, checks) = self.runtime.health.report();
        checks.into_iter().filter(|(_, state)| state != "ok").map(|(name, state)| format!("{name}: {state}")).collect()
    }

    /// Drains the service.
    ///
    /// # Panics
    /// When it ends with an error.
    pub async fn stop(self) {
        self.runtime.shutdown.cancel();
        self.task.await.expect("no panic").expect("a clean end");
    }
}
