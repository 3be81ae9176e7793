//! One behaviour, two file systems: each test runs on the machine's and on the simulated one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing call is a failing test"
)]

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use docdb_vfs::{
    Entropy, EntryKind, LockError, OpenMode, RealVfs, SimEntropy, SimVfs, Vfs, create_dir_durable,
    publish, read_whole, remove_durable, write_whole,
};

fn on_both(behaves: impl Fn(&dyn Vfs, &Path)) {
    let dir = tempfile::tempdir().unwrap();
    behaves(&RealVfs::new(), dir.path());
    let sim = SimVfs::new(1);
    sim.create_dir(Path::new("/dir")).unwrap();
    behaves(&sim, Path::new("/dir"));
}

fn kind<T>(answer: std::io::Result<T>) -> ErrorKind {
    answer.err().unwrap().kind()
}

fn names(vfs: &dyn Vfs, dir: &Path) -> Vec<PathBuf> {
    let entries = vfs.list(dir).unwrap();
    entries.into_iter().map(|entry| entry.name.into()).collect()
}

#[test]
fn bytes_read_back_as_written_with_zeros_in_gaps() {
    on_both(|vfs, dir| {
        let path = dir.join("a");
        let file = vfs.open(&path, OpenMode::CreateNew).unwrap();
        file.write_all_at(b"one", 0).unwrap();
        file.write_all_at(b"two", 10_000).unwrap();
        file.write_all_at(b"", 90_000).unwrap();
        assert_eq!(file.length().unwrap(), 10_003);
        let mut all = vec![7; 10_003];
        file.read_exact_at(&mut all, 0).unwrap();
        assert_eq!(&all[..3], b"one");
        assert!(all[3..10_000].iter().all(|&byte| byte == 0));
        assert_eq!(&all[10_000..], b"two");
    });
}

#[test]
fn reads_end_at_the_end_of_the_file() {
    on_both(|vfs, dir| {
        let file = vfs.open(&dir.join("a"), OpenMode::CreateNew).unwrap();
        file.write_all_at(b"12345", 0).unwrap();
        let mut buf = [0; 4];
        assert_eq!(file.read_at(&mut buf, 3).unwrap(), 2);
        assert_eq!(&buf[..2], b"45");
        assert_eq!(file.read_at(&mut buf, 5).unwrap(), 0);
        assert_eq!(file.read_at(&mut buf, 1 << 40).unwrap(), 0);
        assert_eq!(file.read_at(&mut [], 0).unwrap(), 0);
        assert_eq!(
            kind(file.read_exact_at(&mut buf, 3)),
            ErrorKind::UnexpectedEof
        );
    });
}

#[test]
fn a_cut_file_grows_back_with_zeros() {
    on_both(|vfs, dir| {
        let file = vfs.open(&dir.join("a"), OpenMode::CreateNew).unwrap();
        file.write_all_at(&[9; 5000], 0).unwrap();
        for length in [4500, 4096, 4095, 1, 0] {
            file.set_len(length).unwrap();
            assert_eq!(file.length().unwrap(), length);
            file.set_len(5000).unwrap();
            let mut all = vec![1; 5000];
            file.read_exact_at(&mut all, 0).unwrap();
            let kept = length as usize;
            assert!(all[..kept].iter().all(|&byte| byte == 9));
            assert!(all[kept..].iter().all(|&byte| byte == 0));
        }
    });
}

#[test]
fn open_refuses_what_its_mode_excludes() {
    on_both(|vfs, dir| {
        let path = dir.join("a");
        assert_eq!(kind(vfs.open(&path, OpenMode::Read)), ErrorKind::NotFound);
        assert_eq!(
            kind(vfs.open(&path, OpenMode::ReadWrite)),
            ErrorKind::NotFound
        );
        vfs.open(&path, OpenMode::CreateNew).unwrap();
        assert_eq!(
            kind(vfs.open(&path, OpenMode::CreateNew)),
            ErrorKind::AlreadyExists
        );
        assert_eq!(
            kind(vfs.open(&path.join("b"), OpenMode::CreateNew)),
            ErrorKind::NotADirectory
        );
        assert_eq!(
            kind(vfs.open(&dir.join("no/b"), OpenMode::CreateNew)),
            ErrorKind::NotFound
        );
        for mode in [OpenMode::Read, OpenMode::ReadWrite] {
            assert_eq!(kind(vfs.open(dir, mode)), ErrorKind::IsADirectory);
        }
        assert_eq!(
            kind(vfs.open(dir, OpenMode::CreateNew)),
            ErrorKind::AlreadyExists
        );
        let reader = vfs.open(&path, OpenMode::Read).unwrap();
        assert!(reader.write_at(b"x", 0).is_err());
        assert!(reader.set_len(1).is_err());
        assert_eq!(reader.length().unwrap(), 0);
    });
}

