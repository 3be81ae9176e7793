//! Calls fail the way devices and kernels make them fail.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing test")]

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use docdb_vfs::{
    CallKind, CrashProfile, Fault, FaultKind, FaultOn, File, LockError, OpenMode, SimVfs, Vfs,
    create_dir_durable, publish, read_whole, write_whole,
};

fn path(path: &str) -> &Path {
    Path::new(path)
}

fn disk_with(seed: u64, bytes: &[u8]) -> (SimVfs, Arc<dyn File>) {
    let disk = SimVfs::new(seed);
    write_whole(&disk, path("/a"), bytes).unwrap();
    let file = disk.open(path("/a"), OpenMode::ReadWrite).unwrap();
    (disk, file)
}

fn next(kind: CallKind) -> FaultOn {
    FaultOn::call(kind, "")
}

fn bytes_of(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0; file.length().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn a_failed_sync_loses_its_bytes_for_ever_while_the_cache_shows_them() {
    let mut found = BTreeSet::new();
    for seed in 0..20 {
        let (disk, file) = disk_with(seed, b"old");
        file.write_all_at(b"newer", 0).unwrap();
        disk.fail(Fault::once(next(CallKind::Sync), FaultKind::Eio));
        assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(5));
        assert_eq!(bytes_of(&*file), b"newer");
        file.sync_data().unwrap();
        file.sync_all().unwrap();
        assert_eq!(bytes_of(&*file), b"newer");
        file.drop_cache().unwrap();
        let seen = bytes_of(&*file);
        assert!(seen == b"old" || seen == b"old\0\0");
        let image = disk.crash(CrashProfile::KeepAll, 0);
        assert_eq!(image.bytes(path("/a")).unwrap(), seen);
        found.insert(seen);
    }
    // The length is metadata of its own and may have survived.
    assert_eq!(found.len(), 2);
}

#[test]
fn bytes_written_after_a_failed_sync_are_synced_as_ever() {
    let (disk, file) = disk_with(1, &[0; 50]);
    file.write_all_at(&[1; 10], 0).unwrap();
    disk.fail(Fault::once(next(CallKind::Sync), FaultKind::Eintr));
    assert_eq!(file.sync_data().unwrap_err().kind(), ErrorKind::Interrupted);
    file.write_all_at(&[2; 30], 10).unwrap();
    file.sync_data().unwrap();
    file.write_all_at(&[3; 10], 40).unwrap();
    let expected = [[0; 10], [2; 10], [2; 10], [2; 10], [0; 10]].concat();
    assert_eq!(disk.durable_bytes(path("/a")).unwrap(), expected);
    // Bytes that wait to be written are not in the way of dropping the cache, and stay.
    file.drop_cache().unwrap();
    let expected = [[0; 10], [2; 10], [2; 10], [2; 10], [3; 10]].concat();
    assert_eq!(bytes_of(&*file), expected);
}

#[test]
fn a_lying_sync_answers_and_loses() {
    let (disk, file) = disk_with(1, b"old");
    file.write_all_at(b"new", 0).unwrap();
    disk.fail(Fault::once(next(CallKind::Sync), FaultKind::LostSync));
    file.sync_data().unwrap();
    assert_eq!(bytes_of(&*file), b"new");
    let image = disk.crash(CrashProfile::KeepAll, 0);
    assert_eq!(image.bytes(path("/a")).unwrap(), b"old");
}

#[test]
fn a_failed_sync_of_a_directory_loses_its_entries_for_ever() {
    for kind in [FaultKind::Eio, FaultKind::LostSync] {
        let (disk, _) = disk_with(1, b"old");
        disk.open(path("/b"), OpenMode::CreateNew).unwrap();
        disk.rename(path("/a"), path("/c")).unwrap();
        disk.fail(Fault::once(next(CallKind::SyncDir), kind));
        assert_eq!(
            disk.sync_dir(path("/")).is_ok(),
            kind == FaultKind::LostSync
        );
        disk.sync_dir(path("/")).unwrap();
        assert_eq!(disk.paths(), [path("/b"), path("/c")]);
        let image = disk.crash(CrashProfile::KeepAll, 0);
        assert_eq!(image.paths(), [path("/a")]);
    }
    // A directory that could not even be opened has lost nothing.
    let (disk, _) = disk_with(1, b"old");
    disk.open(path("/b"), OpenMode::CreateNew).unwrap();
    disk.fail(Fault::once(next(CallKind::SyncDir), FaultKind::Emfile));
    assert_eq!(
        disk.sync_dir(path("/")).unwrap_err().raw_os_error(),
        Some(24)
    );
    disk.sync_dir(path("/")).unwrap();
    let image = disk.crash(CrashProfile::DropAll, 0);
    assert_eq!(image.paths(), [path("/a"), path("/b")]);
}

