use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use docdb_engine::Gate;
use docdb_ipc::{RequestId, Response, ServerCodec};
use docdb_types::{Code, DatabaseId, Error};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::codec::Encoder;
use tokio_util::io::poll_read_buf;

use super::event::{Event, Source, Tag};
use super::intake::{Channel, Waiting};
use super::order::Order;
use super::timing::{Overdue, Owed, Timing};
use crate::access::Identity;
use crate::cursor::Cursors;
use crate::dispatch::{Answer, Awaited};
use crate::job::stopping;
use crate::lead::Leading;
use crate::metrics::Pending;
use crate::shared::Shared;
use crate::shutdown::Phase;
use crate::transactions::Transactions;

/// Bytes of answers beyond which no further request is taken up until the client takes some.
const OUTPUT_FULL_BYTES: usize = 1024 * 1024;
/// Room that every read is given, so that requests sent together arrive together.
const READ_BYTES: usize = 16 * 1024;
/// How long the end of a connection may take that says goodbye.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Buffers that have grown beyond this are given back when they are empty.
const KEPT_BUFFER_BYTES: usize = 256 * 1024;

/// One connection and everything that it has under way.
pub(crate) struct Session<S> {
    pub(super) stream: S,
    /// Who asks.
    pub(super) identity: Identity,
    pub(super) shared: Arc<Shared>,
    pub(super) codec: ServerCodec,
    pub(super) input: BytesMut,
    output: BytesMut,
    /// Whether the stream may keep back some of what it was given.
    unflushed: bool,
    pub(super) order: Order<Waiting>,
    /// The databases that the client has opened, each with where its requests pass.
    pub(super) opened: HashMap<DatabaseId, Arc<Gate>>,
    /// Requests that were taken in and are not answered.
    pub(super) in_flight: HashMap<RequestId, Pending>,
    /// The answers that are on their way.
    pub(super) answers: FuturesUnordered<Source>,
    /// What the session is told whether or not it can take answers.
    signals: FuturesUnordered<Source>,
    /// Requests that have reached their commit since the session last looked for answers.
    pub(super) placed: Vec<(Tag, Awaited)>,
    /// The commit that falls to this session.
    pub(super) leading: Option<Leading>,
    pub(super) cursors: Arc<Cursors>,
    /// Rolled back with the session.
    pub(super) transactions: Arc<Transactions>,
    pub(super) spare: Option<Channel>,
    pub(super) phase: Phase,
    reading: Reading,
    timing: Timing,
    counted_cursors: usize,
    counted_bytes: usize,
}

/// Whether further bytes are read.
#[derive(Debug)]
enum Reading {
    On,
    /// No further requests are taken in, and the client has not been told why.
    Leaving(Error),
    Over,
}

/// The connection cannot go on, and nobody is left to tell.
#[derive(Debug, Clone, Copy)]
struct Broken;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(crate) fn new(stream: S, shared: Arc<Shared>, identity: Identity) -> Self {
        let options = &shared.options;
        let phases = shared.phase.subscribe();
        let phase = *phases.borrow();
        let signals = FuturesUnordered::new();
        signals.push(Source::next_phase(phases));
        let mut session = Self {
            stream,
            identity,
            codec: shared.codec.clone(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
            order: Order::default(),
            opened: HashMap::new(),
            in_flight: HashMap::new(),
            answers: FuturesUnordered::new(),
            signals,
            placed: Vec::new(),
            leading: None,
            cursors: Arc::new(Cursors::new(options.max_cursors, options.deadlines.cursor)),
            transactions: Arc::new(Transactions::new(
                options.max_transactions,
                options.engine.transactions.max_age,
            )),
            spare: None,
            phase,
            reading: Reading::On,
            timing: Timing::default(),
            counted_cursors: 0,
            counted_bytes: 0,
            shared,
        };
        if phase > Phase::Serving {
            session.end(stopping());
        }
        session
    }

    /// Serves the connection to its end.
    pub(crate) async fn run(mut self) {
        loop {
            self.take_in();
            self.take_leave();
            if self.is_over()
                || poll_fn(|context| self.poll_progress(context))
                    .await
                    .is_err()
            {
                break;
            }
        }
        // What has been answered arrives also where the client has sent more than was read.
        let _ = timeout(LAST_WORDS, self.stream.shutdown()).await;
    }

    /// Takes in all that has arrived, begins what may begin, and commits it.
    fn take_in(&mut self) {
        loop {
            let has_taken = self.decode();
            self.begin_ready();
            let has_committed = self.commit();
            if !has_taken && !has_committed {
                return;
            }
        }
    }

