//! A flipped bit in a header of a pack or a snapshot: it costs only the block that it is in, and no
//! number that is believed changes.

use std::path::Path;

use super::pack::{self, BLOCK_ENTRIES, Block, Pack};
use super::test_support::{ROADS, Temp, crash, files, has_road, judge, open, road, roads, village};

/// Bytes of a block's header.
const HEADER: usize = 52;

fn turned(path: &Path, at: usize, bit: usize) {
    let mut bytes = std::fs::read(path).expect("read");
    bytes[at] ^= 1 << bit;
    std::fs::write(path, bytes).expect("written");
}

/// The middle and the last block of the newest pack and of one in the middle.
fn places(temp: &Temp) -> Vec<(Pack, Block)> {
    let (packs, damaged) = pack::list(&temp.journal()).expect("listed");
    assert!(damaged.is_empty() && packs.len() >= 4);
    let of = |pack: &Pack| [1, pack.blocks.len() - 1].map(|n| (pack.clone(), pack.blocks[n]));
    [&packs[packs.len() / 2], packs.last().expect("some")]
        .into_iter()
        .flat_map(of)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_turned_in_any_header_of_a_pack_costs_at_most_its_block() {
    let (base, _) = village("p").await;
    for (pack, hit) in places(&base) {
        let whole = std::fs::read(&pack.path).expect("read");
        let is_last = pack.blocks.last() == Some(&hit);
        for n in 0..HEADER * 8 {
            let mut bytes = whole.clone();
            bytes[usize::try_from(hit.at).expect("small") + n / 8] ^= 1 << (n % 8);
            std::fs::write(&pack.path, bytes).expect("written");
            let found = pack::open(&pack.path).expect("the other blocks can be read");
            let case = format!("byte {} bit {} of {hit:?}: {found:?}", n / 8, n % 8);
            let others = |blocks: &[Block]| {
                blocks
                    .iter()
                    .filter(|b| b.at != hit.at)
                    .copied()
                    .collect::<Vec<_>>()
            };
            assert_eq!(others(&found.blocks), others(&pack.blocks), "{case}");
            match found.blocks.iter().find(|b| b.at == hit.at) {
                Some(block) => {
                    assert!(
                        !is_last && (block.first, block.last) == (hit.first, hit.last),
                        "{case}"
                    );
                    assert!(pack::read(&pack.path, block).is_err(), "{case}");
                    assert_eq!(found.end, pack.end, "{case}");
                }
                None => assert!(
                    is_last && found.last == hit.first - 1 && found.end != pack.end,
                    "{case}"
                ),
            }
        }
        std::fs::write(&pack.path, whole).expect("written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_village_with_a_bit_turned_in_a_header_misses_no_more_than_that_block() {
    let (base, _) = village("p").await;
    // Of the magic, the version, the count, the first and the last entry, the boot, both lengths
    // and the sum.
    let bits = [
        (0, 0),
        (4, 1),
        (6, 2),
        (8, 2),
        (13, 0),
        (16, 2),
        (21, 0),
        (24, 0),
        (40, 3),
        (43, 7),
        (44, 0),
        (48, 0),
    ];
    for ((pack, hit), (byte, bit)) in places(&base)
        .into_iter()
        .flat_map(|p| bits.map(|b| (p.clone(), b)))
    {
        for has_snapshots in [true, false] {
            if !has_snapshots && !(6..24).contains(&byte) {
                continue;
            }
            let temp = Temp::of(base.path(), "header");
            turned(
                &temp.journal().join(pack.path.file_name().expect("name")),
                usize::try_from(hit.at).expect("small") + byte,
                bit,
            );
            if !has_snapshots {
                for path in files(&temp.journal(), "snap")
                    .into_iter()
                    .chain([temp.journal().join("spare/state")])
                {
                    std::fs::remove_file(path).expect("gone");
                }
            }
            let case = format!("byte {byte} bit {bit} of {hit:?}, snapshots: {has_snapshots}");
            let (journal, report) = open(temp.path());
            let (roads_lost, untold) = judge(&journal, &report, "p").await;
            assert!(
                roads_lost <= if has_snapshots { 0 } else { BLOCK_ENTRIES },
                "{case}: {roads_lost} {report:?}"
            );
            assert_eq!(untold, 0, "{case}: {report:?}");
            assert!(
                journal.state().seq < ROADS + 20,
                "{case}: the numbers go on where they were"
            );
            let last = journal.state().seq;
            let seen = journal.after(0, 10_000).await;
            let missing = (1..=last)
                .filter(|n| seen.binary_search_by_key(n, |e| e.entry.seq).is_err())
                .collect::<Vec<_>>();
            assert!(
                missing.iter().all(|n| (hit.first..=hit.last).contains(n)),
                "{case}: {missing:?}"
            );
            assert_eq!(
                journal
                    .submit(road("new", 0))
                    .await
                    .expect("answered")
                    .first,
                last + 1,
                "{case}"
            );
            roads(&journal, "new", 1, 50).await;
            crash(journal);
            let (journal, again) = open(temp.path());
            assert!((0..50).all(|n| has_road(&journal, "new", n)), "{case}");
            assert_eq!(
                (judge(&journal, &again, "p").await, again.damage.as_slice()),
                ((roads_lost, 0), &[][..]),
                "{case}"
            );
            crash(journal);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_turned_in_the_version_of_a_file_does_not_keep_the_village_from_starting() {
    let (base, _) = village("p").await;
    for bit in 1..16 {
        let temp = Temp::of(base.path(), "version");
        turned(
            files(&temp.journal(), "snap").last().expect("two"),
            4 + bit / 8,
            bit % 8,
        );
        turned(
            files(&temp.journal(), "pack").last().expect("some"),
            4 + bit / 8,
            bit % 8,
        );
        let (journal, report) = open(temp.path());
        assert_eq!(
            judge(&journal, &report, "p").await,
            (0, 0),
            "bit {bit}: {report:?}"
        );
        assert!(report.is_clean(), "bit {bit}: {report:?}");
        crash(journal);
    }
}
