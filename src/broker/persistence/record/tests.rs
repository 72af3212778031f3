//! Every record as bytes, complete and cut off.

use super::*;

fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("not 0")
}

/// A record of every kind.
fn records() -> Vec<PersistedChange> {
    let message = StoredMessage {
        topic: "đèn/1".into(),
        payload: b"ON".to_vec(),
        qos: QoS::ExactlyOnce,
        retain: true,
        forwarded_properties: Bytes::from_static(b"\x26\x00\x00\x00\x00"),
        expiry: Some((7, 9)),
    };
    let plain = StoredMessage {
        expiry: None,
        ..message.clone()
    };
    let target = Target {
        session: 4,
        id: id(5),
        qos: QoS::AtLeastOnce,
        retain: true,
        subscription_ids: vec![1, 2],
        shared_name: Some("$share/g/a".into()),
    };
    let head = SessionHeader {
        session: 4,
        account: "den-01".into(),
        client_id: "a".into(),
        credential: "x".into(),
        expiry_s: 9,
        disconnected_at: Some(3),
        last_packet_id: PacketId::new(6),
    };
    let will = StoredWill {
        session: 4,
        account: "den-01".into(),
        client_id: "a".into(),
        message: message.clone(),
        delay_s: 3,
        due_at: None,
    };
    vec![
        PersistedChange::RetainedSet {
            owner: "den-01".into(),
            message: plain.clone(),
        },
        PersistedChange::RetainedSet {
            owner: "den-01".into(),
            message: message.clone(),
        },
        PersistedChange::RetainedRemoved("đèn".into()),
        PersistedChange::SnapshotBegin,
        PersistedChange::SnapshotEnd,
        PersistedChange::Session(head),
        PersistedChange::SessionDeleted(4),
        PersistedChange::Subscribed {
            session: 4,
            filter: "a/#".into(),
            options: 5,
            identifier: Some(3),
        },
        PersistedChange::Unsubscribed {
            session: 4,
            filter: "a/#".into(),
        },
        PersistedChange::Queued {
            sequence: 8,
            inbound: Some((4, id(6))),
            message,
            targets: vec![target],
        },
        PersistedChange::Delivered {
            session: 4,
            ids: vec![id(1), id(65_535)],
        },
        PersistedChange::PubRecReceived {
            session: 4,
            id: id(2),
        },
        PersistedChange::InboundQos2 {
            session: 4,
            id: id(2),
        },
        PersistedChange::InboundQos2Released {
            session: 4,
            id: id(2),
        },
        PersistedChange::Will(will),
        PersistedChange::WillCleared(4),
        PersistedChange::NeverSent {
            session: 4,
            ids: vec![id(2), id(3)],
        },
        PersistedChange::ServingStarted,
    ]
}

#[test]
fn every_record_comes_back_and_no_cut_is_taken_for_whole() {
    for record in records() {
        let bytes = record.encode();
        assert_eq!(PersistedChange::decode(&bytes), Some(record.clone()));
        for cut in 0..bytes.len() {
            assert_ne!(
                PersistedChange::decode(&bytes[..cut]),
                Some(record.clone()),
                "cut at {cut}"
            );
        }
    }
    assert_eq!(PersistedChange::decode(b"?"), None);
}

#[test]
fn records_have_the_bytes_that_are_on_disks_already() {
    let hex = |record: PersistedChange| -> String {
        record.encode().iter().map(|b| format!("{b:02x}")).collect()
    };
    let message = StoredMessage {
        topic: "a".into(),
        payload: b"x".to_vec(),
        qos: QoS::ExactlyOnce,
        retain: true,
        forwarded_properties: Bytes::new(),
        expiry: None,
    };
    let target = Target {
        session: 4,
        id: id(0x0506),
        qos: QoS::AtLeastOnce,
        retain: true,
        subscription_ids: Vec::new(),
        shared_name: None,
    };
    let queued = |inbound| PersistedChange::Queued {
        sequence: 8,
        inbound,
        message: message.clone(),
        targets: vec![target.clone()],
    };
    let message_and_target =
        "0601000000610000000001000000780100000004000000000000000605050000000000000000";
    assert_eq!(
        hex(queued(Some((4, id(0x0607))))),
        format!("51080000000000000004000000000000000706{message_and_target}")
    );
    assert_eq!(
        hex(queued(None)),
        format!("51080000000000000000000000000000000000{message_and_target}")
    );
    let header = |last_packet_id| {
        PersistedChange::Session(SessionHeader {
            session: 4,
            account: "b".into(),
            client_id: "c".into(),
            credential: String::new(),
            expiry_s: 9,
            disconnected_at: None,
            last_packet_id,
        })
    };
    let fields = "530400000000000000010000006201000000630000000009000000000000000000000000";
    assert_eq!(hex(header(None)), format!("{fields}0000"));
    assert_eq!(hex(header(PacketId::new(0x0102))), format!("{fields}0201"));
    assert_eq!(
        PersistedChange::decode(&header(None).encode()),
        Some(header(None))
    );
    assert_eq!(
        hex(PersistedChange::Delivered {
            session: 4,
            ids: vec![id(1), id(0xffff)],
        }),
        "4104000000000000000100ffff"
    );
}
