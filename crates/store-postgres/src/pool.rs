//! Connections to whichever server of the cluster takes writes.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use aicp_store::sql::{DatabaseError, Kind, Result};
use deadpool_postgres::{Connect, Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;
use crate::connection::{Pooled, message};

/// Maximum number of notifications that wait.
const NOTICES: usize = 64;
/// Wait for a free connection. Callers get "unavailable" then.
const WAIT: Duration = Duration::from_secs(5);
/// Wait for a server, each of the list, until a connection may be used: one that hangs may still accept them.
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

/// The servers of a database, one of which takes writes.
#[derive(Clone)]
struct Servers {
    /// One for each, in their order.
    configs: Vec<Config>,
    tls: MakeRustlsConnect,
}

impl Servers {
    /// Connects to the first one that answers in time and takes writes; `None` if none answered in time, else the last error.
    async fn try_all(&self) -> std::result::Result<Connected, Option<tokio_postgres::Error>> {
        let mut last = None;
        for config in &self.configs {
            match tokio::time::timeout(CONNECT, config.connect(self.tls.clone())).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {}
            }
        }
        Err(last)
    }

    fn longest_wait(&self) -> Duration {
        CONNECT * u32::try_from(self.configs.len()).unwrap_or(u32::MAX)
    }
}

/// A client, and the connection that works for it.
type Connected = (Client, Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>);

impl Connect for Servers {
    fn connect(
        &self,
        _: &Config,
    ) -> BoxFuture<'_, std::result::Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        async move {
            match self.try_all().await {
                Ok((client, connection)) => Ok((client, tokio::spawn(async move { drop(connection.await) }))),
                Err(Some(error)) => Err(error),
                // The pool stops to wait.
                Err(None) => std::future::pending().await,
            }
        }
        .boxed()
    }
}

/// Returns the configuration for each server of a list.
fn one_by_one(config: &Config) -> Vec<Config> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let of_host = |(place, host): (usize, &Host)| {
        let mut one = Config::new();
        one.ssl_mode(config.get_ssl_mode()).ssl_negotiation(config.get_ssl_negotiation());
        one.channel_binding(config.get_channel_binding()).target_session_attrs(config.get_target_session_attrs());
        one.keepalives(config.get_keepalives()).keepalives_idle(config.get_keepalives_idle());
        config.get_user().map(|user| one.user(user));
        config.get_password().map(|password| one.password(password));
        config.get_dbname().map(|name| one.dbname(name));
        config.get_options().map(|options| one.options(options));
        config.get_application_name().map(|name| one.application_name(name));
        config.get_connect_timeout().map(|wait| one.connect_timeout(*wait));
        config.get_tcp_user_timeout().map(|wait| one.tcp_user_timeout(*wait));
        config.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
        config.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
        match host {
            Host::Tcp(name) => one.host(name),
            Host::Unix(path) => one.host_path(path),
        };
        addresses.get(place).map(|address| one.hostaddr(*address));
        ports.get(place).or(ports.first()).map(|port| one.port(*port));
        one
    };
    hosts.iter().enumerate().map(of_host).collect()
}

/// A pool of connections. Clones share it.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: deadpool_postgres::Pool,
    servers: Servers,
}

impl Pool {
    /// Creates a pool of at most this many connections. TLS is used as the address says, and trusts the well-known authorities
    /// and those of a file.
    pub fn new(address: &Address, size: usize, authorities: Option<&Path>) -> std::result::Result<Self, Error> {
        let tls = MakeRustlsConnect::new(aicp_trust::client_config_with_file(authorities)?);
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let servers = Servers { configs: one_by_one(&address.config), tls };
        let manager = Manager::from_connect(address.config.clone(), servers.clone(), manager);
        let prepare = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move {
                let prepared = tokio::time::timeout(WAIT, client.batch_execute(SESSION)).await;
                prepared
                    .map_err(|_| HookError::message("the database did not answer in time"))?
                    .map_err(HookError::Backend)
            })
        });
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(servers.longest_wait() + WAIT))
            .recycle_timeout(Some(WAIT))
            .runtime(Runtime::Tokio1)
            .post_create(prepare)
            .build();
        Ok(Self { connections: pool.map_err(|_| Error::Url)?, servers })
    }

    /// Opens a connection beside those of the pool. Its notifications arrive at the receiver, which ends with it.
    ///
    /// # Errors
    /// [`Kind::Unavailable`].
    pub async fn session(&self) -> Result<(Client, mpsc::Receiver<String>)> {
        let (client, mut connection) = self.servers.try_all().await.map_err(|error| match error {
            Some(error) => no_connection(message(&error)),
            None => no_connection("the database did not answer in time"),
        })?;
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

    /// Closes the connections that nobody uses: their server may be gone without a word.
    pub fn forget_idle(&self) {
        self.connections.retain(|_, _| false);
    }

    pub fn close(&self) {
        self.connections.close();
    }
}

fn no_connection(reason: impl Display) -> DatabaseError {
    DatabaseError::new(Kind::Unavailable, format_args!("no connection: {reason}"))
}