#[test]
fn a_lost_name_shows_until_a_later_change_of_it_is_durable() {
    for is_synced in [false, true] {
        let (disk, _) = disk_with(1, b"old");
        assert!(!disk.shows_lost_names());
        let replace = |bytes: &[u8]| {
            let file = disk.open(path("/new"), OpenMode::CreateNew).unwrap();
            file.write_all_at(bytes, 0).unwrap();
            file.sync_all().unwrap();
            disk.rename(path("/new"), path("/a")).unwrap();
        };
        replace(b"lost");
        disk.fail(Fault::once(next(CallKind::SyncDir), FaultKind::Eio));
        assert!(disk.sync_dir(path("/")).is_err());
        assert!(disk.shows_lost_names());
        // Whoever read the lost file and replaced it may be found to have replaced the old one.
        replace(b"behind it");
        if is_synced {
            disk.sync_dir(path("/")).unwrap();
        }
        assert_eq!(disk.shows_lost_names(), !is_synced);
        let image = disk.crash(CrashProfile::DropAll, 0);
        let found = image.open(path("/a"), OpenMode::Read).unwrap();
        let expected: &[u8] = if is_synced { b"behind it" } else { b"old" };
        assert_eq!(bytes_of(found.as_ref()), expected);
    }
}

#[test]
fn no_sync_is_ever_repeated() {
    for kind in [FaultKind::Eio, FaultKind::Eintr, FaultKind::Enospc] {
        for call in [CallKind::Sync, CallKind::SyncDir] {
            let (disk, _) = disk_with(1, b"old");
            disk.fail(Fault::once(next(call), kind));
            write_whole(&disk, path("/a"), b"new").unwrap_err();
            assert_eq!(disk.fault_hits(), 1);
            let image = disk.crash(CrashProfile::KeepAll, 0);
            assert_eq!(image.bytes(path("/a")).unwrap(), b"old");
        }
    }
}

#[test]
fn create_dir_durable_reports_every_failed_sync() {
    for skip in 0..3 {
        let disk = SimVfs::new(1);
        disk.create_dir(path("/d")).unwrap();
        let on = FaultOn::Call {
            kind: CallKind::SyncDir,
            path_suffix: String::new(),
            skip,
        };
        disk.fail(Fault::once(on, FaultKind::Eio));
        let answer = create_dir_durable(&disk, path("/d/e/f"));
        assert_eq!(answer.unwrap_err().raw_os_error(), Some(5));
    }
}

#[test]
fn short_writes_and_interruptions_are_gone_on_from() {
    for kind in [FaultKind::ShortWrite, FaultKind::Eintr] {
        let (disk, file) = disk_with(1, b"");
        let bytes: Vec<u8> = (0..5000).map(|byte| byte as u8).collect();
        for call in [CallKind::Write, CallKind::Read] {
            disk.fail(Fault::always(next(call), kind));
        }
        file.write_all_at(&bytes, 3).unwrap();
        let mut read = vec![0; 5000];
        file.read_exact_at(&mut read, 3).unwrap();
        assert_eq!(read, bytes);
        assert!(disk.fault_hits() >= 2);
    }
    let (disk, file) = disk_with(1, b"");
    disk.fail(Fault::once(next(CallKind::Write), FaultKind::ShortWrite));
    let written = file.write_at(&[7; 100], 0).unwrap();
    assert!((1..100).contains(&written));
    assert_eq!(file.length().unwrap(), written as u64);
    assert_eq!(file.write_at(&[7; 100], 0).unwrap(), 100);
}

#[test]
fn a_read_error_is_not_the_end_of_the_file() {
    let (disk, file) = disk_with(1, b"bytes");
    disk.fail(Fault::always(
        FaultOn::call(CallKind::Read, "/a"),
        FaultKind::Eio,
    ));
    let error = file.read_exact_at(&mut [0; 5], 0).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5));
    let error = read_whole(&disk, path("/a"), 10).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5));
    disk.clear_faults();
    assert_eq!(read_whole(&disk, path("/a"), 10).unwrap(), b"bytes");
}

