//! Reading the whole log in order and judging every place that does not verify.
//!
//! A place that does not verify is one of three things:
//! - *covered*: a checkpoint made it superfluous; it is passed over and reported;
//! - *torn*: it is in the active segment and nothing promises that it had been durable. An append
//!   that a crash cut short; the log ends in front of it;
//! - *corrupt*: something promises that it had been durable: a later batch that knew it durable, a
//!   later segment, the sealed name of its own segment, or the disk which does not read it.

use docdb_types::TransactionId;

use super::evidence::{Evidence, evidence, next_whole_batch};
use super::inventory::{FoundSegment, Inventory};
use super::report::{Damage, LogState, Recovered, Recovery};
use crate::error::Corruption;
use crate::format::{BATCH_HEADER_BYTES, BatchHeader, SEGMENT_HEADER_BYTES, Seed, SegmentHeader};
use crate::limits::COUNTER_LIMIT;
use crate::names::{LogFile, LogNames};
use crate::scan::{Scan, Source};
use crate::writer::Link;
use crate::{Covered, Lsn, WalError};

/// Takes the records that are found.
pub(super) type Visit<'v> = dyn FnMut(Recovered<'_>) -> Result<(), WalError> + 'v;

/// What the walk found, and how the log can be continued.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) recovery: Recovery,
    /// For each segment of the inventory, the bytes of it that hold header and batches.
    pub(super) lengths: Vec<u64>,
    pub(super) last: Tail,
}

/// The end of the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    /// Behind everything that is known to be in the log.
    pub(super) end: Lsn,
    /// The last batch; `None` when what precedes the end could not be read.
    pub(super) link: Option<Link>,
    /// The highest sequence seen.
    pub(super) sequence: u64,
    /// The highest transaction seen.
    pub(super) transaction: TransactionId,
    /// Whether the next batch can go behind the end in the active segment.
    pub(super) appendable: bool,
}

/// How reading a segment went on at a place that did not verify.
enum Verdict {
    /// At this offset.
    GoOn(u64),
    /// Not at all: the log ends in front of the place.
    Ends,
    /// Not at all: everything behind the place is lost.
    Lost,
}

pub(super) struct Walk<'v> {
    names: &'v LogNames,
    covered: Covered,
    visit: &'v mut Visit<'v>,
    scan: Scan,
    at: Lsn,
    link: Option<Link>,
    sequence: u64,
    transaction: TransactionId,
    damage: Vec<Damage>,
    torn: Option<LogState>,
    recovery: Recovery,
}

impl<'v> Walk<'v> {
    pub(super) fn new(names: &'v LogNames, covered: Covered, visit: &'v mut Visit<'v>) -> Self {
        Self {
            names,
            covered,
            visit,
            scan: Scan::new(),
            at: Lsn::ZERO,
            link: Some(Link::default()),
            sequence: 0,
            transaction: covered.last_transaction,
            damage: Vec::new(),
            torn: None,
            recovery: Recovery {
                state: LogState::Clean,
                skipped: Vec::new(),
                end: Lsn::ZERO,
                last_transaction: covered.last_transaction,
                segments: 0,
                bytes: 0,
                batches: 0,
                records: 0,
                replayed_bytes: 0,
            },
        }
    }

