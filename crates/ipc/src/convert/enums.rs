//! Every enum of the contract beside its counterpart, in one table each.

use docdb_types::{Category, Change, CheckpointScope, Code, Effect, FsyncMode, Isolation, Status};

use crate::{
    CreateMode, DatabaseStatus, DocumentHealth, HealSource, HealTrigger, HealedPart, proto,
};

/// A table of pairs, read to the wire and, where that is needed, from it. What has no counterpart
/// here is `None`.
macro_rules! pairs {
    ($to:ident, $domain:ty, $wire:ty, [$($word:ident => $number:ident),+ $(,)?]) => {
        pub(super) const fn $to(value: $domain) -> $wire {
            match value { $(<$domain>::$word => <$wire>::$number,)+ }
        }
    };
    ($to:ident, $from:ident, $domain:ty, $wire:ty, [$($word:ident => $number:ident),+ $(,)?]) => {
        pairs!($to, $domain, $wire, [$($word => $number),+]);

        pub(super) fn $from(number: i32) -> Option<$domain> {
            match <$wire>::try_from(number).ok()? {
                $(<$wire>::$number => Some(<$domain>::$word),)+
                #[allow(unreachable_patterns, reason = "some enums have a value for `not set`")]
                _ => None,
            }
        }
    };
}

pairs!(document_health_to_wire, document_health_from_wire, DocumentHealth, proto::DocumentHealth, [
    Valid => Valid,
    Healed => Healed,
    Corrupt => Corrupt,
    Missing => Missing,
    Unknown => Unknown,
]);

pairs!(heal_source_to_wire, heal_source_from_wire, HealSource, proto::HealSource, [
    Log => Log,
    Parity => Parity,
    Copy => Copy,
    Original => Original,
    OlderVersion => OlderVersion,
    Nothing => Nothing,
]);

pairs!(heal_trigger_to_wire, heal_trigger_from_wire, HealTrigger, proto::HealTrigger, [
    Read => Read,
    Scrub => Scrub,
    Command => Command,
]);

pairs!(healed_part_to_wire, healed_part_from_wire, HealedPart, proto::HealedPart, [
    Document => Document,
    DataFile => DataFile,
    Parity => Parity,
    Manifest => Manifest,
    Log => Log,
    Catalog => Catalog,
]);

pairs!(status_to_wire, Status, proto::Status, [
    Ok => Ok,
    Error => Error,
    NotFound => NotFound,
    Conflict => Conflict,
    MemoryLimit => MemoryLimit,
    QueueFull => QueueFull,
    Unauthenticated => Unauthenticated,
    Forbidden => Forbidden,
]);

pairs!(category_to_wire, Category, proto::Category, [
    Transient => Transient,
    Permanent => Permanent,
    Critical => Critical,
    Validation => Validation,
    Network => Network,
]);

pairs!(effect_to_wire, effect_from_wire, Effect, proto::Effect, [
    Unknown => Unknown,
    NotApplied => NotApplied,
    Applied => Applied,
]);

pairs!(change_to_wire, change_from_wire, Change, proto::Change, [
    Created => Created,
    Replaced => Replaced,
    Deleted => Deleted,
    Read => Read,
]);

pairs!(fsync_mode_to_wire, fsync_mode_from_wire, FsyncMode, proto::FsyncMode, [
    Always => Always,
    Group => Group,
    Interval => Interval,
    None => None,
]);

pairs!(isolation_to_wire, isolation_from_wire, Isolation, proto::Isolation, [
    Serializable => Serializable,
    Snapshot => Snapshot,
]);

pairs!(checkpoint_scope_to_wire, checkpoint_scope_from_wire, CheckpointScope, proto::CheckpointScope, [
    Needed => Needed,
    Whole => Whole,
]);

pairs!(create_mode_to_wire, create_mode_from_wire, CreateMode, proto::CreateMode, [
    IfMissing => IfMissing,
    Never => Never,
    Always => Always,
]);

pairs!(database_status_to_wire, database_status_from_wire, DatabaseStatus, proto::DatabaseStatus, [
    Active => Active,
    Closed => Closed,
    Opening => Opening,
    Closing => Closing,
    Dropping => Dropping,
    ReadOnly => ReadOnly,
    Degraded => Degraded,
    Failed => Failed,
]);

