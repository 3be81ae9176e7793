use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use docdb_types::DocumentId;
use serde::{Deserialize, Serialize};

use crate::operation::OperationKind;
use crate::source::Planned;

/// The version of the format.
const FORMAT: u32 = 1;
const COLUMNS: &str = "at_us,database,worker,request,kind,id,size";
/// A worker writes this much at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Every operation that a run asked for, to be asked for again.
#[derive(Debug)]
pub struct Replay {
    heading: Heading,
    /// By database and worker.
    requests: Vec<Vec<Vec<Recorded>>>,
    speed: f64,
    last: Duration,
}

/// The first line of a trace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Heading {
    docdb_trace: u32,
    pipeline: usize,
    databases: Vec<RecordedDatabase>,
}

/// A database of a trace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordedDatabase {
    pub(crate) name: String,
    pub(crate) workers: usize,
    pub(crate) document_count: u64,
    pub(crate) largest_document: usize,
}

/// Operations that left together.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    /// When they were due, from the beginning of the run.
    pub(crate) at: Duration,
    pub(crate) operations: Vec<Planned>,
}

/// Why a trace cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read or written.
    #[error("cannot use the trace {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// A line is not one of a trace.
    #[error("{path}, line {line}: {found:?} is {rule}")]
    Line {
        /// The file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// The line.
        found: String,
        /// What it should be.
        rule: &'static str,
    },
}

impl Replay {
    /// Reads a trace, to be asked for `speed` times as fast as it was recorded; 0: as fast as
    /// answers come.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn read(path: &Path, speed: f64) -> Result<Self, TraceError> {
        let of_file = |cause| TraceError::File {
            path: path.display().to_string(),
            cause,
        };
        let file = File::open(path).map_err(of_file)?;
        let mut lines = BufReader::new(file).lines().zip(1..);
        let wrong = |line: usize, found: &str, rule| TraceError::Line {
            path: path.display().to_string(),
            line,
            found: found.chars().take(80).collect(),
            rule,
        };
        let first = lines.next().map(|(line, _)| line).transpose();
        let first = first.map_err(of_file)?.unwrap_or_default();
        let heading: Heading = serde_json::from_str(&first)
            .ok()
            .filter(|heading: &Heading| heading.docdb_trace == FORMAT)
            .ok_or_else(|| wrong(1, &first, "no heading of a trace of version 1"))?;
        let second = lines.next().map(|(line, _)| line).transpose();
        let second = second.map_err(of_file)?.unwrap_or_default();
        if second != COLUMNS {
            return Err(wrong(2, &second, "not the names of the columns"));
        }
        let mut replay = Self {
            requests: heading
                .databases
                .iter()
                .map(|database| vec![Vec::new(); database.workers])
                .collect(),
            heading,
            speed,
            last: Duration::ZERO,
        };
        let mut numbers = std::collections::HashMap::new();
        for (line, number) in lines {
            let line = line.map_err(of_file)?;
            replay
                .add(&line, &mut numbers)
                .ok_or_else(|| wrong(number, &line, "no operation of this trace"))?;
        }
        for requests in replay.requests.iter_mut().flatten() {
            requests.sort_by_key(|request| request.at);
        }
        Ok(replay)
    }

    /// Adds the operation of a line. `numbers` has the last request of each worker.
    fn add(
        &mut self,
        line: &str,
        numbers: &mut std::collections::HashMap<(usize, usize), u64>,
    ) -> Option<()> {
        let columns: Vec<_> = line.split(',').collect();
        let [at, database, worker, request, kind, id, size] = *columns.as_slice() else {
            return None;
        };
        let at = Duration::from_micros(at.parse().ok()?);
        let (database, worker): (usize, usize) = (database.parse().ok()?, worker.parse().ok()?);
        let request = request.parse().ok()?;
        let planned = Planned {
            kind: OperationKind::from_name(kind)?,
            id: DocumentId::new(id.parse().ok()?)?,
            size: size.parse().ok()?,
        };
        let largest = self.heading.databases.get(database)?.largest_document;
        if planned.kind != OperationKind::Scan && planned.size as usize > largest {
            return None;
        }
        let requests = self.requests.get_mut(database)?.get_mut(worker)?;
        match requests.last_mut() {
            Some(last) if numbers.get(&(database, worker)) == Some(&request) => {
                last.operations.push(planned);
            }
            _ => requests.push(Recorded {
                at,
                operations: vec![planned],
            }),
        }
        numbers.insert((database, worker), request);
        self.last = self.last.max(at);
        Some(())
    }

    pub(crate) fn databases(&self) -> &[RecordedDatabase] {
        &self.heading.databases
    }

    pub(crate) const fn pipeline(&self) -> usize {
        self.heading.pipeline
    }

    /// When the last operation is due, from the beginning; 0 where that is up to the server.
    pub(crate) fn duration(&self) -> Duration {
        if self.speed > 0.0 {
            self.last.div_f64(self.speed)
        } else {
            Duration::ZERO
        }
    }

    /// The requests of one worker, in order, each due at its time.
    pub(crate) fn requests_of(&self, database: usize, worker: usize) -> Vec<Recorded> {
        let requests = self.requests.get(database).and_then(|all| all.get(worker));
        let at = |at: Duration| {
            if self.speed > 0.0 {
                at.div_f64(self.speed)
            } else {
                Duration::ZERO
            }
        };
        let timed = requests.into_iter().flatten().map(|request| Recorded {
            at: at(request.at),
            operations: request.operations.clone(),
        });
        timed.collect()
    }
}

