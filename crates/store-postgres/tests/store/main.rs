//! The cases of every store, on PostgreSQL: on the first and the last server that `tools/with_postgres.py` has started, which are the
//! newest and the oldest version.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aicp_store::{Database, Result};
use aicp_store_postgres::{Error, Options, Postgres};
use aicp_store_tests::Harness;
use aicp_store_tests::postgres::{SERVERS, TestDatabase};
use async_trait::async_trait;

mod nodes;
mod tls;

/// A database of a server, without tables at first.
struct Empty(TestDatabase);

impl Empty {
    /// Creates a database on the newest server.
    fn on_newest() -> Self {
        Self::on(servers().first().expect("one at least"))
    }

    /// Creates a database on the oldest server.
    fn on_oldest() -> Self {
        Self::on(servers().last().expect("one at least"))
    }

    fn on(server: &str) -> Self {
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
        Self(TestDatabase::create(server, &name))
    }
}

/// Returns the addresses of the servers, the newest first.
fn servers() -> Vec<String> {
    let servers = std::env::var(SERVERS).expect("run this by `make test`, or below tools/with_postgres.py");
    servers.split(' ').map(str::to_owned).collect()
}

#[async_trait]
impl Harness for Empty {
    async fn open(&self) -> Result<Arc<dyn Database>> {
        let address = self.0.url().parse().expect("an address");
        match Postgres::open(&Options {
            address,
            connections: 6,
            authorities: None,
            told: Arc::new(|| {}),
            waits_for_nodes: true,
        })
        .await
        {
            Ok(database) => Ok(Arc::new(database)),
            Err(Error::Store(error)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    }
}

mod newest {
    aicp_store_tests::suite!(crate::Empty::on_newest());
}

mod oldest {
    aicp_store_tests::suite!(crate::Empty::on_oldest());
}
