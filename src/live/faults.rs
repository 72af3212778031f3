//! Faults of a camera's stream that comes and is recorded.
//!
//! A stream that comes is not yet one that can be seen. The service that finds a fault sets it
//! here; every page, command and health part reads it from here.

/// Why the time stamps of a camera are not trusted; its access units are then recorded at the time
/// at which they arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockFault {
    /// All are the same.
    Stands,
    /// They go back again and again.
    StepsBack,
    /// They jump by seconds or hours again and again.
    Jumps,
    /// They go faster or slower than time.
    Pace,
}

impl ClockFault {
    /// The fault as a key of the locale files names it: `cli-camera-clock-…`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Stands => "stands",
            Self::StepsBack => "steps-back",
            Self::Jumps => "jumps",
            Self::Pace => "pace",
        }
    }

    /// A short description for the technician.
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

/// The faults of a stream that comes and is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// Why keyframes cannot be decoded, for the technician; none = no such fault is known.
    pub undecodable: Option<String>,
    /// Why it could not be checked whether keyframes can be decoded, for the technician.
    pub unchecked: Option<String>,
    /// Percentage of the last minute's access units that are missing, or may be smeared, because
    /// packets were lost on the way.
    pub loss: Option<u8>,
    /// Percentage of the last minute's access units that came and were not recorded, because the
    /// disk is too slow.
    pub missed: Option<u8>,
    /// The fault of the camera's clock.
    pub clock: Option<ClockFault>,
}
