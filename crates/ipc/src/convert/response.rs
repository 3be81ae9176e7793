use docdb_types::{
    CollectionId, CollectionName, DatabaseId, DatabaseName, DocumentId, FsyncMode, Limits, Quotas,
    TransactionId, Version,
};

use super::enums::{
    database_status_from_wire, database_status_to_wire, fsync_mode_from_wire, fsync_mode_to_wire,
};
use super::error::{error_from_wire, error_to_wire};
use super::healing::{
    figures_from_wire, figures_to_wire, heal_all_from_wire, heal_all_to_wire, heal_from_wire,
    heal_to_wire, validation_from_wire, validation_to_wire,
};
use super::outcome::{result_from_wire, result_to_wire};
use super::statistics::{
    quotas_from_wire, quotas_to_wire, statistics_from_wire, statistics_to_wire,
};
use crate::proto;
use crate::proto::response::Result as Message;
use crate::{
    BegunTransaction, CheckpointReport, CollectionInfo, CompactionReport, CursorId, DatabaseInfo,
    DatabaseStatus, FrameError, FrameLimit, OpenedDatabase, Page, Reply, RequestId, Response,
    ServerHello, StoredDocument, TransactionHandle,
};

pub(crate) fn response_to_wire(response: Response) -> proto::Response {
    let request_id = response.id.map_or(0, RequestId::get);
    match response.result {
        Ok(reply) => proto::Response {
            request_id,
            error: None,
            result: Some(reply_to_wire(reply)),
        },
        Err(error) => proto::Response {
            request_id,
            error: Some(Box::new(error_to_wire(&error))),
            result: None,
        },
    }
}

fn reply_to_wire(reply: Reply) -> Message {
    match reply {
        Reply::Hello(hello) => Message::Hello(hello_to_wire(hello)),
        Reply::Pong => Message::Ping(proto::PingResult {}),
        Reply::Results(results) => Message::Execute(proto::ExecuteResult {
            results: results.into_iter().map(result_to_wire).collect(),
        }),
        Reply::Page(page) => Message::Scan(proto::ScanResult {
            documents: page.documents.into_iter().map(stored_to_wire).collect(),
            cursor: page.cursor.map_or(0, CursorId::get),
            snapshot_version: page.snapshot_version.get(),
            may_lack: page.may_lack,
        }),
        Reply::CursorClosed => Message::CloseCursor(proto::CloseCursorResult {}),
        Reply::Count(documents) => Message::Count(proto::CountResult { documents }),
        Reply::Begun(begun) => Message::Begin(proto::BeginResult {
            transaction: begun.handle.get(),
            snapshot_version: begun.snapshot_version.get(),
        }),
        Reply::Committed(version) => Message::Commit(proto::CommitResult {
            version: version.get(),
        }),
        Reply::RolledBack => Message::Rollback(proto::RollbackResult {}),
        Reply::DatabaseOpened(opened) => Message::OpenDb(proto::OpenDbResult {
            db_id: opened.id.get(),
            created: opened.created,
            fsync_mode: fsync_mode_to_wire(opened.fsync_mode) as i32,
        }),
        Reply::DatabaseClosed => Message::CloseDb(proto::CloseDbResult {}),
        Reply::DatabaseDropped => Message::DropDb(proto::DropDbResult {}),
        Reply::Databases(databases) => Message::ListDbs(proto::ListDbsResult {
            databases: databases.into_iter().map(database_to_wire).collect(),
        }),
        Reply::CollectionCreated(id) => {
            Message::CreateCollection(proto::CreateCollectionResult { id: id.get() })
        }
        Reply::CollectionDeleted => Message::DeleteCollection(proto::DeleteCollectionResult {}),
        Reply::Collections(collections) => Message::ListCollections(proto::ListCollectionsResult {
            collections: collections.into_iter().map(collection_to_wire).collect(),
        }),
        Reply::Statistics(statistics) => Message::Stats(Box::new(statistics_to_wire(*statistics))),
        Reply::Checkpoint(report) => Message::Checkpoint(proto::CheckpointResult {
            documents: report.documents,
            bytes_written: report.bytes_written,
            log_bytes_trimmed: report.log_bytes_trimmed,
            duration_us: report.duration_us,
            covered_position: report.covered_position,
            generation: report.generation,
        }),
        Reply::Metrics(text) => Message::Metrics(proto::MetricsResult { text }),
        Reply::Healed(outcome) => Message::Heal(heal_to_wire(outcome)),
        Reply::HealedAll(report) => Message::HealAll(heal_all_to_wire(*report)),
        Reply::Validated(report) => Message::Validate(validation_to_wire(*report)),
        Reply::HealStatistics(figures) => Message::HealStats(figures_to_wire(*figures)),
        Reply::Compact(report) => Message::Compact(proto::CompactResult {
            replaced_files: report.replaced_files,
            replaced_bytes: report.replaced_bytes,
            documents: report.documents,
            bytes_written: report.bytes_written,
            duration_us: report.duration_us,
        }),
        Reply::Quotas(quotas) => Message::ChangeQuotas(proto::ChangeQuotasResult {
            quotas: Some(quotas_to_wire(quotas)),
        }),
    }
}

