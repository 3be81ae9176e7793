//! The work, the same for every engine.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::documents::{Documents, Random};
use crate::stores::{Kind, Store};

/// Threads that write at the same time.
const WRITERS: usize = 16;
/// Threads that read at the same time.
const READERS: usize = 2;
/// Reads in a hundred operations of the mix.
const READ_PERCENT: u64 = 40;
const BLOCK_BYTES: u64 = 512;

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) documents: u64,
    pub(crate) batch: usize,
    pub(crate) length: Duration,
}

/// What was measured of one engine in one turn: operations a second, unless it says otherwise.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) load: f64,
    pub(crate) put_of_one: f64,
    pub(crate) put_of_sixteen: f64,
    pub(crate) get_of_two: f64,
    pub(crate) mix_of_sixteen: f64,
    pub(crate) reopen_ms: f64,
    pub(crate) disk_mb: f64,
}

/// What a thread does again and again.
#[derive(Debug, Clone, Copy)]
enum Action {
    Put,
    Get,
    Mix,
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn measure(
    kind: Kind,
    directory: &Path,
    plan: &Plan,
    documents: &Documents,
) -> anyhow::Result<Figures> {
    let store = kind.open(directory)?;
    let begun = Instant::now();
    load(store.as_ref(), plan, documents)?;
    let load = plan.documents as f64 / begun.elapsed().as_secs_f64();
    let run = |action, threads| repeat(store.as_ref(), action, threads, plan, documents);
    let put_of_one = run(Action::Put, 1)?;
    let put_of_sixteen = run(Action::Put, WRITERS)?;
    let get_of_two = run(Action::Get, READERS)?;
    let mix_of_sixteen = run(Action::Mix, WRITERS)?;
    store.settle()?;
    drop(store);
    let disk_mb = bytes_in(directory) as f64 / 1e6;
    let begun = Instant::now();
    let store = kind.open(directory)?;
    store.session()?.get(plan.documents / 2 + 1)?;
    let reopen_ms = begun.elapsed().as_secs_f64() * 1e3;
    Ok(Figures {
        load,
        put_of_one,
        put_of_sixteen,
        get_of_two,
        mix_of_sixteen,
        reopen_ms,
        disk_mb,
    })
}

fn load(store: &dyn Store, plan: &Plan, documents: &Documents) -> anyhow::Result<()> {
    let mut session = store.session()?;
    let ids: Vec<_> = (1..=plan.documents).collect();
    for batch in ids.chunks(plan.batch) {
        let batch: Vec<_> = batch.iter().map(|id| (*id, documents.text(*id))).collect();
        session.load(&batch)?;
    }
    Ok(())
}

/// Operations a second of so many threads.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn repeat(
    store: &dyn Store,
    action: Action,
    threads: usize,
    plan: &Plan,
    documents: &Documents,
) -> anyhow::Result<f64> {
    let sessions = (0..threads)
        .map(|_| store.session())
        .collect::<anyhow::Result<Vec<_>>>()?;
    let begun = Instant::now();
    let counts = std::thread::scope(|scope| {
        let running: Vec<_> = sessions
            .into_iter()
            .zip(1_u64..)
            .map(|(mut session, number)| {
                scope.spawn(move || -> anyhow::Result<u64> {
                    let mut random = Random::new(number);
                    let mut count = 0;
                    while begun.elapsed() < plan.length {
                        let id = random.below(plan.documents) + 1;
                        let reads = match action {
                            Action::Put => false,
                            Action::Get => true,
                            Action::Mix => random.below(100) < READ_PERCENT,
                        };
                        if reads {
                            anyhow::ensure!(session.get(id)? > 0, "a document is not there");
                        } else {
                            session.put(id, documents.text(id ^ count))?;
                        }
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        running
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

/// Bytes that the files below a directory take on the disk.
fn bytes_in(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.blocks() * BLOCK_BYTES,
        Err(_) => 0,
    });
    sizes.sum()
}
