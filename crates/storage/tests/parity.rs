//! Damaged data files: restored from parity where there is enough of it, and named exactly where
//! there is not.

#![expect(clippy::unwrap_used, reason = "a failing call is a failing test")]

mod damage;
mod fixture;

use std::collections::BTreeSet;

use docdb_storage::{
    DataFile, DataFileWriter, FileSet, Index, Manifest, MendSource, Merge, MergeStep, Parity,
    ParityHealth, RecordKind, StorageError, Unread,
};
use docdb_vfs::{CallKind, CrashProfile, Fault, FaultKind, FaultOn, Vfs};

use damage::{
    BLOCK, DAMAGES, Damage, Site, VERSION, keys_from, payload, read, read_by, read_indexed, write,
};
use fixture::number;

/// A file of two blocks: one stripe.
fn small() -> Site {
    Site::new(40, 90, Parity::DEFAULT)
}

/// Every so many bytes, or, in the long round, every byte: see [`samples`].
fn step(otherwise: usize) -> usize {
    if samples(0) > 0 { 1 } else { otherwise }
}

/// How many samples to take: `DOCDB_PARITY_SAMPLES`, which the long round sets.
fn samples(otherwise: u64) -> u64 {
    let set = std::env::var("DOCDB_PARITY_SAMPLES");
    set.map_or(otherwise, |text| text.parse().unwrap())
}

const LARGE_BYTES: usize = 1000;

/// A file of eleven stripes: 64 KiB are two blocks of each at most.
fn large() -> Site {
    let site = Site::new(700, LARGE_BYTES, Parity::DEFAULT);
    assert!(site.stripes() >= 9);
    site
}

#[test]
fn any_damage_of_a_small_file_is_restored_wherever_it_is() {
    let site = small();
    for damage in DAMAGES {
        for at in (0..site.data_bytes.len() as u64).step_by(step(61)) {
            site.damage(damage, at);
            let opened = DataFile::open_at_best(&site.home, number(1)).unwrap();
            assert!(opened.lost.is_empty() && !opened.file.is_salvaged());
            let refused = site.refused_of_damaged(&opened.file, 90);
            assert!(refused.is_empty(), "{damage:?} at {at}: {refused:?}");
            site.undo();
        }
    }
    let bytes = site.data_bytes.len();
    println!(
        "at every {} bytes of {bytes}, four damages each: all restored",
        step(61)
    );
}

#[test]
fn a_damaged_frame_is_opened_through_parity_and_the_manifest_is_rebuilt_of_it() {
    let site = large();
    let rebuilt = Manifest::rebuild(&site.home).unwrap();
    let length = site.data_bytes.len() as u64;
    for range in [0..64, length - 80..length, length - 400..length] {
        site.zero(range.clone());
        assert!(DataFile::open(&site.home, number(1)).is_err());
        let (files, reported) = FileSet::open(&site.home, &site.manifest).unwrap();
        assert!(
            reported[0].is_restored && reported[0].lost.is_empty(),
            "{range:?}"
        );
        let file = files.get(number(1)).unwrap();
        assert!(file.is_restored() && file.metadata().is_some());
        assert!(site.refused(&file, LARGE_BYTES).is_empty());
        assert_eq!(Manifest::rebuild(&site.home).unwrap(), rebuilt);
        site.undo();
    }
}

#[test]
fn a_cut_off_and_an_extended_file_are_what_they_were_through_parity() {
    let site = large();
    let length = site.data_bytes.len() as u64;
    let file = site
        .disk
        .open(&site.data, docdb_vfs::OpenMode::ReadWrite)
        .unwrap();
    for cut in [
        length - 1,
        length - 80,
        length - 2 * BLOCK * site.stripes() + BLOCK,
        length + 5000,
    ] {
        file.set_len(cut).unwrap();
        let opened = DataFile::open_at_best(&site.home, number(1)).unwrap();
        assert!(opened.damage.is_some());
        assert!(
            site.refused(&opened.file, LARGE_BYTES).is_empty(),
            "cut at {cut}"
        );
        file.set_len(length).unwrap();
        site.undo();
    }
}

