//! What the disk and the kernel allow, in the same run.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

const RECORD_BYTES: usize = 1024;
const FILES: usize = 16;
const CONNECTIONS: usize = 30;
/// Bytes of an empty request and of its answer.
const MESSAGE_BYTES: usize = 16;
const SEQUENTIAL_BYTES: usize = 128 * 1024 * 1024;
const CHUNK_BYTES: usize = 1024 * 1024;

/// What was measured of the machine in one turn.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Limits {
    /// Appends of 1 KiB with an fdatasync each, one file, a second.
    pub(crate) syncs_of_one: f64,
    /// The same on 16 files at the same time, in sum.
    pub(crate) syncs_of_sixteen: f64,
    /// Bytes a second of a long write with a sync at its end.
    pub(crate) sequential_bytes: f64,
    /// Exchanges of 16 bytes over a Unix socket, 30 connections, tokio at both ends, a second.
    pub(crate) exchanges: f64,
}

pub(crate) fn measure(place: &Path, length: Duration) -> anyhow::Result<Limits> {
    let directory = tempfile::tempdir_in(place)?;
    let limits = Limits {
        syncs_of_one: syncs(directory.path(), 1, length)?,
        syncs_of_sixteen: syncs(directory.path(), FILES, length)?,
        sequential_bytes: sequential(directory.path())?,
        exchanges: exchanges(directory.path(), length)?,
    };
    directory.close()?;
    Ok(limits)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn syncs(directory: &Path, files: usize, length: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let counts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..files)
            .map(|number| {
                scope.spawn(move || -> std::io::Result<u64> {
                    let path = directory.join(format!("sync{number}"));
                    let mut file = std::fs::File::create(path)?;
                    let mut count = 0;
                    while begun.elapsed() < length {
                        file.write_all(&[b'x'; RECORD_BYTES])?;
                        file.sync_data()?;
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join())
            .collect::<Vec<_>>()
    });
    let mut sum = 0;
    for count in counts {
        sum += count.map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    Ok(sum as f64 / begun.elapsed().as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn sequential(directory: &Path) -> anyhow::Result<f64> {
    let chunk = vec![b'x'; CHUNK_BYTES];
    let mut file = std::fs::File::create(directory.join("sequential"))?;
    let begun = Instant::now();
    for _ in 0..SEQUENTIAL_BYTES / CHUNK_BYTES {
        file.write_all(&chunk)?;
    }
    file.sync_data()?;
    Ok(SEQUENTIAL_BYTES as f64 / begun.elapsed().as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn exchanges(directory: &Path, length: Duration) -> anyhow::Result<f64> {
    let socket = directory.join("socket");
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
    };
    let (server, client) = (runtime()?, runtime()?);
    let listener = {
        let _entered = server.enter();
        UnixListener::bind(&socket)?
    };
    server.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo(stream));
        }
    });
    let count = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let rate = client.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let mut stream = UnixStream::connect(&socket).await?;
            let count = Arc::clone(&count);
            tasks.spawn(async move {
                let mut message = [0; MESSAGE_BYTES];
                while begun.elapsed() < length {
                    stream.write_all(&message).await?;
                    stream.read_exact(&mut message).await?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                std::io::Result::Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        anyhow::Ok(count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
    })?;
    server.shutdown_background();
    Ok(rate)
}

async fn echo(mut stream: UnixStream) {
    let mut message = [0; MESSAGE_BYTES];
    while stream.read_exact(&mut message).await.is_ok() && stream.write_all(&message).await.is_ok()
    {
    }
}
