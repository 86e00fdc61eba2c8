//! One PostgreSQL for all tests of a process, and a database of its own for each world.
//!
//! Each database is a copy of a template that was migrated once. The cluster dies with the process; the next one wipes it.

use std::path::{Path, PathBuf};

use servers::{Options, Programs, Servers};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::OnceCell;
use uuid::Uuid;

const TEMPLATE: &str = "template_offhook";

static CLUSTER: OnceCell<Servers> = OnceCell::const_new();

/// The workspace's `.offhook`, where `scripts/install-servers` puts what Debian does not have.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.offhook")
}

pub(crate) fn programs() -> Programs {
    std::fs::create_dir_all(root()).expect("the workspace can be written");
    Programs::find(&root()).expect("the servers are installed (scripts/install-servers does it)")
}

/// The address of a new, migrated database.
pub(crate) async fn database() -> String {
    let cluster = CLUSTER.get_or_init(start).await;
    let name = format!("w_{}", Uuid::now_v7().simple());
    create(&cluster.database_url, &name, TEMPLATE).await;
    with_name(&cluster.database_url, &name)
}

async fn start() -> Servers {
    std::fs::create_dir_all(root()).expect("the workspace can be written");
    let unused = Some("not started".to_owned());
    let options = Options {
        root: root(),
        slot: "tests".to_owned(),
        fresh: true,
        nats_url: unused.clone(),
        database_url: None,
        redis_url: unused,
    };
    let cluster = Servers::start(options).await.expect("PostgreSQL starts");
    // Nothing here has to survive a power cut.
    let mut admin = PgConnection::connect(&cluster.database_url).await.expect("PostgreSQL answers");
    for statement in ["ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"] {
        sqlx::query(statement).execute(&mut admin).await.expect("settings can be changed");
    }
    create(&cluster.database_url, TEMPLATE, "template0").await;
    migrate(&with_name(&cluster.database_url, TEMPLATE)).await;
    cluster
}

/// Migrates the database at `url` and leaves no connection behind, which a template must not have.
pub(crate) async fn migrate(url: &str) {
    let pool = postgres::connect(url, "testkit").expect("a database address");
    postgres::migrate(&pool).await.expect("the migrations apply");
    pool.close().await;
}

async fn create(url: &str, name: &str, template: &str) {
    let mut admin = PgConnection::connect(url).await.expect("PostgreSQL answers");
    let statement = format!("CREATE DATABASE {name} TEMPLATE {template}");
    sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.expect("a database can be made");
}

fn with_name(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("a database address");
    format!("{server}/{name}")
}
