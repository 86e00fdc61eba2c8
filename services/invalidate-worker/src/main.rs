//! The `offhook-invalidate-worker` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<offhook_invalidate_worker::Config, _>(
        offhook_invalidate_worker::NAME,
        offhook_invalidate_worker::Config::check,
        offhook_invalidate_worker::run,
    )
}
