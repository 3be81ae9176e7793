//! Healing, as it is asked for.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use docdb_engine::{HealAccept, Healed, LogicalDb, Witness};
use docdb_ipc::{
    DamagedDocument, DocumentHealth, HealOutcome, HealReport, HealSource, HealTrigger, HealWitness,
    HealedPart, HealingStatistics, Reply, ValidationReport,
};
use docdb_types::{CollectionId, CollectionName, DatabaseId, DocumentId};

use super::awaited::Answer;
use super::statistics;
use super::tally::micros;
use crate::shared::Shared;

/// What is asked about damage. It reads files as long as it takes, and runs beside everything else.
#[derive(Debug)]
pub(crate) enum HealingTask {
    Heal {
        collection: CollectionName,
        id: DocumentId,
        accept_older_version: bool,
    },
    HealAll,
    Validate {
        collection: Option<CollectionName>,
        id: Option<DocumentId>,
    },
    Statistics,
}

impl HealingTask {
    /// Runs it to its end, blocking.
    pub(crate) fn run(self, shared: &Shared, database: DatabaseId) -> Answer {
        let database = shared.engine.database(database)?;
        let begun = Instant::now();
        match self {
            Self::Heal {
                collection,
                id,
                accept_older_version,
            } => {
                let accept = if accept_older_version {
                    HealAccept::OlderVersion
                } else {
                    HealAccept::SameVersion
                };
                let healed = database.heal(&collection, id, accept)?;
                Ok(Reply::Healed(HealOutcome {
                    health: health(healed.health),
                    version: healed.version,
                    source: healed.source.map(source),
                    taken_version: healed.taken_version,
                }))
            }
            Self::HealAll => {
                let healed = database.heal_all()?;
                if let Err(error) = shared.engine.scrub_catalog() {
                    tracing::error!(%error, "cannot heal the catalog");
                }
                Ok(Reply::HealedAll(Box::new(HealReport {
                    documents: healed.documents,
                    healed: healed.healed,
                    corrupt: healed.corrupt,
                    unknown: healed.unknown,
                    rewritten_files: healed.rewritten_files,
                    damaged: healed.damaged.into_iter().map(damaged).collect(),
                    duration_us: micros(begun.elapsed()),
                })))
            }
            Self::Validate {
                collection,
                id: Some(id),
            } => validate_one(
                &database,
                collection.unwrap_or(CollectionName::DEFAULT),
                id,
                begun,
            ),
            Self::Validate {
                collection,
                id: None,
            } => {
                let found = database.validate_all(collection.as_ref())?;
                Ok(Reply::Validated(Box::new(ValidationReport {
                    documents: found.documents,
                    valid: found.valid,
                    healed: found.healed,
                    corrupt: found.corrupt,
                    missing: 0,
                    unknown: found.unknown,
                    damaged: found.damaged.into_iter().map(damaged).collect(),
                    duration_us: micros(begun.elapsed()),
                })))
            }
            Self::Statistics => healing_statistics(&database, shared.engine.witnesses()),
        }
    }
}

fn validate_one(
    database: &LogicalDb,
    collection: CollectionName,
    id: DocumentId,
    begun: Instant,
) -> Answer {
    let found = database.validate(&collection, id)?;
    let health = health(found.health);
    let mut report = ValidationReport {
        documents: 1,
        ..ValidationReport::default()
    };
    match health {
        DocumentHealth::Valid => report.valid = 1,
        DocumentHealth::Healed => report.healed = 1,
        DocumentHealth::Corrupt => report.corrupt = 1,
        DocumentHealth::Missing => report.missing = 1,
        DocumentHealth::Unknown => report.unknown = 1,
    }
    if found.cause.is_some() {
        report.damaged.push(DamagedDocument {
            collection,
            id,
            version: found.version.unwrap_or_default(),
            health,
            cause: found.cause,
        });
    }
    report.duration_us = micros(begun.elapsed());
    Ok(Reply::Validated(Box::new(report)))
}

