use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use docdb_service::ServiceOptions;
use docdb_types::FsyncMode;

use super::field::{Bare, Field};
use super::key::{Effect, Key};
use super::keys::KEYS;
use super::layers::{Configured, Given, load};
use super::problem::{Origin, Problem};
use super::size::{self, KIB, MIB};
use super::{changes, example, printed, span};

/// The file of `behaviour`, with every key it names.
const CONTRACT: &str = r#"
data_dir: ./data
memory:  { global_capacity_mb: 1024, per_db_limit_mb: 256 }
wal:
  dir: ./data/wal
  max_file_size_mb: 64
  fsync: { mode: group, interval_ms: 1, max_batch_size: 100 }
  checkpoint: { interval_mb: 64, auto_create: true, max_checkpoints: 0 }
  trim_after_checkpoint: true
  keep_segments: 2
sched:   { queue_depth: 100, worker_count: 0, max_workers: 256 }
db:      { compaction_size_threshold_mb: 100, compaction_tombstone_ratio: 0.3,
           max_open_dbs: 100, idle_timeout: 5m }
ipc:     { socket_path: /tmp/docdb.sock, socket_mode: "0600", enable_tcp: false, tcp_addr: 127.0.0.1:7717,
           max_connections: 1024, max_frame_mb: 16 }
healing: { enabled: true, interval: 1h, on_read_corruption: true, max_batch_size: 100, parity_percent: 12 }
"#;

/// A file, an environment and flags in a directory of their own.
struct World {
    directory: tempfile::TempDir,
    given: Given,
}

impl World {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            given: Given::default(),
        }
    }

    fn file(mut self, text: &str) -> Self {
        let path = self.directory.path().join("docdb.yaml");
        std::fs::write(&path, text).unwrap();
        self.given.file = Some(path);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        let variable = (OsString::from(name), OsString::from(value));
        self.given.environment.extend([variable]);
        self
    }

    fn flag(mut self, name: &'static str, value: &str) -> Self {
        self.given.flags.push((name, value.to_owned()));
        self
    }

    fn load(&self) -> Result<Configured, Vec<Problem>> {
        load(&self.given)
    }

    fn refusal(&self) -> Problem {
        let mut problems = self.load().unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }
}

fn key(path: &str) -> &'static Key {
    KEYS.iter().find(|key| key.path == path).unwrap()
}

/// A file that says one thing.
fn line(path: &str, value: &str) -> String {
    let names: Vec<_> = path.split('.').collect();
    let mut text = String::new();
    for (depth, name) in names.iter().enumerate() {
        text.push_str(&format!("{}{name}:", "  ".repeat(depth)));
        text.push_str(if depth + 1 < names.len() { "\n" } else { " " });
    }
    text + value + "\n"
}

fn shown(configured: &Configured) -> BTreeMap<&'static str, String> {
    let pairs = KEYS
        .iter()
        .map(|key| (key.path, key.field.show(&configured.settings)));
    pairs.collect()
}

#[test]
fn the_defaults_are_those_of_the_contract_and_of_the_service() {
    let defaults = shown(&Configured::default());
    let contract = World::new().file(CONTRACT).load().unwrap();
    assert_eq!(shown(&contract), defaults);
    let named = KEYS
        .iter()
        .filter(|key| contract.origin(key) != Origin::Default);
    assert_eq!(named.count(), 31);

    let options = Configured::default().settings.service_options();
    // The space is taken where a server is meant to run, not by whoever embeds one.
    let mut engine = ServiceOptions::default().engine;
    engine.reserve_bytes = 64 << 20;
    engine.document_cache_bytes = 256 << 20;
    engine.preallocate_bytes = 256 << 10;
    assert_eq!(options.engine, engine);
    assert_eq!(options.scheduler, ServiceOptions::default().scheduler);
    assert_eq!(options.deadlines, ServiceOptions::default().deadlines);
    options.engine.validate().unwrap();
}

