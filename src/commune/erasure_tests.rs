//! Erased texts are in no page of the file any more, and overwriting free pages leaves space on the
//! disk.

use std::collections::BTreeMap;

use redb::{ReadableDatabase as _, TableDefinition, TableHandle as _};

use super::quota::RESERVED_BYTES;
use super::store::CommuneStore;
use super::store_tests::{record, rig, rows, store_file, stream};
use crate::domain::blob::BlobRef;
use crate::domain::event::{Entry, Event, Lane};
use crate::domain::history;
use crate::domain::id::{BlobId, NoticeId};
use crate::domain::notice::{self, NoticeDetails, NoticeKind};
use crate::journal::codec;
use crate::protocol::commune::{Batch, pack};
use crate::time::{MonoMs, WallMs};

#[test]
fn writing_over_free_pages_stops_before_the_disk_is_full_and_gives_them_back() {
    let (store, folder) = rig();
    let path = store_file(&folder);
    let due = |store: &CommuneStore| {
        let write = store.db.begin_write().expect("write");
        write
            .open_table(TableDefinition::<&[u8], &[u8]>::new("meta"))
            .expect("table")
            .insert(b"scrub".as_slice(), [1].as_slice())
            .expect("due");
        write.commit().expect("committed");
    };
    let holds_fill = |store: &CommuneStore| {
        store
            .db
            .begin_read()
            .expect("read")
            .list_tables()
            .expect("tables")
            .any(|t| t.name() == "fill")
    };
    due(&store);
    let (size, hour) = (std::fs::metadata(&path).expect("file").len(), 3_600_000);
    let full = store
        .overwrite_free_pages_with(MonoMs::START, &|| RESERVED_BYTES + 1024)
        .expect_err("there is too little room");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(
        std::fs::metadata(&path).expect("file").len(),
        size,
        "nothing was written"
    );
    assert!(
        !store
            .overwrite_free_pages_with(MonoMs::new(hour - 1), &|| panic!("it rests"))
            .expect("it rests")
    );
    // Others fill the disk while pages are overwritten.
    let room = std::cell::Cell::new(RESERVED_BYTES + 64 * 1024 * 1024 + size);
    let shrinks = || room.replace(room.get() - 24 * 1024 * 1024);
    store
        .overwrite_free_pages_with(MonoMs::new(hour), &shrinks)
        .expect_err("the room went");
    assert!(!holds_fill(&store), "its pages are free again");
    let batch = pack(stream(1), 1, &[&record(1, "a")], BTreeMap::new()).expect("packed");
    assert_eq!(
        store
            .apply("v", &batch, WallMs::default())
            .expect("the store goes on")
            .0,
        1
    );
    // A crash while pages were filled.
    let write = store.db.begin_write().expect("write");
    write
        .open_table(TableDefinition::<u64, &[u8]>::new("fill"))
        .expect("table")
        .insert(1, [0].as_slice())
        .expect("filled");
    write.commit().expect("committed");
    drop(store);
    let store = CommuneStore::open(&path).expect("opens");
    assert!(!holds_fill(&store));
    assert!(
        store
            .overwrite_free_pages_with(MonoMs::START, &|| u64::MAX)
            .expect("there is room")
            && !store
                .overwrite_free_pages_with(MonoMs::START, &|| u64::MAX)
                .expect("it is done")
    );
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story: each step needs the store as the steps before it left it"
)]
fn erased_words_go_and_stay_away_and_stand_in_no_page_of_the_file() {
    const WORDS: &str = "Chuyen-rieng-nha-ba-Ty-51b0";
    let (store, folder) = rig();
    let path = store_file(&folder);
    let entry = |n: u64, event: Event| {
        codec::entry_bytes(&Entry {
            lane: Lane::Log,
            ..Entry::sample(n, event)
        })
        .expect("entry")
    };
    let text = BlobRef {
        id: BlobId::new("b1").expect("id"),
        mac: String::new(),
        len: 1,
    };
    let notice = |n| {
        entry(
            n,
            Event::Notice(notice::Event::Published {
                id: NoticeId::new("n1").expect("id"),
                text: text.clone(),
                details: NoticeDetails::of(NoticeKind::Notice),
            }),
        )
    };
    let erased = |n| {
        entry(
            n,
            Event::History(history::Event::Erased {
                blob: text.id.clone(),
            }),
        )
    };
    let words = BTreeMap::from([("b1".to_owned(), WORDS.repeat(50))]);
    let take = |n: u64, record: &[u8]| {
        store
            .apply(
                "v",
                &pack(stream(1), n, &[record], words.clone()).expect("packed"),
                WallMs::default(),
            )
            .expect("taken")
    };
    let filled = BTreeMap::from([("b1".to_owned(), "x".repeat(9_000))]);
    take(1, &notice(1));
    assert!(
        store.text("v", "b1").expect("read").is_some()
            && !store
                .overwrite_free_pages(MonoMs::START)
                .expect("nothing to do")
    );
    // A batch that cannot be read is quarantined, without its texts.
    store
        .apply(
            "v",
            &Batch {
                records: "!".into(),
                ..pack(stream(2), 1, &[&notice(1)], words.clone()).expect("packed")
            },
            WallMs::default(),
        )
        .expect("counted");
    let folder = path.with_extension("texts");
    let holds = |file: &std::path::Path| {
        std::fs::read(file).is_ok_and(|b| memchr::memmem::find(&b, WORDS.as_bytes()).is_some())
    };
    assert!(
        holds(&folder.join("v/b1")) && !holds(&path),
        "the database never holds them"
    );
    take(2, &erased(2));
    assert!(
        store.text("v", "b1").expect("read").is_none()
            && store.is_erased("v", "b1").expect("read")
            && !store.is_erased("w", "b1").expect("read")
    );
    assert!(!folder.join("v/b1").exists() && !holds(&path));
    // A text as an older version stored it.
    let write = store.db.begin_write().expect("write");
    write
        .open_table(TableDefinition::<&[u8], &[u8]>::new("texts"))
        .expect("table")
        .insert(b"v\0b1".as_slice(), WORDS.as_bytes())
        .expect("kept");
    write.commit().expect("committed");
    assert!(store.text("v", "b1").expect("read").is_some() && holds(&path));
    take(3, &erased(3));
    assert!(store.text("v", "b1").expect("read").is_none());
    assert_eq!(
        (0..9)
            .filter(|_| store.overwrite_free_pages(MonoMs::START).expect("scrubbed"))
            .count(),
        3,
        "and then it is over"
    );
    // An older boot of the village sends the text again.
    store
        .apply(
            "v",
            &pack(stream(3), 1, &[&notice(1)], filled).expect("packed"),
            WallMs::default(),
        )
        .expect("taken");
    assert!(
        store.text("v", "b1").expect("read").is_none(),
        "what is erased does not come back"
    );
    assert_eq!(rows(&store, "quarantine"), 1);
}