fn hello_to_wire(hello: ServerHello) -> proto::HelloResult {
    let limits = hello.limits;
    proto::HelloResult {
        protocol_version: hello.protocol_version,
        server_version: hello.server_version,
        fsync_mode: fsync_mode_to_wire(hello.fsync_mode) as i32,
        limits: Some(proto::Limits {
            frame_bytes: hello.frame_limit.bytes() as u64,
            document_bytes: limits.document_bytes as u64,
            document_depth: limits.document_depth.into(),
            request_operations: u32::try_from(limits.request_operations).unwrap_or(u32::MAX),
            request_bytes: limits.request_bytes as u64,
        }),
    }
}

fn stored_to_wire(stored: StoredDocument) -> proto::Document {
    proto::Document {
        id: stored.id.get(),
        version: stored.version.get(),
        document: stored.document,
        may_be_older: stored.may_be_older,
    }
}

fn database_to_wire(info: DatabaseInfo) -> proto::DatabaseInfo {
    proto::DatabaseInfo {
        name: info.name.as_str().to_owned(),
        id: info.id.get(),
        status: database_status_to_wire(info.status) as i32,
        documents: info.documents,
        bytes: info.bytes,
        created_at_ms: info.created_at_ms,
    }
}

fn collection_to_wire(info: CollectionInfo) -> proto::CollectionInfo {
    proto::CollectionInfo {
        name: info.name.as_str().to_owned(),
        id: info.id.get(),
        documents: info.documents,
    }
}

/// Understands a response.
///
/// # Errors
/// `Malformed` when it has neither a result nor an error, or one that cannot be.
pub(crate) fn response_from_wire(message: proto::Response) -> Result<Response, FrameError> {
    let id = RequestId::new(message.request_id);
    if let Some(error) = message.error {
        return Ok(Response {
            id,
            result: Err(error_from_wire(*error)),
        });
    }
    let result = message
        .result
        .ok_or_else(|| malformed("response", "result"))?;
    Ok(Response {
        id,
        result: Ok(reply_from_wire(result)?),
    })
}

