//! The database: the server, whether it is reached in session mode, its migrations, its clock.

use std::time::Duration;

use chrono::Utc;
use contract::Timestamp;
use sqlx::{ConnectOptions as _, Executor as _, PgConnection, PgPool, Row as _};

use super::{Examined, Finding};

const TOPIC: &str = "PostgreSQL";
/// What the server shows of whom it talks to.
const APPLICATION: &str = "offhook doctor";
/// The oldest server whose SQL we speak: `bytea COMPRESSION lz4`.
const VERSION_MIN: i32 = 140_000;
/// Statements after which a transaction pooler would have given us another session.
const SESSION_TRIES: usize = 3;
/// A clock that is off by so many milliseconds should be set; by so many, signatures are refused.
const CLOCK_MS: (i64, i64) = (2_000, 60_000);

/// What the server says of itself.
struct Server {
    version: String,
    number: i32,
    is_replica: bool,
    /// How far its clock is ahead of ours, in milliseconds, and how exactly that is known.
    ahead_ms: (i64, i64),
}

/// Looks over the database; the pool is usable if it answers.
pub(super) async fn examine(url: Option<&str>, limit: Duration) -> Examined<Option<PgPool>> {
    // An address that is missing or none is a finding of the settings.
    let options = url.and_then(|url| postgres::check_url(url).ok());
    let pool = url.and_then(|url| postgres::connect(url, APPLICATION).ok());
    let (Some(options), Some(pool)) = (options, pool) else {
        return Examined { findings: Vec::new(), usable: None };
    };
    let late = || sqlx::Error::Protocol(format!("no answer within {} s", limit.as_secs()));
    // A connection of its own: a pool tries until its time is up, and then knows no reason.
    let looked = async {
        let mut connection = options.application_name(APPLICATION).connect().await?;
        let server = server(&mut connection).await?;
        sqlx::Result::Ok((server, has_session(&mut connection).await, migrations(&mut connection).await))
    };
    match tokio::time::timeout(limit, looked).await.unwrap_or_else(|_| Err(late())) {
        Ok((server, session, migrated)) => {
            let ahead = clock(TOPIC, server.ahead_ms);
            let findings = vec![of_server(&server), ahead, of_session(session), of_migrations(migrated)];
            Examined { findings, usable: Some(pool) }
        }
        Err(error) => {
            let cure = "start it; compare DATABASE_URL with where it listens and whom it lets in";
            Examined { findings: vec![Finding::red(TOPIC, "server", error.to_string(), cure)], usable: None }
        }
    }
}

async fn server(connection: &mut PgConnection) -> sqlx::Result<Server> {
    let asked = Utc::now();
    let row = sqlx::query(
        "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
                pg_is_in_recovery() AS is_replica, clock_timestamp() AS now",
    );
    let row = row.fetch_one(connection).await?;
    let half = (Utc::now() - asked) / 2;
    let now: Timestamp = row.try_get("now")?;
    Ok(Server {
        version: row.try_get("version")?,
        number: row.try_get("number")?,
        is_replica: row.try_get("is_replica")?,
        ahead_ms: ((now - (asked + half)).num_milliseconds(), half.num_milliseconds()),
    })
}

/// Whether one connection stays one session; behind a transaction pooler statements may land in others.
async fn has_session(connection: &mut PgConnection) -> sqlx::Result<bool> {
    connection.execute("SELECT set_config('offhook.doctor', pg_backend_pid()::text, false)").await?;
    for _ in 0..SESSION_TRIES {
        let same = "SELECT current_setting('offhook.doctor', true) IS NOT DISTINCT FROM pg_backend_pid()::text";
        if !sqlx::query_scalar::<_, bool>(same).fetch_one(&mut *connection).await? {
            return Ok(false);
        }
    }
    // Whoever gets this session from a pooler gets it as it was.
    connection.execute("RESET offhook.doctor").await?;
    Ok(true)
}

