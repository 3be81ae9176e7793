use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use bytes::{Buf, BytesMut};
use tokio::net::{TcpStream, UnixStream};

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

/// A connected stream. Reading and writing need no exclusive access, so that a caller may write
/// while a task waits for what comes in.
#[derive(Debug)]
pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream>),
}

impl Stream {
    pub(crate) async fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
            Endpoint::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Endpoint::Tls(tls) => Ok(Self::Tls(Box::new(TlsStream::connect(tls).await?))),
        }
    }

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

    /// Waits for bytes and appends them. Answers their number: 0 at the end of the stream.
    pub(crate) async fn read_some(&self, input: &mut BytesMut) -> io::Result<usize> {
        if input.capacity() - input.len() < READ_BYTES / 4 {
            input.reserve(READ_BYTES);
        }
        loop {
            let result = match self {
                Self::Unix(stream) => {
                    stream.readable().await?;
                    stream.try_read_buf(input)
                }
                Self::Tcp(stream) => {
                    stream.readable().await?;
                    stream.try_read_buf(input)
                }
                Self::Tls(stream) => match stream.read_now(input) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        stream.tcp().readable().await?;
                        continue;
                    }
                    result => result,
                },
            };
            match result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }
}
