//! The ledger: wear, starvation, what need not be written, what a restart brings back, rot.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::kept::kept;
use super::record::{self, Record, Target};
use super::rig::{core, message};
use super::store::Store;
use super::{Finished, Ledger, Receipt};
use crate::broker::access::HOUSE;
use crate::broker::core::Core;
use crate::broker::message::Message;
use crate::protocol::broker::Limits;

fn folder() -> std::path::PathBuf {
    std::env::temp_dir().join(format!(
        "conglang-ledger-{}",
        getrandom::u64().expect("random")
    ))
}

#[tokio::test]
async fn a_device_that_keeps_changing_what_is_retained_does_not_wear_the_card() {
    let mut ledger = Ledger::default();
    let (loud, calm): (Arc<str>, Arc<str>) = ("den-01".into(), "den-02".into());
    let (second, now) = (Some(Duration::from_secs(1)), Instant::now());
    let (mut written, mut quiet) = (0, 0);
    ledger.retained(&calm, "d/den-02/a", Some(message("d/den-02/a", "ON")), None);
    for n in 0..3_600 {
        for part in 0..10 {
            ledger.retained(
                &loud,
                "d/den-01/a",
                Some(message(
                    "d/den-01/a",
                    &format!("{}{n}.{part}", "x".repeat(10_000)),
                )),
                None,
            );
        }
        let records = ledger.take(second, now, 0).records;
        written += records.iter().map(Vec::len).sum::<usize>();
        quiet += records
            .iter()
            .filter(|r| r.windows(6).any(|w| w == b"den-02"))
            .count();
    }
    assert!(written < 5_000_000, "{written} bytes in an hour");
    assert_eq!(quiet, 1, "what did not change is written once");
    // Among its own topics who waits longest comes first, and what the disk never had leaves
    // nothing behind.
    ledger.retained(
        &loud,
        "d/den-01/z",
        Some(message("d/den-01/z", "NEW")),
        None,
    );
    let found = (0..3_600).any(|n| {
        ledger.retained(
            &loud,
            "d/den-01/a",
            Some(message("d/den-01/a", &format!("{}{n}", "y".repeat(10_000)))),
            None,
        );
        ledger
            .take(second, now, 0)
            .records
            .iter()
            .any(|r| r.ends_with(b"NEW"))
    });
    assert!(found, "a chattering topic does not starve another");
    for n in 0..10_000 {
        let topic = format!("d/den-01/new/{n}");
        ledger.retained(&loud, &topic, Some(message(&topic, "x")), None);
        ledger.retained(&loud, &topic, None, None);
    }
    assert!(ledger.len() <= 2, "{} changes wait", ledger.len());
}

#[tokio::test]
async fn who_has_it_need_not_be_written_and_who_waits_is_told() {
    let (mut ledger, now, owner): (_, _, Arc<str>) =
        (Ledger::default(), Instant::now(), "den-01".into());
    let wake = Arc::new(Notify::new());
    let target = |session| Target {
        session,
        id: 1,
        qos: 1,
        retain: false,
        identifiers: Vec::new(),
        group: String::new(),
    };
    let receipt = Receipt::new(wake.clone());
    let number = ledger.number();
    ledger.message(
        (number, &owner),
        message("d/den-01/a", "ON"),
        vec![target(1), target(2)],
        (0, 0),
        false,
        Some(&receipt),
    );
    ledger.finished(
        1,
        Finished {
            id: 1,
            owed: Some(number),
        },
    );
    assert_eq!(receipt.outcome(), None, "one of two has it");
    ledger.finished(
        2,
        Finished {
            id: 1,
            owed: Some(number),
        },
    );
    assert_eq!(receipt.outcome(), Some(true));
    assert!(
        ledger.take(None, now, 0).records.is_empty(),
        "nothing to write"
    );
    // Written before it was acknowledged: then the disk hears that it is over.
    let (number, receipt) = (ledger.number(), Receipt::new(wake));
    ledger.message(
        (number, &owner),
        message("d/den-01/a", "ON"),
        vec![target(1)],
        (0, 0),
        false,
        Some(&receipt),
    );
    let batch = ledger.take(None, now, 0);
    assert_eq!(
        (batch.records.len(), batch.receipts.len(), receipt.outcome()),
        (1, 1, None)
    );
    batch.receipts[0].settle(false);
    assert_eq!(receipt.outcome(), Some(false));
    ledger.finished(
        1,
        Finished {
            id: 1,
            owed: Some(number),
        },
    );
    assert_eq!(
        ledger.take(None, now, 0).records,
        [Record::Acked {
            session: 1,
            ids: vec![1]
        }
        .encode()]
    );
    // A will that came and went leaves nothing.
    let will = record::KeptWill {
        session: 9,
        account: "den-01".into(),
        client_id: "a".into(),
        message: kept(&message("a", "b"), now, 0),
        delay_s: 0,
        due: None,
    };
    ledger.note(&owner, Record::Will(will), None);
    ledger.note(&owner, Record::WillOver(9), None);
    assert_eq!(ledger.len(), 0);
}