    /// Reads the log.
    ///
    /// # Errors
    /// [`WalError::Unsupported`], [`WalError::OutOfMemory`], [`WalError::TooLarge`] when the covered
    /// position is out of reach, and the error of the visitor. Damage is no error: it is in the
    /// report.
    pub(super) fn run(mut self, inventory: &Inventory) -> Result<Walked, WalError> {
        if self.covered.lsn.get() >= COUNTER_LIMIT {
            return Err(WalError::TooLarge {
                what: "covered position",
                bytes: self.covered.lsn.get(),
                limit: COUNTER_LIMIT,
            });
        }
        let segments = &inventory.segments;
        let mut lengths = Vec::with_capacity(segments.len());
        for (index, found) in segments.iter().enumerate() {
            let next = segments.get(index + 1);
            self.scan.forget();
            lengths.push(match found.header {
                Ok(header) => self.readable(found, &header, next)?,
                Err(what) => self.unreadable(found, what, next)?,
            });
        }
        let appendable = self.end_of(segments.last());
        self.recovery.segments = segments.len() as u64;
        self.recovery.bytes = segments.iter().map(|found| found.length).sum();
        self.recovery.last_transaction = self.transaction;
        if !self.damage.is_empty() {
            self.recovery.state = LogState::Corrupt(self.damage);
        } else if let Some(torn) = self.torn {
            self.recovery.state = torn;
        } else if segments.is_empty() {
            self.recovery.state = LogState::Created;
        }
        Ok(Walked {
            last: Tail {
                end: self.at,
                link: self.link,
                sequence: self.sequence,
                transaction: self.transaction,
                appendable: appendable && !matches!(self.recovery.state, LogState::Corrupt(_)),
            },
            recovery: self.recovery,
            lengths,
        })
    }

    /// Judges what is missing behind the last segment, and whether it can be appended to.
    fn end_of(&mut self, last: Option<&FoundSegment>) -> bool {
        let active = last.filter(|found| found.is_active() && found.header.is_ok());
        if self.at >= self.covered.lsn {
            return active.is_some() && self.link.is_some();
        }
        let from = self.at;
        match active {
            // What the segment lost is in data files; that there was more nothing says.
            Some(found) => {
                let offset = self.at.since(found.base());
                let to = Some(self.covered.lsn);
                self.lose(
                    &found.name,
                    offset,
                    Corruption::ShortSegment,
                    from,
                    to,
                    None,
                );
            }
            // The segment that the manifest knows is gone with whatever it held behind.
            None if self.damage.is_empty() => {
                let name = self.names.name(LogFile::Active);
                self.lose(&name, 0, Corruption::MissingSegment, from, None, None);
            }
            None => {}
        }
        self.link = None;
        false
    }

    /// A segment without a header. It is lost, unless it is the remains of one that was just being
    /// created, which then never held a batch.
    fn unreadable(
        &mut self,
        found: &FoundSegment,
        what: Corruption,
        next: Option<&FoundSegment>,
    ) -> Result<u64, WalError> {
        let created = found.is_active()
            && what == Corruption::SegmentHeader
            && self.covered.lsn <= self.at
            && self.damage.is_empty()
            && self.is_blank(found)?;
        if created {
            // CRASH: a header is durable before the first batch is written behind it.
            let at = self.at;
            let damage = self.describe(&found.name, 0, what, at, Some(at), None);
            self.recovery.skipped.push(damage);
            return Ok(0);
        }
        let (to, before) = beginning(next);
        let from = self.at;
        self.lose(&found.name, 0, what, from, to, before);
        self.at = to.unwrap_or_else(|| from.plus(found.length)).max(from);
        self.link = None;
        Ok(0)
    }

    fn is_blank(&mut self, found: &FoundSegment) -> Result<bool, WalError> {
        let source = found.source();
        let header = SEGMENT_HEADER_BYTES as u64;
        let seen = evidence(&mut self.scan, &source, header, found.length)?;
        Ok(seen == Evidence::Zeros)
    }

    /// A segment with a header. Returns the bytes of it that hold header and batches.
    fn readable(
        &mut self,
        found: &FoundSegment,
        header: &SegmentHeader,
        next: Option<&FoundSegment>,
    ) -> Result<u64, WalError> {
        if header.base < self.at {
            return self.unreadable(found, Corruption::BrokenChain, next);
        }
        self.connect(found, header);

        let successor = next.and_then(|next| next.header.ok());
        let promised = successor
            .filter(|next| next.number == header.number + 1)
            .map(|next| next.previous_bytes);
        let limit = promised.unwrap_or(found.length).min(found.length);
        if successor.is_some_and(|next| next.base <= self.covered.lsn) {
            self.at = header.base.plus(promised.unwrap_or(limit));
            self.link = None;
            return Ok(limit);
        }
        self.batches(found, next, limit, promised)
    }

