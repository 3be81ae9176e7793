//! The simulated disk loses what a real one may lose, and nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing call is a failing test"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use docdb_vfs::{
    CrashProfile, Entropy, File, LockError, OpenMode, SimEntropy, SimVfs, Vfs, create_dir_durable,
    is_power_loss, read_whole, remove_durable, write_whole,
};

const SEEDS: u64 = 300;

fn path(path: &str) -> &Path {
    Path::new(path)
}

fn create(disk: &SimVfs, at: &str) -> Arc<dyn File> {
    disk.open(path(at), OpenMode::CreateNew).unwrap()
}

/// A disk whose root holds the durable file `/a` with these bytes.
fn disk_with(bytes: &[u8]) -> (SimVfs, Arc<dyn File>) {
    let disk = SimVfs::new(1);
    write_whole(&disk, path("/a"), bytes).unwrap();
    let file = disk.open(path("/a"), OpenMode::ReadWrite).unwrap();
    (disk, file)
}

/// Every image that the profile makes of the disk, by seed.
fn images(disk: &SimVfs, profile: CrashProfile) -> impl Iterator<Item = SimVfs> {
    (0..SEEDS).map(move |seed| disk.crash(profile, seed))
}

type Contents = Vec<(PathBuf, Vec<u8>)>;

