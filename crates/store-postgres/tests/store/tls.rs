//! Connections with TLS, to the server that `tools/with_postgres.py` has started with a certificate of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aicp_store::Database;
use aicp_store_postgres::{Options, Postgres};
use aicp_store_tests::postgres::TestDatabase;

fn variable(name: &str) -> String {
    std::env::var(name).expect("run this by `make test`, or below tools/with_postgres.py")
}

fn database() -> TestDatabase {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let name = format!("tls_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
    TestDatabase::create(&variable("AICP_TEST_POSTGRES_TLS"), &name)
}

fn options(url: &str, authorities: Option<PathBuf>) -> Options {
    let address = url.parse().expect("an address");
    Options { address, connections: 4, authorities, told: Arc::new(|| {}), waits_for_nodes: true }
}

fn roots() -> Option<PathBuf> {
    Some(PathBuf::from(variable("AICP_TEST_POSTGRES_ROOTS")))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_is_encrypted_where_that_is_required() {
    let database = database();
    let store =
        Postgres::open(&options(&format!("{}?sslmode=require", database.url()), roots())).await.expect("it opens");
    // Fails unless every session of the database is, but the one that asks.
    database.run(
        "DO $$ BEGIN
             ASSERT (SELECT COUNT(*) > 1 AND COUNT(*) FILTER (WHERE NOT ssl) = 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE datname = current_database() AND pid <> pg_backend_pid());
         END $$",
    );
    store.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_certificate_is_refused() {
    let database = database();
    for mode in ["?sslmode=require", "?sslmode=prefer", ""] {
        let opened = Postgres::open(&options(&format!("{}{mode}", database.url()), None)).await;
        let told = opened.map(drop).expect_err("nobody has signed the certificate").to_string();
        assert!(told.contains("certificate"), "{mode}: {told}");
    }
    let store = Postgres::open(&options(&format!("{}?sslmode=disable", database.url()), None)).await.expect("it opens");
    store.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_that_is_required() {
    let servers = crate::servers();
    let url = format!("{}?sslmode=require", servers.first().expect("one at least"));
    let told = Postgres::open(&options(&url, roots())).await.map(drop).expect_err("it has none").to_string();
    assert!(told.to_lowercase().contains("tls"), "{told}");
}
