//! Operations on documents.

use bytes::Bytes;
use docdb_client::ScanOptions;
use docdb_types::json::{JsonLimits, check};
use docdb_types::patch::parse_steps;
use docdb_types::{Change, Code, Document, DocumentId, Error, Outcome};

use super::Session;
use crate::answer::{Answer, Record, Value};
use crate::failure::Failure;

/// Documents that a scan answers when it is not told how many.
const SCAN_DOCUMENTS: u32 = 1000;
/// Bytes of documents behind which a scan ends, so that an answer fits into memory.
const SCAN_BYTES: usize = 64 * 1024 * 1024;
/// Documents that are fetched at a time.
const PAGE_DOCUMENTS: u32 = 1000;

const MAY_BE_OLDER: &str =
    "the database has lost transactions, and one of them may have replaced or removed this version";
const MAY_LACK: &str = "the database has lost transactions: documents may be missing, and what \
                        may be older may have been replaced or removed";

impl Session {
    pub(super) async fn create(
        &self,
        line: &[u8],
        id: Option<DocumentId>,
        json: &[u8],
    ) -> Result<Answer, Failure> {
        let target = self.target()?;
        let document = self.document(line, json)?;
        let outcome = target.create(&self.collection, id, document).await?;
        Ok(Answer::Record(written(&outcome)))
    }

    pub(super) async fn read(&self, id: DocumentId) -> Result<Answer, Failure> {
        let stored = self.target()?.read(&self.collection, id).await?;
        if stored.may_be_older {
            self.streams.remark("may_be_older=true", MAY_BE_OLDER);
        }
        Ok(Answer::Document {
            id: stored.id,
            version: stored.version,
            document: stored.document,
            may_be_older: stored.may_be_older,
        })
    }

    pub(super) async fn update(
        &self,
        line: &[u8],
        id: DocumentId,
        json: &[u8],
    ) -> Result<Answer, Failure> {
        let target = self.target()?;
        let document = self.document(line, json)?;
        let outcome = target.update(&self.collection, id, document).await?;
        Ok(Answer::Record(written(&outcome)))
    }

    pub(super) async fn upsert(
        &self,
        line: &[u8],
        id: DocumentId,
        json: &[u8],
    ) -> Result<Answer, Failure> {
        let target = self.target()?;
        let document = self.document(line, json)?;
        let outcome = target.upsert(&self.collection, id, document).await?;
        let created = outcome.change == Change::Created;
        Ok(Answer::Record(written(&outcome).with("created", created)))
    }

    pub(super) async fn delete(&self, id: DocumentId) -> Result<Answer, Failure> {
        let outcome = self.target()?.delete(&self.collection, id).await?;
        Ok(Answer::Record(written(&outcome)))
    }

    pub(super) async fn patch(
        &self,
        line: &[u8],
        id: DocumentId,
        json: &[u8],
    ) -> Result<Answer, Failure> {
        let target = self.target()?;
        json_only(json)?;
        let start = line.len() - json.len();
        let bounds = JsonLimits {
            max_depth: JsonLimits::DEPTH_CEILING,
            ..JsonLimits::default()
        };
        // What is no JSON is refused with its place, which an error of the steps does not have.
        check(json, bounds).map_err(|fault| {
            let error = Error::new(Code::InvalidPatch, fault.to_string());
            Failure::in_payload(error.at_offset(fault.offset as u64), start)
        })?;
        let steps = parse_steps(json).map_err(Error::from)?;
        let outcome = target.patch(&self.collection, id, steps).await?;
        Ok(Answer::Record(written(&outcome)))
    }

    pub(super) async fn merge(
        &self,
        line: &[u8],
        id: DocumentId,
        json: &[u8],
    ) -> Result<Answer, Failure> {
        let target = self.target()?;
        let patch = self.document(line, json)?;
        let outcome = target.merge(&self.collection, id, patch).await?;
        Ok(Answer::Record(written(&outcome)))
    }

    pub(super) async fn count(&self) -> Result<Answer, Failure> {
        let count = self.target()?.count(&self.collection).await?;
        Ok(Answer::Record(Record::new().with("count", count)))
    }

    pub(super) async fn scan(
        &self,
        from: Option<DocumentId>,
        limit: Option<u32>,
    ) -> Result<Answer, Failure> {
        let limit = limit.unwrap_or(SCAN_DOCUMENTS);
        let options = ScanOptions {
            from,
            page_documents: limit.min(PAGE_DOCUMENTS),
            ..ScanOptions::default()
        };
        let mut pages = self.pages(options)?;
        let mut documents = Vec::new();
        let mut bytes = 0;
        let mut snapshot = 0;
        let mut may_lack = false;
        let mut last = None;
        let mut next = None;
        'pages: while let Some(page) = pages.next().await? {
            snapshot = page.snapshot_version.get();
            may_lack |= page.may_lack;
            for stored in page.documents {
                if documents.len() >= limit as usize || bytes >= SCAN_BYTES {
                    next = Some(stored.id.get());
                    break 'pages;
                }
                bytes += stored.document.len();
                last = Some(stored.id);
                documents.push(
                    Record::new()
                        .with("id", stored.id.get())
                        .with("version", stored.version.get())
                        .with("may_be_older", Value::mark(stored.may_be_older))
                        .with("doc", Value::Document(stored.document)),
                );
            }
            if page.cursor.is_some() && documents.len() >= limit as usize {
                next = last.and_then(|id| id.get().checked_add(1));
                break;
            }
        }
        if may_lack {
            self.streams.remark("may_lack=true", MAY_LACK);
        }
        Ok(Answer::Record(
            Record::new()
                .with("count", documents.len() as u64)
                .with("snapshot", snapshot)
                .with("next", next)
                .with("may_lack", Value::mark(may_lack))
                .with("docs", documents),
        ))
    }

    /// Checks a payload before it is sent.
    fn document(&self, line: &[u8], json: &[u8]) -> Result<Document, Failure> {
        json_only(json)?;
        let start = line.len() - json.len();
        Document::new(Bytes::copy_from_slice(json), &self.limits)
            .map_err(|error| Failure::in_payload(error, start))
    }
}

/// Refuses the prefixes by which other shells take payloads that are not JSON.
fn json_only(payload: &[u8]) -> Result<(), Error> {
    let hint = if payload.starts_with(b"raw:") {
        "payloads are json only: leave `raw:` out, and put text in double quotes"
    } else if payload.starts_with(b"hex:") {
        "payloads are json only: store bytes as a json string, such as their hexadecimal digits"
    } else {
        return Ok(());
    };
    Err(Error::new(Code::InvalidJson, hint))
}

fn written(outcome: &Outcome) -> Record {
    Record::new()
        .with("id", outcome.id.get())
        .with("version", outcome.version.get())
}