/// What the database tells, and the witnesses of what belongs to none.
fn healing_statistics(database: &LogicalDb, others: Vec<Witness>) -> Answer {
    let mut report = database.healing_report()?;
    report.witnesses.extend(others);
    report.witnesses.sort_by_key(|witness| witness.at);
    let named: HashMap<CollectionId, CollectionName> = database
        .list_collections()?
        .into_iter()
        .map(|info| (info.id, info.name))
        .collect();
    // One that has been deleted since has nothing but a number.
    let name = |id: CollectionId| {
        named
            .get(&id)
            .map_or_else(|| format!("#{id}"), ToString::to_string)
    };
    let witnesses = report.witnesses.iter().map(|it| HealWitness {
        at_ms: millis(it.at),
        part: part(&it.healed),
        file: it.file.clone(),
        offset: it.offset,
        source: source(it.source),
        trigger: match it.trigger {
            docdb_engine::HealTrigger::Read => HealTrigger::Read,
            docdb_engine::HealTrigger::Scrub => HealTrigger::Scrub,
            docdb_engine::HealTrigger::Command => HealTrigger::Command,
        },
        document: match it.healed {
            Healed::Document {
                collection,
                id,
                version,
            } => Some((name(collection), id, version)),
            _ => None,
        },
    });
    let lost = report.lost.iter().filter_map(|(collection, id, version)| {
        Some(DamagedDocument {
            collection: named.get(collection)?.clone(),
            id: *id,
            version: *version,
            health: DocumentHealth::Corrupt,
            cause: None,
        })
    });
    let figures = report.figures;
    Ok(Reply::HealStatistics(Box::new(HealingStatistics {
        scans: figures.scans,
        scanned_bytes: figures.scanned_bytes,
        scanned_records: figures.scanned_records,
        healed_reads: figures.healed_reads,
        healed_documents: figures.healed_documents,
        corrupted_documents: figures.corrupted_documents,
        on_demand: figures.on_demand,
        background: figures.background,
        rewritten_files: figures.rewritten_files,
        restored_copies: figures.restored_copies,
        damaged_log: figures.damaged_log,
        last_scan_ms: figures.last_scan.map_or(0, millis),
        last_healing: figures.last_healing.map(statistics::run),
        is_scanning: report.is_scanning,
        lost: lost.collect(),
        witnesses: witnesses.collect(),
        healing_us: figures.work.took_us.sum(),
    })))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const fn health(of: docdb_engine::DocumentHealth) -> DocumentHealth {
    match of {
        docdb_engine::DocumentHealth::Valid => DocumentHealth::Valid,
        docdb_engine::DocumentHealth::Healed => DocumentHealth::Healed,
        docdb_engine::DocumentHealth::Corrupt => DocumentHealth::Corrupt,
        docdb_engine::DocumentHealth::Missing => DocumentHealth::Missing,
        docdb_engine::DocumentHealth::Unknown => DocumentHealth::Unknown,
    }
}

const fn source(of: docdb_engine::HealSource) -> HealSource {
    match of {
        docdb_engine::HealSource::Log => HealSource::Log,
        docdb_engine::HealSource::Parity => HealSource::Parity,
        docdb_engine::HealSource::Copy => HealSource::Copy,
        docdb_engine::HealSource::Original => HealSource::Original,
        docdb_engine::HealSource::OlderVersion => HealSource::OlderVersion,
        docdb_engine::HealSource::Nothing => HealSource::Nothing,
    }
}

const fn part(of: &Healed) -> HealedPart {
    match of {
        Healed::Document { .. } => HealedPart::Document,
        Healed::DataFile => HealedPart::DataFile,
        Healed::Parity => HealedPart::Parity,
        Healed::Manifest => HealedPart::Manifest,
        Healed::Log => HealedPart::Log,
        Healed::Catalog => HealedPart::Catalog,
    }
}

fn damaged(entry: docdb_engine::DamagedEntry) -> DamagedDocument {
    DamagedDocument {
        collection: entry.collection,
        id: entry.id,
        version: entry.version,
        health: health(entry.health),
        cause: Some(entry.cause),
    }
}
