use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::pages::{Watched, answer};

/// Connections at a time; one more waits until one of them ends.
const CONNECTIONS: usize = 64;
/// How long a client may take for the head of a request, and stay connected without one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// Threads that read figures, so that slow figures keep nobody from hearing that the process lives.
const READING_THREADS: usize = 2;
/// Pause after the system refused a connection.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// Why nothing can be told over HTTP.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve HTTP at {address}: {source}")]
#[non_exhaustive]
pub struct HttpError {
    /// Where it was tried.
    pub address: SocketAddr,
    /// The refusal of the system.
    pub source: io::Error,
}

/// The thread that answers over HTTP; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct HttpListener {
    address: SocketAddr,
    stop: watch::Sender<()>,
}

impl HttpListener {
    /// Listens, and answers from a thread of its own.
    ///
    /// # Errors
    /// [`HttpError`]. Nothing listens then.
    pub(crate) fn start(address: SocketAddr, watched: Arc<Watched>) -> Result<Self, HttpError> {
        Self::listen(address, watched).map_err(|source| HttpError { address, source })
    }

    fn listen(address: SocketAddr, watched: Arc<Watched>) -> io::Result<Self> {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(READING_THREADS)
            .thread_name("docdb-figures")
            .enable_all()
            .build()?;
        let (stop, mut stopped) = watch::channel(());
        std::thread::Builder::new()
            .name("docdb-http".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        _ = stopped.changed() => {}
                        refused = serve(listener, watched) => {
                            if let Err(error) = refused {
                                tracing::error!(%error, "HTTP is not served any more");
                            }
                        }
                    }
                });
                runtime.shutdown_background();
            })?;
        Ok(Self { address, stop })
    }

    /// Where it listens; with the port that the system chose where none was asked for.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpListener {
    fn drop(&mut self) {
        self.stop.send_replace(());
    }
}

async fn serve(listener: StdListener, watched: Arc<Watched>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return Ok(());
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "an HTTP connection cannot be accepted");
                tokio::time::sleep(REFUSED_PAUSE).await;
                continue;
            }
        };
        let watched = Arc::clone(&watched);
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let watched = Arc::clone(&watched);
                async move { Ok::<_, Infallible>(answer(&request, watched).await) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), answer)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "an HTTP connection broke");
            }
            drop(place);
        });
    }
}
