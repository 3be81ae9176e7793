//! Damage: looking for it, restoring, and what was restored.

use docdb_client::{DamagedDocument, HealWitness, HealingStatistics};
use docdb_types::DocumentId;

use super::Session;
use crate::answer::{Answer, Record};
use crate::failure::Failure;
use crate::figures;
use crate::request::Looked;

impl Session {
    pub(super) async fn heal(&self, id: DocumentId, accept_older: bool) -> Result<Answer, Failure> {
        self.outside()?;
        let database = self.opened()?;
        let healed = database.heal(&self.collection, id, accept_older).await?;
        Ok(Answer::Record(
            Record::new()
                .with("id", id.get())
                .with("health", healed.health.as_str())
                .with("version", healed.version.get())
                .with("source", healed.source.map(|source| source.as_str()))
                .with(
                    "taken_version",
                    healed.taken_version.map(|version| version.get()),
                ),
        ))
    }

    pub(super) async fn heal_all(&self) -> Result<Answer, Failure> {
        let report = self.opened()?.heal_all().await?;
        Ok(Answer::Record(
            Record::new()
                .with("documents", report.documents)
                .with("healed", report.healed)
                .with("corrupt", report.corrupt)
                .with("unknown", report.unknown)
                .with("rewritten_files", report.rewritten_files)
                .with("duration_us", report.duration_us)
                .with("damaged", damaged(&report.damaged)),
        ))
    }

    pub(super) async fn validate(&self, looked: Looked) -> Result<Answer, Failure> {
        let database = self.opened()?;
        let (collection, id) = match looked {
            Looked::Document(id) => (Some(&self.collection), Some(id)),
            Looked::Collection => (Some(&self.collection), None),
            Looked::Database => (None, None),
        };
        let report = database.validate(collection, id).await?;
        let record = Record::new()
            .with("documents", report.documents)
            .with("valid", report.valid)
            .with("healed", report.healed)
            .with("corrupt", report.corrupt)
            .with("missing", report.missing)
            .with("unknown", report.unknown)
            .with("duration_us", report.duration_us)
            .with("damaged", damaged(&report.damaged));
        Ok(Answer::Record(record))
    }

    pub(super) async fn healing(&self) -> Result<Answer, Failure> {
        let figures = self.opened()?.healing().await?;
        Ok(Answer::Figures("healing", record(&figures)))
    }
}

fn record(it: &HealingStatistics) -> Record {
    Record::new()
        .with("scans", it.scans)
        .with("scanned_bytes", it.scanned_bytes)
        .with("scanned_records", it.scanned_records)
        .with("documents_healed", it.healed_documents)
        .with("documents_corrupted", it.corrupted_documents)
        .with("healed_reads", it.healed_reads)
        .with("on_demand", it.on_demand)
        .with("background", it.background)
        .with("rewritten_files", it.rewritten_files)
        .with("restored_copies", it.restored_copies)
        .with("damaged_log", it.damaged_log)
        .with("healing_us", it.healing_us)
        .with(
            "last_scan_ms",
            (it.last_scan_ms > 0).then_some(it.last_scan_ms),
        )
        .with("last_healing", it.last_healing.map(figures::run))
        .with("scanning", it.is_scanning)
        .with("lost", damaged(&it.lost))
        .with("witnesses", witnesses(&it.witnesses))
}

/// Left out where there is none.
fn damaged(documents: &[DamagedDocument]) -> Option<Vec<Record>> {
    let record = |it: &DamagedDocument| {
        Record::new()
            .with("collection", it.collection.as_str())
            .with("id", it.id.get())
            .with("version", it.version.get())
            .with("health", it.health.as_str())
            .with("cause", it.cause.as_ref().map(ToString::to_string))
    };
    (!documents.is_empty()).then(|| documents.iter().map(record).collect())
}

fn witnesses(witnesses: &[HealWitness]) -> Option<Vec<Record>> {
    let record = |it: &HealWitness| {
        let document = it.document.as_ref();
        Record::new()
            .with("at_ms", it.at_ms)
            .with("what", it.part.as_str())
            .with("source", it.source.as_str())
            .with("trigger", it.trigger.as_str())
            .with("file", it.file.clone())
            .with("offset", it.offset)
            .with("collection", document.map(|(name, _, _)| name.clone()))
            .with("id", document.map(|(_, id, _)| id.get()))
            .with("version", document.map(|(_, _, version)| version.get()))
    };
    (!witnesses.is_empty()).then(|| witnesses.iter().map(record).collect())
}
