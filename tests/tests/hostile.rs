//! A real server and clients that send what nobody should. Each gets an answer or an end within a
//! second, nobody else notices, and the memory of the server stays flat.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use docdb_tests::ServerProcess;
use docdb_types::Limits;

/// How long anything that is wrong may stay without an answer or an end.
const AT_ONCE: Duration = Duration::from_secs(1);
/// The largest frame that is taken.
const FRAME_LIMIT: u32 = (Limits::DEFAULT.request_bytes + Limits::FRAME_ENVELOPE_BYTES) as u32;
/// A ping under the id 1, and its answer.
const PING: [u8; 8] = [4, 0, 0, 0, 0x08, 1, 0x5a, 0];

/// What came back.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// The first answer, without its length.
    Answer(Vec<u8>),
    /// The connection ended.
    End,
}

fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&length.to_le_bytes()[..], message].concat()
}

/// A field of a message that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        field.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend_from_slice(bytes);
    field
}

/// A connection that has the database `a` open, and the number of it.
fn opened(socket: &Path) -> (UnixStream, Vec<u8>) {
    let mut stream = UnixStream::connect(socket).unwrap();
    let open = [vec![0x08, 1], field(15, &field(1, b"a"))].concat();
    let Told::Answer(answer) = tell(&mut stream, &frame(&open), AT_ONCE * 20) else {
        panic!("not opened");
    };
    // request id, field 15, its length, field 1: the id.
    assert_eq!(&answer[..3], [0x08, 1, 0x7a], "{answer:?}");
    assert_eq!(answer[4], 0x08, "{answer:?}");
    let length = answer[5..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
    (stream, answer[5..5 + length].to_vec())
}

/// Request 9: these operations in the database of that number.
fn execute(database: &[u8], operations: &[Vec<u8>]) -> Vec<u8> {
    let mut body = [&[0x08][..], database].concat();
    for operation in operations {
        body.extend(field(3, operation));
    }
    frame(&[vec![0x08, 9], field(12, &body)].concat())
}

fn create(id: u8, text: &[u8]) -> Vec<u8> {
    field(2, &[vec![0x08, id], field(2, text)].concat())
}

fn read(id: u8) -> Vec<u8> {
    field(3, &[0x08, id])
}

/// Sends bytes and waits, no longer than this, for the first answer or the end.
fn tell(stream: &mut UnixStream, bytes: &[u8], patience: Duration) -> Told {
    let begun = Instant::now();
    stream.set_write_timeout(Some(patience)).unwrap();
    // The server may close before it has taken everything.
    let _ = stream.write_all(bytes);
    receive(stream, patience.saturating_sub(begun.elapsed()))
}

fn receive(stream: &mut UnixStream, patience: Duration) -> Told {
    let begun = Instant::now();
    let mut received = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let left = patience.saturating_sub(begun.elapsed());
        assert!(!left.is_zero(), "neither an answer nor an end");
        stream.set_read_timeout(Some(left)).unwrap();
        match stream.read(&mut piece) {
            Ok(0) => return Told::End,
            Ok(length) => received.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Told::End,
            Err(error) => panic!("neither an answer nor an end: {error}"),
        }
        if let Some(length) = received.first_chunk() {
            let whole = 4 + u32::from_le_bytes(*length) as usize;
            if received.len() >= whole {
                return Told::Answer(received[4..whole].to_vec());
            }
        }
    }
}

/// The code in an answer that is an error: field 2 of the error, which is field 2 of the answer.
fn code(told: &Told) -> Option<u8> {
    let Told::Answer(answer) = told else {
        return None;
    };
    let error = match answer.as_slice() {
        [0x08, _, 0x12, rest @ ..] | [0x12, rest @ ..] => rest,
        _ => return None,
    };
    let start = error.iter().position(|byte| *byte < 0x80)? + 1;
    match error.get(start..)? {
        [0x08, _, 0x10, code, ..] => Some(*code),
        _ => None,
    }
}

/// Numbers of codes on the wire.
const FRAME_TOO_LARGE: u8 = 21;
const TOO_MANY_OPS: u8 = 22;
const UNKNOWN_OPERATION: u8 = 33;
const NETWORK: u8 = 39;

/// Another connection, which pings all the time.
struct Bystander {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(u64, Duration)>,
}

