//! Writes a collection to a file: one line for each document, then count and checksum. Of a database that
//! has lost transactions, the file and the answer say what is doubtful about it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use docdb_client::{Database, Scan, ScanOptions, StoredDocument};
use docdb_types::CollectionName;
use docdb_types::json::escape::push_string;

use crate::answer::{Answer, Record, Value, on_one_line};
use crate::failure::Failure;
use crate::import::Trailer;
use crate::session::Streams;

/// Bytes of documents that are fetched at a time.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// Writes all documents of one snapshot to the file, or to standard output where it is `-`.
///
/// # Durability
/// The file appears under its name only when all of it is on the disk.
pub(crate) async fn export(
    database: &Database,
    collection: &CollectionName,
    file: &str,
    streams: Streams,
    output: &mut dyn Write,
) -> Result<Answer, Failure> {
    let options = ScanOptions {
        page_bytes: PAGE_BYTES,
        ..ScanOptions::default()
    };
    let scan = database.scan(collection, options);
    if file == "-" {
        if !streams.output {
            return Err(Failure::usage(
                "standard output holds the answers; export to a file",
            ));
        }
        let mut output = BufWriter::new(output);
        let written = copy(scan, &mut output, file).await?;
        output
            .flush()
            .map_err(|error| Failure::writing(file, &error))?;
        written.remark(streams);
        return Ok(if written.may_lack {
            Answer::PartlyWritten
        } else {
            Answer::Written
        });
    }
    let writing = |error: io::Error| Failure::writing(file, &error);
    let mut staged = Staged::create(Path::new(file)).map_err(writing)?;
    let written = copy(scan, &mut staged.output, file).await?;
    staged.publish().map_err(writing)?;
    written.remark(streams);
    let Trailer { count, crc32 } = written.trailer;
    let record = Record::new()
        .with("count", count)
        .with("crc32", format!("{crc32:08x}"));
    Ok(if written.may_lack {
        Answer::Partly(
            record
                .with("may_be_older", written.may_be_older)
                .with("may_lack", Value::mark(true)),
        )
    } else {
        Answer::Record(record)
    })
}

/// What a file holds.
struct Written {
    trailer: Trailer,
    /// Documents that a lost transaction may have replaced or removed.
    may_be_older: u64,
    /// Whether documents may be missing: the database has lost transactions.
    may_lack: bool,
}

impl Written {
    fn remark(&self, streams: Streams) {
        if self.may_lack {
            let (count, older) = (self.trailer.count, self.may_be_older);
            let text = format!(
                "the database is degraded, it has lost transactions: documents may be missing, and \
                 {older} of the {count} that were written may have been replaced or removed"
            );
            streams.remark("may_lack=true", &text);
        }
    }
}

async fn copy(mut scan: Scan, output: &mut impl Write, file: &str) -> Result<Written, Failure> {
    let writing = |error: io::Error| Failure::writing(file, &error);
    let mut checksum = crc32fast::Hasher::new();
    let (mut count, mut may_be_older, mut may_lack) = (0, 0, false);
    let mut line = Vec::new();
    while let Some(page) = scan.next_page().await? {
        may_lack |= page.may_lack;
        for stored in &page.documents {
            may_be_older += u64::from(stored.may_be_older);
            line.clear();
            push_line(&mut line, stored);
            checksum.update(&line);
            output.write_all(&line).map_err(writing)?;
            count += 1;
        }
    }
    let crc32 = checksum.finalize();
    let doubts = if may_lack {
        format!(",\"may_be_older\":{may_be_older},\"may_lack\":true")
    } else {
        String::new()
    };
    writeln!(
        output,
        "{{\"count\":{count},\"crc32\":\"{crc32:08x}\"{doubts}}}"
    )
    .map_err(writing)?;
    Ok(Written {
        trailer: Trailer { count, crc32 },
        may_be_older,
        may_lack,
    })
}

/// `{"id":…,"version":…,"doc":…}`, with `"may_be_older":true` in front of `doc` where it may be. A
/// document with line breaks stands there without them, and as it is in a string behind: `"text":"…"`.
fn push_line(line: &mut Vec<u8>, stored: &StoredDocument) {
    let (id, version) = (stored.id, stored.version);
    let doc = on_one_line(&stored.document);
    line.extend(format!("{{\"id\":{id},\"version\":{version},").into_bytes());
    if stored.may_be_older {
        line.extend_from_slice(b"\"may_be_older\":true,");
    }
    line.extend_from_slice(b"\"doc\":");
    line.extend_from_slice(&doc);
    if doc.len() < stored.document.len() {
        line.extend_from_slice(b",\"text\":");
        // Documents are UTF-8; what is not would come back as another text, and its checksum with it.
        push_string(line, &String::from_utf8_lossy(&stored.document));
    }
    line.extend_from_slice(b"}\n");
}

/// A file under a temporary name, which is removed unless the file is published.
struct Staged {
    path: PathBuf,
    temporary: PathBuf,
    output: BufWriter<File>,
    published: bool,
}

impl Staged {
    fn create(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let name = name.to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            output: BufWriter::with_capacity(256 * 1024, file),
            published: false,
        })
    }

    /// # Durability
    /// The file is synced before it gets its name, and its directory afterwards.
    fn publish(&mut self) -> io::Result<()> {
        self.output.flush()?;
        self.output.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        self.published = true;
        let directory = match self.path.parent() {
            Some(directory) if directory.as_os_str().is_empty() => Path::new("."),
            Some(directory) => directory,
            None => return Ok(()),
        };
        File::open(directory)?.sync_all()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed is left under a name that says what it is.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.ndjson");
        let names = || fs::read_dir(directory.path()).unwrap().count();
        let mut staged = Staged::create(&path).unwrap();
        staged.output.write_all(b"half").unwrap();
        drop(staged);
        assert_eq!(names(), 0);
        let mut staged = Staged::create(&path).unwrap();
        staged.output.write_all(b"all").unwrap();
        assert!(!path.exists());
        staged.publish().unwrap();
        drop(staged);
        assert_eq!(fs::read(&path).unwrap(), b"all");
        assert_eq!(names(), 1);
    }
}
