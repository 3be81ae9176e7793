//! How many instructions the hot paths take, counted by callgrind: the same figures on a busy
//! machine as on an idle one.
//!
//! ```sh
//! cargo run --release --manifest-path bench/Cargo.toml --bin instructions -- --save bench/instructions.json
//! cargo run --release --manifest-path bench/Cargo.toml --bin instructions -- --against bench/instructions.json
//! ```
//!
//! Every case runs twice under `valgrind --tool=callgrind`, in a process of its own, with so many
//! repetitions and with twice as many; the difference is what the repetitions took, and not the
//! beginning and the end. What the kernel does is not counted.

mod cases;
mod count;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use cases::Case;

/// A case that takes so many parts of a hundred more instructions than before is worse.
const TOLERATED_PERCENT: f64 = 2.0;

/// Counts the instructions of docdb's hot paths.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this case
    #[arg(long, value_enum)]
    case: Option<Case>,
    /// Writes the figures to this file, to be compared with later ones
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Compares with the figures of this file; the exit code is 1 when any is more than 2 % greater
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Runs the case so often, uncounted: what the counter starts
    #[arg(long, value_name = "N", hide = true, requires = "case")]
    repeat: Option<u64>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let (Some(case), Some(times)) = (arguments.case, arguments.repeat) {
        case.run(times)?;
        return Ok(ExitCode::SUCCESS);
    }
    let before: BTreeMap<String, f64> = match &arguments.against {
        Some(path) => serde_json::from_str(&std::fs::read_to_string(path)?)?,
        None => BTreeMap::new(),
    };
    let mut figures = BTreeMap::new();
    let mut is_worse = false;
    for case in Case::ALL {
        if arguments.case.is_some_and(|wanted| wanted != case) {
            continue;
        }
        let counted = count::instructions(case)?;
        print!("{:<28}{counted:>12.0}", case.name());
        if let Some(before) = before.get(case.name()) {
            let change = (counted / before - 1.0) * 100.0;
            print!("{before:>12.0}{change:>+8.1} %");
            is_worse |= change > TOLERATED_PERCENT;
        }
        println!();
        figures.insert(case.name(), counted);
    }
    if let Some(path) = arguments.save {
        std::fs::write(path, serde_json::to_string_pretty(&figures)?)?;
    }
    Ok(if is_worse {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