impl Bystander {
    fn beside(server: &ServerProcess) -> Self {
        let mut stream = UnixStream::connect(server.socket()).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let (mut pings, mut slowest) = (0, Duration::ZERO);
            while !until.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let told = tell(&mut stream, &PING, AT_ONCE);
                assert_eq!(told, Told::Answer(PING[4..].to_vec()));
                slowest = slowest.max(begun.elapsed());
                pings += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            (pings, slowest)
        });
        Self { is_over, thread }
    }

    /// Every ping was answered, each within a second.
    fn noticed_nothing(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let (pings, slowest) = self.thread.join().expect("a ping without an answer");
        assert!(pings > 0 && slowest < AT_ONCE, "{pings} pings, {slowest:?}");
    }
}

fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn a_length_that_cannot_be_is_answered_and_ends() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    let bystander = Bystander::beside(&server);
    for (length, expected) in [
        (0, NETWORK),
        (FRAME_LIMIT + 1, FRAME_TOO_LARGE),
        (1 << 31, FRAME_TOO_LARGE),
        (u32::MAX, FRAME_TOO_LARGE),
    ] {
        for behind in [&[][..], &[0; 100], &PING] {
            let mut stream = UnixStream::connect(server.socket()).unwrap();
            let bytes = [&length.to_le_bytes()[..], behind].concat();
            let told = tell(&mut stream, &bytes, AT_ONCE);
            assert_eq!(code(&told), Some(expected), "{length}: {told:?}");
            assert_eq!(receive(&mut stream, AT_ONCE), Told::End);
        }
    }
    bystander.noticed_nothing();
}

#[test]
fn a_frame_that_is_cut_at_any_byte_ends_and_does_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    let (mut stream, database) = opened(server.socket());
    let bystander = Bystander::beside(&server);
    let open = frame(&[vec![0x08, 1], field(15, &field(1, b"a"))].concat());
    let whole = execute(&database, &[create(7, b"{\"a\":[1,2,3]}"), create(8, b"2")]);
    for cut in 0..whole.len() {
        for is_abrupt in [false, true] {
            let mut cut_off = UnixStream::connect(server.socket()).unwrap();
            assert_ne!(tell(&mut cut_off, &open, AT_ONCE), Told::End);
            cut_off.write_all(&whole[..cut]).unwrap();
            if is_abrupt {
                drop(cut_off);
            } else {
                cut_off.shutdown(Shutdown::Write).unwrap();
                assert_eq!(receive(&mut cut_off, AT_ONCE), Told::End, "cut at {cut}");
            }
        }
    }
    let told = tell(
        &mut stream,
        &execute(&database, &[create(7, b"1")]),
        AT_ONCE,
    );
    let Told::Answer(answer) = told else {
        panic!("an end")
    };
    // Status ok is left out of a result, whose first field is then its id.
    assert_eq!(answer[4..6], [0x0a, answer[5]], "{answer:?}");
    assert_eq!(answer[6..8], [0x10, 7], "{answer:?}");
    bystander.noticed_nothing();
}

#[test]
fn random_bytes_are_answered_or_end() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    let (_stream, database) = opened(server.socket());
    let bystander = Bystander::beside(&server);
    let mut random = random(0x9e37_79b9_7f4a_7c15);
    let sample = execute(&database, &[create(7, b"{\"a\":[1,2,3]}"), read(7)]);
    for round in 0..600 {
        let length = (random() % 300) as usize + 1;
        let noise: Vec<u8> = (0..length).map(|_| random() as u8).collect();
        let bytes = match round % 3 {
            // Nothing but noise, noise in a frame, and a request with some bytes replaced.
            0 => noise,
            1 => frame(&noise),
            _ => {
                let mut damaged = sample.clone();
                for byte in noise.iter().take(1 + length % 4) {
                    let place = 4 + random() as usize % (damaged.len() - 4);
                    damaged[place] = *byte;
                }
                damaged
            }
        };
        let mut stream = UnixStream::connect(server.socket()).unwrap();
        let _ = stream.write_all(&bytes);
        // What is missing of a frame will never come.
        let _ = stream.shutdown(Shutdown::Write);
        receive(&mut stream, AT_ONCE);
    }
    bystander.noticed_nothing();
}

