//! The frame reader and every packet behind it, all versions: any bytes, cut anywhere, are packets
//! or a violation.
#![no_main]

use bytes::BytesMut;
use conglang::protocol::mqtt::{Version, frame, packet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((cut, bytes)) = data.split_first() else {
        return;
    };
    let version = [Version::V311, Version::V5, Version::V31, Version::V5][usize::from(cut & 3)];
    // In two pieces, as the network brings them.
    let at = usize::from(*cut >> 2).min(bytes.len());
    let mut input = BytesMut::from(&bytes[..at]);
    let mut rest = Some(&bytes[at..]);
    loop {
        match frame::split_packet(&mut input, 4_096) {
            Ok(Some(frame)) => drop(packet::read(version, frame)),
            Ok(None) => match rest.take() {
                Some(more) => input.extend_from_slice(more),
                None => return,
            },
            Err(_) => return,
        }
    }
});
