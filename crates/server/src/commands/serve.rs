//! `aicp serve`

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use aicp_dialects::BodyBudget;
use aicp_dialects::aicp::{self, Options};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::{async_runtime, open_platform, start_vision};
use crate::config::{Config, Listen};
use crate::http::{self, Front};
use crate::{Error, Result, data_dir};

const MIB: usize = 1 << 20;

/// Serves until SIGTERM or SIGINT, then finishes the calls under way.
pub(crate) fn run(config: Config) -> Result<()> {
    async_runtime()?.block_on(serve(config))
}

async fn serve(config: Config) -> Result<()> {
    let begun = Instant::now();
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
    let token = data_dir::admin_token(&config)?;

    let front = Front::new();
    let (stop, stopped) = watch::channel(false);
    let connections = Arc::new(Semaphore::new(config.http.max_connections));
    let mut listeners = JoinSet::new();
    let mut bound: Vec<(SocketAddr, Listen)> = Vec::new();
    for listen in &config.listen {
        let failed = |source| Error::Listen { address: listen.address, source };
        let listener = TcpListener::bind(listen.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listeners.spawn(http::serve(listener, address, front.clone(), Arc::clone(&connections), stopped.clone()));
        bound.push((address, *listen));
    }

    let for_vision = config.clone();
    let vision = tokio::task::spawn_blocking(move || start_vision(&for_vision, None))
        .await
        .map_err(|e| Error::Runtime(std::io::Error::other(e)))??;
    let platform = open_platform(&config, vision, token.token.clone()).await?;
    let budget = BodyBudget::new(config.http.body_memory_mib * MIB);
    let routers = bound.iter().map(|&(address, listen)| {
        let options = Options {
            listener: listen.dialect.into(),
            public_url: config.public_url.clone(),
            local_address: address,
            autocreate_library: config.legacy.autocreate_library,
        };
        (address, aicp::router(platform.clone(), options, budget.clone()))
    });
    front.open(platform.clone(), routers.collect());

    for (address, listen) in &bound {
        tracing::info!(%address, dialect = %listen, "listening");
    }
    tracing::info!(milliseconds = begun.elapsed().as_millis(), "ready");
    if token.is_new {
        // Once, to the terminal of whoever starts the server; it goes into no log.
        let _ = writeln!(std::io::stdout(), "admin token: {}", token.token);
    }

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    let _ = stop.send(true);
    while listeners.join_next().await.is_some() {}
    platform.close().await?;
    Ok(())
}