/// The file that all workers of a run write their operations to.
#[derive(Debug)]
pub(crate) struct Trace {
    file: Mutex<BufWriter<File>>,
}

impl Trace {
    pub(crate) fn create(
        path: &Path,
        pipeline: usize,
        databases: Vec<RecordedDatabase>,
    ) -> Result<Self, TraceError> {
        let heading = Heading {
            docdb_trace: FORMAT,
            pipeline,
            databases,
        };
        let begin = || {
            let mut file = BufWriter::new(File::create(path)?);
            writeln!(file, "{}", serde_json::to_string(&heading)?)?;
            writeln!(file, "{COLUMNS}")?;
            Ok(file)
        };
        let file = begin().map_err(|cause| TraceError::File {
            path: path.display().to_string(),
            cause,
        })?;
        Ok(Self {
            file: Mutex::new(file),
        })
    }

    fn append(&self, text: &str) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes())
    }

    /// Writes what is buffered.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush()
    }
}

/// What one worker adds to a trace.
#[derive(Debug)]
pub(crate) struct TraceWriter {
    trace: Arc<Trace>,
    database: usize,
    worker: usize,
    request: u64,
    text: String,
    /// The first thing that went wrong.
    pub(crate) failed: Option<io::Error>,
}

impl TraceWriter {
    pub(crate) const fn new(trace: Arc<Trace>, database: usize, worker: usize) -> Self {
        Self {
            trace,
            database,
            worker,
            request: 0,
            text: String::new(),
            failed: None,
        }
    }

    pub(crate) fn write(&mut self, at: Duration, operations: &[Planned]) {
        self.request += 1;
        for Planned { kind, id, size } in operations {
            // Writing to a string cannot fail.
            let _ = writeln!(
                self.text,
                "{},{},{},{},{},{id},{size}",
                at.as_micros(),
                self.database,
                self.worker,
                self.request,
                kind.as_str()
            );
        }
        if self.text.len() >= CHUNK_BYTES {
            self.hand_over();
        }
    }

    pub(crate) fn hand_over(&mut self) {
        if let Err(error) = self.trace.append(&self.text) {
            self.failed.get_or_insert(error);
        }
        self.text.clear();
    }
}
