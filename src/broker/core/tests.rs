//! Cases of the state machine that need a quota, a shared subscription, a changed permission or a
//! clock that was set. Random histories are in `model_tests`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::acl::{AccessControl, Identity};
use super::message::Message;
use super::publish::{AckRequest, PublishOutcome};
use super::queue::Outgoing;
use super::session::{ConnectRequest, ConnectionInfo, SessionHandle};
use super::state::BrokerState;
use crate::broker::persistence::record::PersistedChange;
use crate::broker::persistence::restore::RecoveredState;
use crate::broker::shared::SharedBroker;
use crate::domain::account::Account;
use crate::domain::id::DeviceId;
use crate::protocol::broker::{Limits, RefusalReason, default_durability_rules};
use crate::protocol::mqtt::QoS::{self, AtLeastOnce, ExactlyOnce};
use crate::protocol::mqtt::ReasonCode;
use crate::protocol::mqtt::connect::Will;
use crate::protocol::mqtt::packet::{RetainHandling, SubscriptionRequest};
use crate::protocol::mqtt::properties::Properties;
use crate::supervisor::clock::Clock;

pub(super) fn account(name: &str, subscribe: &[&str]) -> Account {
    Account {
        name: DeviceId::new(name).expect("a name"),
        secret_sha256: "00".into(),
        publish: vec!["#".into()],
        subscribe: subscribe.iter().map(|s| (*s).to_owned()).collect(),
    }
}

pub(super) fn new_state(clock: &Clock) -> BrokerState {
    let mut core = BrokerState::new(Limits::default(), default_durability_rules(), clock.clone());
    core.set_access(
        AccessControl::new(vec![account("a", &["#"]), account("b", &["#"])], false),
        Instant::now(),
    );
    core
}

fn will(qos: QoS) -> Will {
    Will {
        topic: "d/a/up".into(),
        payload: "offline".into(),
        qos,
        retain: true,
        properties: Properties::default(),
    }
}

pub(super) fn connect(
    core: &mut BrokerState,
    who: &str,
    client: &str,
    keep: u64,
    will: Option<Will>,
) -> SessionHandle {
    let opening = ConnectRequest {
        identity: Identity::Account(who.into()),
        client_id: client.into(),
        clean_start: false,
        expiry_interval: Duration::from_secs(keep),
        receive_maximum: 20,
        credential: "00".into(),
        will,
        peer: ConnectionInfo::default(),
    };
    core.connect(opening, Instant::now()).expect("let in")
}

fn subscribe(core: &mut BrokerState, attached: &SessionHandle, filter: &str, qos: QoS) {
    let ask = SubscriptionRequest {
        filter: filter.into(),
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Send,
    };
    assert_eq!(
        core.subscribe(attached, &[ask], None, Instant::now()).0,
        [ReasonCode::granted(qos)]
    );
}

