//! A finished segment and its name, which is its row of the index.

/// Largest segment that is believed, bytes, and the last start, 2100-01-01.
const MAX_SEGMENT_BYTES: u64 = 1 << 32;
pub(super) const MAX_START_MS: i64 = 4_102_444_800_000;

/// A finished segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// When its first frame came, wall ms.
    pub start_ms: i64,
    /// How long it is, ms.
    pub duration_ms: u32,
    /// Bytes.
    pub bytes: u64,
}

/// The name of its file.
pub(super) fn name(s: Segment) -> String {
    format!("{}-{}-{}.mp4", s.start_ms, s.duration_ms, s.bytes)
}

/// The segment that a file is by its name; none = it is none that is believed.
pub(super) fn parse(name: &str) -> Option<Segment> {
    let mut parts = name.strip_suffix(".mp4")?.splitn(3, '-');
    let segment = Segment {
        start_ms: parts.next()?.parse().ok()?,
        duration_ms: parts.next()?.parse().ok()?,
        bytes: parts.next()?.parse().ok()?,
    };
    ((0..MAX_START_MS).contains(&segment.start_ms) && segment.bytes <= MAX_SEGMENT_BYTES)
        .then_some(segment)
}