#[test]
fn a_file_that_takes_nothing_is_an_error_not_a_loop() {
    struct Full;
    impl File for Full {
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }
        fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }
        fn set_len(&self, _: u64) -> io::Result<()> {
            Ok(())
        }
        fn length(&self) -> io::Result<u64> {
            Ok(0)
        }
        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }
        fn sync_all(&self) -> io::Result<()> {
            Ok(())
        }
        fn drop_cache(&self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = Full.write_all_at(b"x", 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    let error = Full.read_exact_at(&mut [0], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_full_disk_takes_a_part_then_nothing_until_space_is_freed() {
    let disk = SimVfs::new(1);
    disk.set_capacity_bytes(Some(4 * 4096));
    let a = disk.open(path("/a"), OpenMode::CreateNew).unwrap();
    a.write_all_at(&[1; 4096], 0).unwrap();
    let b = disk.open(path("/b"), OpenMode::CreateNew).unwrap();
    assert_eq!(disk.available_bytes(path("/")).unwrap(), 3 * 4096);
    assert_eq!(b.write_at(&[2; 20_000], 100).unwrap(), 3 * 4096 - 100);
    let error = b.write_at(&[2; 10], 3 * 4096).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(b.length().unwrap(), 3 * 4096);
    // What has its space already can be overwritten; a hole takes none.
    b.write_all_at(&[3; 4096], 200).unwrap();
    b.set_len(1 << 20).unwrap();
    assert_eq!(disk.available_bytes(path("/")).unwrap(), 0);
    // An open file keeps its space.
    disk.remove(path("/a")).unwrap();
    assert_eq!(disk.available_bytes(path("/")).unwrap(), 0);
    drop(a);
    assert_eq!(disk.available_bytes(path("/")).unwrap(), 4096);
    b.write_all_at(&[2; 4096], 3 * 4096).unwrap();
    b.set_len(0).unwrap();
    assert_eq!(disk.available_bytes(path("/")).unwrap(), 4 * 4096);
    disk.set_capacity_bytes(None);
    b.write_all_at(&[2; 100_000], 0).unwrap();
}

#[test]
fn write_whole_on_a_full_disk_keeps_the_old_file_and_frees_its_space() {
    let (disk, _) = disk_with(1, b"old");
    disk.set_capacity_bytes(Some(2 * 4096));
    let error = write_whole(&disk, path("/a"), &[1; 9000]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(disk.available_bytes(path("/")).unwrap(), 4096);
    assert_eq!(disk.paths(), [path("/a")]);
    write_whole(&disk, path("/a"), b"new").unwrap();
    assert_eq!(disk.bytes(path("/a")).unwrap(), b"new");
}

#[test]
fn faults_hit_the_calls_they_are_aimed_at() {
    let disk = SimVfs::new(1);
    let wal = disk.open(path("/x.wal"), OpenMode::CreateNew).unwrap();
    let data = disk.open(path("/x.data"), OpenMode::CreateNew).unwrap();
    disk.fail(Fault::once(
        FaultOn::Call {
            kind: CallKind::Write,
            path_suffix: ".wal".to_owned(),
            skip: 2,
        },
        FaultKind::Enospc,
    ));
    let answers: Vec<bool> = (0..5)
        .flat_map(|_| {
            [
                wal.write_at(b"x", 0).is_ok(),
                data.write_at(b"x", 0).is_ok(),
            ]
        })
        .collect();
    assert_eq!(answers.iter().position(|ok| !ok), Some(4));
    assert_eq!(answers.iter().filter(|ok| !**ok).count(), 1);

    disk.fail(Fault::once(
        FaultOn::call(CallKind::Rename, ".new"),
        FaultKind::Eio,
    ));
    disk.rename(path("/x.data"), path("/x.new")).unwrap_err();
    disk.rename(path("/x.data"), path("/x.new")).unwrap();

    disk.fail(Fault::once(
        FaultOn::Operation(disk.operations() + 1),
        FaultKind::Eio,
    ));
    assert!(wal.length().is_ok() && wal.length().is_err() && wal.length().is_ok());

    disk.fail(Fault::always(
        FaultOn::Mutation(disk.mutations() + 1),
        FaultKind::Erofs,
    ));
    wal.write_at(b"x", 0).unwrap();
    let error = wal.write_at(b"x", 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem);
    assert!(wal.set_len(0).is_err() && disk.remove(path("/x.wal")).is_err());
    assert!(disk.open(path("/x.wal"), OpenMode::Read).is_ok());
    assert!(matches!(disk.lock(path("/l")), Err(LockError::Io(_))));
    disk.clear_faults();
    disk.fail(Fault::always(next(CallKind::Open), FaultKind::Erofs));
    assert!(disk.open(path("/x.wal"), OpenMode::ReadWrite).is_err());
    assert!(disk.open(path("/x.wal"), OpenMode::Read).is_ok());
}

#[test]
fn write_whole_keeps_the_old_file_or_the_new_one_whatever_fails() {
    let kinds = [
        FaultKind::Eio,
        FaultKind::Enospc,
        FaultKind::ShortWrite,
        FaultKind::Eintr,
        FaultKind::Erofs,
        FaultKind::Emfile,
    ];
    let (disk, _) = disk_with(0, b"old");
    let before = disk.operations();
    write_whole(&disk, path("/a"), b"newer").unwrap();
    let calls = disk.operations() - before;
    for kind in kinds {
        for arm in [Fault::once, Fault::always] {
            let mut hits = 0;
            for call in 0..calls {
                let (disk, _) = disk_with(call, b"old");
                disk.fail(arm(FaultOn::Operation(disk.operations() + call), kind));
                let answer = write_whole(&disk, path("/a"), b"newer");
                disk.clear_faults();
                let seen = disk.bytes(path("/a")).unwrap();
                assert!(seen == b"old" || seen == b"newer");
                for seed in 0..10 {
                    let image = disk.crash(CrashProfile::Strict, seed);
                    let found = image.bytes(path("/a")).unwrap();
                    assert!(found == b"newer" || answer.is_err() && found == b"old");
                }
                hits += disk.fault_hits();
            }
            assert!(hits > 0, "{kind:?}");
        }
    }
}

#[test]
fn publish_without_the_file_changes_nothing() {
    let (disk, _) = disk_with(1, b"old");
    let error = publish(&disk, path("/no"), path("/a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(disk.bytes(path("/a")).unwrap(), b"old");
}

#[test]
fn damage_is_on_the_disk_and_survives_syncs() {
    let (disk, file) = disk_with(1, &[0; 100]);
    file.write_all_at(&[1; 20], 50).unwrap();
    disk.flip_bit(path("/a"), 0, 7).unwrap();
    disk.corrupt(path("/a"), 48, &[9; 4]).unwrap();
    let check = |bytes: Vec<u8>| {
        assert_eq!(bytes[0], 128);
        assert_eq!(bytes[46..54], [0, 0, 9, 9, 9, 9, 1, 1]);
    };
    check(bytes_of(&*file));
    file.sync_data().unwrap();
    file.drop_cache().unwrap();
    check(bytes_of(&*file));
    let image = disk.crash(CrashProfile::DropAll, 0);
    check(image.bytes(path("/a")).unwrap());
    let out_of_range = image.flip_bit(path("/a"), 100, 0).unwrap_err();
    assert_eq!(out_of_range.kind(), ErrorKind::InvalidInput);
    let missing = image.corrupt(path("/b"), 0, b"x").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn simulated_time_moves_by_hand() {
    let disk = SimVfs::new(1);
    let host = disk.host();
    assert_eq!(host.clock.monotonic(), Duration::ZERO);
    let start = host.clock.unix_time();
    disk.clock().advance(Duration::from_millis(1500));
    assert_eq!(host.clock.monotonic(), Duration::from_millis(1500));
    assert_eq!(host.clock.unix_time() - start, Duration::from_millis(1500));
    disk.clock().set_unix_time(Duration::from_secs(5));
    assert_eq!(host.clock.unix_time(), Duration::from_secs(5));
    assert_eq!(host.clock.monotonic(), Duration::from_millis(1500));
    // A crash does not move it, and the new disk has a clock of its own.
    let image = disk.crash(CrashProfile::DropAll, 0);
    disk.clock().advance(Duration::from_secs(1));
    let clock = image.host().clock;
    assert_eq!(clock.monotonic(), Duration::from_millis(1500));
}
