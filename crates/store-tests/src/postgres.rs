//! Databases for tests on a PostgreSQL server, which `tools/with_postgres.py` starts.

use std::thread;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, NoTls};

/// Variable with the addresses of the servers, separated by spaces.
pub const SERVERS: &str = "AICP_TEST_POSTGRES";

/// A database, without tables at first. Dropping it removes the database.
pub struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// Creates a database on a server, if there is none of this name.
    pub fn create(server: &str, name: &str) -> Self {
        run(server, &format!("CREATE DATABASE {name}"), &SqlState::DUPLICATE_DATABASE);
        Self { server: server.to_owned(), name: name.to_owned() }
    }

    /// Returns the address of the database.
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("a database in the address");
        format!("{server}/{}", self.name)
    }

    /// Runs statements in the database.
    pub fn run(&self, sql: &str) {
        run(&self.url(), sql, &SqlState::SUCCESSFUL_COMPLETION);
    }

    /// Returns whether a condition holds in the database.
    pub fn holds(&self, condition: &str) -> bool {
        let assertion = format!("DO $$ BEGIN ASSERT ({condition}); END $$");
        done(&self.url(), &assertion).map_or_else(
            |error| {
                assert_eq!(error.code(), Some(&SqlState::ASSERT_FAILURE), "{error}");
                false
            },
            |()| true,
        )
    }

    /// Leaves the database on the server.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        run(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name), &SqlState::INVALID_CATALOG_NAME);
    }
}

/// Runs a statement on a server. An error of this kind is none.
fn run(server: &str, sql: &str, ignored: &SqlState) {
    let done = done(server, sql);
    assert!(done.as_ref().err().is_none_or(|error| error.code() == Some(ignored)), "{done:?}");
}

/// Runs a statement on a server, on a thread of its own, as the caller may be on a runtime.
fn done(server: &str, sql: &str) -> Result<(), Error> {
    let (server, sql) = (server.to_owned(), sql.to_owned());
    let runs = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&server, NoTls).await.expect("a server");
            let connection = tokio::spawn(connection);
            let done = client.batch_execute(&sql).await;
            drop(client);
            // The server may end the connection first.
            connection.await.expect("no panic").ok();
            done
        })
    });
    runs.join().expect("run")
}
