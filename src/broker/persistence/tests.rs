//! The persistence log: wear, starvation, changes that need not be written, restarts, corruption.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::record::{self, PersistedChange, Target};
use super::rig::{core, message};
use super::store::PersistenceFiles;
use super::stored_message::to_stored;
use super::{DurabilityTicket, Finished, PersistenceLog};
use crate::broker::core::acl::GATEWAY_ACCOUNT;
use crate::broker::core::message::Message;
use crate::broker::core::state::BrokerState;
use crate::protocol::broker::Limits;
use crate::protocol::mqtt::{PacketId, QoS};

#[tokio::test]
async fn a_device_that_keeps_changing_what_is_retained_does_not_wear_the_card() {
    let mut ledger = PersistenceLog::default();
    let (loud, calm): (Arc<str>, Arc<str>) = ("den-01".into(), "den-02".into());
    let (second, now) = (Some(Duration::from_secs(1)), Instant::now());
    let (mut written, mut quiet) = (0, 0);
    ledger.enqueue_retained(&calm, "d/den-02/a", Some(message("d/den-02/a", "ON")), None);
    for n in 0..3_600 {
        for part in 0..10 {
            ledger.enqueue_retained(
                &loud,
                "d/den-01/a",
                Some(message(
                    "d/den-01/a",
                    &format!("{}{n}.{part}", "x".repeat(10_000)),
                )),
                None,
            );
        }
        let records = ledger.take_batch(second, now, 0).records;
        written += records.iter().map(Vec::len).sum::<usize>();
        quiet += records
            .iter()
            .filter(|r| r.windows(6).any(|w| w == b"den-02"))
            .count();
    }
    assert!(written < 5_000_000, "{written} bytes in an hour");
    assert_eq!(quiet, 1, "what did not change is written once");
    // Among its own topics the one that has waited longest comes first, and a topic that the disk
    // never had leaves no change behind.
    ledger.enqueue_retained(
        &loud,
        "d/den-01/z",
        Some(message("d/den-01/z", "NEW")),
        None,
    );
    let found = (0..3_600).any(|n| {
        ledger.enqueue_retained(
            &loud,
            "d/den-01/a",
            Some(message("d/den-01/a", &format!("{}{n}", "y".repeat(10_000)))),
            None,
        );
        ledger
            .take_batch(second, now, 0)
            .records
            .iter()
            .any(|r| r.ends_with(b"NEW"))
    });
    assert!(found, "a chattering topic does not starve another");
    for n in 0..10_000 {
        let topic = format!("d/den-01/new/{n}");
        ledger.enqueue_retained(&loud, &topic, Some(message(&topic, "x")), None);
        ledger.enqueue_retained(&loud, &topic, None, None);
    }
    assert!(ledger.len() <= 2, "{} changes wait", ledger.len());
}

#[tokio::test]
async fn who_has_it_need_not_be_written_and_who_waits_is_told() {
    let (mut ledger, now, owner): (_, _, Arc<str>) =
        (PersistenceLog::default(), Instant::now(), "den-01".into());
    let wake = Arc::new(Notify::new());
    let target = |session| Target {
        session,
        id: PacketId::FIRST,
        qos: QoS::AtLeastOnce,
        retain: false,
        subscription_ids: Vec::new(),
        shared_name: None,
    };
    let receipt = DurabilityTicket::new(wake.clone());
    let number = ledger.next_number();
    ledger.enqueue_message(
        (number, &owner),
        message("d/den-01/a", "ON"),
        vec![target(1), target(2)],
        None,
        false,
        Some(&receipt),
    );
    ledger.record_delivered(
        1,
        Finished {
            packet_id: PacketId::FIRST,
            log_number: Some(number),
        },
    );
    assert_eq!(receipt.outcome(), None, "one of two has it");
    let group = ledger.begin_commit_group();
    assert!(group.is_some_and(|(_, last)| last == number && ledger.is_awaited(last)));
    assert!(ledger.begin_commit_group().is_none(), "nobody came since");
    ledger.record_delivered(
        2,
        Finished {
            packet_id: PacketId::FIRST,
            log_number: Some(number),
        },
    );
    assert_eq!(receipt.outcome(), Some(true));
    assert!(!ledger.is_awaited(number), "the writer may sleep on");
    assert!(
        ledger.take_batch(None, now, 0).records.is_empty(),
        "nothing to write"
    );
    // It was written before it was acknowledged: then the end of the delivery is written too.
    let (number, receipt) = (ledger.next_number(), DurabilityTicket::new(wake));
    ledger.enqueue_message(
        (number, &owner),
        message("d/den-01/a", "ON"),
        vec![target(1)],
        None,
        false,
        Some(&receipt),
    );
    assert!(ledger.is_awaited(number));
    let batch = ledger.take_batch(None, now, 0);
    assert!(!ledger.is_awaited(number), "it is being written");
    assert_eq!(
        (batch.records.len(), batch.tickets.len(), receipt.outcome()),
        (1, 1, None)
    );
    batch.tickets[0].resolve(false);
    assert_eq!(receipt.outcome(), Some(false));
    ledger.record_delivered(
        1,
        Finished {
            packet_id: PacketId::FIRST,
            log_number: Some(number),
        },
    );
    assert_eq!(
        ledger.take_batch(None, now, 0).records,
        [PersistedChange::Delivered {
            session: 1,
            ids: vec![PacketId::FIRST]
        }
        .encode()]
    );
    // A will that was set and cleared leaves nothing.
    let will = record::StoredWill {
        session: 9,
        account: "den-01".into(),
        client_id: "a".into(),
        message: to_stored(&message("a", "b"), now, 0),
        delay_s: 0,
        due_at: None,
    };
    ledger.record(&owner, PersistedChange::Will(will), None);
    ledger.record(&owner, PersistedChange::WillCleared(9), None);
    assert_eq!(ledger.len(), 0);
}

