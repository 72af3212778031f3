//! Power cuts, lying syncs, failures and corruption on the simulated disk.

use std::collections::BTreeMap;

use super::frame::{BLOCK_BYTES, BlockScan, decode, encode};
use super::recover::Floor;
use super::segments::{Log, LogOpenError, Recovery};
use super::sim::{Honesty, SimDisk, TestRng, cases};

fn images() -> u64 {
    cases(200) as u64
}

fn record(seq: u64) -> Vec<u8> {
    let mut out = seq.to_le_bytes().to_vec();
    out.resize(
        40 + (seq % 700) as usize,
        u8::try_from(seq % 251).expect("small"),
    );
    out
}

/// Appends groups of random sizes until `groups` or a failure; gives the last answered number.
fn fill(disk: &SimDisk, epoch: u8, mut seq: u64, groups: u64, dice: &mut TestRng) -> u64 {
    let Ok((mut log, _)) = Log::open(Box::new(disk.clone()), [epoch; 16], &Floor::default()) else {
        return seq;
    };
    let mut answered = seq;
    for _ in 0..groups {
        let n = 1 + dice.next_u64() % 12;
        let records: Vec<Vec<u8>> = (seq + 1..=seq + n).map(record).collect();
        let borrowed: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        if log.append(seq + 1, &[epoch; 128], &borrowed).is_err() {
            assert!(
                log.append(seq + 1, &[epoch; 128], &borrowed).is_err(),
                "a broken log stays broken"
            );
            return answered;
        }
        seq += n;
        answered = seq;
    }
    answered
}

fn reopen(content: BTreeMap<u32, Vec<u8>>, epoch: u8) -> (Vec<Vec<u8>>, Recovery, SimDisk) {
    let disk = SimDisk::with(content);
    let (mut log, mut found) = Log::open(Box::new(disk.clone()), [epoch; 16], &Floor::default())
        .expect("a cut disk opens");
    log.remove_orphaned().expect("healed");
    let records = found
        .groups
        .iter_mut()
        .flat_map(|g| std::mem::take(&mut g.records))
        .collect();
    (records, found, disk)
}

fn assert_prefix(records: &[Vec<u8>], at_least: u64) {
    for (i, r) in records.iter().enumerate() {
        assert_eq!(*r, record(i as u64 + 1), "record {i} is what was written");
    }
    assert!(
        records.len() as u64 >= at_least,
        "{} of {at_least} answered records stand",
        records.len()
    );
}

#[test]
fn an_honest_disk_loses_nothing_answered_at_any_cut_nor_at_a_second_one() {
    for case in 0..images() {
        let mut dice = TestRng(case * 7919 + 1);
        let disk = SimDisk::default();
        let mut answered = vec![(0, 0)];
        let (mut log, _) =
            Log::open(Box::new(disk.clone()), [1; 16], &Floor::default()).expect("opens");
        let mut seq = 0;
        for _ in 0..40 {
            let n = 1 + dice.next_u64() % 12;
            let records: Vec<Vec<u8>> = (seq + 1..=seq + n).map(record).collect();
            log.append(
                seq + 1,
                &[0; 128],
                &records.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            )
            .expect("written");
            seq += n;
            answered.push((disk.operations(), seq));
        }
        let at = usize::try_from(dice.next_u64()).unwrap_or(0) % (disk.operations() + 1);
        let promised = answered
            .iter()
            .filter(|(op, _)| *op <= at)
            .map(|(_, s)| *s)
            .max()
            .unwrap_or(0);
        let (records, found, second) =
            reopen(disk.image(at, Honesty::Honest, || dice.next_u64()), 2);
        assert!(
            found.damage.is_none(),
            "case {case}: a torn tail is not damage"
        );
        assert_prefix(&records, promised);
        // A second boot writes further groups, and power is cut again.
        let more = fill(&second, 3, records.len() as u64, 5, &mut dice);
        let ops = second.operations();
        let (again, found, _) = reopen(second.image(ops, Honesty::Honest, || dice.next_u64()), 4);
        assert!(found.damage.is_none(), "case {case}: second cut");
        assert_prefix(&again, more);
    }
}

