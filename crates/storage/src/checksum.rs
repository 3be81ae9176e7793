//! Checksums of data files: CRC-32 (IEEE 802.3), seeded so that bytes verify only where they were
//! written.

use crc32fast::Hasher;
use docdb_types::DatabaseUid;

/// The checksum of `parts` one after the other, unseeded.
pub(crate) fn plain(parts: &[&[u8]]) -> u32 {
    finish(Hasher::new(), parts)
}

/// The seed of one data file: CRC-32 of the uid of the database and the salt of the file.
///
/// Bytes of another file, of another database or of an earlier file of the same number do not
/// verify under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSeed(u32);

impl FileSeed {
    pub(crate) fn new(uid: DatabaseUid, salt: u64) -> Self {
        Self(plain(&[&uid.to_bytes(), &salt.to_le_bytes()]))
    }

    /// The checksum of `parts`, one after the other, of a structure at `offset`: bytes that moved
    /// within the file do not verify.
    pub(crate) fn at(self, offset: u64, parts: &[&[u8]]) -> u32 {
        let mut hasher = Hasher::new_with_initial(self.0);
        hasher.update(&offset.to_le_bytes());
        finish(hasher, parts)
    }
}

fn finish(mut hasher: Hasher, parts: &[&[u8]]) -> u32 {
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_verify_only_in_their_own_file_and_place() {
        let uid = DatabaseUid::from(7);
        let sum = FileSeed::new(uid, 1).at(64, &[b"record"]);
        assert_eq!(sum, FileSeed::new(uid, 1).at(64, &[b"rec", b"ord"]));
        assert_ne!(sum, FileSeed::new(uid, 1).at(72, &[b"record"]));
        assert_ne!(sum, FileSeed::new(uid, 2).at(64, &[b"record"]));
        assert_ne!(
            sum,
            FileSeed::new(DatabaseUid::from(8), 1).at(64, &[b"record"])
        );
    }

    #[test]
    fn zeros_do_not_verify_as_a_zero_checksum() {
        for zeros in [&[][..], &[0; 4], &[0; 24], &[0; 64]] {
            assert_ne!(FileSeed::new(DatabaseUid::from(0), 0).at(64, &[zeros]), 0);
        }
    }
}