#[tokio::test]
async fn who_comes_and_goes_in_debt_owes_no_more_each_time() {
    let (mut ledger, now, owner): (_, _, Arc<str>) =
        (Ledger::default(), Instant::now(), "den-01".into());
    let will = |text: &str| record::KeptWill {
        session: 9,
        account: "den-01".into(),
        client_id: "a".into(),
        message: kept(&message("a", text), now, 0),
        delay_s: 0,
        due: None,
    };
    ledger.note(&owner, Record::Will(will("b")), None);
    ledger.retained(
        &owner,
        "d/den-01/a",
        Some(message("d/den-01/a", &"x".repeat(3 << 20))),
        None,
    );
    assert_eq!(ledger.take(None, now, 0).records.len(), 2);
    let receipt = Receipt::new(Arc::new(Notify::new()));
    for _ in 0..1_000 {
        ledger.note(&owner, Record::WillOver(9), None);
        ledger.note(&owner, Record::Will(will("c")), None);
        let unfilter = Record::Unfilter {
            session: 9,
            filter: "d/#".into(),
        };
        if !ledger.also_unfilter(9, "d/#", &receipt) {
            ledger.note(&owner, unfilter, Some(&receipt));
        }
    }
    assert!(
        ledger.take(Some(Duration::ZERO), now, 0).records.is_empty() && ledger.len() == 2,
        "{} wait",
        ledger.len()
    );
    let batch = ledger.take(None, now, 0);
    batch.receipts.iter().for_each(|r| r.settle(true));
    assert_eq!(
        (batch.records.len(), batch.receipts.len(), receipt.outcome()),
        (2, 1_000, Some(true)),
        "each wait is settled once"
    );
}

#[tokio::test]
async fn retained_messages_survive_dumps_large_ones_and_an_older_store() {
    let folder = folder();
    let (mut core, now, house): (_, _, Arc<str>) = (core(), Instant::now(), HOUSE.into());
    let (mut store, _) = Store::open(&folder, [1; 16], false).expect("opens");
    // As the first retained store wrote it.
    let old = [
        &b"P\x01"[..],
        &5u32.to_le_bytes(),
        b"old/1",
        &6u32.to_le_bytes(),
        b"den-01",
        &0u32.to_le_bytes(),
        b"ON",
    ]
    .concat();
    store.write(std::iter::once(old)).expect("written");
    let set = |core: &mut Core, store: &mut Store, m: Arc<Message>| {
        core.retained.set(&house, 0, &m, &Limits::default());
        core.ledger
            .retained(&house, &m.topic.clone(), Some(m), None);
        store
            .write(core.ledger.take(None, now, 0).records.into_iter())
            .expect("written");
    };
    let large = "x".repeat(1_400_000);
    set(&mut core, &mut store, message("large", &large));
    drop(store);
    let (mut store, again) = Store::open(&folder, [3; 16], false).expect("opens");
    let mut restored = self::core();
    again.restore(&mut restored, now);
    assert_eq!(
        restored
            .retained
            .matching("#", now)
            .map(|(o, m)| (o.to_owned(), m.payload.len()))
            .collect::<Vec<_>>(),
        [(HOUSE.to_owned(), 1_400_000), ("den-01".to_owned(), 2)]
    );
    // Enough writes that everything is dumped anew.
    for round in 0..40 {
        set(
            &mut core,
            &mut store,
            message("big", &format!("{round}{}", "x".repeat(200_000))),
        );
        if store.wants_dump() {
            store.write_dump(&core.snapshot(now)).expect("dumped");
        }
    }
    drop(store);
    let (store, found) = Store::open(&folder, [2; 16], false).expect("opens");
    let mut restored = self::core();
    found.restore(&mut restored, now);
    assert!(
        store.size() < 20 << 20,
        "segments are recycled: {}",
        store.size()
    );
    assert!(
        restored
            .retained
            .matching("big", now)
            .next()
            .expect("there")
            .1
            .payload
            .starts_with(b"39x")
    );
    assert_eq!(
        restored
            .retained
            .matching("large", now)
            .next()
            .expect("there")
            .1
            .payload
            .len(),
        large.len()
    );
    std::fs::remove_dir_all(folder).expect("clean");
}

