//! Copying a data file, with the checksum of all its bytes.

use std::io;
use std::path::Path;
use std::time::Duration;

use docdb_storage::{DataFile, DataFileRecord, StorageHome};
use docdb_types::{Code, DocumentId, Error};
use docdb_vfs::{File, Host, OpenMode};

use crate::trouble;

/// Bytes that are moved at a time.
const PART_BYTES: usize = 256 << 10;

/// What limits the speed of copying. Where copies are read back at the same pace, a file is copied in two
/// thirds of the time that it has and read back in one, so that neither is a burst.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    begun: Duration,
    /// Bytes in a second; 0: no limit.
    rate: u64,
    /// Thirds of bytes.
    thirds: u64,
    thirds_of_a_copy: u64,
}

impl Pace {
    /// For copies alone.
    pub(super) fn begin(host: &Host, rate: u64) -> Self {
        Self {
            begun: host.clock.monotonic(),
            rate,
            thirds: 0,
            thirds_of_a_copy: 3,
        }
    }

    /// For copies of which each is [read back](read_back).
    pub(super) fn begin_with_reading_back(host: &Host, rate: u64) -> Self {
        Self {
            thirds_of_a_copy: 2,
            ..Self::begin(host, rate)
        }
    }

    /// Waits until as many bytes more may have been copied.
    fn copied(&mut self, host: &Host, bytes: usize) {
        self.keep(host, self.thirds_of_a_copy * bytes as u64);
    }

    /// Waits until as many bytes more may have been read back.
    fn read_back(&mut self, host: &Host, bytes: u64) {
        self.keep(host, bytes);
    }

    fn keep(&mut self, host: &Host, thirds: u64) {
        self.thirds += thirds;
        let nanos = u128::from(self.thirds) * (1_000_000_000 / 3);
        let Some(nanos) = nanos.checked_div(self.rate.into()) else {
            return;
        };
        let due = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let passed = host.clock.monotonic().saturating_sub(self.begun);
        if let Some(early) = due.checked_sub(passed) {
            std::thread::sleep(early);
        }
    }
}

/// Copies `length` bytes, as `read` gives them, to a new file, durably; returns their CRC-32.
pub(super) fn copy(
    host: &Host,
    pace: &mut Pace,
    read: &dyn Fn(&mut [u8], u64) -> io::Result<usize>,
    length: u64,
    to: &Path,
) -> io::Result<u32> {
    let target = host.files.open(to, OpenMode::CreateStreamed)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut part = vec![0; PART_BYTES];
    let mut offset = 0;
    while offset < length {
        let wanted = usize::try_from(length - offset).unwrap_or(PART_BYTES);
        let place = part.get_mut(..wanted.min(PART_BYTES)).unwrap_or_default();
        let count = match read(place, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = place.get(..count).unwrap_or_default();
        hasher.update(bytes);
        target.write_all_at(bytes, offset)?;
        offset += count as u64;
        pace.copied(host, count);
    }
    target.sync_all()?;
    // Where neither this nor reading past the cache works, what is read back may come from memory.
    let _ = target.drop_cache();
    Ok(hasher.finalize())
}

/// The CRC-32 of a whole file.
pub(super) fn checksum(file: &dyn File, length: u64) -> io::Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let mut part = vec![0; PART_BYTES];
    let mut offset = 0;
    while offset < length {
        let wanted = usize::try_from(length - offset).unwrap_or(PART_BYTES);
        let place = part.get_mut(..wanted.min(PART_BYTES)).unwrap_or_default();
        file.read_exact_streamed_at(place, offset)?;
        hasher.update(place);
        offset += place.len() as u64;
    }
    Ok(hasher.finalize())
}

/// Reads a copy of a data file back: its frame, and every record against its own checksum.
///
/// # Errors
/// `CorruptRecord` and the errors of files.
pub(super) fn read_back(
    host: &Host,
    pace: &mut Pace,
    home: &StorageHome,
    record: &DataFileRecord,
    path: &Path,
) -> Result<(), Error> {
    let name = file_name(path);
    let file = DataFile::open_at(home, record.number, path.to_owned());
    let file = file.map_err(trouble::of_storage)?;
    if file.record() != *record {
        let text = "it is not the file that the manifest names";
        return Err(Error::new(Code::CorruptRecord, text).in_file(name));
    }
    let mut paced = 0;
    let verified = file.verify_while::<DocumentId>(|bytes| {
        if bytes - paced >= PART_BYTES as u64 {
            pace.read_back(host, bytes - paced);
            paced = bytes;
        }
        true
    });
    let verified = verified.map_err(trouble::of_storage)?;
    match verified.damaged.first() {
        None => Ok(()),
        Some(first) => {
            let count = verified.damaged.len();
            let text = format!("{count} records are damaged; the first is {}", first.key);
            Err(Error::new(Code::CorruptRecord, text)
                .in_file(name)
                .at_offset(first.offset)
                .on_document(first.key))
        }
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A failure about a path, with its code.
pub(super) fn failed(action: &str, path: &Path, error: &io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
        _ if action == "read" => Code::FileRead,
        _ if action == "open" => Code::FileOpen,
        _ => Code::FileWrite,
    };
    Error::new(code, format!("cannot {action} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a byte goes through, it is counted once.
    #[test]
    fn a_copy_with_its_reading_back_takes_the_time_of_its_bytes() {
        let host = Host::real();
        let mut alone = Pace::begin(&host, 0);
        alone.copied(&host, 1000);
        assert_eq!(alone.thirds, 3000);
        let mut both = Pace::begin_with_reading_back(&host, 0);
        both.copied(&host, 1000);
        assert_eq!(both.thirds, 2000);
        both.read_back(&host, 1000);
        assert_eq!(both.thirds, 3000);
    }
}
