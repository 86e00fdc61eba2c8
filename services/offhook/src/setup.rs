//! What has to be there before services run: schema, streams, orgs. Each can be repeated.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use bus::{Bus, BusError};
use serde_json::json;

use crate::{orgs_file, output::Output};

/// For a server that is still starting beside us.
const WAIT_MAX: Duration = Duration::from_secs(30);
const WAIT_PAUSE: Duration = Duration::from_millis(200);

/// `offhook migrate`.
pub(crate) async fn migrate(database_url: &str, output: Output) -> anyhow::Result<()> {
    let pool = postgres::connect(database_url, "offhook migrate")?;
    let deadline = tokio::time::Instant::now() + WAIT_MAX;
    while !postgres::ready(&pool).await && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(WAIT_PAUSE).await;
    }
    postgres::migrate(&pool).await.context("migrate")?;
    pool.close().await;
    output.result("the database is up to date", &json!({ "migrations": postgres::MIGRATIONS.len() }));
    Ok(())
}

/// `offhook streams apply`.
pub(crate) async fn apply_streams(nats_url: &str, replicas: usize, output: Output) -> anyhow::Result<()> {
    let bus = Bus::connect(nats_url, "offhook streams").await?;
    let applied = within(|| bus.apply(replicas)).await.context("streams apply")?;
    for applied in applied {
        let done = if applied.created { "created" } else { "up to date" };
        output.result(
            format_args!("{}: {done}", applied.name),
            &json!({ "name": applied.name, "created": applied.created }),
        );
    }
    bus.close().await;
    Ok(())
}

/// `offhook streams verify`.
pub(crate) async fn verify_streams(nats_url: &str, output: Output) -> anyhow::Result<()> {
    let bus = Bus::connect(nats_url, "offhook streams").await?;
    within(|| bus.verify()).await.context("streams verify")?;
    bus.close().await;
    output.result("server, streams and consumers are as they must be", &json!({ "verified": true }));
    Ok(())
}

/// `offhook orgs apply`.
pub(crate) async fn apply_orgs(file: &Path, nats_url: &str, database_url: &str, output: Output) -> anyhow::Result<()> {
    let orgs = orgs_file::check(file, Output { json: output.json })?;
    let bus = Bus::connect(nats_url, "offhook orgs").await?;
    let pool = postgres::connect(database_url, "offhook orgs")?;
    let bucket = within(|| bus.bucket(orgs::BUCKET)).await?;
    let applied = orgs::apply(&orgs, &pool, &bucket).await?;
    let orgs::Applied { added, changed, removed, unchanged } = applied;
    output.result(
        format_args!("orgs: {added} added, {changed} changed, {removed} removed, {unchanged} unchanged"),
        &applied,
    );
    bus.close().await;
    pool.close().await;
    Ok(())
}

/// Tries while the broker is away, for at most 30 s; what it refuses is an error at once.
pub(crate) async fn within<T>(attempt: impl AsyncFn() -> Result<T, BusError>) -> anyhow::Result<T> {
    let deadline = tokio::time::Instant::now() + WAIT_MAX;
    loop {
        match attempt().await {
            Err(BusError::Unavailable(_)) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(WAIT_PAUSE).await
            }
            result => return Ok(result?),
        }
    }
}
