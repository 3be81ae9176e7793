//! The log alone, as a durable journal: `cargo run -p docdb-wal --example append -- DIRECTORY LINE…`
//! appends the lines, durably, and prints everything the journal holds.

use std::error::Error;
use std::io::{self, Write};

use docdb_types::{CollectionId, DatabaseName, DatabaseUid};
use docdb_vfs::Host;
use docdb_wal::{
    BatchBuilder, Covered, LogState, RecordKind, RecordRef, Wal, WalError, WalIdentity, WalOptions,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().ok_or("usage: append DIRECTORY [LINE…]")?;
    let identity = WalIdentity {
        name: DatabaseName::new("journal")?,
        uid: DatabaseUid::from(1),
    };
    let mut out = io::stdout().lock();
    let (mut wal, recovery) = Wal::open(
        &Host::real(),
        &identity,
        &WalOptions::new(directory),
        Covered::NOTHING,
        &mut |found| {
            let (at, line) = (found.lsn, found.record.payload);
            writeln!(out, "{at}\t{}", String::from_utf8_lossy(line)).map_err(WalError::visitor)
        },
    )?;
    if let LogState::TornTail { cut_bytes, .. } = &recovery.state {
        writeln!(out, "a crash cut the last append short: {cut_bytes} bytes")?;
    }

    let mut batch = BatchBuilder::new();
    let mut transaction = recovery.last_transaction;
    for line in arguments {
        transaction = transaction.next();
        batch.push(RecordRef {
            kind: RecordKind::Put,
            collection: CollectionId::DEFAULT,
            transaction,
            key: &transaction.get().to_be_bytes(),
            payload: line.as_encoded_bytes(),
        })?;
    }
    let appended = wal.commit(&mut batch)?;
    writeln!(out, "durable up to {}", appended.end)?;
    wal.close()?;
    Ok(())
}
