//! One of every command and every reply, with every field set.

use bytes::Bytes;
use docdb_ipc::*;
use docdb_types::*;

pub(crate) fn document(text: &str) -> Document {
    Document::from_text(text, &Limits::DEFAULT).unwrap()
}

pub(crate) fn id(number: u64) -> DocumentId {
    DocumentId::new(number).unwrap()
}

pub(crate) fn key() -> IdempotencyKey {
    IdempotencyKey::new(Bytes::from_static(b"\x00key\xff")).unwrap()
}

pub(crate) fn operations() -> Vec<Operation> {
    let named = CollectionName::new("orders").unwrap();
    let path = || "/a/b~1c".to_owned();
    let from = || "/x".to_owned();
    let value = || b"[1.0, null]".to_vec();
    let actions = [
        Action::Create {
            id: None,
            document: document("{\"n\": 9007199254740993}"),
        },
        Action::Create {
            id: Some(id(u64::MAX)),
            document: document("null"),
        },
        Action::Read { id: id(1) },
        Action::Update {
            id: id(2),
            document: document("[]"),
            expected: Some(Version::new(0)),
        },
        Action::Upsert {
            id: id(3),
            document: document(" \"text\" "),
        },
        Action::Delete {
            id: id(4),
            expected: None,
        },
        Action::Delete {
            id: id(4),
            expected: Some(Version::new(u64::MAX)),
        },
        Action::Patch {
            id: id(5),
            steps: vec![
                PatchStep::Set {
                    path: path(),
                    value: value(),
                },
                PatchStep::Delete {
                    path: String::new(),
                },
                PatchStep::Insert {
                    path: path(),
                    value: value(),
                },
                PatchStep::Add {
                    path: path(),
                    value: value(),
                },
                PatchStep::Remove { path: path() },
                PatchStep::Replace {
                    path: path(),
                    value: value(),
                },
                PatchStep::Move {
                    from: from(),
                    path: path(),
                },
                PatchStep::Copy {
                    from: from(),
                    path: path(),
                },
                PatchStep::Test {
                    path: path(),
                    value: value(),
                },
            ],
            expected: Some(Version::new(7)),
        },
        Action::Merge {
            id: id(6),
            patch: document("{\"gone\": null}"),
            expected: None,
        },
    ];
    let collections = [CollectionName::DEFAULT, named.clone(), named];
    let operation = |(action, collection): (Action, &CollectionName)| Operation {
        collection: collection.clone(),
        action,
    };
    actions
        .into_iter()
        .zip(collections.iter().cycle())
        .map(operation)
        .collect()
}

