//! What one end says, the other understands.

use bytes::{Bytes, BytesMut};
use docdb_ipc::{ClientCodec, Command, Execute, Reply, Request, RequestId, Response, ServerCodec};
use docdb_types::{
    Action, CollectionName, DatabaseId, Document, DocumentId, Limits, Operation, PatchStep, Version,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tokio_util::codec::{Decoder, Encoder};

use crate::samples;

fn through_request(request: Request) -> Request {
    let mut wire = BytesMut::new();
    ClientCodec::new(Limits::DEFAULT)
        .encode(request, &mut wire)
        .unwrap();
    let decoded = ServerCodec::new(Limits::DEFAULT)
        .decode(&mut wire)
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(wire.is_empty());
    decoded
}

fn through_response(response: Response) -> Response {
    let mut wire = BytesMut::new();
    ServerCodec::new(Limits::DEFAULT)
        .encode(response, &mut wire)
        .unwrap();
    let decoded = ClientCodec::new(Limits::DEFAULT)
        .decode(&mut wire)
        .unwrap()
        .unwrap();
    assert!(wire.is_empty());
    decoded
}

#[test]
fn every_command_arrives_as_it_was_sent() {
    for (command, number) in samples::commands().into_iter().zip(1..) {
        let request = Request {
            id: RequestId::new(number).unwrap(),
            command,
        };
        assert_eq!(through_request(request.clone()), request);
    }
}

#[test]
fn every_reply_and_every_error_arrives_as_it_was_sent() {
    let replies = samples::replies().into_iter().map(Ok);
    let errors = samples::errors().into_iter().map(Err);
    for (result, number) in replies.chain(errors).zip(0..) {
        let response = Response {
            id: RequestId::new(number),
            result,
        };
        assert_eq!(through_response(response.clone()), response);
    }
}

#[test]
fn frames_that_arrive_byte_by_byte_are_the_same_frames() {
    let mut wire = BytesMut::new();
    let mut client = ClientCodec::new(Limits::DEFAULT);
    let requests: Vec<_> = samples::commands()
        .into_iter()
        .zip(1..)
        .map(|(command, number)| Request {
            id: RequestId::new(number).unwrap(),
            command,
        })
        .collect();
    for request in &requests {
        client.encode(request.clone(), &mut wire).unwrap();
    }
    let mut server = ServerCodec::new(Limits::DEFAULT);
    let mut received = BytesMut::new();
    let mut decoded = Vec::new();
    for byte in wire {
        received.extend_from_slice(&[byte]);
        decoded.extend(server.decode(&mut received).unwrap().map(Result::unwrap));
    }
    assert_eq!(server.decode_eof(&mut received).unwrap(), None);
    assert_eq!(decoded, requests);
}

fn text() -> impl Strategy<Value = Document> {
    "[ \\PC]{0,40}".prop_map(|text| {
        let escaped: String = text
            .chars()
            .flat_map(|c| match c {
                '"' | '\\' => vec!['\\', c],
                c => vec![c],
            })
            .collect();
        Document::from_text(&format!("\"{escaped}\""), &Limits::DEFAULT).unwrap()
    })
}

fn collection() -> impl Strategy<Value = CollectionName> {
    prop_oneof![
        Just(CollectionName::DEFAULT),
        "[a-z][a-z0-9_ ]{0,20}".prop_map(|name| CollectionName::new(&name).unwrap()),
    ]
}

fn step() -> impl Strategy<Value = PatchStep> {
    let path = || "(/[a-z~1-9]{0,5}){0,4}";
    let value = || text().prop_map(|value| Vec::from(value.into_bytes()));
    prop_oneof![
        (path(), value()).prop_map(|(path, value)| PatchStep::Set { path, value }),
        path().prop_map(|path| PatchStep::Delete { path }),
        (path(), value()).prop_map(|(path, value)| PatchStep::Test { path, value }),
        (path(), path()).prop_map(|(from, path)| PatchStep::Move { from, path }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let id = || (1..=u64::MAX).prop_map(|id| DocumentId::new(id).unwrap());
    let any_id = prop::option::of(1..=u64::MAX).prop_map(|id| id.and_then(DocumentId::new));
    let expected = || prop::option::of(any::<u64>().prop_map(Version::new));
    prop_oneof![
        (any_id, text()).prop_map(|(id, document)| Action::Create { id, document }),
        id().prop_map(|id| Action::Read { id }),
        (id(), text(), expected()).prop_map(|(id, document, expected)| Action::Update {
            id,
            document,
            expected
        }),
        (id(), text()).prop_map(|(id, document)| Action::Upsert { id, document }),
        (id(), expected()).prop_map(|(id, expected)| Action::Delete { id, expected }),
        (id(), prop::collection::vec(step(), 0..6), expected()).prop_map(
            |(id, steps, expected)| Action::Patch {
                id,
                steps,
                expected
            }
        ),
        (id(), text(), expected()).prop_map(|(id, patch, expected)| Action::Merge {
            id,
            patch,
            expected
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(0x00d0_cdb0),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_operations_arrive_in_order_and_unchanged(
        number in 1..=u64::MAX,
        database in 1..=u64::MAX,
        atomic: bool,
        operations in prop::collection::vec(
            (collection(), action()).prop_map(|(collection, action)| Operation { collection, action }),
            0..12,
        ),
    ) {
        let execute = Execute::new(DatabaseId::new(database), atomic, operations);
        let request = Request { id: RequestId::new(number).unwrap(), command: Command::Execute(execute) };
        prop_assert_eq!(through_request(request.clone()), request);
    }

    #[test]
    fn damaged_frames_are_refused_or_understood_but_never_a_panic(
        position: prop::sample::Index,
        bit in 0..8_u8,
        which: prop::sample::Index,
    ) {
        let mut wire = BytesMut::new();
        let command = which.get(&samples::commands()).clone();
        let request = Request { id: RequestId::MIN, command };
        ClientCodec::new(Limits::DEFAULT).encode(request, &mut wire).unwrap();
        let position = position.index(wire.len());
        wire[position] ^= 1 << bit;
        let _ = ServerCodec::new(Limits::DEFAULT).decode(&mut wire);

        let mut wire = BytesMut::new();
        let response = Response { id: None, result: Ok(which.get(&samples::replies()).clone()) };
        ServerCodec::new(Limits::DEFAULT).encode(response, &mut wire).unwrap();
        let position = position % wire.len();
        wire[position] ^= 1 << bit;
        let _ = ClientCodec::new(Limits::DEFAULT).decode(&mut wire);
    }

    #[test]
    fn random_bytes_are_refused_or_understood_but_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 1..300),
    ) {
        let mut frame = BytesMut::new();
        frame.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
        frame.extend_from_slice(&bytes);
        let mut copy = frame.clone();
        let _ = ServerCodec::new(Limits::DEFAULT).decode(&mut frame);
        let _ = ClientCodec::new(Limits::DEFAULT).decode(&mut copy);
        let _ = ServerCodec::new(Limits::DEFAULT).decode(&mut BytesMut::from(&bytes[..]));
    }
}

#[test]
fn a_payload_shares_the_buffer_of_its_frame() {
    let large = format!("\"{}\"", "x".repeat(100_000));
    let document = Document::from_text(&large, &Limits::DEFAULT).unwrap();
    let action = Action::Upsert {
        id: samples::id(1),
        document,
    };
    let operation = Operation {
        collection: CollectionName::DEFAULT,
        action,
    };
    let execute = Execute::new(DatabaseId::new(1), false, vec![operation]);
    let request = Request {
        id: RequestId::MIN,
        command: Command::Execute(execute),
    };
    let mut wire = BytesMut::new();
    ClientCodec::new(Limits::DEFAULT)
        .encode(request, &mut wire)
        .unwrap();
    let range = wire.as_ptr_range();

    let request = ServerCodec::new(Limits::DEFAULT)
        .decode(&mut wire)
        .unwrap()
        .unwrap()
        .unwrap();
    let Command::Execute(mut execute) = request.command else {
        panic!("another command")
    };
    let Some(Operation {
        action: Action::Upsert { document, .. },
        ..
    }) = execute.operations.pop()
    else {
        panic!("another operation");
    };
    assert!(range.contains(&document.as_bytes().as_ptr()));
}

#[test]
fn a_reply_of_many_documents_arrives_whole() {
    let outcome = docdb_types::Outcome {
        id: samples::id(1),
        version: Version::new(1),
        change: docdb_types::Change::Read,
        document: Some(Bytes::from(vec![b'1'; 200])),
        may_be_older: false,
    };
    let results = vec![Ok(outcome); 65_535];
    let response = Response {
        id: RequestId::new(1),
        result: Ok(Reply::Results(results)),
    };
    assert_eq!(through_response(response.clone()), response);
}
