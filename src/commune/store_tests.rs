//! The store against villages that claim what is not so: watermarks move only as far as there is
//! something, rows are bounded.

use std::collections::BTreeMap;

use redb::{
    ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition,
};

use super::boot_history::HelloSummary;
use super::quota::{DAY_BYTES, DailyQuota, MAX_QUARANTINED_BATCHES, VillageQuota};
use super::store::CommuneStore;
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::event::{ClockQuality, Entry, Event, Lane};
use crate::domain::id::{BlobId, NoticeId};
use crate::domain::notice::{self, NoticeDetails, NoticeKind};
use crate::domain::place;
use crate::journal::codec;
use crate::protocol::commune::{Batch, Stream, pack};
use crate::time::{MonoMs, WallMs};

/// A store in a folder of its own, which goes away with the test, also with one that panics.
pub(super) fn rig() -> (CommuneStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("folder");
    let store = CommuneStore::open(&store_file(&folder)).expect("store");
    (store, folder)
}

/// The database of a [`rig`].
pub(super) fn store_file(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("store.redb")
}

pub(super) fn stream(n: u64) -> Stream {
    Stream {
        epoch: format!("{n:032x}"),
        lane: Lane::Log,
    }
}

pub(super) fn record(n: u64, words: &str) -> Vec<u8> {
    serde_json::json!({ "lane": "log", "lane_seq": n, "seq": n, "words": words })
        .to_string()
        .into_bytes()
}

pub(super) fn rows(store: &CommuneStore, table: &'static str) -> u64 {
    store
        .db
        .begin_read()
        .expect("read")
        .open_table(TableDefinition::<&[u8], &[u8]>::new(table))
        .expect("table")
        .len()
        .expect("rows")
}

#[test]
fn a_mark_moves_as_far_as_there_is_something() {
    let (store, _folder) = rig();
    let good = pack(
        stream(1),
        1,
        &[&record(1, "a"), &record(2, "b")],
        BTreeMap::new(),
    )
    .expect("packed");
    for bad in [
        Batch {
            count: 1 << 63,
            ..good.clone()
        },
        Batch {
            count: 101,
            ..good.clone()
        },
        Batch {
            first: u64::MAX,
            ..good.clone()
        },
    ] {
        assert_eq!(
            store
                .apply("v", &bad, WallMs::default())
                .expect("answered")
                .0,
            0,
            "{}",
            bad.count
        );
    }
    assert_eq!(
        store.apply("v", &good, WallMs::default()).expect("taken"),
        (2, false)
    );
    assert_eq!(
        store
            .apply("v", &good, WallMs::default())
            .expect("repeated"),
        (2, false)
    );
    let far = pack(stream(1), 9, &[&record(9, "c")], BTreeMap::new()).expect("packed");
    assert_eq!(
        store.apply("v", &far, WallMs::default()).expect("a hole"),
        (2, true)
    );
    // An unreadable batch counts as far as it may reach, and only so many are stored.
    let noise = |first| Batch {
        first,
        count: 100,
        records: "!".into(),
        ..good.clone()
    };
    for n in 0..2 * MAX_QUARANTINED_BATCHES {
        assert_eq!(
            store
                .apply("v", &noise(3 + n * 100), WallMs::default())
                .expect("counted")
                .0,
            102 + n * 100
        );
    }
    assert_eq!(
        (
            rows(&store, "quarantine"),
            store.account("v").expect("account").unreadable
        ),
        (MAX_QUARANTINED_BATCHES, 2 * MAX_QUARANTINED_BATCHES)
    );
    assert_eq!(store.contact("v").expect("seen").records, 2);
    // The same stream of another village is another stream.
    assert_eq!(
        store.apply("w", &good, WallMs::default()).expect("taken"),
        (2, false)
    );
}

