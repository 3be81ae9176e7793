//! Calls of a real server to a real kernel fail, by `strace`. Where that is not installed, or may not
//! trace, this says so and tests nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::process::{Command, Stdio};
use std::time::Duration;

use docdb_tests::{Fleet, ServerProcess};

/// What is injected; the calls of the start, of which there are fewer, pass.
const FAULTS: [&str; 10] = [
    "fdatasync:error=EIO:when=25",
    "fdatasync:error=ENOSPC:when=30",
    "fdatasync:error=EINTR:when=27",
    "fdatasync:delay_enter=20000:when=25+10",
    "fsync:error=EIO:when=12+",
    "pwrite64:error=EIO:when=40",
    "pwrite64:error=ENOSPC:when=40+3",
    "pwrite64:error=EINTR:when=40+2",
    "renameat,rename,renameat2:error=EROFS:when=5+",
    "unlink,unlinkat:error=EIO:when=4+",
];

const SMALL: [(&str, &str); 2] = [
    ("DOCDB_WAL_MAX_FILE_SIZE_MB", "1"),
    ("DOCDB_WAL_CHECKPOINT_INTERVAL_MB", "1"),
];

fn unavailable() -> Option<String> {
    let traced = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    match traced {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("strace may not trace: {status}")),
        Err(error) => Some(format!("strace: {error}")),
    }
}

/// The server of a directory under `strace`, which stays in the background: what is killed is the
/// server.
fn traced(directory: &std::path::Path, fault: &str) -> Command {
    let plain = ServerProcess::command(directory).unwrap();
    let log = std::fs::OpenOptions::new()
        .append(true)
        .open(directory.join("log"))
        .unwrap();
    let mut command = Command::new("strace");
    command
        .args([
            "-D",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "signal=none",
            "-e",
        ])
        .arg(format!("trace={}", fault.split(':').next().unwrap()))
        .arg("-e")
        .arg(format!("inject={fault}"))
        .arg(plain.get_program())
        .args(plain.get_args())
        .envs(SMALL)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    for (name, _) in plain.get_envs() {
        command.env_remove(name);
    }
    command
}

#[test]
fn nothing_acknowledged_is_lost_when_the_kernel_refuses() {
    if let Some(why) = unavailable() {
        println!("SKIPPED: {why}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut writes = 0;
        for fault in FAULTS {
            let directory = tempfile::tempdir().unwrap();
            let mut fleet = Fleet::new(20_000);
            // What a creation needs is there before anything fails.
            let server = ServerProcess::start(directory.path(), &[]).unwrap();
            fleet.begin(&server).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            server.kill().unwrap();
            fleet.end().await;
            let command = traced(directory.path(), fault);
            let server = ServerProcess::wait_for(directory.path(), command)
                .unwrap_or_else(|error| panic!("{fault}: {error}"));
            fleet.begin(&server).await;
            tokio::time::sleep(Duration::from_millis(400)).await;
            server.kill().unwrap();
            fleet.end().await;
            let server = ServerProcess::start(directory.path(), &[]).unwrap();
            fleet.check(&server).await;
            assert!(server.terminate().unwrap().success());
            println!("{fault}: {} acknowledged writes", fleet.acknowledged());
            writes += fleet.acknowledged();
        }
        assert!(writes > 100, "only {writes} writes were acknowledged");
    });
}
