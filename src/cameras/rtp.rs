//! Depacketizer: puts a camera's RTP packets together to access units with every NAL unit in them.
//!
//! The RTSP library would leave out parameter sets that come with a picture and retain one of each
//! kind; a stream with two picture parameter sets cannot be decoded without both. So packets are
//! put together here. Source: RFC 6184 (H.264), RFC 7798 (H.265). Tolerated: start codes in a
//! payload, a fragment without its end, marker bits on each packet, no marker bits at all.
//! Invariant: an access unit is bounded, and an incomplete one is flagged.

use std::collections::VecDeque;
use std::ops::Range;

use crate::protocol::media::VideoCodec;

/// Largest access unit, bytes.
pub const MAX_UNIT_BYTES: usize = 2 << 20;
/// Most NAL units of one access unit.
const MAX_NALS: usize = 4_096;

/// An access unit as it was received: NAL units, each behind its length in four bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpAccessUnit {
    /// The camera's time stamp.
    pub ticks: i64,
    /// The NAL units, each behind its length.
    pub bytes: Vec<u8>,
    /// Where the NAL units lie in `bytes`, without their lengths.
    pub nals: Vec<Range<usize>>,
    /// Packets before it or in it are missing.
    pub follows_loss: bool,
    /// A part of it is missing.
    pub is_incomplete: bool,
}

impl RtpAccessUnit {
    /// Its NAL units.
    pub fn nals(&self) -> impl Iterator<Item = &[u8]> {
        self.nals.iter().filter_map(|r| self.bytes.get(r.clone()))
    }
}

/// Type of a NAL unit.
pub fn nal_type(coding: VideoCodec, nal: &[u8]) -> u8 {
    let first = nal.first().copied().unwrap_or(0);
    if coding == VideoCodec::H264 {
        first & 0x1f
    } else {
        first >> 1 & 0x3f
    }
}

/// Whether a NAL unit of this type holds a part of a picture.
pub const fn is_slice(coding: VideoCodec, kind: u8) -> bool {
    match coding {
        VideoCodec::H264 => matches!(kind, 1..=5),
        VideoCodec::H265 => kind < 32,
    }
}

/// Whether the slice is the first of its picture.
fn is_first_slice(coding: VideoCodec, nal: &[u8]) -> bool {
    let head = if coding == VideoCodec::H264 { 1 } else { 2 };
    nal.get(head).is_some_and(|b| b & 0x80 != 0)
}

/// Puts packets together to access units.
pub struct Depacketizer {
    coding: VideoCodec,
    ticks: Option<i64>,
    bytes: Vec<u8>,
    nals: Vec<Range<usize>>,
    /// Where a NAL unit that comes in fragments began.
    fragment: Option<usize>,
    has_slice: bool,
    lost: bool,
    torn: bool,
    /// Time stamp of the last access unit that a marker bit ended.
    marker_ticks: Option<i64>,
    /// The camera sets marker bits within pictures: only a new time stamp ends an access unit.
    ignores_markers: bool,
    ready: VecDeque<RtpAccessUnit>,
}

impl Depacketizer {
    /// A depacketizer that has received nothing yet.
    pub const fn new(coding: VideoCodec) -> Self {
        Self {
            coding,
            ticks: None,
            bytes: Vec::new(),
            nals: Vec::new(),
            fragment: None,
            has_slice: false,
            lost: false,
            torn: false,
            marker_ticks: None,
            ignores_markers: false,
            ready: VecDeque::new(),
        }
    }

    /// The next finished access unit.
    pub fn pop(&mut self) -> Option<RtpAccessUnit> {
        self.ready.pop_front()
    }

    /// Takes a packet's payload. `mark` = its marker bit is set, `loss` = packets before it are
    /// missing. Returns false when the access unit is too large.
    pub fn push(&mut self, payload: &[u8], ticks: i64, mark: bool, loss: bool) -> bool {
        if self.ticks.is_some_and(|t| t != ticks) {
            // Parameter sets sometimes carry another time stamp than the picture that follows them.
            if self.has_slice || self.fragment.is_some() {
                // The missing packets may have held the end of the access unit.
                self.torn |= loss;
                self.lost |= loss;
                self.finish();
            }
        } else if loss && self.ticks.is_some() {
            self.torn = true;
        }
        self.lost |= loss;
        if loss {
            self.drop_fragment();
        }
        self.ticks = Some(ticks);
        self.take(payload);
        if self.bytes.len() > MAX_UNIT_BYTES || self.nals.len() > MAX_NALS {
            return false;
        }
        if mark && !self.ignores_markers && self.has_slice && self.fragment.is_none() {
            self.finish();
            self.marker_ticks = Some(ticks);
        }
        true
    }

