//! One connection shared by many callers: who waits for which answer, and what still has to be
//! written.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::BytesMut;
use docdb_ipc::{ClientCodec, Command, FrameError, Reply, Request, RequestId, Response};
use docdb_types::{Code, Effect, Error};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio_util::codec::{Decoder, Encoder};

use crate::endpoint::{Incoming, Outgoing};

/// The output buffer is given back when it grew larger than this and is empty.
const KEPT_OUTPUT_BYTES: usize = 256 * 1024;

pub(crate) struct Link {
    outgoing: Outgoing,
    state: Mutex<State>,
    /// Wakes the task that writes what the socket did not take at once.
    unwritten: Notify,
}

struct State {
    codec: ClientCodec,
    /// Frames, or the rest of one, that the socket has not taken yet.
    output: BytesMut,
    /// Bytes that the socket has taken since the beginning.
    written: u64,
    waiting: HashMap<RequestId, Waiting>,
    next: RequestId,
    /// Why nothing can be sent any more.
    closed: Option<Error>,
}

/// How a connection ends.
enum End {
    /// The server said why, behind its last answer: what is not answered was never taken in.
    Farewell(Error),
    /// What was sent and not answered may have been done.
    Lost(Error),
}

struct Waiting {
    answer: oneshot::Sender<Result<Reply, Error>>,
    /// Position in the stream of the first byte of its frame.
    begins: u64,
    /// Whether losing the answer leaves nothing in doubt.
    repeatable: bool,
}

/// An answer that is on its way. Dropping it gives the answer up.
pub(crate) struct Awaited {
    link: Arc<Link>,
    id: RequestId,
    answer: oneshot::Receiver<Result<Reply, Error>>,
    repeatable: bool,
}

impl Link {
    pub(crate) fn new(outgoing: Outgoing, codec: ClientCodec, next: RequestId) -> Self {
        let state = State {
            codec,
            output: BytesMut::new(),
            written: 0,
            waiting: HashMap::new(),
            next,
            closed: None,
        };
        Self {
            outgoing,
            state: Mutex::new(state),
            unwritten: Notify::new(),
        }
    }

    /// Why the connection is closed, if it is.
    pub(crate) fn closed(&self) -> Option<Error> {
        self.state.lock().closed.clone()
    }

    /// Puts a request on its way.
    ///
    /// The only request of an idle connection is written by its caller; with others under way the
    /// writing task gathers what queues meanwhile.
    ///
    /// # Errors
    /// Whatever kept it from being sent; it was not applied then.
    pub(crate) fn send(self: &Arc<Self>, command: Command) -> Result<Awaited, Error> {
        let repeatable = command.is_repeatable();
        let (sender, answer) = oneshot::channel();
        let mut state = self.state.lock();
        let idle = state.waiting.is_empty();
        let begins = state.written + state.output.len() as u64;
        let id = state.append(command)?;
        state.waiting.insert(
            id,
            Waiting {
                answer: sender,
                begins,
                repeatable,
            },
        );
        self.write(&mut state, idle);
        drop(state);
        Ok(Awaited {
            link: Arc::clone(self),
            id,
            answer,
            repeatable,
        })
    }

    /// Puts a request on its way whose answer nobody waits for.
    pub(crate) fn post(&self, command: Command) {
        let mut state = self.state.lock();
        if state.append(command).is_ok() {
            self.write(&mut state, false);
        }
    }

    fn write(&self, state: &mut State, at_once: bool) {
        if at_once && let Err(error) = state.write_now(&self.outgoing) {
            state.cannot_write(&error);
        }
        if !state.output.is_empty() {
            self.unwritten.notify_one();
        }
    }

    /// Writes what callers leave behind, until the connection breaks.
    pub(crate) async fn write_on(&self) {
        loop {
            self.unwritten.notified().await;
            if let Err(error) = self.write_out().await {
                return self.state.lock().cannot_write(&error);
            }
        }
    }

    async fn write_out(&self) -> io::Result<()> {
        loop {
            {
                let mut state = self.state.lock();
                state.write_now(&self.outgoing)?;
                if state.output.is_empty() {
                    return Ok(());
                }
            }
            self.outgoing.writable().await?;
        }
    }

    /// Hands answers to those who wait for them, until the connection breaks. `input` holds what
    /// was read already.
    pub(crate) async fn read_on(&self, mut incoming: Incoming, mut input: BytesMut) {
        let mut codec = self.state.lock().codec.clone();
        let end = loop {
            match self.answer_all(&mut codec, &mut input) {
                Ok(None) => {}
                Ok(Some(reason)) => break End::Farewell(reason),
                Err(error) => break End::Lost(error),
            }
            match incoming.read_some(&mut input).await {
                Ok(0) => break End::Lost(end_of_stream(&mut codec, &mut input)),
                Ok(_) => {}
                Err(error) => break End::Lost(broken(&error)),
            }
        };
        self.state.lock().close(&end);
    }