#[test]
fn rename_replaces_and_keeps_open_handles_alive() {
    on_both(|vfs, dir| {
        let (a, b) = (dir.join("a"), dir.join("b"));
        write_whole(vfs, &a, b"new").unwrap();
        write_whole(vfs, &b, b"old").unwrap();
        let old = vfs.open(&b, OpenMode::Read).unwrap();
        vfs.rename(&a, &b).unwrap();
        vfs.sync_dir(dir).unwrap();
        assert_eq!(names(vfs, dir), [Path::new("b")]);
        assert_eq!(read_whole(vfs, &b, 10).unwrap(), b"new");
        let mut bytes = [0; 3];
        old.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"old");
        vfs.rename(&b, &b).unwrap();
        assert_eq!(read_whole(vfs, &b, 10).unwrap(), b"new");
        assert_eq!(kind(vfs.rename(&a, &b)), ErrorKind::NotFound);
        vfs.create_dir(&dir.join("d")).unwrap();
        assert_eq!(
            kind(vfs.rename(&b, &dir.join("d"))),
            ErrorKind::IsADirectory
        );
        assert_eq!(
            kind(vfs.rename(&dir.join("d"), &a)),
            ErrorKind::IsADirectory
        );
        vfs.rename(&b, &dir.join("d/c")).unwrap();
        assert_eq!(names(vfs, dir), [Path::new("d")]);
        assert_eq!(names(vfs, &dir.join("d")), [Path::new("c")]);
    });
}

#[test]
fn a_removed_file_is_gone_and_still_readable_where_it_is_open() {
    on_both(|vfs, dir| {
        let path = dir.join("a");
        write_whole(vfs, &path, b"kept").unwrap();
        let open = vfs.open(&path, OpenMode::Read).unwrap();
        remove_durable(vfs, &path).unwrap();
        remove_durable(vfs, &path).unwrap();
        assert!(!vfs.exists(&path).unwrap());
        assert_eq!(kind(vfs.remove(&path)), ErrorKind::NotFound);
        let mut bytes = [0; 4];
        open.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"kept");
        assert_eq!(kind(vfs.remove(dir)), ErrorKind::IsADirectory);
    });
}

#[test]
fn space_is_set_aside_and_reads_as_zeros() {
    on_both(|vfs, dir| {
        let file = vfs.open(&dir.join("a"), OpenMode::CreateNew).unwrap();
        file.allocate(100_000).unwrap();
        assert_eq!(file.length().unwrap(), 100_000);
        let mut bytes = [1; 100];
        file.read_exact_at(&mut bytes, 99_900).unwrap();
        assert_eq!(bytes, [0; 100]);
    });
}