    fn take(&mut self, payload: &[u8]) {
        let (Some(first), head) = (
            payload.first().copied(),
            if self.coding == VideoCodec::H264 {
                1
            } else {
                2
            },
        ) else {
            return;
        };
        let kind = nal_type(self.coding, payload);
        match (self.coding, kind) {
            (VideoCodec::H264, 24) => self.aggregate(payload.get(1..).unwrap_or_default()),
            (VideoCodec::H264, 25) => self.aggregate(payload.get(3..).unwrap_or_default()),
            (VideoCodec::H265, 48) => self.aggregate(payload.get(2..).unwrap_or_default()),
            (VideoCodec::H264, 28 | 29) | (VideoCodec::H265, 49) => {
                let Some(fu) = payload.get(head).copied() else {
                    return;
                };
                let rest = payload
                    .get(head + if kind == 29 { 3 } else { 1 }..)
                    .unwrap_or_default();
                let whole = match self.coding {
                    VideoCodec::H264 => vec![first & 0xe0 | fu & 0x1f],
                    VideoCodec::H265 => vec![
                        first & 0x81 | (fu & 0x3f) << 1,
                        payload.get(1).copied().unwrap_or(1),
                    ],
                };
                self.push_fragment(&whole, rest, fu & 0x80 != 0, fu & 0x40 != 0);
            }
            // No camera uses the other packet types; a first byte of zero is a start code.
            (VideoCodec::H264, 26 | 27 | 30 | 31) | (VideoCodec::H265, 50..) => {}
            _ => {
                self.end_fragment();
                self.push_nals(payload);
            }
        }
    }

    fn aggregate(&mut self, mut rest: &[u8]) {
        self.end_fragment();
        while let Some((len, after)) = rest.split_first_chunk::<2>() {
            let len = usize::from(u16::from_be_bytes(*len));
            let Some((nal, after)) = after.split_at_checked(len) else {
                self.torn = true;
                return;
            };
            self.push_nals(nal);
            rest = after;
        }
    }

    fn push_fragment(&mut self, header: &[u8], rest: &[u8], starts: bool, ends: bool) {
        if starts {
            self.end_fragment();
            self.fragment = Some(self.bytes.len());
            self.bytes.extend_from_slice(&[0; 4]);
            self.bytes.extend_from_slice(header);
        } else if self.fragment.is_none() {
            // The beginning of the NAL unit is missing; the other NAL units of the picture do not
            // replace it.
            self.torn = true;
            self.has_slice |= is_slice(self.coding, nal_type(self.coding, header));
            return;
        }
        self.bytes.extend_from_slice(rest);
        if ends {
            self.end_fragment();
        }
    }

    fn drop_fragment(&mut self) {
        if let Some(from) = self.fragment.take() {
            self.bytes.truncate(from);
            self.torn = true;
        }
    }

    /// Ends a fragmented NAL unit, with or without its end bit.
    fn end_fragment(&mut self) {
        let Some(from) = self.fragment.take() else {
            return;
        };
        let whole = &self.bytes[from + 4..];
        if whole.last().is_some_and(|b| *b != 0)
            && memchr::memmem::find(whole, &[0, 0, 1]).is_none()
        {
            // The usual case, without start codes or trailing zeros: the NAL unit stays where it
            // lies.
            let nal = from + 4..self.bytes.len();
            if self.accept_nal(nal.clone()) {
                self.bytes[from..from + 4]
                    .copy_from_slice(&u32::try_from(nal.len()).unwrap_or(0).to_be_bytes());
                self.nals.push(nal);
            } else {
                self.bytes.truncate(from);
            }
            return;
        }
        let nal = self.bytes.split_off(from + 4);
        self.bytes.truncate(from);
        self.push_nals(&nal);
    }

    /// Adds complete NAL units: one, or several with start codes between them.
    fn push_nals(&mut self, nal: &[u8]) {
        let mut rest = nal;
        while let Some(at) = memchr::memmem::find(rest, &[0, 0, 1]) {
            self.push_nal(&rest[..at]);
            rest = &rest[at + 3..];
        }
        self.push_nal(rest);
    }

    fn push_nal(&mut self, nal: &[u8]) {
        // Trailing zeros belong to a start code or to nothing.
        let len = nal.iter().rposition(|b| *b != 0).map_or(0, |n| n + 1);
        let from = self.bytes.len();
        self.bytes
            .extend_from_slice(&u32::try_from(len).unwrap_or(0).to_be_bytes());
        self.bytes.extend_from_slice(&nal[..len]);
        if self.accept_nal(from + 4..from + 4 + len) {
            self.nals.push(from + 4..from + 4 + len);
        } else {
            self.bytes.truncate(from);
        }
    }

    /// Checks a complete NAL unit that lies in the buffer; false = it is too short to be one.
    fn accept_nal(&mut self, at: Range<usize>) -> bool {
        let nal = &self.bytes[at];
        if nal.len()
            <= if self.coding == VideoCodec::H264 {
                1
            } else {
                2
            }
        {
            return false;
        }
        if is_slice(self.coding, nal_type(self.coding, nal)) {
            if !self.has_slice && !is_first_slice(self.coding, nal) {
                self.torn = true;
                self.ignores_markers |=
                    self.marker_ticks.is_some() && self.marker_ticks == self.ticks;
            }
            self.has_slice = true;
        }
        true
    }