    /// Hands on the answers that have arrived. Returns the last words of the server.
    fn answer_all(
        &self,
        codec: &mut ClientCodec,
        input: &mut BytesMut,
    ) -> Result<Option<Error>, Error> {
        while let Some(response) = codec.decode(input)? {
            match response {
                Response {
                    id: Some(id),
                    result,
                } => {
                    let waiting = self.state.lock().waiting.remove(&id);
                    // Nobody waits for an answer that was given up; it changes nothing.
                    if let Some(waiting) = waiting {
                        let _ = waiting.answer.send(result);
                    }
                }
                Response {
                    id: None,
                    result: Err(error),
                } => return Ok(Some(error)),
                Response {
                    id: None,
                    result: Ok(_),
                } => {}
            }
        }
        Ok(None)
    }
}

impl State {
    /// Appends a request to what has to be written.
    fn append(&mut self, command: Command) -> Result<RequestId, Error> {
        if let Some(error) = &self.closed {
            return Err(error.clone());
        }
        while let Entry::Occupied(_) = self.waiting.entry(self.next) {
            self.next = self.next.next();
        }
        let id = self.next;
        let not_applied = |error: FrameError| Error::from(error).with_effect(Effect::NotApplied);
        self.codec
            .encode(Request { id, command }, &mut self.output)
            .map_err(not_applied)?;
        self.next = id.next();
        Ok(id)
    }

    /// Writes what the socket takes at once.
    fn write_now(&mut self, outgoing: &Outgoing) -> io::Result<()> {
        let before = self.output.len();
        let result = outgoing.write_now(&mut self.output);
        self.written += (before - self.output.len()) as u64;
        if self.output.is_empty() && self.output.capacity() > KEPT_OUTPUT_BYTES {
            self.output = BytesMut::new();
        }
        result
    }

    /// Sends nothing more.
    ///
    /// ORDER: a socket that the other side has closed may still hold answers and the reason; those
    /// who wait are told when the reader has come to its end, which such a socket has.
    fn cannot_write(&mut self, error: &io::Error) {
        let ends = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        if ends.contains(&error.kind()) {
            self.refuse_further(&broken(error));
        } else {
            self.close(&End::Lost(broken(error)));
        }
    }

    /// Accepts no further requests. The first reason stays.
    fn refuse_further(&mut self, error: &Error) {
        if self.closed.is_none() {
            self.closed = Some(error.clone().with_effect(Effect::NotApplied));
        }
        self.output.clear();
    }

    /// Answers everyone who waits, and accepts no further requests.
    fn close(&mut self, end: &End) {
        let (error, is_lost) = match end {
            End::Farewell(error) => (error, false),
            End::Lost(error) => (error, true),
        };
        self.refuse_further(error);
        for (_, waiting) in self.waiting.drain() {
            let has_left = waiting.begins < self.written;
            let effect = effect_of_loss(is_lost && has_left && !waiting.repeatable);
            let _ = waiting.answer.send(Err(error.clone().with_effect(effect)));
        }
    }
}

impl Awaited {
    /// Waits for the answer until the connection breaks.
    pub(crate) async fn answer(mut self) -> Result<Reply, Error> {
        match (&mut self.answer).await {
            Ok(result) => result,
            // The link answers everyone before it goes; a runtime that shuts down does not.
            Err(_) => Err(Error::new(Code::Network, "the client was shut down")
                .with_effect(effect_of_loss(!self.repeatable))),
        }
    }

    /// What is known about the request when its answer is not awaited any longer.
    pub(crate) const fn effect_when_lost(&self) -> Effect {
        effect_of_loss(!self.repeatable)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.link.state.lock().waiting.remove(&self.id);
    }
}

const fn effect_of_loss(in_doubt: bool) -> Effect {
    if in_doubt {
        Effect::Unknown
    } else {
        Effect::NotApplied
    }
}

fn end_of_stream(codec: &mut ClientCodec, input: &mut BytesMut) -> Error {
    match codec.decode_eof(input) {
        Err(error) => error.into(),
        Ok(_) => Error::new(Code::Network, "the server closed the connection"),
    }
}

pub(crate) fn broken(error: &io::Error) -> Error {
    Error::new(Code::Network, format!("the connection broke: {error}"))
}
