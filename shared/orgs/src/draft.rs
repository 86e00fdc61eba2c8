//! Folds what a watch of the bucket tells into the set of orgs.
//!
//! Refuses an org that can't be read: the last one that could stays. Refuses to show half of a watch's first part.

use std::{collections::BTreeMap, sync::Arc};

use bus::Change;
use contract::OrgId;

use crate::model::Org;

/// All orgs at one moment; a clone is cheap.
pub(crate) type Orgs = Arc<BTreeMap<OrgId, Arc<Org>>>;

/// The orgs as far as they were told.
#[derive(Default)]
pub(crate) struct Draft {
    orgs: Orgs,
    /// What the present watch has told so far, while it has not told everything.
    arriving: Option<BTreeMap<OrgId, Arc<Org>>>,
}

impl Draft {
    /// Begins with what a snapshot gave, if it gave anything.
    pub(crate) fn of(orgs: Option<Orgs>) -> Self {
        Self { orgs: orgs.unwrap_or_default(), arriving: None }
    }

    /// A new watch begins. When it has told everything, that replaces what is known: an org removed meanwhile disappears.
    pub(crate) fn begin(&mut self) {
        self.arriving = Some(BTreeMap::new());
    }

    /// The orgs, complete as of the last moment at which they were.
    pub(crate) fn orgs(&self) -> Orgs {
        self.orgs.clone()
    }

    /// Takes one change; whether [`Draft::orgs`] may have changed with it.
    pub(crate) fn fold(&mut self, change: Change) -> bool {
        match change {
            Change::Put { key, value } => match read(&key, &value) {
                Ok(org) => drop(self.telling().insert(org.id.clone(), Arc::new(org))),
                Err(error) => {
                    tracing::error!(
                        org = key,
                        "org {key} in the bucket can't be read, its last readable state stays: {error}"
                    );
                    metrics::counter!("offhook_orgs_faults_total", "of" => "org").increment(1);
                    self.keep(&key);
                }
            },
            Change::Deleted { key } => {
                if let Ok(id) = key.parse::<OrgId>() {
                    self.telling().remove(&id);
                }
            }
            Change::Current => {
                if let Some(all) = self.arriving.take() {
                    self.orgs = Arc::new(all);
                }
            }
        }
        self.arriving.is_none()
    }

    /// The set that changes go to now.
    fn telling(&mut self) -> &mut BTreeMap<OrgId, Arc<Org>> {
        self.arriving.as_mut().unwrap_or_else(|| Arc::make_mut(&mut self.orgs))
    }

    /// The watch names this org, unreadably: what is known of it survives the watch's first part.
    fn keep(&mut self, key: &str) {
        if let Ok(id) = key.parse::<OrgId>()
            && let Some(known) = self.orgs.get(&id)
            && let Some(arriving) = &mut self.arriving
        {
            arriving.entry(id).or_insert_with(|| known.clone());
        }
    }
}

fn read(key: &str, value: &[u8]) -> Result<Org, String> {
    let org: Org = serde_json::from_slice(value).map_err(|error| error.to_string())?;
    if org.id.as_str() == key { Ok(org) } else { Err(format!("it calls itself {}", org.id)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, name: &str) -> Change {
        Change::Put { key: key.into(), value: format!(r#"{{"id":"{key}","name":"{name}"}}"#).into() }
    }

    fn garbled(key: &str) -> Change {
        Change::Put { key: key.into(), value: "{".into() }
    }

    fn deleted(key: &str) -> Change {
        Change::Deleted { key: key.into() }
    }

    fn told(draft: &mut Draft, changes: impl IntoIterator<Item = Change>) -> Vec<String> {
        for change in changes {
            draft.fold(change);
        }
        draft.orgs().values().map(|org| format!("{}={}", org.id, org.name)).collect()
    }

    #[test]
    fn nothing_shows_before_the_first_part_is_whole() {
        let mut draft = Draft::default();
        draft.begin();
        assert!(!draft.fold(put("a", "A")));
        assert!(draft.orgs().is_empty());
        assert!(draft.fold(Change::Current));
        assert_eq!(told(&mut draft, []), ["a=A"]);
    }

    #[test]
    fn later_changes_show_at_once() {
        let mut draft = Draft::default();
        draft.begin();
        assert_eq!(told(&mut draft, [put("a", "A"), Change::Current, put("b", "B"), put("a", "A2")]), ["a=A2", "b=B"]);
        assert_eq!(told(&mut draft, [deleted("a"), deleted("never"), deleted("Not An Org")]), ["b=B"]);
    }

    #[test]
    fn an_org_deleted_while_the_watch_was_down_disappears_with_the_next_one() {
        let mut draft = Draft::default();
        draft.begin();
        told(&mut draft, [put("a", "A"), put("b", "B"), Change::Current]);
        draft.begin();
        assert_eq!(told(&mut draft, [put("b", "B2")]), ["a=A", "b=B"]);
        assert_eq!(told(&mut draft, [Change::Current]), ["b=B2"]);
    }

    #[test]
    fn a_watch_that_broke_in_its_first_part_changes_nothing() {
        let mut draft = Draft::default();
        draft.begin();
        told(&mut draft, [put("a", "A"), Change::Current]);
        draft.begin();
        told(&mut draft, [put("x", "X")]);
        draft.begin();
        assert_eq!(told(&mut draft, [put("a", "A"), Change::Current]), ["a=A"]);
    }

    #[test]
    fn an_unreadable_org_keeps_its_last_readable_state() {
        let mut draft = Draft::default();
        draft.begin();
        told(&mut draft, [put("a", "A"), Change::Current]);
        assert_eq!(told(&mut draft, [garbled("a"), garbled("b")]), ["a=A"]);
        draft.begin();
        assert_eq!(told(&mut draft, [garbled("a"), garbled("b"), Change::Current]), ["a=A"]);
    }

    #[test]
    fn an_org_under_a_foreign_key_is_unreadable() {
        let mut draft = Draft::default();
        draft.begin();
        let stolen = Change::Put { key: "b".into(), value: r#"{"id":"a","name":"A"}"#.into() };
        assert!(told(&mut draft, [stolen, Change::Current]).is_empty());
    }

    #[test]
    fn an_empty_bucket_is_known_to_be_empty() {
        let mut draft = Draft::default();
        draft.begin();
        assert!(draft.fold(Change::Current));
        assert!(draft.orgs().is_empty());
    }
}
