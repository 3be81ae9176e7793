//! Corpora between the form that a fuzzer grows, a directory of files, and the one that is committed,
//! digits in `tests/corpus/TARGET.hex`: what a bug has left, and below a line of its own what reaches
//! the most code with the fewest bytes.
//!
//! ```console
//! $ cargo run --release --example corpus -- unpack log corpus/log
//! $ cargo run --release --example corpus -- pack log corpus/log
//! ```

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use docdb_tests::hostile::TARGETS;

/// What follows it comes from a fuzzer, and is replaced as a whole.
const GUIDED: &str = "# What reaches the most code, small ones first.";

/// Bytes of inputs that a packed corpus has at most; twice as many digits.
const MOST_BYTES: usize = 48 << 10;
/// Inputs that it has at most: all of them are tried by every run of the tests.
const MOST_INPUTS: usize = 400;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["unpack", target, directory] => unpack(target, Path::new(directory)),
        ["pack", target, directory] => pack(target, Path::new(directory)),
        _ => {
            eprintln!("usage: corpus unpack|pack TARGET DIRECTORY");
            process::exit(2);
        }
    }
}

fn committed(target: &str) -> PathBuf {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    corpora.join(format!("{target}.hex"))
}

fn unpack(name: &str, directory: &Path) -> io::Result<()> {
    let unknown = || io::Error::other(format!("no target is called {name}"));
    let target = TARGETS.iter().find(|target| target.name == name);
    let mut inputs = (target.ok_or_else(unknown)?.seeds)();
    let text = fs::read_to_string(committed(name)).unwrap_or_default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        inputs.push(bytes_of(line)?);
    }
    fs::create_dir_all(directory)?;
    for (number, input) in inputs.iter().enumerate() {
        fs::write(directory.join(format!("committed-{number}")), input)?;
    }
    println!("{} inputs", inputs.len());
    Ok(())
}

fn pack(name: &str, directory: &Path) -> io::Result<()> {
    let old = fs::read_to_string(committed(name)).unwrap_or_default();
    let mut lines: Vec<String> = old
        .lines()
        .take_while(|line| *line != GUIDED)
        .map(str::to_owned)
        .collect();
    let mut inputs = Vec::new();
    for entry in fs::read_dir(directory)? {
        inputs.push(fs::read(entry?.path())?);
    }
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    lines.push(GUIDED.to_owned());
    let mut bytes = 0;
    for input in inputs.iter().take(MOST_INPUTS) {
        bytes += input.len();
        if bytes > MOST_BYTES {
            break;
        }
        let digits: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        if !digits.is_empty() && !lines.contains(&digits) {
            lines.push(digits);
        }
    }
    println!("{} lines from {} inputs", lines.len(), inputs.len());
    fs::write(committed(name), lines.join("\n") + "\n")
}

fn bytes_of(digits: &str) -> io::Result<Vec<u8>> {
    (0..digits.len())
        .step_by(2)
        .map(|at| {
            let byte = digits.get(at..at + 2).unwrap_or_default();
            u8::from_str_radix(byte, 16).map_err(io::Error::other)
        })
        .collect()
}