fn publish(
    core: &mut BrokerState,
    who: &str,
    topic: &str,
    size: usize,
    qos: QoS,
) -> super::publish::PublishResult {
    let message = Message {
        topic: topic.into(),
        payload: vec![b'x'; size].into(),
        qos,
        retain: false,
        forwarded_properties: bytes::Bytes::new(),
        expires_at: None,
    };
    let asker = AckRequest {
        wake: &Arc::new(Notify::new()),
        qos2_packet_id: None,
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

/// Writes the pending changes that may be written.
fn write_batch(core: &mut BrokerState, records: &mut Vec<Vec<u8>>, all: bool) {
    let batch = core.persistence.take_batch(
        (!all).then_some(Duration::ZERO),
        Instant::now(),
        core.wall_s(),
    );
    batch.tickets.iter().for_each(|r| r.resolve(true));
    core.on_batch_written(&batch);
    records.extend(batch.records);
}

fn received_topics(core: &mut BrokerState, slot: u32) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(next) = core.next_outgoing(slot, Instant::now()) {
        if let Outgoing::Publish { item, .. } = next {
            out.push(item.message.topic.to_string());
        }
    }
    out
}

#[tokio::test]
async fn a_will_is_said_and_written_whatever_its_account_owes() {
    let clock = Clock::manual(1_800_000_000_000);
    let (mut core, mut records) = (new_state(&clock), Vec::new());
    let ears = connect(&mut core, "b", "ears", 1_000, None);
    subscribe(&mut core, &ears, "d/#", ExactlyOnce);
    let mut mouths: Vec<SessionHandle> = (0..2)
        .map(|n| connect(&mut core, "a", &n.to_string(), 0, Some(will(ExactlyOnce))))
        .collect();
    write_batch(&mut core, &mut records, true);
    // The account is over its quota: QoS 1 waits, QoS 2 is refused.
    for _ in 0..12 {
        assert_eq!(
            publish(&mut core, "a", "d/a/x", 250_000, AtLeastOnce).outcome,
            PublishOutcome::Accepted
        );
    }
    assert_eq!(
        publish(&mut core, "a", "d/a/x", 10, ExactlyOnce).outcome,
        PublishOutcome::WriteQuotaExceeded,
        "what waits before it is paid first"
    );
    write_batch(&mut core, &mut records, false);
    let first = mouths.remove(0);
    core.disconnect(&first, false, Instant::now());
    write_batch(&mut core, &mut records, false);
    while let Some(Outgoing::Publish { id, item, .. }) =
        core.next_outgoing(ears.slot, Instant::now())
    {
        if &*item.message.topic == "d/a/up" {
            assert_eq!(item.qos, ExactlyOnce);
            break;
        }
        core.on_puback(ears.slot, id.expect("an identifier"));
    }
    assert_eq!(core.retained.matching("d/a/up", Instant::now()).count(), 1);
    // After a crash at this moment this will is not published again; the other account's still is.
    let mut next = new_state(&clock);
    RecoveredState::from_records(records.iter().map(Vec::as_slice))
        .restore_into(&mut next, Instant::now());
    assert_eq!(next.will_schedule.iter().count(), 1);
}

/// The payloads that the gateway's own client received, as text.
fn received_payloads(core: &mut BrokerState, slot: u32) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(next) = core.next_outgoing(slot, Instant::now()) {
        if let Outgoing::Publish { id, item, .. } = next {
            out.push(String::from_utf8_lossy(&item.message.payload).into_owned());
            core.on_puback(slot, id.expect("an identifier"));
        }
    }
    out
}

