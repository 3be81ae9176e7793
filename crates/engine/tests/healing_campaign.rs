//! Every kind of file, damaged at random places: nothing wrong, nothing silently older, nothing silently
//! absent; what one damage does to data files, their parity and what is kept twice is healed. What
//! reaches the end of the log, behind which nothing vouches for it, is counted by itself.
//!
//! `DOCDB_CAMPAIGN=20000 cargo test --release -p docdb-engine --test healing_campaign -- --nocapture`
//! runs that many cases; `DOCDB_CAMPAIGN_SEED` begins elsewhere.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use docdb_engine::{Condition, Engine, EngineOptions, LogicalDb, OpenMode};
use docdb_types::{Code, CollectionName};
use docdb_vfs::{CrashProfile, SimVfs};

use documents::{by_hand, create, document, id};

const COLLECTION: CollectionName = CollectionName::DEFAULT;
const DOCUMENTS: u64 = 1200;
/// Written and not yet covered by a checkpoint.
const LOGGED: u64 = 60;
/// Documents that were deleted: they must stay so.
const DELETED: u64 = 20;
const BLOCK: u64 = 4096;
/// Data blocks of one stripe of parity.
const STRIPE: u64 = 16;

fn options() -> EngineOptions {
    EngineOptions {
        segment_bytes: 32 * 1024,
        keep_segments: 0,
        automatic_compaction: false,
        ..by_hand()
    }
}

fn text(number: u64, round: u64) -> String {
    let filler = "z".repeat(700 + (number % 13) as usize * 70);
    format!(r#"{{"n":{number},"round":{round},"filler":"{filler}"}}"#)
}

/// What a document has to be; `None`: nothing.
fn expected(number: u64) -> Option<String> {
    if number <= DELETED {
        return None;
    }
    let is_logged = number > DOCUMENTS - LOGGED;
    Some(text(number, if is_logged { 2 } else { number % 2 }))
}

fn write(database: &Arc<LogicalDb>, number: u64, round: u64) {
    let document = document(&text(number, round));
    database.upsert(&COLLECTION, id(number), document).unwrap();
}

/// A database with two data files, older versions in the first one, deletions, and a log of several
/// segments behind them; as a crash leaves it.
fn sample() -> SimVfs {
    let disk = SimVfs::new(11);
    let engine = Engine::open(disk.host(), options()).unwrap();
    let database = create(&engine, "a");
    for number in 1..=DOCUMENTS {
        write(&database, number, 0);
    }
    database.checkpoint().unwrap();
    for number in (1..=DOCUMENTS).filter(|number| number % 2 == 1) {
        write(&database, number, 1);
    }
    for number in 1..=DELETED {
        database.delete(&COLLECTION, id(number), None).unwrap();
    }
    database.checkpoint().unwrap();
    // Writes the journal, which is one of the kinds.
    database.scrub().unwrap();
    for number in DOCUMENTS - LOGGED + 1..=DOCUMENTS {
        write(&database, number, 2);
    }
    let after = disk.kill();
    drop(database);
    drop(engine);
    after
}

/// A generator (SplitMix64): one seed, one campaign.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Catalog,
    Manifest,
    Data,
    Parity,
    Journal,
    SealedLog,
    ActiveLog,
}

const KINDS: [Kind; 7] = [
    Kind::Catalog,
    Kind::Manifest,
    Kind::Data,
    Kind::Parity,
    Kind::Journal,
    Kind::SealedLog,
    Kind::ActiveLog,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    Flip,
    Zero512,
    Zero4K,
    Zero64K,
    /// Two blocks of one stripe, as far as the parity reaches.
    TwoOfStripe,
    /// More blocks of one stripe than its parity restores.
    FourOfStripe,
}

const HARMS: [Harm; 6] = [
    Harm::Flip,
    Harm::Zero512,
    Harm::Zero4K,
    Harm::Zero64K,
    Harm::TwoOfStripe,
    Harm::FourOfStripe,
];

impl Kind {
    fn has(self, path: &Path) -> bool {
        let path = path.to_string_lossy();
        match self {
            Self::Catalog => path.ends_with(".catalog"),
            Self::Manifest => path.ends_with("a.manifest"),
            Self::Data => path.contains("/a.data."),
            Self::Parity => path.contains("/a.parity."),
            Self::Journal => path.ends_with("a.healing"),
            Self::SealedLog => path.contains("/a.wal."),
            Self::ActiveLog => path.ends_with("/a.wal"),
        }
    }

    const fn is_log(self) -> bool {
        matches!(self, Self::SealedLog | Self::ActiveLog)
    }

