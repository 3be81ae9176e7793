use bytes::BytesMut;
use docdb_ipc::{
    ClientCodec, Command, Hello, PROTOCOL_VERSION, Reply, Request, RequestId, Response, ServerHello,
};
use docdb_types::{Code, Effect, Error, Limits};
use tokio::time::timeout;
use tokio_util::codec::{Decoder, Encoder};

use crate::endpoint::{Endpoint, Incoming, Outgoing, connect};
use crate::link::{Link, broken};
use crate::options::ClientOptions;

/// One connection for one caller, without tasks and without time limits: requests are queued with
/// [`send`](Self::send), written together with [`flush`](Self::flush), and answered one by one, in
/// any order, by [`receive`](Self::receive).
///
/// The cheapest way to a server for who does his own pipelining. After an error of
/// [`flush`](Self::flush) or [`receive`](Self::receive) the connection is of no more use. The effect
/// of the error says what became of every request that was not answered: it is `NotApplied` when the
/// server took its leave, and else `Unknown`.
#[derive(Debug)]
pub struct Connection {
    incoming: Incoming,
    outgoing: Outgoing,
    codec: ClientCodec,
    input: BytesMut,
    output: BytesMut,
    next: RequestId,
    server: ServerHello,
}

impl Connection {
    /// Connects and introduces itself.
    ///
    /// # Errors
    /// `Network` or `Timeout` when there is no server; otherwise what the server says to the hello.
    pub async fn connect(endpoint: &Endpoint, options: &ClientOptions) -> Result<Self, Error> {
        timeout(options.connect_timeout, Self::greet(endpoint, options))
            .await
            .unwrap_or_else(|_| {
                Err(Error::new(
                    Code::Timeout,
                    format!("{endpoint} did not answer the hello"),
                ))
            })
            .map_err(|error| error.with_effect(Effect::NotApplied))
    }

    async fn greet(endpoint: &Endpoint, options: &ClientOptions) -> Result<Self, Error> {
        let (incoming, outgoing) = connect(endpoint).await.map_err(|error| {
            Error::new(
                Code::Network,
                format!("cannot connect to {endpoint}: {error}"),
            )
        })?;
        let mut connection = Self {
            incoming,
            outgoing,
            codec: ClientCodec::new(Limits::DEFAULT).with_frame_limit(options.frame_limit),
            input: BytesMut::new(),
            output: BytesMut::new(),
            next: RequestId::MIN,
            server: ServerHello {
                protocol_version: PROTOCOL_VERSION,
                server_version: String::new(),
                fsync_mode: docdb_types::FsyncMode::None,
                limits: Limits::DEFAULT,
                frame_limit: options.frame_limit,
            },
        };
        let hello = Command::Hello(Hello {
            protocol_version: PROTOCOL_VERSION,
            client_name: options.name.clone(),
            token: options.token.clone(),
        });
        match connection.call(hello).await? {
            Reply::Hello(server) => {
                let limit = server.frame_limit.min(options.frame_limit);
                connection.codec = connection.codec.with_frame_limit(limit);
                connection.server = server;
                Ok(connection)
            }
            _ => Err(unexpected()),
        }
    }

    /// What the server said about itself.
    #[must_use]
    pub const fn server(&self) -> &ServerHello {
        &self.server
    }

    /// Queues a request. It leaves with the next [`flush`](Self::flush).
    ///
    /// # Errors
    /// `FrameTooLarge`; nothing was queued then.
    pub fn send(&mut self, command: Command) -> Result<RequestId, Error> {
        let id = self.next;
        self.codec
            .encode(Request { id, command }, &mut self.output)
            .map_err(|error| Error::from(error).with_effect(Effect::NotApplied))?;
        self.next = id.next();
        Ok(id)
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    /// `Network`.
    pub async fn flush(&mut self) -> Result<(), Error> {
        loop {
            self.outgoing
                .write_now(&mut self.output)
                .map_err(|error| unknown(broken(&error)))?;
            if self.output.is_empty() {
                return Ok(());
            }
            self.outgoing
                .writable()
                .await
                .map_err(|error| unknown(broken(&error)))?;
        }
    }

    /// Waits for the next answer, whichever request it belongs to. Safe to give up and call again.
    ///
    /// # Errors
    /// `Network`, `FrameTooLarge`, or what the server says about the connection as it closes it.
    /// The error of a request is in its response.
    pub async fn receive(&mut self) -> Result<Response, Error> {
        loop {
            if let Some(response) = self.codec.decode(&mut self.input)? {
                return match response {
                    Response {
                        id: None,
                        result: Err(error),
                    } => Err(error),
                    response => Ok(response),
                };
            }
            let count = self.incoming.read_some(&mut self.input).await;
            if count.map_err(|error| unknown(broken(&error)))? == 0 {
                self.codec.decode_eof(&mut self.input)?;
                return Err(unknown(Error::new(
                    Code::Network,
                    "the server closed the connection",
                )));
            }
        }
    }

    /// Sends one request and waits for its answer. Nothing else may be on its way.
    ///
    /// # Errors
    /// Those of [`send`](Self::send), [`flush`](Self::flush) and [`receive`](Self::receive), and
    /// that of the request itself.
    pub async fn call(&mut self, command: Command) -> Result<Reply, Error> {
        let sent = self.send(command)?;
        self.flush().await?;
        let response = self.receive().await?;
        if response.id == Some(sent) {
            response.result
        } else {
            Err(unexpected())
        }
    }

    /// Makes a link of it that many callers share, and what feeds that: the stream, with what was
    /// read from it already.
    pub(crate) fn share(self) -> (Link, Incoming, BytesMut, ServerHello) {
        let link = Link::new(self.outgoing, self.codec, self.next);
        (link, self.incoming, self.input, self.server)
    }
}

fn unknown(error: Error) -> Error {
    error.with_effect(Effect::Unknown)
}

/// The server answered something else than what was asked.
pub(crate) fn unexpected() -> Error {
    unknown(Error::new(
        Code::Network,
        "the answer does not belong to the request",
    ))
}
