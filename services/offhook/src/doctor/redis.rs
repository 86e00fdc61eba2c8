//! Redis: whether it is there, and what it does when it is full.

use std::time::Duration;

use ::cache::{Cache, Parts, RedisError, Settings};

use super::{Finding, until};

const TOPIC: &str = "Redis";

/// Looks over Redis; the cache on it is for whoever asks vendors, within the orgs' budgets.
pub(super) async fn examine(settings: &Settings, limit: Duration) -> (Vec<Finding>, Result<Cache, RedisError>) {
    let redis_url = settings.redis_url.clone().filter(|url| !url.is_empty());
    let is_named = redis_url.is_some();
    let settings = Settings { redis_url, ..settings.clone() };
    let cache = match Cache::start(&settings, Parts::default()) {
        Ok(cache) => cache,
        // The address is a finding of the settings.
        Err(_) => {
            let without = Settings { redis_url: None, ..settings };
            return (Vec::new(), Cache::start(&without, Parts::default()));
        }
    };
    if !is_named {
        return (Vec::new(), Ok(cache));
    }
    let figures = until(limit, async || cache.redis_figures().await.ok_or(())).await;
    let Ok(figures) = figures else {
        let cure = "start it; compare REDIS_URL with where it listens. Until then every answer waits for its origins";
        let found = format!("no connection that takes writes within {} s", limit.as_secs());
        return (vec![Finding::red(TOPIC, "server", found, cure)], Ok(cache));
    };
    let of = |name: &str| figures.get(name).cloned().unwrap_or_else(|| "?".to_owned());
    let found = format!("{}, {} keys, {}", of("redis_version"), of("keys"), of("maxmemory_policy"));
    let is_bounded = figures.get("maxmemory").is_some_and(|max| max != "0");
    let keeps_when_full = is_bounded && of("maxmemory_policy") == "noeviction";
    let finding = if keeps_when_full {
        let cure = "set maxmemory-policy allkeys-lru: a full Redis takes nothing new";
        Finding::amber(TOPIC, "server", format!("{found}: keeps old values when it is full"), cure)
    } else {
        Finding::green(TOPIC, "server", found)
    };
    (vec![finding], Ok(cache))
}
