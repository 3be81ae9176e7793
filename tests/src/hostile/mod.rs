//! Bytes that nobody of good will has written, for every decoder and for a whole directory. Each
//! target takes any bytes and must come back: no panic, no endless loop, no memory without bound,
//! and nothing served that was not written.
//!
//! A target runs in three ways: over its committed corpus as an ordinary test, under the seeded
//! mutations of [`mutated`], and under the guidance of `cargo fuzz` (see `fuzz/`).

mod directory;
mod mutation;
mod repair;

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use docdb_engine::patch;
use docdb_ipc::{ClientCodec, ServerCodec};
use docdb_types::patch::parse_steps;
use docdb_types::{CollectionName, DatabaseName, Document, Limits};
use tokio_util::codec::Decoder;

use directory::{exercise, repair_on, replace, sample};
pub use mutation::mutated;
pub use repair::{Kind, repair};

/// One decoder, or what stands for several.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, that of its corpus too.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "requests",
        run: requests,
        seeds: frames,
    },
    Target {
        name: "responses",
        run: responses,
        seeds: frames,
    },
    Target {
        name: "document",
        run: document,
        seeds: documents,
    },
    Target {
        name: "patch",
        run: patches,
        seeds: patch_seeds,
    },
    Target {
        name: "names",
        run: names,
        seeds: documents,
    },
    Target {
        name: "log",
        run: |bytes| file("/data/wal/t.wal", bytes),
        seeds: || vec![sample().bytes("/data/wal/t.wal")],
    },
    Target {
        name: "sealed_log",
        run: |bytes| file(&sealed(), bytes),
        seeds: || vec![sample().bytes(&sealed())],
    },
    Target {
        name: "data_file",
        run: |bytes| file("/data/t.data.1", bytes),
        seeds: || {
            vec![
                sample().bytes("/data/t.data.1"),
                sample().bytes("/data/t.data.2"),
            ]
        },
    },
    Target {
        name: "parity",
        run: |bytes| file("/data/t.parity.1", bytes),
        seeds: || vec![sample().bytes("/data/t.parity.1")],
    },
    Target {
        name: "manifest",
        run: |bytes| file("/data/t.manifest", bytes),
        seeds: || vec![sample().bytes("/data/t.manifest")],
    },
    Target {
        name: "catalog",
        run: |bytes| file("/data/.catalog", bytes),
        seeds: || vec![sample().bytes("/data/.catalog")],
    },
    Target {
        name: "directory",
        run: whole_directory,
        seeds: || vec![vec![0; 12], vec![0xA5; 36]],
    },
];

/// Feeds a target by its name.
///
/// # Panics
/// Where there is none, and where the target breaks.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of this name").run)(bytes);
}

/// The newest sealed segment of the sample.
fn sealed() -> String {
    let segments = sample().files.iter().filter_map(|path| path.to_str());
    let newest = segments
        .filter(|path| path.starts_with("/data/wal/t.wal."))
        .max_by_key(|path| (path.len(), path.to_owned()));
    newest.unwrap_or("/data/wal/t.wal.1").to_owned()
}

fn requests(bytes: &[u8]) {
    let mut codec = ServerCodec::new(Limits::DEFAULT);
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(_)) = codec.decode(&mut buffer) {}
    // The same bytes as the message of one frame.
    let mut framed = BytesMut::from(&(bytes.len() as u32).to_le_bytes()[..]);
    framed.extend_from_slice(bytes);
    let _ = ServerCodec::new(Limits::DEFAULT).decode(&mut framed);
}

fn responses(bytes: &[u8]) {
    let mut codec = ClientCodec::new(Limits::DEFAULT);
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(_)) = codec.decode(&mut buffer) {}
    let mut framed = BytesMut::from(&(bytes.len() as u32).to_le_bytes()[..]);
    framed.extend_from_slice(bytes);
    let _ = ClientCodec::new(Limits::DEFAULT).decode(&mut framed);
}

fn document(bytes: &[u8]) {
    let ours = Document::new(bytes.to_vec().into(), &Limits::DEFAULT);
    if let Ok(document) = ours {
        assert_eq!(document.as_bytes(), bytes, "stored byte for byte");
        assert!(std::str::from_utf8(bytes).is_ok());
    }
}

