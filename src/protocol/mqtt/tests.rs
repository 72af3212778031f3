//! The codec against known bytes, random bytes and another codec (rumqttc's, which writes as a
//! client does).

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::connect::{self, ConnectError};
use super::frame::{RawPacket, put_packet, put_varint, split_packet};
use super::packet::{self, Packet};
use super::topic::{covers, is_topic_filter, is_topic_name, matches};
use super::{PacketId, PacketType, QoS, ReasonCode, Version, encode};

fn frame(bytes: &[u8]) -> RawPacket {
    split_packet(&mut BytesMut::from(bytes), 1 << 20)
        .expect("sound")
        .expect("whole")
}

#[test]
fn a_connect_of_each_version_is_read() {
    let v4 = b"\x10\x17\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01a\x00\x02me\x00\x04\xff\x00\x01\x02";
    let c = connect::read(frame(v4).body).expect("3.1.1");
    assert_eq!(
        (
            c.version,
            c.clean_start,
            c.keep_alive,
            c.client_id.as_str(),
            c.username.as_deref()
        ),
        (Version::V311, true, 60, "a", Some("me"))
    );
    assert_eq!(
        c.password.as_deref(),
        Some(&b"\xff\x00\x01\x02"[..]),
        "a password is bytes"
    );
    let v5 = b"\x10\x13\x00\x04MQTT\x05\x02\x00\x0a\x05\x11\x00\x00\x00\x78\x00\x01b";
    let c = connect::read(frame(v5).body).expect("5.0");
    assert_eq!(
        (c.version, c.properties.session_expiry),
        (Version::V5, Some(120))
    );
    let old = connect::read(Bytes::from_static(
        b"\x00\x06MQIsdp\x03\x02\x00\x0a\x00\x01b",
    ))
    .expect("3.1");
    assert_eq!((old.version, old.level), (Version::V31, 3));
    assert_eq!(
        connect::read(Bytes::from_static(
            b"\x00\x06MQIsdp\x04\x02\x00\x0a\x00\x01b"
        )),
        Err(ConnectError::UnsupportedVersion)
    );
    assert_eq!(
        connect::read(Bytes::from_static(b"\x00\x04MQTT\x06\x02\x00\x0a\x00\x01b")),
        Err(ConnectError::UnsupportedVersion)
    );
    assert!(
        matches!(
            connect::read(Bytes::from_static(b"\x00\x04MQTT\x04\x03\x00\x0a\x00\x01b")),
            Err(ConnectError::Violation(_))
        ),
        "reserved flag"
    );
}

#[test]
fn what_a_client_may_not_say_is_a_violation() {
    for (bytes, why) in [
        (&b"\x36\x05\x00\x01a\x00\x01"[..], "QoS 3"),
        (b"\x38\x03\x00\x01a", "DUP with QoS 0"),
        (b"\x32\x05\x00\x01a\x00\x00", "packet id 0"),
        (b"\x30\x03\x00\x01#", "wildcard in a topic"),
        (b"\x30\x02\x00\x00", "empty topic"),
        (
            b"\x80\x06\x00\x01\x00\x01a\x00",
            "SUBSCRIBE with wrong flags",
        ),
        (b"\x82\x02\x00\x01", "SUBSCRIBE without filters"),
        (b"\x82\x06\x00\x01\x00\x01a\x03", "QoS 3 in SUBSCRIBE"),
        (b"\x20\x02\x00\x00", "CONNACK from a client"),
        (b"\x2b\x01\x7e", "the three bytes that end other brokers"),
        (b"\xf0\x00", "AUTH"),
        (b"\xc0\x01\x00", "a longer PINGREQ"),
    ] {
        assert!(packet::read(Version::V311, frame(bytes)).is_err(), "{why}");
    }
    assert!(
        split_packet(&mut BytesMut::from(&b"\x30\xff\xff\xff\xff\x01"[..]), 100).is_err(),
        "five bytes of length"
    );
    assert!(
        split_packet(&mut BytesMut::from(&b"\x30\xff\x01"[..]), 100).is_err(),
        "too large is said before it is buffered"
    );
    assert_eq!(
        split_packet(&mut BytesMut::from(&b"\x30\x05ab"[..]), 100),
        Ok(None)
    );
    assert!(matches!(
        packet::read(Version::V5, frame(b"\x30\x06\x00\x00\x03\x23\x00\x01")),
        Ok(Packet::Publish(p)) if p.topic.is_empty() && p.properties.topic_alias == Some(1)
    ));
    assert!(
        packet::read(Version::V5, frame(b"\x30\x06\x00\x00\x03\x23\x00\x00")).is_err(),
        "topic alias 0"
    );
    assert_eq!(
        packet::read(Version::V5, frame(b"\xe0\x00")),
        Ok(Packet::Disconnect {
            reason: ReasonCode::SUCCESS,
            session_expiry: None
        })
    );
    assert_eq!(
        packet::read(Version::V5, frame(b"\xe0\x01\x04")),
        Ok(Packet::Disconnect {
            reason: ReasonCode::DISCONNECT_WITH_WILL,
            session_expiry: None
        })
    );
}

