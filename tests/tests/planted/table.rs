//! The bugs. The names PB1 to PB24 are those of the list that the project was planned with;
//! docs/faults.md says which of them have no place here yet.

/// A test that is to catch a bug.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Harness {
    pub(crate) package: &'static str,
    pub(crate) test: &'static str,
    pub(crate) filter: &'static [&'static str],
    pub(crate) settings: &'static [(&'static str, &'static str)],
}

/// One bug: what the healthy text becomes. `BUG` stands for the switch.
pub(crate) struct Bug {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) file: &'static str,
    pub(crate) healthy: &'static str,
    pub(crate) planted: &'static str,
    pub(crate) harness: &'static Harness,
}

static IMAGES: Harness = Harness {
    package: "docdb-tests",
    test: "crash_images",
    filter: &[],
    settings: &[("DOCDB_CRASH_ACTS", "2"), ("DOCDB_CRASH_SEEDS", "0..2")],
};
static SIMULATION: Harness = Harness {
    package: "docdb-tests",
    test: "simulation",
    filter: &["every_promise_holds_in_every_history"],
    settings: &[("DOCDB_SEEDS", "0..250")],
};
static CALLS: Harness = Harness {
    package: "docdb-tests",
    test: "failing_calls",
    filter: &[],
    settings: &[("DOCDB_FAIL_STEPS", "12")],
};
static TABLE: Harness = Harness {
    package: "docdb-wal",
    test: "recovery_table",
    filter: &[],
    settings: &[],
};
/// Every bug that has a place in the code.
pub(crate) static BUGS: &[Bug] = &[
    Bug {
        name: "PB1",
        what: "a write is acknowledged before its sync",
        file: "crates/wal/src/writer.rs",
        healthy: "if self.options.fsync.acknowledges_durable() ||",
        planted: "if BUG {\n            return Ok(appended);\n        }\n        if self.options.fsync.acknowledges_durable() ||",
        harness: &IMAGES,
    },
    Bug {
        name: "PB2",
        what: "no sync of the directory after a rename",
        file: "crates/vfs/src/durable.rs",
        healthy: "    vfs.rename(temporary, target)?;\n",
        planted: "    vfs.rename(temporary, target)?;\n    if BUG {\n        return Ok(());\n    }\n",
        harness: &IMAGES,
    },
    Bug {
        name: "PB3",
        what: "no sync of the directory after the creation of a log",
        file: "crates/wal/src/rotation.rs",
        healthy: "        .map_err(|source| io_error(\"rename\", &path, source))?;\n    files\n        .sync_dir(names.directory())\n",
        planted: "        .map_err(|source| io_error(\"rename\", &path, source))?;\n    if BUG {\n        return Ok(file);\n    }\n    files\n        .sync_dir(names.directory())\n",
        harness: &IMAGES,
    },
    Bug {
        name: "PB4",
        what: "the log is trimmed before the manifest that covers it is durable",
        file: "crates/engine/src/checkpoint.rs",
        healthy: "        // CRASH: in front of this the data file is an orphan, which open removes; behind it the\n",
        planted: "        if BUG {\n            Self::trim(database, metadata.covered, &mut CheckpointReport::default())?;\n        }\n        // CRASH: in front of this the data file is an orphan, which open removes; behind it the\n",
        harness: &IMAGES,
    },
    Bug {
        name: "PB5",
        what: "a failed sync is repeated, succeeds, and is acknowledged",
        file: "crates/wal/src/writer.rs",
        healthy: "if let Err(source) = active.segment.file.sync_data() {",
        planted: "let mut synced = active.segment.file.sync_data();\n        if BUG && synced.is_err() {\n            synced = active.segment.file.sync_data();\n        }\n        if let Err(source) = synced {",
        harness: &SIMULATION,
    },
    Bug {
        name: "PB6",
        what: "a short write is taken for a whole one",
        file: "crates/vfs/src/file_system.rs",
        healthy: "                Ok(written) => {\n",
        planted: "                Ok(_) if BUG => return Ok(()),\n                Ok(written) => {\n",
        harness: &CALLS,
    },
    Bug {
        name: "PB7",
        what: "the log is cut at the first bad record, whatever was promised",
        file: "crates/wal/src/recovery/walk.rs",
        healthy: "            Evidence::Unpromised\n                if next.is_none()",
        planted: "            Evidence::Unpromised | Evidence::Promised\n                if (BUG || seen == Evidence::Unpromised)\n                    && next.is_none()",
        harness: &TABLE,
    },
    Bug {
        name: "PB8",
        what: "a torn tail is never cut",
        file: "crates/wal/src/recovery/open.rs",
        healthy: "            file.set_len(length)\n",
        planted: "            file.set_len(if BUG { found.length } else { length })\n",
        harness: &TABLE,
    },
    Bug {
        name: "PB9",
        what: "a segment of another life or number is believed",
        file: "crates/wal/src/recovery/inventory.rs",
        healthy: "if header.uid != uid {",
        planted: "if BUG {\n                Ok(header)\n            } else if header.uid != uid {",
        harness: &TABLE,
    },
    Bug {
        name: "PB10",
        what: "a checksum does not cover the position",
        file: "crates/wal/src/format/checksum.rs",
        healthy: "        hasher.update(&lsn.get().to_le_bytes());\n        hasher.finalize() ^ crc",
        planted: "        let lsn = if BUG { Lsn::ZERO } else { lsn };\n        hasher.update(&lsn.get().to_le_bytes());\n        hasher.finalize() ^ crc",
        harness: &TABLE,
    },
    Bug {
        name: "PB11",
        what: "replay numbers anew what it finds",
        file: "crates/engine/src/database/open.rs",
        healthy: "Entry::document(record.transaction, location, record.payload.len() as u32)",
        planted: "let mut version = record.transaction;\n                if BUG {\n                    version = version.next();\n                }\n                Entry::document(version, location, record.payload.len() as u32)",
        harness: &SIMULATION,
    },
    Bug {
        name: "PB12",
        what: "a transaction is split over two batches",
        file: "crates/engine/src/commit/committer.rs",
        healthy: "                Ok(outcome) => gathered.push(Ok(outcome), true),\n",
        planted: "                Ok(outcome) => {\n                    gathered.push(Ok(outcome), true);\n                    if BUG && position == 0 {\n                        self.batch.keep_transaction();\n                        let _ = self.commit(database);\n                    }\n                }\n",
        harness: &IMAGES,
    },
    Bug {
        name: "PB13",
        what: "a reader sees a write before its sync",
        file: "crates/engine/src/commit/committer.rs",
        healthy: "        let written = self.write(database);\n        let transactions",
        planted: "        let written = self.write(database);\n        if BUG && written.is_err() && let Some(log) = &self.log {\n            let early: Vec<_> = self\n                .batch\n                .changes\n                .iter()\n                .filter(|change| change.is_tombstone)\n                .map(|change| IndexChange::Set {\n                    collection: change.collection,\n                    key: change.id,\n                    entry: docdb_storage::Entry::tombstone(\n                        change.version,\n                        docdb_storage::Location::Log(docdb_storage::LogPosition::new(\n                            log.end().get(),\n                        )),\n                    ),\n                })\n                .collect();\n            let _ = database.show(self.last_transaction, &early);\n        }\n        let transactions",
        harness: &SIMULATION,
    },
    Bug {
        name: "PB14",
        what: "those who waited are told of success when their leader failed",
        file: "crates/engine/src/commit/committer.rs",
        healthy: "            waiting.keep(failure);\n",
        planted: "            waiting.keep(if BUG { None } else { failure });\n",
        harness: &SIMULATION,
    },
    Bug {
        name: "PB15",
        what: "a compaction removes the old files before the manifest is durable",
        file: "crates/engine/src/compaction.rs",
        healthy: "        // CRASH: in front of this the new file is an orphan; behind it the old ones are.\n",
        planted: "        if BUG {\n            for number in inputs {\n                let _ = self.home.host.files.remove(&self.home.data_file_path(*number));\n            }\n        }\n        // CRASH: in front of this the new file is an orphan; behind it the old ones are.\n",
        harness: &IMAGES,
    },
    Bug {
        name: "PB19",
        what: "the length of a document is cast to fewer bits",
        file: "crates/engine/src/commit/batch.rs",
        healthy: "u32::try_from(payload.len()).unwrap_or(u32::MAX)",
        planted: "if BUG {\n            payload.len() as u32 & 0x3ff\n        } else {\n            u32::try_from(payload.len()).unwrap_or(u32::MAX)\n        }",
        harness: &SIMULATION,
    },
    Bug {
        name: "PB20",
        what: "a read error is taken for the end of the log",
        file: "crates/wal/src/scan.rs",
        healthy: "                Err(source.corrupt(offset, Corruption::Unreadable))",
        planted: "                if BUG {\n                    return Ok(());\n                }\n                Err(source.corrupt(offset, Corruption::Unreadable))",
        harness: &TABLE,
    },
    Bug {
        name: "PB21",
        what: "a file gets its name before its bytes and length are synced",
        file: "crates/vfs/src/durable.rs",
        healthy: "    file.sync_all()?;\n    // CRASH: here the file is whole",
        planted: "    if !BUG {\n        file.sync_all()?;\n    }\n    // CRASH: here the file is whole",
        harness: &IMAGES,
    },
    Bug {
        name: "PB22",
        what: "the log goes on before the cut of its tail is durable",
        file: "crates/wal/src/recovery/open.rs",
        healthy: "        file.sync_data().map_err(|source| WalError::Sync {\n            file: found.name.clone(),\n            source,\n        })?;\n",
        planted: "        if !BUG {\n            file.sync_data().map_err(|source| WalError::Sync {\n                file: found.name.clone(),\n                source,\n            })?;\n        }\n",
        harness: &SIMULATION,
    },
    Bug {
        name: "PB23",
        what: "transactions are numbered by the wall clock",
        file: "crates/engine/src/database/open.rs",
        healthy: "        let next = first_unused(last);\n",
        planted: "        let next = if BUG {\n            TransactionId::new(host.clock.unix_time().as_millis() as u64)\n        } else {\n            first_unused(last)\n        };\n",
        harness: &SIMULATION,
    },
];
