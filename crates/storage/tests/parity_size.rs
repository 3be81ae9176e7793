//! What parity takes on the disk, and what it restores in stripes of every length.

mod damage;
mod fixture;

use docdb_storage::{DataFile, Parity, ParityHealth, RecordKind};

use damage::{BLOCK, Site, VERSION, payload, read};
use fixture::number;

const DOCUMENT_BYTES: usize = 16_000;

fn site(documents: u64, percent: u64) -> Site {
    Site::new(documents, DOCUMENT_BYTES, Parity::from_percent(percent))
}

#[test]
fn parity_takes_on_the_disk_what_was_asked_for_to_within_one_point() {
    for percent in [0, 1, 5, 12, 25] {
        let site = site(1000, percent);
        let (data, parity) = (site.data_bytes.len(), site.parity_bytes.len());
        let taken = 100.0 * parity as f64 / data as f64;
        let missed = (taken - percent as f64).abs();
        assert!(missed <= 1.0, "{percent} %: {parity} of {data}, {taken} %");
        assert_eq!(parity == 0, percent == 0);
    }
}

#[test]
fn stripes_of_any_length_restore_as_many_blocks_as_they_have_parity() {
    for percent in [1, 5, 8, 40] {
        let site = site(75, percent);
        let shape = Parity::from_percent(percent);
        let blocks = (site.data_bytes.len() as u64).div_ceil(BLOCK);
        let apart = blocks.div_ceil(u64::from(shape.data_blocks()));
        let damaged: Vec<u64> = (0..u64::from(shape.blocks()))
            .map(|member| 3 + member * apart)
            .filter(|block| *block < blocks)
            .collect();
        for block in &damaged {
            site.zero_block(*block);
        }
        let opened = DataFile::open_at_best(&site.home, number(1)).unwrap();
        let scrub = opened.file.scrub::<u64>(0, &mut |_| true).unwrap();
        assert!(matches!(scrub.parity, ParityHealth::Whole));
        assert!(!scrub.is_clean() && scrub.is_restorable, "{percent} %");
        for entry in &site.entries {
            if entry.kind == RecordKind::Document {
                let found = read(&opened.file, entry).unwrap();
                assert_eq!(found, payload(entry.key, VERSION, DOCUMENT_BYTES));
            }
        }
        if blocks > 3 + apart * u64::from(shape.blocks()) {
            site.zero_block(3 + apart * u64::from(shape.blocks()));
            let opened = DataFile::open_at_best(&site.home, number(1)).unwrap();
            let scrub = opened.file.scrub::<u64>(0, &mut |_| true).unwrap();
            assert!(!scrub.is_restorable, "{percent} %: one more is too many");
        }
    }
}
