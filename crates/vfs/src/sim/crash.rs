//! Crashes: which unsynced changes a disk is found with.

use super::content::{Content, spans};
use super::disk::Disk;
use super::entropy::{Chance, mix};
use super::file_system::SimVfs;
use super::inode::{Change, Inode};
use super::names::Names;

/// The unit in which a disk writes.
const SECTOR_BYTES: usize = 512;

/// What a power cut does to changes that are not synced. Synced ones survive every profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrashProfile {
    /// Any subset survives, in any order: each sector of each write (cut at any byte), each change
    /// of a length and each change of a name for itself. Lost parts of a longer file read as zeros.
    Strict,
    /// The changes of the whole disk survive in their order up to some point, at which a write may
    /// be cut at any byte.
    Prefix,
    /// All changes survive.
    KeepAll,
    /// No change survives.
    DropAll,
    /// As [`Strict`](Self::Strict), and lost parts of a file that became longer may read as
    /// anything.
    Garbage,
}

impl CrashProfile {
    /// Every profile, in a fixed order.
    pub const ALL: [Self; 5] = [
        Self::Strict,
        Self::Prefix,
        Self::KeepAll,
        Self::DropAll,
        Self::Garbage,
    ];
}

impl SimVfs {
    /// Cuts the power of this disk, for good, and returns the disk as the next process finds it:
    /// healthy, nothing locked, no fault armed, nothing counted. The same history, profile and
    /// `seed` give the same disk; one history can be crashed any number of times.
    #[must_use]
    pub fn crash(&self, profile: CrashProfile, seed: u64) -> Self {
        let mut disk = self.disk();
        disk.powerless = true;
        let image = image(&disk, profile, seed);
        Self::from_disk(image, self.clock().detached())
    }

    /// The disk that [`crash`](Self::crash) would return at this moment, without cutting the power:
    /// the history goes on, and can be looked at again behind its next call.
    #[must_use]
    pub fn image(&self, profile: CrashProfile, seed: u64) -> Self {
        let image = image(&self.disk(), profile, seed);
        Self::from_disk(image, self.clock().detached())
    }

    /// Kills the process that uses this disk, not the disk: old handles are dead as after
    /// [`crash`](Self::crash), what was not synced is still seen and still not durable.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut disk = self.disk();
        disk.powerless = true;
        let names = disk.names.clone();
        let mut files = disk.files.clone();
        files.retain(|&id, inode| {
            inode.handles = 0;
            inode.linked || names.remembers(id)
        });
        let next = disk.for_next_process(mix(disk.seed ^ disk.operations), names, files);
        Self::from_disk(next, self.clock().detached())
    }
}

fn image(disk: &Disk, profile: CrashProfile, seed: u64) -> Disk {
    let seed = mix(disk.seed.wrapping_add(mix(seed)));
    let mut chance = Chance::new(seed);
    let cut = match profile {
        CrashProfile::Prefix => cut(disk, &mut chance),
        _ => 0,
    };
    let mut crash = Crash {
        profile,
        chance,
        cut,
        odds_in_16: 0,
    };
    crash.draw_odds();
    let mut tree = disk.names.durable.clone();
    for pending in &disk.names.pending {
        if crash.spares(pending.sequence) {
            tree.apply(&pending.change);
        }
    }
    let files = tree
        .prune()
        .into_iter()
        .filter_map(|id| {
            let content = crash.content(disk.files.get(&id)?);
            Some((id, Inode::settled(content)))
        })
        .collect();
    disk.for_next_process(seed, Names::settled(tree), files)
}

/// The change at which a crash in order happens: any pending one, or the end of all.
fn cut(disk: &Disk, chance: &mut Chance) -> u64 {
    let names = disk.names.pending.iter().map(|pending| pending.sequence);
    let files = disk
        .files
        .values()
        .flat_map(|inode| inode.pending.iter().map(|pending| pending.sequence));
    let mut sequences: Vec<u64> = names.chain(files).collect();
    sequences.sort_unstable();
    let at = chance.length_below(sequences.len() + 1);
    sequences.get(at).copied().unwrap_or(u64::MAX)
}