#[test]
fn a_directory_lists_sorted_with_kinds() {
    on_both(|vfs, dir| {
        for name in ["wal.10", "wal.2", "b"] {
            write_whole(vfs, &dir.join(name), name.as_bytes()).unwrap();
        }
        vfs.create_dir(&dir.join("c")).unwrap();
        let listed: Vec<_> = vfs
            .list(dir)
            .unwrap()
            .into_iter()
            .map(|entry| (entry.name.into_string().unwrap(), entry.kind))
            .collect();
        let expected = [
            ("b", EntryKind::File),
            ("c", EntryKind::Directory),
            ("wal.10", EntryKind::File),
            ("wal.2", EntryKind::File),
        ];
        assert_eq!(listed, expected.map(|(name, kind)| (name.to_owned(), kind)));
        let prefixed = vfs.list_prefixed(dir, OsStr::new("wal.")).unwrap();
        assert_eq!(prefixed, vfs.list(dir).unwrap()[2..]);
        assert_eq!(kind(vfs.list(&dir.join("no"))), ErrorKind::NotFound);
        assert_eq!(kind(vfs.list(&dir.join("b"))), ErrorKind::NotADirectory);
        assert_eq!(kind(vfs.sync_dir(&dir.join("no"))), ErrorKind::NotFound);
        assert_eq!(kind(vfs.sync_dir(&dir.join("b"))), ErrorKind::NotADirectory);
        assert_eq!(kind(vfs.exists(&dir.join("b/x"))), ErrorKind::NotADirectory);
        assert_eq!(
            kind(vfs.create_dir(&dir.join("b"))),
            ErrorKind::AlreadyExists
        );
        assert_eq!(kind(vfs.create_dir(&dir.join("no/x"))), ErrorKind::NotFound);
    });
}

#[test]
fn create_dir_durable_creates_every_level_and_accepts_what_is_there() {
    on_both(|vfs, dir| {
        let deep = dir.join("x/y/z");
        create_dir_durable(vfs, &deep).unwrap();
        create_dir_durable(vfs, &deep).unwrap();
        assert!(vfs.exists(&deep).unwrap());
        write_whole(vfs, &dir.join("f"), b"").unwrap();
        assert_eq!(
            kind(create_dir_durable(vfs, &dir.join("f"))),
            ErrorKind::NotADirectory
        );
        assert_eq!(
            kind(create_dir_durable(vfs, &dir.join("f/x"))),
            ErrorKind::NotADirectory
        );
    });
}

#[test]
fn write_whole_replaces_the_target_and_a_leftover() {
    on_both(|vfs, dir| {
        let target = dir.join("t");
        let leftover = vfs.open(&dir.join("t.tmp"), OpenMode::CreateNew).unwrap();
        leftover.write_all_at(b"left over and longer", 0).unwrap();
        write_whole(vfs, &target, b"one").unwrap();
        write_whole(vfs, &target, b"two").unwrap();
        assert_eq!(read_whole(vfs, &target, 3).unwrap(), b"two");
        assert_eq!(names(vfs, dir), [Path::new("t")]);
    });
}

#[test]
fn publish_gives_a_finished_file_its_name() {
    on_both(|vfs, dir| {
        let (temporary, target) = (dir.join("new"), dir.join("t"));
        let file = vfs.open(&temporary, OpenMode::CreateNew).unwrap();
        file.write_all_at(b"whole", 0).unwrap();
        drop(file);
        publish(vfs, &temporary, &target).unwrap();
        assert_eq!(read_whole(vfs, &target, 5).unwrap(), b"whole");
        assert_eq!(names(vfs, dir), [Path::new("t")]);
    });
}

#[test]
fn read_whole_refuses_a_file_past_its_limit() {
    on_both(|vfs, dir| {
        let path = dir.join("a");
        write_whole(vfs, &path, b"12345").unwrap();
        assert_eq!(read_whole(vfs, &path, 5).unwrap(), b"12345");
        assert_eq!(kind(read_whole(vfs, &path, 4)), ErrorKind::FileTooLarge);
    });
}

#[test]
fn a_lock_has_one_holder_and_names_it() {
    on_both(|vfs, dir| {
        let path = dir.join("lock");
        let held = vfs.lock(&path).unwrap();
        match vfs.lock(&path).err().unwrap() {
            LockError::Held { pid } => assert!(pid.is_some()),
            other => panic!("{other}"),
        }
        drop(held);
        vfs.lock(&path).unwrap();
        assert!(vfs.exists(&path).unwrap());
        assert!(matches!(vfs.lock(dir), Err(LockError::Io(_))));
    });
}

#[test]
fn a_path_knows_how_much_space_is_left() {
    on_both(|vfs, dir| {
        assert!(vfs.available_bytes(dir).unwrap() > 0);
        assert_eq!(
            kind(vfs.available_bytes(&dir.join("no"))),
            ErrorKind::NotFound
        );
    });
}

