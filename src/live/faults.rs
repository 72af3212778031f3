//! What is wrong with a camera's pictures although they come and are kept.
//!
//! A picture that comes is not yet one that can be seen: whoever finds out says it here, and every
//! page, command and lamp of health tells it from here.

/// Why the time stamps of a camera are not believed; its pictures are kept at the time at which
/// they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockFault {
    /// All say the same.
    Stands,
    /// They go back again and again.
    StepsBack,
    /// They jump by seconds or hours again and again.
    Jumps,
    /// They go faster or slower than time.
    Pace,
}

impl ClockFault {
    /// In a word or two, for the technician.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stands => "every picture has the same time stamp",
            Self::StepsBack => "its time stamps step back again and again",
            Self::Jumps => "its time stamps jump again and again",
            Self::Pace => "its time stamps go faster or slower than time",
        }
    }
}

/// What is wrong with pictures that come and are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// Keyframes cannot be decoded: why, for the technician.
    pub undecodable: Option<String>,
    /// Nobody could look whether keyframes can be decoded: why, for the technician.
    pub unchecked: Option<String>,
    /// So many percent of a minute's pictures are missing, or may be smeared, because packets get
    /// lost on the way.
    pub loss: Option<u8>,
    /// So many percent of a minute's pictures came and were not recorded, because the disk is too
    /// slow.
    pub missed: Option<u8>,
    /// The camera's clock.
    pub clock: Option<ClockFault>,
}
