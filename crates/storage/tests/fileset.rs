//! The set of open data files.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing test")]

mod fixture;

use docdb_storage::{FileSet, Manifest, StorageError, StorageHome};
use docdb_vfs::{SimVfs, Vfs};

use fixture::{disk, home, number, write_sample};

fn two_files() -> (SimVfs, StorageHome, Manifest) {
    let disk = disk(3);
    let home = home(&disk);
    let mut manifest = Manifest::empty();
    for file in [1, 2] {
        let metadata = manifest.next_metadata(&[]);
        let added = write_sample(&home, number(file), &metadata).unwrap();
        manifest = manifest.succeeded_by(added, &metadata).unwrap();
    }
    (disk, home, manifest)
}

#[test]
fn a_retired_file_can_be_removed_once_its_last_reader_has_let_go_and_not_by_that_reader() {
    let (disk, home, manifest) = two_files();
    let (files, _) = FileSet::open(&home, &manifest).unwrap();
    let path = home.data_file_path(number(1));
    let reader = files.get(number(1)).unwrap();
    let pin = files.pin();
    files.retire(&[number(1)]);
    assert!(files.remove_retired(&mut |_| None), "it is read");
    assert!(files.get(number(1)).is_none());
    assert_eq!(files.view().iter().count(), 1);
    let later = files.pin();
    assert!(pin.get(number(1)).is_some());
    assert!(later.get(number(1)).is_none(), "retired before the pin");
    assert!(later.get(number(2)).is_some());
    drop(reader);
    assert!(files.remove_retired(&mut |_| None), "it is pinned");
    assert!(disk.exists(&path).unwrap());
    drop(pin);
    assert!(disk.exists(&path).unwrap(), "who read last removed it");
    assert!(!files.remove_retired(&mut |_| None));
    assert!(!disk.exists(&path).unwrap());
    assert!(disk.exists(&home.data_file_path(number(2))).unwrap());
}

#[test]
fn a_pin_holds_files_that_became_live_after_it() {
    let (_disk, home, manifest) = two_files();
    let (files, _) = FileSet::open(&home, &manifest).unwrap();
    let pin = files.pin();
    let metadata = manifest.next_metadata(&[]);
    let added = write_sample(&home, number(3), &metadata).unwrap();
    files.add(&added).unwrap();
    files.retire(&[number(3)]);
    assert!(pin.get(number(3)).is_some());
}

#[test]
fn what_was_retired_goes_with_the_set() {
    let (disk, home, manifest) = two_files();
    let (files, _) = FileSet::open(&home, &manifest).unwrap();
    files.retire(&[number(1)]);
    drop(files);
    assert!(!disk.exists(&home.data_file_path(number(1))).unwrap());
}

#[test]
fn closing_the_set_removes_nothing_that_is_live() {
    let (disk, home, manifest) = two_files();
    let (files, salvaged) = FileSet::open(&home, &manifest).unwrap();
    assert!(salvaged.is_empty());
    drop(files);
    assert!(disk.exists(&home.data_file_path(number(1))).unwrap());
}

#[test]
fn another_file_under_the_name_that_the_manifest_means_is_refused() {
    let (disk, home, manifest) = two_files();
    disk.remove(&home.data_file_path(number(2))).unwrap();
    assert!(matches!(
        FileSet::open(&home, &manifest),
        Err(StorageError::Missing { .. })
    ));
    // The same number and content, another salt: restored from somewhere.
    write_sample(&home, number(2), &manifest.next_metadata(&[])).unwrap();
    assert!(matches!(
        FileSet::open(&home, &manifest),
        Err(StorageError::Misplaced { .. })
    ));
}

#[test]
fn a_file_with_a_damaged_frame_is_salvaged_and_reported() {
    let (disk, home, manifest) = two_files();
    disk.flip_bit(&home.data_file_path(number(2)), 3, 1)
        .unwrap();
    let (files, salvaged) = FileSet::open(&home, &manifest).unwrap();
    let [damaged] = &salvaged[..] else {
        panic!("{salvaged:?}")
    };
    assert_eq!(damaged.number, number(2));
    assert!(damaged.lost.is_empty());
    assert!(files.get(number(2)).unwrap().is_salvaged());
}
