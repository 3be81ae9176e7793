//! The bytes on the wire, frozen: what a released version sends is understood for ever.

use bytes::{Bytes, BytesMut};
use docdb_ipc::{
    BegunTransaction, ClientCodec, Command, Execute, Page, Reply, Request, RequestId, Response,
    Scan, ServerCodec, StoredDocument, TransactionHandle,
};
use docdb_types::{
    Action, Change, Code, CollectionName, DatabaseId, DatabaseName, Error, Limits, Operation,
    Outcome, PatchStep, TransactionId, Version,
};
use tokio_util::codec::{Decoder, Encoder};

use crate::samples;

fn bytes(hexadecimal: &str) -> BytesMut {
    hexadecimal
        .split_whitespace()
        .flat_map(|word| word.as_bytes().chunks(2))
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn request(number: u64, command: Command, hexadecimal: &str) {
    let request = Request {
        id: RequestId::new(number).unwrap(),
        command,
    };
    let mut wire = BytesMut::new();
    ClientCodec::new(Limits::DEFAULT)
        .encode(request.clone(), &mut wire)
        .unwrap();
    assert_eq!(wire, bytes(hexadecimal), "{request:?}");
    assert_eq!(
        ServerCodec::new(Limits::DEFAULT).decode(&mut wire).unwrap(),
        Some(Ok(request))
    );
}

fn response(number: u64, result: Result<Reply, Error>, hexadecimal: &str) {
    let response = Response {
        id: RequestId::new(number),
        result,
    };
    let mut wire = BytesMut::new();
    ServerCodec::new(Limits::DEFAULT)
        .encode(response.clone(), &mut wire)
        .unwrap();
    assert_eq!(wire, bytes(hexadecimal), "{response:?}");
    assert_eq!(
        ClientCodec::new(Limits::DEFAULT).decode(&mut wire).unwrap(),
        Some(response)
    );
}

#[test]
fn a_ping_is_eight_bytes() {
    request(1, Command::Ping, "04000000 0801 5a00");
    response(1, Ok(Reply::Pong), "04000000 0801 5a00");
}

#[test]
fn an_open_names_its_database_and_its_mode() {
    let name = DatabaseName::new("shop").unwrap();
    let create = docdb_ipc::CreateMode::Never;
    request(
        300,
        Command::OpenDatabase { name, create },
        "0d000000 08ac02 7a08 0a0473686f70 1001",
    );
}

#[test]
fn operations_are_compact() {
    let collection = CollectionName::new("c").unwrap();
    let operations = vec![
        Operation {
            collection: CollectionName::DEFAULT,
            action: Action::Create {
                id: None,
                document: samples::document("{}"),
            },
        },
        Operation {
            collection: collection.clone(),
            action: Action::Read { id: samples::id(7) },
        },
        Operation {
            collection: CollectionName::DEFAULT,
            action: Action::Delete {
                id: samples::id(7),
                expected: Some(Version::new(0)),
            },
        },
        Operation {
            collection,
            action: Action::Patch {
                id: samples::id(7),
                steps: vec![PatchStep::Move {
                    from: "/a".to_owned(),
                    path: "/b".to_owned(),
                }],
                expected: None,
            },
        },
    ];
    request(
        2,
        Command::Execute(Execute::new(DatabaseId::new(1), true, operations)),
        "36000000 0802 6232 0801 1001 \
         1a06 1204 12027b7d \
         1a07 0a0163 1a02 0807 \
         1a06 3204 0807 1000 \
         1a13 0a0163 3a0e 0807 120a 0807 12022f62 1a022f61",
    );
}

#[test]
fn results_carry_status_and_data_apart() {
    let read = Outcome {
        id: samples::id(7),
        version: Version::new(5),
        change: Change::Read,
        document: Some(Bytes::from_static(b"1")),
        may_be_older: false,
    };
    let marked = Outcome {
        may_be_older: true,
        ..read.clone()
    };
    let error = Error::new(Code::DocNotFound, "no").on_document(samples::id(8));
    response(
        2,
        Ok(Reply::Results(vec![Ok(read), Err(error)])),
        "27000000 0802 6223 \
         0a09 1007 1805 2004 2a0131 \
         0a16 0802 1008 3210 0802 1003 1802 2001 2a026e6f 32021808",
    );
    response(
        2,
        Ok(Reply::Results(vec![Ok(marked)])),
        "11000000 0802 620d 0a0b 1007 1805 2004 2a0131 3801",
    );
}

#[test]
fn a_scan_and_its_page() {
    let scan = Scan {
        database: DatabaseId::new(1),
        collection: CollectionName::DEFAULT,
        from: Some(samples::id(2)),
        limit: 3,
        max_bytes: 4,
        cursor: docdb_ipc::CursorId::new(5),
        transaction: None,
    };
    request(
        2,
        Command::Scan(scan),
        "0e000000 0802 6a0a 0801 1802 2003 2804 3005",
    );
    let document = StoredDocument {
        id: samples::id(2),
        version: Version::new(1),
        document: Bytes::from("3"),
        may_be_older: false,
    };
    let page = Page {
        documents: vec![document.clone()],
        cursor: docdb_ipc::CursorId::new(5),
        snapshot_version: TransactionId::new(9),
        may_lack: false,
    };
    response(
        2,
        Ok(Reply::Page(page.clone())),
        "11000000 0802 6a0d 0a07 0802 1001 1a0133 1005 1809",
    );
    let marked = Page {
        documents: vec![StoredDocument {
            may_be_older: true,
            ..document
        }],
        may_lack: true,
        ..page
    };
    response(
        2,
        Ok(Reply::Page(marked)),
        "15000000 0802 6a11 0a09 0802 1001 1a0133 2001 1005 1809 2001",
    );
}

#[test]
fn a_transaction_is_begun_used_committed_and_rolled_back() {
    let database = DatabaseId::new(1);
    let transaction = TransactionHandle::new(3).unwrap();
    let isolation = docdb_types::Isolation::Snapshot;
    request(
        2,
        Command::Begin {
            database,
            isolation,
        },
        "09000000 0802 f201 04 0801 1001",
    );
    let begun = BegunTransaction {
        handle: transaction,
        snapshot_version: Version::new(9),
    };
    response(
        2,
        Ok(Reply::Begun(begun)),
        "09000000 0802 f201 04 0803 1009",
    );
    let execute = Execute {
        transaction: Some(transaction),
        ..Execute::new(database, false, Vec::new())
    };
    request(
        2,
        Command::Execute(execute),
        "08000000 0802 62 04 0801 2803",
    );
    request(
        2,
        Command::Commit {
            database,
            transaction: Some(transaction),
            key: None,
        },
        "09000000 0802 fa01 04 0801 1003",
    );
    let version = Version::new(10);
    let key = docdb_types::IdempotencyKey::new(Bytes::from_static(b"k")).unwrap();
    request(
        2,
        Command::Commit {
            database,
            transaction: None,
            key: Some(key.clone()),
        },
        "0a000000 0802 fa01 05 0801 1a01 6b",
    );
    let execute = Execute {
        key: Some(key),
        ..Execute::new(database, true, Vec::new())
    };
    request(
        2,
        Command::Execute(execute),
        "0b000000 0802 62 07 0801 1001 2201 6b",
    );
    response(
        2,
        Ok(Reply::Committed(version)),
        "07000000 0802 fa01 02 080a",
    );
    request(
        2,
        Command::Rollback {
            database,
            transaction,
        },
        "09000000 0802 8202 04 0801 1003",
    );
    response(2, Ok(Reply::RolledBack), "05000000 0802 8202 00");
}

#[test]
fn an_error_says_status_code_category_and_effect() {
    let error = Error::new(Code::QueueFull, "full").with_effect(docdb_types::Effect::Unknown);
    response(
        4,
        Err(error.clone()),
        "10000000 0804 120c 0805 1017 1801 2a0466756c6c",
    );
    response(0, Err(error), "0e000000 120c 0805 1017 1801 2a0466756c6c");
}
