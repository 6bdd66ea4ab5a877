//! `aicp serve`

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use aicp_api::{About, Api};
use aicp_dialects::{Options, Site, aicp};
use aicp_platform::Platform;
use aicp_requests::{AddressRate, AnswerBudget, BodyBudget, Interface, Interfaces, Shared};
use aicp_types::{Clock, SystemClock};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::{async_runtime, begin_vision, models, open_platform, wait_for_vision};
use crate::clock;
use crate::config::{Config, Listen, Live, Service};
use crate::connections::Connections;
use crate::console::Console;
use crate::control::ControlSocket;
use crate::data_dir::AdminToken;
use crate::http::{self, Listener, Local, RequestHandler};
use crate::limits::ConnectionLimits;
use crate::proxies::Proxies;
use crate::tls::{self, Tls};
use crate::{Error, Result, data_dir, logging, metrics, process, traces};

const MIB: usize = 1 << 20;
/// Length in characters below which an admin token causes a warning.
const MIN_TOKEN_CHARS: usize = 16;
/// Maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 4096;

/// Runs the server until SIGTERM or SIGINT, then finishes the calls in progress.
pub(crate) fn run(live: Arc<Live>, force_new: bool) -> Result<()> {
    data_dir::check_parts(live.base(), force_new)?;
    let about = About {
        models: models::shown()?,
        node_name: process::node_name(),
        started_at: SystemClock.now(),
        usage: process::usage,
        last_backup: metrics::last_backup,
    };
    async_runtime()?.block_on(serve(live, Arc::new(about)))
}

/// Opens the store and fills the galleries while the networks are loaded.
async fn load(live: &Arc<Live>, admin_token: &AdminToken) -> Result<Platform> {
    let config = live.base();
    let for_vision = config.clone();
    let starting = on_blocking_thread(move || begin_vision(&for_vision, None)).await?;
    let vision = starting.vision().with_limits(config.vision.time_limits());
    let opened = open_platform(live, vision, admin_token, true).await;
    // Awaited even on failure: the process must not end while libraries are being loaded.
    let loaded = on_blocking_thread(move || wait_for_vision(starting)).await;
    let platform = opened?;
    match loaded {
        Ok(_) => Ok(platform),
        Err(e) => {
            platform.close().await?;
            Err(e)
        }
    }
}

async fn on_blocking_thread<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(job).await.map_err(|e| Error::Runtime(std::io::Error::other(e)))?
}