    /// Whether everything is as before once the scrub has been through, whatever one damage of up to
    /// 4 KiB, or of two blocks in one stripe, was.
    fn is_healed(self, harm: Harm, length: u64) -> bool {
        match self {
            Self::Data => {
                let stripes = length / BLOCK / STRIPE;
                harm != Harm::FourOfStripe && (harm != Harm::Zero64K || stripes > STRIPE)
            }
            // No document is in them; the scrub writes them anew.
            Self::Parity | Self::Journal => true,
            Self::Catalog | Self::Manifest => harm == Harm::Flip || harm == Harm::Zero512,
            Self::SealedLog | Self::ActiveLog => false,
        }
    }
}

/// Damages a file, and returns how far the damage reaches; `None` where the file is too short for it.
fn harm(disk: &SimVfs, path: &Path, harm: Harm, random: &mut u64) -> Option<u64> {
    let length = disk.bytes(path).unwrap().len() as u64;
    let reach = Cell::new(0);
    let zero = |at: u64, bytes: u64| {
        let end = (at + bytes).min(length);
        reach.set(end);
        let zeros = vec![0; (end - at) as usize];
        disk.corrupt(path, at, &zeros).unwrap();
    };
    let blocks = length / BLOCK;
    match harm {
        Harm::Flip => {
            let at = next(random) % length;
            reach.set(at + 1);
            disk.flip_bit(path, at, (next(random) % 8) as u32).unwrap();
        }
        Harm::Zero512 => zero(next(random) % length / 512 * 512, 512),
        Harm::Zero4K => zero(next(random) % length / BLOCK * BLOCK, BLOCK),
        Harm::Zero64K => zero(next(random) % length / BLOCK * BLOCK, 16 * BLOCK),
        Harm::TwoOfStripe | Harm::FourOfStripe => {
            let apart = blocks.div_ceil(STRIPE);
            if apart == 0 {
                return None;
            }
            let count = if harm == Harm::TwoOfStripe { 2 } else { 4 };
            let stripe = next(random) % apart;
            let first = next(random) % (STRIPE - count);
            for member in first..first + count {
                let block = stripe + member * apart;
                if block < blocks {
                    zero(block * BLOCK, BLOCK);
                }
            }
        }
    }
    Some(reach.get())
}

/// What was done, and what may come of it.
struct Case {
    name: String,
    kind: Kind,
    /// One damage that is healed whole.
    must_heal: bool,
    /// The damage reaches the end of the log. Nothing behind it says that it had been durable: it is
    /// taken for appends that a crash cut off.
    is_cut: bool,
}

/// What a look at every document found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Look {
    right: u64,
    /// Of those, the ones that are marked as what may be older.
    marked: u64,
    /// Older, and marked so.
    older: u64,
    named: u64,
    /// Older or absent because the end of the log is, which nothing tells from an append cut off.
    cut: u64,
}

#[derive(Debug, Default)]
struct Row {
    cases: u64,
    untouched: u64,
    healed: u64,
    partly: u64,
    refused: u64,
    named: u64,
    marked: u64,
    older: u64,
    /// Cases whose damage reaches the end of the log.
    cut: u64,
    /// Documents that were older or absent in them.
    cut_documents: u64,
}

fn look(database: &Arc<LogicalDb>, case: &Case) -> Look {
    let Case {
        name: case,
        kind,
        is_cut,
        ..
    } = case;
    let mut look = Look::default();
    let is_degraded = database.condition() == Condition::Degraded;
    for number in 1..=DOCUMENTS {
        let expected = expected(number);
        let is_logged = number > DOCUMENTS - LOGGED;
        match database.read(&COLLECTION, id(number)) {
            Ok(outcome) => {
                let is_marked = outcome.may_be_older;
                assert!(is_degraded || !is_marked, "{case}: document {number}");
                let found = String::from_utf8_lossy(&outcome.document.unwrap()).into_owned();
                if expected.as_ref() == Some(&found) {
                    look.right += 1;
                    look.marked += u64::from(is_marked);
                    continue;
                }
                let is_older = (0..2).any(|round| found == text(number, round));
                assert!(is_older, "{case}: document {number} is wrong");
                let is_told = is_marked || *is_cut && is_logged;
                assert!(is_told, "{case}: document {number} is silently older");
                look.older += u64::from(is_marked);
                look.cut += u64::from(!is_marked);
            }
            Err(error) if error.code() == Code::DocNotFound => {
                assert_eq!(
                    expected, None,
                    "{case}: document {number} is silently absent"
                );
                assert!(!is_degraded, "{case}: nobody can tell");
                look.right += 1;
            }
            Err(error) => {
                let codes = [Code::CorruptRecord, Code::CorruptLog];
                assert!(codes.contains(&error.code()), "{case}: {error}");
                // What the damaged log has no part in is served.
                let is_lost = is_logged || expected.is_none();
                assert!(is_lost || !kind.is_log(), "{case}: {number} is refused");
                look.named += 1;
            }
        }
    }
    if *kind == Kind::SealedLog {
        let last = database.read(&COLLECTION, id(DOCUMENTS)).unwrap();
        assert!(!last.may_be_older, "{case}: it was written behind the loss");
    }
    look
}

