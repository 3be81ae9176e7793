use std::fmt;
use std::sync::{Mutex, PoisonError};

use docdb_types::DocumentId;

use crate::document::Stamp;

const STRIPES: u64 = 1024;
/// Ids beyond this are not followed: their documents are still checked for where they come from.
const MOST_IDS: u64 = 1 << 22;

/// What is known of every document of a database: what has been acknowledged, and what is under way.
///
/// It tells when an answer contradicts an earlier one: an acknowledged write that is gone, a version
/// that went back, another text under the same version. Workers of a database share it; each of its
/// stripes is held for a few instructions.
#[derive(Debug)]
pub(crate) struct Ledger {
    stripes: Vec<Mutex<Vec<Entry>>>,
    most_ids: u64,
}

/// What is known of one document.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// The newest version that an answer has told; 0: none has.
    version: u64,
    /// Whether there is a document at that version.
    live: bool,
    /// The write that the document comes from, where it is one of this run.
    stamp: Option<Stamp>,
    /// Writes that are not answered yet.
    under_way: u16,
    /// Writes whose outcome nobody knows. Saturates.
    in_doubt: u16,
}

/// What was known of a document when a request about it was sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Noted {
    version: u64,
    live: bool,
}

/// What an answer says about a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// This write was applied, at this version; it found a document, or none, where that is told.
    Written {
        version: u64,
        stamp: Stamp,
        found: Option<bool>,
    },
    /// It was removed, at this version.
    Removed { version: u64 },
    /// It was read: this version, from this write where that is known.
    Read { version: u64, stamp: Option<Stamp> },
    /// There is none.
    Absent,
    /// There is one.
    Present,
    /// Nothing: the request was not carried out.
    Refused,
    /// Nothing: whether a write was carried out is not known.
    Doubt,
}

/// An answer that cannot be true, given those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contradiction {
    /// An acknowledged write is gone.
    Lost { version: u64 },
    /// What had been removed is there again.
    Risen { version: u64 },
    /// A version that is older than one that had been acknowledged.
    Stale { version: u64, acknowledged: u64 },
    /// Two documents under one version.
    Swapped { version: u64 },
}

impl fmt::Display for Contradiction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { version } => {
                write!(
                    formatter,
                    "what was acknowledged as version {version} is lost"
                )
            }
            Self::Risen { version } => {
                write!(
                    formatter,
                    "what was removed by version {version} is there again"
                )
            }
            Self::Stale {
                version,
                acknowledged,
            } => write!(
                formatter,
                "version {version} came after version {acknowledged} had been acknowledged"
            ),
            Self::Swapped { version } => {
                write!(
                    formatter,
                    "another document was acknowledged as version {version}"
                )
            }
        }
    }
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            most_ids: MOST_IDS,
        }
    }

    /// One that follows nothing, for a server without versions.
    pub(crate) const fn blind() -> Self {
        Self {
            stripes: Vec::new(),
            most_ids: 0,
        }
    }

    fn with<T>(&self, id: DocumentId, each: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let number = id.get() - 1;
        if number >= self.most_ids {
            return None;
        }
        let stripe = self.stripes.get(usize::try_from(number % STRIPES).ok()?)?;
        let place = usize::try_from(number / STRIPES).ok()?;
        // What a panic left behind are whole entries.
        let mut entries = stripe.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() <= place {
            entries.resize(place + 1, Entry::default());
        }
        entries.get_mut(place).map(each)
    }

    /// Notes what is known of a document just before a request about it is sent.
    pub(crate) fn send(&self, id: DocumentId, is_write: bool) -> Noted {
        self.with(id, |entry| {
            entry.under_way += u16::from(is_write);
            Noted {
                version: entry.version,
                live: entry.live,
            }
        })
        .unwrap_or_default()
    }

    /// Holds an answer against what was noted when its request was sent, and learns from it.
    pub(crate) fn answer(
        &self,
        id: DocumentId,
        is_write: bool,
        noted: Noted,
        seen: Seen,
    ) -> Result<(), Contradiction> {
        self.with(id, |entry| {
            entry.under_way = entry.under_way.saturating_sub(u16::from(is_write));
            entry.learn(noted, seen)
        })
        .unwrap_or(Ok(()))
    }

    /// Holds the document that a scan at a snapshot listed against what is known; `None`: it listed
    /// none under this id.
    pub(crate) fn listed(
        &self,
        id: DocumentId,
        snapshot: u64,
        found: Option<(u64, Option<Stamp>)>,
    ) -> Result<(), Contradiction> {
        self.with(id, |entry| {
            // What is still under way, and what came after the snapshot, may be on either side.
            let is_settled = entry.under_way == 0
                && entry.in_doubt == 0
                && entry.version > 0
                && entry.version <= snapshot;
            match found {
                None if is_settled && entry.live => Err(Contradiction::Lost {
                    version: entry.version,
                }),
                None => Ok(()),
                Some((version, _)) if is_settled && version < entry.version => {
                    Err(Contradiction::Stale {
                        version,
                        acknowledged: entry.version,
                    })
                }
                Some((version, stamp)) => entry.same_text(version, stamp),
            }
        })
        .unwrap_or(Ok(()))
    }

    /// The ids that any answer told something about, in ascending order.
    pub(crate) fn known(&self) -> Vec<DocumentId> {
        let mut known = Vec::new();
        for (stripe, number) in self.stripes.iter().zip(0_u64..) {
            let entries = stripe.lock().unwrap_or_else(PoisonError::into_inner);
            let ids = entries.iter().zip(0_u64..).filter_map(|(entry, place)| {
                (entry.version > 0)
                    .then(|| DocumentId::new(place * STRIPES + number + 1))
                    .flatten()
            });
            known.extend(ids);
        }
        known.sort_unstable();
        known
    }
}

