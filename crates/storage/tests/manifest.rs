//! The manifest: the old one or the new one, from either copy, or rebuilt; never a wrong one.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing test")]

mod fixture;

use docdb_storage::{
    CollectionRecord, DataFileRecord, LoadedManifest, LogPosition, Manifest, Orphans, StorageError,
    StorageHome,
};
use docdb_types::{CollectionId, CollectionName, DatabaseUid};
use docdb_vfs::{CallKind, CrashProfile, Fault, FaultKind, FaultOn, OpenMode, SimVfs, Vfs};

use fixture::{disk, empty_content, home, number, tx, write_sample};

fn manifest(generation: u64) -> Manifest {
    Manifest {
        generation,
        covered: LogPosition::new(generation * 1000),
        last_transaction: tx(generation * 10),
        data_files: vec![DataFileRecord {
            number: number(2),
            salt: 77,
            file_bytes: 999,
            content: empty_content(),
        }],
        collections: vec![
            CollectionRecord::default_collection(),
            CollectionRecord {
                id: CollectionId::new(3),
                name: CollectionName::new("users").unwrap(),
                highest_document_id: 12,
            },
        ],
        next_collection_id: CollectionId::new(4),
        next_data_file: number(9),
    }
}

fn stored() -> (SimVfs, StorageHome, Vec<u8>) {
    let disk = disk(3);
    let home = home(&disk);
    manifest(1).store(&home).unwrap();
    let bytes = disk.bytes(&home.manifest_path()).unwrap();
    (disk, home, bytes)
}

