//! Which data files to merge: a pure decision.
//!
//! Two rules. *Dead bytes*: a file whose dead share passes the ratio is rewritten, so that dead
//! bytes stay below the ratio of what is stored. *Many files*: as soon as `fan_in` files are of one
//! size class (each class `fan_in` times as large as the one below), they become one, so that there
//! are at most `fan_in` files of each class and a document is rewritten once per class. Files past a
//! share of what one merge copies are left alone by the second rule, so that every merge is short.

use std::collections::BTreeMap;

use docdb_types::TransactionId;

use crate::{DataFile, DataFileContent, DataFileNumber, FileUse};

/// What the decision needs to know of a live data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionCandidate {
    /// The file.
    pub number: DataFileNumber,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// What it holds.
    pub content: DataFileContent,
    /// What of it is live.
    pub used: FileUse,
    /// Whether its frame is damaged, so that writing it anew heals it.
    pub is_salvaged: bool,
}

impl CompactionCandidate {
    /// A live file and what the index uses of it.
    #[must_use]
    pub const fn new(file: &DataFile, used: FileUse) -> Self {
        let record = file.record();
        Self {
            number: record.number,
            file_bytes: record.file_bytes,
            content: record.content,
            used,
            is_salvaged: file.is_salvaged(),
        }
    }

    /// Bytes of records that a merge would drop, tombstones aside.
    #[must_use]
    pub const fn dead_bytes(&self) -> u64 {
        self.content
            .document_bytes
            .saturating_sub(self.used.live_bytes)
    }

    const fn stored_bytes(&self) -> u64 {
        self.content.document_bytes + self.content.tombstone_bytes
    }
}

/// When compaction is worth its work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompactionPolicy {
    /// A file is rewritten when more than this share of its records' bytes is dead, 0 to 1.
    pub dead_ratio: f64,
    /// The dead share does not matter while all files together are smaller, in bytes.
    pub threshold_bytes: u64,
    /// How many files of one size become one, 2 and up.
    pub fan_in: usize,
    /// Bytes of live records that one merge copies at most, unless a single file has more.
    pub merge_bytes: u64,
}

impl Default for CompactionPolicy {
    fn default() -> Self {
        Self {
            dead_ratio: 0.3,
            threshold_bytes: 100 << 20,
            fan_in: 8,
            merge_bytes: 512 << 20,
        }
    }
}

/// Files up to this length are of the smallest class.
const SMALLEST_CLASS_BYTES: u64 = 1 << 20;

impl CompactionPolicy {
    /// The policy of an explicit command: whatever a merge would drop is worth it, and so is every
    /// file fewer.
    #[must_use]
    pub const fn thorough(self) -> Self {
        Self {
            dead_ratio: 0.0,
            threshold_bytes: 0,
            fan_in: 2,
            ..self
        }
    }

    /// The files to merge next, ascending; `None` when none are worth it. Doing what it says until
    /// it says nothing ends.
    #[must_use]
    pub fn plan(&self, files: &[CompactionCandidate]) -> Option<Vec<DataFileNumber>> {
        let salvaged = || {
            // Last, because it fails as long as a record is damaged too.
            let first = files.iter().filter(|file| file.is_salvaged).take(1);
            Some(ascending(first)).filter(|chosen| !chosen.is_empty())
        };
        self.dead_files(files)
            .or_else(|| self.small_files(files))
            .or_else(salvaged)
    }

    fn dead_files(&self, files: &[CompactionCandidate]) -> Option<Vec<DataFileNumber>> {
        if files.iter().map(|file| file.file_bytes).sum::<u64>() < self.threshold_bytes {
            return None;
        }
        let share = |file: &CompactionCandidate| {
            droppable_bytes(file, files) as f64 / file.stored_bytes().max(1) as f64
        };
        let mut dead: Vec<_> = files
            .iter()
            .filter(|file| share(file) > self.dead_ratio)
            .collect();
        dead.sort_by(|a, b| share(b).total_cmp(&share(a)));
        Some(self.as_many_as_fit(&dead, 1, files)).filter(|chosen| !chosen.is_empty())
    }