#[test]
fn gaps_that_follow_each_other_are_one_row_and_none_reaches_beyond_belief() {
    let (store, _folder) = rig();
    for n in 1..=50 {
        assert_eq!(
            store
                .apply_gap("v", &stream(1), n, n, WallMs::default())
                .expect("taken"),
            n
        );
    }
    assert_eq!(
        store
            .apply_gap("v", &stream(1), 51, u64::MAX, WallMs::default())
            .expect("answered"),
        50
    );
    let read = store.db.begin_read().expect("read");
    let gaps = read
        .open_table(TableDefinition::<&[u8], u64>::new("gaps"))
        .expect("table");
    let all: Vec<u64> = gaps
        .iter()
        .expect("rows")
        .map(|row| row.expect("row").1.value())
        .collect();
    assert_eq!(all, [50]);
    drop((gaps, read));
    let batch = pack(stream(1), 51, &[&record(51, "a")], BTreeMap::new()).expect("packed");
    assert_eq!(
        store
            .apply("v", &batch, WallMs::default())
            .expect("taken")
            .0,
        51
    );
    assert_eq!(
        store
            .apply_gap("v", &stream(1), 52, 60, WallMs::default())
            .expect("taken"),
        60
    );
}

#[test]
fn a_day_is_full_and_the_next_one_goes_on_and_the_others_do_not_notice() {
    let (store, _folder) = rig();
    let write = store.db.begin_write().expect("write");
    let mut account = super::quota::load(&write, "v").expect("account");
    assert!(account.try_consume(
        DAY_BYTES - 1,
        DailyQuota {
            now_ms: WallMs::default(),
            max_bytes: DAY_BYTES
        }
    ));
    super::quota::save(&write, "v", &account).expect("kept");
    write.commit().expect("committed");
    let batch = pack(stream(1), 1, &[&record(1, "a")], BTreeMap::new()).expect("packed");
    let round = store
        .apply_round(
            [("v", &batch), ("w", &batch)].into_iter(),
            WallMs::default(),
        )
        .expect("a round");
    assert_eq!(
        round,
        [(0, false), (1, false)],
        "the mark stays, so it comes again"
    );
    assert!(
        store
            .account("v")
            .expect("account")
            .is_exhausted(DailyQuota {
                now_ms: WallMs::default(),
                max_bytes: DAY_BYTES
            })
    );
    assert_eq!(
        store
            .apply("v", &batch, WallMs::new(86_400_000))
            .expect("the next day")
            .0,
        1
    );
}

#[test]
fn words_of_one_letter_are_charged_as_the_files_that_they_are() {
    let (store, folder) = rig();
    let prefill = |left: u64| {
        let write = store.db.begin_write().expect("write");
        let mut account = VillageQuota::default();
        assert!(account.try_consume(
            DAY_BYTES - left,
            DailyQuota {
                now_ms: WallMs::default(),
                max_bytes: DAY_BYTES
            }
        ));
        super::quota::save(&write, "v", &account).expect("kept");
        write.commit().expect("committed");
    };
    let id = |n: u64| BlobId::new(&format!("b.{n}")).expect("id");
    let notice = |n: u64| {
        let event = Event::Notice(notice::Event::Published {
            id: NoticeId::new("n1").expect("id"),
            text: BlobRef {
                id: id(n),
                mac: String::new(),
                len: 1,
            },
            details: NoticeDetails::of(NoticeKind::Notice),
        });
        codec::entry_bytes(&Entry {
            lane: Lane::Log,
            ..Entry::sample(n, event)
        })
        .expect("entry")
    };
    let records: Vec<Vec<u8>> = (1..=60).map(notice).collect();
    let words = (1..=60)
        .map(|n| {
            (
                id(n).as_str().to_owned(),
                "x".repeat(usize::from(n % 2 == 0)),
            )
        })
        .collect();
    let batch = pack(
        stream(1),
        1,
        &records.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        words,
    )
    .expect("packed");
    let files = || {
        std::fs::read_dir(store_file(&folder).with_extension("texts").join("v"))
            .map_or(0, Iterator::count)
    };
    prefill(1024 * 1024);
    assert_eq!(
        (
            store
                .apply("v", &batch, WallMs::default())
                .expect("answered")
                .0,
            files()
        ),
        (0, 0),
        "sixty files are more than a megabyte"
    );
    prefill(2 * 1024 * 1024);
    assert_eq!(
        (
            store
                .apply("v", &batch, WallMs::default())
                .expect("taken")
                .0,
            files()
        ),
        (60, 60)
    );
}

