//! Damage and healing, between the messages and the words of this crate.

use docdb_types::{CollectionName, DocumentId, Error, Version};

use super::enums::{
    document_health_from_wire, document_health_to_wire, heal_source_from_wire, heal_source_to_wire,
    heal_trigger_from_wire, heal_trigger_to_wire, healed_part_from_wire, healed_part_to_wire,
};
use super::error::{error_from_wire, error_to_wire};
use super::operation::collection_to_wire;
use super::response::malformed;
use super::statistics::{run_from_wire, run_to_wire};
use crate::{
    DamagedDocument, DocumentHealth, FrameError, HealOutcome, HealReport, HealSource, HealWitness,
    HealingStatistics, ValidationReport, proto,
};

fn source_to_wire(source: Option<HealSource>) -> i32 {
    source.map_or(proto::HealSource::Unspecified, heal_source_to_wire) as i32
}

pub(super) fn heal_to_wire(it: HealOutcome) -> proto::HealResult {
    proto::HealResult {
        health: document_health_to_wire(it.health) as i32,
        version: it.version.get(),
        source: source_to_wire(it.source),
        taken_version: it.taken_version.map(Version::get),
    }
}

pub(super) fn heal_from_wire(it: proto::HealResult) -> HealOutcome {
    HealOutcome {
        health: health_from_wire(it.health),
        version: Version::new(it.version),
        source: heal_source_from_wire(it.source),
        taken_version: it.taken_version.map(Version::new),
    }
}

/// A state that this client does not know is one of which it cannot tell.
fn health_from_wire(number: i32) -> DocumentHealth {
    document_health_from_wire(number).unwrap_or(DocumentHealth::Unknown)
}

pub(super) fn heal_all_to_wire(it: HealReport) -> proto::HealAllResult {
    proto::HealAllResult {
        documents: it.documents,
        healed: it.healed,
        corrupt: it.corrupt,
        unknown: it.unknown,
        rewritten_files: it.rewritten_files,
        damaged: all_to_wire(it.damaged),
        duration_us: it.duration_us,
    }
}

pub(super) fn heal_all_from_wire(it: proto::HealAllResult) -> Result<HealReport, FrameError> {
    Ok(HealReport {
        documents: it.documents,
        healed: it.healed,
        corrupt: it.corrupt,
        unknown: it.unknown,
        rewritten_files: it.rewritten_files,
        damaged: all_from_wire(it.damaged)?,
        duration_us: it.duration_us,
    })
}

pub(super) fn validation_to_wire(it: ValidationReport) -> proto::ValidateResult {
    proto::ValidateResult {
        documents: it.documents,
        valid: it.valid,
        healed: it.healed,
        corrupt: it.corrupt,
        missing: it.missing,
        unknown: it.unknown,
        damaged: all_to_wire(it.damaged),
        duration_us: it.duration_us,
    }
}

pub(super) fn validation_from_wire(
    it: proto::ValidateResult,
) -> Result<ValidationReport, FrameError> {
    Ok(ValidationReport {
        documents: it.documents,
        valid: it.valid,
        healed: it.healed,
        corrupt: it.corrupt,
        missing: it.missing,
        unknown: it.unknown,
        damaged: all_from_wire(it.damaged)?,
        duration_us: it.duration_us,
    })
}

pub(super) fn figures_to_wire(it: HealingStatistics) -> proto::HealStatsResult {
    proto::HealStatsResult {
        scans: it.scans,
        scanned_bytes: it.scanned_bytes,
        scanned_records: it.scanned_records,
        healed_reads: it.healed_reads,
        healed_documents: it.healed_documents,
        corrupted_documents: it.corrupted_documents,
        on_demand: it.on_demand,
        background: it.background,
        rewritten_files: it.rewritten_files,
        restored_copies: it.restored_copies,
        damaged_log: it.damaged_log,
        last_scan_ms: it.last_scan_ms,
        last_healing: it.last_healing.map(run_to_wire),
        is_scanning: it.is_scanning,
        lost: all_to_wire(it.lost),
        witnesses: it.witnesses.into_iter().map(witness_to_wire).collect(),
        healing_us: it.healing_us,
    }
}

pub(super) fn figures_from_wire(
    it: proto::HealStatsResult,
) -> Result<HealingStatistics, FrameError> {
    Ok(HealingStatistics {
        scans: it.scans,
        scanned_bytes: it.scanned_bytes,
        scanned_records: it.scanned_records,
        healed_reads: it.healed_reads,
        healed_documents: it.healed_documents,
        corrupted_documents: it.corrupted_documents,
        on_demand: it.on_demand,
        background: it.background,
        rewritten_files: it.rewritten_files,
        restored_copies: it.restored_copies,
        damaged_log: it.damaged_log,
        last_scan_ms: it.last_scan_ms,
        last_healing: it.last_healing.map(run_from_wire),
        is_scanning: it.is_scanning,
        lost: all_from_wire(it.lost)?,
        // What a newer server witnesses and this client has no word for is left out.
        witnesses: it
            .witnesses
            .into_iter()
            .filter_map(witness_from_wire)
            .collect(),
        healing_us: it.healing_us,
    })
}

fn witness_to_wire(it: HealWitness) -> proto::HealWitness {
    let (collection, id, version) = it.document.map_or_else(
        || (String::new(), 0, 0),
        |(collection, id, version)| (collection, id.get(), version.get()),
    );
    proto::HealWitness {
        at_ms: it.at_ms,
        part: healed_part_to_wire(it.part) as i32,
        file: it.file,
        offset: it.offset,
        source: heal_source_to_wire(it.source) as i32,
        trigger: heal_trigger_to_wire(it.trigger) as i32,
        collection,
        id,
        version,
    }
}

fn witness_from_wire(it: proto::HealWitness) -> Option<HealWitness> {
    let collection = it.collection;
    Some(HealWitness {
        at_ms: it.at_ms,
        part: healed_part_from_wire(it.part)?,
        file: it.file,
        offset: it.offset,
        source: heal_source_from_wire(it.source)?,
        trigger: heal_trigger_from_wire(it.trigger)?,
        document: DocumentId::new(it.id).map(|id| (collection, id, Version::new(it.version))),
    })
}

fn all_to_wire(damaged: Vec<DamagedDocument>) -> Vec<proto::DamagedDocument> {
    damaged.into_iter().map(damaged_to_wire).collect()
}

fn all_from_wire(damaged: Vec<proto::DamagedDocument>) -> Result<Vec<DamagedDocument>, FrameError> {
    damaged.into_iter().map(damaged_from_wire).collect()
}

fn damaged_to_wire(it: DamagedDocument) -> proto::DamagedDocument {
    proto::DamagedDocument {
        collection: collection_to_wire(&it.collection),
        id: it.id.get(),
        version: it.version.get(),
        health: document_health_to_wire(it.health) as i32,
        cause: it.cause.as_ref().map(error_to_wire),
    }
}

fn damaged_from_wire(it: proto::DamagedDocument) -> Result<DamagedDocument, FrameError> {
    let collection = CollectionName::new(&it.collection);
    let cause: Option<Error> = it.cause.map(error_from_wire);
    Ok(DamagedDocument {
        collection: collection.map_err(|_| malformed("damaged document", "collection"))?,
        id: DocumentId::new(it.id).ok_or_else(|| malformed("damaged document", "id"))?,
        version: Version::new(it.version),
        health: health_from_wire(it.health),
        cause,
    })
}
