//! Right checksums over wrong bytes: what a mutation breaks at the outermost shell is put right, so
//! that what lies behind a checksum is tried too. Written from docs/ondisk_format.md, not from the
//! code that it tries.

use crc32fast::{Hasher, hash};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The kinds of file that have checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A segment of the log.
    Log,
    /// A data file.
    Data,
    /// The parity of a data file.
    Parity,
    /// A manifest.
    Manifest,
    /// The catalog.
    Catalog,
}

/// Puts every checksum right that can be found. Answers whether that was all of them: where a
/// structure ends early, what is behind it is left as it is.
pub fn repair(kind: Kind, bytes: &mut [u8]) -> bool {
    let repaired = match kind {
        Kind::Log => log(bytes),
        Kind::Data => data(bytes),
        Kind::Parity => parity(bytes),
        Kind::Manifest => manifest(bytes),
        Kind::Catalog => catalog(bytes),
    };
    repaired.is_some()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn put(bytes: &mut [u8], at: usize, value: u32) -> Option<()> {
    *bytes.get_mut(at..)?.first_chunk_mut()? = value.to_le_bytes();
    Some(())
}

fn plain(bytes: &mut [u8], covered: std::ops::Range<usize>, at: usize) -> Option<()> {
    let checksum = hash(bytes.get(covered)?);
    put(bytes, at, checksum)
}

fn log(bytes: &mut [u8]) -> Option<()> {
    plain(bytes, 0..92, 92)?;
    let mut seed = Hasher::new();
    for part in [16..32, 32..40, 40..48, 48..56] {
        seed.update(bytes.get(part)?);
    }
    let seed = seed.finalize();
    let base = u64_at(bytes, 40)?;
    let bind = |checksum: u32, position: u64| {
        let mut hasher = Hasher::new_with_initial(seed);
        hasher.update(&position.to_le_bytes());
        hasher.finalize() ^ checksum
    };
    let mut at = 96_usize;
    while bytes.get(at..at.saturating_add(4)) == Some(b"dbB1".as_slice()) {
        let length = u32_at(bytes, at + 8)? as usize;
        let end = at.checked_add(56)?.checked_add(length)?;
        let mut content = Hasher::new();
        let mut record = at + 56;
        while record + 24 <= end.min(bytes.len()) {
            let payload = u32_at(bytes, record + 4)? as usize;
            let key = usize::from(u16::from_le_bytes(
                bytes.get(record + 8..record + 10)?.try_into().ok()?,
            ));
            let size = (24 + key + payload).next_multiple_of(8);
            let Some(body) = bytes.get(record + 4..record + size) else {
                break;
            };
            let checksum = bind(hash(body), base.wrapping_add(record as u64));
            put(bytes, record, checksum)?;
            content.update(&checksum.to_le_bytes());
            record += size;
        }
        put(bytes, at + 40, content.finalize())?;
        let header = hash(bytes.get(at + 8..at + 56)?);
        put(bytes, at + 4, bind(header, base.wrapping_add(at as u64)))?;
        at = end;
    }
    Some(())
}

fn data(bytes: &mut [u8]) -> Option<()> {
    plain(bytes, 0..60, 60)?;
    let mut seed = Hasher::new();
    seed.update(bytes.get(16..32)?);
    seed.update(bytes.get(40..48)?);
    let seed = seed.finalize();
    let seeded = |bytes: &[u8], at: usize, covered: std::ops::Range<usize>| {
        let mut hasher = Hasher::new_with_initial(seed);
        hasher.update(&(at as u64).to_le_bytes());
        hasher.update(bytes.get(covered)?);
        Some(hasher.finalize())
    };
    let trailer = bytes.len().checked_sub(80)?;
    let table = usize::try_from(u64_at(bytes, trailer + 56)?).ok()?;
    if table > trailer {
        return None;
    }
    let table_bytes = u32_at(bytes, trailer + 64)? as usize;
    let sections = table_bytes.min(24 * 64) / 24;
    for section in 0..sections {
        let entry = table.checked_add(section * 24)?;
        let kind = u32_at(bytes, entry)?;
        let start = u64_at(bytes, entry + 8)? as usize;
        let end = start
            .checked_add(u64_at(bytes, entry + 16)? as usize)?
            .min(bytes.len());
        let mut at = start;
        while at.saturating_add(16) <= end {
            let (length, checksum_at) = match kind {
                1 => {
                    let payload = u32_at(bytes, at + 4)? as usize;
                    let key = usize::from(u16::from_le_bytes(
                        bytes.get(at + 8..at + 10)?.try_into().ok()?,
                    ));
                    ((24 + key + payload).next_multiple_of(8), at)
                }
                2 => (u32_at(bytes, at + 8)? as usize, at + 4),
                3 => (u32_at(bytes, at + 4)? as usize, at),
                _ => break,
            };
            if length < 8 || at + length > end {
                break;
            }
            let checksum = seeded(bytes, at, checksum_at + 4..at + length)?;
            put(bytes, checksum_at, checksum)?;
            at += length;
        }
    }
    plain(bytes, table..table.checked_add(table_bytes)?, trailer + 68)?;
    plain(bytes, trailer..trailer + 76, trailer + 76)
}

/// Header and pages of checksums, both times.
fn parity(bytes: &mut [u8]) -> Option<()> {
    const BLOCK: u64 = 4096;
    let back = bytes.len().checked_sub(64)?;
    plain(bytes, 0..60, 60)?;
    plain(bytes, back..back + 60, back + 60)?;
    let salt = u64_at(bytes, 40)?;
    let data = u64_at(bytes, 48)?.div_ceil(BLOCK);
    let parity = data
        .div_ceil(16)
        .checked_mul(u64::from(u32_at(bytes, 36)?))?;
    let sums = data.checked_add(parity)?;
    let table = sums.checked_add(sums.div_ceil(511))?.checked_mul(8)?;
    let second = parity.checked_mul(BLOCK)?.checked_add(table)?;
    for start in [64, second.checked_add(64)?] {
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(usize::try_from(table).ok()?)?;
        for (page, at) in (start..end).step_by(4096).enumerate() {
            let covered = bytes.get(at + 8..end.min(at + 4096))?;
            let seed = salt ^ ((1 << 63) + page as u64);
            let sum = xxh3_64_with_seed(covered, seed);
            bytes
                .get_mut(at..at + 8)?
                .copy_from_slice(&sum.to_le_bytes());
        }
    }
    Some(())
}

fn manifest(bytes: &mut [u8]) -> Option<()> {
    let body = u32_at(bytes, 16)? as usize;
    plain(bytes, 32..32usize.checked_add(body)?, 20)?;
    plain(bytes, 0..28, 28)?;
    // The second copy, where the first says that it is.
    let second = 32usize.checked_add(body)?.next_multiple_of(4096);
    let first = bytes.get(..32 + body)?.to_vec();
    bytes
        .get_mut(second..second + first.len())?
        .copy_from_slice(&first);
    Some(())
}

fn catalog(bytes: &mut [u8]) -> Option<()> {
    let mut at = 0;
    for _ in 0..2 {
        let body = u64_at(bytes, at + 32)? as usize;
        let begin = at + 52;
        plain(bytes, begin..begin.checked_add(body)?, at + 12)?;
        plain(bytes, at..at + 48, at + 48)?;
        at = begin.checked_add(body)?.next_multiple_of(4096);
    }
    Some(())
}
