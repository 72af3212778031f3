//! Cases of the machine that need a debt, a group, a changed permission or a clock that was set;
//! random histories are in `model_tests`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::access::{Identity, Table};
use super::core::Core;
use super::guard::Guard;
use super::ledger::record::Record;
use super::ledger::restore::Found;
use super::message::Message;
use super::publish::{Asker, Published};
use super::queue::Out;
use super::session::{Attached, Opening, Peer};
use crate::domain::device::Account;
use crate::domain::id::DeviceId;
use crate::protocol::broker::{Limits, STRANGER, usual_rules};
use crate::protocol::mqtt::connect::Will;
use crate::protocol::mqtt::packet::Ask;
use crate::protocol::mqtt::properties::Properties;
use crate::supervisor::clock::Clock;

fn account(name: &str, subscribe: &[&str]) -> Account {
    Account {
        name: DeviceId::new(name).expect("a name"),
        secret_sha256: "00".into(),
        publish: vec!["#".into()],
        subscribe: subscribe.iter().map(|s| (*s).to_owned()).collect(),
    }
}

fn core(clock: &Clock) -> Core {
    let mut core = Core::new(Limits::default(), usual_rules(), clock.clone());
    core.set_table(
        Table::new(vec![account("a", &["#"]), account("b", &["#"])], false),
        Instant::now(),
    );
    core
}

fn will(qos: u8) -> Will {
    Will {
        topic: "d/a/up".into(),
        payload: "offline".into(),
        qos,
        retain: true,
        properties: Properties::default(),
    }
}

fn come(core: &mut Core, who: &str, client: &str, keep: u64, will: Option<Will>) -> Attached {
    let opening = Opening {
        who: Identity::Account(who.into()),
        client_id: client.into(),
        clean: false,
        keep_for: Duration::from_secs(keep),
        window: 20,
        credential: "00".into(),
        will,
        peer: Peer::default(),
    };
    core.attach(opening, Instant::now()).expect("let in")
}

fn subscribe(core: &mut Core, attached: &Attached, filter: &str, qos: u8) {
    let ask = Ask {
        filter: filter.into(),
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
    };
    assert_eq!(
        core.subscribe(attached, &[ask], None, Instant::now()).0,
        [qos]
    );
}

fn say(core: &mut Core, who: &str, topic: &str, size: usize, qos: u8) -> super::publish::Taken {
    let message = Message {
        topic: topic.into(),
        payload: vec![b'x'; size].into(),
        qos,
        retain: false,
        forward: bytes::Bytes::new(),
        expires: None,
    };
    let asker = Asker {
        wake: &Arc::new(Notify::new()),
        inbound: None,
    };
    core.publish(
        &Identity::Account(who.into()),
        &Arc::from(who),
        None,
        message,
        Some(&asker),
        Instant::now(),
    )
}

/// The card takes what may be written.
fn write(core: &mut Core, records: &mut Vec<Vec<u8>>, all: bool) {
    let batch = core.ledger.take(
        (!all).then_some(Duration::ZERO),
        Instant::now(),
        core.wall(),
    );
    batch.receipts.iter().for_each(|r| r.settle(true));
    core.settled(&batch);
    records.extend(batch.records);
}

fn heard(core: &mut Core, slot: u32) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(next) = core.next(slot, Instant::now()) {
        if let Out::Publish { item, .. } = next {
            out.push(item.message.topic.to_string());
        }
    }
    out
}

