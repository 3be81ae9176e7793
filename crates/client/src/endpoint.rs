use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UnixStream, tcp, unix};

use crate::tls::{TlsEndpoint, TlsStream};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// A host and a port, as `host:port`.
    Tcp(String),
    /// The same behind TLS.
    Tls(TlsEndpoint),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "{}", path.display()),
            Self::Tcp(address) => formatter.write_str(address),
            Self::Tls(tls) => formatter.write_str(&tls.address),
        }
    }
}

/// The input buffer is grown to this much room before a read.
const READ_BYTES: usize = 16 * 1024;

/// Connects.
pub(crate) async fn connect(endpoint: &Endpoint) -> io::Result<(Incoming, Outgoing)> {
    Ok(match endpoint {
        Endpoint::Unix(path) => {
            let (incoming, outgoing) = UnixStream::connect(path).await?.into_split();
            (Incoming::Unix(incoming), Outgoing::Unix(outgoing))
        }
        Endpoint::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (incoming, outgoing) = stream.into_split();
            (Incoming::Tcp(incoming), Outgoing::Tcp(outgoing))
        }
        Endpoint::Tls(tls) => {
            let stream = Arc::new(TlsStream::connect(tls).await?);
            (Incoming::Tls(Arc::clone(&stream)), Outgoing::Tls(stream))
        }
    })
}

/// What comes from the server.
#[derive(Debug)]
pub(crate) enum Incoming {
    Unix(unix::OwnedReadHalf),
    Tcp(tcp::OwnedReadHalf),
    Tls(Arc<TlsStream>),
}

impl Incoming {
    /// Waits for bytes and appends them. Answers their number: 0 at the end of the stream. Safe to
    /// give up and call again.
    pub(crate) async fn read_some(&mut self, input: &mut BytesMut) -> io::Result<usize> {
        if input.capacity() - input.len() < READ_BYTES / 4 {
            input.reserve(READ_BYTES);
        }
        match self {
            Self::Unix(stream) => stream.read_buf(input).await,
            Self::Tcp(stream) => stream.read_buf(input).await,
            Self::Tls(stream) => loop {
                match stream.read_now(input) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        stream.tcp().readable().await?;
                    }
                    result => return result,
                }
            },
        }
    }
}

/// What goes to the server. Writing needs no exclusive access.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Unix(unix::OwnedWriteHalf),
    Tcp(tcp::OwnedWriteHalf),
    Tls(Arc<TlsStream>),
}

impl Outgoing {
    /// Writes from the front of `output` what the socket takes at once, and removes it there, also
    /// when an error ends it.
    pub(crate) fn write_now(&self, output: &mut BytesMut) -> io::Result<()> {
        while !output.is_empty() {
            let result = match self {
                Self::Unix(stream) => stream.try_write(output),
                Self::Tcp(stream) => stream.try_write(output),
                Self::Tls(stream) => return stream.write_now(output),
            };
            match result {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => output.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until the socket may take bytes.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.writable().await,
            Self::Tcp(stream) => stream.writable().await,
            Self::Tls(stream) => stream.tcp().writable().await,
        }
    }
}
