//! The shell at a terminal: line editing, history, completion.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use docdb_client::{Database, Pool};
use docdb_types::Isolation;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::command::{Argument, COMMANDS, Command};
use crate::history::{self, KEPT_LINES};
use crate::line::{is_open, split_word};
use crate::shell::{Next, Shell};

/// How long a completion may wait for names.
const COMPLETION_TIMEOUT: Duration = Duration::from_millis(500);
/// Prompt of the further lines of a JSON text.
const CONTINUED: &str = "...> ";

/// Reads and runs lines until the input ends.
pub(crate) fn run(shell: &mut Shell) -> anyhow::Result<ExitCode> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(KEPT_LINES)?
        .history_ignore_dups(true)?
        .build();
    let history = FileHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history).context("cannot use the terminal")?;
    let file = history_file();
    if let Some(file) = &file {
        // A history that cannot be read is an empty one.
        let _ = editor.load_history(file);
        for line in editor.history().iter() {
            shell.session.history.push(line.as_bytes());
        }
    }
    loop {
        editor.set_helper(Some(Completion::of(shell)));
        match read(&mut editor, &shell.session.prompt()) {
            Ok(lines) => {
                for line in lines {
                    if !line.trim().is_empty() {
                        remember(&mut editor, &line, file.as_deref());
                    }
                    if shell.run_line(line.as_bytes())? == Next::Leave {
                        return Ok(ExitCode::SUCCESS);
                    }
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("cannot read from the terminal"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn history_file() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from);
    let file = history::file(variable("XDG_STATE_HOME"), variable("HOME"))?;
    // Where no history can be kept, the shell works without.
    history::prepare(&file).ok().map(|()| file)
}

/// Reads a line, and further ones while brackets of its JSON are open. What was pasted may be
/// several lines.
fn read(
    editor: &mut Editor<Completion, FileHistory>,
    prompt: &str,
) -> rustyline::Result<Vec<String>> {
    let mut text = editor.readline(prompt)?;
    loop {
        let lines = lines_of(&text);
        if !lines.last().is_some_and(|line| goes_on(line)) {
            return Ok(lines);
        }
        let next = editor.readline(CONTINUED)?;
        text.push('\n');
        text.push_str(&next);
    }
}

/// Splits a text into lines, where a break inside the JSON of a command ends none.
fn lines_of(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.lines() {
        match lines.last_mut() {
            Some(open) if goes_on(open) => {
                open.push('\n');
                open.push_str(part);
            }
            _ => lines.push(part.to_owned()),
        }
    }
    lines
}

/// Whether the line is a command whose JSON is not complete.
fn goes_on(line: &str) -> bool {
    let (word, rest) = split_word(line.as_bytes());
    Command::named(word).is_some_and(|command| command.argument == Argument::Json) && is_open(rest)
}

fn remember(editor: &mut Editor<Completion, FileHistory>, line: &str, file: Option<&Path>) {
    // A line that is not remembered is run all the same.
    let added = editor.add_history_entry(line);
    if let (Ok(true), Some(file)) = (added, file) {
        let _ = editor.append_history(file);
    }
}

/// Completes commands, names of databases and collections, and files.
struct Completion {
    handle: Handle,
    pool: Pool,
    database: Option<Database>,
    files: FilenameCompleter,
}

impl Completion {
    fn of(shell: &Shell) -> Self {
        Self {
            handle: shell.runtime.handle().clone(),
            pool: shell.session.pool().clone(),
            database: shell.session.database().cloned(),
            files: FilenameCompleter::new(),
        }
    }

    fn databases(&self) -> Vec<String> {
        let names = async {
            let databases = self.pool.client().await?.list_databases().await?;
            let name = |database: &docdb_client::DatabaseInfo| database.name.to_string();
            Ok::<_, docdb_types::Error>(databases.iter().map(name).collect())
        };
        self.fetch(names)
    }

    fn collections(&self) -> Vec<String> {
        let Some(database) = &self.database else {
            return Vec::new();
        };
        let names = async {
            let collections = database.list_collections().await?;
            let name = |collection: &docdb_client::CollectionInfo| collection.name.to_string();
            Ok(collections.iter().map(name).collect())
        };
        self.fetch(names)
    }

    /// Names from the server; none where it does not answer at once.
    fn fetch(
        &self,
        names: impl Future<Output = Result<Vec<String>, docdb_types::Error>>,
    ) -> Vec<String> {
        let bounded = async { timeout(COMPLETION_TIMEOUT, names).await };
        match self.handle.block_on(bounded) {
            Ok(Ok(names)) => names,
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..position).unwrap_or(line);
        let (word, rest) = split_word(typed.as_bytes());
        if word.len() == typed.trim_start().len() {
            let start = position - word.len();
            let names = COMMANDS.iter().map(|command| command.name.to_owned());
            return Ok((start, matching(names, word)));
        }
        let start = position - rest.len();
        let names = match Command::named(word).map(|command| command.argument) {
            Some(Argument::Command) => COMMANDS.iter().map(|row| row.name.to_owned()).collect(),
            Some(Argument::Database) => self.databases(),
            Some(Argument::Collection) => self.collections(),
            Some(Argument::Switch) => vec!["on".to_owned(), "off".to_owned()],
            Some(Argument::Isolation) => Isolation::ALL
                .map(|level| level.as_str().to_owned())
                .to_vec(),
            Some(Argument::File) => return self.files.complete(line, position, context),
            Some(Argument::Nothing | Argument::Id | Argument::Json) | None => Vec::new(),
        };
        Ok((start, matching(names, rest)))
    }
}

fn matching(names: impl IntoIterator<Item = String>, begin: &[u8]) -> Vec<Pair> {
    names
        .into_iter()
        .filter(|name| name.as_bytes().starts_with(begin))
        .map(|name| Pair {
            display: name.clone(),
            replacement: name,
        })
        .collect()
}

impl Hinter for Completion {
    type Hint = String;
}

impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_that_take_json_go_on() {
        assert!(goes_on(".create {"));
        assert!(goes_on(".patch 1 [{\"op\":\"set\","));
        assert!(!goes_on(".create {}"));
        assert!(!goes_on(".open {"));
        assert!(!goes_on("{"));
    }

    #[test]
    fn a_pasted_text_is_the_lines_that_a_file_would_have_been() {
        assert_eq!(lines_of(""), Vec::<String>::new());
        assert_eq!(
            lines_of(".use shop\n.create 1 {\n\t\"a\": [1,\n2]}\n.count\n"),
            [".use shop", ".create 1 {\n\t\"a\": [1,\n2]}", ".count"],
        );
        assert_eq!(lines_of(".count\n.create {\n"), [".count", ".create {"]);
    }
}