/// Every way of damaging two blocks of a stripe, data or parity, is restored.
#[test]
fn two_damaged_blocks_of_a_stripe_are_restored_whichever_they_are() {
    let site = large();
    let stripes = site.stripes();
    let blocks = (site.data_bytes.len() as u64).div_ceil(BLOCK);
    let parity_at =
        site.parity_bytes.len() as u64 - 64 - (blocks + 2 * stripes + 1) * 8 - 2 * stripes * BLOCK;
    let stripe = 3;
    for first in 0..18 {
        for second in first + 1..18 {
            for member in [first, second] {
                if member < 16 {
                    let block = member * stripes + stripe;
                    if block < blocks {
                        site.zero_block(block);
                    }
                } else {
                    let at = parity_at + ((member - 16) * stripes + stripe) * BLOCK;
                    let zeros = vec![0; BLOCK as usize];
                    site.disk.corrupt(&site.parity, at, &zeros).unwrap();
                }
            }
            let opened = DataFile::open_at_best(&site.home, number(1)).unwrap();
            let refused = site.refused_of_damaged(&opened.file, LARGE_BYTES);
            assert!(refused.is_empty(), "{first}, {second}: {refused:?}");
            if second >= 16 {
                let scrub = opened.file.scrub::<u64>(0, &mut |_| true).unwrap();
                assert!(scrub.is_restorable && scrub.next.is_none());
                let parity = scrub.parity;
                assert!(
                    matches!(parity, ParityHealth::Damaged { .. }),
                    "{first}, {second}: {parity:?}"
                );
            }
            site.undo();
        }
    }
}

/// 20,000 samples and more with `DOCDB_PARITY_SAMPLES`; the counts are printed.
#[test]
fn sampled_damage_of_a_large_file_is_restored_up_to_two_blocks_of_a_stripe_and_named_beyond() {
    let samples = samples(16);
    let site = large();
    let length = site.data_bytes.len() as u64;
    let mut state = 7_u64;
    let (mut restored, mut beyond, mut named) = (0, 0, 0);
    for sample in 0..samples {
        // One damage, or, for what is beyond parity, several.
        let places = if sample % 4 == 3 { 4 } else { 1 };
        let mut ranges = Vec::new();
        for _ in 0..places {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(sample | 1);
            let damage = DAMAGES[(state >> 60) as usize % 4];
            let at = (state >> 8) % length;
            site.damage(damage, at);
            ranges.push(damage.range(at, length));
        }
        let now = site.disk.bytes(&site.data).unwrap();
        let best = site.best_of(&now);
        let is_restorable = best == site.data_bytes;
        match DataFile::open_at_best(&site.home, number(1)) {
            Ok(opened) => {
                let refused = site.refused(&opened.file, LARGE_BYTES);
                let expected = site.missing_in(&best);
                if opened.lost.is_empty() {
                    assert_eq!(refused, expected, "sample {sample}");
                } else {
                    assert!(refused.is_superset(&expected), "sample {sample}");
                }
                let scrub = opened.file.scrub::<u64>(0, &mut |_| true).unwrap();
                assert_eq!(scrub.is_clean(), now == site.data_bytes, "sample {sample}");
                assert!(!is_restorable || refused.is_empty() && scrub.is_restorable);
                named += refused.len();
            }
            // Header and trailer in one stripe, beyond parity: nothing is served.
            Err(_) => assert!(!is_restorable, "sample {sample}"),
        }
        if is_restorable {
            restored += 1;
        } else {
            beyond += 1;
        }
        ranges.into_iter().for_each(|range| site.undo_at(range));
    }
    println!(
        "{samples} samples: {restored} restored, {beyond} beyond parity, {named} documents named, 0 wrong"
    );
}