    fn small_files(&self, files: &[CompactionCandidate]) -> Option<Vec<DataFileNumber>> {
        let fan_in = self.fan_in.max(2) as u64;
        let class_of = |file: &CompactionCandidate| {
            let (mut class, mut limit) = (0_u32, SMALLEST_CLASS_BYTES);
            while file.file_bytes > limit {
                class += 1;
                limit = limit.saturating_mul(fan_in);
            }
            class
        };
        // What is larger is no burden, and rewriting it is one.
        let small = files
            .iter()
            .filter(|file| file.file_bytes <= self.merge_bytes / fan_in);
        let mut by_class = BTreeMap::<u32, Vec<&CompactionCandidate>>::new();
        for file in small {
            by_class.entry(class_of(file)).or_default().push(file);
        }
        let crowded = by_class
            .into_values()
            .find(|class| class.len() as u64 >= fan_in)?;
        Some(self.as_many_as_fit(&crowded, 2, files))
    }

    /// The first of `chosen`, as long as their copies fit into one merge, but `least` of them.
    ///
    /// While a merge runs its copies stand beside what they replace: a merge of all files at once
    /// would need twice their space, so that one copies no more than half of what is live.
    fn as_many_as_fit(
        &self,
        chosen: &[&CompactionCandidate],
        least: usize,
        files: &[CompactionCandidate],
    ) -> Vec<DataFileNumber> {
        let live: u64 = files.iter().map(|file| file.used.live_bytes).sum();
        let most = self.merge_bytes.min((live / 2).max(SMALLEST_CLASS_BYTES));
        let mut copied = 0_u64;
        let fitting = chosen.iter().enumerate().take_while(|(at, file)| {
            copied = copied.saturating_add(file.used.live_bytes);
            *at < least || copied <= most
        });
        ascending(fitting.map(|(_, file)| *file))
    }
}

/// Bytes of a file's records that a merge of the file alone would drop.
fn droppable_bytes(file: &CompactionCandidate, files: &[CompactionCandidate]) -> u64 {
    let others = files.iter().filter(|other| other.number != file.number);
    let hides_nothing = oldest_of(others.map(|other| &other.content))
        .is_none_or(|oldest| oldest > file.content.newest_transaction);
    file.dead_bytes()
        + if hides_nothing {
            file.content.tombstone_bytes
        } else {
            0
        }
}

/// The oldest transaction of any record in files with these contents; `None` when there is none.
fn oldest_of<'a>(contents: impl Iterator<Item = &'a DataFileContent>) -> Option<TransactionId> {
    contents
        .filter(|content| content.documents + content.tombstones > 0)
        .map(|content| content.oldest_transaction)
        .min()
}

