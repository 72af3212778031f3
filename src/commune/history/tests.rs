//! Tests of the commune's history.

use super::*;
use crate::commune::store_tests::{rig, store_file};

const DAY_MS: i64 = 86_400_000;

fn officer(id: &str) -> Author {
    Author::Officer {
        id: id.to_owned(),
        name: format!("Chị {id}"),
    }
}

fn village(id: &str) -> Author {
    Author::Village { id: id.to_owned() }
}

fn numbers(store: &CommuneStore, query: &CommuneHistoryQuery) -> Vec<u64> {
    let page = store.history(query, u64::MAX, 100).expect("read");
    assert_eq!(page.next, None);
    page.entries.iter().map(|e| e.number).collect()
}

#[test]
fn entries_are_chosen_by_day_person_and_village_and_outlive_the_process() {
    let (store, folder) = rig();
    let (today, tomorrow) = (WallMs::new(1_000), WallMs::new(1_000 + DAY_MS));
    let signed_in = CommuneEvent::SignedIn {
        address: "10.0.0.1".to_owned(),
    };
    let guessed = CommuneEvent::WrongPinsTried {
        officer: "hoa".to_owned(),
        name: "Chị Hoa".to_owned(),
        count: 3,
        is_locked: false,
    };
    let sent = CommuneEvent::BulletinSent {
        number: 1,
        villages: vec!["a".to_owned(), "b".to_owned()],
    };
    let published = CommuneEvent::BulletinPublished { number: 1 };
    let first = [
        (officer("hoa"), signed_in.clone()),
        (officer(""), signed_in),
        (Author::Server, guessed),
    ];
    store.record(today, &first).expect("stored");
    let second = [(officer("hoa"), sent), (village("b"), published.clone())];
    store.record(tomorrow, &second).expect("stored");
    let query =
        |day: Option<WallMs>, person: Option<&str>, village: Option<&str>| CommuneHistoryQuery {
            day: day.map(day_number),
            person: person.map(str::to_owned),
            village: village.map(str::to_owned),
        };
    drop(store);
    let store = CommuneStore::open(&store_file(&folder)).expect("opened");
    for (query, expected) in [
        (query(None, None, None), vec![5, 4, 3, 2, 1]),
        (query(Some(today), None, None), vec![3, 2, 1]),
        (query(None, Some("hoa"), None), vec![4, 3, 1]),
        (query(None, Some("@office"), None), vec![2]),
        (query(None, Some("@server"), None), vec![3]),
        (query(None, None, Some("b")), vec![5, 4]),
        (query(None, None, Some("a")), vec![4]),
        (query(Some(tomorrow), Some("hoa"), Some("a")), vec![4]),
        (query(Some(today), None, Some("a")), vec![]),
        (query(None, None, Some("c")), vec![]),
    ] {
        assert_eq!(numbers(&store, &query), expected, "{query:?}");
    }
    let newest = store.history(&CommuneHistoryQuery::default(), u64::MAX, 2);
    let newest = newest.expect("read");
    assert_eq!((newest.entries.len(), newest.next), (2, Some(4)));
    let entry = &newest.entries[0];
    assert_eq!(
        (&entry.author, &entry.event, entry.at),
        (&village("b"), &published, tomorrow)
    );
    let older = store
        .history(&CommuneHistoryQuery::default(), 4, 2)
        .expect("read");
    assert_eq!(older.entries[0].number, 3);
}

#[test]
fn the_oldest_entries_go_beyond_the_bound_and_numbers_are_never_given_again() {
    let (store, _folder) = rig();
    for n in 0..7_i64 {
        let write = store.db.begin_write().expect("write");
        let event = CommuneEvent::BulletinRestored {
            number: n.unsigned_abs(),
        };
        append_within(&write, WallMs::new(n * DAY_MS), &village("a"), &event, 3).expect("stored");
        write.commit().expect("committed");
    }
    let all = CommuneHistoryQuery::default();
    assert_eq!(numbers(&store, &all), [7, 6, 5]);
    let of_a = CommuneHistoryQuery {
        village: Some("a".to_owned()),
        ..CommuneHistoryQuery::default()
    };
    assert_eq!(numbers(&store, &of_a), [7, 6, 5]);
    let read = store.db.begin_read().expect("read");
    let index = read.open_table(HISTORY_INDEX).expect("table");
    assert_eq!(
        index.len().expect("read"),
        9,
        "day, person, village of each"
    );
}

#[test]
fn what_a_newer_version_wrote_is_shown_as_unknown() {
    let (store, _folder) = rig();
    let write = store.db.begin_write().expect("write");
    {
        let mut table = write.open_table(HISTORY).expect("table");
        let row = serde_json::json!({
            "number": 1, "at": 5, "author": { "is": "technician" },
            "event": { "kind": "tea_made", "cups": 2 }
        });
        let row = row.to_string();
        let key = 1_u64.to_be_bytes();
        table
            .insert(key.as_slice(), row.as_bytes())
            .expect("written");
    }
    write.commit().expect("committed");
    let page = store.history(&CommuneHistoryQuery::default(), u64::MAX, 10);
    assert_eq!(page.expect("read").entries[0].event, CommuneEvent::Unknown);
}