#[tokio::test]
async fn a_will_is_said_and_written_whatever_its_account_owes() {
    let clock = Clock::manual(1_800_000_000_000);
    let (mut core, mut records) = (core(&clock), Vec::new());
    let ears = come(&mut core, "b", "ears", 1_000, None);
    subscribe(&mut core, &ears, "d/#", 2);
    let mut mouths: Vec<Attached> = (0..2)
        .map(|n| come(&mut core, "a", &n.to_string(), 0, Some(will(2))))
        .collect();
    write(&mut core, &mut records, true);
    // More than it may have written; QoS 1 waits, QoS 2 is refused.
    for _ in 0..12 {
        assert_eq!(
            say(&mut core, "a", "d/a/x", 250_000, 1).what,
            Published::Taken
        );
    }
    assert_eq!(
        say(&mut core, "a", "d/a/x", 10, 2).what,
        Published::Indebted,
        "what waits before it is paid first"
    );
    write(&mut core, &mut records, false);
    let first = mouths.remove(0);
    core.detach(&first, false, Instant::now());
    write(&mut core, &mut records, false);
    while let Some(Out::Publish { id, item, .. }) = core.next(ears.slot, Instant::now()) {
        if &*item.message.topic == "d/a/up" {
            assert_eq!(item.qos, 2);
            break;
        }
        core.acknowledge(ears.slot, id);
    }
    assert_eq!(core.retained.matching("d/a/up", Instant::now()).count(), 1);
    // A death now: it is not said again; the other's is still to be said.
    let mut next = self::core(&clock);
    Found::read(records.iter().map(Vec::as_slice)).restore(&mut next, Instant::now());
    assert_eq!(next.wills.len(), 1);
}

/// What the house's link heard of a topic, as text.
fn words(core: &mut Core, slot: u32) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(next) = core.next(slot, Instant::now()) {
        if let Out::Publish { id, item, .. } = next {
            out.push(String::from_utf8_lossy(&item.message.payload).into_owned());
            core.acknowledge(slot, id);
        }
    }
    out
}

fn online(core: &mut Core, slot: u32) {
    let message = Message {
        topic: "d/a/up".into(),
        payload: b"online".to_vec().into(),
        qos: 1,
        retain: true,
        forward: bytes::Bytes::new(),
        expires: None,
    };
    core.publish(
        &Identity::Account("a".into()),
        &Arc::from("a"),
        Some(slot),
        message,
        None,
        Instant::now(),
    );
}

fn link(core: &mut Core, client: &str) -> Attached {
    let house = Opening {
        who: Identity::House,
        client_id: client.into(),
        clean: false,
        keep_for: Duration::from_secs(1_000),
        window: 20,
        credential: String::new(),
        will: None,
        peer: Peer::default(),
    };
    let house = core.attach(house, Instant::now()).expect("let in");
    subscribe(core, &house, "d/#", 1);
    house
}

#[tokio::test]
async fn the_will_of_an_older_connection_is_not_the_last_word_about_a_device_that_lives() {
    let clock = Clock::manual(1_800_000_000_000);
    let mut core = core(&clock);
    let (house, technician, ears) = (
        link(&mut core, crate::protocol::broker::HOUSE_LINK),
        link(&mut core, "cli-1"),
        come(&mut core, "b", "ears", 0, None),
    );
    subscribe(&mut core, &ears, "d/#", 1);
    let mut delayed = will(1);
    delayed.properties.will_delay = Some(5);
    // Four that come again under other ids; the second wishes its will said later, the third had
    // none.
    let first = come(&mut core, "a", "rnd-1", 0, Some(will(1)));
    online(&mut core, first.slot);
    let second = come(&mut core, "a", "rnd-2", 1_000, Some(delayed));
    let third = come(&mut core, "a", "rnd-3", 0, None);
    online(&mut core, third.slot);
    assert_eq!(words(&mut core, house.slot), ["online", "online"]);
    core.detach(&first, false, Instant::now());
    core.detach(&second, false, Instant::now());
    core.tick(Instant::now() + Duration::from_secs(6));
    assert_eq!(
        words(&mut core, house.slot),
        ["online", "online"],
        "the house hears only what is so"
    );
    for slot in [ears.slot, technician.slot] {
        let heard = words(&mut core, slot);
        assert_eq!(
            heard,
            ["online", "online", "offline", "online", "offline", "online"],
            "others hear the wills, and then what is so"
        );
    }
    assert_eq!(
        &*core.retained.get("d/a/up").expect("kept").payload,
        b"online"
    );
    // The newest is the one that counts: one that only listens stands for nothing.
    let _listens = come(&mut core, "a", "listens", 0, None);
    let fourth = come(&mut core, "a", "rnd-4", 0, Some(will(1)));
    let _listens_too = come(&mut core, "a", "listens too", 0, None);
    core.detach(&third, true, Instant::now());
    core.detach(&fourth, false, Instant::now());
    assert_eq!(
        words(&mut core, house.slot),
        ["offline"],
        "it died, and nobody stands for it"
    );
    assert_eq!(
        &*core.retained.get("d/a/up").expect("kept").payload,
        b"offline"
    );
    // Another account's connection is no successor.
    let mut other = will(1);
    other.topic = "d/b/up".into();
    let dies = come(&mut core, "a", "rnd-5", 0, Some(other.clone()));
    let _b = come(&mut core, "b", "rnd-6", 0, Some(other));
    core.detach(&dies, false, Instant::now());
    assert_eq!(words(&mut core, house.slot), ["offline"]);
}