    fn finish(&mut self) {
        self.end_fragment();
        let (bytes, nals) = (
            std::mem::take(&mut self.bytes),
            std::mem::take(&mut self.nals),
        );
        if self.has_slice {
            self.ready.push_back(RtpAccessUnit {
                ticks: self.ticks.unwrap_or(0),
                bytes,
                nals,
                follows_loss: std::mem::take(&mut self.lost),
                is_incomplete: self.torn,
            });
        }
        self.torn = false;
        self.has_slice = false;
        self.ticks = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPS: [u8; 4] = [0x67, 0x42, 0, 0x1f];
    const PPS: [u8; 3] = [0x68, 0xce, 0x38];
    const OTHER: [u8; 3] = [0x68, 0x55, 0x38];
    const IDR: [u8; 5] = [0x65, 0x88, 1, 2, 3];

    fn units(assembler: &mut Depacketizer) -> Vec<Vec<Vec<u8>>> {
        std::iter::from_fn(|| assembler.pop())
            .map(|u| u.nals().map(<[u8]>::to_vec).collect())
            .collect()
    }

    #[test]
    fn every_set_stays_whichever_way_it_is_packed() {
        let whole = vec![vec![
            SPS.to_vec(),
            PPS.to_vec(),
            OTHER.to_vec(),
            IDR.to_vec(),
        ]];
        let mut a = Depacketizer::new(VideoCodec::H264);
        for (nal, mark) in [
            (&SPS[..], false),
            (&PPS, false),
            (&OTHER, false),
            (&IDR, true),
        ] {
            assert!(a.push(nal, 5, mark, false));
        }
        assert_eq!(units(&mut a), whole);
        let mut packed = vec![24];
        for nal in [&SPS[..], &PPS, &OTHER] {
            packed.extend(u16::try_from(nal.len()).expect("small").to_be_bytes());
            packed.extend(nal);
        }
        // The parameter sets have another time stamp; the picture comes in fragments, the last one
        // without an end bit.
        assert!(a.push(&packed, 6, true, false));
        for (n, byte) in IDR[1..].iter().enumerate() {
            assert!(a.push(
                &[0x7c, 5 | if n == 0 { 0x80 } else { 0 }, *byte],
                9,
                false,
                false
            ));
        }
        assert!(a.push(&[0x41, 0x9a, 1], 10, true, false));
        assert_eq!(units(&mut a), [whole[0].clone(), vec![vec![0x41, 0x9a, 1]]]);
        let stream = [
            &[0, 0, 0, 1][..],
            &SPS,
            &[0, 0, 1],
            &PPS,
            &[0, 0, 0, 1],
            &OTHER,
            &[0, 0, 0, 1],
            &IDR,
            &[0],
        ]
        .concat();
        assert!(a.push(&stream, 11, true, false));
        assert_eq!(units(&mut a), whole, "start codes in one packet");
    }

    #[test]
    fn what_lacks_something_says_so() {
        let mut a = Depacketizer::new(VideoCodec::H264);
        assert!(a.push(&[0x7c, 0x85, 0x88], 1, false, false));
        assert!(a.push(&[0x7c, 0x45, 2], 1, true, true));
        assert!(
            a.pop().is_some_and(|u| u.is_incomplete && u.follows_loss),
            "its middle"
        );
        assert!(a.push(&[0x41, 0x9a], 2, true, false));
        assert!(a.pop().is_some_and(|u| !u.is_incomplete && !u.follows_loss));
        assert!(a.push(&[0x41, 0x9a], 3, false, false));
        assert!(a.push(&[0x65, 0x88], 4, true, true));
        assert!(a.pop().is_some_and(|u| u.is_incomplete), "perhaps its end");
        assert!(
            a.pop().is_some_and(|u| !u.is_incomplete),
            "the next is whole"
        );
    }

    #[test]
    fn marks_on_each_slice_are_seen_through() {
        let mut a = Depacketizer::new(VideoCodec::H264);
        for ticks in 0..4 {
            assert!(a.push(&[0x41, 0x9a, 1], ticks, true, false));
            assert!(a.push(&[0x41, 0x1a, 2], ticks, true, false));
        }
        let units = units(&mut a);
        assert!(units[2..].iter().all(|u| u.len() == 2), "{units:?}");
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_panics_and_lengths_fill_the_bytes(
            h265 in any::<bool>(),
            packets in proptest::collection::vec(
                (
                    proptest::collection::vec(any::<u8>(), 0..40),
                    0i64..4,
                    any::<bool>(),
                    any::<bool>(),
                ),
                0..60,
            ),
        ) {
            let mut a = Depacketizer::new(if h265 { VideoCodec::H265 } else { VideoCodec::H264 });
            for (payload, ticks, mark, loss) in packets {
                a.push(&payload, ticks, mark, loss);
                while let Some(unit) = a.pop() {
                    let lengths = unit.nals().map(|n| n.len() + 4).sum::<usize>();
                    prop_assert_eq!(lengths, unit.bytes.len());
                }
            }
        }
    }
}
