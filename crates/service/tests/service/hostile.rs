use std::time::{Duration, Instant};

use bytes::BytesMut;
use docdb_ipc::{ClientCodec, Command, Reply, Request, RequestId, Response};
use docdb_types::{Code, DatabaseId, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::codec::{Decoder, Encoder};

use super::harness::{Client, Harness, create, execute, id, read, results, string_of, upsert};

/// What a client is told that sends what nobody should: answers, and then maybe the end.
struct Told {
    answers: Vec<Response>,
    has_ended: bool,
}

/// Sends bytes, and collects answers until `count` are there or the connection ends.
async fn tell(stream: &mut UnixStream, bytes: &[u8], count: usize) -> Told {
    // The server may close before it has taken everything.
    let _ = timeout(Duration::from_secs(5), stream.write_all(bytes)).await;
    let mut codec = ClientCodec::new(Limits::DEFAULT);
    let mut input = BytesMut::new();
    let mut answers = Vec::new();
    while answers.len() < count {
        let got = timeout(super::harness::PATIENCE, stream.read_buf(&mut input));
        match got.await.expect("an answer or an end") {
            Ok(0) | Err(_) => {
                return Told {
                    answers,
                    has_ended: true,
                };
            }
            Ok(_) => {
                while let Some(answer) = codec.decode(&mut input).unwrap() {
                    answers.push(answer);
                }
            }
        }
    }
    Told {
        answers,
        has_ended: false,
    }
}

async fn connect(harness: &Harness) -> UnixStream {
    UnixStream::connect(harness.socket()).await.unwrap()
}

fn frame(command: Command) -> BytesMut {
    let mut bytes = BytesMut::new();
    let id = RequestId::new(7).unwrap();
    ClientCodec::new(Limits::DEFAULT)
        .encode(Request { id, command }, &mut bytes)
        .unwrap();
    bytes
}

fn raw_frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&length.to_le_bytes()[..], message].concat()
}

/// Another connection, which must notice nothing of what the hostile one does.
struct Bystander {
    client: Client,
    database: DatabaseId,
}

impl Bystander {
    async fn of(harness: &Harness) -> Self {
        let (mut client, database) = harness.client_of("bystander").await;
        client.one(database, create(1, "1")).await.unwrap();
        Self { client, database }
    }