#[test]
fn the_example_file_says_every_key_with_its_default() {
    let example = example();
    let configured = World::new().file(&example).load().unwrap();
    assert_eq!(shown(&configured), shown(&Configured::default()));
    for key in KEYS {
        assert_ne!(configured.origin(key), Origin::Default, "{}", key.path);
        assert!(example.contains(&key.variable()), "{}", key.path);
    }
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let world = World::new()
        .file("data_dir: \"/srv/a b\\\"c\"\nwal: { max_file_size_mb: 512KiB }\ndb: { idle_timeout: 90s }\n")
        .variable("DOCDB_SCHED_QUEUE_DEPTH", "7")
        .flag("fsync", "always");
    let configured = world.load().unwrap();
    let text = printed(&configured);
    let again = World::new().file(&text).load().unwrap();
    assert_eq!(shown(&again), shown(&configured));
    for (value, origin) in [
        ("max_file_size_mb: 512KiB", "docdb.yaml:2"),
        ("idle_timeout: 1m30s", "docdb.yaml:3"),
        ("queue_depth: 7", "environment DOCDB_SCHED_QUEUE_DEPTH"),
        ("mode: always", "flag --fsync"),
        ("keep_segments: 2", "default"),
        ("dir: \"/srv/a b\\\"c/wal\"", "default"),
    ] {
        let found = text
            .lines()
            .find(|line| line.trim_start().starts_with(value));
        let line = found.unwrap_or_else(|| panic!("{value} is not in {text}"));
        assert!(line.ends_with(origin), "{line}");
    }
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let file =
        "wal: { fsync: { mode: none } }\nsched: { queue_depth: 5 }\nipc: { socket_path: /f }\n";
    let world = World::new()
        .file(file)
        .variable("DOCDB_FSYNC", "interval")
        .variable("DOCDB_SOCKET", "/e")
        .flag("fsync", "always");
    let configured = world.load().unwrap();
    let options = configured.settings.service_options();
    assert_eq!(options.engine.fsync, FsyncMode::Always);
    assert_eq!(options.socket_path, Some(PathBuf::from("/e")));
    assert_eq!(options.scheduler.queue_depth, 5);
    assert_eq!(options.scheduler.max_workers, 256);
    let file = Origin::File {
        path: world.given.file.clone().unwrap(),
        line: 2,
    };
    let origins = [
        ("wal.fsync.mode", Origin::Flag("fsync")),
        (
            "ipc.socket_path",
            Origin::Environment("DOCDB_SOCKET".to_owned()),
        ),
        ("sched.queue_depth", file),
        ("sched.max_workers", Origin::Default),
    ];
    for (path, origin) in origins {
        assert_eq!(configured.origin(key(path)), origin);
    }
}

#[test]
fn the_file_may_be_named_by_the_environment_and_a_flag_wins() {
    let named = World::new().file("sched: { queue_depth: 5 }\n");
    let path = named.given.file.clone().unwrap();
    let by_variable = World::new().variable("DOCDB_CONFIG", path.to_str().unwrap());
    let depth = |world: &World| world.load().unwrap().settings.service.scheduler.queue_depth;
    assert_eq!(depth(&by_variable), 5);
    let by_flag = World::new()
        .file("sched: { queue_depth: 6 }\n")
        .variable("DOCDB_CONFIG", path.to_str().unwrap());
    assert_eq!(depth(&by_flag), 6);
}

#[test]
fn the_logs_follow_the_data_directory_unless_told_otherwise() {
    let wal = |world: World| {
        let settings = world.load().unwrap().settings;
        settings.service_options().engine.wal_directory
    };
    let world = || World::new().flag("data-dir", "/srv/docdb");
    assert_eq!(wal(world()), PathBuf::from("/srv/docdb/wal"));
    assert_eq!(
        wal(world().file("wal: { dir: null }\n")),
        PathBuf::from("/srv/docdb/wal")
    );
    assert_eq!(
        wal(world().flag("wal-dir", "/fast")),
        PathBuf::from("/fast")
    );
}

