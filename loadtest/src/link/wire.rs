use std::io;

use bytes::BytesMut;
use docdb_client::RequestId;
use docdb_types::{Change, Code, DocumentId, Error, Outcome, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::peer::Place;

const READ_BYTES: usize = 64 * 1024;

/// A stream to a peer, with what is going out and what has come in.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    pub(super) input: BytesMut,
    pub(super) output: BytesMut,
    next: RequestId,
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Wire {
    pub(super) async fn connect(place: &Place) -> Result<Self, Error> {
        let stream = match place {
            Place::Unix(path) => Stream::Unix(UnixStream::connect(path).await.map_err(network)?),
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).await.map_err(network)?;
                stream.set_nodelay(true).map_err(network)?;
                Stream::Tcp(stream)
            }
        };
        Ok(Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            next: RequestId::MIN,
        })
    }

    /// A name for the next request. Peers answer in order and are told none.
    pub(super) const fn next_id(&mut self) -> RequestId {
        let id = self.next;
        self.next = id.next();
        id
    }

    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        if self.output.is_empty() {
            return Ok(());
        }
        let written = match &mut self.stream {
            Stream::Unix(stream) => stream.write_all(&self.output).await,
            Stream::Tcp(stream) => stream.write_all(&self.output).await,
        };
        self.output.clear();
        written.map_err(network)
    }

    /// Waits for more. Safe to give up and call again.
    pub(super) async fn read(&mut self) -> Result<(), Error> {
        self.input.reserve(READ_BYTES);
        let count = match &mut self.stream {
            Stream::Unix(stream) => stream.read_buf(&mut self.input).await,
            Stream::Tcp(stream) => stream.read_buf(&mut self.input).await,
        };
        match count.map_err(network)? {
            0 => Err(Error::new(
                Code::Network,
                "the peer has closed the connection",
            )),
            _ => Ok(()),
        }
    }
}

pub(super) fn network(error: io::Error) -> Error {
    Error::new(Code::Network, error.to_string())
}

pub(super) fn unexpected(what: &'static str) -> Error {
    Error::new(Code::Network, what)
}

/// The outcome of an operation. Peers have no versions, so all are the same.
pub(super) const fn done(id: DocumentId, change: Change) -> Result<Outcome, Error> {
    Ok(Outcome {
        id,
        version: Version::new(0),
        change,
        document: None,
        may_be_older: false,
    })
}

pub(super) fn not_found(id: DocumentId) -> Result<Outcome, Error> {
    Err(Error::new(Code::DocNotFound, "no live document has this id").on_document(id))
}

pub(super) fn exists(id: DocumentId) -> Result<Outcome, Error> {
    Err(Error::new(Code::DocExists, "a live document has this id").on_document(id))
}
