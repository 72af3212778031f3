//! The index of the journal: lost, corrupt, truncated, of another history, of an older format.

use super::test_support::{Temp, cause, crash, open, village};
use super::tests::{notice, road};
use super::*;
use crate::domain::actor::Actor;
use crate::domain::id::NoticeId;
use crate::domain::notice;

#[tokio::test]
async fn a_lost_rotten_or_truncated_index_is_built_again() {
    let temp = Temp::new("index");
    let (journal, _) = open(temp.path());
    for n in 0..2500 {
        journal.submit(road(n)).await.expect("answered");
    }
    let order = journal
        .submit(CommandRequest::new(Actor::System, notice(7)))
        .await
        .expect("done")
        .last;
    journal
        .submit(
            CommandRequest::new(
                Actor::System,
                notice::Command::TakeDown {
                    id: NoticeId::new("n7").expect("id"),
                },
            )
            .caused_by(order),
        )
        .await
        .expect("done");
    journal.shutdown().await.expect("stopped");
    let history = journal.history();
    let path = temp.path().join("index.redb");
    for (round, spoil) in [0usize, 1, 2, 3].into_iter().enumerate() {
        let index = index::Index::new(&path);
        let anew = index.catch_up(&history).expect("index");
        assert_eq!(anew, round >= 2, "round {round}");
        let about = index
            .by_subject(&history, "n7", u64::MAX, 10)
            .expect("lookup");
        assert_eq!(
            about.iter().map(|s| s.entry.seq).collect::<Vec<_>>(),
            [order + 1, order]
        );
        assert_eq!(
            index.by_cause(&history, order, 10).expect("lookup").len(),
            1
        );
        index.close();
        match spoil {
            0 => std::fs::remove_file(&path).expect("gone"),
            1 => {
                let mut bytes = std::fs::read(&path).expect("read");
                let middle = bytes.len() / 2;
                for b in &mut bytes[4096..middle] {
                    *b ^= 0x55;
                }
                std::fs::write(&path, bytes).expect("write");
            }
            _ => {
                let bytes = std::fs::read(&path).expect("read");
                std::fs::write(&path, &bytes[..bytes.len() / 3]).expect("write");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_another_village_or_of_last_week_is_not_believed() {
    let (base, week) = village("p").await;
    let (other, _) = village("q").await;
    let made = |temp: &Temp| {
        let (journal, _) = open(temp.path());
        let index = index::Index::new(&temp.path().join("index.redb"));
        index.catch_up(&journal.history()).expect("indexed");
        index.close();
        crash(journal);
        std::fs::read(temp.path().join("index.redb")).expect("read")
    };
    for (name, bytes, is_anew) in [
        ("another's", made(&other), true),
        ("older", made(&week), false),
    ] {
        let temp = Temp::of(base.path(), "index");
        std::fs::write(temp.path().join("index.redb"), bytes).expect("written");
        let (journal, _) = open(temp.path());
        let index = index::Index::new(&temp.path().join("index.redb"));
        assert_eq!(
            index.catch_up(&journal.history()).expect("indexed"),
            is_anew,
            "{name}"
        );
        for n in [7, 700] {
            assert_eq!(
                index
                    .by_cause(&journal.history(), cause("p", n), 5)
                    .expect("asked")
                    .len(),
                1,
                "{name}: {n}"
            );
        }
        index.close();
        crash(journal);
    }
}