#[test]
fn a_lying_disk_always_opens_and_only_a_suffix_is_missing() {
    let mut damaged = 0;
    for case in 0..images() {
        let mut dice = TestRng(case * 104_729 + 3);
        let disk = SimDisk::default();
        fill(&disk, 1, 0, 40, &mut dice);
        let at = usize::try_from(dice.next_u64()).unwrap_or(0) % (disk.operations() + 1);
        let lies = 1 + usize::try_from(dice.next_u64() % 40).unwrap_or(0);
        let (records, found, second) =
            reopen(disk.image(at, Honesty::Lying(lies), || dice.next_u64()), 2);
        assert_prefix(&records, 0);
        damaged += u64::from(found.damage.is_some());
        let more = fill(&second, 3, records.len() as u64, 3, &mut dice);
        let (again, found, _) = reopen(
            second.image(second.operations(), Honesty::Honest, || dice.next_u64()),
            4,
        );
        assert!(
            found.damage.is_none(),
            "case {case}: damage is reported once, then the village goes on"
        );
        assert_prefix(&again, more);
    }
    assert!(damaged > 0, "the rig produces holes, or it proves nothing");
}

#[test]
fn rot_never_gives_a_wrong_record() {
    let disk = SimDisk::default();
    fill(&disk, 1, 0, 300, &mut TestRng(5));
    let whole = disk.image(disk.operations(), Honesty::Honest, || 0);
    for case in 0..images() {
        let mut dice = TestRng(case * 31 + 11);
        let mut content = whole.clone();
        let slot = u32::try_from(dice.next_u64() % content.len() as u64).expect("few");
        let bytes = content.get_mut(&slot).expect("slot");
        let at = usize::try_from(dice.next_u64()).unwrap_or(0) % bytes.len();
        match dice.next_u64() % 4 {
            0 => bytes[at] ^= 1 << (dice.next_u64() % 8),
            1 => {
                bytes[at / BLOCK_BYTES * BLOCK_BYTES..(at / BLOCK_BYTES + 1) * BLOCK_BYTES].fill(0);
            }
            2 => {
                let from = bytes[..BLOCK_BYTES].to_vec();
                bytes[at / BLOCK_BYTES * BLOCK_BYTES..(at / BLOCK_BYTES + 1) * BLOCK_BYTES]
                    .copy_from_slice(&from);
            }
            _ => bytes.truncate(at),
        }
        let (records, _, _) = reopen(content, 2);
        assert_prefix(&records, 0);
    }
}

#[test]
fn a_failing_write_or_sync_loses_nothing_answered() {
    // The long run (`CONGLANG_LONG`) goes on to the 500th.
    for n in 0..cases(60).min(500) {
        let disk = SimDisk::default();
        disk.fail_after(n);
        let answered = fill(&disk, 1, 0, 60, &mut TestRng(n as u64 + 1));
        let mut dice = TestRng(99);
        let (records, found, _) = reopen(
            disk.image(disk.operations(), Honesty::Honest, || dice.next_u64()),
            2,
        );
        assert!(found.damage.is_none());
        assert_prefix(&records, answered);
    }
}

