//! A finished recording segment and its file name, which is its index entry.

use crate::time::WallMs;

/// The largest size of a segment in a name that is believed, bytes, and the latest start,
/// 2100-01-01.
const MAX_SEGMENT_BYTES: u64 = 1 << 32;
pub(super) const MAX_START_MS: i64 = 4_102_444_800_000;

/// A finished recording segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// When its first access unit arrived.
    pub start_ms: WallMs,
    /// Its duration, ms.
    pub duration_ms: u32,
    /// Bytes.
    pub bytes: u64,
}

/// The file name of a segment.
pub(super) fn name(s: Segment) -> String {
    format!("{}-{}-{}.mp4", s.start_ms.ms(), s.duration_ms, s.bytes)
}

/// The segment that a file name describes; none = it describes none, or one with impossible
/// numbers.
pub(super) fn parse(name: &str) -> Option<Segment> {
    let mut parts = name.strip_suffix(".mp4")?.splitn(3, '-');
    let segment = Segment {
        start_ms: parts.next()?.parse().ok().map(WallMs::new)?,
        duration_ms: parts.next()?.parse().ok()?,
        bytes: parts.next()?.parse().ok()?,
    };
    ((0..MAX_START_MS).contains(&segment.start_ms.ms()) && segment.bytes <= MAX_SEGMENT_BYTES)
        .then_some(segment)
}