    /// Compares the segment with what is in front of it.
    fn connect(&mut self, found: &FoundSegment, header: &SegmentHeader) {
        let known = Link {
            sequence: header.previous_sequence,
            checksum: header.previous_checksum,
        };
        let (from, to) = (self.at, header.base);
        let before = Some(header.previous_transaction.next());
        // What a checkpoint covers in front of the first segment was trimmed, or is a backup's.
        let is_trimmed = from == Lsn::ZERO && to <= self.covered.lsn;
        let is_gap = to > from;
        if is_gap && !is_trimmed {
            let name = self.names.name(LogFile::Sealed(header.number.max(2) - 1));
            self.lose(&name, 0, Corruption::MissingSegment, from, Some(to), before);
        } else if !is_gap && self.link.is_some_and(|link| link != known) {
            self.lose(
                &found.name,
                0,
                Corruption::BrokenChain,
                from,
                Some(to),
                before,
            );
        }
        self.at = to;
        self.link = Some(known);
        self.sequence = self.sequence.max(known.sequence);
        self.transaction = self.transaction.max(header.previous_transaction);
    }

    /// Reads the batches of a segment up to `limit`.
    fn batches(
        &mut self,
        found: &FoundSegment,
        next: Option<&FoundSegment>,
        limit: u64,
        promised: Option<u64>,
    ) -> Result<u64, WalError> {
        let base = self.at;
        let source = found.source();
        let mut offset = SEGMENT_HEADER_BYTES as u64;
        let mut lost = false;
        while offset < limit {
            self.at = base.plus(offset);
            let what = match self.batch(&source, offset, limit) {
                Ok(bytes) => {
                    offset += bytes;
                    continue;
                }
                Err(WalError::Corrupt { what, .. }) => what,
                Err(error) => return Err(error),
            };
            match self.judge(found, &source, next, (offset, limit), what)? {
                Verdict::GoOn(at) => offset = at,
                Verdict::Ends => break,
                Verdict::Lost => {
                    lost = true;
                    offset = limit;
                }
            }
        }
        self.at = base.plus(offset);
        if let Some(promised) = promised.filter(|promised| offset < *promised) {
            let (from, to) = (self.at, base.plus(promised));
            if !lost {
                let (_, before) = beginning(next);
                let what = Corruption::ShortSegment;
                self.lose(&found.name, offset, what, from, Some(to), before);
            }
            self.at = to;
            self.link = None;
        }
        Ok(offset)
    }

    /// Reads the batch at `offset` and hands its records over, unless a checkpoint covers it. Returns
    /// its bytes.
    fn batch(&mut self, source: &Source<'_>, offset: u64, limit: u64) -> Result<u64, WalError> {
        let (header, checksum) = self.scan.header(source, offset, limit)?;
        if header.end() > self.covered.lsn {
            let batch = self.scan.batch(source, offset, limit)?;
            follows(self.link, &batch.header).map_err(|what| source.corrupt(offset, what))?;
            for found in batch.records() {
                self.transaction = self.transaction.max(found.record.transaction);
            }
            batch.visit(self.visit)?;
            self.recovery.end = header.end();
            self.recovery.batches += 1;
            self.recovery.records += u64::from(header.records);
            self.recovery.replayed_bytes += header.batch_bytes();
        } else {
            follows(self.link, &header).map_err(|what| source.corrupt(offset, what))?;
        }
        self.link = Some(Link {
            sequence: header.sequence,
            checksum,
        });
        self.sequence = self.sequence.max(header.sequence);
        Ok(header.batch_bytes())
    }