    async fn notices_nothing(&mut self) {
        let outcomes = self
            .client
            .execute(self.database, vec![read(1), upsert(2, "2")])
            .await;
        assert!(outcomes.iter().all(Result::is_ok));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_length_that_cannot_be_is_answered_and_ends_the_connection() {
    let harness = Harness::start().await;
    let mut bystander = Bystander::of(&harness).await;
    let too_long = u32::try_from(Limits::DEFAULT.request_bytes + Limits::FRAME_ENVELOPE_BYTES + 1);
    let lengths = [
        (0, Code::Network),
        (u32::MAX, Code::FrameTooLarge),
        (too_long.unwrap(), Code::FrameTooLarge),
    ];
    for (length, code) in lengths {
        let begun = Instant::now();
        let told = tell(
            &mut connect(&harness).await,
            &length.to_le_bytes(),
            usize::MAX,
        )
        .await;
        assert!(told.has_ended);
        assert_eq!(told.answers.len(), 1, "length {length}");
        assert_eq!(told.answers[0].id, None);
        assert_eq!(told.answers[0].result.as_ref().unwrap_err().code(), code);
        assert!(begun.elapsed() < Duration::from_secs(1));
        bystander.notices_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_frame_cut_at_any_byte_does_nothing_and_ends() {
    let harness = Harness::start().await;
    let mut bystander = Bystander::of(&harness).await;
    let whole = frame(execute(
        bystander.database,
        vec![create(77, r#"{"a": [1, 2]}"#)],
    ));
    for cut in 0..whole.len() {
        let mut stream = connect(&harness).await;
        stream.write_all(&whole[..cut]).await.unwrap();
        stream.shutdown().await.unwrap();
        let told = tell(&mut stream, &[], usize::MAX).await;
        assert!(told.has_ended);
        assert!(told.answers.is_empty(), "half a frame is no request");
    }
    bystander.notices_nothing().await;
    let missing = bystander
        .client
        .one(bystander.database, read(77))
        .await
        .unwrap_err();
    assert_eq!(missing.code(), Code::DocNotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_frame_in_single_bytes_is_a_frame() {
    let harness = Harness::start().await;
    let mut stream = connect(&harness).await;
    for byte in frame(Command::Ping) {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let told = tell(&mut stream, &[], 1).await;
    assert_eq!(told.answers[0].result, Ok(Reply::Pong));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn half_a_frame_and_then_silence_is_answered_and_ends() {
    let harness = Harness::start_with(|options| {
        options.deadlines.frame = Duration::from_millis(100);
    })
    .await;
    let mut bystander = Bystander::of(&harness).await;
    let whole = frame(Command::Ping);
    for cut in [1, 4, whole.len() - 1] {
        let mut stream = connect(&harness).await;
        let told = tell(&mut stream, &whole[..cut], usize::MAX).await;
        assert!(told.has_ended);
        assert_eq!(
            told.answers[0].result.as_ref().unwrap_err().code(),
            Code::Timeout
        );
    }
    bystander.notices_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn random_bytes_get_an_answer_or_an_end() {
    let harness = Harness::start_with(|options| {
        options.deadlines.frame = Duration::from_millis(100);
    })
    .await;
    let mut bystander = Bystander::of(&harness).await;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..200 {
        let length = (random() % 400) as usize + 1;
        let bytes: Vec<u8> = (0..length).map(|_| random().to_le_bytes()[0]).collect();
        // Half of the time the length is right, so that the message is what is looked at.
        let bytes = if round % 2 == 0 {
            raw_frame(&bytes)
        } else {
            bytes
        };
        let mut stream = connect(&harness).await;
        let told = tell(&mut stream, &bytes, 1).await;
        assert!(told.has_ended || !told.answers.is_empty());
    }
    bystander.notices_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_cannot_be_understood_is_answered_under_its_id_and_the_connection_goes_on() {
    let harness = Harness::start().await;
    let mut stream = connect(&harness).await;
    let ping = |id: u8| [0x08, id, 0x5a, 0x00];
    let cases: [(&str, Vec<u8>, Result<Reply, Code>); 5] = [
        ("no command", vec![0x08, 5], Err(Code::UnknownOperation)),
        (
            "a command of the future",
            vec![0x08, 5, 0xc2, 0x0c, 0x00],
            Err(Code::UnknownOperation),
        ),
        (
            "a command cut short",
            vec![0x08, 5, 0x62, 0x7f],
            Err(Code::UnknownOperation),
        ),
        (
            "a field of the future",
            [&ping(5)[..], &[0xc0, 0x3e, 1]].concat(),
            Ok(Reply::Pong),
        ),
        ("a ping", ping(5).to_vec(), Ok(Reply::Pong)),
    ];
    for (what, message, expected) in cases {
        let told = tell(&mut stream, &raw_frame(&message), 1).await;
        assert!(!told.has_ended, "{what}");
        assert_eq!(told.answers[0].id, RequestId::new(5), "{what}");
        let result = told.answers[0].result.clone().map_err(|error| error.code());
        assert_eq!(result, expected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_without_an_id_is_answered_and_ends_the_connection() {
    let harness = Harness::start().await;
    for message in [&[0x5a, 0x00][..], &[0x08, 0x00, 0x5a, 0x00]] {
        let told = tell(
            &mut connect(&harness).await,
            &raw_frame(message),
            usize::MAX,
        )
        .await;
        assert!(told.has_ended);
        assert_eq!(
            told.answers[0].result.as_ref().unwrap_err().code(),
            Code::InvalidRequestId
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_id_in_flight_cannot_be_used_again() {
    let harness = Harness::start().await;
    let mut stream = connect(&harness).await;
    let name = docdb_types::DatabaseName::new("a").unwrap();
    let open = frame(Command::OpenDatabase {
        name,
        create: Default::default(),
    });
    let both = [&open[..], &frame(Command::Ping)[..]].concat();
    let told = tell(&mut stream, &both, 2).await;
    let codes: Vec<_> = told
        .answers
        .iter()
        .map(|answer| answer.result.is_ok())
        .collect();
    assert_eq!(codes, [false, true]);
    assert_eq!(
        told.answers[0].result.as_ref().unwrap_err().code(),
        Code::InvalidRequestId
    );
    let told = tell(&mut stream, &frame(Command::Ping), 1).await;
    assert_eq!(
        told.answers[0].result,
        Ok(Reply::Pong),
        "answered ids are free again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_operation_too_many_refuses_the_request_and_the_limit_passes() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let most = Limits::DEFAULT.request_operations;
    let outcomes = client
        .execute(db, (0..most).map(|_| read(1)).collect())
        .await;
    assert_eq!(outcomes.len(), most);
    let too_many = (0..=most).map(|_| read(1)).collect();
    let error = client.call(execute(db, too_many)).await.unwrap_err();
    assert_eq!(error.code(), Code::TooManyOps);
    assert_eq!(client.call(Command::Ping).await, Ok(Reply::Pong));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn texts_that_do_not_fit_a_frame_are_errors_and_the_others_arrive() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let megabytes = 8 * 1024 * 1024;
    for number in 1..=3 {
        client
            .one(db, create(number, &string_of(megabytes)))
            .await
            .unwrap();
    }
    client.one(db, create(4, "4")).await.unwrap();
    let outcomes = client
        .execute(db, vec![read(1), read(2), read(3), read(4)])
        .await;
    let lengths: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(found) => Ok(found.document.as_ref().unwrap().len()),
            Err(error) => Err((error.code(), error.document())),
        })
        .collect();
    let refused = Err((Code::FrameTooLarge, Some(id(3))));
    assert_eq!(lengths, [Ok(megabytes), Ok(megabytes), refused, Ok(1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_small_request_cannot_have_a_large_document_in_memory_many_times() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    client
        .one(db, create(1, &string_of(8 * 1024 * 1024)))
        .await
        .unwrap();
    // Ten thousand times eight megabytes, in front of a write and without one.
    for last in [read(1), upsert(2, "2")] {
        let mut operations = vec![read(1); 10_000];
        operations.push(last);
        let outcomes = client.execute(db, operations).await;
        let arrived = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Ok(found) if found.document.is_some()));
        assert_eq!(arrived.count(), 2);
        let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        assert!(
            refused
                .map(docdb_types::Error::code)
                .all(|code| code == Code::FrameTooLarge)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_small_frames_what_fits_arrives() {
    let harness = Harness::start_with(|options| options.max_frame_bytes = Some(100_000)).await;
    let (mut client, db) = harness.client_of("a").await;
    for number in 1..=3 {
        client
            .one(db, create(number, &string_of(60_000)))
            .await
            .unwrap();
    }
    let outcomes = client.execute(db, vec![read(1), read(2)]).await;
    assert!(outcomes[0].is_ok());
    assert_eq!(
        outcomes[1].as_ref().unwrap_err().code(),
        Code::FrameTooLarge
    );
    let scan = docdb_ipc::Scan {
        database: db,
        collection: Default::default(),
        from: None,
        limit: 0,
        max_bytes: 0,
        cursor: None,
        transaction: None,
    };
    let page = client.call(Command::Scan(scan)).await;
    assert!(matches!(page, Ok(Reply::Page(page)) if page.documents.len() == 1));
    let too_long = vec![create(4, &string_of(100_000))];
    client.send(execute(db, too_long)).await;
    let refused = client.receive().await.unwrap();
    assert_eq!(refused.result.unwrap_err().code(), Code::FrameTooLarge);
    assert!(client.receive().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_largest_document_goes_in_and_comes_back() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let largest = string_of(Limits::MAX_DOCUMENT_BYTES);
    client.one(db, create(1, &largest)).await.unwrap();
    assert_eq!(
        super::harness::text(&client.one(db, read(1)).await),
        largest
    );
    let page = client
        .call(Command::Scan(docdb_ipc::Scan {
            database: db,
            collection: Default::default(),
            from: None,
            limit: 0,
            max_bytes: 0,
            cursor: None,
            transaction: None,
        }))
        .await;
    assert!(matches!(page, Ok(Reply::Page(page)) if page.documents.len() == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn invalid_json_is_refused_beside_valid_operations() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    // What no `Document` can hold is put into the bytes of a valid request.
    let mut bytes = frame(execute(
        db,
        vec![create(1, "11"), create(2, "22"), create(3, "33")],
    ));
    let place = bytes.windows(2).position(|pair| pair == b"22").unwrap();
    bytes[place..place + 2].copy_from_slice(b"2]");
    client.frames.get_mut().write_all(&bytes).await.unwrap();
    let outcomes = results(client.receive().await.unwrap());
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert_eq!(outcomes[1].as_ref().unwrap_err().code(), Code::InvalidJson);
    let missing = client.one(db, read(2)).await.unwrap_err();
    assert_eq!(missing.code(), Code::DocNotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_takes_no_answers_is_left_behind() {
    let harness = Harness::start_with(|options| {
        options.deadlines.write = Duration::from_millis(200);
    })
    .await;
    let mut bystander = Bystander::of(&harness).await;
    let (mut client, db) = harness.client_of("a").await;
    client
        .one(db, create(1, &string_of(512 * 1024)))
        .await
        .unwrap();
    let mut request = BytesMut::new();
    for number in 100..300 {
        let id = RequestId::new(number).unwrap();
        let request_of = Request {
            id,
            command: execute(db, vec![read(1)]),
        };
        ClientCodec::new(Limits::DEFAULT)
            .encode(request_of, &mut request)
            .unwrap();
    }
    let stream = client.frames.get_mut();
    stream.write_all(&request).await.unwrap();
    let figures = || harness.service.connections();
    let begun = Instant::now();
    while figures() > 1 {
        assert!(
            begun.elapsed() < super::harness::PATIENCE,
            "still connected"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bystander.notices_nothing().await;
    let mut taken = Vec::new();
    let _ = stream.read_to_end(&mut taken).await;
    assert!(
        taken.len() < 8 * 1024 * 1024,
        "{} bytes were prepared",
        taken.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_connection_too_many_is_told_so() {
    let harness = Harness::start_with(|options| options.max_connections = 2).await;
    let mut first = harness.connect().await;
    let mut second = harness.connect().await;
    assert!(first.call(Command::Ping).await.is_ok() && second.call(Command::Ping).await.is_ok());
    let mut third = harness.connect().await;
    let refused = third.receive().await.unwrap();
    assert_eq!(refused.id, None);
    assert_eq!(refused.result.unwrap_err().code(), Code::QueueFull);
    assert!(third.receive().await.is_none());
    drop(first);
    let begun = Instant::now();
    loop {
        let mut again = harness.connect().await;
        again.feed(Command::Ping).await;
        let _ = futures_util::SinkExt::<Request>::flush(&mut again.frames).await;
        if again
            .receive()
            .await
            .is_some_and(|answer| answer.result == Ok(Reply::Pong))
        {
            break;
        }
        assert!(
            begun.elapsed() < super::harness::PATIENCE,
            "the place is not free again"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_cut_in_the_middle_of_writes_leaves_none_of_them_half_done() {
    let harness = Harness::start().await;
    let (mut watcher, db) = harness.client_of("a").await;
    for round in 0..20 {
        let (mut client, _) = harness.client_of("a").await;
        for number in 1..=20 {
            let pair = vec![
                upsert(2 * number, &round.to_string()),
                upsert(2 * number + 1, &round.to_string()),
            ];
            client
                .feed(Command::Execute(docdb_ipc::Execute::new(db, true, pair)))
                .await;
        }
        client.flush().await;
        drop(client);
        let found = watcher.execute(db, (2..=41).map(read).collect()).await;
        for pair in found.chunks(2) {
            let texts: Vec<_> = pair
                .iter()
                .map(|outcome| {
                    outcome
                        .as_ref()
                        .ok()
                        .and_then(|found| found.document.clone())
                })
                .collect();
            assert_eq!(
                texts[0], texts[1],
                "a transaction is there whole or not at all"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_frames_that_are_never_finished_share_the_memory_there_is_for_them() {
    let megabyte = 1024 * 1024;
    let harness = Harness::start_with(|options| options.wire_memory_bytes = 8 * megabyte).await;
    let mut bystander = Bystander::of(&harness).await;
    let announced = 16 * 1024 * 1024_u32;
    let begun = [&announced.to_le_bytes()[..], &vec![0x12; 2 * megabyte]].concat();
    let mut clients = Vec::new();
    for _ in 0..20 {
        let (mut stream, bytes) = (connect(&harness).await, begun.clone());
        clients.push(tokio::spawn(async move {
            tell(&mut stream, &bytes, usize::MAX).await
        }));
    }
    // A buffer of two megabytes is counted with its room to grow.
    let since = Instant::now();
    while clients.iter().filter(|client| client.is_finished()).count() < 14 {
        assert!(since.elapsed() < super::harness::PATIENCE, "all are kept");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut told_why = 0;
    for client in clients {
        if !client.is_finished() {
            client.abort();
            continue;
        }
        let told = client.await.unwrap();
        assert!(told.has_ended);
        for answer in told.answers {
            assert_eq!(answer.id, None);
            assert_eq!(answer.result.unwrap_err().code(), Code::MemoryLimit);
            told_why += 1;
        }
    }
    assert!(told_why > 0);
    bystander.notices_nothing().await;

    let (mut client, db) = harness.client_of("a").await;
    let begun = Instant::now();
    while harness.service.connections() > 2 {
        assert!(begun.elapsed() < super::harness::PATIENCE, "still there");
        tokio::task::yield_now().await;
    }
    let large = create(1, &string_of(3 * megabyte));
    client.one(db, large).await.unwrap();
}