#[test]
fn damaged_parity_harms_nothing_and_is_computed_again() {
    let site = small();
    let file = DataFile::open(&site.home, number(1)).unwrap();
    for damage in DAMAGES {
        for at in (0..site.parity_bytes.len() as u64).step_by(step(251)) {
            let range = damage.range(at, site.parity_bytes.len() as u64);
            match damage {
                Damage::Flip => site.disk.flip_bit(&site.parity, at, 3).unwrap(),
                Damage::Zero(_) => {
                    let zeros = vec![0; (range.end - range.start) as usize];
                    site.disk.corrupt(&site.parity, at, &zeros).unwrap();
                }
            }
            let is_damaged = site.disk.bytes(&site.parity).unwrap() != site.parity_bytes;
            let scrub = file.scrub::<u64>(0, &mut |_| true).unwrap();
            assert!(scrub.is_clean(), "{damage:?} at {at}: {scrub:?}");
            assert_eq!(
                !matches!(scrub.parity, ParityHealth::Whole),
                is_damaged,
                "{damage:?} at {at}"
            );
            // What is asked of the parity is right or refused.
            site.zero_block(0);
            let opened = DataFile::open_at_best(&site.home, number(1));
            if let Ok(opened) = opened {
                site.refused(&opened.file, 90);
            }
            site.put(0, &site.data_bytes);
        }
        file.encode_parity::<u64>(Parity::DEFAULT, &mut |_| true)
            .unwrap();
        assert_eq!(site.disk.bytes(&site.parity).unwrap(), site.parity_bytes);
        assert_eq!(site.disk.bytes(&site.data).unwrap(), site.data_bytes);
    }
    let bytes = site.parity_bytes.len();
    println!(
        "at every {} bytes of {bytes} of parity, four damages each: computed again",
        step(251)
    );
}

#[test]
fn parity_is_never_computed_from_a_damaged_file() {
    let site = large();
    for at in [
        3,
        5000,
        site.data_bytes.len() as u64 - 3000,
        site.data_bytes.len() as u64 - 3,
    ] {
        let file = DataFile::open(&site.home, number(1)).unwrap();
        site.damage(Damage::Flip, at);
        for has_parity in [true, false] {
            if !has_parity {
                site.disk.remove(&site.parity).unwrap();
            }
            let refused = file.encode_parity::<u64>(Parity::DEFAULT, &mut |_| true);
            assert!(refused.unwrap_err().is_corruption(), "at {at}");
            assert_eq!(site.disk.exists(&site.parity).unwrap(), has_parity);
        }
        site.put(0, &site.data_bytes);
        file.encode_parity::<u64>(Parity::DEFAULT, &mut |_| true)
            .unwrap();
    }
}

#[test]
fn what_the_disk_does_not_read_is_restored() {
    let site = large();
    let file = DataFile::open(&site.home, number(1)).unwrap();
    let entry = &site.entries[300];
    site.disk.fail(Fault::once(
        FaultOn::call(CallKind::Read, "data.1"),
        FaultKind::Eio,
    ));
    assert_eq!(
        read(&file, entry).unwrap(),
        payload(300, VERSION, LARGE_BYTES)
    );
}

/// A disk that does not answer for a while has lost nothing: the damaged file is all there is, and is
/// kept for the time when it answers again.
#[test]
fn what_the_disk_does_not_read_is_never_given_up_as_lost() {
    for (parity, unread) in [
        (Parity::NONE, "data.1"),
        (Parity::DEFAULT, "data.1"),
        (Parity::DEFAULT, "parity.1"),
    ] {
        let mut refused = 0;
        for skip in 0..40 {
            let site = Site::new(200, 900, parity);
            // Something to be restored, for which the others of its stripe are read.
            if !parity.is_none() {
                site.zero_block(3);
            }
            site.disk.fail(Fault::always(
                FaultOn::Call {
                    kind: CallKind::Read,
                    path_suffix: unread.to_owned(),
                    skip,
                },
                FaultKind::Eio,
            ));
            match site.rewrite(&mut |_| Ok(None)) {
                Ok((healed, _)) => {
                    let lost = keys_from(&healed, MendSource::Lost);
                    assert!(lost.is_empty(), "{unread} {skip}");
                }
                Err(StorageError::Io { .. }) => refused += 1,
                Err(other) => panic!("{unread} {skip}: {other}"),
            }
        }
        assert!(refused > 0, "{unread}");
    }
}

/// Nobody knows whether a log that cannot be read has the document.
#[test]
fn what_a_source_cannot_tell_is_never_given_up_as_lost() {
    let site = Site::new(200, 900, Parity::NONE);
    site.zero_block(3);
    let refused = site.rewrite(&mut |_| Err(Unread)).unwrap_err();
    assert!(refused.is_corruption(), "{refused}");
    let (healed, _) = site.rewrite(&mut |_| Ok(None)).unwrap();
    assert!(!keys_from(&healed, MendSource::Lost).is_empty());

    // Parity needs no log.
    let site = Site::new(200, 900, Parity::DEFAULT);
    site.zero_block(3);
    let (healed, _) = site.rewrite(&mut |_| Err(Unread)).unwrap();
    assert!(keys_from(&healed, MendSource::Lost).is_empty());
}