/// A key, a value, and whether the options of the service follow it.
type Effective = (&'static str, &'static str, fn(&ServiceOptions) -> bool);

#[test]
fn every_key_is_effective() {
    let table: &[Effective] = &[
        ("data_dir", "/x", |o| {
            o.engine.data_directory.as_os_str() == "/x"
        }),
        ("memory.global_capacity_mb", "2GiB", |o| {
            o.engine.global_memory_bytes == 2 << 30
        }),
        ("memory.per_db_limit_mb", "3", |o| {
            o.engine.database_memory_bytes == 3 << 20
        }),
        ("wal.dir", "/w", |o| {
            o.engine.wal_directory.as_os_str() == "/w"
        }),
        ("wal.max_file_size_mb", "1", |o| {
            o.engine.segment_bytes == 1 << 20
        }),
        ("wal.fsync.mode", "none", |o| {
            o.engine.fsync == FsyncMode::None
        }),
        ("wal.fsync.interval_ms", "5", |o| {
            o.engine.fsync_interval == Duration::from_millis(5)
        }),
        ("wal.fsync.max_batch_size", "9", |o| {
            o.engine.max_batch_size == 9
        }),
        ("wal.checkpoint.interval_mb", "128KiB", |o| {
            o.engine.checkpoint_bytes == 128 << 10
        }),
        ("wal.checkpoint.auto_create", "false", |o| {
            !o.engine.automatic_checkpoints
        }),
        ("wal.trim_after_checkpoint", "false", |o| {
            !o.engine.trim_after_checkpoint
        }),
        ("wal.keep_segments", "0", |o| o.engine.keep_segments == 0),
        ("sched.queue_depth", "3", |o| o.scheduler.queue_depth == 3),
        ("sched.worker_count", "3", |o| o.scheduler.worker_count == 3),
        ("sched.max_workers", "3", |o| o.scheduler.max_workers == 3),
        ("db.compaction_size_threshold_mb", "3", |o| {
            o.engine.compaction_threshold_bytes == 3 << 20
        }),
        ("db.compaction_tombstone_ratio", "0.5", |o| {
            o.engine.compaction_dead_ratio == 0.5
        }),
        ("db.max_open_dbs", "3", |o| o.engine.max_open_databases == 3),
        ("db.idle_timeout", "0", |o| o.engine.idle_timeout.is_zero()),
        ("ipc.socket_path", "/s", |o| {
            o.socket_path == Some(PathBuf::from("/s"))
        }),
        ("ipc.socket_mode", "0660", |o| o.socket_mode == 0o660),
        ("ipc.max_connections", "3", |o| o.max_connections == 3),
        ("ipc.max_frame_mb", "16MiB", |o| {
            o.engine.limits.request_bytes == 16 << 20
        }),
        ("ipc.max_requests_in_flight", "3", |o| {
            o.max_requests_in_flight == 3
        }),
        ("ipc.frame_timeout", "3s", |o| {
            o.deadlines.frame == Duration::from_secs(3)
        }),
        ("ipc.write_timeout", "3s", |o| {
            o.deadlines.write == Duration::from_secs(3)
        }),
        ("ipc.idle_timeout", "3s", |o| {
            o.deadlines.idle == Some(Duration::from_secs(3))
        }),
        ("ipc.listen", "127.0.0.1:9", |o| {
            o.tcp.address.is_some_and(|address| address.port() == 9)
        }),
        ("ipc.enable_tcp", "true", |o| {
            o.tcp.address.is_some_and(|address| address.port() == 7717)
        }),
        ("ipc.max_connections_per_address", "3", |o| {
            o.tcp.max_connections_per_address == 3
        }),
        ("ipc.hello_timeout", "3s", |o| {
            o.deadlines.hello == Duration::from_secs(3)
        }),
        ("http.addr", "127.0.0.1:9", |o| {
            o.http.address.is_some_and(|address| address.port() == 9)
        }),
        ("http.database_labels", "3", |o| o.http.database_labels == 3),
        ("log.slow_operation", "3ms", |o| {
            o.slow_request == Duration::from_millis(3)
        }),
        ("limits.document_mb", "2", |o| {
            o.engine.limits.document_bytes == 2 << 20
        }),
        ("limits.document_depth", "3", |o| {
            o.engine.limits.document_depth == 3
        }),
        ("transactions.max_age", "3s", |o| {
            o.engine.transactions.max_age == Duration::from_secs(3)
        }),
        ("transactions.max_operations", "3", |o| {
            o.engine.transactions.operations == 3
        }),
        ("transactions.max_mb", "3", |o| {
            o.engine.transactions.bytes == 3 << 20
        }),
        ("transactions.max_open_per_db", "3", |o| {
            o.engine.transactions.open == 3
        }),
        ("transactions.max_open_per_connection", "3", |o| {
            o.max_transactions == 3
        }),
        ("db.disk_reserve_mb", "3", |o| {
            o.engine.reserve_bytes == 3 << 20
        }),
        ("healing.enabled", "false", |o| !o.engine.healing.enabled),
        ("healing.interval", "3m", |o| {
            o.engine.healing.interval == Duration::from_secs(180)
        }),
        ("healing.rate_mb", "3", |o| {
            o.engine.healing.scrub_bytes_per_second == 3 << 20
        }),
        ("healing.on_read_corruption", "false", |o| {
            !o.engine.healing.on_read_corruption
        }),
        ("healing.max_batch_size", "3", |o| {
            o.engine.healing.max_batch_size == 3
        }),
        ("healing.parity_percent", "25", |o| {
            o.engine.healing.parity_percent == 25
        }),
        ("limits.request_operations", "3", |o| {
            o.engine.limits.request_operations == 3
        }),
    ];
    for (path, value, follows) in table {
        let configured = World::new().file(&line(path, value)).load().unwrap();
        assert!(follows(&configured.settings.service_options()), "{path}");
    }
    // The rest is followed by the program itself, or is only what this version can do.
    let followed: Vec<_> = table.iter().map(|(path, ..)| *path).collect();
    let own = [
        "wal.checkpoint.max_checkpoints",
        "ipc.tcp_addr",
        "ipc.tls_",
        "log.level",
        "log.format",
    ];
    for key in KEYS {
        let is_own = own.iter().any(|prefix| key.path.starts_with(prefix));
        assert!(is_own != followed.contains(&key.path), "{}", key.path);
    }
}

