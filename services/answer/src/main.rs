//! The `offhook-answer` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<answer::Config, _>(answer::NAME, answer::Config::check, answer::run)
}