pub(crate) fn commands() -> Vec<Command> {
    let database = DatabaseId::new(3);
    let collection = CollectionName::new("orders").unwrap();
    let name = DatabaseName::new("shop").unwrap();
    let scan = Scan {
        database,
        collection: collection.clone(),
        from: Some(id(9)),
        limit: 100,
        max_bytes: 1 << 20,
        cursor: None,
        transaction: TransactionHandle::new(6),
    };
    let in_transaction = Execute {
        transaction: TransactionHandle::new(u64::MAX),
        ..Execute::new(database, true, operations())
    };
    let once = Execute {
        key: Some(key()),
        ..Execute::new(database, true, operations())
    };
    let transaction = TransactionHandle::new(7).unwrap();
    let mut commands = vec![
        Command::Hello(Hello {
            protocol_version: PROTOCOL_VERSION,
            client_name: "samples".to_owned(),
            token: Bytes::from_static(b"\x00token\xff"),
        }),
        Command::Ping,
        Command::Execute(Execute::new(database, false, operations())),
        Command::Execute(Execute::new(database, true, operations())),
        Command::Execute(Execute::new(database, false, Vec::new())),
        Command::Execute(in_transaction),
        Command::Execute(once),
        Command::Commit {
            database,
            transaction: Some(transaction),
            key: Some(key()),
        },
        Command::Commit {
            database,
            transaction: None,
            key: None,
        },
        Command::Rollback {
            database,
            transaction,
        },
        Command::Scan(Scan {
            cursor: CursorId::new(4),
            ..scan.clone()
        }),
        Command::Scan(scan),
        Command::CloseCursor {
            cursor: CursorId::new(4).unwrap(),
        },
        Command::Count {
            database,
            collection: CollectionName::DEFAULT,
            transaction: Some(transaction),
        },
        Command::CloseDatabase { database },
        Command::DropDatabase { name: name.clone() },
        Command::ListDatabases,
        Command::CreateCollection {
            database,
            collection: collection.clone(),
        },
        Command::DeleteCollection {
            database,
            collection: collection.clone(),
        },
        Command::ListCollections { database },
        Command::Statistics { database: None },
        Command::Statistics {
            database: Some(database),
        },
        Command::Checkpoint {
            database,
            scope: CheckpointScope::Needed,
        },
        Command::Checkpoint {
            database,
            scope: CheckpointScope::Whole,
        },
        Command::Compact { database },
        Command::ChangeQuotas {
            name: DatabaseName::new("shop").unwrap(),
            change: QuotaChange {
                disk_bytes: Some(u64::MAX),
                documents: Some(0),
                ..QuotaChange::default()
            },
        },
        Command::Heal {
            database,
            collection: collection.clone(),
            id: id(7),
            accept_older_version: true,
        },
        Command::HealAll { database },
        Command::Validate {
            database,
            collection: None,
            id: None,
        },
        Command::Validate {
            database,
            collection: Some(collection),
            id: Some(id(7)),
        },
        Command::HealStatistics { database },
        Command::Metrics,
    ];
    commands.extend(Isolation::ALL.map(|isolation| Command::Begin {
        database,
        isolation,
    }));
    commands.extend(
        [CreateMode::IfMissing, CreateMode::Never, CreateMode::Always].map(|create| {
            Command::OpenDatabase {
                name: name.clone(),
                create,
            }
        }),
    );
    commands
}

pub(crate) fn errors() -> Vec<Error> {
    let full = Error::new(Code::CorruptRecord, "checksum does not match")
        .in_database(&DatabaseName::new("shop").unwrap())
        .in_collection(&CollectionName::DEFAULT)
        .on_document(id(7))
        .in_file("shop.data.3")
        .at_offset(0)
        .at_step(0)
        .with_version(Version::new(0));
    let effects = [Effect::NotApplied, Effect::Applied, Effect::Unknown];
    let mut errors = vec![full, Error::new(Code::Internal, "")];
    errors.extend(
        Code::all()
            .zip(effects.into_iter().cycle())
            .map(|(code, effect)| Error::new(code, code.meaning()).with_effect(effect)),
    );
    errors
}

fn results() -> Vec<Result<Outcome, Error>> {
    let outcome = |change, document| Outcome {
        id: id(8),
        version: Version::new(5),
        change,
        document,
        may_be_older: false,
    };
    let read = outcome(Change::Read, Some(Bytes::from_static(b"{\"a\":1}")));
    let mut results = vec![
        Ok(outcome(Change::Created, None)),
        Ok(outcome(Change::Replaced, None)),
        Ok(outcome(Change::Deleted, None)),
        Ok(read.clone()),
        Ok(Outcome {
            may_be_older: true,
            ..read
        }),
    ];
    results.extend(errors().into_iter().map(Err));
    results
}

