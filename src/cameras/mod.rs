//! Cameras: pictures in over RTSP, kept in the ring, shown live, one still each.
//!
//! One pull per camera however many look. What can crash in decoding lives in the `media` worker; the parent
//! never decodes. Absent so far: playback, motion, transcoding, other sources than RTSP.

pub mod keep;
mod record;
mod rtsp;
pub mod stills;
pub mod worker;