#[tokio::test]
async fn what_was_never_sent_has_no_dup_after_a_planned_end_and_has_it_after_a_death() {
    let clock = Clock::manual(1_800_000_000_000);
    let (mut core, mut records) = (core(&clock), Vec::new());
    let ears = come(&mut core, "b", "ears", 1_000, None);
    subscribe(&mut core, &ears, "d/#", 1);
    say(&mut core, "a", "d/a/sent", 1, 1);
    assert_eq!(heard(&mut core, ears.slot), ["d/a/sent"]);
    core.detach(&ears, true, Instant::now());
    say(&mut core, "a", "d/a/fresh", 1, 1);
    write(&mut core, &mut records, true);
    let flags = |records: &[Vec<u8>]| {
        let mut next = self::core(&clock);
        Found::read(records.iter().map(Vec::as_slice)).restore(&mut next, Instant::now());
        let ears = come(&mut next, "b", "ears", 1_000, None);
        let mut out = Vec::new();
        while let Some(Out::Publish { item, again, .. }) = next.next(ears.slot, Instant::now()) {
            out.push((item.message.topic.to_string(), again));
        }
        out
    };
    let both = |fresh| {
        vec![
            ("d/a/sent".to_owned(), true),
            ("d/a/fresh".to_owned(), fresh),
        ]
    };
    assert_eq!(flags(&records), both(true), "after a death nobody knows");
    records.extend(core.unsent().iter().map(Record::encode));
    assert_eq!(flags(&records), both(false));
    records.push(Record::Began.encode());
    assert_eq!(
        flags(&records),
        both(true),
        "the life after it may have sent it and died"
    );
}

#[tokio::test]
async fn a_shared_message_is_handed_over_before_its_publisher_is_answered() {
    let clock = Clock::manual(1_800_000_000_000);
    let (mut core, mut records) = (core(&clock), Vec::new());
    let first = come(&mut core, "b", "first", 1_000, None);
    subscribe(&mut core, &first, "$share/g/d/#", 1);
    write(&mut core, &mut records, true);
    let receipt = say(&mut core, "a", "d/a/x", 10, 1)
        .receipt
        .expect("it waits for the card");
    let second = come(&mut core, "b", "second", 1_000, None);
    subscribe(&mut core, &second, "$share/g/d/#", 1);
    core.detach(&first, true, Instant::now());
    core.remove(first.slot, Instant::now());
    assert_eq!(
        receipt.outcome(),
        None,
        "nobody who is there has it, and the card neither"
    );
    assert_eq!(heard(&mut core, second.slot), ["d/a/x"]);
    write(&mut core, &mut records, true);
    assert_eq!(receipt.outcome(), Some(true));
    let mut next = self::core(&clock);
    Found::read(records.iter().map(Vec::as_slice)).restore(&mut next, Instant::now());
    let again = come(&mut next, "b", "second", 1_000, None);
    assert_eq!(
        heard(&mut next, again.slot),
        ["d/a/x"],
        "it was not acknowledged"
    );
}