#[test]
fn beyond_parity_exactly_the_damaged_documents_are_lost_and_they_stay_errors() {
    let site = large();
    let stripes = site.stripes();
    for block in [2, 2 + stripes, 2 + 2 * stripes] {
        site.zero_block(block);
    }
    let before = site.disk.bytes(&site.data).unwrap();
    let expected = site.beyond();
    assert!(expected.len() > 3);
    let (healed, manifest) = site.rewrite(&mut |_| Ok(None)).unwrap();
    assert_eq!(keys_from(&healed, MendSource::Lost), expected);
    assert!(keys_from(&healed, MendSource::Parity).is_empty());
    assert_eq!(
        site.disk.bytes(&site.data).unwrap(),
        before,
        "nothing is healed in place"
    );
    manifest.store(&site.home).unwrap();

    // After a restart, as often as one likes, also through a further merge.
    let mut manifest = manifest;
    for round in 0..2 {
        let (files, reported) = FileSet::open(&site.home, &manifest).unwrap();
        assert!(reported.is_empty());
        let live = manifest.data_files[0].number;
        let file = files.get(live).unwrap();
        let lost: BTreeSet<u64> = file
            .lost_records()
            .unwrap()
            .iter()
            .map(|entry| entry.key)
            .collect();
        assert_eq!(lost, expected);
        assert!(file.scrub::<u64>(0, &mut |_| true).unwrap().is_clean());
        for entry in site
            .entries
            .iter()
            .filter(|entry| entry.kind == RecordKind::Document)
        {
            if entry.key % 13 != 0 && !expected.contains(&entry.key) {
                continue;
            }
            match read_indexed(&site.home, &manifest, entry.key).unwrap() {
                Ok(found) => assert_eq!(found, payload(entry.key, VERSION, LARGE_BYTES)),
                Err(StorageError::Lost {
                    original,
                    original_offset,
                    ..
                }) => {
                    assert!(expected.contains(&entry.key));
                    let path = site.home.data_file_path(number(1));
                    assert!(path.ends_with(original));
                    assert_eq!(original_offset, entry.offset);
                }
                Err(other) => panic!("{other}"),
            }
        }
        if round == 0 {
            let metadata = manifest.next_metadata(&[live]);
            let merge = Merge {
                home: &site.home,
                live: &files.view(),
                inputs: &[live],
                output: manifest.next_data_file,
                parity: Parity::DEFAULT,
                metadata: &metadata,
            };
            let merged = merge.run::<u64>(&mut |_, _| MergeStep::Copy).unwrap();
            manifest = manifest.succeeded_by(merged, &metadata).unwrap();
            files.retire(&[live]);
        }
    }

    // Written again, it is a document again; one that is found again as well.
    let resolved = *expected.first().unwrap();
    let found = *expected.last().unwrap();
    let site = Site { manifest, ..site };
    let (files, _) = FileSet::open(&site.home, &site.manifest).unwrap();
    let live = site.manifest.data_files[0].number;
    let metadata = site.manifest.next_metadata(&[live]);
    let merge = Merge {
        home: &site.home,
        live: &files.view(),
        inputs: &[live],
        output: site.manifest.next_data_file,
        parity: Parity::DEFAULT,
        metadata: &metadata,
    };
    let healed = merge
        .run_healing::<u64>(
            &mut |_, _| MergeStep::Copy,
            &mut |_, entry| {
                Ok(match entry.key {
                    key if key == found => Some(payload(key, VERSION, LARGE_BYTES)),
                    // Another version is not what was lost.
                    key if key == resolved => Some(payload(key, VERSION - 1, LARGE_BYTES)),
                    _ => None,
                })
            },
            false,
        )
        .unwrap();
    assert_eq!(
        keys_from(&healed, MendSource::Supplied),
        BTreeSet::from([found])
    );
    let next = site
        .manifest
        .succeeded_by(healed.record, &metadata)
        .unwrap();
    assert_eq!(
        read_indexed(&site.home, &next, found).unwrap().unwrap(),
        payload(found, VERSION, LARGE_BYTES)
    );
    assert!(matches!(
        read_indexed(&site.home, &next, resolved).unwrap(),
        Err(StorageError::Lost { .. })
    ));
    let added = write(
        &site.home,
        &next,
        VERSION * 2,
        resolved + 1,
        50,
        Parity::DEFAULT,
    );
    let last = next.succeeded_by(added, &next.next_metadata(&[])).unwrap();
    assert_eq!(
        read_indexed(&site.home, &last, resolved).unwrap().unwrap(),
        payload(resolved, VERSION * 2, 50)
    );
}

