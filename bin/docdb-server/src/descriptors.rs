//! The descriptors that the system lets the process have, and what fits into them.

use docdb_service::ServiceOptions;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process needs beside databases and connections: the runtime, locks, listeners, HTTP.
const OWN: u64 = 96;
/// What an open database mostly needs: its log segments, its data files, one being written. Where
/// databases have more, fewer of them are kept open.
const PER_DATABASE: u64 = 8;

/// Databases and connections that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    databases: u64,
    connections: u64,
}

/// Raises the limit as far as the system allows, and lowers the caps of the options to what fits into
/// it: a server that runs out of descriptors could open neither databases nor connections.
pub(crate) fn fit(options: &mut ServiceOptions) {
    let wanted = Room {
        databases: options.engine.max_open_databases as u64,
        connections: options.max_connections as u64,
    };
    let limit = raise();
    let room = room(limit, wanted);
    options.engine.max_open_files = files(limit, room);
    if room == wanted {
        return;
    }
    tracing::warn!(
        descriptors = limit,
        max_open_dbs = room.databases,
        max_connections = room.connections,
        "the limit on open files is too low for what is configured: less is kept open (ulimit -n, \
         LimitNOFILE)"
    );
    options.engine.max_open_databases = usize::try_from(room.databases).unwrap_or(usize::MAX);
    options.max_connections = usize::try_from(room.connections).unwrap_or(usize::MAX);
}

/// Raises the soft limit to the hard one, and returns what is in force.
fn raise() -> u64 {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        maximum: limits.maximum,
    };
    // Where the system refuses, the old limit stays in force.
    let limits = setrlimit(Resource::Nofile, raised).map_or(limits, |()| raised);
    limits.current.unwrap_or(u64::MAX)
}

/// At least one of each; otherwise up to half of the descriptors for databases, and the rest for
/// connections.
fn room(limit: u64, wanted: Room) -> Room {
    let free = limit.saturating_sub(OWN);
    let needed = wanted
        .databases
        .saturating_mul(PER_DATABASE)
        .saturating_add(wanted.connections);
    if needed <= free {
        return wanted;
    }
    let databases = wanted.databases.min(free / 2 / PER_DATABASE).max(1);
    let rest = free.saturating_sub(databases * PER_DATABASE);
    Room {
        databases,
        connections: wanted.connections.min(rest).max(1),
    }
}

/// What is left for the files of databases when every connection is there, and one file of each
/// database that is open may be in the making.
fn files(limit: u64, room: Room) -> u64 {
    let taken = OWN
        .saturating_add(room.connections)
        .saturating_add(room.databases);
    limit.saturating_sub(taken).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(limit: u64, databases: u64, connections: u64) -> (u64, u64) {
        let wanted = Room {
            databases,
            connections,
        };
        let room = room(limit, wanted);
        (room.databases, room.connections)
    }

    #[test]
    fn what_fits_is_left_as_it_is_and_what_does_not_is_cut_to_the_limit() {
        assert_eq!(fitted(65_536, 100, 1024), (100, 1024));
        let million = 1_000_000;
        assert_eq!(fitted(u64::MAX, million, million), (million, million));
        assert_eq!(fitted(OWN + 160, 100, 1024), (10, 80));
        assert_eq!(fitted(OWN + 160, 2, 1024), (2, 144));
        assert_eq!(fitted(OWN + 160, 100, 4), (10, 4));
        assert_eq!(fitted(10, 100, 1024), (1, 1));
    }
}
