//! Values that are each allowed and do not go together.

use super::layers::Configured;
use super::problem::Problem;

/// A rule over several keys: the key that breaks it is named by its path.
struct Rule {
    path: &'static str,
    allowed: &'static str,
    holds: fn(&super::Settings) -> bool,
}

/// Where TCP may be listened to.
const LOOPBACK: &str = "a loopback address, or ipc.tls_certificate and ipc.tls_key with it: tokens \
                        and documents would cross the network in the clear";

static RULES: &[Rule] = &[
    Rule {
        path: "ipc.tcp_addr",
        allowed: LOOPBACK,
        holds: |s| !s.tcp.is_enabled || s.tcp.address.ip().is_loopback() || s.tls().is_some(),
    },
    Rule {
        path: "ipc.listen",
        allowed: LOOPBACK,
        holds: |s| {
            s.tcp
                .listen
                .is_none_or(|address| address.ip().is_loopback() || s.tls().is_some())
        },
    },
    Rule {
        path: "ipc.tls_certificate",
        allowed: "a certificate where there is an ipc.tls_key, and none where there is none",
        holds: |s| s.tcp.certificate.is_some() == s.tcp.key.is_some(),
    },
    Rule {
        path: "ipc.tls_certificate",
        allowed: "null unless ipc.enable_tcp or ipc.listen says where to listen",
        holds: |s| s.tls().is_none() || s.tcp_address().is_some(),
    },
    Rule {
        path: "http.addr",
        allowed: "another address than the one that TCP clients connect to",
        holds: |s| {
            let http = s.service.http.address.filter(|address| address.port() > 0);
            http.is_none() || http != s.tcp_address()
        },
    },
    Rule {
        path: "memory.per_db_limit_mb",
        allowed: "at most memory.global_capacity_mb",
        holds: |s| s.service.engine.database_memory_bytes <= s.service.engine.global_memory_bytes,
    },
    Rule {
        path: "limits.document_mb",
        allowed: "at most ipc.max_frame_mb",
        holds: |s| s.service.engine.limits.document_bytes <= s.service.engine.limits.request_bytes,
    },
    Rule {
        path: "sched.worker_count",
        allowed: "at most sched.max_workers",
        holds: |s| s.service.scheduler.worker_count <= s.service.scheduler.max_workers,
    },
    Rule {
        path: "ipc.socket_path",
        allowed: "a path outside of data_dir's own name and wal.dir's",
        holds: |s| {
            s.service.socket_path.as_ref() != Some(&s.service.engine.data_directory)
                && s.service.socket_path.as_ref() != Some(&s.wal_directory())
        },
    },
];

/// What contradicts itself in a configuration.
pub(crate) fn contradictions(configured: &Configured) -> Vec<Problem> {
    let broken = RULES
        .iter()
        .filter(|rule| !(rule.holds)(&configured.settings));
    broken
        .filter_map(|rule| {
            let key = super::keys::KEYS.iter().find(|key| key.path == rule.path)?;
            Some(Problem::Contradiction {
                path: rule.path,
                found: key.field.show(&configured.settings),
                origin: configured.origin(key),
                allowed: rule.allowed.to_owned(),
            })
        })
        .collect()
}