/// A document, a zero byte, and a patch.
fn patches(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (text, change) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let limits = Limits::DEFAULT;
    if Document::new(text.to_vec().into(), &limits).is_err() {
        return;
    }
    let results = [
        parse_steps(change).and_then(|steps| patch::apply(text, &steps, &limits)),
        patch::merge(text, change, &limits),
    ];
    for result in results.into_iter().flatten() {
        Document::new(result.into(), &limits).expect("a patch of a document is a document");
    }
}

fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(name) = DatabaseName::new(text) {
        assert!(!name.as_str().contains('/') && name.as_str() != "." && name.as_str() != "..");
    }
    let _ = CollectionName::new(text);
}

/// A file of the sample directory in the form of these bytes, as they are and with right checksums.
fn file(path: &str, bytes: &[u8]) {
    let path = Path::new(path);
    let disk = sample().fresh();
    replace(&disk, path, bytes);
    let name = path.file_name().and_then(|name| name.to_str());
    let is_of_all = name == Some(".catalog");
    let touched = |database: &str| is_of_all || database == "t";
    exercise(&disk, true, &touched);
    let disk = sample().fresh();
    replace(&disk, path, bytes);
    repair_on(&disk, path);
    exercise(&disk, false, &touched);
}

/// Edits of the sample directory, six bytes each.
fn whole_directory(bytes: &[u8]) {
    let disk = sample().fresh();
    let files = &sample().files;
    let mut touched: Vec<&PathBuf> = Vec::new();
    let mut is_authentic = true;
    for edit in bytes.chunks_exact(6).take(8) {
        let path = &files[usize::from(edit[0]) % files.len()];
        let mut content = disk.bytes(path).unwrap_or_default();
        let at = usize::from(u16::from_le_bytes([edit[2], edit[3]])) % content.len().max(1);
        let value = usize::from(u16::from_le_bytes([edit[4], edit[5]]));
        match edit[1] % 10 {
            0..=2 => {
                if let Some(byte) = content.get_mut(at) {
                    *byte ^= 1 << (value % 8);
                }
            }
            3 => content.truncate(at),
            4 => content.resize(content.len() + value % 5000, 0),
            5 => {
                let end = (at + value % 600).min(content.len());
                if let Some(part) = content.get_mut(at..end) {
                    part.fill(0);
                }
            }
            6 => content = disk.bytes(&files[value % files.len()]).unwrap_or_default(),
            7 => content.clear(),
            8 => {
                let end = (at + 8).min(content.len());
                if let Some(part) = content.get_mut(at..end) {
                    part.fill(0xFF);
                }
            }
            _ => {
                let _ = docdb_vfs::Vfs::remove(&disk, path);
                continue;
            }
        }
        replace(&disk, path, &content);
        touched.push(path);
        if edit[1] >= 128 {
            is_authentic = false;
        }
    }
    if !is_authentic {
        for path in touched {
            repair_on(&disk, path);
        }
    }
    exercise(&disk, is_authentic, &|_| true);
}

fn frames() -> Vec<Vec<u8>> {
    vec![
        vec![0, 0, 0, 0],
        vec![4, 0, 0, 0, 8, 1, 18, 0],
        vec![255, 255, 255, 255, 8, 1],
        b"\x12\x00\x00\x00\x08\x01\x2a\x0e\x0a\x04shop\x12\x06\x0a\x04\x08\x01\x12\x00".to_vec(),
    ]
}

fn documents() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"a":[1,2.50,-0,1e400,true,false,null],"b":{"c":"\u00e9\ud83d\ude00"}}"#,
        "[[[[[[[[]]]]]]]]",
        r#""text\n\\\/""#,
        "orders",
        r#"{"a":1,"a":2}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn patch_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "{\"a\":[1,2],\"b\":{}}\0[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":3}]",
        "{\"a\":1}\0{\"a\":null,\"b\":[1]}",
        "[1,2,3]\0[{\"op\":\"remove\",\"path\":\"/0\"},{\"op\":\"test\",\"path\":\"/0\",\"value\":2}]",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
