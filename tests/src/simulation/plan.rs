//! What a seed makes of itself: a set of features and a list of steps, drawn before anything runs,
//! so that a list with steps left out replays the others exactly.

use std::sync::Arc;
use std::time::Duration;

use docdb_engine::{Atomicity, EngineOptions, Housekeeping};
use docdb_types::{
    Action, CollectionName, Document, DocumentId, FsyncMode, Limits, Operation, Version,
};
use docdb_vfs::{CallKind, CrashProfile, Fault, FaultKind, FaultOn, Persistence};

use crate::Random;

/// Databases of a history.
pub(super) const TENANTS: usize = 3;
/// Clients of a history.
pub(super) const CLIENTS: usize = 4;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Step {
    /// A client sends a request and does not wait.
    Submit {
        /// Who.
        client: usize,
        /// To which database.
        tenant: usize,
        /// What; a version of 1 stands for the one that the document has.
        operations: Arc<[Operation]>,
        /// Whether it stands together.
        atomicity: Atomicity,
    },
    /// A client asks for a collection, or for its end.
    Collection {
        /// In which database.
        tenant: usize,
        /// Its name.
        name: &'static str,
        /// Whether it is to be created.
        creates: bool,
    },
    /// Whoever leads a database commits once.
    Commit(usize),
    /// Everything that has been sent is answered.
    Settle,
    /// A database is read from end to end.
    Check(usize),
    /// Somebody takes a snapshot.
    Hold(usize),
    /// The oldest snapshot is read from end to end, and let go.
    Release(usize),
    /// A checkpoint is made by hand.
    Checkpoint(usize),
    /// Data files are rewritten by hand.
    Compact(usize),
    /// The engine does what is due.
    Tick,
    /// Time passes.
    Advance(Duration),
    /// The calendar jumps.
    Calendar(Duration),
    /// A database is created, or opened where it is there.
    Open(usize),
    /// A database is closed, whoever uses it.
    Close(usize),
    /// A database is dropped, whoever uses it.
    Drop(usize),
    /// The engine ends cleanly and starts again.
    Restart,
    /// The engine is dropped and starts again.
    Abandon,
    /// The process is killed; the disk goes on.
    Kill,
    /// The power is cut now.
    PowerCut(Cut),
    /// The power is cut at a later change of the disk.
    PowerCutAhead {
        /// How many changes pass before.
        changes: u64,
        /// How.
        cut: Cut,
    },
    /// A call will fail.
    Fault {
        /// Counted from now on, where calls are counted.
        ahead: u64,
        /// Which.
        fault: Fault,
    },
    /// Whatever fails no longer does, and the disk has room.
    Mend,
    /// The disk has so much room left.
    Room(u64),
}

/// How the power is cut, and how often again while recovering.
#[derive(Debug, Clone)]
pub struct Cut {
    /// What survives.
    pub profile: CrashProfile,
    /// Of what survives.
    pub seed: u64,
    /// Changes of the disk after which recovery is cut off, each time.
    pub nested: Vec<u64>,
}

/// The features of a seed, each on or off for itself, and its steps.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed of the disk.
    pub seed: u64,
    /// The options of the engine.
    pub options: EngineOptions,
    /// What happens.
    pub steps: Vec<Step>,
    /// Whether a sync may succeed and keep nothing: acknowledged writes may be lost, and only what
    /// is served is held against what was written.
    pub lies: bool,
    /// Whether the power is cut as soon as a call has failed.
    pub cut_after_fault: bool,
}

/// What a seed may draw.
struct Swarm {
    keys: u64,
    filler: u64,
    collections: bool,
    together: bool,
    conditional: bool,
    snapshots: bool,
    checkpoints: bool,
    drops: bool,
    restarts: bool,
    cuts: bool,
    faults: Vec<FaultKind>,
    room: bool,
    patience: u64,
}

impl Plan {
    /// The history of a seed.
    #[must_use]
    pub fn of(seed: u64, steps: usize) -> Self {
        let mut random = Random::new(seed);
        let swarm = Swarm::draw(&mut random);
        let options = options(&mut random);
        let lies = swarm.faults.contains(&FaultKind::LostSync);
        let mut drawn = vec![Step::Open(0), Step::Open(1), Step::Open(2)];
        while drawn.len() < steps {
            drawn.push(swarm.step(&mut random));
        }
        Self {
            seed,
            options,
            steps: drawn,
            lies,
            cut_after_fault: false,
        }
    }
}