#[test]
fn tls_takes_two_files_and_opens_other_addresses() {
    let files = "tls_certificate: /c.pem, tls_key: /k.pem";
    let world = World::new().file(&format!("ipc: {{ listen: \"0.0.0.0:7\", {files} }}\n"));
    let options = world.load().unwrap().settings.service_options();
    let tls = options.tcp.tls.unwrap();
    assert_eq!(tls.certificate, PathBuf::from("/c.pem"));
    assert_eq!(tls.key, PathBuf::from("/k.pem"));
    for refused in [
        "listen: \"0.0.0.0:7\"",
        "listen: \"0.0.0.0:7\", tls_key: /k.pem",
        "enable_tcp: true, tls_certificate: /c.pem",
        files,
    ] {
        let world = World::new().file(&format!("ipc: {{ {refused} }}\n"));
        assert!(world.load().is_err(), "{refused}");
    }
}

/// Values that a key must refuse, as a file would say them.
fn wrong_values(key: &Key) -> Vec<String> {
    let own: Vec<String> = match &key.field {
        Field::Path(_) => vec![
            "\"\"".into(),
            "5".into(),
            "true".into(),
            "\"a\\0b\"".into(),
            "null".into(),
        ],
        Field::OptionalPath(..) | Field::File(_) => {
            vec!["\"\"".into(), "5".into(), "true".into(), "\"a\\0b\"".into()]
        }
        Field::SocketPath(_) => vec![
            "\"\"".into(),
            "5".into(),
            format!("/{}", "s".repeat(107)),
            "null".into(),
        ],
        Field::Address(_) => ["7717", "localhost:1", "1.2.3.4", "1.2.3.4:99999", "null"]
            .map(str::to_owned)
            .to_vec(),
        Field::OptionalAddress(_) => ["7717", "localhost:1", "1.2.3.4", "\"\""]
            .map(str::to_owned)
            .to_vec(),
        Field::Size(_, range) => {
            let mut wrong = [
                "-1",
                "1.5",
                "many",
                "64MB",
                "\"\"",
                "null",
                "99999999999999999TiB",
            ]
            .map(str::to_owned)
            .to_vec();
            let below = range.start().checked_sub(1);
            wrong.extend(below.map(size::show));
            wrong.push(size::show(range.end() + 1));
            wrong
        }
        Field::Count(_, range) => {
            let mut wrong = ["-1", "1.5", "many", "\"\"", "null", "1KiB", "true"]
                .map(str::to_owned)
                .to_vec();
            wrong.extend(range.start().checked_sub(1).map(|below| below.to_string()));
            wrong.push((range.end() + 1).to_string());
            wrong
        }
        Field::Time {
            range, bare, zero, ..
        } => {
            let mut wrong = ["-1s", "soon", "\"\"", "null", "5 s", "1.5s", "5d"]
                .map(str::to_owned)
                .to_vec();
            wrong.push(span::show(*range.end() + Duration::from_nanos(1)));
            wrong.push(span::show(*range.start() - Duration::from_nanos(1)));
            wrong.extend((*bare == Bare::Refused).then(|| "5".to_owned()));
            wrong.extend(zero.is_none().then(|| "0".to_owned()));
            wrong
        }
        Field::Ratio(_, range) => vec![
            "half".into(),
            "-0.1".into(),
            "null".into(),
            (range.end() + 0.1).to_string(),
        ],
        Field::Switch(_) => ["yes", "1", "on", "True1", "null"]
            .map(str::to_owned)
            .to_vec(),
        Field::Word(_) => ["sometimes", "5", "\"\"", "null", "GROUP"]
            .map(str::to_owned)
            .to_vec(),
        Field::Mode(_) => [
            "0800",
            "600",
            "0o600",
            "\"0200\"",
            "\"01777\"",
            "rw-------",
            "null",
        ]
        .map(str::to_owned)
        .to_vec(),
    };
    let everywhere = ["[1, 2]", "{}", "{ a: 1 }"].map(str::to_owned);
    own.into_iter().chain(everywhere).collect()
}

