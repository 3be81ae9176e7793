use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;

/// Ticks of a second in `/proc/<pid>/stat`: `USER_HZ`, which is 100 on every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// What the system tells about a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessFigures {
    /// Processor time, of all its threads together, since it started.
    pub cpu: Duration,
    /// Memory that is in use, in bytes.
    pub resident_bytes: u64,
}

/// The process that listens at a Unix socket, as the system tells who connects to it.
pub(crate) async fn listener_of(socket: &Path) -> Option<u32> {
    let stream = UnixStream::connect(socket).await.ok()?;
    u32::try_from(stream.peer_cred().ok()?.pid()?).ok()
}

/// The figures of a process; `None` where the system does not tell them.
pub(crate) fn figures_of(pid: u32) -> Option<ProcessFigures> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    parse(&stat, &status)
}

/// How often the processes of a family are counted at most until none ended meanwhile.
const LOOKS: usize = 4;

/// The figures of a process and of everything that it started, also of what has ended since:
/// PostgreSQL has a process per connection.
pub(crate) fn figures_of_family(pid: u32) -> Option<ProcessFigures> {
    let mut ended = cpu_of_ended(pid)?;
    for _ in 1..LOOKS {
        let all = sum_of(&family_of(pid))?;
        // One that ended between two looks is in both only if nothing has changed.
        let now = cpu_of_ended(pid)?;
        if now == ended {
            return Some(all);
        }
        ended = now;
    }
    sum_of(&family_of(pid))
}

fn sum_of(family: &[u32]) -> Option<ProcessFigures> {
    let (first, others) = family.split_first()?;
    let mut all = figures_of(*first)?;
    all.cpu += cpu_of_ended(*first)?;
    for other in others {
        if let Some(figures) = figures_of(*other) {
            all.cpu += figures.cpu + cpu_of_ended(*other).unwrap_or_default();
            all.resident_bytes += figures.resident_bytes;
        }
    }
    Some(all)
}

/// A process and all that descend from it and have not ended.
fn family_of(pid: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let with_parents: Vec<_> = pids
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // Field 4 of proc(5), ppid.
            Some((pid, u32::try_from(field_of(&stat, 4)?).ok()?))
        })
        .collect();
    let mut family = vec![pid];
    let mut place = 0;
    while let Some(parent) = family.get(place).copied() {
        let children = with_parents.iter().filter(|(_, of)| *of == parent);
        family.extend(children.map(|(child, _)| *child));
        place += 1;
    }
    family
}

/// Processor time of the children of a process that have ended: fields 16 and 17 of proc(5).
fn cpu_of_ended(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(ticks(field_of(&stat, 16)? + field_of(&stat, 17)?))
}

/// A field of `/proc/<pid>/stat` behind the name, counted as proc(5) does, from 3 on.
fn field_of(stat: &str, number: usize) -> Option<u64> {
    // The name of the program is in parentheses and may contain anything.
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace();
    fields.nth(number.checked_sub(3)?)?.parse().ok()
}

const fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 1000 / TICKS_PER_SECOND)
}

fn parse(stat: &str, status: &str) -> Option<ProcessFigures> {
    // Utime and stime.
    let cpu = ticks(field_of(stat, 14)? + field_of(stat, 15)?);
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = resident.split_ascii_whitespace().next()?.parse().ok()?;
    Some(ProcessFigures {
        cpu,
        resident_bytes: kibibytes * 1024,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 150 75 0 0 20 0 9 0 100 1 2";
        let status = "Name:\ta) b (c\nVmPeak:\t  99 kB\nVmRSS:\t  2048 kB\n";
        let figures = parse(stat, status).unwrap();
        assert_eq!(figures.cpu, Duration::from_millis(2250));
        assert_eq!(figures.resident_bytes, 2 << 20);
        assert_eq!(field_of(stat, 4), Some(1));
        assert_eq!(field_of(stat, 17), Some(0));
        assert_eq!(parse("", status), None);
        assert_eq!(parse(stat, "Name: kernel thread"), None);
    }

    #[test]
    fn a_child_is_of_the_family_also_when_it_has_ended() {
        let program = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let before = figures_of_family(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sh")
            .args(["-c", program])
            .spawn()
            .unwrap();
        assert!(family_of(std::process::id()).contains(&child.id()));
        child.wait().unwrap();
        let after = figures_of_family(std::process::id()).unwrap();
        assert!(after.cpu > before.cpu, "{before:?} {after:?}");
    }

    #[test]
    fn this_process_has_figures() {
        assert!(figures_of(std::process::id()).unwrap().resident_bytes > 0);
    }
}
