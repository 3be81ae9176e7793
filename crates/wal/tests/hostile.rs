//! Files that nobody of good will has written: never a panic, never a record, never an endless loop.

#![expect(clippy::indexing_slicing, reason = "a failing index is a failing test")]

mod fixture;

use docdb_vfs::{Entropy, SimEntropy, SimVfs, write_whole};
use docdb_wal::{BatchBuilder, LogState, Lsn, Wal, WalOptions};
use fixture::{add, copy, covered, log_of, options, path, try_open};

const ROUNDS: u64 = 1000;

/// Opens the log with and without accepting the loss, reads it, and writes where it can be written.
fn exercise(disk: &SimVfs, position: u64) {
    let position = covered(Lsn::new(position));
    for accept_loss in [false, true] {
        let options = WalOptions {
            accept_loss,
            ..options()
        };
        let disk = copy(disk);
        let Ok((mut wal, _, _)) = try_open(&disk, &options, position) else {
            continue;
        };
        let reader = wal.reader();
        let _ = reader.scan(Lsn::ZERO, reader.end(), &mut |_| Ok(()));
        let _ = reader.read(Lsn::new(152), 64);
        write_and_trim(&mut wal);
    }
}

fn write_and_trim(wal: &mut Wal) {
    for number in 1..=6 {
        let mut batch = BatchBuilder::new();
        add(&mut batch, number);
        let _ = wal.commit(&mut batch);
        let _ = wal.rotate();
    }
    let _ = wal.trim(wal.end());
}

/// A header with a right checksum and anything in its fields.
fn forged(random: &SimEntropy, header: &[u8]) -> Vec<u8> {
    let mut bytes = header.to_vec();
    for _ in 0..=random.next_u64() % 3 {
        let field = [16, 24, 32, 40, 48, 56, 64, 72, 80, 88][(random.next_u64() % 10) as usize];
        let value = match random.next_u64() % 6 {
            0 => 0,
            1 => u64::MAX,
            2 => u64::MAX - 7,
            3 => (1 << 62) - 8,
            4 => random.next_u64() % 4096 / 8 * 8,
            _ => random.next_u64(),
        };
        let width = if field < 88 { 8 } else { 4 };
        bytes[field..field + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
    let checksum = crc32fast::hash(&bytes[..92]);
    bytes[92..96].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn forged_headers_garbage_and_shuffled_files_are_survived() {
    let (sample, _) = log_of(24, &options());
    let names = ["db.wal", "db.wal.1", "db.wal.2", "db.wal.3"];
    for seed in 0..ROUNDS {
        let random = SimEntropy::new(seed);
        let disk = copy(&sample);
        for _ in 0..=random.next_u64() % 3 {
            let name = names[(random.next_u64() % 4) as usize];
            let mut bytes = disk.bytes(&path(name)).unwrap_or_default();
            match random.next_u64() % 5 {
                0 if bytes.len() >= 96 => {
                    let header = forged(&random, &bytes[..96]);
                    bytes[..96].copy_from_slice(&header);
                }
                1 => bytes.truncate((random.next_u64() % 1200) as usize),
                2 => bytes.extend((0..random.next_u64() % 900).map(|_| random.next_u64() as u8)),
                3 => {
                    let from = names[(random.next_u64() % 4) as usize];
                    bytes = disk.bytes(&path(from)).unwrap_or_default();
                }
                _ => {
                    for _ in 0..random.next_u64() % 40 {
                        let length = bytes.len().max(1) as u64;
                        if let Some(byte) = bytes.get_mut((random.next_u64() % length) as usize) {
                            *byte = random.next_u64() as u8;
                        }
                    }
                }
            }
            write_whole(&disk, &path(name), &bytes).unwrap();
        }
        let position = [0, 96, 1000, 2000, u64::MAX][(random.next_u64() % 5) as usize];
        exercise(&disk, position);
    }
}

#[test]
fn a_name_with_the_largest_number_does_not_end_the_counting() {
    for number in [u64::MAX, 1 << 62, (1 << 62) - 1, (1 << 62) - 2] {
        let (sample, _) = log_of(3, &options());
        let disk = copy(&sample);
        let bytes = disk.bytes(&path("db.wal")).unwrap();
        write_whole(&disk, &path(&format!("db.wal.{number}")), &bytes).unwrap();
        let (_, recovery, _) = try_open(&copy(&disk), &options(), covered(Lsn::ZERO)).unwrap();
        let ignored = number >= 1 << 62;
        assert_eq!(recovery.state == LogState::Clean, ignored, "{number}");
        exercise(&disk, 0);
    }
}
