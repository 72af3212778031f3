//! Streams whose parameter sets are many, change, or come with the description only.

use super::super::rtp::Depacketizer;
use super::*;

/// The pictures of a stream with two picture parameter sets, 5 of 15 with the second.
fn units() -> Vec<Vec<Vec<u8>>> {
    let stream = include_bytes!("../../../tests/cameras/two-pps.264");
    let starts: Vec<usize> = memchr::memmem::find_iter(stream, &[0, 0, 1])
        .map(|n| n + 3)
        .collect();
    let nals = starts
        .iter()
        .enumerate()
        .map(|(n, at)| stream[*at..starts.get(n + 1).map_or(stream.len(), |e| e - 3)].to_vec());
    let mut units = vec![Vec::new()];
    for nal in nals {
        let is_slice = is_slice(VideoCodec::H264, nal_type(VideoCodec::H264, &nal));
        units.last_mut().expect("one").push(nal);
        if is_slice {
            units.push(Vec::new());
        }
    }
    units.pop();
    units
}

fn unit(nals: &[Vec<u8>]) -> RtpAccessUnit {
    let mut assembler = Depacketizer::new(VideoCodec::H264);
    for (n, nal) in nals.iter().enumerate() {
        assert!(assembler.push(nal, 0, n + 1 == nals.len(), false));
    }
    assembler.pop().expect("a picture")
}

fn kinds_of(bytes: &[u8]) -> Vec<u8> {
    let (mut at, mut out) = (0, Vec::new());
    while let Some(len) = bytes.get(at..at + 4) {
        out.push(bytes[at + 4] & 0x1f);
        at += 4 + u32::from_be_bytes(len.try_into().expect("four")) as usize;
    }
    out
}

#[test]
fn every_set_of_the_stream_is_in_the_record() {
    let mut parameters = ParameterTracker::new(VideoCodec::H264, 90_000);
    let units = units();
    let ready = parameters
        .parse_frame(unit(&units[0]), MonoMs::START)
        .expect("read")
        .expect("ready");
    let record = &ready.format.decoder;
    for set in units[0].iter().filter(|n| matches!(n[0] & 0x1f, 7 | 8)) {
        let trimmed = &set[..=set.iter().rposition(|b| *b != 0).expect("some")];
        assert!(memchr::memmem::find(record, trimmed).is_some(), "{set:?}");
    }
    assert_eq!(
        (
            ready.format.codec.as_str(),
            ready.format.width,
            ready.format.height
        ),
        ("avc1.42C016", 640, 360)
    );
    assert_eq!(
        kinds_of(&ready.bytes),
        [6, 5],
        "what the record holds need not be in the picture"
    );
    let later = parameters
        .parse_frame(unit(&units[15]), MonoMs::new(1_000))
        .expect("read")
        .expect("ready");
    assert!(
        Arc::ptr_eq(&later.format, &ready.format) && later.keyframe,
        "the same sets again are the same format"
    );
}

#[test]
fn sets_that_change_all_the_time_ride_with_the_pictures_and_no_format_is_made_for_each() {
    let mut parameters = ParameterTracker::new(VideoCodec::H264, 90_000);
    let mut units = units();
    let first = parameters
        .parse_frame(unit(&units[0]), MonoMs::START)
        .expect("read")
        .expect("ready");
    let at = units[0]
        .iter()
        .rposition(|n| n[0] & 0x1f == 8)
        .expect("a set");
    let second = units[0][at].clone();
    // Another content of the same id, and back.
    let last = units[0][at].iter().rposition(|b| *b != 0).expect("some");
    units[0][at][last] ^= 0x18;
    let changed = parameters
        .parse_frame(unit(&units[0]), MonoMs::new(2_000))
        .expect("read")
        .expect("ready");
    assert!(Arc::ptr_eq(&changed.format, &first.format));
    assert_eq!(
        kinds_of(&changed.bytes),
        [7, 8, 8, 6, 5],
        "a keyframe brings all"
    );
    units[0][at] = second;
    let back = parameters
        .parse_frame(unit(&units[0]), MonoMs::new(4_000))
        .expect("read")
        .expect("ready");
    assert_eq!(
        kinds_of(&back.bytes),
        [7, 8, 8, 6, 5],
        "who decodes may hold the other one still"
    );
    // A keyframe without parameter sets gets those that are known.
    let bare: Vec<Vec<u8>> = units[0]
        .iter()
        .filter(|n| n[0] & 0x1f == 5)
        .cloned()
        .collect();
    let given = parameters
        .parse_frame(unit(&bare), MonoMs::new(6_000))
        .expect("read")
        .expect("ready");
    assert_eq!(kinds_of(&given.bytes), [7, 8, 8, 5]);
}

#[test]
fn the_description_tells_all_sets_and_without_any_there_is_no_picture() {
    let units = units();
    let bare: Vec<Vec<u8>> = units[0]
        .iter()
        .filter(|n| n[0] & 0x1f == 5)
        .cloned()
        .collect();
    let mut parameters = ParameterTracker::new(VideoCodec::H264, 90_000);
    assert!(
        parameters
            .parse_frame(unit(&bare), MonoMs::START)
            .expect("read")
            .is_none()
    );
    let sets: Vec<String> = units[0]
        .iter()
        .filter(|n| matches!(n[0] & 0x1f, 7 | 8))
        .map(|n| Base64::encode_string(n))
        .collect();
    parameters.parse_sdp(
        format!(
            "v=0\r\nm=video 0 RTP/AVP 97\r\n\
             a=fmtp:97 packetization-mode=1; sprop-parameter-sets={};x=1\r\n",
            sets.join(",")
        )
        .as_bytes(),
        97,
    );
    let ready = parameters
        .parse_frame(unit(&bare), MonoMs::START)
        .expect("read")
        .expect("ready");
    assert_eq!(ready.format.decoder[5] & 0x1f, 1);
    assert_eq!(kinds_of(&ready.bytes), [5]);
}
