//! Hostile input is ordinary input.

use bytes::{BufMut, Bytes, BytesMut};
use docdb_ipc::{
    ClientCodec, Command, Execute, FrameError, FrameLimit, Refused, Reply, Request, RequestId,
    Response, ServerCodec,
};
use docdb_types::{
    Action, Change, Code, CollectionName, DatabaseId, Effect, Error, Limits, Operation, Outcome,
    Version,
};
use tokio_util::codec::{Decoder, Encoder};

use crate::samples;

fn server() -> ServerCodec {
    ServerCodec::new(Limits::DEFAULT)
}

fn frame(message: &[u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_u32_le(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    frame
}

fn decode(message: &[u8]) -> Result<Request, Refused> {
    server().decode(&mut frame(message)).unwrap().unwrap()
}

fn refused(message: &[u8]) -> (Option<u64>, Code) {
    let refused = decode(message).unwrap_err();
    assert_eq!(refused.error.effect(), Effect::NotApplied);
    (refused.id.map(RequestId::get), refused.error.code())
}

/// A field that holds bytes: a number below 16 and a length below 128.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
    field.extend_from_slice(bytes);
    field
}

/// Request 9, which executes these operations in database 1.
fn execute(atomic: bool, operations: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![0x08, 1, 0x10, u8::from(atomic)];
    operations
        .iter()
        .for_each(|operation| body.extend(field(3, operation)));
    [vec![0x08, 9], field(12, &body)].concat()
}

fn create(text: &[u8]) -> Vec<u8> {
    field(2, &field(2, text))
}

#[test]
fn a_length_of_zero_and_one_over_the_limit_are_refused_at_once() {
    let limit = FrameLimit::new(1000);
    for (length, passes) in [(0, false), (1000, true), (1001, false), (u32::MAX, false)] {
        let mut server = server().with_frame_limit(limit);
        let mut client = ClientCodec::new(Limits::DEFAULT).with_frame_limit(limit);
        let mut wire = BytesMut::from(&length.to_le_bytes()[..]);
        assert_eq!(server.decode(&mut wire).is_ok(), passes, "{length}");
        let mut wire = BytesMut::from(&length.to_le_bytes()[..]);
        assert_eq!(client.decode(&mut wire).is_ok(), passes, "{length}");
    }
}

#[test]
fn an_announced_length_allocates_next_to_nothing() {
    let mut wire = BytesMut::from(&u32::to_le_bytes(16 << 20)[..]);
    assert!(server().decode(&mut wire).unwrap().is_none());
    assert!(wire.capacity() <= 128 * 1024, "{}", wire.capacity());
}

#[test]
fn a_connection_does_not_keep_the_buffer_of_a_large_frame() {
    let mut wire = frame(&vec![0; 8 << 20]);
    wire.put_slice(&[1, 2, 3]);
    assert!(server().decode(&mut wire).unwrap().is_some());
    assert_eq!(&wire[..], [1, 2, 3]);
    assert!(wire.capacity() < 4096, "{}", wire.capacity());
}

#[test]
fn every_truncation_of_a_stream_is_noticed() {
    for command in samples::commands() {
        let mut wire = BytesMut::new();
        let request = Request {
            id: RequestId::MIN,
            command,
        };
        ClientCodec::new(Limits::DEFAULT)
            .encode(request, &mut wire)
            .unwrap();
        for length in 1..wire.len() {
            let mut cut = BytesMut::from(&wire[..length]);
            assert!(server().decode(&mut cut).unwrap().is_none());
            let error = server().decode_eof(&mut cut).unwrap_err();
            assert!(
                matches!(error, FrameError::Truncated { missing: 1.. }),
                "{length}: {error}"
            );
        }
    }
}

#[test]
fn every_truncation_of_a_message_keeps_its_request_id_and_never_panics() {
    for command in samples::commands() {
        let mut wire = BytesMut::new();
        let request = Request {
            id: RequestId::new(300).unwrap(),
            command,
        };
        ClientCodec::new(Limits::DEFAULT)
            .encode(request, &mut wire)
            .unwrap();
        let message = &wire[4..];
        for length in 1..message.len() {
            if let Err(refused) = decode(&message[..length]) {
                let readable = length >= 3;
                assert_eq!(
                    refused.id.map(RequestId::get),
                    readable.then_some(300),
                    "{length}"
                );
            }
        }
    }
}

#[test]
fn a_request_without_an_id_is_refused_for_the_connection() {
    assert_eq!(refused(&[0x5a, 0x00]), (None, Code::InvalidRequestId));
    assert_eq!(
        refused(&[0x08, 0x00, 0x5a, 0x00]),
        (None, Code::InvalidRequestId)
    );
}

#[test]
fn a_command_or_operation_that_is_not_known_is_said_to_be_unknown() {
    assert_eq!(refused(&[0x08, 9]), (Some(9), Code::UnknownOperation));
    let command_39 = [0x08, 9, 0xba, 0x02, 0x00];
    assert_eq!(refused(&command_39), (Some(9), Code::UnknownOperation));

    let operation_15 = field(15, b"");
    let Command::Execute(execute) = decode(&execute(false, &[operation_15])).unwrap().command
    else {
        panic!("another command");
    };
    assert_eq!(execute.refused[0].1.code(), Code::UnknownOperation);
}

#[test]
fn fields_that_are_not_known_are_ignored() {
    let ping_with_fields_9_and_200 = [
        &[0x08, 9, 0x5a, 0x00][..],
        &field(9, b"later"),
        &[0xc0, 0x0c, 0x07],
    ]
    .concat();
    assert_eq!(
        decode(&ping_with_fields_9_and_200).unwrap().command,
        Command::Ping
    );
}

#[test]
fn a_group_hides_nothing_from_the_look_that_counts() {
    let group = [0x08, 9, 0x7b, 0x7c, 0x5a, 0x00];
    assert_eq!(refused(&group), (Some(9), Code::UnknownOperation));
}

#[test]
fn a_bad_operation_is_refused_alone_and_the_others_keep_their_places() {
    let bad_name = [field(1, b"a/b"), create(b"1")].concat();
    let read_of_0 = field(3, b"");
    let operations = [
        create(b"1"),
        create(b"{]"),
        create(b"2"),
        bad_name,
        read_of_0,
        create(b"3"),
    ];
    let Command::Execute(decoded) = decode(&execute(false, &operations)).unwrap().command else {
        panic!("another command");
    };
    let refused: Vec<_> = decoded
        .refused
        .iter()
        .map(|(position, error)| (*position, error.code()))
        .collect();
    let expected = [
        (1, Code::InvalidJson),
        (3, Code::InvalidName),
        (4, Code::DocNotFound),
    ];
    assert_eq!(refused, expected);
    assert_eq!(decoded.operations.len(), 3);

    let outcome = |id| Outcome {
        id: samples::id(id),
        version: Version::new(1),
        change: Change::Created,
        document: None,
        may_be_older: false,
    };
    let results = vec![Ok(outcome(1)), Ok(outcome(2)), Ok(outcome(3))];
    let merged = Execute::merge(decoded.refused, results);
    let ids: Vec<_> = merged
        .iter()
        .map(|result| result.as_ref().map_or(0, |o| o.id.get()))
        .collect();
    assert_eq!(ids, [1, 0, 2, 0, 0, 3]);
}

#[test]
fn a_bad_operation_refuses_an_atomic_request_and_is_named() {
    let refused = decode(&execute(true, &[create(b"1"), create(b"nul")])).unwrap_err();
    assert_eq!(refused.id, RequestId::new(9));
    assert_eq!(refused.error.code(), Code::InvalidJson);
    assert_eq!(refused.error.context().step, Some(1));
}

#[test]
fn a_patch_step_without_an_op_or_a_value_is_refused() {
    let set_without_value = field(7, &[vec![0x08, 1], field(2, &[0x08, 1])].concat());
    let without_op = field(7, &[vec![0x08, 1], field(2, b"")].concat());
    let op_of_later = field(7, &[vec![0x08, 1], field(2, &[0x08, 99])].concat());
    for operation in [set_without_value, without_op, op_of_later] {
        let refused = decode(&execute(true, &[operation])).unwrap_err();
        assert_eq!(refused.error.code(), Code::InvalidPatch);
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_request_id() {
    let bad_name = [vec![0x08, 9], field(15, &field(1, b"\xff"))].concat();
    assert_eq!(refused(&bad_name), (Some(9), Code::UnknownOperation));
}

#[test]
fn names_and_ids_of_databases_are_checked() {
    for name in ["", ".", "..", "a/b"] {
        let open = [vec![0x08, 9], field(15, &field(1, name.as_bytes()))].concat();
        assert_eq!(refused(&open), (Some(9), Code::InvalidName));
    }
    let count_in_0 = [vec![0x08, 9], field(14, b"")].concat();
    assert_eq!(refused(&count_in_0), (Some(9), Code::DbNotOpen));
}

fn request_of(operations: Vec<Operation>) -> Result<Request, Refused> {
    let execute = Execute::new(DatabaseId::new(1), false, operations);
    let request = Request {
        id: RequestId::MIN,
        command: Command::Execute(execute),
    };
    let mut wire = BytesMut::new();
    ClientCodec::new(Limits::DEFAULT)
        .with_frame_limit(FrameLimit::new(64 << 20))
        .encode(request, &mut wire)
        .unwrap();
    server()
        .with_frame_limit(FrameLimit::new(64 << 20))
        .decode(&mut wire)
        .unwrap()
        .unwrap()
}

fn upsert(bytes: usize) -> Operation {
    let text = format!("\"{}\"", "x".repeat(bytes - 2));
    let action = Action::Upsert {
        id: samples::id(1),
        document: samples::document(&text),
    };
    Operation {
        collection: CollectionName::DEFAULT,
        action,
    }
}

#[test]
fn a_request_carries_65535_operations_and_no_more() {
    let read = Operation {
        collection: CollectionName::DEFAULT,
        action: Action::Read { id: samples::id(1) },
    };
    assert!(request_of(vec![read.clone(); 65_535]).is_ok());
    let refused = request_of(vec![read; 65_536]).unwrap_err();
    assert_eq!(
        (refused.id, refused.error.code()),
        (Some(RequestId::MIN), Code::TooManyOps)
    );
}

#[test]
fn a_request_carries_16_mib_of_payload_and_no_more() {
    let half = 8 << 20;
    assert!(request_of(vec![upsert(half), upsert(half)]).is_ok());
    let refused = request_of(vec![upsert(half), upsert(half + 1)]).unwrap_err();
    assert_eq!(
        (refused.id, refused.error.code()),
        (Some(RequestId::MIN), Code::PayloadTooLarge)
    );
}

#[test]
fn a_document_of_the_largest_size_passes_and_comes_back() {
    let request = request_of(vec![upsert(16 << 20)]).unwrap();
    let Command::Execute(execute) = request.command else {
        panic!("another command")
    };
    assert!(execute.refused.is_empty());

    let outcome = Outcome {
        id: samples::id(1),
        version: Version::new(1),
        change: Change::Read,
        document: Some(Bytes::from(vec![b'1'; 16 << 20])),
        may_be_older: false,
    };
    let response = Response {
        id: RequestId::new(1),
        result: Ok(Reply::Results(vec![Ok(outcome)])),
    };
    let mut wire = BytesMut::new();
    server().encode(response.clone(), &mut wire).unwrap();
    let decoded = ClientCodec::new(Limits::DEFAULT).decode(&mut wire).unwrap();
    assert_eq!(decoded, Some(response));
}

#[test]
fn an_answer_over_the_limit_becomes_an_error_that_says_what_was_done() {
    let outcome = |change, bytes| {
        let document = Some(Bytes::from(vec![b'1'; bytes]));
        Ok(Outcome {
            id: samples::id(1),
            version: Version::new(1),
            change,
            document,
            may_be_older: false,
        })
    };
    let unknown = Err(Error::new(Code::FileSync, "lost").with_effect(Effect::Unknown));
    let cases = [
        (vec![outcome(Change::Read, 2000)], Effect::NotApplied),
        (
            vec![outcome(Change::Created, 1), outcome(Change::Read, 2000)],
            Effect::Applied,
        ),
        (
            vec![
                outcome(Change::Created, 1),
                outcome(Change::Read, 2000),
                unknown,
            ],
            Effect::Unknown,
        ),
    ];
    for (results, effect) in cases {
        let mut wire = BytesMut::new();
        let response = Response {
            id: RequestId::new(5),
            result: Ok(Reply::Results(results)),
        };
        server()
            .with_frame_limit(FrameLimit::new(1000))
            .encode(response, &mut wire)
            .unwrap();
        let answer = ClientCodec::new(Limits::DEFAULT)
            .decode(&mut wire)
            .unwrap()
            .unwrap();
        assert_eq!(answer.id, RequestId::new(5));
        let error = answer.result.unwrap_err();
        assert_eq!(
            (error.code(), error.effect()),
            (Code::FrameTooLarge, effect)
        );
    }
}

#[test]
fn a_request_over_the_limit_is_not_sent_at_all() {
    let execute = Execute::new(DatabaseId::new(1), false, vec![upsert(2000)]);
    let request = Request {
        id: RequestId::MIN,
        command: Command::Execute(execute),
    };
    let mut wire = BytesMut::new();
    let mut client = ClientCodec::new(Limits::DEFAULT).with_frame_limit(FrameLimit::new(1000));
    let error = client.encode(request, &mut wire).unwrap_err();
    assert!(matches!(error, FrameError::TooLong { limit: 1000, .. }));
    assert!(wire.is_empty());
}

#[test]
fn an_answer_that_means_nothing_is_malformed() {
    let cases: [&[u8]; 4] = [
        &[0x08, 1],
        &[0x08, 1, 0x62, 0x02, 0x0a, 0x00],
        &[0x08, 1, 0x7a, 0x00],
        &[0xff, 0xff],
    ];
    for message in cases {
        let result = ClientCodec::new(Limits::DEFAULT).decode(&mut frame(message));
        assert!(
            matches!(result, Err(FrameError::Malformed { .. })),
            "{message:x?}"
        );
    }
}

#[test]
fn an_error_of_a_newer_server_is_shown_and_never_retried() {
    let code_99 = [
        &[0x08, 1][..],
        &field(2, &[&[0x10, 99, 0x20, 1][..], &field(5, b"new")].concat()),
    ];
    let answer = ClientCodec::new(Limits::DEFAULT)
        .decode(&mut frame(&code_99.concat()))
        .unwrap();
    let error = answer.unwrap().result.unwrap_err();
    assert_eq!(
        (error.code(), error.effect()),
        (Code::Internal, Effect::NotApplied)
    );
    assert!(error.message().contains("new") && error.message().contains("99"));
    assert!(!error.is_retryable());
}
