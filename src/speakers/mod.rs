//! The village's voice: a sentence becomes sound, horn clusters play it, every order signed, every
//! end proved.

pub mod playback;
mod rendering;
pub mod sequence;
pub mod sound_cache;
pub mod speech;
pub mod speech_service;
