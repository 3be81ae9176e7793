//! The catalog on a simulated disk.

use std::path::Path;

use docdb_types::{Code, DatabaseId, DatabaseName, DatabaseUid, Effect, Error};
use docdb_vfs::{CallKind, CrashProfile, Fault, FaultKind, FaultOn, SimVfs, Vfs, write_whole};

use super::format::{self, tests::entry};
use super::*;

const PATH: &str = "/.catalog";

fn name(text: &str) -> DatabaseName {
    DatabaseName::new(text).unwrap()
}

fn nobody(_: &DatabaseName) -> Option<DatabaseUid> {
    panic!("the manifests were asked although the catalog was there")
}

fn open(disk: &SimVfs) -> Catalog {
    Catalog::open(&disk.host(), Path::new("/"), &nobody).unwrap()
}

fn names(catalog: &Catalog) -> Vec<String> {
    let entries = catalog.entries();
    entries
        .iter()
        .map(|e| e.identity.name.to_string())
        .collect()
}

fn insert(catalog: &Catalog, text: &str) -> Result<Entry, CatalogError> {
    let mut new = entry(1, text, Status::Active);
    new.identity.id = catalog.take_id();
    catalog.insert(new.clone()).map(|()| new)
}

/// A disk with a catalog of three databases.
fn three() -> SimVfs {
    let disk = SimVfs::new(1);
    let catalog = open(&disk);
    for text in ["a", "bb", "ccc"] {
        insert(&catalog, text).unwrap();
    }
    disk
}

#[test]
fn databases_are_unchanged_by_a_fourth_with_a_longer_name_after_a_restart() {
    let disk = three();
    let before = open(&disk).entries();
    let disk = disk.crash(CrashProfile::DropAll, 1);
    let catalog = open(&disk);
    assert_eq!(catalog.origin(), CatalogOrigin::Read);
    assert_eq!(catalog.entries(), before);
    let longer = insert(&catalog, &"d".repeat(64)).unwrap();
    let disk = disk.crash(CrashProfile::DropAll, 2);
    let after = open(&disk).entries();
    assert_eq!(after[..3], before);
    assert_eq!(after[3..], [longer]);
}

#[test]
fn ids_count_up_and_are_never_given_again() {
    let disk = three();
    let catalog = open(&disk);
    catalog.mark_dropping(&name("ccc")).unwrap();
    catalog.remove([name("ccc")]).unwrap();
    assert_eq!(names(&catalog), ["a", "bb"]);
    let disk = disk.crash(CrashProfile::DropAll, 1);
    let catalog = open(&disk);
    assert_eq!(names(&catalog), ["a", "bb"]);
    assert_eq!(
        insert(&catalog, "ccc").unwrap().identity.id,
        DatabaseId::new(4)
    );
}

#[test]
fn any_truncation_and_any_flipped_bit_is_healed_or_seen() {
    let disk = three();
    let before = open(&disk).entries();
    let bytes = disk.bytes(Path::new(PATH)).unwrap();
    let copy = format::encode(&format::decode(&bytes).unwrap()).len();
    assert_eq!(bytes.len(), 4096 + copy);
    let place = |bytes: &[u8]| {
        let disk = SimVfs::new(2);
        write_whole(&disk, Path::new(PATH), bytes).unwrap();
        disk
    };
    for length in 0..bytes.len() {
        let disk = place(&bytes[..length]);
        let found = file::load(&disk, Path::new(PATH)).unwrap();
        match found {
            file::Found::Catalog { whole, .. } => assert!(length >= copy && !whole, "{length}"),
            file::Found::Damaged { .. } => assert!(length < copy, "{length}"),
            file::Found::Missing => panic!("a file was taken for none"),
        }
    }
    for bit in (0..copy * 8).chain(4096 * 8..bytes.len() * 8) {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let disk = place(&flipped);
        let catalog = open(&disk);
        assert_eq!(catalog.origin(), CatalogOrigin::Healed, "bit {bit}");
        assert_eq!(catalog.entries(), before, "bit {bit}");
        assert_eq!(open(&disk).origin(), CatalogOrigin::Read, "bit {bit}");
    }
}