/// What an index in use says of a document that is lost meanwhile, and found again, is what it says
/// after a restart.
#[test]
fn an_index_in_use_follows_a_document_into_its_loss_and_out_of_it() {
    let site = large();
    for block in [4, 4 + site.stripes(), 4 + 2 * site.stripes()] {
        site.zero_block(block);
    }
    let lost = *site.beyond().first().unwrap();
    let (files, _) = FileSet::open(&site.home, &site.manifest).unwrap();
    let index = Index::<u64>::load(&site.manifest, &files.view()).unwrap();
    let mut manifest = site.manifest.clone();
    for is_found in [false, true] {
        let inputs = [manifest.data_files[0].number];
        let metadata = manifest.next_metadata(&inputs);
        let merge = Merge {
            home: &site.home,
            live: &files.view(),
            inputs: &inputs,
            output: manifest.next_data_file,
            parity: Parity::DEFAULT,
            metadata: &metadata,
        };
        let healed = merge.run_healing::<u64>(
            &mut |file, entry| MergeStep::of(index.needs(file, entry)),
            &mut |_, entry| Ok(is_found.then(|| payload(entry.key, VERSION, LARGE_BYTES))),
            false,
        );
        let record = healed.unwrap().record;
        manifest = manifest.succeeded_by(record, &metadata).unwrap();
        manifest.store(&site.home).unwrap();
        index.adopt(&files.add(&record).unwrap()).unwrap();
        files.retire(&inputs);
        let after_restart = read_indexed(&site.home, &manifest, lost).unwrap();
        for read in [read_by(&index, &files, lost).unwrap(), after_restart] {
            match read {
                Ok(found) => assert!(is_found && found == payload(lost, VERSION, LARGE_BYTES)),
                Err(error) => {
                    assert!(
                        !is_found && matches!(error, StorageError::Lost { .. }),
                        "{error}"
                    );
                }
            }
        }
        let used = index.view().file_use(record.number);
        let reloaded = Index::<u64>::load(&manifest, &files.view()).unwrap();
        assert_eq!(used, reloaded.view().file_use(record.number));
    }
}

#[test]
fn the_log_is_asked_first_and_an_older_version_is_never_taken_for_the_lost_one() {
    let site = large();
    site.zero(site.entries[100].offset + 30..site.entries[100].offset + 40);
    let stripes = site.stripes();
    for block in [
        60 % stripes,
        60 % stripes + stripes,
        60 % stripes + 2 * stripes,
    ] {
        site.zero_block(block);
    }
    let beyond = site.beyond();
    assert!(!beyond.contains(&100));
    let (honest, old): (BTreeSet<u64>, BTreeSet<u64>) =
        beyond.iter().partition(|key| **key % 2 == 0);
    let mut asked = BTreeSet::new();
    let (healed, manifest) = site
        .rewrite(&mut |entry| {
            asked.insert(entry.key);
            let is_honest = entry.key == 100 || honest.contains(&entry.key);
            let version = if is_honest { VERSION } else { VERSION - 500 };
            Ok(Some(payload(entry.key, version, LARGE_BYTES)))
        })
        .unwrap();
    assert!(asked.is_superset(&beyond) && asked.contains(&100));
    let supplied = keys_from(&healed, MendSource::Supplied);
    assert!(supplied.is_superset(&honest) && supplied.contains(&100));
    assert_eq!(keys_from(&healed, MendSource::Lost), old);
    for key in old {
        assert!(read_indexed(&site.home, &manifest, key).unwrap().is_err());
    }
}

