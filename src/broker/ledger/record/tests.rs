//! Every record as bytes, whole and cut.

use super::*;

#[test]
fn every_record_comes_back_and_no_cut_is_taken_for_whole() {
    let message = Kept {
        topic: "đèn/1".into(),
        payload: b"ON".to_vec(),
        qos: 2,
        retain: true,
        forward: Bytes::from_static(b"\x26\x00\x00\x00\x00"),
        left: Some((7, 9)),
    };
    let plain = Kept {
        left: None,
        ..message.clone()
    };
    let target = Target {
        session: 4,
        id: 5,
        qos: 1,
        retain: true,
        identifiers: vec![1, 2],
        group: "$share/g/a".into(),
    };
    let head = Head {
        session: 4,
        account: "den-01".into(),
        client_id: "a".into(),
        credential: "x".into(),
        keep_s: 9,
        away: Some(3),
        next_id: 6,
    };
    for record in [
        Record::Put {
            owner: "den-01".into(),
            message: plain.clone(),
        },
        Record::Put {
            owner: "den-01".into(),
            message: message.clone(),
        },
        Record::Remove("đèn".into()),
        Record::Dump,
        Record::End,
        Record::Session(head),
        Record::Over(4),
        Record::Filter {
            session: 4,
            filter: "a/#".into(),
            options: 5,
            identifier: 3,
        },
        Record::Unfilter {
            session: 4,
            filter: "a/#".into(),
        },
        Record::Queue {
            order: 8,
            inbound: (4, 6),
            message: message.clone(),
            targets: vec![target],
        },
        Record::Acked {
            session: 4,
            ids: vec![1, 65_535],
        },
        Record::Released { session: 4, id: 2 },
        Record::Inbound { session: 4, id: 2 },
        Record::InboundOver { session: 4, id: 2 },
        Record::Will(KeptWill {
            session: 4,
            account: "den-01".into(),
            client_id: "a".into(),
            message,
            delay_s: 3,
            due: None,
        }),
        Record::WillOver(4),
        Record::Unsent {
            session: 4,
            ids: vec![2, 3],
        },
        Record::Began,
    ] {
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes), Some(record.clone()));
        for cut in 0..bytes.len() {
            assert_ne!(
                Record::decode(&bytes[..cut]),
                Some(record.clone()),
                "cut at {cut}"
            );
        }
    }
    assert_eq!(Record::decode(b"?"), None);
}