fn statistics() -> Statistics {
    let distribution = Some(Distribution {
        count: 1,
        min: 2,
        mean: 2.5,
        p50: 3,
        p95: 4,
        p99: 5,
        p999: 6,
        max: 7,
    });
    let run = |bytes| {
        Some(MaintenanceRun {
            finished_at_ms: 1,
            duration_us: 2,
            documents: 3,
            bytes,
        })
    };
    Statistics {
        server: ServerStatistics {
            version: "0.1.0".to_owned(),
            uptime_ms: 1,
            fsync_mode: FsyncMode::Always,
            databases: 2,
            databases_active: 3,
            databases_impaired: Some(4),
            memory_used_bytes: Some(5),
            memory_cap_bytes: Some(6),
            workers: Some(7),
            workers_busy: Some(8),
            connections: Some(9),
            requests: Some(10),
            errors: Some(0),
            bytes_in: Some(11),
            bytes_out: Some(12),
            cursors: None,
            errors_by_category: Some(ErrorCounts {
                transient: 1,
                permanent: 2,
                critical: 3,
                validation: 4,
                network: 5,
            }),
            critical_errors: vec![CriticalError {
                code: Code::FileSync,
                text: "failed".to_owned(),
                count: 1,
                last_at_ms: 2,
            }],
            connections_refused: Some(13),
            slow_requests: Some(14),
        },
        database: DatabaseStatistics {
            id: 1,
            name: "shop".to_owned(),
            status: Some(DatabaseStatus::Degraded),
            fsync_mode: FsyncMode::None,
            documents: 2,
            tombstones: Some(3),
            collections: Some(4),
            log_bytes: Some(5),
            log_segments: Some(6),
            data_bytes: Some(7),
            data_files: Some(8),
            dead_bytes: Some(9),
            transactions_begun: Some(10),
            transactions_committed: Some(11),
            last_transaction: Some(12),
            memory_used_bytes: Some(13),
            memory_cap_bytes: Some(14),
            index_bytes: Some(15),
            snapshots: Some(16),
            queue_depth: Some(17),
            queue_capacity: Some(18),
            batches: Some(19),
            syncs: Some(20),
            batch_size: distribution,
            sync_latency_us: distribution,
            queue_wait_us: None,
            last_checkpoint: run(21),
            last_compaction: run(22),
            last_healing: run(23),
            recovery_us: Some(24),
            transactions_open: Some(25),
            transaction_conflicts: Some(26),
            snapshots_expired: Some(27),
            oldest_snapshot_ms: Some(28),
            quotas: Some(quotas()),
            quota_bytes: Some(29),
            requests_in_flight: Some(30),
            quota_refusals: Some(31),
        },
    }
}

fn quotas() -> Quotas {
    Quotas {
        disk_bytes: 1,
        documents: 2,
        operations_per_second: 3,
        requests_in_flight: 4,
    }
}

