//! The `offhook-refresh-worker` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<offhook_refresh_worker::Config, _>(
        offhook_refresh_worker::NAME,
        offhook_refresh_worker::Config::check,
        offhook_refresh_worker::run,
    )
}