#[test]
fn rewriting_a_file_that_parity_restores_loses_nothing_and_heals_it() {
    let site = large();
    site.damage(Damage::Zero(65536), 100_000);
    site.damage(Damage::Flip, 20);
    let damaged = site.disk.bytes(&site.data).unwrap();
    let (healed, manifest) = site.rewrite(&mut |_| Ok(None)).unwrap();
    assert!(keys_from(&healed, MendSource::Lost).is_empty());
    assert!(!keys_from(&healed, MendSource::Parity).is_empty());
    assert_eq!(
        site.disk.bytes(&site.data).unwrap(),
        damaged,
        "nothing is healed in place"
    );
    let (files, reported) = FileSet::open(&site.home, &manifest).unwrap();
    assert!(reported.is_empty());
    let file = files.get(number(2)).unwrap();
    assert!(file.scrub::<u64>(0, &mut |_| true).unwrap().is_clean());
    assert!(matches!(
        file.scrub::<u64>(0, &mut |_| true).unwrap().parity,
        ParityHealth::Whole
    ));
    for key in (0..700).filter(|key| key % 17 != 16).step_by(9) {
        let found = read_indexed(&site.home, &manifest, key).unwrap().unwrap();
        assert_eq!(found, payload(key, VERSION, LARGE_BYTES));
    }
}

#[test]
fn records_that_are_lost_together_with_their_names_are_not_dropped_in_silence() {
    let site = Site::new(40, 90, Parity::NONE);
    let footer = site
        .data_bytes
        .windows(4)
        .position(|bytes| bytes == b"META")
        .unwrap() as u64;
    site.zero(site.entries[5].offset..site.entries[6].offset);
    // The footer stands behind the metadata.
    site.zero(footer + 200..footer + 240);
    let error = site.rewrite(&mut |_| Ok(None)).unwrap_err();
    assert!(error.is_corruption(), "{error}");
    assert!(
        !site
            .disk
            .exists(&site.home.data_file_path(number(2)))
            .unwrap()
    );
}

/// Parity that is left of an earlier file of the number is not the parity of this one.
#[test]
fn parity_of_another_generation_restores_nothing() {
    let site = large();
    let old = site.parity_bytes.clone();
    let other = Site::new(700, LARGE_BYTES, Parity::NONE);
    // The same documents at the same places, another salt.
    let disk = &other.disk;
    let file = disk
        .open(
            &other.home.parity_path(number(1)),
            docdb_vfs::OpenMode::CreateNew,
        )
        .unwrap();
    file.write_all_at(&old, 0).unwrap();
    let salted = other.data_bytes[40..48] != site.data_bytes[40..48];
    assert!(
        !salted,
        "the simulation draws the same salt for the same seed"
    );
    // So the salt is made another one in the parity alone.
    disk.corrupt(&other.parity, 40, &[9; 8]).unwrap();
    let mut header = disk.bytes(&other.parity).unwrap()[..60].to_vec();
    header.extend(crc32fast::hash(&header).to_le_bytes());
    disk.corrupt(&other.parity, 0, &header).unwrap();
    let last = old.len() as u64 - 64;
    disk.corrupt(&other.parity, last, &header).unwrap();
    other.zero_block(9);
    let opened = DataFile::open_at_best(&other.home, number(1)).unwrap();
    assert!(!other.refused(&opened.file, LARGE_BYTES).is_empty());
    let scrub = opened.file.scrub::<u64>(0, &mut |_| true).unwrap();
    assert!(matches!(scrub.parity, ParityHealth::Absent));
    assert!(!scrub.is_restorable && !scrub.is_clean());
}

#[test]
fn a_file_without_parity_is_served_and_scrubbed_as_before() {
    let site = Site::new(40, 90, Parity::NONE);
    let opened = DataFile::open_at_best(&site.home, number(1)).unwrap();
    assert!(opened.damage.is_none() && site.refused(&opened.file, 90).is_empty());
    let scrub = opened.file.scrub::<u64>(0, &mut |_| true).unwrap();
    assert!(scrub.is_clean() && matches!(scrub.parity, ParityHealth::Absent));
    assert_eq!(
        (scrub.records, scrub.bytes),
        (40, site.data_bytes.len() as u64)
    );
    site.put(site.entries[7].offset + 40, &[0; 4]);
    let scrub = opened.file.scrub::<u64>(0, &mut |_| true).unwrap();
    assert_eq!(
        scrub
            .damaged
            .iter()
            .map(|record| record.key)
            .collect::<Vec<_>>(),
        [7]
    );
    assert!(!scrub.is_restorable && !scrub.damaged[0].is_restorable);
    site.undo();
    // It can be given parity later.
    opened
        .file
        .encode_parity::<u64>(Parity::DEFAULT, &mut |_| true)
        .unwrap();
    site.zero_block(0);
    let opened = DataFile::open_at_best(&site.home, number(1)).unwrap();
    assert!(site.refused(&opened.file, 90).is_empty());
}