fn publish_online(core: &mut BrokerState, slot: u32) {
    let message = Message {
        topic: "d/a/up".into(),
        payload: b"online".to_vec().into(),
        qos: AtLeastOnce,
        retain: true,
        forwarded_properties: bytes::Bytes::new(),
        expires_at: None,
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

fn connect_gateway(core: &mut BrokerState, client: &str) -> SessionHandle {
    let house = ConnectRequest {
        identity: Identity::Gateway,
        client_id: client.into(),
        clean_start: false,
        expiry_interval: Duration::from_secs(1_000),
        receive_maximum: 20,
        credential: Arc::default(),
        will: None,
        peer: ConnectionInfo::default(),
    };
    let house = core.connect(house, Instant::now()).expect("let in");
    subscribe(core, &house, "d/#", AtLeastOnce);
    house
}

#[tokio::test]
async fn the_will_of_an_older_connection_is_not_the_last_word_about_a_device_that_lives() {
    let clock = Clock::manual(1_800_000_000_000);
    let mut core = new_state(&clock);
    let (house, technician, ears) = (
        connect_gateway(&mut core, crate::protocol::broker::GATEWAY_CLIENT_ID),
        connect_gateway(&mut core, "cli-1"),
        connect(&mut core, "b", "ears", 0, None),
    );
    subscribe(&mut core, &ears, "d/#", AtLeastOnce);
    let mut delayed = will(AtLeastOnce);
    delayed.properties.will_delay = Some(5);
    // Four clients that reconnect under other client identifiers. The second has a will delay, the
    // third had no will.
    let first = connect(&mut core, "a", "rnd-1", 0, Some(will(AtLeastOnce)));
    publish_online(&mut core, first.slot);
    let second = connect(&mut core, "a", "rnd-2", 1_000, Some(delayed));
    let third = connect(&mut core, "a", "rnd-3", 0, None);
    publish_online(&mut core, third.slot);
    assert_eq!(
        received_payloads(&mut core, house.slot),
        ["online", "online"]
    );
    core.disconnect(&first, false, Instant::now());
    core.disconnect(&second, false, Instant::now());
    core.tick(Instant::now() + Duration::from_secs(6));
    assert_eq!(
        received_payloads(&mut core, house.slot),
        ["online", "online"],
        "the house hears only what is so"
    );
    for slot in [ears.slot, technician.slot] {
        let heard = received_payloads(&mut core, slot);
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
    // The newest connection with a will counts; a connection that only subscribes is no successor.
    let _listens = connect(&mut core, "a", "listens", 0, None);
    let fourth = connect(&mut core, "a", "rnd-4", 0, Some(will(AtLeastOnce)));
    let _listens_too = connect(&mut core, "a", "listens too", 0, None);
    core.disconnect(&third, true, Instant::now());
    core.disconnect(&fourth, false, Instant::now());
    assert_eq!(
        received_payloads(&mut core, house.slot),
        ["offline"],
        "it died, and nobody stands for it"
    );
    assert_eq!(
        &*core.retained.get("d/a/up").expect("kept").payload,
        b"offline"
    );
    // A connection of another account is no successor.
    let mut other = will(AtLeastOnce);
    other.topic = "d/b/up".into();
    let dies = connect(&mut core, "a", "rnd-5", 0, Some(other.clone()));
    let _b = connect(&mut core, "b", "rnd-6", 0, Some(other));
    core.disconnect(&dies, false, Instant::now());
    assert_eq!(received_payloads(&mut core, house.slot), ["offline"]);
}

#[tokio::test]
async fn what_was_never_sent_has_no_dup_after_a_planned_end_and_has_it_after_a_death() {
    let clock = Clock::manual(1_800_000_000_000);
    let (mut core, mut records) = (new_state(&clock), Vec::new());
    let ears = connect(&mut core, "b", "ears", 1_000, None);
    subscribe(&mut core, &ears, "d/#", AtLeastOnce);
    publish(&mut core, "a", "d/a/sent", 1, AtLeastOnce);
    assert_eq!(received_topics(&mut core, ears.slot), ["d/a/sent"]);
    core.disconnect(&ears, true, Instant::now());
    publish(&mut core, "a", "d/a/fresh", 1, AtLeastOnce);
    write_batch(&mut core, &mut records, true);
    let flags = |records: &[Vec<u8>]| {
        let mut next = new_state(&clock);
        RecoveredState::from_records(records.iter().map(Vec::as_slice))
            .restore_into(&mut next, Instant::now());
        let ears = connect(&mut next, "b", "ears", 1_000, None);
        let mut out = Vec::new();
        while let Some(Outgoing::Publish { item, dup, .. }) =
            next.next_outgoing(ears.slot, Instant::now())
        {
            out.push((item.message.topic.to_string(), dup));
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
    records.extend(
        core.never_sent_changes()
            .iter()
            .map(PersistedChange::encode),
    );
    assert_eq!(flags(&records), both(false));
    records.push(PersistedChange::ServingStarted.encode());
    assert_eq!(
        flags(&records),
        both(true),
        "the life after it may have sent it and died"
    );
}

#[tokio::test]
async fn a_shared_message_is_handed_over_before_its_publisher_is_answered() {
    let clock = Clock::manual(1_800_000_000_000);
    let (mut core, mut records) = (new_state(&clock), Vec::new());
    let first = connect(&mut core, "b", "first", 1_000, None);
    subscribe(&mut core, &first, "$share/g/d/#", AtLeastOnce);
    write_batch(&mut core, &mut records, true);
    let receipt = publish(&mut core, "a", "d/a/x", 10, AtLeastOnce)
        .ticket
        .expect("it waits for the card");
    let second = connect(&mut core, "b", "second", 1_000, None);
    subscribe(&mut core, &second, "$share/g/d/#", AtLeastOnce);
    core.disconnect(&first, true, Instant::now());
    core.remove_session(first.slot, Instant::now());
    assert_eq!(
        receipt.outcome(),
        None,
        "nobody who is there has it, and the card neither"
    );
    assert_eq!(received_topics(&mut core, second.slot), ["d/a/x"]);
    write_batch(&mut core, &mut records, true);
    assert_eq!(receipt.outcome(), Some(true));
    let mut next = new_state(&clock);
    RecoveredState::from_records(records.iter().map(Vec::as_slice))
        .restore_into(&mut next, Instant::now());
    let again = connect(&mut next, "b", "second", 1_000, None);
    assert_eq!(
        received_topics(&mut next, again.slot),
        ["d/a/x"],
        "it was not acknowledged"
    );
}

#[tokio::test]
async fn what_was_revoked_leaves_the_queue_too() {
    let clock = Clock::manual(1_800_000_000_000);
    let mut core = new_state(&clock);
    publish(&mut core, "a", "d/a/x", 1, AtLeastOnce);
    let ears = connect(&mut core, "b", "ears", 1_000, None);
    subscribe(&mut core, &ears, "d/a/#", AtLeastOnce);
    subscribe(&mut core, &ears, "d/c/#", AtLeastOnce);
    core.disconnect(&ears, true, Instant::now());
    publish(&mut core, "a", "d/a/secret", 1, AtLeastOnce);
    publish(&mut core, "a", "d/c/open", 1, AtLeastOnce);
    core.set_access(
        AccessControl::new(vec![account("a", &["#"]), account("b", &["d/c/#"])], false),
        Instant::now(),
    );
    let ears = connect(&mut core, "b", "ears", 1_000, None);
    assert_eq!(received_topics(&mut core, ears.slot), ["d/c/open"]);
    assert_eq!(
        (core.counters.dropped, core.queue_quota.bytes() > 0),
        (1, true)
    );
}

#[tokio::test]
async fn a_clock_that_was_set_ends_no_session() {
    // Without power the clock begins at 1970.
    let clock = Clock::manual(50_000);
    let (mut core, mut records) = (new_state(&clock), Vec::new());
    let ears = connect(&mut core, "b", "ears", 1_000, None);
    subscribe(&mut core, &ears, "d/#", AtLeastOnce);
    core.disconnect(&ears, true, Instant::now());
    publish(&mut core, "a", "d/a/x", 1, AtLeastOnce);
    write_batch(&mut core, &mut records, true);
    clock.set_wall(1_800_000_000_000);
    let mut next = new_state(&clock);
    RecoveredState::from_records(records.iter().map(Vec::as_slice))
        .restore_into(&mut next, Instant::now());
    assert_eq!(
        next.sessions.len(),
        1,
        "a time without a clock counts for nothing"
    );
    // The clock was wrong by a month: the times on disk are corrected at the next tick.
    let mut late = Vec::new();
    write_batch(&mut next, &mut late, true);
    clock.set_wall(1_802_700_000_000);
    next.tick(Instant::now());
    assert!(
        std::mem::take(&mut next.persistence.full_rewrite),
        "all is to be written anew"
    );
    records.extend(late);
    records.extend(
        next.snapshot(Instant::now())
            .records()
            .chain([PersistedChange::SnapshotEnd.encode()]),
    );
    let mut last = new_state(&clock);
    RecoveredState::from_records(records.iter().map(Vec::as_slice))
        .restore_into(&mut last, Instant::now());
    assert_eq!(last.sessions.len(), 1);
}

#[tokio::test]
async fn what_strangers_invent_is_remembered_in_a_bounded_place() {
    let settings = serde_json::json!({
        "doors": [], "house_socket": "", "house_secret": "", "folder": "", "certificate": null,
        "client_ca": null
    });
    let guard = SharedBroker::new(
        &serde_json::from_value(settings).expect("settings"),
        Clock::manual(1_800_000_000_000),
        RecoveredState::default(),
        Instant::now(),
    );
    guard.record_refusal("den-02", "10.0.0.2", RefusalReason::BadCredentials);
    for n in 0..2_000 {
        guard.record_refusal(&format!("la-{n}"), "10.0.0.9", RefusalReason::Quarantined);
    }
    assert_eq!(
        guard.refusals_of("den-02").len(),
        1,
        "what others asked about is still there"
    );
    assert_eq!(guard.refusals_of("").len(), 33);
    for n in 0..2_000 {
        guard.record_refusal(&format!("la-{n}"), "10.0.0.9", RefusalReason::Quarantined);
        guard.record_refusal(&format!("la-{n}"), "10.0.0.9", RefusalReason::RateExceeded);
    }
    assert!(
        guard.refusals_of("").len() <= 2 * 256,
        "{} are remembered",
        guard.refusals_of("").len()
    );
}

#[tokio::test]
async fn a_will_holds_nothing_of_its_connect() {
    let mut core = new_state(&Clock::manual(1_800_000_000_000));
    let packet = bytes::Bytes::from(vec![b'x'; 100_000]);
    let will = Will {
        payload: packet.slice(..5),
        ..will(AtLeastOnce)
    };
    let _client = connect(&mut core, "a", "a", 0, Some(will));
    assert!(packet.is_unique(), "five bytes do not keep the packet");
}
