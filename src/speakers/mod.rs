//! Announcements as sound: a sentence becomes sound, speaker clusters play it, every order is
//! signed, every end proved.

pub mod encoder;
pub mod listening;
pub mod playback;
mod rendering;
pub mod sequence;
pub mod sound_cache;
mod sound_hour;
pub mod speech;
pub mod speech_service;
