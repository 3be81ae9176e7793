use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::metrics;
use crate::shared::Shared;
use crate::shutdown::Phase;

/// How long figures may take to be read.
const READING_PATIENCE: Duration = Duration::from_secs(10);

const TEXT: &str = "text/plain; charset=utf-8";

/// The service that is told about, from before it has opened its directories to after its end.
#[derive(Debug, Default)]
pub(crate) struct Watched(OnceLock<Weak<Shared>>);

impl Watched {
    /// The service is there.
    pub(crate) fn show(&self, shared: &Arc<Shared>) {
        // Only the start of a service calls this, once.
        let _ = self.0.set(Arc::downgrade(shared));
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        self.0.get().and_then(Weak::upgrade)
    }

    /// Whether requests are taken in; what keeps them from it, if not.
    fn readiness(&self) -> Result<(), &'static str> {
        if self.0.get().is_none() {
            return Err("starting");
        }
        match self.shared() {
            Some(shared) if *shared.phase.borrow() == Phase::Serving => Ok(()),
            _ => Err("stopping"),
        }
    }
}

/// Answers one request.
pub(super) async fn answer(
    request: &Request<Incoming>,
    watched: Arc<Watched>,
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(ALLOW, allowed);
        return refused;
    }
    match request.uri().path() {
        "/healthz" => page(StatusCode::OK, TEXT, "alive\n"),
        "/readyz" => match watched.readiness() {
            Ok(()) => page(StatusCode::OK, TEXT, "ready\n"),
            Err(why) => page(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
        },
        "/metrics" => figures(&watched).await,
        _ => page(
            StatusCode::NOT_FOUND,
            TEXT,
            "there are /healthz, /readyz and /metrics\n",
        ),
    }
}

async fn figures(watched: &Watched) -> Response<Full<Bytes>> {
    let Some(shared) = watched.shared() else {
        return page(
            StatusCode::OK,
            metrics::CONTENT_TYPE,
            metrics::starting_text(),
        );
    };
    let reading = tokio::task::spawn_blocking(move || metrics::text(&shared));
    match tokio::time::timeout(READING_PATIENCE, reading).await {
        Ok(Ok(text)) => page(StatusCode::OK, metrics::CONTENT_TYPE, text),
        Ok(Err(_)) => page(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            "the figures cannot be read\n",
        ),
        Err(_) => page(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            "the figures could not be read in time\n",
        ),
    }
}

fn page(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