#[test]
fn what_a_village_told_before_it_was_set_back_stays_on_the_pages_behind_what_it_tells_since() {
    let (store, _folder) = rig();
    let said = |n: u64, seq: u64, place: &str| {
        let place = place::Place {
            id: crate::domain::id::PlaceId::new(place).expect("id"),
            name: "Ngõ".into(),
        };
        codec::entry_bytes(&Entry {
            seq,
            mono_ms: MonoMs::START,
            wall_ms: WallMs::default(),
            clock: ClockQuality::Synced,
            actor: Actor::System,
            cause: None,
            lane: Lane::Log,
            lane_seq: n,
            event: Event::Place(place::Event::Declared { place }),
        })
        .expect("entry")
    };
    let hello = |boot: u64, names: &[u64]| {
        let streams: Vec<_> = names.iter().map(|n| (stream(*n), 1, 1)).collect();
        store
            .hello(
                "v",
                &HelloSummary::new(&stream(boot).epoch, boot, &streams, &[]),
                WallMs::new(1),
            )
            .expect("heard");
    };
    let tell = |of: u64, n: u64, record: &[u8]| {
        assert_eq!(
            store
                .apply(
                    "v",
                    &pack(stream(of), n, &[record], BTreeMap::new()).expect("packed"),
                    WallMs::new(1)
                )
                .expect("taken")
                .0,
            n
        );
    };
    let newest = |limit| -> Vec<String> {
        let all = store.newest("v", limit).expect("read");
        let id = |raw: &Vec<u8>| {
            let entry: serde_json::Value = serde_json::from_slice(raw).expect("json");
            let place = &entry["event"]["place"]["place"];
            place["id"].as_str().expect("id").to_owned()
        };
        all.iter().map(id).collect()
    };
    // A row as older versions wrote it.
    let (old, key) = (
        said(1, 900, "old"),
        [
            b"v\0".as_slice(),
            stream(9).epoch.as_bytes(),
            b"\0\x02\0",
            &1u64.to_be_bytes(),
        ]
        .concat(),
    );
    let write = store.db.begin_write().expect("write");
    write
        .open_table(TableDefinition::<&[u8], &[u8]>::new("records"))
        .expect("table")
        .insert(key.as_slice(), old.as_slice())
        .expect("kept");
    write
        .open_table(TableDefinition::<&[u8], &[u8]>::new("newest"))
        .expect("table")
        .insert(
            [b"v\0".as_slice(), &900u64.to_be_bytes()]
                .concat()
                .as_slice(),
            key.as_slice(),
        )
        .expect("kept");
    write.commit().expect("committed");
    hello(10, &[10]);
    for n in 1..=3 {
        tell(10, n, &said(n, n, &format!("a{n}")));
    }
    assert_eq!(newest(9), ["a3", "a2", "a1", "old"]);
    // The storage is set back to before a2, and the village goes on under another epoch.
    hello(10 + 1, &[11]);
    tell(11, 1, &said(1, 2, "b2"));
    assert_eq!(
        newest(9),
        ["b2", "a3", "a2", "a1", "old"],
        "nothing that was acknowledged goes from the pages"
    );
    assert_eq!(newest(1), ["b2"], "what it tells now comes first");
    // The next boot goes on.
    hello(12, &[11, 12]);
    tell(12, 1, &said(1, 3, "b3"));
    assert_eq!(newest(3), ["b3", "b2", "a3"]);
}
