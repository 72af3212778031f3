//! Cameras: pictures in over RTSP, kept in the ring, shown live, one still each.
//!
//! One pull per camera however many look. What can crash in decoding lives in the `media` worker;
//! the parent never decodes. Absent so far: playback, motion, transcoding, other sources than RTSP.

mod bit_reader;
mod decoder_config;
mod loss_meter;
mod parameters;
mod record;
mod rtp;
mod rtsp;
pub mod service;
pub mod stills;
mod timing;
pub mod worker;
