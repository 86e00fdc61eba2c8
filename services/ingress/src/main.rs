//! The `offhook-ingress` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<offhook_ingress::Config, _>(
        offhook_ingress::NAME,
        offhook_ingress::Config::check,
        offhook_ingress::run,
    )
}