#[tokio::test]
async fn rot_never_makes_a_message_that_nobody_published() {
    let folder = folder();
    let (mut ledger, now, owner): (_, _, Arc<str>) =
        (Ledger::default(), Instant::now(), "den-01".into());
    let (mut store, _) = Store::open(&folder, [1; 16], false).expect("opens");
    for i in 0..300 {
        let topic = format!("d/den/{i}");
        ledger.retained(
            &owner,
            &topic,
            Some(message(&topic, &format!("ON {i}"))),
            None,
        );
        if i % 10 == 0 {
            store
                .write(ledger.take(None, now, 0).records.into_iter())
                .expect("written");
        }
    }
    store
        .write(ledger.take(None, now, 0).records.into_iter())
        .expect("written");
    drop(store);
    let segment = std::fs::read_dir(&folder)
        .expect("dir")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .find(|p| std::fs::read(p).is_ok_and(|b| b.starts_with(b"CLGP")))
        .expect("a segment");
    let whole = std::fs::read(&segment).expect("read");
    let mut least = 300;
    let cases = crate::log::sim::cases(100);
    for case in 0..cases {
        let bytes = crate::log::sim::spoilt(&whole, case, cases);
        let spoilt = folder.with_extension(case.to_string());
        std::fs::create_dir_all(&spoilt).expect("folder");
        std::fs::write(spoilt.join(segment.file_name().expect("name")), &bytes).expect("write");
        let mut core = core();
        Store::open(&spoilt, [2; 16], false)
            .expect("opens")
            .1
            .restore(&mut core, now);
        least = least.min(core.retained.len());
        for (_, m) in core.retained.matching("#", now) {
            let n = m.topic.rsplit('/').next().expect("number");
            assert_eq!(&m.payload[..], format!("ON {n}").as_bytes(), "case {case}");
        }
        std::fs::remove_dir_all(spoilt).expect("clean");
    }
    assert!(least < 300, "the rig spoils, or it proves nothing");
    std::fs::remove_dir_all(folder).expect("clean");
}

#[tokio::test]
async fn what_a_failing_card_may_not_have_is_unsure_until_all_is_written_and_costs_nothing() {
    let (mut ledger, now, owner): (_, _, Arc<str>) =
        (Ledger::default(), Instant::now(), "den-01".into());
    let filter = |n: u32| Record::Filter {
        session: 1,
        filter: format!("c/{n}"),
        options: 1,
        identifier: 0,
    };
    let (known, unknown) = ("d/den-01/known", "d/den-01/unknown");
    ledger.retained(&owner, known, Some(message(known, "ON")), None);
    ledger.note(&owner, filter(1), None);
    ledger.take(None, now, 0);
    ledger.written();
    assert!(
        !ledger.is_unsure(known) && !ledger.is_unsure_of_filter(1, "c/1"),
        "the card has them"
    );
    ledger.retained(&owner, unknown, Some(message(unknown, "ON")), None);
    ledger.note(&owner, filter(2), None);
    ledger.take(None, now, 0);
    ledger.fails = true;
    ledger.written();
    assert!(
        !ledger.is_unsure(known) && !ledger.is_unsure_of_filter(1, "c/1"),
        "it still has them"
    );
    assert!(ledger.is_unsure(unknown) && ledger.is_unsure_of_filter(1, "c/2"));
    let before = ledger.budget.clone();
    for n in 0..10 {
        ledger.retained(
            &owner,
            unknown,
            Some(message(unknown, &n.to_string())),
            None,
        );
        ledger.take(Some(Duration::ZERO), now, 0);
        ledger.written();
    }
    assert_eq!(
        ledger.budget, before,
        "nothing was written, nothing is paid"
    );
    // Too many to be remembered one by one.
    for n in 0..60_000 {
        ledger.note(&owner, filter(n), None);
    }
    ledger.take(None, now, 0);
    ledger.written();
    assert!(ledger.is_unsure(known) && ledger.is_unsure_of_filter(1, "c/1"));
    let receipt = Receipt::new(Arc::new(Notify::new()));
    ledger.retained(&owner, "d/den-01/never", None, Some(&receipt));
    assert_eq!(
        receipt.outcome(),
        None,
        "that it is gone is not known to be so"
    );
    ledger.fails = false;
    ledger.written();
    assert!(
        !ledger.is_unsure(unknown) && !ledger.is_unsure_of_filter(1, "c/2"),
        "all was written"
    );
    ledger.go_blind();
    assert!(
        ledger.is_unsure(known),
        "of a card that could not be read nothing is known"
    );
}