#[test]
fn released_segments_are_recycled_and_stale_frames_do_not_come_back() {
    let disk = SimDisk::default();
    let (mut log, _) =
        Log::open(Box::new(disk.clone()), [1; 16], &Floor::default()).expect("opens");
    let big = vec![7; 100_000];
    let mut floor = Floor::default();
    for seq in 1..=100u64 {
        log.append(seq, &[0; 128], &[&seq.to_le_bytes(), &big])
            .expect("written");
        if log.sealed().len() > 2 {
            let done = *log.sealed().front().expect("sealed");
            log.release(done.segment);
            floor = done.floor;
        }
    }
    assert!(
        log.size() <= 6 * super::disk::SEGMENT_BYTES as u64,
        "slots are reused: {}",
        log.size()
    );
    let content = disk.image(disk.operations(), Honesty::Honest, || 0);
    let (_, found) =
        Log::open(Box::new(SimDisk::with(content.clone())), [2; 16], &floor).expect("opens");
    assert!(found.damage.is_none(), "{:?}", found.damage);
    let last = found.groups.last().expect("some");
    assert_eq!(last.first_seq, 100);
    // If the floor's own segment is missing, that is damage and not a shorter history.
    let mut holed = content;
    let slot = *holed
        .iter()
        .find(|(_, c)| matches!(decode(c), BlockScan::Group(g, _) if g.segment == floor.segment))
        .expect("there")
        .0;
    holed.get_mut(&slot).expect("slot").fill(0);
    let (_, found) = Log::open(Box::new(SimDisk::with(holed)), [3; 16], &floor).expect("opens");
    assert!(found.damage.is_some());
}

#[test]
fn a_newer_format_is_refused_not_destroyed() {
    let mut frame = encode(1, &[1; 16], 0, 1, &[0; 128], &[b"x"]);
    frame[4] = 2;
    frame[56..60].fill(0);
    let crc = crc32c::crc32c(&frame[..super::frame::HEADER_BYTES + 5]);
    frame[56..60].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(decode(&frame), BlockScan::Newer(2));
    let disk = SimDisk::with(BTreeMap::from([(0, frame.clone())]));
    assert!(matches!(
        Log::open(Box::new(disk.clone()), [1; 16], &Floor::default()),
        Err(LogOpenError::Newer(2))
    ));
    assert_eq!(disk.operations(), 0, "nothing was touched");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    })]
    #[test]
    fn decoding_garbage_never_panics(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..9000),
        len in 0u32..20_000,
    ) {
        let mut bytes = bytes;
        if bytes.len() > 60 {
            bytes[..4].copy_from_slice(b"CLGP");
            bytes[48..52].copy_from_slice(&len.to_le_bytes());
        }
        let _ = decode(&bytes);
    }
}

#[test]
fn a_cut_while_a_dead_segment_is_written_over_is_no_damage_and_rot_in_it_neither() {
    let (mut recycled, any) = (
        0,
        Floor {
            any_start: true,
            ..Floor::default()
        },
    );
    for case in 0..images() / 4 {
        let mut dice = TestRng(case * 6_151 + 5);
        let disk = SimDisk::default();
        let (mut log, _) = Log::open(Box::new(disk.clone()), [1; 16], &any).expect("opens");
        // Operations, first number that is needed and last number that was answered, after each
        // group.
        let mut answered = vec![(0, 0, 0)];
        let (mut first, mut needed) = (0, 1);
        for seq in 1..=60u64 {
            if seq % 9 == 0 {
                log.seal();
                (first, needed) = (log.next_segment(), seq);
            }
            let big = vec![
                u8::try_from(seq).expect("small");
                20_000 + usize::try_from(dice.next_u64() % 200_000).expect("small")
            ];
            log.append_from(first, seq, &[&seq.to_le_bytes(), &big])
                .expect("written");
            answered.push((disk.operations(), needed, seq));
        }
        recycled += u64::from(log.size() < 8 << 20);
        let at = usize::try_from(dice.next_u64()).unwrap_or(0) % (disk.operations() + 1);
        let (_, from, to) = answered
            .iter()
            .rev()
            .find(|(op, ..)| *op <= at)
            .copied()
            .expect("the first");
        let mut content = disk.image(at, Honesty::Honest, || dice.next_u64());
        // Corruption in a segment that is not needed any more.
        let newest = |c: &[u8]| {
            (0..c.len() / BLOCK_BYTES)
                .filter_map(|b| {
                    if let BlockScan::Group(g, _) = decode(&c[b * BLOCK_BYTES..]) {
                        Some((
                            g.segment,
                            u64::from_le_bytes(g.stamp[..8].try_into().expect("8")),
                        ))
                    } else {
                        None
                    }
                })
                .max()
        };
        let live = content
            .values()
            .filter_map(|c| newest(c))
            .map(|(_, first)| first)
            .max()
            .unwrap_or(0);
        for c in content
            .values_mut()
            .filter(|c| newest(c).is_some_and(|(segment, _)| segment < live))
        {
            let at = usize::try_from(dice.next_u64()).unwrap_or(0) % c.len();
            c[at] ^= 1;
        }
        let (mut log, found) =
            Log::open(Box::new(SimDisk::with(content)), [2; 16], &any).expect("opens");
        assert!(found.damage.is_none(), "case {case}: {:?}", found.damage);
        let seen: Vec<u64> = found.groups.iter().map(|g| g.first_seq).collect();
        assert!(
            seen.windows(2).all(|w| w[1] == w[0] + 1)
                && (to == 0 || seen.contains(&from) && seen.contains(&to)),
            "case {case}: {from}–{to} of {seen:?}"
        );
        log.append_from(found.first, 99, &[b"on it goes"])
            .expect("written");
    }
    assert!(
        recycled > 0,
        "segments are written over, or it proves nothing"
    );
}

