use std::collections::BTreeMap;

use docdb_storage::{
    DataFile, DataFileRecord, LoadedManifest, Manifest, StorageError, StorageHome,
};
use docdb_types::{CollectionId, DocumentId, TransactionId};
use docdb_vfs::Host;
use docdb_wal::{Covered, Damage, LogState, Lsn, RecordKind, RecordRef, WalIdentity};

use super::report::{DamagedDocument, Finding, LostTransactions, VerifiedDatabase};
use crate::catalog::Identity;
use crate::database::first_manifest;
use crate::options::EngineOptions;
use crate::trouble;

/// Reads every byte of a database, and changes none.
pub(crate) fn verify_database(
    host: &Host,
    options: &EngineOptions,
    identity: &Identity,
) -> VerifiedDatabase {
    let mut look = Look {
        host,
        options,
        home: StorageHome {
            host: host.clone(),
            directory: options.data_directory.clone(),
            name: identity.name.clone(),
            uid: identity.uid,
        },
        verified: VerifiedDatabase {
            name: identity.name.clone(),
            id: identity.id,
            data_files: 0,
            data_records: 0,
            data_bytes: 0,
            log_segments: 0,
            log_bytes: 0,
            log_records: 0,
            lost: None,
            findings: Vec::new(),
        },
        lost: BTreeMap::new(),
    };
    if let Some(manifest) = look.manifest() {
        for record in &manifest.data_files {
            look.data_file(record);
        }
        look.resolve_in_files(&manifest);
        look.log(&manifest, identity);
        look.name_losses();
    }
    look.verified
}

struct Look<'a> {
    host: &'a Host,
    options: &'a EngineOptions,
    home: StorageHome,
    verified: VerifiedDatabase,
    /// Documents that data files list as lost, until something newer of them is found.
    lost: BTreeMap<(CollectionId, DocumentId), Loss>,
}

/// A record that says that a document is lost.
struct Loss {
    version: TransactionId,
    file: String,
    offset: u64,
}

