use std::process::Command;

use anyhow::Context;

use crate::cases::Case;

/// Instructions of one repetition of a case.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn instructions(case: Case) -> anyhow::Result<f64> {
    let times = case.repetitions();
    let once = counted(case, times)?;
    let twice = counted(case, times * 2)?;
    Ok(twice.saturating_sub(once) as f64 / times as f64)
}

/// Instructions of a whole process that runs a case so often.
fn counted(case: Case, times: u64) -> anyhow::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--case", case.name(), "--repeat", &times.to_string()])
        .output()
        .context("valgrind is not installed")?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{}: {said}", case.name());
    let line = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .context("callgrind tells no figure")?;
    Ok(line.1.trim().parse()?)
}