    /// Performs the commit that fell to this session, and sees whose answers are there.
    ///
    /// ORDER: everything that had arrived was submitted before, and shares the commit.
    fn commit(&mut self) -> bool {
        let Some(leading) = self.leading.take() else {
            let placed = self.placed.drain(..);
            self.answers
                .extend(placed.map(|(tag, awaited)| Source::Commit(tag, awaited)));
            return false;
        };
        let rest = leading.step();
        for (tag, awaited) in std::mem::take(&mut self.placed) {
            match awaited.try_take() {
                Ok(answer) => self.answer(tag, answer),
                Err(awaited) => self.answers.push(Source::Commit(tag, awaited)),
            }
        }
        if let Some(rest) = rest {
            rest.leave(&self.shared.tasks);
        }
        true
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, tag: Tag, answer: Answer) {
        self.order.answered(tag.scope);
        self.conclude(tag.id, answer);
    }

    /// Answers a request that was taken in.
    pub(super) fn conclude(&mut self, id: RequestId, answer: Answer) {
        if let Some(pending) = self.in_flight.remove(&id) {
            pending.answered(&answer, &self.shared);
        }
        self.respond(Some(id), answer);
    }

    /// Puts a response where it will be written from.
    pub(super) fn respond(&mut self, id: Option<RequestId>, result: Answer) {
        let counters = &self.shared.counters;
        counters.requests.add(1);
        if result.is_err() {
            counters.errors.add(1);
        }
        self.shared.outcomes.count(&result);
        if let Err(error) = self.codec.encode(Response { id, result }, &mut self.output) {
            // An error of a few bytes does not fit a frame: no client can be told anything.
            tracing::error!(%error, "an answer cannot be sent");
            self.stop_reading();
        }
    }

    /// Takes no further requests; those that were taken in are answered.
    pub(super) fn stop_reading(&mut self) {
        self.reading = Reading::Over;
        self.input.clear();
    }

    /// Takes no further requests, and says why when those that were taken in are answered.
    pub(super) fn end(&mut self, reason: Error) {
        if matches!(self.reading, Reading::On) {
            self.reading = Reading::Leaving(reason);
            self.input.clear();
        }
    }

    /// Says why the connection ends.
    ///
    /// ORDER: behind every answer. What the client has sent and not seen answered by then was never
    /// taken in, and did nothing.
    fn take_leave(&mut self) {
        if self.in_flight.is_empty()
            && let Reading::Leaving(reason) = &self.reading
        {
            let reason = reason.clone();
            self.reading = Reading::Over;
            self.respond(None, Err(reason));
        }
    }

    /// Whether a further request can be taken in.
    pub(super) fn has_room(&self) -> bool {
        matches!(self.reading, Reading::On)
            && self.in_flight.len() < self.shared.options.max_requests_in_flight
            && self.output.len() < OUTPUT_FULL_BYTES
    }

    /// A whole frame was taken from the input.
    pub(super) const fn frame_taken(&mut self) {
        self.timing.frame_taken();
    }

    fn is_over(&self) -> bool {
        self.phase == Phase::Cutting
            || (matches!(self.reading, Reading::Over)
                && self.in_flight.is_empty()
                && self.output.is_empty()
                && !self.unflushed)
    }

    /// Waits until there is something to take in or to begin, and meanwhile writes what can be
    /// written.
    fn poll_progress(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let mut has_progress = false;
        while let Poll::Ready(Some(event)) = self.signals.poll_next_unpin(context) {
            self.take_event(event)?;
            has_progress = true;
        }
        while self.output.len() < OUTPUT_FULL_BYTES
            && let Poll::Ready(Some(event)) = self.answers.poll_next_unpin(context)
        {
            self.take_event(event)?;
            has_progress = true;
        }
        has_progress |= self.write(context)?;
        has_progress |= self.read(context)?;
        self.count_bytes();
        if has_progress || self.is_over() {
            return Poll::Ready(Ok(()));
        }
        self.shrink();
        let owed = Owed {
            frame: !self.input.is_empty() && self.has_room(),
            write: !self.output.is_empty() || self.unflushed,
            hello: matches!(self.identity, Identity::Anonymous),
            idle: self.in_flight.is_empty() && self.input.is_empty() && self.output.is_empty(),
        };
        let deadlines = &self.shared.options.deadlines;
        let expiries = [self.cursors.next_expiry(), self.transactions.next_expiry()];
        let next_expiry = expiries.into_iter().flatten().min();
        match self.timing.wait(owed, deadlines, next_expiry) {
            Some(at) => {
                self.signals.push(Source::deadline(at));
                Poll::Ready(Ok(()))
            }
            None => Poll::Pending,
        }
    }

