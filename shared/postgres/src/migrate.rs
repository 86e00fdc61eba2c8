//! The migrations of `migrations/`, carried inside the binary.
//!
//! Forward only. Refuses to run over a database whose applied migrations differ from these.

use std::borrow::Cow;

use sqlx::{
    Executor as _, PgPool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

/// Every migration: version, name, SQL. A file that is missing here is not applied; the house test compares.
pub const MIGRATIONS: [(i64, &str, &str); 12] = [
    (1, "orgs", include_str!("../../../migrations/0001_orgs.sql")),
    (2, "log_worker", include_str!("../../../migrations/0002_log_worker.sql")),
    (3, "metrics_worker", include_str!("../../../migrations/0003_metrics_worker.sql")),
    (4, "cache", include_str!("../../../migrations/0004_cache.sql")),
    (5, "invalidate_worker", include_str!("../../../migrations/0005_invalidate_worker.sql")),
    (6, "contact_names", include_str!("../../../migrations/0006_contact_names.sql")),
    (7, "large_bodies", include_str!("../../../migrations/0007_large_bodies.sql")),
    (8, "crm_worker", include_str!("../../../migrations/0008_crm_worker.sql")),
    (9, "refresh_worker", include_str!("../../../migrations/0009_refresh_worker.sql")),
    (10, "appointments_and_messages", include_str!("../../../migrations/0010_appointments_and_messages.sql")),
    (11, "invalidate_worker_tells", include_str!("../../../migrations/0011_invalidate_worker_tells.sql")),
    (12, "contact_names_heard", include_str!("../../../migrations/0012_contact_names_heard.sql")),
];

/// Brings the database up to date; safe to run from several processes at once (advisory lock).
///
/// # Errors
/// When the database is away, a statement fails, or an applied migration was edited.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let all = MIGRATIONS.map(|(version, name, sql)| {
        let sql = sqlx::SqlStr::from_static(sql);
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(all.to_vec());
    // With its schema: a user named like it would else find another table on the second run than on the first.
    migrator.create_schema("offhook");
    migrator.dangerous_set_table_name("offhook.migrations");
    // An older binary beside a newer database is a normal hour of a deploy.
    migrator.set_ignore_missing(true);
    let mut connection = pool.acquire().await.map_err(MigrateError::Execute)?;
    // An index on a large table takes longer than a statement of a service may.
    connection
        .execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        .await
        .map_err(MigrateError::Execute)?;
    let migrated = migrator.run(&mut *connection).await;
    connection.close().await.ok();
    migrated
}
