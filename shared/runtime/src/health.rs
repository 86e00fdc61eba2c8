//! Whether this process would serve, and if not, why.
//!
//! Alive is not ready: `/healthz` only says that the process answers.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::RwLock;

type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The checks of all services in this process; cheap to clone.
#[derive(Clone, Default)]
pub struct Health(Arc<RwLock<BTreeMap<String, Check>>>);

impl Health {
    /// Not ready until `service` has added a check of its own: a process that is only starting serves nobody.
    pub fn expect(&self, service: &str) {
        let (checks, prefix) = (Arc::downgrade(&self.0), format!("{service}."));
        self.check(service, move || {
            let checks = checks.upgrade();
            let started =
                checks.is_some_and(|checks| checks.read_recursive().keys().any(|name| name.starts_with(&prefix)));
            if started { Ok(()) } else { Err("starting".to_owned()) }
        });
    }

    /// Adds a check named `service.part`; it must answer from memory, at once.
    pub fn check(&self, name: &str, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.0.write().insert(name.to_owned(), Box::new(check));
    }

    /// Every check with its reason for not being ready, or `ok`.
    #[must_use]
    pub fn report(&self) -> (bool, BTreeMap<String, String>) {
        let results: BTreeMap<_, _> =
            self.0.read_recursive().iter().map(|(name, check)| (name.clone(), check())).collect();
        let ready = results.values().all(Result::is_ok);
        (
            ready,
            results.into_iter().map(|(name, result)| (name, result.err().unwrap_or_else(|| "ok".to_owned()))).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_each_service_has_started_and_none_objects() {
        let health = Health::default();
        health.expect("ingress");
        assert_eq!(health.report(), (false, BTreeMap::from([("ingress".to_owned(), "starting".to_owned())])));
        health.check("ingress.broker", || Err("away".to_owned()));
        assert_eq!(health.report().1["ingress.broker"], "away");
        health.check("ingress.broker", || Ok(()));
        assert!(health.report().0);
    }
}
