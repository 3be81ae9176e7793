//! Where lines come from, and what an answer means for the run.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use docdb_client::{ClientOptions, Endpoint, Pool, TlsEndpoint};
use docdb_types::{Code, Error};
use tokio::runtime::{self, Runtime};

use crate::answer::{self, Answer, Format};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::interactive;
use crate::interrupt::Interrupt;
use crate::lines::{Extent, Lines};
use crate::session::{Session, Streams};

/// Longest line in bytes: the largest payload, and room for what stands in front of it.
const LINE_BYTES: usize = 32 * 1024 * 1024;

/// How long an answer may take. Checkpoints and drops of large databases do take long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);

/// What follows a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another line.
    Line,
    /// Another line; but the run as a whole has not done everything it was told.
    LineAfterRefusals,
    /// Nothing: the line failed.
    Failed,
    /// Nothing: the shell was told to leave.
    Leave,
}

/// Holds a token.
const TOKEN_VARIABLE: &str = "DOCDB_TOKEN";

/// A session and the places its answers go to.
pub(crate) struct Shell {
    pub(crate) runtime: Runtime,
    pub(crate) session: Session,
    output: io::Stdout,
    format: Format,
    /// Where a person types.
    interrupt: Option<Arc<Interrupt>>,
}

/// Runs the shell as its flags say. Answers the exit status: 0, or 1 after a failure.
pub(crate) fn run(flags: Flags) -> anyhow::Result<ExitCode> {
    let scripted = !flags.lines.is_empty() || flags.file.is_some();
    let terminal = !scripted && io::stdin().is_terminal() && !flags.json;
    let streams = Streams {
        input: scripted,
        output: !flags.json,
        progress: !flags.json && io::stderr().is_terminal(),
        screen: terminal && io::stdout().is_terminal(),
    };
    let format = if flags.json {
        Format::Json
    } else {
        Format::Text { caret: terminal }
    };
    let mut shell = Shell::connect(&flags, streams, format)?;
    if terminal {
        return interactive::run(&mut shell);
    }
    if let Some(path) = &flags.file {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        return shell.run_input(BufReader::new(file));
    }
    if scripted {
        let mut lines = flags.lines.iter();
        return shell.run_lines(|line| {
            let next = lines.next();
            if let Some(text) = next {
                line.clear();
                line.extend_from_slice(text.as_bytes());
            }
            Ok(next.map(|_| Extent::Whole))
        });
    }
    shell.run_input(io::stdin().lock())
}

impl Shell {
    fn connect(flags: &Flags, streams: Streams, format: Format) -> anyhow::Result<Self> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let options = ClientOptions {
            name: env!("CARGO_PKG_NAME").to_owned(),
            request_timeout: REQUEST_TIMEOUT,
            token: token(flags)?,
            ..ClientOptions::default()
        };
        let endpoint = endpoint(flags)?;
        let place = endpoint.to_string();
        let described = |error: Error| anyhow!("{}: {error}", error.code().as_str());
        let session = runtime
            .block_on(async {
                let pool = Pool::connect(endpoint, options, NonZeroUsize::MIN).await?;
                Session::begin(pool, streams).await
            })
            .map_err(described)
            .with_context(|| format!("no server at {place}"))?;
        let interrupt = (streams.screen).then(|| Interrupt::listen(runtime.handle()));
        let mut shell = Self {
            runtime,
            session,
            output: io::stdout(),
            format,
            interrupt,
        };
        if let Some(name) = &flags.db {
            shell
                .runtime
                .block_on(shell.session.open(name))
                .map_err(|failure| described(failure.error))
                .with_context(|| format!("cannot open database {name:?}"))?;
        }
        Ok(shell)
    }

    /// Runs the lines of an input.
    fn run_input(&mut self, input: impl BufRead) -> anyhow::Result<ExitCode> {
        let mut lines = Lines::new(input, LINE_BYTES);
        self.run_lines(|line| lines.next(line))
    }

    /// Runs lines until there are no more, or the first failure; with JSON, until there are no more.
    fn run_lines(
        &mut self,
        mut read: impl FnMut(&mut Vec<u8>) -> io::Result<Option<Extent>>,
    ) -> anyhow::Result<ExitCode> {
        let mut line = Vec::new();
        let mut code = ExitCode::SUCCESS;
        while let Some(extent) = read(&mut line).context("cannot read a line")? {
            let next = match extent {
                Extent::Whole => self.run_line(&line)?,
                Extent::TooLong => {
                    let message = format!("line is longer than {LINE_BYTES} bytes");
                    let error = Error::new(Code::PayloadTooLarge, message);
                    self.answer(&[], &Err(error.into()))?
                }
            };
            match next {
                Next::Line => {}
                Next::Leave => break,
                _ if self.format == Format::Json => {}
                Next::LineAfterRefusals => code = ExitCode::FAILURE,
                Next::Failed => return Ok(ExitCode::FAILURE),
            }
        }
        Ok(code)
    }

    /// Runs a line and writes its answer. A blank line has none.
    ///
    /// # Errors
    /// When the answer cannot be written.
    pub(crate) fn run_line(&mut self, line: &[u8]) -> io::Result<Next> {
        if line.trim_ascii().is_empty() {
            return Ok(Next::Line);
        }
        self.session.history.push(line);
        let mut output = self.output.lock();
        let answer = self.runtime.block_on(async {
            let command = self.session.run(line, &mut output);
            match &self.interrupt {
                Some(interrupt) => {
                    (interrupt.or(command).await).unwrap_or_else(|| Err(Failure::interrupted()))
                }
                None => command.await,
            }
        });
        drop(output);
        self.answer(line, &answer)
    }

    fn answer(&mut self, line: &[u8], answer: &Result<Answer, Failure>) -> io::Result<Next> {
        let mut output = self.output.lock();
        answer::write(&mut output, self.format, self.session.pretty, line, answer)?;
        output.flush()?;
        Ok(match answer {
            Ok(Answer::Exit) => Next::Leave,
            Ok(Answer::Partly(_) | Answer::PartlyWritten) => Next::LineAfterRefusals,
            Ok(_) => Next::Line,
            Err(_) => Next::Failed,
        })
    }
}

/// Where the server is.
fn endpoint(flags: &Flags) -> anyhow::Result<Endpoint> {
    let Some(address) = flags.host.clone() else {
        return Ok(Endpoint::Unix(flags.socket.clone()));
    };
    let Some(path) = &flags.ca else {
        return Ok(Endpoint::Tcp(address));
    };
    let authorities = std::fs::read(path)
        .with_context(|| format!("cannot read the authorities in {}", path.display()))?;
    Ok(Endpoint::Tls(TlsEndpoint {
        address,
        server_name: flags.server_name.clone(),
        authorities: authorities.into(),
    }))
}

/// Proof of who the shell is; empty where none was given. It is no flag: flags are seen by everybody
/// on the machine.
fn token(flags: &Flags) -> anyhow::Result<Bytes> {
    let text = match &flags.token_file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the token in {}", path.display()))?,
        None => std::env::var(TOKEN_VARIABLE).unwrap_or_default(),
    };
    let first = text.lines().next().unwrap_or_default().trim();
    Ok(Bytes::copy_from_slice(first.as_bytes()))
}