impl Plan {
    /// A history on a healthy disk that comes past everything: for faults put in by hand.
    #[must_use]
    pub fn healthy(seed: u64, steps: usize) -> Self {
        let mut random = Random::new(seed);
        let swarm = Swarm {
            keys: 12,
            filler: 900,
            collections: true,
            together: true,
            conditional: true,
            snapshots: true,
            checkpoints: true,
            drops: true,
            restarts: true,
            cuts: false,
            faults: Vec::new(),
            room: false,
            patience: 1,
        };
        let mut drawn = vec![Step::Open(0), Step::Open(1), Step::Open(2)];
        drawn.extend((0..steps).map(|_| swarm.step(&mut random)));
        Self {
            seed,
            options: EngineOptions {
                segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
                keep_segments: 0,
                preallocate_bytes: 1024,
                checkpoint_bytes: 6 * 1024,
                compaction_threshold_bytes: 0,
                housekeeping: Housekeeping::Manual,
                ..EngineOptions::in_directory("/data")
            },
            steps: drawn,
            lies: false,
            cut_after_fault: false,
        }
    }

    /// The same history with one fault: at the call with this number, counted from the start of the
    /// engine, or from that call on.
    #[must_use]
    pub fn with_fault(&self, call: u64, kind: FaultKind, persistence: Persistence) -> Self {
        let mut plan = self.clone();
        plan.steps.insert(
            0,
            Step::Fault {
                ahead: call,
                fault: Fault {
                    on: FaultOn::Operation(0),
                    kind,
                    persistence,
                },
            },
        );
        plan
    }
}

fn options(random: &mut Random) -> EngineOptions {
    let fsync = random.one_of(&[
        FsyncMode::Group,
        FsyncMode::Group,
        FsyncMode::Group,
        FsyncMode::Always,
        FsyncMode::Interval,
        FsyncMode::None,
    ]);
    let database_memory_bytes = random.one_of(&[256 << 20, 256 << 20, 256 << 20, 12_000]);
    EngineOptions {
        fsync,
        fsync_interval: Duration::from_millis(random.one_of(&[1, 10])),
        max_batch_size: random.one_of(&[100, 100, 1, 3]),
        segment_bytes: random.one_of(&[4096, 4096, 8192, 1 << 20]),
        keep_segments: random.one_of(&[0, 0, 1, 2]),
        preallocate_bytes: random.one_of(&[0, 0, 1024, 4096]),
        checkpoint_bytes: random.one_of(&[2048, 6 * 1024, 16 * 1024, 1 << 20]),
        automatic_checkpoints: random.chance(80),
        automatic_compaction: random.chance(80),
        trim_after_checkpoint: random.chance(90),
        compaction_threshold_bytes: random.one_of(&[0, 0, 8 * 1024, 100 << 20]),
        database_memory_bytes,
        global_memory_bytes: 1 << 30,
        max_open_databases: random.one_of(&[100, 100, 2, 1]),
        idle_timeout: Duration::from_millis(random.one_of(&[0, 0, 40])),
        // Far more than there is: which of its texts a full one lets go of is not a matter of the seed.
        document_cache_bytes: random.one_of(&[0, 64 << 20]),
        housekeeping: Housekeeping::Manual,
        ..EngineOptions::in_directory("/data")
    }
}

impl Swarm {
    fn draw(random: &mut Random) -> Self {
        let mut faults = Vec::new();
        // A third of the seeds runs on a healthy disk: what is wrong there is easy to read.
        if random.chance(66) {
            for kind in [
                FaultKind::Eio,
                FaultKind::Enospc,
                FaultKind::ShortWrite,
                FaultKind::Eintr,
                FaultKind::Erofs,
                FaultKind::Emfile,
            ] {
                if random.chance(40) {
                    faults.push(kind);
                }
            }
            if random.chance(8) {
                faults.push(FaultKind::LostSync);
            }
        }
        Self {
            keys: random.one_of(&[4, 12, 40]),
            filler: random.one_of(&[10, 300, 900, 3000]),
            collections: random.chance(60),
            together: random.chance(70),
            conditional: random.chance(50),
            snapshots: random.chance(50),
            checkpoints: random.chance(70),
            drops: random.chance(40),
            restarts: random.chance(60),
            cuts: random.chance(80),
            faults,
            room: random.chance(20),
            patience: random.one_of(&[1, 3, 8]),
        }
    }

