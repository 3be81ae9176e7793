//! `docdb-loadtest`: puts load on a docdb server and measures what comes back.

#[cfg(test)]
mod packaged;

use std::cell::RefCell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use docdb_client::{Endpoint, TlsEndpoint};
use docdb_loadtest::config::{Arguments, ConfigFile, Plan, Target};
use docdb_loadtest::report::{Comparison, Progress, Table, headline};
use docdb_loadtest::{
    Halt, MatrixArguments, MatrixError, OwnServer, Replay, ceiling, judge_all, listens,
    load_in_turns, measure_matrix, report, run, serve,
};

const BAD_USAGE: u8 = 2;
/// What a shell answers for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Puts load on a docdb server and measures what comes back.
///
/// Without a server on the socket it starts one of its own in a temporary directory and removes it
/// afterwards. Flags override the configuration file.
#[derive(Debug, Parser)]
#[command(
    name = "docdb-loadtest",
    version,
    about,
    args_override_self = true,
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 the run is complete and all that was asserted holds; 1 wrong or lost \
                  answers, nothing but errors, the server lost, ended early, or an assertion that \
                  fails; 2 bad usage."
)]
struct CommandLine {
    #[command(flatten)]
    run: Arguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Holds results of two or more runs against the first
    Compare {
        /// Files of results; repeated runs of one side are separated by commas
        #[arg(required = true, num_args = 2.., value_name = "FILE[,FILE…]")]
        sides: Vec<String>,
        /// Where the page of the comparison goes; created when missing
        #[arg(long, value_name = "DIR", default_value = ".")]
        output_dir: PathBuf,
        /// Exits with 1 when anything is worse than in the first, beyond noise
        #[arg(long)]
        fail_if_worse: bool,
    },
    /// Measures every combination of counts of databases, connections and workers
    Matrix(MatrixArguments),
    /// Serves a directory until standard input ends
    #[command(hide = true)]
    Serve {
        /// Where everything of the server is
        directory: PathBuf,
    },
}

fn main() -> ExitCode {
    let CommandLine { run, command } = CommandLine::parse();
    let succeeded = match command {
        None => return load(&run),
        Some(Command::Compare {
            sides,
            output_dir,
            fail_if_worse,
        }) => compare(&sides, &output_dir).map(|is_any_worse| !(fail_if_worse && is_any_worse)),
        Some(Command::Matrix(arguments)) => return matrix(&arguments),
        Some(Command::Serve { directory }) => serve(&directory)
            .map(|()| true)
            .map_err(anyhow::Error::from),
    };
    match succeeded {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error, ExitCode::FAILURE),
    }
}

fn matrix(arguments: &MatrixArguments) -> ExitCode {
    match measure_all(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let is_usage = error
                .downcast_ref::<MatrixError>()
                .is_some_and(MatrixError::is_usage);
            let code = if is_usage {
                ExitCode::from(BAD_USAGE)
            } else {
                ExitCode::FAILURE
            };
            fail(&error, code)
        }
    }
}

/// Measures a matrix. Answers whether all of it is measured, and every answer was right.
#[tokio::main]
async fn measure_all(arguments: &MatrixArguments) -> anyhow::Result<bool> {
    let halt = Arc::new(Halt::default());
    let signals = tokio::spawn(stop_on_signal(Arc::clone(&halt)));
    let program = std::env::current_exe()?;
    let matrix = measure_matrix(arguments, &program, &halt, |cell| {
        // Where standard output is gone the files are still written.
        let _ = say(format_args!(
            "{:>4} databases {:>4} connections {:>4} workers {:>9.0} ops/s  p99 {:.3} ms",
            cell.databases, cell.connections, cell.workers, cell.ops_per_second, cell.latency.p99
        ));
    })
    .await?;
    signals.abort();
    let folder = arguments.output_dir.display();
    say(format_args!(
        "matrix in {folder}: matrix.json, matrix.md, matrix.html"
    ))?;
    let is_right = matrix.cells.iter().all(|cell| cell.failures.is_empty());
    Ok(is_right && !halt.is_stopped())
}

/// Compares files of results. Answers whether anything is worse than in the first.
fn compare(sides: &[String], folder: &Path) -> anyhow::Result<bool> {
    let comparison = Comparison::read(sides)?;
    say(&comparison)?;
    let path = comparison.write(folder)?;
    say(format_args!("comparison in {}", path.display()))?;
    Ok(comparison.is_any_worse())
}

fn load(arguments: &Arguments) -> ExitCode {
    match plan(arguments) {
        Err(error) => fail(&error, ExitCode::from(BAD_USAGE)),
        Ok(plan) => match if plan.is_comparison() {
            compare_targets(&plan)
        } else {
            measure(plan)
        } {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => fail(&error, ExitCode::FAILURE),
        },
    }
}