fn replace(home: &StorageHome, bytes: &[u8]) {
    let vfs = &*home.host.files;
    let _ = vfs.remove(&home.manifest_path());
    let file = vfs
        .open(&home.manifest_path(), OpenMode::CreateNew)
        .unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

fn load(home: &StorageHome) -> Result<LoadedManifest, StorageError> {
    Manifest::load(home)
}

#[test]
fn what_was_stored_is_loaded() {
    let (_disk, home, bytes) = stored();
    assert_eq!(bytes.len(), 8192);
    let loaded = load(&home).unwrap();
    assert_eq!(
        loaded,
        LoadedManifest {
            manifest: manifest(1),
            is_damaged: false
        }
    );
    manifest(2).store(&home).unwrap();
    assert_eq!(load(&home).unwrap().manifest, manifest(2));
}

#[test]
fn a_manifest_with_many_collections_survives() {
    let (_disk, home, _) = stored();
    let mut large = manifest(5);
    large.collections = (0..5000)
        .map(|id| CollectionRecord {
            id: CollectionId::new(id),
            name: CollectionName::new(&format!("collection {id}")).unwrap(),
            highest_document_id: u64::from(id),
        })
        .collect();
    large.next_collection_id = CollectionId::new(5000);
    large.store(&home).unwrap();
    assert_eq!(
        load(&home).unwrap(),
        LoadedManifest {
            manifest: large,
            is_damaged: false
        }
    );
}

#[test]
fn every_flipped_bit_is_noticed_and_healed_by_the_other_copy() {
    let (_disk, home, bytes) = stored();
    // The padding is long and dull: every bit of the first 600 bytes of both copies, then one bit
    // of every byte.
    let bits =
        (0..bytes.len() * 8).filter(|bit| (bit / 8) % 4096 < 600 || bit % 8 == (bit / 8) % 8);
    for bit in bits {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        replace(&home, &flipped);
        let loaded = load(&home).unwrap();
        assert_eq!(loaded.manifest, manifest(1), "bit {bit}");
        assert!(loaded.is_damaged, "bit {bit} went unnoticed");
    }
}

#[test]
fn every_truncation_is_healed_or_refused() {
    let (_disk, home, bytes) = stored();
    for length in 0..bytes.len() {
        replace(&home, &bytes[..length]);
        match load(&home) {
            Ok(loaded) => {
                assert!(length >= 4096);
                assert_eq!(
                    loaded,
                    LoadedManifest {
                        manifest: manifest(1),
                        is_damaged: true
                    }
                );
            }
            Err(StorageError::Corrupt { .. }) => assert!(length < 4096),
            Err(error) => panic!("{length}: {error}"),
        }
    }
    replace(&home, &[&bytes[..], &[0; 100]].concat());
    assert!(load(&home).unwrap().is_damaged);
    replace(&home, &bytes[4096..]);
    assert_eq!(load(&home).unwrap().manifest, manifest(1));
}

#[test]
fn with_both_copies_damaged_nothing_is_believed() {
    let (_disk, home, mut bytes) = stored();
    bytes[40] ^= 1;
    bytes[4096 + 50] ^= 1;
    replace(&home, &bytes);
    assert!(matches!(load(&home), Err(StorageError::Corrupt { .. })));
}

#[test]
fn manifests_of_others_and_of_newer_releases_are_refused_and_not_touched() {
    let (disk, home, mut bytes) = stored();
    let other = StorageHome {
        uid: DatabaseUid::from(8),
        ..home.clone()
    };
    assert!(matches!(load(&other), Err(StorageError::Foreign { .. })));
    for copy in [0, 4096] {
        bytes[copy + 8] = 2;
        let checksum = crc32fast::hash(&bytes[copy..copy + 28]).to_le_bytes();
        bytes[copy + 28..copy + 32].copy_from_slice(&checksum);
    }
    replace(&home, &bytes);
    let error = load(&home).unwrap_err();
    assert!(
        matches!(
            error,
            StorageError::NewerFormat {
                version: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(disk.bytes(&home.manifest_path()).unwrap(), bytes);
    assert!(!error.is_corruption());
}

#[test]
fn a_power_cut_at_any_step_of_storing_leaves_the_old_or_the_new_manifest() {
    for profile in [
        CrashProfile::Strict,
        CrashProfile::Garbage,
        CrashProfile::DropAll,
    ] {
        let mut at = 0;
        loop {
            let (disk, home, _) = stored();
            disk.crash_at_mutation(disk.mutations() + at);
            let result = manifest(2).store(&home);
            for seed in 0..20 {
                let after = disk.crash(profile, seed);
                let loaded = load(&fixture::home(&after)).unwrap();
                assert!(!loaded.is_damaged);
                let found = loaded.manifest.generation;
                assert!(
                    found == 2 || (found == 1 && result.is_err()),
                    "{profile:?} {at} {seed}"
                );
            }
            if result.is_ok() {
                assert!(at >= 4, "only {at} steps");
                break;
            }
            at += 1;
        }
    }
}

/// Two data files, the second of which replaced a third one that came back.
fn with_data_files() -> (SimVfs, StorageHome, Manifest) {
    let disk = disk(3);
    let home = home(&disk);
    let mut manifest = Manifest::empty();
    for (file, replaced) in [(1, 0), (2, 0), (5, 2)] {
        let mut metadata = manifest.next_metadata(&[number(replaced.max(1 << 20))]);
        if replaced > 0 {
            metadata = manifest.next_metadata(&[number(replaced)]);
        }
        metadata.covered = LogPosition::new(u64::from(file) * 100);
        metadata.last_transaction = tx(u64::from(file) * 10);
        let added = write_sample(&home, number(file), &metadata).unwrap();
        manifest = manifest.succeeded_by(added, &metadata).unwrap();
        manifest.store(&home).unwrap();
    }
    (disk, home, manifest)
}

#[test]
fn a_lost_manifest_is_rebuilt_from_the_data_files() {
    let (disk, home, manifest) = with_data_files();
    let numbers: Vec<_> = manifest
        .data_files
        .iter()
        .map(|file| file.number.get())
        .collect();
    assert_eq!(numbers, [1, 5]);
    disk.remove(&home.manifest_path()).unwrap();
    assert_eq!(Manifest::rebuild(&home).unwrap(), manifest);
    // With a damaged footer or trailer too.
    let path = home.data_file_path(number(5));
    let length = disk.bytes(&path).unwrap().len() as u64;
    disk.corrupt(&path, length - 300, &[9; 300]).unwrap();
    let rebuilt = Manifest::rebuild(&home).unwrap();
    assert_eq!(rebuilt, manifest);
}

#[test]
fn an_older_database_never_stands_in_for_a_lost_one() {
    let (disk, home, _) = with_data_files();
    // The newest file is beyond recognition.
    disk.corrupt(&home.data_file_path(number(5)), 0, &[9; 70])
        .unwrap();
    let path = home.data_file_path(number(5));
    let length = disk.bytes(&path).unwrap().len() as u64;
    disk.corrupt(&path, length - 80, &[9; 80]).unwrap();
    let error = Manifest::rebuild(&home).unwrap_err();
    assert!(
        matches!(error, StorageError::CannotRebuild { .. }),
        "{error}"
    );
    // One that it names is missing.
    let (disk, home, _) = with_data_files();
    disk.remove(&home.data_file_path(number(1))).unwrap();
    let error = Manifest::rebuild(&home).unwrap_err();
    assert!(
        matches!(error, StorageError::CannotRebuild { .. }),
        "{error}"
    );
    // There is none.
    let error = Manifest::rebuild(&fixture::home(&fixture::disk(1))).unwrap_err();
    assert!(matches!(error, StorageError::NoDataFile { .. }), "{error}");
}

#[test]
fn orphans_are_what_the_manifest_does_not_name_and_nobody_else_s() {
    let (disk, home, manifest) = with_data_files();
    let strays = [
        "db.data.3.bak",
        "db.data.03",
        "db2.data.1",
        "db.wal",
        "other.manifest.tmp",
    ];
    let leftovers = ["db.data.7.tmp", "db.manifest.tmp"];
    for name in strays.iter().chain(&leftovers) {
        disk.open(&home.directory.join(name), OpenMode::CreateNew)
            .unwrap();
    }
    // A checkpoint that was cut off before its manifest.
    write_sample(&home, number(9), &manifest.next_metadata(&[])).unwrap();
    let orphans = Orphans::find(&home, &manifest).unwrap();
    let mut names: Vec<_> = orphans
        .paths()
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["db.data.2", "db.data.7.tmp", "db.data.9", "db.manifest.tmp"]
    );
    orphans.remove().unwrap();
    let after = disk.crash(CrashProfile::DropAll, 1);
    let home = fixture::home(&after);
    assert!(Orphans::find(&home, &manifest).unwrap().paths().is_empty());
    assert!(after.exists(&home.data_file_path(number(1))).unwrap());
}

#[test]
fn a_manifest_older_than_a_data_file_removes_nothing() {
    let (disk, home, manifest) = with_data_files();
    let older = Manifest {
        generation: manifest.generation - 2,
        data_files: manifest.data_files[..1].to_vec(),
        ..manifest
    };
    older.store(&home).unwrap();
    let error = Orphans::find(&home, &older).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    assert!(disk.exists(&home.data_file_path(number(5))).unwrap());
}

#[test]
fn a_block_that_the_disk_does_not_read_leaves_the_other_copy_and_an_unreadable_file_is_no_damage() {
    let (disk, home, bytes) = stored();
    // The first read takes the whole file, the second one its first block.
    let reads = || FaultOn::call(CallKind::Read, ".manifest");
    disk.fail(Fault::once(reads(), FaultKind::Eio));
    disk.fail(Fault::once(reads(), FaultKind::Eio));
    let loaded = load(&home).unwrap();
    assert_eq!(loaded.manifest, manifest(1));
    assert!(loaded.is_damaged);
    disk.fail(Fault::always(reads(), FaultKind::Eio));
    assert!(matches!(load(&home), Err(StorageError::Io { .. })));
    assert_eq!(disk.bytes(&home.manifest_path()).unwrap(), bytes);
}
