//! The generator's own ceiling: how many operations a second it can make, found out against a server
//! that does nothing.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use docdb_client::Endpoint;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;

use crate::config::Plan;
use crate::halt::Halt;
use crate::record::Tally;
use crate::run::{RunError, run};

const READ_BYTES: usize = 64 * 1024;
/// The load before what is measured.
const WARM_UP: Duration = Duration::from_millis(100);

/// What the generator can make of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceiling {
    /// Operations a second that its own work allows: as many as keep every processor busy with it, and
    /// with no server.
    pub own: f64,
    /// Operations a second together with a server that does nothing, on the same processors.
    pub exchange: f64,
}

/// Finds out what the generator can make of a plan, without its rate, its phases and its preloading,
/// against a server that answers every operation at once with the same refusal.
///
/// # Errors
/// [`RunError`].
pub async fn ceiling(plan: &Plan) -> Result<Ceiling, RunError> {
    let server = NullServer::start()?;
    let plan = plan.at_full_speed(WARM_UP, plan.ceiling);
    let endpoint = Endpoint::Unix(server.socket());
    let (begun, busy_before) = (Instant::now(), busy(ClockId::ProcessCPUTime));
    let measured = run(&plan, &endpoint, &Arc::new(Halt::default()), None, |_| {}).await?;
    let elapsed = begun.elapsed();
    let busy_all = busy(ClockId::ProcessCPUTime).saturating_sub(busy_before);
    let busy_own = busy_all.saturating_sub(server.stop().await);
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let exchange = measured.sum(Tally::operations) as f64 / measured.elapsed.as_secs_f64();
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    #[expect(clippy::cast_precision_loss, reason = "processors can be counted")]
    let idle = elapsed.as_secs_f64() * processors as f64 / busy_own.as_secs_f64();
    let finite = |figure: f64| if figure.is_finite() { figure } else { 0.0 };
    Ok(Ceiling {
        own: finite(exchange * idle.max(1.0)),
        exchange: finite(exchange),
    })
}

/// Time that a processor has spent on this process or this thread.
fn busy(clock: ClockId) -> Duration {
    let spent = clock_gettime(clock);
    let seconds = u64::try_from(spent.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(spent.tv_nsec).unwrap_or(0))
}

/// A server that does nothing: it reads of a request only what its answer must name. It has one thread,
/// whose time is known at its end.
#[derive(Debug)]
struct NullServer {
    thread: JoinHandle<Duration>,
    stop: oneshot::Sender<()>,
    directory: tempfile::TempDir,
}

impl NullServer {
    fn start() -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let listener = std::os::unix::net::UnixListener::bind(socket_in(directory.path()))?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("null-server".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        () = listen(listener) => {}
                    }
                });
                drop(runtime);
                busy(ClockId::ThreadCPUTime)
            })?;
        Ok(Self {
            thread,
            stop,
            directory,
        })
    }

    fn socket(&self) -> std::path::PathBuf {
        socket_in(self.directory.path())
    }

    /// Ends it, and returns how much of a processor it has used.
    async fn stop(self) -> Duration {
        drop(self.stop);
        let joined = tokio::task::spawn_blocking(|| self.thread.join());
        joined.await.ok().and_then(Result::ok).unwrap_or_default()
    }
}

async fn listen(listener: std::os::unix::net::UnixListener) {
    let Ok(listener) = UnixListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream));
    }
}

fn socket_in(directory: &Path) -> std::path::PathBuf {
    directory.join("null.sock")
}

async fn serve(mut stream: UnixStream) {
    let mut input = Vec::with_capacity(READ_BYTES);
    let mut output = Vec::new();
    while stream
        .read_buf(&mut input)
        .await
        .is_ok_and(|count| count > 0)
    {
        let mut rest = input.as_slice();
        while let Some((frame, behind)) = split_frame(rest) {
            if answer(frame, &mut output).is_none() {
                return;
            }
            rest = behind;
        }
        let used = input.len() - rest.len();
        input.drain(..used);
        if stream.write_all(&output).await.is_err() {
            return;
        }
        output.clear();
    }
}

