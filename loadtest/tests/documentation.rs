//! The commands and files of `docs/loadtest.md` work.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod program;

use clap::CommandFactory;
use docdb_loadtest::config::{Arguments, ConfigFile, Plan};
use program::{Folder, text};

const PAGE: &str = include_str!("../../docs/loadtest.md");

/// The texts of all blocks of a language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    let blocks = PAGE.split(&opening).skip(1);
    blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect()
}

/// The words of a line, of which some are quoted.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(place, part)| match place % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// A text whose seconds are hundredths of it.
fn hurried(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        out.push_str(&digits);
        if character == 's' && !digits.is_empty() {
            out.push_str("0ms");
        } else {
            out.push(character);
        }
        digits.clear();
    }
    out + &digits
}

#[test]
fn every_command_runs() {
    let folder = Folder::new();
    for block in blocks("yaml") {
        let name = block.lines().next().unwrap().strip_prefix("# ").unwrap();
        // Fewer operations fit into less time; their rates stay.
        std::fs::write(folder.join(name), hurried(block)).unwrap();
    }
    let lines: Vec<_> = blocks("sh")
        .iter()
        .flat_map(|block| block.lines())
        .collect();
    assert!(lines.len() >= 14, "{lines:?}");
    for line in lines {
        let mut words = words(line.strip_prefix("docdb-loadtest").unwrap());
        let is_compare = words[0] == "compare";
        let has_own_times = words
            .iter()
            .any(|word| word == "--config" || word == "--replay");
        if !is_compare {
            words.extend(["--ceiling", "0", "--socket", "nobody.sock"].map(str::to_owned));
            if !has_own_times {
                words.extend(["--duration", "150ms", "--warmup", "0"].map(str::to_owned));
            }
        }
        let output = folder.command("").args(&words).output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        let code = output.status.code();
        let is_judged = line.contains("--assert");
        assert!(
            code == Some(0) || (is_judged && code == Some(1)),
            "{line}\n{said}"
        );
    }
}

#[test]
fn every_file_is_a_plan() {
    for block in blocks("yaml") {
        let file = ConfigFile::parse(block).unwrap();
        Plan::new(&Arguments::default(), Some(&file)).unwrap();
    }
}

#[test]
fn every_flag_is_described() {
    for argument in Arguments::command().get_arguments() {
        let Some(flag) = argument
            .get_long()
            .filter(|flag| !["help", "version"].contains(flag))
        else {
            continue;
        };
        assert!(PAGE.contains(&format!("`--{flag}")), "--{flag}");
    }
}