impl Look<'_> {
    fn find(&mut self, error: StorageError, file: String) {
        let error = trouble::of_storage(error);
        self.verified.findings.push(Finding::of_error(&error, file));
    }

    /// The manifest, or what would be taken for it when the database is opened.
    fn manifest(&mut self) -> Option<Manifest> {
        let file = format!("{}.manifest", self.home.name);
        let error = match Manifest::load(&self.home) {
            Ok(LoadedManifest {
                manifest,
                is_damaged,
            }) => {
                if is_damaged {
                    let what = "one of the two copies is damaged; the next opening restores it";
                    let finding = Finding::damage(file, None, what.to_owned());
                    self.verified.findings.push(finding);
                }
                return Some(manifest);
            }
            Err(error) => error,
        };
        let can_be_rebuilt = matches!(
            error,
            StorageError::Corrupt { .. } | StorageError::Missing { .. }
        );
        self.find(error, file.clone());
        if !can_be_rebuilt {
            return None;
        }
        match Manifest::rebuild(&self.home) {
            Ok(manifest) => {
                let what = "it can be rebuilt from the data files";
                let finding = Finding::note(file, None, what.to_owned());
                self.verified.findings.push(finding);
                Some(manifest)
            }
            Err(StorageError::NoDataFile { .. }) => Some(first_manifest(Lsn::FIRST_BATCH)),
            Err(error) => {
                self.find(error, file);
                None
            }
        }
    }

    fn data_file(&mut self, record: &DataFileRecord) {
        let path = self.home.data_file_path(record.number);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.into_owned();
        let file = match DataFile::open(&self.home, record.number) {
            Ok(file) if file.record() == *record => file,
            Ok(_) => {
                let what = "it is not the file that the manifest names";
                let finding = Finding::damage(name, None, what.to_owned());
                return self.verified.findings.push(finding);
            }
            Err(error) => {
                self.find(error, name.clone());
                let Ok(salvage) = DataFile::salvage(&self.home, record.number) else {
                    return;
                };
                for lost in salvage.lost {
                    let what = format!("records are lost up to offset {}", lost.end);
                    let finding = Finding::damage(name.clone(), Some(lost.start), what);
                    self.verified.findings.push(finding);
                }
                salvage.file
            }
        };
        self.verified.data_files += 1;
        let checked = match file.verify_all::<DocumentId>() {
            Ok(checked) => checked,
            Err(error) => return self.find(error, name),
        };
        self.verified.data_records += checked.records;
        self.verified.data_bytes += checked.bytes;
        // What cannot be listed is among what is damaged.
        for entry in file.lost_records::<DocumentId>().unwrap_or_default() {
            let loss = Loss {
                version: entry.transaction,
                file: name.clone(),
                offset: entry.offset,
            };
            let document = (entry.collection, entry.key);
            self.resolve(document, entry.transaction);
            self.lost.entry(document).or_insert(loss);
        }
        let documents: Vec<_> = checked
            .damaged
            .iter()
            .map(|record| DamagedDocument {
                collection: record.collection,
                id: record.key,
                version: record.transaction,
                offset: record.offset,
            })
            .collect();
        if let Some(first) = documents.first() {
            let what = format!("{} records are damaged", documents.len());
            let mut finding = Finding::damage(name, Some(first.offset), what);
            finding.documents = documents;
            self.verified.findings.push(finding);
        }
    }

    /// Forgets the losses that a newer record of a data file has resolved.
    fn resolve_in_files(&mut self, manifest: &Manifest) {
        let is_there = |id| manifest.collections.iter().any(|it| it.id == id);
        self.lost.retain(|(collection, _), _| is_there(*collection));
        for record in &manifest.data_files {
            if self.lost.is_empty() {
                return;
            }
            let Ok(opened) = DataFile::open_at_best(&self.home, record.number) else {
                continue;
            };
            for entry in opened.file.entries::<DocumentId>().filter_map(Result::ok) {
                self.resolve((entry.collection, entry.key), entry.transaction);
            }
        }
    }

    fn resolve(&mut self, document: (CollectionId, DocumentId), version: TransactionId) {
        if self
            .lost
            .get(&document)
            .is_some_and(|loss| loss.version < version)
        {
            self.lost.remove(&document);
        }
    }

    fn resolve_in_log(&mut self, record: &RecordRef<'_>) {
        match record.kind {
            RecordKind::DropCollection => self
                .lost
                .retain(|(collection, _), _| *collection != record.collection),
            RecordKind::Put | RecordKind::Delete => {
                if let Some(id) = DocumentId::from_key(record.key) {
                    self.resolve((record.collection, id), record.transaction);
                }
            }
            _ => {}
        }
    }

    /// Says which documents are lost, by the files that list them.
    fn name_losses(&mut self) {
        let mut by_file = BTreeMap::<String, Vec<DamagedDocument>>::new();
        for ((collection, id), loss) in std::mem::take(&mut self.lost) {
            by_file.entry(loss.file).or_default().push(DamagedDocument {
                collection,
                id,
                version: loss.version,
                offset: loss.offset,
            });
        }
        for (file, documents) in by_file {
            let what = format!(
                "{} documents are lost until they are written or deleted",
                documents.len()
            );
            let first = documents.first().map(|document| document.offset);
            let mut finding = Finding::damage(file, first, what);
            finding.documents = documents;
            self.verified.findings.push(finding);
        }
    }

    fn log(&mut self, manifest: &Manifest, identity: &Identity) {
        let name = format!("{}.wal", self.home.name);
        let wal = WalIdentity {
            name: identity.name.clone(),
            uid: identity.uid,
        };
        let covered = Covered {
            lsn: Lsn::new(manifest.covered.get()),
            last_transaction: manifest.last_transaction,
        };
        let (host, options) = (self.host, self.options);
        let (files, directory) = (&*host.files, &options.wal_directory);
        let inspected = docdb_wal::inspect(files, &wal, directory, covered, &mut |recovered| {
            self.resolve_in_log(&recovered.record);
            Ok(())
        });
        let recovery = match inspected {
            Ok(recovery) => recovery,
            Err(error) => {
                let finding = Finding::of_error(&trouble::of_log(error), name);
                return self.verified.findings.push(finding);
            }
        };
        self.verified.log_segments = recovery.segments;
        self.verified.log_bytes = recovery.bytes;
        self.verified.log_records = recovery.records;
        for skipped in recovery.skipped {
            let what = format!("{}; data files cover it", skipped.what);
            let finding = Finding::note(skipped.file, Some(skipped.offset), what);
            self.verified.findings.push(finding);
        }
        match recovery.state {
            LogState::Clean => {}
            LogState::Created => {
                let finding = Finding::damage(name, None, "the log is missing".to_owned());
                self.verified.findings.push(finding);
            }
            LogState::TornTail {
                file,
                offset,
                cut_bytes,
            } => {
                let what = format!(
                    "{cut_bytes} bytes of an append that was cut off; the next opening removes them"
                );
                let finding = Finding::note(file, Some(offset), what);
                self.verified.findings.push(finding);
            }
            LogState::Corrupt(damages) => {
                self.verified.lost = lost(&damages);
                for damage in damages {
                    let what = format!(
                        "{}; committed transactions behind {} are lost",
                        damage.what, damage.after
                    );
                    let finding = Finding::damage(damage.file, Some(damage.offset), what);
                    self.verified.findings.push(finding);
                }
            }
        }
    }
}

/// The range that holds everything that is lost.
fn lost(damages: &[Damage]) -> Option<LostTransactions> {
    let from = damages.iter().map(|damage| damage.after).min()?;
    let behind: Option<Vec<_>> = damages.iter().map(|damage| damage.before).collect();
    Some(LostTransactions {
        from: from.next(),
        to: behind
            .and_then(|behind| behind.into_iter().max())
            .map(|before| TransactionId::new(before.get().saturating_sub(1))),
    })
}
