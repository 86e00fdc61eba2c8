//! The `offhook-sandbox` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<offhook_sandbox::Config, _>(
        offhook_sandbox::NAME,
        offhook_sandbox::Config::check,
        offhook_sandbox::run,
    )
}