#[test]
fn topics_and_filters_follow_the_standard() {
    for good in ["a", "/", "a//b", "đèn/cổng làng", "$SYS/x"] {
        assert!(is_topic_name(good), "{good}");
    }
    for bad in ["", "a/#", "+", "a\0b"] {
        assert!(!is_topic_name(bad), "{bad}");
    }
    for good in ["#", "+", "a/+/b", "+/#", "đèn/#", "/"] {
        assert!(is_topic_filter(good), "{good}");
    }
    for bad in ["", "a#", "a/#/b", "a+", "+a/b", "#/"] {
        assert!(!is_topic_filter(bad), "{bad}");
    }
    for (filter, topic, yes) in [
        ("#", "a/b", true),
        ("a/#", "a", true),
        ("a/+", "a", false),
        ("+/b", "/b", true),
        ("a/+/c", "a//c", true),
        ("#", "$SYS/a", false),
        ("+/a", "$SYS/a", false),
        ("$SYS/#", "$SYS/a", true),
        ("a", "a/", false),
    ] {
        assert_eq!(matches(filter, topic), yes, "{filter} {topic}");
    }
    for (allowed, asked, yes) in [
        ("d/1/#", "d/1/x", true),
        ("d/1/#", "d/+/x", false),
        ("d/+", "d/#", false),
        ("#", "a/#", true),
        ("#", "$SYS/#", false),
        ("a/+", "a/+", true),
        ("a/b", "a/+", false),
        ("c/1/#", "c/1", true),
    ] {
        assert_eq!(covers(allowed, asked), yes, "{allowed} {asked}");
    }
}

