//! The orgs on disk, so that a service boots without the broker.
//!
//! Holds what the bucket holds: no secrets. Refuses to leave a half-written file under its name.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use bus::Change;
use contract::OrgId;
use serde_json::value::RawValue;
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use crate::{
    draft::{Draft, Orgs},
    live::Known,
    model::Org,
};

/// At most one write per second: an apply of many orgs is one write, not thousands.
const PAUSE: Duration = Duration::from_secs(1);
/// After a failed write: a full disk is not freed by asking often.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// What the snapshot holds; `None` without one or with a corrupt one, which is logged. An org that can't be read is left out.
/// Blocks on the disk.
pub(crate) fn load(path: &Path) -> Option<Orgs> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return ignored(path, &error),
    };
    let values: BTreeMap<&str, &RawValue> = match serde_json::from_str(&text) {
        Ok(values) => values,
        Err(error) => return ignored(path, &error),
    };
    let mut draft = Draft::default();
    for (key, value) in values {
        draft.fold(Change::Put { key: key.to_owned(), value: value.get().to_owned().into() });
    }
    Some(draft.orgs())
}

fn ignored(path: &Path, error: &dyn std::error::Error) -> Option<Orgs> {
    tracing::error!(path = %path.display(), "snapshot of the orgs ignored, waiting for the broker instead: {error}");
    metrics::counter!("offhook_orgs_faults_total", "of" => "snapshot").increment(1);
    None
}

/// Puts the orgs in place of the file: a crash at any moment leaves the old one or the new one. Blocks on the disk.
pub(crate) fn save(path: &Path, orgs: &Orgs) -> io::Result<()> {
    let values: BTreeMap<&OrgId, &Org> = orgs.iter().map(|(id, org)| (id, org.as_ref())).collect();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // A name of its own: ingress and answer may keep the same snapshot, from one process or two.
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{:016x}.tmp", RandomState::new().hash_one(path)));
    let written = write(Path::new(&draft), &serde_json::to_vec(&values)?).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Saves the orgs whenever they are complete and other than before. Ends with the sender.
pub(crate) async fn keep(path: PathBuf, mut known: watch::Receiver<Known>) {
    let mut saved: Option<Orgs> = None;
    let mut failing = false;
    loop {
        let Some(orgs) = ({
            let known = known.borrow_and_update();
            known.orgs.clone().filter(|orgs| known.current && saved.as_ref() != Some(orgs))
        }) else {
            if known.changed().await.is_err() {
                return;
            }
            continue;
        };
        let (target, writing) = (path.clone(), orgs.clone());
        match spawn_blocking(move || save(&target, &writing)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
        {
            Ok(()) => {
                (saved, failing) = (Some(orgs), false);
                sleep(PAUSE).await;
            }
            Err(error) => {
                if !failing {
                    tracing::error!(path = %path.display(), "snapshot of the orgs can't be written, trying on: {error}");
                }
                metrics::counter!("offhook_orgs_faults_total", "of" => "snapshot").increment(1);
                failing = true;
                sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn orgs(names: &[&str]) -> Orgs {
        let org =
            |name: &&str| -> Org { serde_json::from_value(serde_json::json!({ "id": name, "name": name })).unwrap() };
        Arc::new(names.iter().map(org).map(|org| (org.id.clone(), Arc::new(org))).collect())
    }

    #[test]
    fn what_was_saved_is_loaded_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/orgs.json");
        for set in [orgs(&["a", "b"]), orgs(&["b"]), orgs(&[])] {
            save(&path, &set).unwrap();
            assert_eq!(load(&path), Some(set));
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_or_corrupt_snapshot_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orgs.json");
        assert_eq!(load(&path), None);
        save(&path, &orgs(&["a", "b"])).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(load(&path), None, "cut at {cut}");
        }
        fs::write(&path, b"\xff\xfe").unwrap();
        assert_eq!(load(&path), None);
    }

    #[test]
    fn one_unreadable_org_does_not_cost_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orgs.json");
        fs::write(&path, r#"{"a":{"id":"a","name":"a"},"b":{"id":"b","name":7}}"#).unwrap();
        assert_eq!(load(&path), Some(orgs(&["a"])));
    }

    #[test]
    fn a_write_that_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orgs.json");
        fs::create_dir(&path).unwrap();
        assert!(save(&path, &orgs(&["a"])).is_err(), "a folder is in the way");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_services_may_keep_one_snapshot() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orgs.json");
        let set = orgs(&["a", "b"]);
        std::thread::scope(|scope| {
            let keepers = [0, 1].map(|_| scope.spawn(|| (0..50).try_for_each(|_| save(&path, &set))));
            keepers.into_iter().for_each(|keeper| keeper.join().unwrap().unwrap());
        });
        assert_eq!(load(&path), Some(set));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn only_complete_sets_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orgs.json");
        let (sender, receiver) = watch::channel(Known { orgs: Some(orgs(&["half"])), current: false });
        let keeper = tokio::spawn(keep(path.clone(), receiver));
        tokio::task::yield_now().await;
        sender.send_replace(Known { orgs: Some(orgs(&["a"])), current: true });
        let kept = async {
            loop {
                match load(&path) {
                    Some(kept) => return kept,
                    None => sleep(Duration::from_millis(1)).await,
                }
            }
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(10), kept).await.unwrap(), orgs(&["a"]));
        keeper.abort();
    }
}
