//! `offhook orgs check`: an orgs file, read and found faultless, or every fault told.

use std::path::Path;

use anyhow::{Context as _, bail};
use orgs::Org;

use crate::output::Output;

/// Reads and checks the file.
///
/// # Errors
/// When it can't be read or has faults; the faults are printed.
pub(crate) fn check(file: &Path, output: Output) -> anyhow::Result<Vec<Org>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    match orgs::check(&text) {
        Ok(orgs) => {
            output.result(
                format_args!("{}: {} orgs, no faults", file.display(), orgs.len()),
                &serde_json::json!({ "orgs": orgs.len(), "faults": [] }),
            );
            Ok(orgs)
        }
        Err(faults) => {
            for fault in &faults {
                output.result(format_args!("{}: {fault}", file.display()), fault);
            }
            bail!("{} faults in {}", faults.len(), file.display())
        }
    }
}