fn filter() -> impl Strategy<Value = String> {
    (
        prop::collection::vec(prop::sample::select(vec!["a", "b", "+"]), 0..4),
        any::<bool>(),
    )
        .prop_map(|(mut levels, open)| {
            if open || levels.is_empty() {
                levels.push("#");
            }
            levels.join("/")
        })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0u8..16) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = *first & 0x0f | kind << 4;
        }
        let mut buffer = BytesMut::from(bytes.as_slice());
        while let Ok(Some(frame)) = split_packet(&mut buffer, 256) {
            let _ = packet::read(Version::V311, frame.clone());
            let _ = packet::read(Version::V5, frame.clone());
            let _ = connect::read(frame.body);
        }
        let _ = connect::read(Bytes::from([b"\x00\x04MQTT\x05".as_slice(), &bytes].concat()));
    }

    #[test]
    fn what_covers_matches(
        allowed in filter(),
        asked in filter(),
        topic in prop::collection::vec(prop::sample::select(vec!["a", "b"]), 1..4),
    ) {
        let topic = topic.join("/");
        if covers(&allowed, &asked) && matches(&asked, &topic) {
            prop_assert!(matches(&allowed, &topic), "{allowed} covers {asked} but not {topic}");
        }
    }

    #[test]
    fn publishes_are_read_as_another_codec_writes_them(
        topic in "[a-zđèớ/]{1,30}",
        payload in prop::collection::vec(any::<u8>(), 0..200),
        qos in 0u8..3,
        retain in any::<bool>(),
        id in 1u16..,
    ) {
        use rumqttc::mqttbytes::{self, v4};
        let level = mqttbytes::qos(qos).expect("0, 1 or 2");
        let number = PacketId::new(id);
        let mut theirs = v4::Publish::new(&topic, level, payload.clone());
        theirs.retain = retain;
        theirs.pkid = if qos > 0 { id } else { 0 };
        let mut wire = BytesMut::new();
        theirs.write(&mut wire).expect("written");
        let whole = split_packet(&mut wire, 1 << 20).expect("frame").expect("whole");
        let Ok(Packet::Publish(ours)) = packet::read(Version::V311, whole) else {
            panic!("not read")
        };
        prop_assert_eq!(
            (ours.topic.as_str(), &ours.payload[..], ours.qos.bits(), ours.retain, ours.id),
            (topic.as_str(), &payload[..], qos, retain, PacketId::new(theirs.pkid))
        );
        let mut back = BytesMut::new();
        let out = encode::OutgoingPublish {
            topic: &topic,
            payload: &payload,
            qos: QoS::from_stored(qos.min(1)),
            packet_id: number.filter(|_| qos > 0),
            dup: false,
            retain,
            forwarded_properties: &[],
            message_expiry_s: None,
            subscription_ids: &[],
            alias: None,
        };
        encode::publish(&mut back, Version::V311, &out);
        let Ok(v4::Packet::Publish(read)) = v4::Packet::read(&mut back, 1 << 20) else {
            panic!("not read by a client")
        };
        prop_assert_eq!((read.topic, read.payload.to_vec()), (topic, payload));
    }

    #[test]
    fn varints_read_back(value in 0usize..268_435_455) {
        let mut out = BytesMut::new();
        put_varint(&mut out, value);
        prop_assert_eq!(super::body::BodyReader(out.freeze()).varint(), Ok(value));
    }
}

#[test]
fn frames_are_cut_at_any_byte() {
    let mut whole = BytesMut::new();
    put_packet(&mut whole, PacketType::Publish, &[7; 200]);
    for cut in 0..whole.len() {
        let mut part = BytesMut::from(&whole[..cut]);
        assert_eq!(split_packet(&mut part, 1000), Ok(None));
        part.extend_from_slice(&whole[cut..]);
        assert_eq!(
            split_packet(&mut part, 1000)
                .expect("sound")
                .expect("whole")
                .body
                .len(),
            200
        );
    }
}

#[test]
fn codes_kinds_and_identifiers_are_those_of_the_standard() {
    for kind in 1..=15u8 {
        let packet_type = PacketType::of_first_byte(kind << 4).expect("a kind");
        assert_eq!(packet_type.first_byte() >> 4, kind);
    }
    assert_eq!(PacketType::of_first_byte(0x0f), None);
    for (packet_type, first_byte) in [
        (PacketType::PubRel, 0x62),
        (PacketType::Subscribe, 0x82),
        (PacketType::PubComp, 0x70),
    ] {
        assert_eq!(packet_type.first_byte(), first_byte);
    }
    // Any other code is “server unavailable”, and in SUBACK the one failure that there is.
    for (code, connack) in [(0x84, 1), (0x85, 2), (0x86, 4), (0x87, 5), (0x97, 3)] {
        let code = ReasonCode::new(code);
        assert_eq!(code.connack_return_code(), connack, "{code}");
        assert_eq!(code.suback_return_code(), ReasonCode::UNSPECIFIED_ERROR);
    }
    let granted = ReasonCode::granted(QoS::ExactlyOnce);
    assert_eq!((granted.get(), granted.suback_return_code()), (2, granted));
    assert_eq!((QoS::from_bits(3), PacketId::new(0)), (None, None));
    assert_eq!(
        PacketId::new(u16::MAX).map(PacketId::next),
        Some(PacketId::FIRST)
    );
}