/// The versions that were applied; none without their table.
async fn migrations(connection: &mut PgConnection) -> sqlx::Result<Vec<i64>> {
    let exists = "SELECT to_regclass('offhook.migrations') IS NOT NULL";
    if !sqlx::query_scalar::<_, bool>(exists).fetch_one(&mut *connection).await? {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("SELECT version FROM offhook.migrations WHERE success ORDER BY version")
        .fetch_all(connection)
        .await
}

fn of_server(server: &Server) -> Finding {
    let Server { version, number, is_replica, .. } = server;
    if *number < VERSION_MIN {
        return Finding::red(TOPIC, "server", format!("{version} is too old"), "install PostgreSQL 14 or newer");
    }
    if *is_replica {
        let cure = "point DATABASE_URL at the primary";
        return Finding::red(TOPIC, "server", format!("{version}, a replica that takes no writes"), cure);
    }
    Finding::green(TOPIC, "server", format!("{version}, takes writes"))
}

fn of_session(session: sqlx::Result<bool>) -> Finding {
    let cure = "use the direct connection, or the pooler's session mode";
    match session {
        Ok(true) => Finding::green(TOPIC, "session", "one connection is one session"),
        Ok(false) => Finding::red(TOPIC, "session", "statements land in several: a transaction pooler", cure),
        Err(error) => Finding::red(TOPIC, "session", error.to_string(), cure),
    }
}

fn of_migrations(applied: sqlx::Result<Vec<i64>>) -> Finding {
    let applied = match applied {
        Ok(applied) => applied,
        Err(error) => return Finding::red(TOPIC, "migrations", error.to_string(), "run `offhook migrate`"),
    };
    let known = postgres::MIGRATIONS.map(|(version, ..)| version);
    let missing: Vec<String> =
        known.iter().filter(|version| !applied.contains(version)).map(ToString::to_string).collect();
    if !missing.is_empty() {
        let found = format!("not applied: {}", missing.join(", "));
        return Finding::red(TOPIC, "migrations", found, "run `offhook migrate`");
    }
    let newer = applied.iter().filter(|version| !known.contains(version)).count();
    if newer > 0 {
        let found = format!("{newer} are newer than this program");
        return Finding::amber(TOPIC, "migrations", found, "use the newer program, or finish the deploy");
    }
    Finding::green(TOPIC, "migrations", format!("all {} applied", known.len()))
}

/// What a server's clock is worth: so many milliseconds ahead of ours, known to so many exactly.
pub(super) fn clock(topic: &str, (ahead_ms, exact_to_ms): (i64, i64)) -> Finding {
    let found = format!("{ahead_ms} ms ahead of here, give or take {exact_to_ms} ms");
    let off_ms = ahead_ms.abs() - exact_to_ms;
    let cure = "set the clocks by NTP on every machine";
    if off_ms > CLOCK_MS.1 {
        Finding::red(topic, "clock", found, cure)
    } else if off_ms > CLOCK_MS.0 {
        Finding::amber(topic, "clock", found, cure)
    } else {
        Finding::green(topic, "clock", found)
    }
}

#[test]
fn a_clock_is_judged_by_what_is_sure_and_missing_migrations_are_named() {
    use super::finding::Grade;
    let grade = |ahead| clock(TOPIC, ahead).grade;
    assert_eq!([grade((1_900, 0)), grade((-2_001, 0)), grade((60_001, 0))], [Grade::Green, Grade::Amber, Grade::Red]);
    assert_eq!(grade((-9_000, 8_000)), Grade::Green, "asking took long");
    let all: Vec<i64> = postgres::MIGRATIONS.iter().map(|(version, ..)| *version).collect();
    assert_eq!(of_migrations(Ok(all.clone())).grade, Grade::Green);
    assert!(of_migrations(Ok(all[1..].to_vec())).found.ends_with(": 1"));
    assert_eq!(of_migrations(Ok([all, vec![9_999]].concat())).grade, Grade::Amber);
}