fn contents(disk: &SimVfs) -> Contents {
    let paths = disk.paths().into_iter();
    paths
        .map(|path| {
            let bytes = disk.bytes(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

#[test]
fn what_is_synced_survives_every_crash() {
    let (disk, file) = disk_with(b"first");
    file.write_all_at(&[5; 3000], 700).unwrap();
    file.set_len(3600).unwrap();
    file.sync_data().unwrap();
    let expected = contents(&disk);
    for profile in CrashProfile::ALL {
        for image in images(&disk, profile) {
            assert_eq!(contents(&image), expected);
        }
    }
}

#[test]
fn unsynced_bytes_may_be_lost_and_may_survive() {
    let (disk, file) = disk_with(b"old");
    file.write_all_at(b"new", 0).unwrap();
    let bytes = |profile| disk.crash(profile, 0).bytes(path("/a")).unwrap();
    assert_eq!(bytes(CrashProfile::DropAll), b"old");
    assert_eq!(bytes(CrashProfile::KeepAll), b"new");
    assert_eq!(disk.durable_bytes(path("/a")).unwrap(), b"old");
    assert_eq!(disk.bytes(path("/a")).unwrap(), b"new");
    for profile in [CrashProfile::Strict, CrashProfile::Prefix] {
        let seen: BTreeSet<_> = images(&disk, profile)
            .map(|image| image.bytes(path("/a")).unwrap())
            .collect();
        assert!(seen.contains(&b"old"[..]) && seen.contains(&b"new"[..]));
        assert!(seen.contains(&b"ned"[..]), "torn inside a sector");
    }
}

#[test]
fn a_file_whose_directory_is_not_synced_may_vanish_with_its_synced_bytes() {
    let disk = SimVfs::new(1);
    let file = create(&disk, "/a");
    file.write_all_at(b"synced", 0).unwrap();
    file.sync_all().unwrap();
    assert_eq!(disk.durable_bytes(path("/a")), None);
    let found: BTreeSet<_> = images(&disk, CrashProfile::Strict)
        .map(|image| image.bytes(path("/a")))
        .collect();
    assert_eq!(found, BTreeSet::from([None, Some(b"synced".to_vec())]));
    let disk = disk.kill();
    disk.sync_dir(path("/")).unwrap();
    let image = disk.crash(CrashProfile::DropAll, 0);
    assert_eq!(image.bytes(path("/a")).unwrap(), b"synced");
}

#[test]
fn a_directory_that_is_not_synced_takes_its_files_along() {
    let disk = SimVfs::new(1);
    disk.create_dir(path("/d")).unwrap();
    write_whole(&disk, path("/d/a"), b"x").unwrap();
    assert!(disk.crash(CrashProfile::DropAll, 0).paths().is_empty());
    let kept = disk.crash(CrashProfile::KeepAll, 0);
    assert_eq!(kept.paths(), [path("/d/a")]);

    let disk = SimVfs::new(1);
    create_dir_durable(&disk, path("/d/e")).unwrap();
    write_whole(&disk, path("/d/e/a"), b"x").unwrap();
    let image = disk.crash(CrashProfile::DropAll, 0);
    assert_eq!(image.paths(), [path("/d/e/a")]);
}

#[test]
fn create_dir_durable_finishes_what_a_killed_call_left() {
    for cut in 0.. {
        let disk = SimVfs::new(1);
        disk.crash_at(cut);
        let done = create_dir_durable(&disk, path("/d/e/f")).is_ok();
        let disk = disk.kill();
        create_dir_durable(&disk, path("/d/e/f")).unwrap();
        let image = disk.crash(CrashProfile::DropAll, 0);
        assert!(image.exists(path("/d/e/f")).unwrap(), "cut at call {cut}");
        if done {
            break;
        }
    }
}

#[test]
fn an_unsynced_rename_leaves_the_old_name_or_the_new_one() {
    let (disk, _) = disk_with(b"new");
    write_whole(&disk, path("/b"), b"old").unwrap();
    disk.rename(path("/a"), path("/b")).unwrap();
    let mut seen = BTreeSet::new();
    for image in images(&disk, CrashProfile::Strict) {
        match (image.bytes(path("/a")), image.bytes(path("/b")).unwrap()) {
            (Some(a), b) => assert!(a == b"new" && b == b"old"),
            (None, b) => assert_eq!(b, b"new"),
        }
        seen.insert(image.paths());
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_rename_between_directories_is_whole_or_absent() {
    let disk = SimVfs::new(1);
    for dir in ["/d", "/e"] {
        create_dir_durable(&disk, path(dir)).unwrap();
    }
    write_whole(&disk, path("/d/a"), b"x").unwrap();
    disk.rename(path("/d/a"), path("/e/b")).unwrap();
    disk.rename(path("/e/b"), path("/d/c")).unwrap();
    let seen: BTreeSet<_> = images(&disk, CrashProfile::Strict)
        .map(|image| image.paths())
        .collect();
    let one = |name: &str| vec![PathBuf::from(name)];
    assert_eq!(
        seen,
        BTreeSet::from([one("/d/a"), one("/e/b"), one("/d/c")])
    );
    // Syncing one of the two directories settles the whole rename, and the one it builds on.
    let disk = disk.kill();
    disk.rename(path("/d/c"), path("/f")).unwrap();
    disk.sync_dir(path("/")).unwrap();
    for image in images(&disk, CrashProfile::Strict) {
        assert_eq!(image.paths(), [path("/f")]);
    }
}

#[test]
fn an_unsynced_removal_may_be_undone() {
    let (disk, _) = disk_with(b"back");
    disk.remove(path("/a")).unwrap();
    let seen: BTreeSet<_> = images(&disk, CrashProfile::Strict)
        .map(|image| image.bytes(path("/a")))
        .collect();
    assert_eq!(seen, BTreeSet::from([None, Some(b"back".to_vec())]));
    let disk = disk.kill();
    remove_durable(&disk, path("/a")).unwrap();
    assert!(disk.crash(CrashProfile::DropAll, 0).paths().is_empty());
}

#[test]
fn any_subset_of_sectors_survives_a_strict_crash() {
    let (disk, file) = disk_with(&[0; 1536]);
    file.write_all_at(&[1; 1536], 0).unwrap();
    let mut subsets = BTreeSet::new();
    let mut torn = 0;
    for image in images(&disk, CrashProfile::Strict) {
        let bytes = image.bytes(path("/a")).unwrap();
        let sectors: Vec<usize> = bytes
            .chunks(512)
            .map(|sector| sector.iter().filter(|&&byte| byte == 1).count())
            .collect();
        if sectors.iter().all(|survived| survived % 512 == 0) {
            subsets.insert(sectors);
        } else {
            torn += 1;
        }
    }
    assert!(torn > 10);
    assert_eq!(subsets.len(), 8);
}

#[test]
fn a_longer_file_may_be_short_or_hold_zeros_where_sectors_are_lost() {
    let (disk, file) = disk_with(&[1; 100]);
    file.write_all_at(&[2; 1000], 100).unwrap();
    let mut lengths = BTreeSet::new();
    let mut holes = 0;
    for image in images(&disk, CrashProfile::Strict) {
        let bytes = image.bytes(path("/a")).unwrap();
        assert!(bytes[..100].iter().all(|&byte| byte == 1));
        assert!(bytes[100..].iter().all(|&byte| byte == 0 || byte == 2));
        holes += usize::from(bytes[100..].contains(&0));
        lengths.insert(bytes.len());
    }
    assert!(lengths.contains(&100) && lengths.contains(&1100) && lengths.len() > 10);
    assert!(holes > 10);
}

#[test]
fn garbage_appears_only_where_the_file_became_longer() {
    let (disk, file) = disk_with(&[1; 700]);
    file.write_all_at(&[2; 2000], 200).unwrap();
    let mut garbage = 0;
    for image in images(&disk, CrashProfile::Garbage) {
        let bytes = image.bytes(path("/a")).unwrap();
        assert!(bytes[..700].iter().all(|&byte| byte == 1 || byte == 2));
        garbage += usize::from(bytes[700..].iter().any(|&byte| byte != 0 && byte != 2));
    }
    assert!(garbage > 20);
    let (disk, file) = disk_with(&[1; 700]);
    file.write_all_at(&[2; 100], 650).unwrap();
    for image in images(&disk, CrashProfile::Garbage) {
        assert!((700..=750).contains(&image.bytes(path("/a")).unwrap().len()));
    }
}

#[test]
fn an_unsynced_cut_may_be_undone() {
    let (disk, file) = disk_with(&[1; 5000]);
    file.set_len(10).unwrap();
    let lengths: BTreeSet<_> = images(&disk, CrashProfile::Strict)
        .map(|image| image.bytes(path("/a")).unwrap())
        .inspect(|bytes| assert!(bytes.iter().all(|&byte| byte == 1)))
        .map(|bytes| bytes.len())
        .collect();
    assert_eq!(lengths, BTreeSet::from([10, 5000]));
}

#[test]
fn a_prefix_crash_keeps_the_order_across_files() {
    let disk = SimVfs::new(1);
    let (a, b) = (create(&disk, "/a"), create(&disk, "/b"));
    disk.sync_dir(path("/")).unwrap();
    for round in 0..4 {
        a.write_all_at(&[1; 10], round * 10).unwrap();
        b.write_all_at(&[1; 10], round * 10).unwrap();
    }
    let mut seen = BTreeSet::new();
    for image in images(&disk, CrashProfile::Prefix) {
        let (a, b) = (
            image.bytes(path("/a")).unwrap().len(),
            image.bytes(path("/b")).unwrap().len(),
        );
        // Ten bytes go to `/a`, then ten to `/b`, and so on.
        let (full_a, full_b) = (a / 10, b / 10);
        assert!(full_a == full_b && b % 10 == 0 || full_a == full_b + 1 && a % 10 == 0);
        seen.insert(a + b);
    }
    assert!(seen.len() > 40, "torn at any byte");
}

#[test]
fn one_history_profile_and_seed_give_one_image() {
    let history = |disk: &SimVfs| {
        let draw = SimEntropy::new(9);
        for name in ["/a", "/b", "/c"] {
            let file = create(disk, name);
            for _ in 0..20 {
                let bytes = draw.next_u64().to_le_bytes().repeat(100);
                let at = draw.next_u64() % 5000;
                file.write_all_at(&bytes, at).unwrap();
            }
        }
        disk.host().entropy.next_u64()
    };
    let (one, two) = (SimVfs::new(4), SimVfs::new(4));
    assert_eq!(history(&one), history(&two));
    let mut seen = BTreeSet::new();
    for profile in CrashProfile::ALL {
        for seed in 0..20 {
            let (a, b) = (one.crash(profile, seed), two.crash(profile, seed));
            assert_eq!(contents(&a), contents(&b));
            assert_eq!(a.entropy().next_u64(), b.entropy().next_u64());
            seen.insert(contents(&a));
        }
    }
    assert!(seen.len() > 40);
    assert_ne!(
        SimVfs::new(4).entropy().next_u64(),
        SimVfs::new(5).entropy().next_u64()
    );
}

#[test]
fn without_power_every_call_fails_and_says_so() {
    let (disk, file) = disk_with(b"x");
    let lock = disk.lock(path("/lock")).unwrap();
    let image = disk.crash(CrashProfile::KeepAll, 0);
    let root = path("/");
    let answers = [
        disk.open(root, OpenMode::Read).map(drop),
        disk.rename(root, root),
        disk.remove(root),
        disk.list(root).map(drop),
        disk.create_dir(root),
        disk.exists(root).map(drop),
        disk.sync_dir(root),
        disk.available_bytes(root).map(drop),
        file.read_at(&mut [0], 0).map(drop),
        file.write_at(b"y", 0).map(drop),
        file.set_len(0),
        file.length().map(drop),
        file.sync_data(),
        file.sync_all(),
        file.drop_cache(),
    ];
    for (call, answer) in answers.into_iter().enumerate() {
        assert!(is_power_loss(&answer.unwrap_err()), "call {call}");
    }
    match disk.lock(path("/lock")) {
        Err(LockError::Io(error)) => assert!(is_power_loss(&error)),
        _ => panic!("no power, and an answer"),
    }
    // The next process has nothing to do with what the old one still holds.
    let held = image.lock(path("/lock")).unwrap();
    drop((lock, file));
    assert!(matches!(
        image.lock(path("/lock")),
        Err(LockError::Held { pid: Some(2) })
    ));
    drop(held);
    assert_eq!(image.bytes(path("/a")).unwrap(), b"x");
    assert!(!is_power_loss(&std::io::ErrorKind::Other.into()));
}

type Change<'a> = &'a dyn Fn(&SimVfs, &dyn File);

#[test]
fn the_call_at_the_cut_may_have_happened_and_may_not() {
    let kept = |profile, call: Change| {
        let (disk, file) = disk_with(b"old");
        disk.crash_at_mutation(disk.mutations());
        file.length().unwrap();
        call(&disk, &*file);
        assert!(is_power_loss(&file.length().unwrap_err()));
        contents(&disk.crash(profile, 0))
    };
    let calls: [(Change, Contents); 5] = [
        (
            &|_, file| assert!(is_power_loss(&file.write_at(b"new", 0).unwrap_err())),
            vec![("/a".into(), b"new".to_vec())],
        ),
        (
            &|_, file| assert!(is_power_loss(&file.set_len(1).unwrap_err())),
            vec![("/a".into(), b"o".to_vec())],
        ),
        (&|disk, _| assert!(disk.remove(path("/a")).is_err()), vec![]),
        (
            &|disk, _| assert!(disk.rename(path("/a"), path("/b")).is_err()),
            vec![("/b".into(), b"old".to_vec())],
        ),
        (
            &|disk, _| assert!(disk.open(path("/0"), OpenMode::CreateNew).is_err()),
            vec![("/0".into(), vec![]), ("/a".into(), b"old".to_vec())],
        ),
    ];
    for (call, after) in calls {
        assert_eq!(kept(CrashProfile::KeepAll, call), after);
        assert_eq!(
            kept(CrashProfile::DropAll, call),
            [("/a".into(), b"old".to_vec())]
        );
    }
}

#[test]
fn a_sync_at_the_cut_makes_nothing_sure() {
    let (disk, file) = disk_with(b"old");
    file.write_all_at(b"new", 0).unwrap();
    disk.crash_at(disk.operations());
    assert!(is_power_loss(&file.sync_data().unwrap_err()));
    let seen: BTreeSet<_> = images(&disk, CrashProfile::Strict)
        .map(|image| image.bytes(path("/a")).unwrap())
        .collect();
    assert!(seen.contains(&b"old"[..]) && seen.contains(&b"new"[..]));
}

#[test]
fn a_killed_process_leaves_the_cache_and_nothing_durable() {
    let (disk, file) = disk_with(b"old");
    file.write_all_at(b"new", 0).unwrap();
    create(&disk, "/b");
    disk.remove(path("/a")).unwrap();
    let killed = disk.kill();
    assert!(file.length().is_err());
    assert_eq!(killed.paths(), [path("/b")]);
    let image = killed.crash(CrashProfile::DropAll, 0);
    assert_eq!(contents(&image), [("/a".into(), b"old".to_vec())]);
}

#[test]
fn write_whole_is_whole_or_absent_wherever_the_power_goes() {
    let (old, new) = (vec![1; 2000], vec![2; 3000]);
    for cut in 0.. {
        let disk = SimVfs::new(cut);
        write_whole(&disk, path("/a"), &old).unwrap();
        disk.crash_at(disk.operations() + cut);
        let done = write_whole(&disk, path("/a"), &new).is_ok();
        for profile in CrashProfile::ALL {
            for seed in 0..50 {
                let image = disk.crash(profile, seed);
                let found = read_whole(&image, path("/a"), 5000).unwrap();
                assert!(found == new || !done && found == old, "cut at call {cut}");
                // What the crash left is not in the way.
                write_whole(&image, path("/a"), b"next").unwrap();
                let again = image.crash(profile, seed);
                assert_eq!(read_whole(&again, path("/a"), 5000).unwrap(), b"next");
            }
        }
        if done {
            break;
        }
    }
}

/// Random calls on a handful of names; returns the number of calls that succeeded.
fn wander(disk: &SimVfs, draw: &SimEntropy, calls: usize) -> usize {
    let names = ["/a", "/b", "/d/a", "/d/b", "/e/a"].map(PathBuf::from);
    let pick = || &names[(draw.next_u64() % 5) as usize];
    let _ = disk.create_dir(path("/d"));
    let _ = disk.create_dir(path("/e"));
    let mut done = 0;
    for _ in 0..calls {
        let below = |bound: u64| draw.next_u64() % bound;
        let open = |path: &Path| disk.open(path, OpenMode::ReadWrite);
        let answer = match below(9) {
            0 => disk.open(pick(), OpenMode::CreateNew).map(drop),
            1 => disk.rename(pick(), pick()),
            2 => disk.remove(pick()),
            3 => open(pick()).and_then(|file| file.set_len(below(9000))),
            4..7 => open(pick()).and_then(|file| {
                let bytes = vec![below(256) as u8; below(3000) as usize];
                file.write_all_at(&bytes, below(6000))
            }),
            7 => open(pick()).and_then(|file| file.sync_data()),
            _ => disk.sync_dir(path(["/", "/d", "/e"][below(3) as usize])),
        };
        done += usize::from(answer.is_ok());
    }
    done
}

#[test]
fn the_two_ends_of_every_history_are_what_is_seen_and_what_is_durable() {
    for seed in 0..200 {
        let disk = SimVfs::new(seed);
        let draw = SimEntropy::new(seed);
        assert!(wander(&disk, &draw, 200) > 20);
        assert_eq!(
            contents(&disk.crash(CrashProfile::KeepAll, 0)),
            contents(&disk)
        );
        let durable = disk.crash(CrashProfile::DropAll, 0);
        for (path, bytes) in contents(&durable) {
            assert_eq!(disk.durable_bytes(&path).unwrap(), bytes);
        }
        // A node never has two names, whatever survives.
        for seed in 0..5 {
            let image = disk.crash(CrashProfile::Strict, seed);
            for path in image.paths() {
                image.remove(&path).unwrap();
            }
            assert!(image.paths().is_empty());
        }
    }
}

#[test]
fn after_every_sync_nothing_is_left_to_chance() {
    for seed in 0..100 {
        let disk = SimVfs::new(seed);
        let draw = SimEntropy::new(seed);
        for _ in 0..4 {
            wander(&disk, &draw, 60);
            for path in disk.paths() {
                let file = disk.open(&path, OpenMode::Read).unwrap();
                file.sync_data().unwrap();
            }
            for dir in ["/", "/d", "/e"] {
                disk.sync_dir(path(dir)).unwrap();
            }
        }
        let expected = contents(&disk);
        for profile in CrashProfile::ALL {
            assert_eq!(contents(&disk.crash(profile, seed)), expected);
        }
    }
}
