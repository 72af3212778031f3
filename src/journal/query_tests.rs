//! Pages of history by day, actor and thing, packed and not yet packed.

use std::collections::BTreeSet;

use super::index::{EntryQuery, Index};
use super::test_support::{Temp, checkpoint, crash, open};
use super::*;
use crate::domain::actor::Actor;
use crate::domain::calendar::day_number;
use crate::domain::id::PlaceId;
use crate::domain::place::{self, Place};
use crate::log::disk::DirDisk;
use crate::supervisor::clock::Clock;
use crate::time::WallMs;

const DAY_MS: i64 = 86_400_000;
/// 2026-11-21, 14:05 in the village.
const NOON: WallMs = WallMs::new(1_795_244_700_000);
/// Roads of a day; the technician names each hundredth.
const ROADS: u64 = 600;

fn road(n: u64) -> CommandRequest {
    let actor = if n.is_multiple_of(100) {
        Actor::LocalAdmin
    } else {
        Actor::System
    };
    let place = Place {
        id: PlaceId::new(&format!("r{n}")).expect("id"),
        name: format!("Ngõ {n}"),
    };
    CommandRequest::new(actor, place::Command::Declare { place })
}

async fn roads(journal: &Journal, numbers: std::ops::Range<u64>) {
    let all = numbers.map(|n| journal.submit(road(n)));
    for answer in futures_util::future::join_all(all).await {
        answer.expect("answered");
    }
}

/// Every entry that is asked for, page by page.
fn all(index: &Index, journal: &Journal, query: &EntryQuery, limit: usize) -> Vec<u64> {
    let (mut out, mut before) = (Vec::new(), u64::MAX);
    for _ in 0..1_000 {
        let page = index
            .select(&journal.history(), query, before, limit)
            .expect("selected");
        assert!(page.entries.len() <= limit);
        assert!(page.entries.iter().all(|s| query.takes(&s.entry)));
        out.extend(page.entries.iter().map(|s| s.entry.seq));
        match page.next {
            Some(next) => {
                assert!(next < before, "it goes on");
                before = next;
            }
            None => return out,
        }
    }
    panic!("it does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_an_actor_and_a_thing_are_found_in_pages_packed_or_not() {
    let temp = Temp::new("query");
    let clock = Clock::manual(NOON.ms());
    let place = JournalStorage {
        folder: temp.journal(),
        disk: Box::new(DirDisk::open(&temp.path().join("log")).expect("log")),
        village: None,
    };
    let (journal, _) = Journal::open(place, new_epoch(), clock.clone()).expect("opens");
    roads(&journal, 0..ROADS).await;
    clock.set_wall((NOON + DAY_MS).ms());
    roads(&journal, ROADS..2 * ROADS).await;
    checkpoint(&journal).await;
    let index = Index::new(&temp.path().join("index.redb"));
    index.catch_up(&journal.history()).expect("indexed");
    let last_packed = *index.through().borrow();
    assert!(last_packed > 2 * ROADS);
    // These are in the log only.
    roads(&journal, 2 * ROADS..2 * ROADS + 150).await;

    let of_day = |day: i64| EntryQuery {
        from_ms: Some(NOON + ((day - 1) * DAY_MS - 10 * 3_600_000)),
        to_ms: Some(NOON + (day * DAY_MS - 10 * 3_600_000)),
        ..EntryQuery::default()
    };
    assert_eq!(day_number(NOON) + 1, day_number(NOON + DAY_MS));
    for limit in [7, 50, 1_000] {
        let by_technician = EntryQuery {
            by: Actor::LocalAdmin.key(),
            ..EntryQuery::default()
        };
        let found = all(&index, &journal, &by_technician, limit);
        assert_eq!(found.len(), 14, "{found:?}");
        assert!(
            found.windows(2).all(|p| p[0] > p[1]),
            "newest first, each once"
        );
        let on_first_day = EntryQuery {
            by: Actor::LocalAdmin.key(),
            ..of_day(1)
        };
        assert_eq!(all(&index, &journal, &on_first_day, limit).len(), 6);
        // A boot is an entry, too.
        assert_eq!(
            all(&index, &journal, &of_day(1), limit).len() as u64,
            ROADS + 1
        );
        assert_eq!(
            all(&index, &journal, &of_day(2), limit).len() as u64,
            ROADS + 150
        );
        assert_eq!(all(&index, &journal, &of_day(3), limit), [0; 0]);
        let about = |ids: &[&str]| EntryQuery {
            about: ids.iter().map(ToString::to_string).collect(),
            ..EntryQuery::default()
        };
        assert_eq!(all(&index, &journal, &about(&["r5"]), limit).len(), 1);
        assert_eq!(
            all(&index, &journal, &about(&["r5", "r601", "r1201"]), limit).len(),
            3
        );
        assert_eq!(
            all(&index, &journal, &EntryQuery::default(), limit).len() as u64,
            2 * ROADS + 151
        );
    }
    index.close();
    crash(journal);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_found_by_their_causes_packed_or_not() {
    let temp = Temp::new("effects");
    let (journal, _) = open(temp.path());
    roads(&journal, 0..300).await;
    let caused = |n: u64, cause: u64| journal.submit(road(n).caused_by(cause));
    caused(1_000, 5).await.expect("answered");
    checkpoint(&journal).await;
    let index = Index::new(&temp.path().join("index.redb"));
    index.catch_up(&journal.history()).expect("indexed");
    caused(1_001, 5).await.expect("answered");
    caused(1_002, 6).await.expect("answered");
    let found = |causes: &[u64]| -> Vec<Option<u64>> {
        let causes: BTreeSet<u64> = causes.iter().copied().collect();
        let found = index.effects(&journal.history(), &causes).expect("found");
        assert!(found.windows(2).all(|p| p[0].entry.seq < p[1].entry.seq));
        found.iter().map(|s| s.entry.cause).collect()
    };
    assert_eq!(found(&[5]), [Some(5), Some(5)]);
    assert_eq!(found(&[5, 6, 7]), [Some(5), Some(5), Some(6)]);
    assert_eq!(found(&[7]), []);
    assert_eq!(found(&[]), []);
    index.close();
    crash(journal);
}

fn new_epoch() -> Epoch {
    crate::keys::secret::random().expect("random")
}