#[test]
fn a_scrub_that_is_cut_off_anywhere_goes_on_there_and_misses_nothing() {
    let site = large();
    let file = DataFile::open(&site.home, number(1)).unwrap();
    for at in [
        site.entries[1].offset + 50,
        site.data_bytes.len() as u64 - 5000,
    ] {
        site.damage(Damage::Flip, at);
    }
    site.disk.flip_bit(&site.parity, 30_000, 1).unwrap();
    let whole = file.scrub::<u64>(0, &mut |_| true).unwrap();
    let (mut from, mut slices, mut bytes, mut records) = (0, 0, 0, 0);
    let (mut ranges, mut keys, mut parts) = (Vec::new(), Vec::new(), 0);
    loop {
        let mut is_first = true;
        let scrub = file
            .scrub::<u64>(from, &mut |_| std::mem::replace(&mut is_first, false))
            .unwrap();
        slices += 1;
        bytes += scrub.bytes;
        records += scrub.records;
        ranges.extend(scrub.damaged_bytes);
        keys.extend(scrub.damaged.into_iter().map(|record| record.key));
        if let ParityHealth::Damaged { parts: found } = scrub.parity {
            parts += found;
        }
        match scrub.next {
            Some(next) => {
                assert!(next > from);
                from = next;
            }
            None => break,
        }
    }
    assert!(slices >= 3);
    assert_eq!((bytes, records), (whole.bytes, whole.records));
    assert_eq!(ranges, whole.damaged_bytes);
    assert_eq!(
        keys,
        whole
            .damaged
            .iter()
            .map(|record| record.key)
            .collect::<Vec<_>>()
    );
    assert!(matches!(whole.parity, ParityHealth::Damaged { parts: 1 }) && parts == 1);
    assert_eq!(
        whole.bytes,
        (site.data_bytes.len() + site.parity_bytes.len()) as u64
    );
}

/// A rewrite may be cut off at any change of the disk: the damaged original and its parity are
/// there until the manifest names the new file.
#[test]
fn a_power_cut_at_any_step_of_a_rewrite_leaves_the_original_or_the_healed_file() {
    let mut at = 0;
    loop {
        let site = Site::new(200, 900, Parity::DEFAULT);
        site.damage(Damage::Zero(4096), 50_000);
        let damaged = site.disk.bytes(&site.data).unwrap();
        site.disk.crash_at_mutation(site.disk.mutations() + at);
        let is_done = site
            .rewrite(&mut |_| Ok(None))
            .and_then(|(_, next)| next.store(&site.home))
            .is_ok();
        let disk = site.disk.crash(CrashProfile::DropAll, at);
        let home = fixture::home(&disk);
        let manifest = Manifest::load(&home).unwrap().manifest;
        let live = manifest.data_files[0].number;
        if live == number(1) {
            assert_eq!(disk.bytes(&site.data).unwrap(), damaged);
            assert_eq!(disk.bytes(&site.parity).unwrap(), site.parity_bytes);
        }
        let (files, _) = FileSet::open(&home, &manifest).unwrap();
        let file = files.get(live).unwrap();
        for entry in file.entries::<u64>().map(Result::unwrap) {
            if entry.kind == RecordKind::Document {
                assert_eq!(
                    read(&file, &entry).unwrap(),
                    payload(entry.key, VERSION, 900)
                );
            }
        }
        if is_done {
            assert_eq!(live, number(2));
            assert!(at > 8);
            break;
        }
        at += 1;
    }
}

