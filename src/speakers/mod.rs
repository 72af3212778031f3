//! The village's voice: a sentence becomes sound, horn clusters play it, every order signed, every
//! end proved.

mod making;
pub mod numbers;
pub mod playback;
pub mod sounds;
pub mod speech;
pub mod voice;