/// The plan of flags and files, whose files of results can be written.
fn plan(arguments: &Arguments) -> anyhow::Result<Plan> {
    let mut plan = match &arguments.replay {
        Some(path) => {
            let replay =
                Replay::read(path, arguments.replay_speed.unwrap_or(1.0)).context("--replay")?;
            Plan::replaying(arguments, Arc::new(replay))?
        }
        None => {
            let file = arguments.config.as_deref().map(ConfigFile::read);
            Plan::new(arguments, file.transpose().context("--config")?.as_ref())?
        }
    };
    report::check_writable(&plan).context("--output-dir, --output")?;
    if let Some(address) = &arguments.host {
        plan.remote = Some(remote(address, arguments)?);
        plan.token = token(arguments)?;
    }
    Ok(plan)
}

/// A server on TCP, behind TLS where authorities are given.
fn remote(address: &str, arguments: &Arguments) -> anyhow::Result<Endpoint> {
    let Some(path) = &arguments.ca else {
        return Ok(Endpoint::Tcp(address.to_owned()));
    };
    let authorities = std::fs::read(path).with_context(|| format!("--ca {}", path.display()))?;
    Ok(Endpoint::Tls(TlsEndpoint {
        address: address.to_owned(),
        server_name: arguments.server_name.clone(),
        authorities: authorities.into(),
    }))
}

fn token(arguments: &Arguments) -> anyhow::Result<Bytes> {
    let text = match &arguments.token_file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("--token-file {}", path.display()))?,
        None => std::env::var("DOCDB_TOKEN").unwrap_or_default(),
    };
    let first = text.lines().next().unwrap_or_default().trim();
    Ok(Bytes::copy_from_slice(first.as_bytes()))
}

/// Loads targets in turns. Answers whether every answer was right, and docdb was not skipped.
#[tokio::main]
async fn compare_targets(plan: &Plan) -> anyhow::Result<bool> {
    let halt = Arc::new(Halt::default());
    let signals = tokio::spawn(stop_on_signal(Arc::clone(&halt)));
    let progress = RefCell::new(Progress::new(plan));
    let program = std::env::current_exe()?;
    let begun = |turn: usize, target: Target| {
        *progress.borrow_mut() = Progress::new(plan);
        // Where standard error is gone the figures are still measured.
        let _ = writeln!(
            std::io::stderr(),
            "turn {} of {}: {}",
            turn + 1,
            plan.turns,
            target.name()
        );
    };
    let glance = |glance| progress.borrow_mut().show(glance);
    let peers = load_in_turns(plan, &program, &halt, begun, glance).await;
    signals.abort();
    progress.borrow_mut().clear();
    let peers = peers?;
    say(&peers)?;
    let path = report::write_peers(&peers, &plan.output_dir)?;
    say(format_args!("figures in {}", path.display()))?;
    let mut rounds = peers.sides.iter().flat_map(|side| &side.rounds);
    Ok(rounds.all(|round| round.failures.is_empty()) && !halt.is_stopped())
}

/// Runs a plan. Answers whether it succeeded, and all that was asserted holds.
#[tokio::main]
async fn measure(mut plan: Plan) -> anyhow::Result<bool> {
    if let Some(remote) = &plan.remote {
        say(format_args!("server at {remote}"))?;
        return run_and_report(&plan, None).await;
    }
    let listens = listens(&plan.socket)
        .await
        .with_context(|| format!("cannot connect to {}", plan.socket.display()))?;
    anyhow::ensure!(
        !(listens && plan.kill_every.is_some()),
        "--kill-every: a server listens at {} that this run did not start",
        plan.socket.display()
    );
    let mut own = if listens {
        say(format_args!("server at {}", plan.socket.display()))?;
        None
    } else {
        let own = OwnServer::start(&std::env::current_exe()?).await?;
        say(format_args!(
            "nothing listens at {}: own server in {}, removed afterwards",
            plan.socket.display(),
            own.directory().display()
        ))?;
        plan.move_to(own.socket(), &own.wal_dir());
        Some(own)
    };
    let succeeded = run_and_report(&plan, own.as_mut()).await;
    if let Some(own) = own {
        own.stop().await.context("cannot remove the own server")?;
    }
    succeeded
}

async fn run_and_report(plan: &Plan, own: Option<&mut OwnServer>) -> anyhow::Result<bool> {
    say(headline(plan))?;
    let halt = Arc::new(Halt::default());
    let signals = tokio::spawn(stop_on_signal(Arc::clone(&halt)));
    let own_ceiling = if plan.ceiling.is_zero() {
        None
    } else {
        Some(ceiling(plan).await?)
    };
    let mut progress = Progress::new(plan);
    let endpoint = plan.endpoint();
    let measured = run(plan, &endpoint, &halt, own, |glance| progress.show(glance)).await;
    signals.abort();
    progress.clear();
    let mut measured = measured?;
    measured.ceiling = own_ceiling;
    let judged = judge_all(plan, &measured);
    say(Table::new(plan, &measured, &judged))?;
    let path = report::write(plan, &measured, &judged)?;
    say(format_args!("results in {}", path.display()))?;
    Ok(!measured.is_failure() && judged.iter().all(|judged| judged.holds))
}

/// The first signal ends the run early, the second the program.
async fn stop_on_signal(halt: Arc<Halt>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    next().await;
    halt.stop();
    next().await;
    std::process::exit(INTERRUPTED);
}

fn say(text: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}

fn fail(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    // Where standard error is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "docdb-loadtest: {error:#}");
    code
}