#[test]
fn a_streamed_file_takes_any_bytes_at_any_place() {
    on_both(|vfs, dir| {
        let path = dir.join("a");
        let file = vfs.open(&path, OpenMode::CreateStreamed).unwrap();
        assert_eq!(
            kind(vfs.open(&path, OpenMode::CreateStreamed)),
            ErrorKind::AlreadyExists
        );
        let draw = SimEntropy::new(3);
        let below = |bound: u64| draw.next_u64() % bound;
        let (mut model, mut end) = (vec![0_u8; 3 << 20], 0);
        for _ in 0..200 {
            let offset = below(500) * 4096 + [0, 0, 1, 4095][below(4) as usize];
            let length = [4096, 65_536, 300_000, 5, 9000, 700_000][below(6) as usize];
            let (from, to) = (offset as usize, offset as usize + length);
            let bytes: Vec<u8> = (0..length).map(|_| draw.next_u64() as u8).collect();
            file.write_all_at(&bytes, offset).unwrap();
            model[from..to].copy_from_slice(&bytes);
            end = end.max(to);
            // What has been read is in the cache when it is written again.
            let mut read = vec![0; below(100_000) as usize];
            let at = below(end as u64) as usize;
            let count = file.read_at(&mut read, at as u64).unwrap();
            assert!(read[..count] == model[at..at + count]);
        }
        file.sync_data().unwrap();
        assert_eq!(file.length().unwrap(), end as u64);
        assert!(read_whole(vfs, &path, 4 << 20).unwrap() == model[..end]);
    });
}

/// One random call on a handful of names; what it answers, as text.
fn wander(vfs: &dyn Vfs, dir: &Path, draw: &SimEntropy) -> String {
    let below = |bound: u64| draw.next_u64() % bound;
    let pick = || dir.join(["a", "b", "d", "d/a", "d/b", "a/x", "no/a"][below(7) as usize]);
    let edge = || (below(3) * 4096 + below(9)).saturating_sub(4);
    let path = pick();
    let open = |mode| vfs.open(&path, mode);
    let answer = match below(11) {
        0 => open(OpenMode::CreateNew).map(|file| file.length().unwrap()),
        1 => open(OpenMode::CreateStreamed).and_then(|file| {
            file.write_all_at(&vec![below(256) as u8; below(20_000) as usize], edge())?;
            file.length()
        }),
        2 => vfs.rename(&path, &pick()).map(|()| 0),
        3 => vfs.remove(&path).map(|()| 0),
        4 => vfs.create_dir(&path).map(|()| 0),
        5 => vfs.exists(&path).map(u64::from),
        6 => vfs.sync_dir(&path).map(|()| 0),
        7 => open(OpenMode::ReadWrite).and_then(|file| {
            file.set_len(edge())?;
            file.sync_data()?;
            file.length()
        }),
        _ => open(OpenMode::ReadWrite).and_then(|file| {
            file.write_all_at(&vec![below(256) as u8; below(5000) as usize], edge())?;
            let mut buf = vec![0; below(6000) as usize];
            let read = file.read_at(&mut buf, edge())?;
            file.drop_cache()?;
            Ok(buf[..read].iter().fold(read as u64, |sum, &byte| {
                sum * 31 % 1_000_003 + u64::from(byte)
            }))
        }),
    };
    let listed = vfs.list(&path).map_err(|error| error.kind());
    let bytes = read_whole(vfs, &path, 1 << 20).map_err(|error| error.kind());
    format!(
        "{:?} {listed:?} {bytes:?}",
        answer.map_err(|error| error.kind())
    )
}

#[test]
fn random_histories_have_the_same_answers() {
    for seed in 0..20 {
        let real_dir = tempfile::tempdir().unwrap();
        let (real, sim) = (RealVfs::new(), SimVfs::new(seed));
        let (one, two) = (SimEntropy::new(seed), SimEntropy::new(seed));
        for call in 0..150 {
            assert_eq!(
                wander(&real, real_dir.path(), &one),
                wander(&sim, Path::new("/"), &two),
                "seed {seed}, call {call}"
            );
        }
    }
}
