use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use docdb_ipc::Response;
use docdb_types::{Code, Error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixListener};
use tokio_util::codec::Encoder;

use super::{PeerPlace, SocketFile};
use crate::access::Identity;
use crate::session::Session;
use crate::shared::Shared;
use crate::shutdown::Phase;

/// Pause after the system refused a connection: it is out of something, and trying again at once
/// would only use up a core.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the service drains, and then removes the socket.
pub(crate) async fn accept(shared: Arc<Shared>, listener: UnixListener, file: SocketFile) {
    let mut phases = shared.phase.subscribe();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phases.wait_for(|phase| *phase > Phase::Serving) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if has_room(&shared) => {
                let peer = stream.peer_cred().ok();
                tracing::debug!(
                    uid = peer.map(|peer| peer.uid()),
                    pid = peer.and_then(|peer| peer.pid()),
                    "a connection of the Unix socket"
                );
                serve(&shared, stream);
            }
            Ok((stream, _)) => refuse(&shared, Full::Server, |frame| {
                drop(stream.try_write(frame));
            }),
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
        }
    }
    // ORDER: as long as somebody listens, no other server takes the path for its own.
    file.remove();
    drop(listener);
}

/// Serves a connection of the owner beside all others.
pub(crate) fn serve<S>(shared: &Arc<Shared>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    serve_as(shared, stream, Identity::Owner, None);
}

/// Serves a connection beside all others. Its place among those of its address is kept for as long.
pub(crate) fn serve_as<S>(
    shared: &Arc<Shared>,
    stream: S,
    identity: Identity,
    place: Option<PeerPlace>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let open = Open::new(shared);
    let session = Session::new(stream, Arc::clone(shared), identity);
    shared.tasks.spawn(async move {
        session.run().await;
        drop((open, place));
    });
}

/// Serves a connection of TCP that begins with a handshake.
pub(crate) fn serve_tls(shared: &Arc<Shared>, stream: TcpStream, place: PeerPlace) {
    // A client in its handshake has its place among the connections.
    let open = Open::new(shared);
    let shared = Arc::clone(shared);
    shared.tasks.clone().spawn(async move {
        if let Some(gate) = &shared.gate
            && let Some(stream) = gate.greet(&shared, stream).await
        {
            let session = Session::new(stream, Arc::clone(&shared), Identity::Anonymous);
            session.run().await;
        }
        drop((open, place));
    });
}

/// What has no room for a further connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Full {
    Server,
    Address,
}

pub(crate) fn has_room(shared: &Shared) -> bool {
    shared.counters.connections.get() < shared.options.max_connections as u64
}

/// Tells a client why it is not served. One that does not take it at once is not waited for.
pub(crate) fn refuse(shared: &Shared, full: Full, send: impl FnOnce(&[u8])) {
    shared.counters.connections_refused.add(1);
    let reason = match full {
        Full::Server => {
            let most = shared.options.max_connections;
            format!("{most} connections are open, which is all that are allowed")
        }
        Full::Address => {
            let most = shared.options.tcp.max_connections_per_address;
            format!("the address has {most} connections open, which is all that it may")
        }
    };
    let response = Response {
        id: None,
        result: Err(Error::new(Code::QueueFull, reason)),
    };
    let mut frame = BytesMut::new();
    if shared.codec.clone().encode(response, &mut frame).is_ok() {
        send(&frame);
    }
}

/// An open connection, in the count of them.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.counters.connections.add(1);
        shared.counters.connections_accepted.add(1);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.connections.subtract(1);
    }
}
