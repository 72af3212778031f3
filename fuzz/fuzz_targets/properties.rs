//! MQTT 5 properties in every packet that has them: what goes on unchanged is never longer than
//! what came, and what we say of it is read back.
#![no_main]

use bytes::{Bytes, BytesMut};
use conglang::protocol::mqtt::encode::{self, OutgoingPublish};
use conglang::protocol::mqtt::frame::RawPacket;
use conglang::protocol::mqtt::packet::{self, Packet};
use conglang::protocol::mqtt::{PacketId, QoS, Version, frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    // PUBLISH with QoS 1, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, PUBACK: a packet id and the fuzzer's
    // properties.
    let (first, head): (u8, &[u8]) = match kind % 5 {
        0 => (0x32, b"\0\x01a\0\x07"),
        1 => (0x82, b"\0\x07"),
        2 => (0xa2, b"\0\x07"),
        3 => (0xe0, b"\0"),
        _ => (0x40, b"\0\x07\0"),
    };
    let body = Bytes::from([head, bytes].concat());
    let Ok(Packet::Publish(p)) = packet::read(Version::V5, RawPacket {
            first_byte: first,
            body,
        }) else {
        return;
    };
    assert!(p.properties.forwarded.len() <= bytes.len());
    let mut out = BytesMut::new();
    let delivery = OutgoingPublish {
        topic: "a",
        payload: &p.payload,
        qos: QoS::AtLeastOnce,
        packet_id: PacketId::new(7),
        dup: false,
        retain: false,
        forwarded_properties: &p.properties.forwarded,
        message_expiry_s: p.properties.message_expiry,
        subscription_ids: &[],
        alias: None,
    };
    encode::publish(&mut out, Version::V5, &delivery);
    let back = frame::split_packet(&mut out, usize::MAX)
        .expect("our own frame")
        .expect("whole");
    let Ok(Packet::Publish(again)) = packet::read(Version::V5, back) else {
        panic!("what we say is not read back")
    };
    assert_eq!(
        (again.properties.forwarded, again.payload),
        (p.properties.forwarded, p.payload)
    );
});