struct Crash {
    profile: CrashProfile,
    chance: Chance,
    cut: u64,
    odds_in_16: u64,
}

impl Crash {
    /// Chooses how much of the next file survives. With even odds alone, a long batch of which all
    /// but one sector survives, or all but one is lost, would hardly ever come up.
    fn draw_odds(&mut self) {
        let at = self.chance.length_below(5);
        self.odds_in_16 = [0, 2, 8, 14, 16].get(at).copied().unwrap_or(8);
    }

    /// Whether a change that cannot survive in part survives.
    fn spares(&mut self, sequence: u64) -> bool {
        match self.profile {
            CrashProfile::KeepAll => true,
            CrashProfile::DropAll => false,
            CrashProfile::Prefix => sequence < self.cut,
            CrashProfile::Strict | CrashProfile::Garbage => self.chance.odds(self.odds_in_16),
        }
    }

    fn content(&mut self, inode: &Inode) -> Content {
        let mut content = inode.durable.clone();
        self.draw_odds();
        for pending in &inode.pending {
            match &pending.change {
                Change::SetLen(length) => {
                    if self.spares(pending.sequence) {
                        content.set_len(*length);
                    }
                }
                Change::Write { offset, bytes } => match self.profile {
                    CrashProfile::Strict | CrashProfile::Garbage => {
                        self.write_sectors(&mut content, *offset, bytes);
                    }
                    CrashProfile::Prefix if pending.sequence == self.cut => {
                        let torn = self.chance.length_below(bytes.len() + 1);
                        content.write(bytes.get(..torn).unwrap_or(bytes), *offset);
                    }
                    CrashProfile::Prefix | CrashProfile::KeepAll | CrashProfile::DropAll => {
                        if self.spares(pending.sequence) {
                            content.write(bytes, *offset);
                        }
                    }
                },
            }
        }
        content
    }

    /// Lets each sector of a write survive for itself, and before them the new length, if any.
    fn write_sectors(&mut self, content: &mut Content, offset: u64, bytes: &[u8]) {
        let old_length = content.length();
        let end = offset + bytes.len() as u64;
        if end > old_length {
            if self.chance.odds(self.odds_in_16) {
                content.set_len(end);
            } else if self.chance.odds(4) {
                content.set_len(old_length + self.chance.below(end - old_length));
            }
        }
        for span in spans(offset, bytes.len(), SECTOR_BYTES) {
            let start = offset + span.at.start as u64;
            // A sector behind the end of the file is not seen.
            let inside = usize::try_from(content.length().saturating_sub(start));
            let sector = bytes.get(span.at).unwrap_or_default();
            let sector = sector.get(..inside.unwrap_or(usize::MAX)).unwrap_or(sector);
            if sector.is_empty() {
                break;
            }
            if self.profile == CrashProfile::Garbage && self.chance.coin() {
                let old = usize::try_from(old_length.saturating_sub(start)).unwrap_or(usize::MAX);
                let garbage = sector.iter().skip(old).map(|_| self.chance.next() as u8);
                content.write(&garbage.collect::<Vec<u8>>(), start + old as u64);
            }
            let (from, to) = self.surviving(sector.len());
            content.write(
                sector.get(from..to).unwrap_or_default(),
                start + from as u64,
            );
        }
    }

    /// The part of a sector of `length` bytes that survives.
    fn surviving(&mut self, length: usize) -> (usize, usize) {
        if self.chance.odds(self.odds_in_16) {
            return (0, length);
        }
        if self.odds_in_16 == 0 || !self.chance.odds(4) {
            return (0, 0);
        }
        let at = self.chance.length_below(length + 1);
        if self.chance.coin() {
            (0, at)
        } else {
            (at, length)
        }
    }
}