impl Noted {
    /// Holds what an answer found against what was known, where it is told and nothing can have
    /// changed it.
    const fn found(self, found: Option<bool>) -> Result<(), Contradiction> {
        let version = self.version;
        match found {
            Some(false) if self.live => Err(Contradiction::Lost { version }),
            Some(true) if !self.live => Err(Contradiction::Risen { version }),
            _ => Ok(()),
        }
    }
}

impl Entry {
    fn learn(&mut self, noted: Noted, seen: Seen) -> Result<(), Contradiction> {
        // Nothing else can have changed the document between sending and answering.
        let is_unchanged = noted.version > 0
            && self.version == noted.version
            && self.under_way == 0
            && self.in_doubt == 0;
        match seen {
            Seen::Written {
                version,
                stamp,
                found,
            } => {
                self.newer(noted, version)?;
                let before = noted.found(found.filter(|_| is_unchanged));
                self.take(version, true, Some(stamp));
                before
            }
            Seen::Removed { version } => {
                self.newer(noted, version)?;
                let before = noted.found(Some(true).filter(|_| is_unchanged));
                self.take(version, false, None);
                before
            }
            Seen::Read { version, stamp } => {
                if version < noted.version {
                    return Err(Contradiction::Stale {
                        version,
                        acknowledged: noted.version,
                    });
                }
                if version == noted.version && !noted.live && version > 0 {
                    return Err(Contradiction::Risen { version });
                }
                self.same_text(version, stamp)?;
                self.take(version, true, stamp);
                Ok(())
            }
            Seen::Absent => noted.found(Some(false).filter(|_| is_unchanged)),
            Seen::Present => noted.found(Some(true).filter(|_| is_unchanged)),
            Seen::Doubt => {
                self.in_doubt = self.in_doubt.saturating_add(1);
                Ok(())
            }
            Seen::Refused => Ok(()),
        }
    }

    /// A write is newer than everything that was acknowledged before it was sent.
    const fn newer(&self, noted: Noted, version: u64) -> Result<(), Contradiction> {
        if version <= noted.version {
            return Err(Contradiction::Stale {
                version,
                acknowledged: noted.version,
            });
        }
        Ok(())
    }

    fn same_text(&self, version: u64, stamp: Option<Stamp>) -> Result<(), Contradiction> {
        let known = self.stamp.filter(|_| self.version == version && self.live);
        if known.is_some_and(|known| stamp != Some(known)) {
            return Err(Contradiction::Swapped { version });
        }
        Ok(())
    }

