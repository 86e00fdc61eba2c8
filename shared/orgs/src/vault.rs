//! The values of all references in use, as last read.
//!
//! Refuses to forget a secret because its file was lost: it is withdrawn in orgs.toml, not by deleting the file.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use crate::{
    base_url,
    secrets::{SecretError, SecretRef},
};

/// What a reference is read for. Of two needs for one reference the later of these counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// It holds the beginning of a vendor's base URL, and is no secret.
    Address,
    /// Some services need it to answer the org or to reach a vendor; a process whose environment lacks it is none of them.
    Serve,
    /// What arrives for the org is verified with it.
    Verify,
}

/// The references in use and their values.
#[derive(Default)]
pub(crate) struct Vault {
    held: BTreeMap<SecretRef, Held>,
}

struct Held {
    need: Need,
    value: Option<SecretString>,
    /// The last reading failed and that was logged.
    failing: bool,
}

impl Vault {
    /// Holds these references from now on and forgets all others.
    pub(crate) fn want(&mut self, references: impl Iterator<Item = (SecretRef, Need)>) {
        let mut before = std::mem::take(&mut self.held);
        for (reference, need) in references {
            let known = before.remove(&reference);
            let held = self.held.entry(reference).or_insert_with(|| match known {
                Some(known) => Held { need, ..known },
                None => Held { need, value: None, failing: false },
            });
            held.need = held.need.max(need);
        }
    }

    /// Reads what is wanted: files each time, variables once. Says whether any value is another than before. A file that was
    /// read once and now can't be keeps its last value, so a slip of the hand refuses nobody. Blocks on the disk.
    pub(crate) fn read(&mut self) -> bool {
        let mut changed = false;
        for (reference, held) in &mut self.held {
            let settled = matches!(reference, SecretRef::Env(_)) && (held.value.is_some() || held.failing);
            if !settled {
                changed |= held.take(reference);
            }
        }
        changed
    }

    pub(crate) fn get(&self, reference: &SecretRef) -> Option<&SecretString> {
        self.held.get(reference)?.value.as_ref()
    }
}

#[cfg(test)]
impl Vault {
    /// A vault that has read these values.
    pub(crate) fn holding(values: &[(&str, &str)]) -> Self {
        let held = |value: &str| Held { need: Need::Verify, value: Some(value.into()), failing: false };
        Self { held: values.iter().map(|(reference, value)| (reference.parse().unwrap(), held(value))).collect() }
    }
}

impl Held {
    /// Reads the value; whether it is another than before.
    fn take(&mut self, reference: &SecretRef) -> bool {
        match self.read(reference) {
            Ok(new) => {
                let same = self.value.as_ref().is_some_and(|old| old.expose_secret() == new.expose_secret());
                self.failing = false;
                self.value = Some(new);
                !same
            }
            Err(error) => {
                if !self.failing {
                    self.tell(reference, &error);
                }
                self.failing = true;
                false
            }
        }
    }

    fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let value = reference.read()?;
        if self.need == Need::Address {
            base_url::absolute(value.expose_secret())?;
        }
        Ok(value)
    }

    fn tell(&self, reference: &SecretRef, error: &SecretError) {
        let kept = match (self.need, &self.value) {
            (_, Some(_)) => "its last value stays in use",
            (Need::Verify, None) => "it verifies nothing",
            (Need::Serve | Need::Address, None) => "what needs it is out of reach",
        };
        if self.need != Need::Verify && matches!(error, SecretError::NotSet) {
            return tracing::info!(secret.reference = %reference, "{reference} can't be read: {error}; {kept}");
        }
        tracing::warn!(secret.reference = %reference, "secret {reference} can't be read: {error}; {kept}");
        metrics::counter!("offhook_orgs_faults_total", "of" => "secret").increment(1);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, iter, path::Path};

    use super::*;

    fn held(vault: &Vault, reference: &SecretRef) -> Option<String> {
        vault.get(reference).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn a_rotated_file_is_seen_and_a_lost_one_keeps_its_last_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let reference = SecretRef::File(path.clone());
        let wanted = || iter::once((reference.clone(), Need::Verify));
        let mut vault = Vault::default();
        vault.want(wanted());
        assert!(!vault.read());
        assert_eq!(held(&vault, &reference), None);
        fs::write(&path, "one").unwrap();
        assert!(vault.read());
        assert!(!vault.read());
        fs::write(&path, "two").unwrap();
        assert!(vault.read());
        for lost in [|path: &Path| fs::write(path, ""), |path: &Path| fs::remove_file(path)] {
            lost(&path).unwrap();
            vault.want(wanted());
            assert!(!vault.read());
            assert_eq!(held(&vault, &reference).as_deref(), Some("two"));
        }
        vault.want(iter::empty());
        assert!(!vault.read());
        assert_eq!(held(&vault, &reference), None);
    }

    #[test]
    fn the_greater_need_of_a_reference_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        fs::write(&path, "no address").unwrap();
        let reference = SecretRef::File(path);
        let read = |needs: &[Need]| {
            let mut vault = Vault::default();
            vault.want(needs.iter().map(|need| (reference.clone(), *need)));
            vault.read()
        };
        assert!(!read(&[Need::Address]), "it holds no URL");
        assert!(read(&[Need::Serve, Need::Address]));
        assert!(read(&[Need::Address, Need::Verify]));
    }
}
