//! Every record as bytes, complete and cut off.

use super::*;

#[test]
fn every_record_comes_back_and_no_cut_is_taken_for_whole() {
    let message = StoredMessage {
        topic: "đèn/1".into(),
        payload: b"ON".to_vec(),
        qos: 2,
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
        id: 5,
        qos: 1,
        retain: true,
        subscription_ids: vec![1, 2],
        shared_name: "$share/g/a".into(),
    };
    let head = SessionHeader {
        session: 4,
        account: "den-01".into(),
        client_id: "a".into(),
        credential: "x".into(),
        expiry_s: 9,
        disconnected_at: Some(3),
        next_packet_id: 6,
    };
    for record in [
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
            identifier: 3,
        },
        PersistedChange::Unsubscribed {
            session: 4,
            filter: "a/#".into(),
        },
        PersistedChange::Queued {
            sequence: 8,
            inbound: (4, 6),
            message: message.clone(),
            targets: vec![target],
        },
        PersistedChange::Delivered {
            session: 4,
            ids: vec![1, 65_535],
        },
        PersistedChange::PubRecReceived { session: 4, id: 2 },
        PersistedChange::InboundQos2 { session: 4, id: 2 },
        PersistedChange::InboundQos2Released { session: 4, id: 2 },
        PersistedChange::Will(StoredWill {
            session: 4,
            account: "den-01".into(),
            client_id: "a".into(),
            message,
            delay_s: 3,
            due_at: None,
        }),
        PersistedChange::WillCleared(4),
        PersistedChange::NeverSent {
            session: 4,
            ids: vec![2, 3],
        },
        PersistedChange::ServingStarted,
    ] {
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