    fn take(&mut self, version: u64, live: bool, stamp: Option<Stamp>) {
        // Of several writes of one transaction the last one counts.
        if version >= self.version {
            *self = Self {
                version,
                live,
                stamp: stamp.or(self.stamp.filter(|_| version == self.version && live)),
                ..*self
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::document::{Composer, Forms};

    struct Bench {
        ledger: Ledger,
        composer: Composer,
    }

    const ID: DocumentId = DocumentId::MIN;

    impl Bench {
        fn new() -> Self {
            Self {
                ledger: Ledger::new(),
                composer: Composer::new(Arc::new(Forms::new(1, 1, 100)), 1),
            }
        }

        fn stamp(&mut self) -> Stamp {
            self.composer.compose(ID, 100).1
        }

        fn write(&mut self, version: u64) -> Stamp {
            let stamp = self.stamp();
            let noted = self.ledger.send(ID, true);
            let found = None;
            let seen = Seen::Written {
                version,
                stamp,
                found,
            };
            assert_eq!(self.ledger.answer(ID, true, noted, seen), Ok(()));
            stamp
        }

        fn remove(&self, version: u64) {
            let noted = self.ledger.send(ID, true);
            let seen = Seen::Removed { version };
            assert_eq!(self.ledger.answer(ID, true, noted, seen), Ok(()));
        }

        fn see(&self, seen: Seen) -> Result<(), Contradiction> {
            let noted = self.ledger.send(ID, false);
            self.ledger.answer(ID, false, noted, seen)
        }
    }

    #[test]
    fn an_acknowledged_write_that_is_gone_is_lost() {
        let mut bench = Bench::new();
        assert_eq!(bench.see(Seen::Absent), Ok(()));
        bench.write(5);
        let lost = Err(Contradiction::Lost { version: 5 });
        assert_eq!(bench.see(Seen::Absent), lost);
        assert_eq!(bench.see(Seen::Present), Ok(()));
        assert_eq!(bench.ledger.listed(ID, 9, None), lost);
        assert_eq!(bench.ledger.listed(ID, 4, None), Ok(()));
        assert_eq!(bench.ledger.known(), [ID]);
    }

    #[test]
    fn a_write_tells_what_it_found() {
        let mut bench = Bench::new();
        let write = |bench: &mut Bench, version, found| {
            let stamp = bench.stamp();
            let noted = bench.ledger.send(ID, true);
            let seen = Seen::Written {
                version,
                stamp,
                found: Some(found),
            };
            bench.ledger.answer(ID, true, noted, seen)
        };
        assert_eq!(write(&mut bench, 5, false), Ok(()));
        let lost = Err(Contradiction::Lost { version: 5 });
        assert_eq!(write(&mut bench, 6, false), lost, "created again");
        assert_eq!(write(&mut bench, 7, true), Ok(()));
        bench.remove(8);
        let risen = Err(Contradiction::Risen { version: 8 });
        assert_eq!(write(&mut bench, 9, true), risen, "replaced");
        bench.remove(10);
        let noted = bench.ledger.send(ID, true);
        let seen = Seen::Removed { version: 11 };
        let risen = Err(Contradiction::Risen { version: 10 });
        assert_eq!(bench.ledger.answer(ID, true, noted, seen), risen);
    }

    #[test]
    fn what_was_removed_must_not_be_there() {
        let mut bench = Bench::new();
        let stamp = Some(bench.write(5));
        bench.remove(6);
        let risen = Err(Contradiction::Risen { version: 6 });
        assert_eq!(bench.see(Seen::Present), risen);
        assert_eq!(bench.see(Seen::Read { version: 6, stamp }), risen);
        assert_eq!(bench.see(Seen::Absent), Ok(()));
    }

    #[test]
    fn a_version_never_goes_back() {
        let mut bench = Bench::new();
        let old = Some(bench.write(5));
        bench.write(7);
        let stale = Err(Contradiction::Stale {
            version: 5,
            acknowledged: 7,
        });
        let seen = Seen::Read {
            version: 5,
            stamp: old,
        };
        assert_eq!(bench.see(seen), stale);
        assert_eq!(bench.ledger.listed(ID, 9, Some((5, old))), stale);
        assert_eq!(bench.ledger.listed(ID, 6, Some((5, old))), Ok(()));
        let seen = Seen::Removed { version: 5 };
        assert_eq!(bench.see(seen), stale);
    }

    #[test]
    fn a_version_has_one_text() {
        let mut bench = Bench::new();
        let other = Some(bench.stamp());
        let stamp = Some(bench.write(5));
        assert_eq!(bench.see(Seen::Read { version: 5, stamp }), Ok(()));
        let swapped = Err(Contradiction::Swapped { version: 5 });
        let seen = Seen::Read {
            version: 5,
            stamp: other,
        };
        assert_eq!(bench.see(seen), swapped);
        assert_eq!(bench.ledger.listed(ID, 9, Some((5, other))), swapped);
    }

    #[test]
    fn what_is_under_way_may_be_on_either_side() {
        let mut bench = Bench::new();
        bench.write(5);
        let noted = bench.ledger.send(ID, true);
        assert_eq!(bench.see(Seen::Absent), Ok(()), "a delete is under way");
        let before = bench.ledger.send(ID, false);
        let seen = Seen::Removed { version: 6 };
        assert_eq!(bench.ledger.answer(ID, true, noted, seen), Ok(()));
        let answer = bench.ledger.answer(ID, false, before, Seen::Absent);
        assert_eq!(answer, Ok(()), "it was answered meanwhile");
    }

    #[test]
    fn a_write_in_doubt_may_be_on_either_side_for_ever() {
        let mut bench = Bench::new();
        bench.write(5);
        let noted = bench.ledger.send(ID, true);
        let answer = bench.ledger.answer(ID, true, noted, Seen::Doubt);
        assert_eq!(answer, Ok(()));
        assert_eq!(bench.see(Seen::Absent), Ok(()));
        bench.write(8);
        assert_eq!(bench.see(Seen::Absent), Ok(()));
        let seen = Seen::Read {
            version: 5,
            stamp: None,
        };
        assert!(bench.see(seen).is_err(), "versions are still compared");
    }
}