#[tokio::test]
async fn who_comes_and_goes_in_debt_owes_no_more_each_time() {
    let (mut ledger, now, owner): (_, _, Arc<str>) =
        (PersistenceLog::default(), Instant::now(), "den-01".into());
    let will = |text: &str| record::StoredWill {
        session: 9,
        account: "den-01".into(),
        client_id: "a".into(),
        message: to_stored(&message("a", text), now, 0),
        delay_s: 0,
        due_at: None,
    };
    ledger.record(&owner, PersistedChange::Will(will("b")), None);
    ledger.enqueue_retained(
        &owner,
        "d/den-01/a",
        Some(message("d/den-01/a", &"x".repeat(3 << 20))),
        None,
    );
    assert_eq!(ledger.take_batch(None, now, 0).records.len(), 2);
    let receipt = DurabilityTicket::new(Arc::new(Notify::new()));
    for _ in 0..1_000 {
        ledger.record(&owner, PersistedChange::WillCleared(9), None);
        ledger.record(&owner, PersistedChange::Will(will("c")), None);
        let unfilter = PersistedChange::Unsubscribed {
            session: 9,
            filter: "d/#".into(),
        };
        if !ledger.join_unsubscribe(9, "d/#", &receipt) {
            ledger.record(&owner, unfilter, Some(&receipt));
        }
    }
    assert!(
        ledger
            .take_batch(Some(Duration::ZERO), now, 0)
            .records
            .is_empty()
            && ledger.len() == 2,
        "{} wait",
        ledger.len()
    );
    let batch = ledger.take_batch(None, now, 0);
    batch.tickets.iter().for_each(|r| r.resolve(true));
    assert_eq!(
        (batch.records.len(), batch.tickets.len(), receipt.outcome()),
        (2, 1_000, Some(true)),
        "each wait is settled once"
    );
}

#[tokio::test]
async fn retained_messages_survive_dumps_large_ones_and_an_older_store() {
    let temporary = tempfile::tempdir().expect("folder");
    let folder = temporary.path().join("log");
    let (mut core, now, house): (_, _, Arc<str>) = (core(), Instant::now(), GATEWAY_ACCOUNT.into());
    let (mut store, _) = PersistenceFiles::open(&folder, [1; 16], false).expect("opens");
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
    let set = |core: &mut BrokerState, store: &mut PersistenceFiles, m: Arc<Message>| {
        core.retained.set(&house, None, &m, &Limits::default());
        core.persistence
            .enqueue_retained(&house, &m.topic.clone(), Some(m), None);
        store
            .write(
                core.persistence
                    .take_batch(None, now, 0)
                    .records
                    .into_iter(),
            )
            .expect("written");
    };
    let large = "x".repeat(1_400_000);
    set(&mut core, &mut store, message("large", &large));
    drop(store);
    let (mut store, again) = PersistenceFiles::open(&folder, [3; 16], false).expect("opens");
    let mut restored = self::core();
    again.restore_into(&mut restored, now);
    assert_eq!(
        restored
            .retained
            .matching("#", now)
            .map(|(o, m)| (o.to_owned(), m.payload.len()))
            .collect::<Vec<_>>(),
        [
            (GATEWAY_ACCOUNT.to_owned(), 1_400_000),
            ("den-01".to_owned(), 2)
        ]
    );
    // So many writes that a snapshot is due.
    for round in 0..40 {
        set(
            &mut core,
            &mut store,
            message("big", &format!("{round}{}", "x".repeat(200_000))),
        );
        if store.wants_snapshot() {
            store.write_snapshot(&core.snapshot(now)).expect("dumped");
        }
    }
    drop(store);
    let (store, found) = PersistenceFiles::open(&folder, [2; 16], false).expect("opens");
    let mut restored = self::core();
    found.restore_into(&mut restored, now);
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
}

