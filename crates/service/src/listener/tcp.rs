use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

use super::accept::{Full, has_room, refuse, serve_as, serve_tls};
use crate::access::Identity;
use crate::shared::Shared;
use crate::shutdown::Phase;

/// Pause after the system refused a connection.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// Why nobody is listened to on TCP.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TcpError {
    /// The system refuses the address.
    #[error("cannot listen on TCP at {address}: {source}")]
    System {
        /// The address.
        address: SocketAddr,
        /// The refusal.
        source: io::Error,
    },
    /// Tokens and documents would cross a network in the clear.
    #[error("{address} is not loopback: listening there takes TLS, a certificate and its key")]
    Plain {
        /// The address.
        address: SocketAddr,
    },
}

/// Listens on TCP.
///
/// # Errors
/// [`TcpError`].
pub(crate) async fn listen(address: SocketAddr, has_tls: bool) -> Result<TcpListener, TcpError> {
    if !has_tls && !address.ip().is_loopback() {
        return Err(TcpError::Plain { address });
    }
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| TcpError::System { address, source })
}

/// Accepts connections until the service drains. Nobody is anybody before a hello with a token.
pub(crate) async fn accept_tcp(shared: Arc<Shared>, listener: TcpListener) {
    let mut phases = shared.phase.subscribe();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phases.wait_for(|phase| *phase > Phase::Serving) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => take(&shared, stream, peer.ip()),
            Err(error) => {
                tracing::warn!(%error, "a TCP connection cannot be accepted");
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
        }
    }
}

fn take(shared: &Arc<Shared>, stream: TcpStream, peer: IpAddr) {
    // With TLS nothing can be said before a handshake, which is not worth its cost.
    let has_tls = shared.gate.is_some();
    let say = |frame: &[u8]| {
        if !has_tls {
            drop(stream.try_write(frame));
        }
    };
    if !has_room(shared) {
        return refuse(shared, Full::Server, say);
    }
    let most = shared.options.tcp.max_connections_per_address;
    let Some(place) = shared.peers.enter(peer, most) else {
        return refuse(shared, Full::Address, say);
    };
    // Small answers are not held back to be sent together.
    let _ = stream.set_nodelay(true);
    if has_tls {
        serve_tls(shared, stream, place);
    } else {
        serve_as(shared, stream, Identity::Anonymous, Some(place));
    }
}

/// How many connections each address has.
#[derive(Debug, Default)]
pub(crate) struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection of an address; given back when dropped.
#[derive(Debug)]
pub(crate) struct PeerPlace {
    peer: IpAddr,
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Peers {
    fn enter(&self, peer: IpAddr, most: usize) -> Option<PeerPlace> {
        let mut counts = self.0.lock();
        let count = counts.entry(peer).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(PeerPlace {
            peer,
            peers: Arc::clone(&self.0),
        })
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut counts = self.peers.lock();
        if let Some(count) = counts.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_address_has_so_many_connections_and_leaves_no_trace() {
        let peers = Peers::default();
        let (one, other) = (
            IpAddr::from([10, 0, 0, 1]),
            IpAddr::from(Ipv4Addr::LOCALHOST),
        );
        let first = peers.enter(one, 2).unwrap();
        let second = peers.enter(one, 2).unwrap();
        assert!(peers.enter(one, 2).is_none());
        assert!(peers.enter(other, 2).is_some());
        drop(first);
        let third = peers.enter(one, 2);
        assert!(third.is_some());
        drop((second, third));
        assert!(peers.0.lock().is_empty());
    }
}
