//! Checksums that are bound to where their bytes belong.
//!
//! A stored checksum is the CRC-32 (IEEE 802.3, as in zlib) of the bytes, combined by exclusive or
//! with the CRC-32 of the segment's identity and the position of the bytes. The right bytes in the
//! wrong database, segment, life of a segment or place therefore do not verify; and the checksum of
//! the bytes can be computed before their position is known.

use docdb_types::DatabaseUid;

use crate::Lsn;

/// The identity of a segment, folded into 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seed(u32);

impl Seed {
    pub(crate) fn new(uid: DatabaseUid, number: u64, base: Lsn, salt: u64) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&uid.to_bytes());
        hasher.update(&number.to_le_bytes());
        hasher.update(&base.get().to_le_bytes());
        hasher.update(&salt.to_le_bytes());
        Self(hasher.finalize())
    }

    /// What is stored as the checksum of bytes that begin at `lsn` and whose plain CRC-32 is `crc`.
    pub(crate) fn bind(self, lsn: Lsn, crc: u32) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.update(&lsn.get().to_le_bytes());
        hasher.finalize() ^ crc
    }
}

/// The checksum over the stored checksums of the records of a batch, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContentChecksum(crc32fast::Hasher);

impl ContentChecksum {
    pub(crate) fn add(&mut self, record_checksum: u32) {
        self.0.update(&record_checksum.to_le_bytes());
    }

    pub(crate) fn finish(self) -> u32 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_identity_and_the_position_changes_the_checksum() {
        let uid = DatabaseUid::from(1);
        let seed = Seed::new(uid, 1, Lsn::new(96), 5);
        let stored = seed.bind(Lsn::new(152), 0xabcd);
        for other in [
            Seed::new(DatabaseUid::from(2), 1, Lsn::new(96), 5),
            Seed::new(uid, 2, Lsn::new(96), 5),
            Seed::new(uid, 1, Lsn::new(104), 5),
            Seed::new(uid, 1, Lsn::new(96), 6),
        ] {
            assert_ne!(other.bind(Lsn::new(152), 0xabcd), stored);
        }
        let mut seen = std::collections::BTreeSet::new();
        assert!((0..10_000).all(|n| seen.insert(seed.bind(Lsn::new(8 * n), 0xabcd))));
    }
}
