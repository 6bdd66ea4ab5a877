//! Connections to whichever server of the cluster takes writes.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use aicp_store::sql::{DatabaseError, Kind, Result};
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime};
use tokio::sync::mpsc;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;
use crate::connection::{Pooled, message};

/// Maximum number of notifications that wait.
const NOTICES: usize = 64;
/// Wait for a free connection. Callers get "unavailable" then.
const WAIT: Duration = Duration::from_secs(5);
/// Wait for a server to accept a connection, each of the list.
const CONNECT: Duration = Duration::from_secs(5);
/// Time after which a connection without an answer of the other machine is given up.
const SILENCE: Duration = Duration::from_secs(15);
/// Settings of a session. A server ends statements that nobody waits for any more, and transactions whose node is gone: these
/// hold the lock of the writers.
const SESSION: &str = "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '10s';
    SET client_min_messages = 'warning'; SET timezone = 'UTC'";

/// How to reach a database.
#[derive(Debug, Clone)]
pub struct Address {
    config: Config,
}

impl FromStr for Address {
    type Err = Error;

    /// Reads `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?OPTIONS`. Of several hosts, the one that takes writes is used.
    fn from_str(url: &str) -> std::result::Result<Self, Error> {
        // The message of the driver has parts of the text, and so of the password.
        let mut config = Config::from_str(url).map_err(|_| Error::Url)?;
        if config.get_hosts().is_empty() {
            return Err(Error::Url);
        }
        config.target_session_attrs(TargetSessionAttrs::ReadWrite).application_name("aicp");
        config.connect_timeout(CONNECT).tcp_user_timeout(SILENCE);
        config.keepalives(true).keepalives_idle(Duration::from_secs(5)).keepalives_interval(Duration::from_secs(5));
        Ok(Self { config })
    }
}

/// A pool of connections. Clones share it.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: deadpool_postgres::Pool,
    config: Config,
    tls: MakeRustlsConnect,
}

impl Pool {
    /// Creates a pool of at most this many connections. TLS is used as the address says, and trusts the well-known authorities
    /// and those of a file.
    pub fn new(address: &Address, size: usize, authorities: Option<&Path>) -> std::result::Result<Self, Error> {
        let tls = MakeRustlsConnect::new(aicp_trust::client_config_with_file(authorities)?);
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), tls.clone(), manager);
        let prepare = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
        });
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CONNECT * 4))
            .recycle_timeout(Some(WAIT))
            .runtime(Runtime::Tokio1)
            .post_create(prepare)
            .build();
        Ok(Self { connections: pool.map_err(|_| Error::Url)?, config: address.config.clone(), tls })
    }

    /// Opens a connection beside those of the pool. Its notifications arrive at the receiver, which ends with it.
    ///
    /// # Errors
    /// [`Kind::Unavailable`].
    pub async fn session(&self) -> Result<(Client, mpsc::Receiver<String>)> {
        let connecting = tokio::time::timeout(CONNECT * 4, self.config.connect(self.tls.clone()));
        let connected = connecting.await.map_err(|_| no_connection("the database did not answer in time"))?;
        let (client, mut connection) = connected.map_err(|error| no_connection(message(&error)))?;
        // Most say only that there is something new: those that find no room are not missed.
        let (tell, notices) = mpsc::channel(NOTICES);
        tokio::spawn(async move {
            while let Some(Ok(received)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notice) = received {
                    let _ = tell.try_send(notice.payload().to_owned());
                }
            }
        });
        Ok((client, notices))
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] if there is none in time; [`Kind::Closed`] once the pool is closed.
    pub async fn get(&self) -> Result<Pooled> {
        self.connections.get().await.map(Pooled::new).map_err(|error| match error {
            PoolError::Closed => DatabaseError::new(Kind::Closed, "the database is closed"),
            PoolError::Timeout(_) => DatabaseError::new(Kind::Unavailable, "no connection to the database is free"),
            PoolError::Backend(error) => no_connection(message(&error)),
            error => no_connection(error),
        })
    }

    /// Returns the maximum number of connections.
    pub fn max_size(&self) -> usize {
        self.connections.status().max_size
    }

    pub fn close(&self) {
        self.connections.close();
    }
}

fn no_connection(reason: impl Display) -> DatabaseError {
    DatabaseError::new(Kind::Unavailable, format_args!("no connection: {reason}"))
}