#[tokio::test]
async fn rot_never_makes_a_message_that_nobody_published() {
    let temporary = tempfile::tempdir().expect("folder");
    let folder = temporary.path().join("log");
    let (mut ledger, now, owner): (_, _, Arc<str>) =
        (PersistenceLog::default(), Instant::now(), "den-01".into());
    let (mut store, _) = PersistenceFiles::open(&folder, [1; 16], false).expect("opens");
    for i in 0..300 {
        let topic = format!("d/den/{i}");
        ledger.enqueue_retained(
            &owner,
            &topic,
            Some(message(&topic, &format!("ON {i}"))),
            None,
        );
        if i % 10 == 0 {
            store
                .write(ledger.take_batch(None, now, 0).records.into_iter())
                .expect("written");
        }
    }
    store
        .write(ledger.take_batch(None, now, 0).records.into_iter())
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
        let bytes = crate::log::sim::corrupt(&whole, case, cases);
        let spoilt = folder.with_extension(case.to_string());
        std::fs::create_dir_all(&spoilt).expect("folder");
        std::fs::write(spoilt.join(segment.file_name().expect("name")), &bytes).expect("write");
        let mut core = core();
        PersistenceFiles::open(&spoilt, [2; 16], false)
            .expect("opens")
            .1
            .restore_into(&mut core, now);
        least = least.min(core.retained.len());
        for (_, m) in core.retained.matching("#", now) {
            let n = m.topic.rsplit('/').next().expect("number");
            assert_eq!(&m.payload[..], format!("ON {n}").as_bytes(), "case {case}");
        }
    }
    assert!(least < 300, "the rig spoils, or it proves nothing");
}

#[tokio::test]
async fn what_a_failing_card_may_not_have_is_unsure_until_all_is_written_and_costs_nothing() {
    let (mut ledger, now, owner): (_, _, Arc<str>) =
        (PersistenceLog::default(), Instant::now(), "den-01".into());
    let filter = |n: u32| PersistedChange::Subscribed {
        session: 1,
        filter: format!("c/{n}"),
        options: 1,
        identifier: None,
    };
    let (known, unknown) = ("d/den-01/known", "d/den-01/unknown");
    ledger.enqueue_retained(&owner, known, Some(message(known, "ON")), None);
    ledger.record(&owner, filter(1), None);
    ledger.take_batch(None, now, 0);
    ledger.batch_written();
    assert!(
        !ledger.is_dirty(known) && !ledger.is_filter_dirty(1, "c/1"),
        "the card has them"
    );
    ledger.enqueue_retained(&owner, unknown, Some(message(unknown, "ON")), None);
    ledger.record(&owner, filter(2), None);
    ledger.take_batch(None, now, 0);
    ledger.storage_failed = true;
    ledger.batch_written();
    assert!(
        !ledger.is_dirty(known) && !ledger.is_filter_dirty(1, "c/1"),
        "it still has them"
    );
    assert!(ledger.is_dirty(unknown) && ledger.is_filter_dirty(1, "c/2"));
    let before = ledger.quota_left.clone();
    for n in 0..10 {
        ledger.enqueue_retained(
            &owner,
            unknown,
            Some(message(unknown, &n.to_string())),
            None,
        );
        ledger.take_batch(Some(Duration::ZERO), now, 0);
        ledger.batch_written();
    }
    assert_eq!(
        ledger.quota_left, before,
        "nothing was written, nothing is paid"
    );
    // Too many to be remembered one by one.
    for n in 0..60_000 {
        ledger.record(&owner, filter(n), None);
    }
    ledger.take_batch(None, now, 0);
    ledger.batch_written();
    assert!(ledger.is_dirty(known) && ledger.is_filter_dirty(1, "c/1"));
    let receipt = DurabilityTicket::new(Arc::new(Notify::new()));
    ledger.enqueue_retained(&owner, "d/den-01/never", None, Some(&receipt));
    assert_eq!(
        receipt.outcome(),
        None,
        "that it is gone is not known to be so"
    );
    ledger.storage_failed = false;
    ledger.batch_written();
    assert!(
        !ledger.is_dirty(unknown) && !ledger.is_filter_dirty(1, "c/2"),
        "all was written"
    );
    ledger.mark_unknown();
    assert!(
        ledger.is_dirty(known),
        "of a card that could not be read nothing is known"
    );
}
