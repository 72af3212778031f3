//! Cameras: access units come in over RTSP, are recorded in the ring and shown live; each camera
//! has one still.
//!
//! There is one RTSP session per camera, however many viewers it has. Decoding may crash, so it
//! happens only in the `media` worker, never in the parent. Deliberately absent so far: playback,
//! motion detection, transcoding, other sources than RTSP.

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