/// The first frame, `[length: u32][message]` in little-endian order, and what is behind it.
fn split_frame(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

// Numbers of fields in `proto/docdb/v1`, and the bytes of what never changes.
const REQUEST_ID: u64 = 1;
const HELLO: u64 = 10;
const EXECUTE: u64 = 12;
const SCAN: u64 = 13;
const OPEN: u64 = 15;
const ERROR: u64 = 2;
const OPERATIONS: u64 = 3;
const CREATE: u64 = 2;
/// `OpenDbResult` of database 1 in mode `none`; the same bytes begin a `HelloResult` of protocol 1.
const OPEN_RESULT: [u8; 4] = [0x08, 1, 0x18, 4];
/// `OperationResult`: conflict, with the error `DocExists` of category permanent, not applied.
const EXISTS: [u8; 12] = [0x08, 3, 0x32, 8, 0x08, 3, 0x10, 2, 0x18, 2, 0x20, 1];
/// The same: not found, with the error `DocNotFound`.
const NOT_FOUND: [u8; 12] = [0x08, 2, 0x32, 8, 0x08, 2, 0x10, 3, 0x18, 2, 0x20, 1];
/// `Error`: conflict, with the code `TxnConflict` of category transient, not applied. It is what a
/// transaction is answered as it begins.
const CONFLICT: [u8; 8] = [0x08, 3, 0x10, 5, 0x18, 1, 0x20, 1];

/// Appends the answer to a request; `None`: it is none.
fn answer(request: &[u8], output: &mut Vec<u8>) -> Option<()> {
    let mut message = Vec::with_capacity(64);
    let mut fields = Fields(request);
    let mut command = None;
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (REQUEST_ID, Value::Number(id)) => {
                put_varint(&mut message, REQUEST_ID << 3);
                put_varint(&mut message, id);
            }
            (number, Value::Bytes(bytes)) => command = Some((number, bytes)),
            _ => {}
        }
    }
    let (number, bytes) = command?;
    match number {
        HELLO => put_bytes(&mut message, HELLO, &hello()),
        OPEN => put_bytes(&mut message, OPEN, &OPEN_RESULT),
        SCAN => put_bytes(&mut message, SCAN, &[]),
        EXECUTE => {
            let mut results = Vec::with_capacity(64);
            let mut fields = Fields(bytes);
            while let Some((number, value)) = fields.next()? {
                if let (OPERATIONS, Value::Bytes(operation)) = (number, value) {
                    let is_create = is_create(operation)?;
                    let result = if is_create { &EXISTS } else { &NOT_FOUND };
                    put_bytes(&mut results, 1, result);
                }
            }
            put_bytes(&mut message, EXECUTE, &results);
        }
        _ => put_bytes(&mut message, ERROR, &CONFLICT),
    }
    let length = u32::try_from(message.len()).ok()?;
    output.extend_from_slice(&length.to_le_bytes());
    output.extend_from_slice(&message);
    Some(())
}

/// `HelloResult` of protocol 1 in mode `none`, with generous limits.
fn hello() -> Vec<u8> {
    let mut limits = Vec::new();
    // Bytes of a frame and of a document, levels, operations and bytes of a request.
    for (number, limit) in (1..).zip([64 << 20, 16 << 20, 128, 65_535, 16 << 20]) {
        put_varint(&mut limits, number << 3);
        put_varint(&mut limits, limit);
    }
    let mut hello = OPEN_RESULT.to_vec();
    put_bytes(&mut hello, 4, &limits);
    hello
}

fn is_create(operation: &[u8]) -> Option<bool> {
    let mut fields = Fields(operation);
    while let Some((number, _)) = fields.next()? {
        if number == CREATE {
            return Some(true);
        }
    }
    Some(false)
}

/// The fields of a message in the encoding of Protocol Buffers.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    /// The next field; `Some(None)` at the end, `None` where there is no field.
    fn next(&mut self) -> Option<Option<(u64, Value<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            _ => return None,
        };
        Some(Some((key >> 3, value)))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

fn put_varint(output: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        output.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    output.push((number & 0x7f) as u8);
}

fn put_bytes(output: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(output, number << 3 | 2);
    put_varint(output, bytes.len() as u64);
    output.extend_from_slice(bytes);
}