/// Opens a listening socket with a backlog for bursts of connections.
fn listener_at(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Builds the dialect options of one listener.
fn options(config: &Config, address: SocketAddr, dialect: aicp::Listener, is_encrypted: bool) -> Options {
    Options {
        site: Site {
            public_url: config.public_url.clone(),
            local_address: address,
            is_encrypted,
            face_url_lifetime: config.links.lifetime(),
        },
        aicp: aicp::Options { listener: dialect, legacy: config.legacy.clone(), face_api: config.face_api.clone() },
        jdcloud: config.jdcloud.clone(),
        linkvisual: config.linkvisual.clone(),
        tencent_im: config.tencent_im.clone(),
    }
}

async fn serve(live: Arc<Live>, about: Arc<About>) -> Result<()> {
    // What listeners and interfaces are made of changes with a restart only.
    let config = live.base();
    config.refuse_open_network()?;
    metrics::start(&config.data_dir)?;
    let traces = traces::start(&config.tracing)?;
    let begun = Instant::now();
    let limits = ConnectionLimits::new(&config.http)?;
    live.follow_with_limits(limits.clone());
    let proxies = Proxies::new(&config.http);
    let rate = AddressRate::default();
    live.follow_with_address_rate(rate.clone());
    let connections = Connections::new(limits, proxies.clone());
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
    let token = data_dir::admin_token(config)?;

    let tls = Tls::load(&config.tls)?;
    let is_encrypted = |listen: Listen| tls.as_ref().is_some_and(|tls| tls.acceptor(listen.encryption).is_some());
    let front = RequestHandler::new(proxies, config.http.proxy_protocol, connections);
    let (stop, stopped) = watch::channel(false);
    let tls_watch = tls::watch(tls.clone())?;
    let mut listeners = JoinSet::new();
    let mut bound: Vec<(SocketAddr, Listen)> = Vec::new();
    for listen in &config.listen {
        let failed = |source| Error::Listen { address: listen.address, source };
        let listener = listener_at(listen.address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let tls = tls.clone().map(|tls| (tls, listen.encryption));
        let local = Local { address, is_for_metrics: listen.service == Service::Metrics };
        listeners.spawn(http::serve(Listener { listener, local, tls }, front.clone(), stopped.clone()));
        bound.push((address, *listen));
    }

    let platform = tokio::select! {
        loaded = load(&live, &token) => loaded?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    if let Err(e) = platform.sweep_job_files().await {
        tracing::warn!(error = %e, "files of jobs that have ended can't be deleted");
    }
    let shared = Shared {
        platform: platform.clone(),
        bodies: BodyBudget::new(config.http.body_memory_mib * MIB),
        answers: AnswerBudget::default(),
    };
    let has_secure_url = config.public_url.as_deref().is_some_and(|url| url.starts_with("https:"));
    let interfaces = bound.iter().filter_map(|&(address, listen)| {
        let Service::Calls(dialect) = listen.service else { return None };
        let is_encrypted = is_encrypted(listen);
        let api = Api::new(shared.clone(), &config.api, has_secure_url || is_encrypted, Arc::clone(&about));
        let mut all: Vec<Box<dyn Interface>> = vec![Box::new(api)];
        let mut dialects = aicp_dialects::interfaces(shared.clone(), options(config, address, dialect, is_encrypted));
        let last = dialects.pop();
        all.extend(dialects);
        all.push(Box::new(Console));
        all.extend(last);
        Some((address, Interfaces::new(all).limited_by(rate.clone())))
    });
    let interfaces: Vec<_> = interfaces.collect();
    let for_control = interfaces.first().map(|(_, interfaces)| interfaces.clone()).unwrap_or_default();
    front.open(platform.clone(), interfaces);
    let control = ControlSocket::open(data_dir::control_socket(config), platform.clone(), for_control);

    let caretaker = platform.start_engine_monitor();
    let judging = platform.start_judging_faces();
    let gallery_files = platform.start_gallery_files();
    let jobs = platform.start_jobs();
    let webhooks = platform.start_webhooks(aicp_api::event_json);
    for (address, listen) in &bound {
        tracing::info!(%address, dialect = %listen, tls = is_encrypted(*listen), "listening");
    }
    tracing::info!(milliseconds = begun.elapsed().as_millis(), "ready");
    match (&config.admin_token, token.is_new) {
        (Some(_), _) if token.token.len() < MIN_TOKEN_CHARS => {
            tracing::warn!(
                characters = MIN_TOKEN_CHARS,
                "the admin token is short and can be guessed: set a longer one"
            );
        }
        (Some(_), _) => {}
        // Printed once, to stdout; logs go to stderr.
        (None, true) => drop(writeln!(std::io::stdout(), "admin token: {}", token.token)),
        (None, false) => tracing::info!(file = %data_dir::token_file(config).display(), "the admin token is in"),
    }

    let watches = [clock::watch(), logging::watch(), metrics::watch(), tls_watch];
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    watches.iter().for_each(JoinHandle::abort);
    tracing::info!("stopping");
    let _ = stop.send(true);
    platform.end_event_streams();
    while listeners.join_next().await.is_some() {}
    drop(control);
    caretaker.close().await;
    judging.close().await;
    jobs.close().await;
    webhooks.close().await;
    gallery_files.close().await;
    platform.close().await?;
    if let Some(traces) = traces {
        traces.close().await;
    }
    Ok(())
}