/// Opens, reads everything, scrubs, and reads again.
fn run(disk: &SimVfs, tried: &Case, row: &mut Row) {
    let Case {
        name: case,
        must_heal,
        is_cut,
        ..
    } = tried;
    row.cases += 1;
    row.cut += u64::from(*is_cut);
    let refused = |row: &mut Row, why: &docdb_types::Error| {
        assert!(!must_heal, "{case}: {why}");
        row.refused += 1;
    };
    let engine = match Engine::open(disk.host(), options()) {
        Ok(engine) => engine,
        Err(error) => return refused(row, &error),
    };
    let database = match engine.open_database(&documents::name("a"), OpenMode::ExistingOnly) {
        Ok(opened) => opened.database,
        Err(error) => return refused(row, &error),
    };
    let first = look(&database, tried);
    let damages = match database.scrub() {
        Ok(scrub) => scrub.damages + database.statistics().healing.healed_reads,
        Err(error) => {
            assert!(!must_heal, "{case}: {error}");
            1
        }
    };
    let second = look(&database, tried);
    assert!(second.named <= first.named.max(second.named), "{case}");
    if *must_heal {
        assert_eq!(first.named, 0, "{case}: a read was not answered");
        assert_eq!(second.named, 0, "{case}: not healed");
        assert_eq!(database.scrub().unwrap().damages, 0, "{case}: not healed");
    }
    row.named += second.named;
    row.marked += second.marked;
    row.older += second.older;
    row.cut_documents += second.cut;
    if second.named + second.marked + second.older > 0 {
        row.partly += 1;
    } else if damages > 0 {
        row.healed += 1;
    } else {
        row.untouched += 1;
    }
}

#[test]
fn no_damage_gives_wrong_silently_older_or_silently_absent_documents() {
    let cases: u64 = std::env::var("DOCDB_CAMPAIGN")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(60);
    let mut random = std::env::var("DOCDB_CAMPAIGN_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let sample = sample();
    let mut rows: BTreeMap<(Kind, Harm), Row> = BTreeMap::new();
    for number in 0..cases {
        // Data files are most of what there is.
        let kind = match number % 2 {
            0 => Kind::Data,
            _ => KINDS[(next(&mut random) % KINDS.len() as u64) as usize],
        };
        let harms = if kind == Kind::Data { 6 } else { 4 };
        let how = HARMS[(next(&mut random) % harms) as usize];
        let disk = sample.crash(CrashProfile::KeepAll, number);
        let paths: Vec<PathBuf> = disk.paths().into_iter().filter(|it| kind.has(it)).collect();
        assert!(!paths.is_empty(), "{kind:?}");
        let path = &paths[(next(&mut random) % paths.len() as u64) as usize];
        let length = disk.bytes(path).unwrap().len() as u64;
        let Some(reach) = harm(&disk, path, how, &mut random) else {
            continue;
        };
        // Inside of the last batch, or behind it.
        let is_cut = kind == Kind::ActiveLog && reach + 2048 > length;
        let case = Case {
            name: format!("case {number}: {how:?} of {}", path.display()),
            kind,
            must_heal: kind.is_healed(how, length),
            is_cut,
        };
        run(&disk, &case, rows.entry((kind, how)).or_default());
    }
    println!(
        "| file | damage | cases | whole at once | healed | told | not opened | end of log cut | \
         documents named | marked and the newest | marked and older |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for ((kind, how), row) in &rows {
        println!(
            "| {kind:?} | {how:?} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.cases,
            row.untouched,
            row.healed,
            row.partly,
            row.refused,
            row.cut,
            row.named,
            row.marked,
            row.older
        );
    }
    let sum = |of: fn(&Row) -> u64| -> u64 { rows.values().map(of).sum() };
    println!(
        "{cases} cases; 0 wrong, 0 silently older, 0 silently absent; {} documents named as damaged or \
         lost, {} answered with the mark: {} the newest all the same, {} older. {} damages reached the \
         end of the log: {} documents as before the appends it held",
        sum(|row| row.named),
        sum(|row| row.marked + row.older),
        sum(|row| row.marked),
        sum(|row| row.older),
        sum(|row| row.cut),
        sum(|row| row.cut_documents),
    );
}