fn ascending<'a>(files: impl Iterator<Item = &'a CompactionCandidate>) -> Vec<DataFileNumber> {
    let mut numbers: Vec<_> = files.map(|file| file.number).collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn file(number: u32, document_bytes: u64, live_bytes: u64) -> CompactionCandidate {
        CompactionCandidate {
            number: DataFileNumber::new(number).unwrap(),
            file_bytes: document_bytes + 500,
            content: DataFileContent {
                documents: document_bytes / 100,
                document_bytes,
                oldest_transaction: TransactionId::new(u64::from(number) * 100),
                newest_transaction: TransactionId::new(u64::from(number) * 100 + 99),
                ..DataFileContent::default()
            },
            used: FileUse {
                live_records: live_bytes / 100,
                live_bytes,
            },
            is_salvaged: false,
        }
    }

    fn tombstones(number: u32, tombstone_bytes: u64) -> CompactionCandidate {
        let mut file = file(number, 0, 0);
        file.file_bytes += tombstone_bytes;
        file.content.tombstones = tombstone_bytes / 32;
        file.content.tombstone_bytes = tombstone_bytes;
        file
    }

    fn numbers(plan: Option<Vec<DataFileNumber>>) -> Vec<u32> {
        plan.unwrap_or_default()
            .iter()
            .map(|number| number.get())
            .collect()
    }

    fn plan(files: &[CompactionCandidate]) -> Vec<u32> {
        numbers(CompactionPolicy::default().plan(files))
    }

    #[test]
    fn files_past_the_ratio_are_rewritten_once_the_threshold_is_passed() {
        let files = [file(1, 60 * MIB, 50 * MIB), file(2, 60 * MIB, 30 * MIB)];
        assert_eq!(plan(&files), [2]);
        assert_eq!(plan(&files[1..]), [0; 0], "below the threshold");
        let exactly = [file(1, 100 * MIB, 70 * MIB), file(2, 100 * MIB, 100 * MIB)];
        assert_eq!(plan(&exactly), [0; 0], "not past the ratio");
    }

    #[test]
    fn one_merge_copies_no_more_than_its_limit() {
        let policy = CompactionPolicy {
            merge_bytes: 60 * MIB,
            ..CompactionPolicy::default()
        };
        let files = [
            file(1, 200 * MIB, 100 * MIB),
            file(2, 200 * MIB, 40 * MIB),
            file(3, 200 * MIB, 20 * MIB),
        ];
        assert_eq!(numbers(policy.plan(&files)), [2, 3]);
        assert_eq!(
            numbers(policy.plan(&files[..1])),
            [1],
            "a single file is never too large"
        );
    }

    #[test]
    fn tombstones_count_as_dead_once_nothing_older_is_left() {
        let hiding = [file(1, 90 * MIB, 90 * MIB), tombstones(2, 20 * MIB)];
        assert_eq!(plan(&hiding), [0; 0]);
        let mut hiding_nothing = hiding;
        hiding_nothing[0].content.oldest_transaction = TransactionId::new(300);
        assert_eq!(plan(&hiding_nothing), [2]);
        let empty_beside = [tombstones(2, 120 * MIB), file(1, 0, 0)];
        assert_eq!(
            plan(&empty_beside),
            [2],
            "an empty file holds nothing older"
        );
    }

    #[test]
    fn many_files_of_one_size_become_one() {
        let mut files: Vec<_> = (1..=7).map(|number| file(number, 1000, 1000)).collect();
        files.push(file(8, 5 * MIB, 5 * MIB));
        assert_eq!(plan(&files), [0; 0]);
        files.push(file(9, 100, 100));
        assert_eq!(plan(&files), [1, 2, 3, 4, 5, 6, 7, 9]);
    }

    #[test]
    fn a_salvaged_file_is_rewritten_when_nothing_else_is_to_do() {
        let mut files = [file(1, 60 * MIB, 60 * MIB), file(2, 60 * MIB, 60 * MIB)];
        files[1].is_salvaged = true;
        assert_eq!(plan(&files), [2]);
        files[0].used.live_bytes = 30 * MIB;
        assert_eq!(plan(&files), [1]);
    }

    #[test]
    fn files_and_rewrites_stay_logarithmic() {
        let policy = CompactionPolicy::default();
        let mut files: Vec<CompactionCandidate> = Vec::new();
        let (mut written, mut rewritten) = (0, 0);
        for number in 1..2000 {
            files.push(file(number * 10, 10 * MIB, 10 * MIB));
            written += 10 * MIB;
            let mut next = number * 10;
            while let Some(merged) = policy.plan(&files) {
                let bytes: u64 = files
                    .extract_if(.., |file| merged.contains(&file.number))
                    .map(|file| file.used.live_bytes)
                    .sum();
                next += 1;
                rewritten += bytes;
                files.push(file(next, bytes, bytes));
            }
            let large = (written / policy.merge_bytes * 8) as usize;
            assert!(files.len() <= 8 * 5 + large, "{} files", files.len());
        }
        assert!(rewritten <= 4 * written, "{rewritten} for {written}");
    }

    #[test]
    fn a_merge_copies_no_more_than_half_of_what_is_live() {
        let files: Vec<_> = (1..=4)
            .map(|number| file(number, 100 * MIB, 50 * MIB))
            .collect();
        assert_eq!(plan(&files), [1, 2]);
    }

    #[test]
    fn on_command_everything_that_can_be_dropped_is() {
        let policy = CompactionPolicy::default().thorough();
        let plan = |files: &[CompactionCandidate]| numbers(policy.plan(files));
        assert_eq!(plan(&[file(1, 1000, 1000)]), [0; 0]);
        assert_eq!(plan(&[]), [0; 0]);
        assert_eq!(plan(&[file(1, 1000, 900)]), [1]);
        assert_eq!(plan(&[file(2, 10, 10), file(1, 10, 10)]), [1, 2]);
        // A file that is large already is left alone.
        assert_eq!(
            plan(&[file(1, 300 * MIB, 300 * MIB), file(2, 10, 10)]),
            [0; 0]
        );
    }
}
