use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use docdb_engine::{Engine, Host};
use docdb_ipc::{FrameLimit, ServerCodec};
use docdb_scheduler::Scheduler;
use docdb_types::{Code, Error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::access::Guard;
use crate::counters::Counters;
use crate::error::StartError;
use crate::http::{HttpListener, Watched};
use crate::listener::{Peers, SocketFile, accept, accept_tcp, listen, serve};
use crate::metrics::{self, Outcomes, unix_ms};
use crate::options::ServiceOptions;
use crate::shared::Shared;
use crate::shutdown::{Phase, ShutdownReport, shut_down};
use crate::tls::{Gate, TlsError};

/// Starts services.
#[derive(Debug, Clone, Copy)]
pub struct Service;

/// A service that accepts connections. Dropping it cuts them all, without closing the databases:
/// nothing that was acknowledged is lost, and the next start has the more to recover.
#[derive(Debug)]
#[must_use = "a service that is dropped serves nobody"]
pub struct RunningService {
    shared: Arc<Shared>,
    /// Answers until the service is dropped or has stopped.
    http: Option<HttpListener>,
    tcp_address: Option<SocketAddr>,
}

impl Service {
    /// Opens the data directory and serves it, inside the runtime of the caller: a multi-threaded
    /// one, such as [`runtime`](crate::runtime) makes.
    ///
    /// # Errors
    /// [`StartError`]. Nothing runs then, and what is at the socket's path is left as it is.
    pub async fn start(options: ServiceOptions) -> Result<RunningService, StartError> {
        let nonzero = [
            ("max_connections", options.max_connections),
            ("max_frame_bytes", options.max_frame_bytes.unwrap_or(1)),
            ("max_requests_in_flight", options.max_requests_in_flight),
            ("max_cursors", options.max_cursors),
            (
                "tcp.max_connections_per_address",
                options.tcp.max_connections_per_address,
            ),
            ("max_transactions", options.max_transactions),
        ];
        if let Some((option, _)) = nonzero.into_iter().find(|(_, value)| *value == 0) {
            return Err(StartError::ZeroOption { option });
        }
        let codec = ServerCodec::new(options.engine.limits);
        let codec = match options.max_frame_bytes {
            Some(bytes) => codec.with_frame_limit(FrameLimit::new(bytes)),
            None => codec,
        };
        if let Some(path) = &options.socket_path {
            SocketFile::check(path).await?;
        }
        let tls = options
            .tcp
            .tls
            .clone()
            .filter(|_| options.tcp.address.is_some());
        let gate = tls.map(Gate::open).transpose()?;
        let tcp = match options.tcp.address {
            Some(address) => Some(listen(address, gate.is_some()).await?),
            None => None,
        };
        // ORDER: before anything is opened, so that it answers while the service starts.
        let watched = Arc::new(Watched::default());
        let http = match options.http.address {
            Some(address) => Some(HttpListener::start(address, Arc::clone(&watched))?),
            None => None,
        };
        // ORDER: the directory is locked first. Who does not own it touches no socket.
        let engine = open_engine(&options).await?;
        let socket = match &options.socket_path {
            Some(path) => Some(SocketFile::listen(path, options.socket_mode).await?),
            None => None,
        };
        let shared = Arc::new(Shared {
            engine,
            scheduler: Scheduler::start(options.scheduler.clone())?,
            codec,
            counters: Counters::default(),
            phase: watch::Sender::new(Phase::Serving),
            tasks: TaskTracker::new(),
            outcomes: Outcomes::default(),
            guard: Guard::of(&options.engine.data_directory),
            peers: Peers::default(),
            gate,
            started: Instant::now(),
            started_unix_ms: unix_ms(),
            options,
        });
        shared.outcomes.set_slow_from(shared.options.slow_request);
        watched.show(&shared);
        if let Some((listener, file)) = socket {
            shared
                .tasks
                .spawn(accept(Arc::clone(&shared), listener, file));
        }
        let tcp_address = tcp.as_ref().and_then(|listener| listener.local_addr().ok());
        if let Some(listener) = tcp {
            shared
                .tasks
                .spawn(accept_tcp(Arc::clone(&shared), listener));
        }
        Ok(RunningService {
            shared,
            http,
            tcp_address,
        })
    }
}

async fn open_engine(options: &ServiceOptions) -> Result<Arc<Engine>, Error> {
    let options = options.engine.clone();
    let opened = tokio::task::spawn_blocking(move || Engine::open(Host::real(), options)).await;
    match opened {
        Ok(engine) => engine.map(Arc::new),
        Err(panic) => Err(Error::new(Code::Internal, format!("cannot open: {panic}"))),
    }
}

impl RunningService {
    /// Serves one more connection, which the caller brings.
    pub fn serve<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        serve(&self.shared, stream);
    }

    /// Where it listens.
    #[must_use]
    pub fn socket_path(&self) -> Option<&Path> {
        self.shared.options.socket_path.as_deref()
    }

    /// Where it listens on TCP.
    #[must_use]
    pub const fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp_address
    }

    /// Where it answers over HTTP.
    #[must_use]
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(HttpListener::address)
    }

    /// From how long on a request is logged and counted as slow, from now on; zero: none is.
    pub fn set_slow_request(&self, time: Duration) {
        self.shared.outcomes.set_slow_from(time);
    }

    /// Reads the certificate and its key again, for connections from now on. Returns whether there
    /// is TLS at all.
    ///
    /// # Errors
    /// [`TlsError`]; what was in force stays in force then.
    pub fn reload_tls(&self) -> Result<bool, TlsError> {
        let gate = self.shared.gate.as_ref();
        gate.map(Gate::reload)
            .transpose()
            .map(|done| done.is_some())
    }

    /// All figures as OpenMetrics text, as they are told over HTTP.
    #[must_use]
    pub fn metrics(&self) -> String {
        metrics::text(&self.shared)
    }

    /// What it was started with.
    #[must_use]
    pub fn options(&self) -> &ServiceOptions {
        &self.shared.options
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.counters.connections.get()
    }

    /// The databases, for a program that has the service inside.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.shared.engine
    }

    /// Stops: takes in nothing more, answers what was taken in, closes the databases. The phases
    /// and how long they may take are in [`DrainDeadlines`](crate::DrainDeadlines).
    ///
    /// # Durability
    /// Nothing acknowledged is lost, however this ends.
    pub async fn shutdown(self) -> ShutdownReport {
        shut_down(&self.shared).await
    }
}

impl Drop for RunningService {
    fn drop(&mut self) {
        self.shared.phase.send_replace(Phase::Cutting);
    }
}