#[test]
fn a_file_with_a_number_far_beyond_the_others_is_left_alone_and_nothing_is_made_up_to_it() {
    let disk = SimDisk::default();
    fill(&disk, 1, 0, 40, &mut TestRng(3));
    let mut content = disk.image(disk.operations(), Honesty::Honest, || 0);
    let files = content.len();
    let stray = [20_261_129, u32::MAX];
    for slot in stray {
        content.insert(slot, b"a letter".to_vec());
    }
    let disk = SimDisk::with(content);
    let (mut log, found) =
        Log::open(Box::new(disk.clone()), [2; 16], &Floor::default()).expect("opens");
    assert_eq!((found.missing, found.stray.as_slice()), (0, &stray[..]));
    log.recreate_missing().expect("mended");
    for seq in 0..40 {
        log.append(seq, &[0; 128], &[vec![7; 100_000].as_slice()])
            .expect("written");
        log.ensure_spare().expect("made");
    }
    let after = disk.image(disk.operations(), Honesty::Honest, || 0);
    assert!(after.len() <= files + 10, "{} files", after.len());
    assert!(
        stray.iter().all(|slot| after[slot] == b"a letter"),
        "they are not ours to write over"
    );
    // Missing numbers among files that this log may have made are made again.
    let (gone, stray) = super::segments::check_numbering(&[0, 2, 5, 400]);
    assert_eq!(
        (gone.as_slice(), stray.as_slice()),
        (&[1, 3, 4][..], &[400][..])
    );
}

#[test]
fn what_somebody_else_named_like_a_segment_does_not_keep_the_log_shut() {
    let temporary = tempfile::tempdir().expect("folder");
    let path = temporary.path();
    std::fs::create_dir_all(path.join("0001.seg")).expect("made");
    for name in ["1.seg", "+5.seg", "00007.seg"] {
        std::fs::write(path.join(name), b"a letter").expect("written");
    }
    let huge = std::fs::File::create(path.join("4294967295.seg")).expect("made");
    huge.set_len(1 << 34).expect("sparse");
    for epoch in 1..4 {
        let (mut log, found) = Log::open(
            Box::new(super::disk::DirDisk::open(path).expect("folder")),
            [epoch; 16],
            &Floor::default(),
        )
        .expect("opens");
        assert_eq!(found.groups.len(), usize::from(epoch) - 1);
        assert_eq!(found.stray, [u32::MAX]);
        log.recreate_missing().expect("mended");
        log.append(1, &[0; 128], &[b"on it goes"]).expect("written");
        log.ensure_spare().expect("made");
    }
    assert!(std::fs::read_dir(path).expect("dir").count() < 12);
}
