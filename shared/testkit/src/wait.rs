//! Waiting for a condition, with a deadline; the only place where tests let time pass.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take before a test fails; generous, since no test asserts a latency.
pub const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `condition` gives a value.
///
/// # Panics
/// After [`LIMIT`], naming what was waited for.
pub async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {} s: {what}", LIMIT.as_secs());
        sleep(PAUSE).await;
    }
}