pub(crate) fn replies() -> Vec<Reply> {
    let stored = |number| StoredDocument {
        id: id(number),
        version: Version::new(number),
        document: Bytes::from(vec![b' '; 3]),
        may_be_older: number == 1,
    };
    let page = |cursor: Option<CursorId>| {
        Reply::Page(Page {
            documents: vec![stored(1), stored(u64::MAX)],
            cursor,
            snapshot_version: TransactionId::new(77),
            may_lack: cursor.is_some(),
        })
    };
    let mut replies = vec![
        Reply::Hello(ServerHello {
            protocol_version: PROTOCOL_VERSION,
            server_version: "0.1.0".to_owned(),
            fsync_mode: FsyncMode::Group,
            limits: Limits {
                request_bytes: 5,
                ..Limits::DEFAULT
            },
            frame_limit: FrameLimit::default(),
        }),
        Reply::Pong,
        Reply::Results(results()),
        Reply::Results(Vec::new()),
        page(None),
        page(CursorId::new(5)),
        Reply::CursorClosed,
        Reply::Count(0),
        Reply::Count(u64::MAX),
        Reply::Begun(BegunTransaction {
            handle: TransactionHandle::MIN,
            snapshot_version: Version::new(9),
        }),
        Reply::Committed(Version::new(10)),
        Reply::RolledBack,
        Reply::DatabaseClosed,
        Reply::DatabaseDropped,
        Reply::Databases(
            DatabaseStatus::ALL
                .map(|status| DatabaseInfo {
                    name: DatabaseName::new(status.as_str()).unwrap(),
                    id: DatabaseId::new(1),
                    status,
                    documents: Some(0),
                    bytes: None,
                    created_at_ms: 1_795_305_600_000,
                })
                .to_vec(),
        ),
        Reply::CollectionCreated(CollectionId::new(u32::MAX)),
        Reply::CollectionDeleted,
        Reply::Collections(vec![CollectionInfo {
            name: CollectionName::DEFAULT,
            id: CollectionId::DEFAULT,
            documents: 4,
        }]),
        Reply::Statistics(Box::new(statistics())),
        Reply::Statistics(Box::default()),
        Reply::Checkpoint(CheckpointReport {
            documents: 1,
            bytes_written: 2,
            log_bytes_trimmed: 3,
            duration_us: 4,
            covered_position: 5,
            generation: 6,
        }),
        Reply::Metrics("# EOF\n".to_owned()),
        Reply::Quotas(quotas()),
        Reply::Healed(HealOutcome {
            health: DocumentHealth::Healed,
            version: Version::new(8),
            source: Some(HealSource::OlderVersion),
            taken_version: Some(Version::new(5)),
        }),
        Reply::HealedAll(Box::new(HealReport {
            documents: 1,
            healed: 2,
            corrupt: 3,
            unknown: 4,
            rewritten_files: 5,
            damaged: damaged(),
            duration_us: 6,
        })),
        Reply::Validated(Box::new(ValidationReport {
            documents: 1,
            valid: 2,
            healed: 3,
            corrupt: 4,
            missing: 5,
            unknown: 6,
            damaged: damaged(),
            duration_us: 7,
        })),
        Reply::HealStatistics(Box::new(healing())),
        Reply::Compact(CompactionReport {
            replaced_files: 1,
            replaced_bytes: 2,
            documents: 3,
            bytes_written: 4,
            duration_us: 5,
        }),
    ];
    replies.extend(FsyncMode::ALL.map(|fsync_mode| {
        Reply::DatabaseOpened(OpenedDatabase {
            id: DatabaseId::new(1),
            created: true,
            fsync_mode,
        })
    }));
    replies
}

fn damaged() -> Vec<DamagedDocument> {
    let causes = [
        Some(Error::new(Code::CorruptRecord, "damaged").at_offset(9)),
        None,
    ];
    let healths = DocumentHealth::ALL.into_iter().cycle();
    causes
        .into_iter()
        .cycle()
        .zip(healths)
        .take(10)
        .map(|(cause, health)| DamagedDocument {
            collection: CollectionName::new("orders").unwrap(),
            id: id(3),
            version: Version::new(4),
            health,
            cause,
        })
        .collect()
}

fn healing() -> HealingStatistics {
    let parts = HealedPart::ALL.into_iter().cycle();
    let triggers = HealTrigger::ALL.into_iter().cycle();
    let sources = HealSource::ALL.into_iter();
    HealingStatistics {
        scans: 1,
        scanned_bytes: 2,
        scanned_records: 3,
        healed_reads: 4,
        healed_documents: 5,
        corrupted_documents: 6,
        on_demand: 7,
        background: 8,
        rewritten_files: 9,
        restored_copies: 10,
        damaged_log: 11,
        last_scan_ms: 12,
        last_healing: Some(MaintenanceRun {
            finished_at_ms: 1,
            duration_us: 2,
            documents: 3,
            bytes: 4,
        }),
        is_scanning: true,
        lost: damaged(),
        witnesses: sources
            .zip(parts)
            .zip(triggers)
            .map(|((source, part), trigger)| HealWitness {
                at_ms: 1,
                part,
                file: "db.data.7".to_owned(),
                offset: 8,
                source,
                trigger,
                document: (part == HealedPart::Document)
                    .then(|| ("orders".to_owned(), id(3), Version::new(4))),
            })
            .collect(),
        healing_us: 13,
    }
}