fn reply_from_wire(message: Message) -> Result<Reply, FrameError> {
    Ok(match message {
        Message::Hello(hello) => Reply::Hello(hello_from_wire(hello)?),
        Message::Ping(proto::PingResult {}) => Reply::Pong,
        Message::Execute(execute) => Reply::Results(
            execute
                .results
                .into_iter()
                .map(result_from_wire)
                .collect::<Result<_, _>>()?,
        ),
        Message::Scan(page) => Reply::Page(Page {
            documents: page
                .documents
                .into_iter()
                .map(stored_from_wire)
                .collect::<Result<_, _>>()?,
            cursor: CursorId::new(page.cursor),
            snapshot_version: TransactionId::new(page.snapshot_version),
            may_lack: page.may_lack,
        }),
        Message::CloseCursor(proto::CloseCursorResult {}) => Reply::CursorClosed,
        Message::Count(count) => Reply::Count(count.documents),
        Message::Begin(begun) => Reply::Begun(BegunTransaction {
            handle: TransactionHandle::new(begun.transaction)
                .ok_or_else(|| malformed("begin", "transaction"))?,
            snapshot_version: Version::new(begun.snapshot_version),
        }),
        Message::Commit(committed) => Reply::Committed(Version::new(committed.version)),
        Message::Rollback(proto::RollbackResult {}) => Reply::RolledBack,
        Message::OpenDb(opened) => Reply::DatabaseOpened(OpenedDatabase {
            id: DatabaseId::new(opened.db_id),
            created: opened.created,
            fsync_mode: fsync_mode(opened.fsync_mode)?,
        }),
        Message::CloseDb(proto::CloseDbResult {}) => Reply::DatabaseClosed,
        Message::DropDb(proto::DropDbResult {}) => Reply::DatabaseDropped,
        Message::ListDbs(list) => Reply::Databases(
            list.databases
                .into_iter()
                .map(database_from_wire)
                .collect::<Result<_, _>>()?,
        ),
        Message::CreateCollection(created) => {
            Reply::CollectionCreated(CollectionId::new(created.id))
        }
        Message::DeleteCollection(proto::DeleteCollectionResult {}) => Reply::CollectionDeleted,
        Message::ListCollections(list) => Reply::Collections(
            list.collections
                .into_iter()
                .map(collection_from_wire)
                .collect::<Result<_, _>>()?,
        ),
        Message::Stats(statistics) => {
            Reply::Statistics(Box::new(statistics_from_wire(*statistics)))
        }
        Message::Checkpoint(report) => Reply::Checkpoint(CheckpointReport {
            documents: report.documents,
            bytes_written: report.bytes_written,
            log_bytes_trimmed: report.log_bytes_trimmed,
            duration_us: report.duration_us,
            covered_position: report.covered_position,
            generation: report.generation,
        }),
        Message::Metrics(metrics) => Reply::Metrics(metrics.text),
        Message::Heal(outcome) => Reply::Healed(heal_from_wire(outcome)),
        Message::HealAll(report) => Reply::HealedAll(Box::new(heal_all_from_wire(report)?)),
        Message::Validate(report) => Reply::Validated(Box::new(validation_from_wire(report)?)),
        Message::HealStats(figures) => Reply::HealStatistics(Box::new(figures_from_wire(figures)?)),
        Message::Compact(report) => Reply::Compact(CompactionReport {
            replaced_files: report.replaced_files,
            replaced_bytes: report.replaced_bytes,
            documents: report.documents,
            bytes_written: report.bytes_written,
            duration_us: report.duration_us,
        }),
        Message::ChangeQuotas(changed) => {
            Reply::Quotas(changed.quotas.map_or(Quotas::NONE, quotas_from_wire))
        }
    })
}

fn hello_from_wire(hello: proto::HelloResult) -> Result<ServerHello, FrameError> {
    let limits = hello.limits.ok_or_else(|| malformed("hello", "limits"))?;
    let bytes = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(ServerHello {
        protocol_version: hello.protocol_version,
        server_version: hello.server_version,
        fsync_mode: fsync_mode(hello.fsync_mode)?,
        limits: Limits {
            document_bytes: bytes(limits.document_bytes),
            document_depth: u16::try_from(limits.document_depth).unwrap_or(u16::MAX),
            request_operations: limits.request_operations as usize,
            request_bytes: bytes(limits.request_bytes),
        },
        frame_limit: FrameLimit::new(bytes(limits.frame_bytes)),
    })
}

fn stored_from_wire(stored: proto::Document) -> Result<StoredDocument, FrameError> {
    Ok(StoredDocument {
        id: DocumentId::new(stored.id).ok_or_else(|| malformed("document", "id"))?,
        version: Version::new(stored.version),
        document: stored.document,
        may_be_older: stored.may_be_older,
    })
}

/// A state that is not known here, of a newer server, reads as the most careful one.
fn database_from_wire(info: proto::DatabaseInfo) -> Result<DatabaseInfo, FrameError> {
    Ok(DatabaseInfo {
        name: DatabaseName::new(&info.name).map_err(|_| malformed("database", "valid name"))?,
        id: DatabaseId::new(info.id),
        status: database_status_from_wire(info.status).unwrap_or(DatabaseStatus::Failed),
        documents: info.documents,
        bytes: info.bytes,
        created_at_ms: info.created_at_ms,
    })
}

fn collection_from_wire(info: proto::CollectionInfo) -> Result<CollectionInfo, FrameError> {
    Ok(CollectionInfo {
        name: CollectionName::new(&info.name).map_err(|_| malformed("collection", "valid name"))?,
        id: CollectionId::new(info.id),
        documents: info.documents,
    })
}

fn fsync_mode(number: i32) -> Result<FsyncMode, FrameError> {
    fsync_mode_from_wire(number).ok_or_else(|| malformed("answer", "known fsync mode"))
}

pub(super) fn malformed(what: &str, without: &str) -> FrameError {
    FrameError::Malformed {
        reason: format!("{what} without {without}"),
    }
}
