//! The `offhook-metrics-worker` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<offhook_metrics_worker::Config, _>(
        offhook_metrics_worker::NAME,
        offhook_metrics_worker::Config::check,
        offhook_metrics_worker::run,
    )
}