#[test]
fn each_key_wrong_in_each_way_is_named_with_what_was_found_and_what_is_allowed() {
    let mut checked = 0;
    for key in KEYS {
        for value in wrong_values(key) {
            let world = World::new().file(&line(key.path, &value));
            let refused = world.refusal();
            let text = refused.to_string();
            let place = format!("docdb.yaml:{}: ", key.path.split('.').count());
            assert!(
                text.contains(&place) && text.contains(key.path),
                "{value}: {text}"
            );
            assert!(text.contains(", allowed: "), "{value}: {text}");
            match refused {
                Problem::Wrong {
                    path,
                    found,
                    allowed,
                    ..
                } => {
                    assert_eq!(
                        (path.as_str(), allowed),
                        (key.path, key.allowed()),
                        "{value}"
                    );
                    assert!(!found.is_empty());
                }
                Problem::UnknownKey { path, .. } => assert_eq!(path, format!("{}.a", key.path)),
                other => panic!("{value}: {other}"),
            }
            checked += 1;
        }
    }
    assert!(checked > 300, "only {checked} values were tried");
}

#[test]
fn the_same_wrong_value_is_refused_in_every_layer() {
    for key in KEYS {
        let variable = World::new().variable(&key.variable(), "\u{1}wrong");
        if !matches!(
            key.field,
            Field::Path(_) | Field::OptionalPath(..) | Field::File(_) | Field::SocketPath(_)
        ) {
            let text = variable.refusal().to_string();
            assert!(
                text.starts_with(&format!("environment {}: {}", key.variable(), key.path)),
                "{text}"
            );
        }
        if let Some(flag) = key.flag {
            let text = World::new().flag(flag, "").refusal().to_string();
            let expected = format!(
                "flag --{flag}: {} is \"\", allowed: {}",
                key.path,
                key.allowed()
            );
            assert_eq!(text, expected);
        }
    }
}

