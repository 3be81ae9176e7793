//! What systemd is told about the state of the server, by the protocol of `sd_notify(3)`: one
//! datagram to the socket that `NOTIFY_SOCKET` names. Without it nobody asks.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// A state of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It serves.
    Ready,
    /// It stops.
    Stopping,
}

impl State {
    const fn message(self) -> &'static [u8] {
        match self {
            Self::Ready => b"READY=1\nSTATUS=serving",
            Self::Stopping => b"STOPPING=1\nSTATUS=draining and closing",
        }
    }
}

/// Tells a state to whoever started the server. That nobody hears it is no reason to stop.
pub(crate) fn tell(state: State) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&name, state.message()) {
        tracing::warn!(%error, "the service manager cannot be told the state");
    }
}

/// A name that begins with `@` is one of the abstract namespace of Linux.
fn send(name: &OsStr, message: &[u8]) -> io::Result<()> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(message, &address).map(drop)
}
