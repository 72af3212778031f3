//! Cổng Làng: the village gate. One line per module; the map with walkthroughs is
//! docs/architecture.md.

/// Composition: one file per role.
pub mod app;
/// MQTT: the village's broker.
pub mod broker;
/// Pictures: pulled, kept, shown.
pub mod cameras;
/// The technician's commands.
pub mod cli;
/// The commune's server: receipts, bulletins, console.
pub mod commune;
/// What must be known before boot: layers of TOML, all mistakes at once.
pub mod config;
/// South door: what devices say and are told.
pub mod devices;
/// What a village is: pure values, commands, events.
pub mod domain;
/// What every web door shares: session, headers, language, layout.
pub mod http;
/// What happened: the one ordered, durable journal.
pub mod journal;
/// Who we are: authorities, certificates, signatures, secrets.
pub mod keys;
/// What is now: latest values, messages, links.
pub mod live;
/// Frames in pre-zeroed segments: append, sync, recover.
pub mod log;
/// What is said at each door, as types.
pub mod protocol;
/// The village's voice: speech, signed orders, proof of play.
pub mod speakers;
/// Bulk that is not history: files, samples, pictures, space.
pub mod store;
/// How long things live: clock, services, workers, health.
pub mod supervisor;
/// The uplink: store and forward, resumable, without loss or doubles.
pub mod sync;
/// Web doors of the village: portal, dashboard, control socket.
pub mod web;
