//! docdb's engine beside fjall, redb, SQLite and LMDB: the same work in turns, every write durable
//! before it is acknowledged, and beside it what the disk and the socket of the same run allow.
//!
//! `cargo run --release --manifest-path bench/Cargo.toml -- --turns 5`

mod documents;
mod limits;
mod report;
mod stores;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use documents::Documents;
use report::Report;
use stores::Kind;
use work::{Plan, measure};

/// Runs embedded engines on the same work, in turns, and prints medians and ratios.
#[derive(Debug, Parser)]
struct Arguments {
    /// Documents that are loaded
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    documents: u64,
    /// Bytes of a document
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    bytes: usize,
    /// Documents in a batch of the load
    #[arg(long, value_name = "N", default_value_t = 1000)]
    batch: usize,
    /// Length of every measurement behind the load, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    seconds: f64,
    /// How often every engine has its turn
    #[arg(long, value_name = "N", default_value_t = 5)]
    turns: usize,
    /// The engines
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
    engines: Vec<Kind>,
    /// Where their files are: each turn has a directory of its own in it, which goes afterwards
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Where all figures go, as JSON
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let plan = Plan {
        documents: arguments.documents.max(1),
        batch: arguments.batch.max(1),
        length: Duration::from_secs_f64(arguments.seconds),
    };
    let documents = Documents::new(arguments.bytes);
    let place = arguments.directory.unwrap_or_else(std::env::temp_dir);
    let mut report = Report::new(&arguments.engines);
    for turn in 0..arguments.turns {
        report.limits.push(limits::measure(&place, plan.length)?);
        for step in 0..arguments.engines.len() {
            let Some(kind) = arguments
                .engines
                .get((turn + step) % arguments.engines.len())
            else {
                continue;
            };
            eprintln!("turn {} of {}: {}", turn + 1, arguments.turns, kind.name());
            let directory = tempfile::tempdir_in(&place)?;
            let figures =
                measure(*kind, directory.path(), &plan, &documents).with_context(|| kind.name())?;
            report.add(*kind, figures);
        }
    }
    println!("{report}");
    if let Some(path) = arguments.output {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}