#[test]
fn every_key_takes_its_edges() {
    for key in KEYS.iter().filter(|key| key.only.is_empty()) {
        let edges = match &key.field {
            Field::Size(_, range) => vec![size::show(*range.start()), size::show(*range.end())],
            Field::Count(_, range) => vec![range.start().to_string(), range.end().to_string()],
            Field::Time { range, .. } => vec![span::show(*range.start()), span::show(*range.end())],
            Field::Word(place) => place(&mut super::Settings::default())
                .words()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            _ => continue,
        };
        for value in edges {
            let mut settings = super::Settings::default();
            let scalar = super::scalar::Scalar::Text(value.clone());
            key.put(&mut settings, &scalar, &Origin::Default)
                .unwrap_or_else(|problem| panic!("{problem}"));
        }
    }
}

#[test]
fn unknown_keys_are_named_with_their_full_path_and_what_is_known_there() {
    for (text, path, allowed) in [
        ("data_dri: x\n", "data_dri", "data_dir, memory, wal"),
        (
            "wal: { fsync: { mod: group } }\n",
            "wal.fsync.mod",
            "in wal.fsync: mode, interval_ms",
        ),
        (
            "wal: { fsyncs: { mode: group } }\n",
            "wal.fsyncs.mode",
            "in wal: dir, max_file_size_mb",
        ),
        (
            "data_dir: { path: x }\n",
            "data_dir.path",
            "data_dir, memory",
        ),
        (
            "\"wal.fsync\": { mode: group }\nwal.fsync.modes: group\n",
            "wal.fsync.modes",
            "mode",
        ),
    ] {
        let refused = World::new().file(text).refusal();
        let Problem::UnknownKey {
            path: found,
            allowed: known,
            ..
        } = &refused
        else {
            panic!("{refused}");
        };
        assert_eq!(found, path);
        assert!(
            known.starts_with(allowed) || known.contains(allowed),
            "{known}"
        );
    }
}

#[test]
fn a_value_where_a_section_belongs_is_refused_and_an_empty_section_says_nothing() {
    let text = World::new()
        .file("wal:\n  fsync: always\n")
        .refusal()
        .to_string();
    assert!(
        text.ends_with(
            ":2: wal.fsync is \"always\", allowed: a section of mode, interval_ms, max_batch_size"
        ),
        "{text}"
    );
    World::new().file("wal:\nsched: {}\n").load().unwrap();
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let world = World::new()
        .file("wal: { keep_segments: x, nothing: 1 }\n")
        .variable("DOCDB_LOG_LEVEL", "loud")
        .flag("fsync", "never");
    assert_eq!(world.load().unwrap_err().len(), 4);
}

#[test]
fn values_that_do_not_go_together_are_refused() {
    for (text, path) in [
        (
            "memory: { global_capacity_mb: 100, per_db_limit_mb: 101 }\n",
            "memory.per_db_limit_mb",
        ),
        (
            "memory: { global_capacity_mb: 100 }\n",
            "memory.per_db_limit_mb",
        ),
        ("ipc: { max_frame_mb: 1 }\n", "limits.document_mb"),
        (
            "ipc: { enable_tcp: true, tcp_addr: 0.0.0.0:7717 }\n",
            "ipc.tcp_addr",
        ),
        ("ipc: { listen: 192.0.2.1:1 }\n", "ipc.listen"),
        (
            "ipc: { enable_tcp: true }\nhttp: { addr: 127.0.0.1:7717 }\n",
            "http.addr",
        ),
        (
            "sched: { worker_count: 9, max_workers: 8 }\n",
            "sched.worker_count",
        ),
        (
            "data_dir: ./d\nipc: { socket_path: ./d }\n",
            "ipc.socket_path",
        ),
        (
            "data_dir: ./d\nipc: { socket_path: ./d/wal }\n",
            "ipc.socket_path",
        ),
    ] {
        let refused = World::new().file(text).refusal();
        assert!(
            matches!(refused, Problem::Contradiction { path: found, .. } if found == path),
            "{text}: {refused}"
        );
    }
    let together = "memory: { global_capacity_mb: 100, per_db_limit_mb: 100 }\n\
                    ipc: { max_frame_mb: 1 }\nlimits: { document_mb: 1 }\n\
                    sched: { worker_count: 8, max_workers: 8 }\n";
    World::new().file(together).load().unwrap();
}