#[test]
fn an_unreadable_block_is_healed_from_the_other_copy_and_an_unreadable_file_is_no_damage() {
    let disk = three();
    let before = open(&disk).entries();
    // The first read takes the whole file, the second one its first block.
    let reads = |skip| FaultOn::Call {
        kind: CallKind::Read,
        path_suffix: ".catalog".into(),
        skip,
    };
    disk.fail(Fault::once(reads(0), FaultKind::Eio));
    disk.fail(Fault::once(reads(0), FaultKind::Eio));
    let catalog = open(&disk);
    assert_eq!(catalog.origin(), CatalogOrigin::Healed);
    assert_eq!(catalog.entries(), before);

    let bytes = disk.bytes(Path::new(PATH)).unwrap();
    disk.fail(Fault::always(reads(0), FaultKind::Eio));
    let refused = Catalog::open(&disk.host(), Path::new("/"), &nobody).unwrap_err();
    assert!(matches!(refused, CatalogError::Read { .. }));
    assert_eq!(Error::from(refused).code(), Code::FileRead);
    assert_eq!(disk.bytes(Path::new(PATH)).unwrap(), bytes);
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_touched() {
    let disk = three();
    let path = Path::new(PATH);
    let mut bytes = disk.bytes(path).unwrap();
    for start in [0, 4096] {
        bytes[start + 8] = 3;
        let checksum = crc32fast::hash(&bytes[start..start + 48]);
        bytes[start + 48..start + 52].copy_from_slice(&checksum.to_le_bytes());
    }
    write_whole(&disk, path, &bytes).unwrap();
    write_whole(&disk, Path::new("/.catalog.tmp.tmp"), b"x").unwrap();
    let mutations = disk.mutations();
    let refused = Catalog::open(&disk.host(), Path::new("/"), &nobody).unwrap_err();
    assert!(matches!(
        refused,
        CatalogError::Newer {
            found: 3,
            known: 2,
            ..
        }
    ));
    let refused = Error::from(refused);
    assert_eq!(refused.code(), Code::FileOpen);
    assert!(
        refused.to_string().contains("format version 3"),
        "{refused}"
    );
    assert_eq!(disk.mutations(), mutations);
}

#[test]
fn a_lost_catalog_is_rebuilt_from_the_manifests_and_says_so() {
    let disk = SimVfs::new(1);
    for file in [
        "/b.manifest",
        "/a.manifest",
        "/dark.manifest",
        "/a.manifest.tmp",
        "/c.manifest.bak",
        "/.manifest",
        "/a.data.1",
    ] {
        write_whole(&disk, Path::new(file), b"x").unwrap();
    }
    let identify = |name: &DatabaseName| match name.as_str() {
        "a" => Some(DatabaseUid::from_bytes([1; 16])),
        "b" => Some(DatabaseUid::from_bytes([2; 16])),
        "dark" => None,
        other => panic!("{other} was taken for a database"),
    };
    let catalog = Catalog::open(&disk.host(), Path::new("/"), &identify).unwrap();
    assert_eq!(catalog.origin(), CatalogOrigin::Rebuilt);
    assert_eq!(catalog.unidentified(), [name("dark")]);
    let entries = catalog.entries();
    assert_eq!(names(&catalog), ["a", "b"]);
    assert_eq!(entries[0].identity.uid, DatabaseUid::from_bytes([1; 16]));
    assert_eq!(entries[1].identity.id, DatabaseId::new(2));

    let again = open(&disk.crash(CrashProfile::DropAll, 1));
    assert_eq!(again.origin(), CatalogOrigin::Read);
    assert_eq!(again.entries(), entries);
}

#[test]
fn a_rebuilt_catalog_gives_no_id_that_a_damaged_one_had_given() {
    let disk = three();
    let path = Path::new(PATH);
    // Both bodies are damaged, the headers are not.
    for start in [0, 4096] {
        disk.flip_bit(path, start + 60, 0).unwrap();
    }
    let damaged = disk.bytes(path).unwrap();
    write_whole(&disk, Path::new("/a.manifest"), b"x").unwrap();
    let identify = |_: &DatabaseName| Some(DatabaseUid::from_bytes([1; 16]));
    let catalog = Catalog::open(&disk.host(), Path::new("/"), &identify).unwrap();
    assert_eq!(catalog.origin(), CatalogOrigin::Rebuilt);
    assert_eq!(catalog.entries()[0].identity.id, DatabaseId::new(4));
    assert_eq!(
        disk.bytes(Path::new("/.catalog.damaged")),
        Some(damaged),
        "the damaged file is kept"
    );
}

#[test]
fn a_crash_at_any_call_leaves_the_catalog_before_or_after_the_change() {
    type Change = fn(&Catalog) -> Result<(), CatalogError>;
    let changes: [(Change, &[&str]); 3] = [
        (|c| insert(c, "dddd").map(drop), &["a", "bb", "ccc", "dddd"]),
        (|c| c.mark_dropping(&name("bb")), &["a", "-bb", "ccc"]),
        (|c| c.remove([name("a"), name("bb")]), &["ccc"]),
    ];
    let shown = |catalog: &Catalog| -> Vec<String> {
        let entries = catalog.entries().into_iter();
        entries
            .map(|entry| match entry.status {
                Status::Active => entry.identity.name.to_string(),
                Status::Dropping => format!("-{}", entry.identity.name),
            })
            .collect()
    };
    for (change, after) in changes {
        for cut in 0.. {
            let disk = three();
            let catalog = open(&disk);
            disk.crash_at(disk.operations() + cut);
            let answer = change(&catalog);
            for profile in CrashProfile::ALL {
                for seed in 0..8 {
                    let found = shown(&open(&disk.crash(profile, seed)));
                    if answer.is_ok() {
                        assert_eq!(found, after, "cut {cut}");
                    } else {
                        assert!(found == ["a", "bb", "ccc"] || found == after, "{found:?}");
                    }
                }
            }
            if answer.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn a_crash_at_any_call_of_the_first_open_leaves_a_directory_that_opens() {
    for cut in 0.. {
        let disk = SimVfs::new(1);
        disk.crash_at(cut);
        let opened = Catalog::open(&disk.host(), Path::new("/"), &nobody);
        for profile in CrashProfile::ALL {
            let after = disk.crash(profile, cut);
            assert!(open(&after).entries().is_empty());
        }
        if opened.is_ok() {
            break;
        }
    }
}

#[test]
fn a_change_that_fails_has_not_happened_or_says_that_it_does_not_know() {
    for kind in [FaultKind::Eio, FaultKind::Enospc, FaultKind::Erofs] {
        for persistence in [Fault::once, Fault::always] {
            for step in 0.. {
                let disk = three();
                let catalog = open(&disk);
                let fault = FaultOn::Mutation(disk.mutations() + step);
                disk.fail(persistence(fault, kind));
                let answer = insert(&catalog, "dddd");
                if disk.fault_hits() == 0 {
                    break;
                }
                let Err(error) = answer else {
                    assert_eq!(names(&catalog).len(), 4);
                    continue;
                };
                assert_eq!(names(&catalog), ["a", "bb", "ccc"]);
                let error = Error::from(error);
                let crashed: Vec<_> = CrashProfile::ALL
                    .into_iter()
                    .map(|profile| names(&open(&disk.crash(profile, step))).len())
                    .collect();
                match error.effect() {
                    Effect::NotApplied => assert!(
                        crashed.iter().all(|count| *count == 3),
                        "{kind:?} at {step}: {error}: {crashed:?}"
                    ),
                    Effect::Unknown => assert_eq!(error.category().as_str(), "critical"),
                    Effect::Applied => panic!("{error}"),
                }
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_a_change_and_the_next_one_succeeds_when_there_is_room() {
    let disk = three();
    let catalog = open(&disk);
    disk.set_capacity_bytes(Some(8192));
    let error = Error::from(insert(&catalog, "dddd").unwrap_err());
    assert_eq!(
        (error.code(), error.effect()),
        (Code::DiskFull, Effect::NotApplied)
    );
    disk.set_capacity_bytes(None);
    insert(&catalog, "dddd").unwrap();
    assert_eq!(names(&open(&disk.crash(CrashProfile::DropAll, 1))).len(), 4);
}

#[test]
fn a_change_whose_outcome_is_unknown_is_decided_before_the_next_one() {
    let disk = three();
    let catalog = open(&disk);
    disk.fail(Fault::always(
        FaultOn::call(CallKind::SyncDir, ""),
        FaultKind::Eio,
    ));
    let error = Error::from(insert(&catalog, "dddd").unwrap_err());
    assert_eq!(error.effect(), Effect::Unknown);
    assert!(catalog.settle().is_err());
    disk.clear_faults();
    catalog.settle().unwrap();
    for profile in CrashProfile::ALL {
        let found = names(&open(&disk.crash(profile, 3)));
        assert_eq!(found, ["a", "bb", "ccc"]);
    }
}

#[test]
fn ten_thousand_names_fit_and_come_back() {
    let disk = SimVfs::new(1);
    let catalog = open(&disk);
    let entries = (0..10_000).map(|number| {
        let mut new = entry(1, &format!("tenant-{number:05}"), Status::Active);
        new.identity.id = DatabaseId::new(number + 1);
        new
    });
    let contents = Contents {
        generation: 1,
        next_id: DatabaseId::new(10_001),
        entries: entries.map(|e| (e.identity.name.clone(), e)).collect(),
    };
    drop(catalog);
    file::store(&disk, Path::new(PATH), &contents).unwrap();
    let catalog = open(&disk);
    assert_eq!(catalog.entries().len(), 10_000);
    insert(&catalog, "one more").unwrap();
    assert_eq!(open(&disk).entries().len(), 10_001);
}

fn flip(disk: &SimVfs, offset: u64) {
    disk.flip_bit(Path::new(PATH), offset, 3).unwrap();
}

fn damage(scrub: CatalogScrub) -> Option<(u64, Remedy)> {
    scrub.damage.map(|damage| (damage.at, damage.remedy))
}

#[test]
fn a_byte_flipped_under_an_open_catalog_is_found_and_healed_from_the_other_copy() {
    let disk = three();
    let catalog = open(&disk);
    let before = catalog.entries();
    let bytes = disk.bytes(Path::new(PATH)).unwrap().len() as u64;
    assert_eq!(damage(catalog.scrub(&nobody).unwrap()), None);
    for offset in 0..bytes {
        flip(&disk, offset);
        let scrub = catalog.scrub(&nobody).unwrap();
        assert_eq!(damage(scrub), Some((offset, Remedy::Copy)));
        assert_eq!(scrub.bytes, bytes);
        assert_eq!(damage(catalog.scrub(&nobody).unwrap()), None, "{offset}");
    }
    let disk = disk.crash(CrashProfile::DropAll, 1);
    let catalog = open(&disk);
    assert_eq!(catalog.origin(), CatalogOrigin::Read);
    assert_eq!(catalog.entries(), before);
}

#[test]
fn a_catalog_without_a_whole_copy_is_written_anew_only_where_the_manifests_bear_it_out() {
    let uid_of = |catalog: &Catalog| {
        let entries = catalog.entries();
        move |name: &DatabaseName| {
            let entry = entries.iter().find(|entry| entry.identity.name == *name);
            entry.map(|entry| entry.identity.uid)
        }
    };
    let lose = |disk: &SimVfs, is_missing: bool| {
        if is_missing {
            disk.remove(Path::new(PATH)).unwrap();
        } else {
            flip(disk, 60);
            flip(disk, 4096 + 60);
        }
    };
    for is_missing in [false, true] {
        let disk = three();
        let catalog = open(&disk);
        let before = catalog.entries();
        lose(&disk, is_missing);
        let left = disk.bytes(Path::new(PATH));
        let other = |_: &DatabaseName| Some(DatabaseUid::from_bytes([77; 16]));
        let scrub = catalog.scrub(&other).unwrap();
        assert_eq!(scrub.damage.unwrap().remedy, Remedy::None);
        assert_eq!(disk.bytes(Path::new(PATH)), left, "it is left as it is");
        let scrub = catalog.scrub(&uid_of(&catalog)).unwrap();
        assert_eq!(scrub.damage.unwrap().remedy, Remedy::Manifests);
        assert_eq!(damage(catalog.scrub(&nobody).unwrap()), None);
        let disk = disk.crash(CrashProfile::DropAll, 1);
        let catalog = open(&disk);
        assert_eq!(catalog.origin(), CatalogOrigin::Read);
        assert_eq!(
            catalog.entries(),
            before,
            "ids and times are what they were"
        );
    }
}

#[test]
fn an_older_catalog_is_a_lost_write_and_a_newer_one_is_somebody_elses() {
    let path = Path::new(PATH);
    let disk = three();
    let older = disk.bytes(path).unwrap();
    let catalog = open(&disk);
    insert(&catalog, "d").unwrap();
    let written = disk.bytes(path).unwrap();
    write_whole(&disk, path, &older).unwrap();
    let tells_nothing = |_: &DatabaseName| None;
    let scrub = catalog.scrub(&tells_nothing).unwrap();
    assert_eq!(scrub.damage.unwrap().remedy, Remedy::Manifests);
    assert_eq!(names(&open(&disk)), ["a", "bb", "ccc", "d"]);

    write_whole(&disk, path, &written).unwrap();
    let other = open(&disk);
    for text in ["e", "f", "g"] {
        insert(&other, text).unwrap();
    }
    let newer = disk.bytes(path).unwrap();
    let scrub = catalog.scrub(&tells_nothing).unwrap();
    assert_eq!(scrub.damage.unwrap().remedy, Remedy::None);
    assert_eq!(disk.bytes(path).unwrap(), newer);
}

/// Ids that a change took and that did not reach the disk are no damage.
#[test]
fn a_change_that_failed_leaves_a_catalog_that_is_what_was_written() {
    let disk = three();
    let catalog = open(&disk);
    disk.fail(Fault::once(
        FaultOn::call(CallKind::Write, ".catalog.tmp"),
        FaultKind::Enospc,
    ));
    insert(&catalog, "d").unwrap_err();
    assert_eq!(damage(catalog.scrub(&nobody).unwrap()), None);
}