#[tokio::test]
async fn what_was_revoked_leaves_the_queue_too() {
    let clock = Clock::manual(1_800_000_000_000);
    let mut core = core(&clock);
    say(&mut core, "a", "d/a/x", 1, 1);
    let ears = come(&mut core, "b", "ears", 1_000, None);
    subscribe(&mut core, &ears, "d/a/#", 1);
    subscribe(&mut core, &ears, "d/c/#", 1);
    core.detach(&ears, true, Instant::now());
    say(&mut core, "a", "d/a/secret", 1, 1);
    say(&mut core, "a", "d/c/open", 1, 1);
    core.set_table(
        Table::new(vec![account("a", &["#"]), account("b", &["d/c/#"])], false),
        Instant::now(),
    );
    let ears = come(&mut core, "b", "ears", 1_000, None);
    assert_eq!(heard(&mut core, ears.slot), ["d/c/open"]);
    assert_eq!((core.counters.dropped, core.queued_bytes > 0), (1, true));
}

#[tokio::test]
async fn a_clock_that_was_set_ends_no_session() {
    // Without power the clock begins at 1970.
    let clock = Clock::manual(50_000);
    let (mut core, mut records) = (core(&clock), Vec::new());
    let ears = come(&mut core, "b", "ears", 1_000, None);
    subscribe(&mut core, &ears, "d/#", 1);
    core.detach(&ears, true, Instant::now());
    say(&mut core, "a", "d/a/x", 1, 1);
    write(&mut core, &mut records, true);
    clock.set_wall(1_800_000_000_000);
    let mut next = self::core(&clock);
    Found::read(records.iter().map(Vec::as_slice)).restore(&mut next, Instant::now());
    assert_eq!(
        next.by_client.len(),
        1,
        "a time without a clock counts for nothing"
    );
    // A clock that was wrong by a month: what stands on disk is corrected at the next tick.
    let mut late = Vec::new();
    write(&mut next, &mut late, true);
    clock.set_wall(1_802_700_000_000);
    next.tick(Instant::now());
    assert!(
        std::mem::take(&mut next.ledger.whole),
        "all is to be written anew"
    );
    records.extend(late);
    records.extend(
        next.snapshot(Instant::now())
            .records()
            .chain([Record::End.encode()]),
    );
    let mut last = self::core(&clock);
    Found::read(records.iter().map(Vec::as_slice)).restore(&mut last, Instant::now());
    assert_eq!(last.by_client.len(), 1);
}

#[tokio::test]
async fn what_strangers_invent_is_remembered_in_a_bounded_place() {
    let settings = serde_json::json!({ "doors": [], "house_socket": "", "house_secret": "", "folder": "", "certificate": null, "client_ca": null });
    let guard = Guard::new(
        &serde_json::from_value(settings).expect("settings"),
        Clock::manual(1_800_000_000_000),
        Found::default(),
        Instant::now(),
    );
    guard.refused("den-02", "10.0.0.2", "wrong user name or password");
    for n in 0..2_000 {
        guard.refused(&format!("la-{n}"), "10.0.0.9", STRANGER);
    }
    assert_eq!(
        guard.why("den-02").len(),
        1,
        "what others asked about is still there"
    );
    assert_eq!(guard.why("").len(), 33);
    for n in 0..2_000 {
        guard.refused(&format!("la-{n}"), "10.0.0.9", STRANGER);
        guard.refused(&format!("la-{n}"), "10.0.0.9", "it says more than it may");
    }
    assert!(
        guard.why("").len() <= 2 * 256,
        "{} are remembered",
        guard.why("").len()
    );
}
