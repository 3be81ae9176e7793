use std::collections::BTreeMap;

/// What an operation on one document did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It read this value.
    Read,
    /// It wrote this value.
    Write,
}

/// An operation on one document that was answered, with the version that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Single {
    /// The document.
    pub key: u64,
    /// What it did.
    pub access: Access,
    /// The value that was read or written.
    pub value: u64,
    /// The version that was read or written.
    pub version: u64,
    /// The place in the history at which it was sent.
    pub begun: u64,
    /// The place at which its answer had arrived.
    pub ended: u64,
}

/// Whether the operations on each document could have happened one after the other, each between its
/// beginning and its end. The order is that of their versions, a write in front of the reads of its
/// version; so a single pass decides.
///
/// # Errors
/// Two operations, and why they contradict each other.
pub fn linearizable(singles: &[Single]) -> Result<(), String> {
    let mut keys = BTreeMap::<u64, Vec<Single>>::new();
    for single in singles {
        keys.entry(single.key).or_default().push(*single);
    }
    keys.into_values().try_for_each(one_key)
}

fn one_key(mut singles: Vec<Single>) -> Result<(), String> {
    let mut values = BTreeMap::<u64, Single>::new();
    for single in &singles {
        let before = values.entry(single.version).or_insert(*single);
        if before.value != single.value {
            return Err(format!("one version, two values: {before:?}, {single:?}"));
        }
        let both_write = before.access == Access::Write && single.access == Access::Write;
        if both_write && before != single {
            return Err(format!("one version, two writes: {before:?}, {single:?}"));
        }
    }
    singles.sort_by_key(|single| single.begun);
    let mut by_end = singles.clone();
    by_end.sort_by_key(|single| single.ended);
    let mut ended = by_end.into_iter().peekable();
    let mut newest: Option<Single> = None;
    for single in &singles {
        while let Some(over) = ended.next_if(|over| over.ended < single.begun) {
            if newest.is_none_or(|newest| over.version > newest.version) {
                newest = Some(over);
            }
        }
        let Some(newest) = newest else {
            continue;
        };
        let is_behind = match single.access {
            Access::Read => single.version >= newest.version,
            Access::Write => single.version > newest.version,
        };
        if !is_behind {
            return Err(format!("{single:?} is behind {newest:?}, which was over"));
        }
    }
    Ok(())
}