    fn take_event(&mut self, event: Event) -> Result<(), Broken> {
        match event {
            Event::Begun(tag, awaited) => {
                self.order.placed(tag.scope);
                match awaited.try_take() {
                    Ok(answer) => self.answer(tag, answer),
                    Err(awaited) => self.answers.push(Source::Commit(tag, awaited)),
                }
            }
            Event::Answered(tag, answer) => self.answer(tag, answer),
            Event::Settled(tag, settled) => {
                if let Some((id, gate)) = settled
                    .opened
                    .and_then(|id| Some((id, self.shared.engine.gate(id)?)))
                {
                    self.opened.insert(id, gate);
                }
                if let Some(id) = settled.dropped {
                    self.forget(id);
                }
                self.answer(tag, settled.answer);
            }
            Event::Phase(phases) => {
                self.phase = *phases.borrow();
                self.signals.push(Source::next_phase(phases));
                self.end(stopping());
                if self.phase >= Phase::Refusing {
                    self.refuse_waiting();
                }
            }
            Event::Deadline => return self.take_deadline(),
        }
        Ok(())
    }

    fn take_deadline(&mut self) -> Result<(), Broken> {
        self.cursors.expire();
        self.transactions.expire();
        match self.timing.fired(&self.shared.options.deadlines) {
            Some(Overdue::Write) => return Err(Broken),
            Some(Overdue::Frame) => {
                self.end(Error::new(Code::Timeout, "half a frame, and no more"));
            }
            Some(Overdue::Hello) => {
                self.end(Error::new(Code::Timeout, "no hello with a token in time"));
            }
            Some(Overdue::Idle) => {
                self.end(Error::new(
                    Code::Network,
                    "the connection was idle for too long",
                ));
            }
            None => {}
        }
        Ok(())
    }

    /// Writes what the client takes. Returns whether that made room for further requests.
    fn write(&mut self, context: &mut Context<'_>) -> Result<bool, Broken> {
        let was_full = self.output.len() >= OUTPUT_FULL_BYTES;
        while !self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.output) {
                Poll::Ready(Ok(0) | Err(_)) => return Err(Broken),
                Poll::Ready(Ok(length)) => {
                    self.output.advance(length);
                    self.shared.counters.bytes_out.add(length);
                    self.timing.written();
                    self.unflushed = true;
                }
                Poll::Pending => break,
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(_)) => return Err(Broken),
                Poll::Pending => {}
            }
        }
        Ok(was_full && self.output.len() < OUTPUT_FULL_BYTES)
    }

    /// Reads what has arrived, where there is room for it. Returns whether there was anything.
    fn read(&mut self, context: &mut Context<'_>) -> Result<bool, Broken> {
        if !self.has_room() {
            return Ok(false);
        }
        if self.input.len() > KEPT_BUFFER_BYTES && self.is_memory_used_up() {
            let reason = "requests and answers on their way use the memory there is for them";
            self.end(Error::new(Code::MemoryLimit, reason));
            return Ok(true);
        }
        if self.input.capacity() - self.input.len() < READ_BYTES / 4 {
            self.input.reserve(READ_BYTES);
        }
        match poll_read_buf(Pin::new(&mut self.stream), context, &mut self.input) {
            Poll::Ready(Ok(0)) => {
                // Half a frame at the end was never a request.
                self.stop_reading();
                Ok(true)
            }
            Poll::Ready(Ok(length)) => {
                self.shared.counters.bytes_in.add(length);
                Ok(true)
            }
            Poll::Ready(Err(_)) => Err(Broken),
            Poll::Pending => Ok(false),
        }
    }

    /// Counts the bytes of large buffers; those of ordinary ones are bounded by the connections.
    fn count_bytes(&mut self) {
        let capacities = [self.input.capacity(), self.output.capacity()];
        let large = capacities
            .into_iter()
            .filter(|capacity| *capacity > KEPT_BUFFER_BYTES)
            .sum();
        if large != self.counted_bytes {
            let counter = &self.shared.counters.wire_bytes;
            counter.add(large);
            counter.subtract(std::mem::replace(&mut self.counted_bytes, large));
        }
    }

    fn is_memory_used_up(&self) -> bool {
        let allowed = self.shared.options.wire_memory_bytes as u64;
        self.shared.counters.wire_bytes.get() > allowed
    }

    /// Gives back what a few large frames have left behind.
    fn shrink(&mut self) {
        for buffer in [&mut self.input, &mut self.output] {
            if buffer.is_empty() && buffer.capacity() > KEPT_BUFFER_BYTES {
                *buffer = BytesMut::new();
            }
        }
        let cursors = self.cursors.count();
        let counters = &self.shared.counters;
        counters.cursors.add(cursors);
        counters
            .cursors
            .subtract(std::mem::replace(&mut self.counted_cursors, cursors));
    }
}

impl<S> Drop for Session<S> {
    fn drop(&mut self) {
        let counters = &self.shared.counters;
        counters.cursors.subtract(self.counted_cursors);
        counters.wire_bytes.subtract(self.counted_bytes);
    }
}
