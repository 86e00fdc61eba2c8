//! The `offhook-log-worker` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<offhook_log_worker::Config, _>(
        offhook_log_worker::NAME,
        offhook_log_worker::Config::check,
        offhook_log_worker::run,
    )
}
