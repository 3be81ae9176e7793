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

/// The figures of a process and of everything that it started, also of what has ended since:
/// PostgreSQL has a process per connection.
pub(crate) fn figures_of_family(pid: u32) -> Option<ProcessFigures> {
    let mut all = figures_of(pid)?;
    all.cpu += cpu_of_ended_children(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
        .unwrap_or_default();
    // Every thread of a process may have started others.
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))
        .ok()?
        .flatten()
    {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let children = children.split_ascii_whitespace();
        for child in children.filter_map(|child| child.parse().ok()) {
            if let Some(figures) = figures_of_family(child) {
                all.cpu += figures.cpu;
                all.resident_bytes += figures.resident_bytes;
            }
        }
    }
    Some(all)
}

/// Fields 16 and 17 of proc(5), cutime and cstime.
fn cpu_of_ended_children(stat: &str) -> Option<Duration> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace();
    let user: u64 = fields.nth(13)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis(
        (user + system) * 1000 / TICKS_PER_SECOND,
    ))
}

fn parse(stat: &str, status: &str) -> Option<ProcessFigures> {
    // The name of the program is in parentheses and may contain anything.
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace();
    // Fields 14 and 15 of proc(5), utime and stime; the first one behind the name is field 3.
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = resident.split_ascii_whitespace().next()?.parse().ok()?;
    Some(ProcessFigures {
        cpu: Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND),
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
        let ended = "42 (x) S 1 42 42 0 -1 4194560 1 2 3 4 150 75 30 20 20 0 9 0 100 1 2";
        assert_eq!(
            cpu_of_ended_children(ended),
            Some(Duration::from_millis(500))
        );
        assert_eq!(parse("", status), None);
        assert_eq!(parse(stat, "Name: kernel thread"), None);
    }

    #[test]
    fn this_process_has_figures() {
        assert!(figures_of(std::process::id()).unwrap().resident_bytes > 0);
    }
}