/// The codes and their frozen numbers.
#[rustfmt::skip]
const CODES: [(Code, proto::Code); 44] = [
    (Code::InvalidJson, proto::Code::InvalidJson),
    (Code::DocExists, proto::Code::DocExists),
    (Code::DocNotFound, proto::Code::DocNotFound),
    (Code::VersionMismatch, proto::Code::VersionMismatch),
    (Code::TxnConflict, proto::Code::TxnConflict),
    (Code::TxnExpired, proto::Code::TxnExpired),
    (Code::DbNotOpen, proto::Code::DbNotOpen),
    (Code::DbNotFound, proto::Code::DbNotFound),
    (Code::DbExists, proto::Code::DbExists),
    (Code::DbNotActive, proto::Code::DbNotActive),
    (Code::DbReadOnly, proto::Code::DbReadOnly),
    (Code::InvalidName, proto::Code::InvalidName),
    (Code::CollectionExists, proto::Code::CollectionExists),
    (Code::CollectionNotFound, proto::Code::CollectionNotFound),
    (Code::CollectionNotEmpty, proto::Code::CollectionNotEmpty),
    (Code::InvalidPath, proto::Code::InvalidPath),
    (Code::NotJsonObject, proto::Code::NotJsonObject),
    (Code::InvalidPatch, proto::Code::InvalidPatch),
    (Code::MemoryLimit, proto::Code::MemoryLimit),
    (Code::PayloadTooLarge, proto::Code::PayloadTooLarge),
    (Code::FrameTooLarge, proto::Code::FrameTooLarge),
    (Code::TooManyOps, proto::Code::TooManyOps),
    (Code::QueueFull, proto::Code::QueueFull),
    (Code::PoolStopped, proto::Code::PoolStopped),
    (Code::CorruptRecord, proto::Code::CorruptRecord),
    (Code::CrcMismatch, proto::Code::CrcMismatch),
    (Code::CorruptLog, proto::Code::CorruptLog),
    (Code::FileOpen, proto::Code::FileOpen),
    (Code::FileRead, proto::Code::FileRead),
    (Code::FileWrite, proto::Code::FileWrite),
    (Code::FileSync, proto::Code::FileSync),
    (Code::DiskFull, proto::Code::DiskFull),
    (Code::UnknownOperation, proto::Code::UnknownOperation),
    (Code::InvalidRequestId, proto::Code::InvalidRequestId),
    (Code::Unauthenticated, proto::Code::Unauthenticated),
    (Code::Forbidden, proto::Code::Forbidden),
    (Code::Timeout, proto::Code::Timeout),
    (Code::Internal, proto::Code::Internal),
    (Code::Network, proto::Code::Network),
    (Code::TooManyTxns, proto::Code::TooManyTxns),
    (Code::DiskQuota, proto::Code::DiskQuota),
    (Code::DocumentQuota, proto::Code::DocumentQuota),
    (Code::RateQuota, proto::Code::RateQuota),
    (Code::RequestQuota, proto::Code::RequestQuota),
];

/// A code without a row would be sent as `not set`; a test keeps the table whole.
pub(super) fn code_to_wire(code: Code) -> proto::Code {
    CODES
        .iter()
        .find(|(word, _)| *word == code)
        .map_or(proto::Code::Unspecified, |(_, number)| *number)
}

pub(super) fn code_from_wire(number: i32) -> Option<Code> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    CODES.get(index).map(|(word, _)| *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_number_that_follows_its_place_in_the_table_of_types() {
        let codes: Vec<_> = Code::all().collect();
        assert_eq!(codes, CODES.map(|(word, _)| word));
        for (index, code) in codes.into_iter().enumerate() {
            let number = code_to_wire(code) as i32;
            assert_eq!(number, i32::try_from(index).unwrap() + 1, "{code}");
            assert_eq!(code_from_wire(number), Some(code));
            let spelled: String = code_to_wire(code)
                .as_str_name()
                .trim_start_matches("CODE_")
                .split('_')
                .map(|word| word[..1].to_owned() + &word[1..].to_lowercase())
                .collect();
            assert_eq!(spelled, code.as_str());
        }
        assert_eq!(code_from_wire(0), None);
        assert_eq!(code_from_wire(45), None);
        assert_eq!(code_from_wire(-1), None);
    }

    #[test]
    fn an_effect_that_is_left_out_is_the_unknown_one() {
        assert_eq!(effect_from_wire(0), Some(Effect::Unknown));
        assert_eq!(effect_from_wire(7), None);
    }

    #[test]
    fn every_state_of_a_database_has_a_number() {
        for status in DatabaseStatus::ALL {
            assert_eq!(
                database_status_from_wire(database_status_to_wire(status) as i32),
                Some(status)
            );
        }
        assert_eq!(database_status_from_wire(0), None);
    }
}
