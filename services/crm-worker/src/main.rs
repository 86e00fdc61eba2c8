//! The `offhook-crm-worker` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<offhook_crm_worker::Config, _>(
        offhook_crm_worker::NAME,
        offhook_crm_worker::Config::check,
        offhook_crm_worker::run,
    )
}