#[test]
fn the_overhead_on_the_disk_is_what_was_asked_for_within_a_point() {
    for percent in [6_u64, 12, 19, 25] {
        let site = Site::new(4000, 1000, Parity::from_percent(percent));
        let file = DataFile::open(&site.home, number(1)).unwrap();
        assert_eq!(file.parity_bytes(), site.parity_bytes.len() as u64);
        let overhead = 100.0 * site.parity_bytes.len() as f64 / site.data_bytes.len() as f64;
        assert!(
            (overhead - percent as f64).abs() < 1.0,
            "{percent} %: {overhead:.2} %"
        );
    }
    assert!(
        Site::new(40, 90, Parity::from_percent(0))
            .parity_bytes
            .is_empty()
    );
}

#[test]
fn parity_goes_with_its_data_file() {
    let site = small();
    let (files, _) = FileSet::open(&site.home, &site.manifest).unwrap();
    files.retire(&[number(1)]);
    drop(files);
    assert!(!site.disk.exists(&site.data).unwrap());
    assert!(!site.disk.exists(&site.parity).unwrap());
}

/// With the checksums of some blocks lost, damage can get into the computation: what comes out of it
/// does not count.
#[test]
fn a_block_that_was_computed_from_damage_does_not_count() {
    let site = Site::new(620, 4000, Parity::DEFAULT);
    let blocks = (site.data_bytes.len() as u64).div_ceil(BLOCK);
    assert!(
        blocks > 511,
        "the checksums of parity stand on another page"
    );
    let parity_blocks = 2 * site.stripes();
    let table_bytes = (blocks + parity_blocks + 2) * 8;
    let first_parity = 64 + table_bytes;
    let file = DataFile::open(&site.home, number(1)).unwrap();
    for table in [64, first_parity + parity_blocks * BLOCK] {
        site.disk
            .flip_bit(&site.parity, table + 4096 + 100, 2)
            .unwrap();
    }
    site.zero_block(5);
    let scrub = file.scrub::<u64>(0, &mut |_| true).unwrap();
    assert!(scrub.is_restorable, "the parity itself is whole");
    for member in 0..2 {
        let at = first_parity + (member * site.stripes() + 5) * BLOCK;
        site.disk.corrupt(&site.parity, at, &[7; 64]).unwrap();
    }
    let scrub = file.scrub::<u64>(0, &mut |_| true).unwrap();
    assert!(!scrub.is_restorable && !scrub.is_clean());
    assert!(scrub.damaged.iter().all(|record| !record.is_restorable));
}

#[test]
fn a_file_that_is_not_read_back_as_it_was_written_is_not_published() {
    let site = small();
    let target = site.home.data_file_path(number(2));
    let mut temporary = target.clone().into_os_string();
    temporary.push(".tmp");
    let mut writer = DataFileWriter::create(&site.home, number(2), Parity::DEFAULT).unwrap();
    let document = payload(1, 1, 200_000);
    for key in 0_u64..4 {
        writer
            .push(&fixture::record(0, &key.to_be_bytes(), 1, &document))
            .unwrap();
    }
    site.disk.flip_bit(temporary.as_ref(), 70_000, 4).unwrap();
    let refused = writer.finish(&site.manifest.next_metadata(&[]));
    assert!(refused.unwrap_err().is_corruption());
    for path in [target, temporary.into(), site.home.parity_path(number(2))] {
        assert!(!site.disk.exists(&path).unwrap(), "{}", path.display());
    }
}

#[test]
fn a_data_file_that_a_power_cut_leaves_has_its_parity() {
    let mut at = 0;
    loop {
        let site = small();
        site.disk.crash_at_mutation(site.disk.mutations() + at);
        let is_done = site
            .rewrite(&mut |_| Ok(None))
            .and_then(|(_, next)| next.store(&site.home))
            .is_ok();
        for (profile, seed) in [CrashProfile::DropAll, CrashProfile::Strict]
            .into_iter()
            .zip(at..)
        {
            let disk = site.disk.crash(profile, seed);
            let home = fixture::home(&disk);
            if disk.exists(&home.data_file_path(number(2))).unwrap() {
                let file = DataFile::open(&home, number(2)).unwrap();
                let scrub = file.scrub::<u64>(0, &mut |_| true).unwrap();
                assert!(scrub.is_clean() && matches!(scrub.parity, ParityHealth::Whole));
            }
        }
        if is_done {
            break;
        }
        at += 1;
    }
}