    /// Decides about the place at `offset` of a segment that ends at `limit`.
    fn judge(
        &mut self,
        found: &FoundSegment,
        source: &Source<'_>,
        next: Option<&FoundSegment>,
        (offset, limit): (u64, u64),
        what: Corruption,
    ) -> Result<Verdict, WalError> {
        let from = source.base.plus(offset);
        if from < self.covered.lsn {
            let target = self.covered.lsn.since(source.base);
            self.link = None;
            let to = Some(self.covered.lsn);
            self.lose(&found.name, offset, what, from, to, None);
            return Ok(if target <= limit {
                Verdict::GoOn(target)
            } else {
                Verdict::Ends
            });
        }

        let seen = if what == Corruption::Unreadable {
            Evidence::Promised
        } else {
            evidence(&mut self.scan, source, offset, limit)?
        };
        match seen {
            Evidence::Zeros if next.is_none() => return Ok(Verdict::Ends),
            // A sealed segment was synced whole before it got its name: that is a promise too.
            Evidence::Unpromised
                if next.is_none() && found.is_active() && what != Corruption::BatchSequence =>
            {
                self.torn = Some(LogState::TornTail {
                    file: found.name.clone(),
                    offset,
                    cut_bytes: found.length.saturating_sub(offset),
                });
                return Ok(Verdict::Ends);
            }
            _ => {}
        }

        // A batch that is whole and does not follow the one in front of it may be the next one.
        let behind = offset + u64::from(what != Corruption::BatchSequence) * 8;
        let whole = next_whole_batch(&mut self.scan, source, behind, limit, self.sequence)?;
        let (to, before) = match whole {
            Some((at, first)) => (Some(source.base.plus(at)), Some(first)),
            None => beginning(next),
        };
        self.lose(&found.name, offset, what, from, to, before);
        self.link = None;
        Ok(whole.map_or(Verdict::Lost, |(at, _)| Verdict::GoOn(at)))
    }

    fn describe(
        &self,
        file: &str,
        offset: u64,
        what: Corruption,
        from: Lsn,
        to: Option<Lsn>,
        before: Option<TransactionId>,
    ) -> Damage {
        Damage {
            file: file.to_owned(),
            offset,
            what,
            from,
            to,
            after: self.transaction,
            before,
        }
    }

    /// Notes a loss, or that data files cover what is damaged.
    fn lose(
        &mut self,
        file: &str,
        offset: u64,
        what: Corruption,
        from: Lsn,
        to: Option<Lsn>,
        before: Option<TransactionId>,
    ) {
        let damage = self.describe(file, offset, what, from, to, before);
        if to.is_some_and(|to| to <= self.covered.lsn) {
            self.recovery.skipped.push(damage);
        } else {
            self.damage.push(damage);
        }
    }
}

/// Where the next segment begins, and the first transaction that can be in it.
fn beginning(next: Option<&FoundSegment>) -> (Option<Lsn>, Option<TransactionId>) {
    match next.and_then(|next| next.header.ok()) {
        Some(header) => (Some(header.base), Some(header.previous_transaction.next())),
        None => (None, None),
    }
}

/// Whether the batch is the one behind `link`.
fn follows(link: Option<Link>, header: &BatchHeader) -> Result<(), Corruption> {
    match link {
        Some(link) if header.sequence != link.sequence + 1 || header.previous != link.checksum => {
            Err(Corruption::BatchSequence)
        }
        _ => Ok(()),
    }
}

impl FoundSegment {
    fn base(&self) -> Lsn {
        self.header.map_or(Lsn::ZERO, |header| header.base)
    }

    fn source(&self) -> Source<'_> {
        Source {
            file: &*self.file,
            name: &self.name,
            seed: self
                .header
                .map_or_else(|_| Seed::default(), |header| header.seed()),
            base: self.base(),
        }
    }
}

/// The most batches that so many bytes can have held.
pub(super) const fn batches_at_most(bytes: u64) -> u64 {
    bytes / BATCH_HEADER_BYTES as u64 + 1
}