    fn step(&self, random: &mut Random) -> Step {
        let tenant = random.below(TENANTS as u64) as usize;
        loop {
            return match random.below(100) {
                0..=45 => self.submit(random, tenant),
                46..=49 if self.collections => Step::Collection {
                    tenant,
                    name: random.one_of(&["orders", "logs", "_default"]),
                    creates: random.chance(60),
                },
                50..=64 if random.below(self.patience) == 0 => Step::Commit(tenant),
                65..=68 => Step::Settle,
                69..=70 => Step::Check(tenant),
                71..=72 if self.snapshots => Step::Hold(tenant),
                73..=74 if self.snapshots => Step::Release(tenant),
                75..=76 if self.checkpoints => Step::Checkpoint(tenant),
                77 if self.checkpoints => Step::Compact(tenant),
                78..=80 => Step::Tick,
                81..=82 => Step::Advance(Duration::from_millis(1 + random.below(60))),
                83 => Step::Calendar(Duration::from_secs(random.below(4_000_000_000))),
                84..=85 => Step::Open(tenant),
                86 => Step::Close(tenant),
                87 if self.drops => Step::Drop(tenant),
                88 if self.restarts => random_restart(random),
                89..=90 if self.cuts => Step::PowerCut(cut(random)),
                91..=92 if self.cuts => Step::PowerCutAhead {
                    changes: random.below(30),
                    cut: cut(random),
                },
                93..=96 if !self.faults.is_empty() => self.fault(random),
                97..=98 if !self.faults.is_empty() || self.room => Step::Mend,
                99 if self.room => Step::Room(random.below(200_000)),
                _ => continue,
            };
        }
    }

    fn submit(&self, random: &mut Random, tenant: usize) -> Step {
        let count = random.one_of(&[1, 1, 1, 2, 4, 7]);
        let atomicity = if self.together && random.chance(30) {
            Atomicity::All
        } else {
            Atomicity::Each
        };
        Step::Submit {
            client: random.below(CLIENTS as u64) as usize,
            tenant,
            operations: (0..count).map(|_| self.operation(random)).collect(),
            atomicity,
        }
    }

    fn operation(&self, random: &mut Random) -> Operation {
        let id = DocumentId::new(1 + random.below(self.keys)).expect("above zero");
        let expected = match random.below(6) {
            0 if self.conditional => Some(Version::new(1)),
            1 if self.conditional => Some(Version::new(u64::MAX)),
            _ => None,
        };
        let action = match random.below(12) {
            0 | 1 => Action::Create {
                id: Some(id),
                document: self.document(random),
            },
            2 => Action::Create {
                id: None,
                document: self.document(random),
            },
            3 | 4 => Action::Update {
                id,
                document: self.document(random),
                expected,
            },
            5..=7 => Action::Upsert {
                id,
                document: self.document(random),
            },
            8 | 9 => Action::Delete { id, expected },
            _ => Action::Read { id },
        };
        let collection = if self.collections {
            random.one_of(&["_default", "_default", "orders"])
        } else {
            "_default"
        };
        Operation {
            collection: CollectionName::new(collection).expect("a valid name"),
            action,
        }
    }

    fn document(&self, random: &mut Random) -> Document {
        let filler = "x".repeat(random.below(self.filler) as usize);
        let text = format!(r#"{{"n":{},"filler":"{filler}"}}"#, random.next());
        Document::from_text(&text, &Limits::DEFAULT).expect("valid JSON")
    }

    fn fault(&self, random: &mut Random) -> Step {
        let kind = self.faults[random.below(self.faults.len() as u64) as usize];
        let persistence = if random.chance(70) {
            Persistence::Once
        } else {
            Persistence::Always
        };
        let on = if random.chance(50) {
            FaultOn::Mutation(0)
        } else {
            let calls = [
                CallKind::Write,
                CallKind::Sync,
                CallKind::SyncDir,
                CallKind::Rename,
                CallKind::Create,
                CallKind::Open,
                CallKind::Read,
                CallKind::SetLen,
                CallKind::Remove,
                CallKind::List,
            ];
            FaultOn::Call {
                kind: random.one_of(&calls),
                path_suffix: random
                    .one_of(&[
                        "",
                        "",
                        ".wal",
                        ".manifest.tmp",
                        ".manifest",
                        ".tmp",
                        "a.wal",
                    ])
                    .to_owned(),
                skip: random.below(4),
            }
        };
        Step::Fault {
            ahead: random.below(40),
            fault: Fault {
                on,
                kind,
                persistence,
            },
        }
    }
}

fn random_restart(random: &mut Random) -> Step {
    match random.below(3) {
        0 => Step::Restart,
        1 => Step::Abandon,
        _ => Step::Kill,
    }
}

fn cut(random: &mut Random) -> Cut {
    let nested = random.one_of(&[0, 0, 1, 3]);
    Cut {
        profile: random.one_of(&CrashProfile::ALL),
        seed: random.next(),
        nested: (0..nested).map(|_| random.below(25)).collect(),
    }
}
