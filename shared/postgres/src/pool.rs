//! The connection pool, with a limit on every wait.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    Executor as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// Connections of one service; two batches in hand and the odd look beside them.
const CONNECTIONS_MAX: u32 = 8;
/// Waiting for a free connection, connecting included.
const ACQUIRE_MAX: Duration = Duration::from_secs(5);
/// The server's own limits: on one statement (under the worker's 20 s), and on a transaction that waits for us, so that
/// a frozen worker holds no locks. Set after connecting, since session poolers refuse them as start-up parameters.
const SESSION_LIMITS: &str = "SET statement_timeout = '15s'; SET idle_in_transaction_session_timeout = '15s'";
/// One probe of the server.
const READY_MAX: Duration = Duration::from_secs(2);
/// Supavisor's and PgBouncer's customary ports for transaction pooling.
const POOLER_PORTS: [u16; 2] = [6543, 6432];

/// A `DATABASE_URL` that must not be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Not a connection string.
    #[error("DATABASE_URL: {0}")]
    Unreadable(#[source] sqlx::Error),
    /// The address of something else.
    #[error("DATABASE_URL does not begin with postgres://")]
    NotPostgres,
    /// A transaction pooler: sqlx prepares named statements, and behind such a pooler they return other sessions' rows.
    #[error("DATABASE_URL: port {0} is a transaction pooler's; use the direct connection or session mode (5432)")]
    TransactionPooler(u16),
}

/// A pool on `url`; connects when first used, so that a service starts while its database is away.
///
/// # Errors
/// When the URL is unreadable or names a transaction pooler's port.
pub fn connect(url: &str, application: &str) -> Result<PgPool, DatabaseUrlError> {
    let options = check_url(url)?;
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_MAX);
    let pool = pool
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SESSION_LIMITS).await.map(|_| ()) }));
    Ok(pool.connect_lazy_with(options.application_name(application)))
}

/// Whether `url` may be used at all; connects to nothing.
///
/// # Errors
/// See [`DatabaseUrlError`].
pub fn check_url(url: &str) -> Result<PgConnectOptions, DatabaseUrlError> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(DatabaseUrlError::NotPostgres);
    }
    let options = PgConnectOptions::from_str(url).map_err(DatabaseUrlError::Unreadable)?;
    if POOLER_PORTS.contains(&options.get_port()) {
        return Err(DatabaseUrlError::TransactionPooler(options.get_port()));
    }
    Ok(options)
}

/// Whether the database answers within 2 s.
pub async fn ready(pool: &PgPool) -> bool {
    let probe = sqlx::query("SELECT 1").execute(pool);
    matches!(tokio::time::timeout(READY_MAX, probe).await, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_pooler_is_refused_and_a_direct_connection_is_not() {
        for port in POOLER_PORTS {
            let refused = check_url(&format!("postgres://u@host:{port}/db"));
            assert!(matches!(refused, Err(DatabaseUrlError::TransactionPooler(found)) if found == port));
        }
        assert!(check_url("postgres://u@host:5432/db").is_ok());
        assert!(matches!(check_url("postgres://host:port/db"), Err(DatabaseUrlError::Unreadable(_))));
        assert!(matches!(check_url("mysql://host/db"), Err(DatabaseUrlError::NotPostgres)));
    }
}
