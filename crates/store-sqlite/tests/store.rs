//! The cases of every store, on SQLite.

use std::sync::Arc;

use aicp_store::{Database, Result};
use aicp_store_sqlite::Sqlite;
use aicp_store_tests::Harness;
use async_trait::async_trait;
use tempfile::TempDir;

/// A folder with a database.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }
}

#[async_trait]
impl Harness for Folder {
    async fn open(&self) -> Result<Arc<dyn Database>> {
        Ok(Arc::new(Sqlite::open(self.0.path()).await?))
    }
}

aicp_store_tests::suite!(Folder::new());
