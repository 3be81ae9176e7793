//! What only the machine's own file system can show.

use std::io::{ErrorKind, IoSliceMut};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use rustix::io::{Errno, ReadWriteFlags, preadv2};

use docdb_vfs::{
    EntryKind, Host, LockError, OpenMode, RealVfs, Vfs, create_dir_durable, write_whole,
};

/// `EXT4_SUPER_MAGIC`.
const EXT4: i64 = 0xef53;
const MODES: [OpenMode; 4] = [
    OpenMode::Read,
    OpenMode::ReadWrite,
    OpenMode::CreateNew,
    OpenMode::CreateStreamed,
];

#[test]
fn symbolic_links_are_refused_and_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (target, link, dangling) = (
        dir.path().join("target"),
        dir.path().join("link"),
        dir.path().join("dangling"),
    );
    let vfs = RealVfs::new();
    write_whole(&vfs, &target, b"secret").unwrap();
    symlink(&target, &link).unwrap();
    symlink("nowhere", &dangling).unwrap();
    for mode in MODES {
        assert!(vfs.open(&link, mode).is_err());
        assert!(vfs.open(&dangling, mode).is_err());
    }
    assert!(matches!(vfs.lock(&link), Err(LockError::Io(_))));
    assert!(vfs.rename(&link, &dir.path().join("x")).is_err());
    assert!(vfs.exists(&dangling).unwrap());
    let others = vfs.list(dir.path()).unwrap();
    let others = others.iter().filter(|it| it.kind == EntryKind::Other);
    assert_eq!(others.count(), 2);
    assert_eq!(std::fs::read(&target).unwrap(), b"secret");
}

#[test]
fn pipes_and_sockets_are_refused_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let (pipe, socket) = (dir.path().join("pipe"), dir.path().join("socket"));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let _listener = UnixListener::bind(&socket).unwrap();
    for mode in MODES {
        assert!(RealVfs::new().open(&pipe, mode).is_err());
        assert!(RealVfs::new().open(&socket, mode).is_err());
    }
}

#[test]
fn files_and_directories_belong_to_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let vfs = RealVfs::new();
    let deep = dir.path().join("x/y");
    create_dir_durable(&vfs, &deep).unwrap();
    write_whole(&vfs, &deep.join("file"), b"").unwrap();
    let _lock = vfs.lock(&deep.join("lock")).unwrap();
    let others = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
    for path in [
        &dir.path().join("x"),
        &deep,
        &deep.join("file"),
        &deep.join("lock"),
    ] {
        assert_eq!(others(path), 0, "{}", path.display());
    }
}

#[test]
fn a_held_lock_names_this_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let vfs = RealVfs::new();
    let held = vfs.lock(&path).unwrap();
    match vfs.lock(&path) {
        Err(LockError::Held { pid }) => assert_eq!(pid, Some(std::process::id())),
        _ => panic!("taken twice"),
    }
    drop(held);
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    // What a killed holder left behind is not in the way.
    std::fs::write(&path, "99999999999999999999").unwrap();
    let _held = vfs.lock(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
}

#[test]
fn sync_and_cache_calls_reach_the_machine() {
    let dir = tempfile::tempdir().unwrap();
    let file = RealVfs::new()
        .open(&dir.path().join("a"), OpenMode::CreateNew)
        .unwrap();
    file.write_all_at(b"bytes", 0).unwrap();
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    file.drop_cache().unwrap();
    let mut bytes = [0; 5];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes, b"bytes");
}

/// Nothing of it may wait in memory in front of a sync, its whole blocks not even be there.
#[test]
fn a_streamed_file_passes_by_the_cache() {
    const BYTES: usize = 1 << 20;
    let dir = tempfile::tempdir().unwrap();
    let is_cached = |name: &str, mode, first: usize| {
        let path = dir.path().join(name);
        let file = RealVfs::new().open(&path, mode).unwrap();
        file.write_all_at(&vec![7; first], 0).unwrap();
        file.write_all_at(&vec![7; BYTES], first as u64).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let mut byte = [0];
        let place = &mut [IoSliceMut::new(&mut byte)];
        match preadv2(&file, place, BYTES as u64 / 2, ReadWriteFlags::NOWAIT) {
            Ok(read) => read == 1,
            Err(Errno::AGAIN) => false,
            Err(error) => panic!("{error}"),
        }
    };
    if is_cached("streamed", OpenMode::CreateStreamed, 4096) {
        let kind = rustix::fs::statfs(dir.path()).unwrap().f_type;
        eprintln!("SKIPPED: the file system of type {kind:x} keeps everything in its cache");
        assert_ne!(kind, EXT4);
        return;
    }
    assert!(is_cached("created", OpenMode::CreateNew, 4096));
    assert!(is_cached("unaligned", OpenMode::CreateStreamed, 1));
}

/// A file that is cut short before its name goes must be nobody's any more.
#[test]
fn a_large_file_is_removed_in_parts_unless_somebody_else_has_it() {
    const BYTES: u64 = 20 << 20;
    let dir = tempfile::tempdir().unwrap();
    let vfs = RealVfs::new();
    let written = |name: &str| {
        let path = dir.path().join(name);
        let file = vfs.open(&path, OpenMode::CreateNew).unwrap();
        file.set_len(BYTES).unwrap();
        (path, file)
    };
    let (path, free) = written("free");
    vfs.remove_gently(&path, &mut Some).unwrap();
    assert!(!vfs.exists(&path).unwrap());
    let left = free.length().unwrap();
    assert!(left > 0 && left < BYTES / 2, "{left} bytes at once");

    let (path, hurried) = written("hurried");
    let mut rests = [Some(Duration::ZERO), None].into_iter();
    vfs.remove_gently(&path, &mut |_| rests.next().flatten())
        .unwrap();
    assert!(!vfs.exists(&path).unwrap());
    assert_eq!(hurried.length().unwrap(), BYTES - (2 << 20));

    let (path, held) = written("held");
    held.hold().unwrap();
    vfs.remove_gently(&path, &mut Some).unwrap();
    assert!(!vfs.exists(&path).unwrap());
    assert_eq!(held.length().unwrap(), BYTES);

    let (path, linked) = written("linked");
    std::fs::hard_link(&path, dir.path().join("other")).unwrap();
    vfs.remove_gently(&path, &mut Some).unwrap();
    assert_eq!(linked.length().unwrap(), BYTES);

    let missing = vfs.remove_gently(&dir.path().join("missing"), &mut Some);
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    let (pipe, small) = (dir.path().join("socket"), dir.path().join("small"));
    let _socket = UnixListener::bind(&pipe).unwrap();
    write_whole(&vfs, &small, b"small").unwrap();
    for path in [pipe, small] {
        vfs.remove_gently(&path, &mut Some).unwrap();
        assert!(!vfs.exists(&path).unwrap());
    }
}

#[test]
fn the_real_host_has_time_and_chance() {
    let host = Host::real();
    let first = host.clock.monotonic();
    assert!(host.clock.monotonic() >= first);
    assert!(host.clock.unix_time().as_secs() > 1_700_000_000);
    assert_ne!(host.entropy.next_u128(), host.entropy.next_u128());
    let error = host.files.open(Path::new("/no/such"), OpenMode::Read);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
}
