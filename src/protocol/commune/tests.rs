//! Bounds of the messages, batches, garbage.

use super::*;

fn log() -> Stream {
    Stream {
        epoch: "00".repeat(16),
        lane: Lane::Log,
    }
}

fn record(n: u64) -> Vec<u8> {
    format!("{{\"lane\":\"log\",\"lane_seq\":{n}}}").into_bytes()
}

#[test]
fn a_batch_is_what_was_packed_or_nothing() {
    let (five, six) = (record(5), record(6));
    let batch = pack(log(), 5, &[&five, &six], BTreeMap::new()).expect("packed");
    assert_eq!(unpack(&batch).expect("whole"), [five.clone(), six.clone()]);
    for bad in [
        Batch {
            count: 3,
            ..batch.clone()
        },
        Batch {
            first: 4,
            ..batch.clone()
        },
        Batch {
            stream: Stream {
                lane: Lane::Alarm,
                ..log()
            },
            ..batch.clone()
        },
        Batch {
            sha256: "00".into(),
            ..batch.clone()
        },
        Batch {
            records: "!".into(),
            ..batch.clone()
        },
        Batch {
            records: String::new(),
            ..batch.clone()
        },
    ] {
        assert!(unpack(&bad).is_err(), "{bad:?}");
    }
    // A duplicate record, a record of another lane, and one that is not valid.
    for records in [
        vec![five.as_slice(), &five],
        vec![&five, b"{\"lane\":\"alarm\",\"lane_seq\":6}"],
        vec![&five, b"garbage"],
        vec![&five, b""],
    ] {
        assert!(unpack(&pack(log(), 5, &records, BTreeMap::new()).expect("packed")).is_err());
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one table of messages beyond the bounds; each message is a few lines"
)]
#[test]
fn what_cannot_be_is_refused_before_it_is_unpacked() {
    let batch = pack(log(), 1, &[&record(1)], BTreeMap::new()).expect("packed");
    assert_eq!(UplinkMessage::Batch(batch.clone()).validation_error(), None);
    // Four million empty records in some hundred bytes.
    let raw = vec![b'\n'; 3_999_999];
    let packed = Base64::encode_string(&zstd::bulk::compress(&raw, 3).expect("packed"));
    assert!(packed.len() < 1_000);
    let empty = Batch {
        count: 4_000_000,
        sha256: crate::keys::secret::hex(&Sha256::digest(&raw)),
        records: packed,
        ..batch.clone()
    };
    assert!(
        UplinkMessage::Batch(empty.clone())
            .validation_error()
            .is_some()
            && unpack(&empty).is_err()
    );
    assert!(
        unpack(&Batch {
            count: 100,
            ..empty
        })
        .is_err(),
        "nor with a smaller promise"
    );
    let stream = |epoch: &str, lane| Stream {
        epoch: epoch.into(),
        lane,
    };
    let sound = "0123456789abcdef0123456789abcdef";
    for bad in [
        UplinkMessage::Batch(Batch {
            count: 1 << 63,
            ..batch.clone()
        }),
        UplinkMessage::Batch(Batch {
            count: 0,
            ..batch.clone()
        }),
        UplinkMessage::Batch(Batch {
            first: 0,
            ..batch.clone()
        }),
        UplinkMessage::Batch(Batch {
            first: u64::MAX,
            ..batch.clone()
        }),
        UplinkMessage::Batch(Batch {
            stream: stream(sound, Lane::Local),
            ..batch.clone()
        }),
        UplinkMessage::Batch(Batch {
            stream: stream("an epoch", Lane::Log),
            ..batch.clone()
        }),
        UplinkMessage::Batch(Batch {
            texts: (0..=MAX_BATCH_RECORDS)
                .map(|n| (n.to_string(), String::new()))
                .collect(),
            ..batch
        }),
        UplinkMessage::Hello {
            epoch: "x".repeat(1_000),
            boot: 1,
            streams: vec![],
        },
        UplinkMessage::Hello {
            epoch: sound.into(),
            boot: u64::MAX,
            streams: vec![],
        },
        UplinkMessage::Hello {
            epoch: sound.into(),
            boot: 1,
            streams: vec![(stream(sound, Lane::Log), 1, 2); MAX_HELLO_STREAMS + 1],
        },
        UplinkMessage::Hello {
            epoch: sound.into(),
            boot: 1,
            streams: vec![(stream(sound, Lane::Log), 1, u64::MAX)],
        },
        UplinkMessage::Gap {
            stream: stream(sound, Lane::Log),
            from: 1,
            to: MAX_GAP_RECORDS + 2,
            reason: String::new(),
        },
        UplinkMessage::Gap {
            stream: stream(sound, Lane::Log),
            from: 2,
            to: 1,
            reason: String::new(),
        },
        UplinkMessage::Gap {
            stream: stream(sound, Lane::Log),
            from: 1,
            to: 2,
            reason: "x".repeat(10_000),
        },
        UplinkMessage::Renew {
            request: "x".repeat(200_000),
        },
        UplinkMessage::Outcome {
            seq: 1,
            refused: Some("x".repeat(10_000)),
        },
    ] {
        assert!(bad.validation_error().is_some(), "{bad:?}");
    }
    for bad in [
        DownlinkMessage::Resume {
            incarnation: "x".repeat(1_000),
            applied: vec![],
            now_ms: WallMs::default(),
            sure: true,
            known: None,
            status: false,
        },
        DownlinkMessage::Resume {
            incarnation: "x".into(),
            applied: vec![(stream(sound, Lane::Log), u64::MAX)],
            now_ms: WallMs::default(),
            sure: true,
            known: None,
            status: false,
        },
        DownlinkMessage::Resume {
            incarnation: "x".into(),
            applied: vec![(stream(sound, Lane::Log), 1); MAX_HELLO_STREAMS + 1],
            now_ms: WallMs::default(),
            sure: true,
            known: None,
            status: false,
        },
        DownlinkMessage::Ack {
            incarnation: "x".into(),
            stream: stream("", Lane::Log),
            applied: 1,
            hole: false,
        },
        DownlinkMessage::Certificate {
            certificate: "x".repeat(1 << 20),
        },
    ] {
        assert!(bad.validation_error().is_some(), "{bad:?}");
    }
}

proptest::proptest! {
    #[test]
    fn garbage_never_panics(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        let _ = serde_json::from_slice::<UplinkMessage>(&bytes);
        let _ = serde_json::from_slice::<DownlinkMessage>(&bytes);
    }
}
