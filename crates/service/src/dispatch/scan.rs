use std::sync::Arc;

use docdb_engine::{LogicalDb, ScanLimit};
use docdb_ipc::{CursorId, Page, Reply, Scan, StoredDocument};
use docdb_types::{Code, Error};

use super::awaited::Answer;
use super::execute::RESULT_ENVELOPE_BYTES;
use crate::cursor::{Cursor, Cursors};
use crate::shared::Shared;

/// Documents and bytes of a page where the client leaves it to the server.
const DEFAULT_DOCUMENTS: usize = 1000;
const DEFAULT_BYTES: usize = 1024 * 1024;

/// How much the page that is asked for may hold.
pub(super) fn limit(scan: &Scan, shared: &Shared) -> ScanLimit {
    let chosen = |asked: usize, default: usize, most: usize| match asked {
        0 => default.min(most),
        asked => asked.min(most),
    };
    let asked_bytes = usize::try_from(scan.max_bytes).unwrap_or(usize::MAX);
    let frame_bytes = shared.codec.frame_limit().bytes();
    let most_documents = frame_bytes / (4 * RESULT_ENVELOPE_BYTES);
    let most_bytes = frame_bytes.saturating_sub(RESULT_ENVELOPE_BYTES * (1 + most_documents));
    ScanLimit {
        documents: chosen(scan.limit as usize, DEFAULT_DOCUMENTS, most_documents),
        bytes: chosen(asked_bytes, DEFAULT_BYTES, most_bytes),
    }
}

/// Reads a page, and keeps the cursor for the next one.
pub(super) fn page(
    database: &Arc<LogicalDb>,
    scan: Scan,
    cursors: &Cursors,
    shared: &Shared,
) -> Answer {
    let limit = limit(&scan, shared);
    let mut cursor = match scan.cursor {
        None => Cursor {
            snapshot: database.snapshot(),
            database: Arc::clone(database),
            collection: scan.collection,
            next: scan.from,
        },
        Some(id) => cursors.take(id, scan.database).ok_or_else(|| {
            Error::new(
                Code::TxnExpired,
                "the cursor is not known, or lay unused too long",
            )
        })?,
    };
    let page = cursor.database.scan(
        &cursor.collection,
        cursor.next,
        limit,
        Some(&cursor.snapshot),
    )?;
    let cursor = page.next.map(|next| {
        cursor.next = Some(next);
        cursors.keep(scan.cursor, cursor)
    });
    Ok(reply(page, cursor))
}

/// A page as it is sent.
pub(super) fn reply(page: docdb_engine::Page, cursor: Option<CursorId>) -> Reply {
    let documents = page.documents.into_iter().map(|found| StoredDocument {
        id: found.id,
        version: found.version,
        document: found.text,
        may_be_older: found.may_be_older,
    });
    Reply::Page(Page {
        documents: documents.collect(),
        cursor,
        snapshot_version: page.version,
        may_lack: page.may_lack,
    })
}