#[test]
fn what_is_not_known_is_answered_and_the_connection_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    let (mut stream, database) = opened(server.socket());
    let bystander = Bystander::beside(&server);
    for command in (2..=9).chain(100..=163) {
        let message = match command {
            2..16 => [vec![0x08, 9], field(command, b"")].concat(),
            _ => vec![0x08, 9, (command & 0x0f) << 3 | 0x82, command >> 4, 0],
        };
        let told = tell(&mut stream, &frame(&message), AT_ONCE);
        assert_eq!(code(&told), Some(UNKNOWN_OPERATION), "command {command}");
    }
    let with_more = [&PING[4..], &[0xc0, 0x3e, 1], &field(9, b"later")].concat();
    let told = tell(&mut stream, &frame(&with_more), AT_ONCE);
    assert_eq!(told, Told::Answer(PING[4..].to_vec()));

    let too_many = execute(&database, &vec![read(1); 65_536]);
    let told = tell(&mut stream, &too_many, AT_ONCE);
    assert_eq!(code(&told), Some(TOO_MANY_OPS), "{told:?}");
    assert_eq!(
        tell(&mut stream, &PING, AT_ONCE),
        Told::Answer(PING[4..].to_vec())
    );
    bystander.noticed_nothing();
}

#[test]
fn an_answer_larger_than_a_frame_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    let (mut stream, database) = opened(server.socket());
    let text = [b"\"", vec![b'x'; 8 << 20].as_slice(), b"\""].concat();
    for id in 1..=3 {
        let told = tell(
            &mut stream,
            &execute(&database, &[create(id, &text)]),
            AT_ONCE * 20,
        );
        assert!(matches!(told, Told::Answer(_)));
    }
    let bystander = Bystander::beside(&server);
    let all = execute(&database, &[read(1), read(2), read(3)]);
    let Told::Answer(answer) = tell(&mut stream, &all, AT_ONCE * 20) else {
        panic!("an end");
    };
    assert!(answer.len() > 16 << 20 && answer.len() <= FRAME_LIMIT as usize);
    // Two documents, and in the place of the third an error of a few bytes.
    let of_documents = answer.iter().filter(|byte| **byte == b'x').count();
    assert_eq!(of_documents >> 23, 2);
    let end = &answer[answer.len() - 200..];
    let code = [0x10, FRAME_TOO_LARGE];
    assert!(end.windows(2).any(|pair| pair == code), "{end:x?}");
    bystander.noticed_nothing();
}

#[test]
fn a_length_that_was_only_announced_takes_no_memory() {
    /// Fewer than the server takes at a time, and than files a process may have open by default.
    const AT_A_TIME: u64 = 400;
    const ROUNDS: u64 = 10;
    const MIB: u64 = 1024 * 1024;
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &["--log-level", "error"]).unwrap();
    let bystander = Bystander::beside(&server);
    let before = server.resident_bytes().unwrap();
    let allocated_before = server.allocated_bytes().unwrap();
    let mut held = Vec::new();
    let mut allocated = 0;
    for _ in 0..ROUNDS {
        let mut streams = Vec::new();
        for number in 0..AT_A_TIME {
            let mut stream = UnixStream::connect(server.socket()).unwrap();
            // A ping shows that the server has read so far; then a frame of which nothing, or a
            // little, is ever sent.
            let told = tell(&mut stream, &PING, AT_ONCE);
            assert!(matches!(told, Told::Answer(_)));
            stream.write_all(&FRAME_LIMIT.to_le_bytes()).unwrap();
            stream.write_all(&vec![0x12; number as usize % 64]).unwrap();
            streams.push(stream);
        }
        held.push(server.resident_bytes().unwrap());
        allocated = server.allocated_bytes().unwrap().max(allocated);
    }
    let announced = AT_A_TIME * ROUNDS * u64::from(FRAME_LIMIT);
    let taken = allocated.saturating_sub(allocated_before);
    println!(
        "{} MiB announced, {} KiB allocated; resident {} KiB before, then {:?}",
        announced / MIB,
        taken / 1024,
        before / 1024,
        held.iter().map(|bytes| bytes / 1024).collect::<Vec<_>>()
    );
    assert!(taken < 512 * MIB, "{taken} bytes allocated");
    let most = held.iter().max().unwrap();
    assert!(most - before < 64 * MIB, "{most} bytes after {before}");
    // Flat: what later rounds take, the first ones gave back, but for the pieces that an allocator
    // keeps for each connection that is just being closed.
    let [.., middle, _, _, _, _, last] = held.as_slice() else {
        panic!("fewer rounds");
    };
    assert!(*last < middle + 16 * MIB, "memory grows: {held:?}");
    bystander.noticed_nothing();
}