#[test]
fn a_file_that_cannot_be_read_or_is_no_yaml_is_refused() {
    let mut missing = World::new();
    missing.given.file = Some(missing.directory.path().join("none.yaml"));
    assert!(matches!(missing.refusal(), Problem::Unreadable { .. }));
    let mut directory = World::new();
    directory.given.file = Some(directory.directory.path().to_owned());
    assert!(matches!(directory.refusal(), Problem::Unreadable { .. }));
    let malformed = World::new().file("wal: {\n");
    assert!(matches!(malformed.refusal(), Problem::Malformed { .. }));
    let binary = World::new().file("x");
    std::fs::write(binary.given.file.as_ref().unwrap(), [0xff, 0xfe]).unwrap();
    assert!(matches!(binary.refusal(), Problem::Unreadable { .. }));
}

#[test]
fn variables_of_the_server_that_it_does_not_know_are_told_and_others_are_not_its_business() {
    let world = World::new()
        .variable("DOCDB_WAL_DRI", "x")
        .variable("PATH", "/bin")
        .variable("DOCDB_LOG_LEVEL", "debug");
    assert_eq!(world.load().unwrap().ignored_variables, ["DOCDB_WAL_DRI"]);
}

#[test]
fn what_can_change_at_run_time_is_adopted_and_the_rest_waits() {
    let before = Configured::default();
    let text = "log: { level: debug, format: json }\nsched: { queue_depth: 7 }\n";
    let next = World::new().file(text).load().unwrap();
    let found = changes(&before, &next);
    let names = |changes: &[super::changes::Change]| -> Vec<_> {
        changes.iter().map(|change| change.key).collect()
    };
    assert_eq!(names(&found.now), ["log.level"]);
    assert_eq!(
        names(&found.needs_restart),
        ["sched.queue_depth", "log.format"]
    );
    let mut adopted = before;
    adopted.settings.adopt(&next.settings);
    assert!(changes(&adopted, &next).now.is_empty());
    assert_eq!(changes(&adopted, &next).needs_restart, found.needs_restart);
}

#[test]
fn every_key_that_can_change_at_run_time_is_adopted() {
    for key in KEYS.iter().filter(|key| key.effect == Effect::Reload) {
        let mut next = Configured::default();
        let values = ["trace", "7", "77s", "true", "false"];
        let default = key.field.show(&next.settings);
        let changed = values.iter().any(|value| {
            let scalar = super::scalar::Scalar::Text((*value).to_owned());
            key.put(&mut next.settings, &scalar, &Origin::Default)
                .is_ok()
                && key.field.show(&next.settings) != default
        });
        assert!(changed, "{} has no other value here", key.path);
        let mut current = Configured::default();
        current.settings.adopt(&next.settings);
        assert_eq!(
            key.field.show(&current.settings),
            key.field.show(&next.settings),
            "{}",
            key.path
        );
    }
}

#[test]
fn sizes_and_variables_have_one_spelling_each() {
    let mut variables: Vec<_> = KEYS.iter().map(Key::variable).collect();
    variables.sort();
    let count = variables.len();
    variables.dedup();
    assert_eq!(variables.len(), count);
    assert_eq!(size::show(64 * KIB), "64KiB");
    assert_eq!(size::show(MIB), "1MiB");
}
