//! Cổng Làng: the village gate. One line per module; docs/architecture.md is the map with
//! walkthroughs, docs/glossary.md the words.

/// Composition: one file per role of the process.
pub mod app;
/// MQTT: the village's broker.
pub mod broker;
/// Cameras: streams pulled, recorded, shown.
pub mod cameras;
/// The technician's commands.
pub mod cli;
/// The commune's server: receipts, bulletins, console.
pub mod commune;
/// The configuration, which must be known before boot: layers of TOML, all mistakes at once.
pub mod config;
/// Devices: the gateway's own MQTT client, readings and reports, orders.
pub mod devices;
/// Addresses and time for the segments that the box serves.
pub mod dhcp;
/// The map of roads and houses, made ready for pages.
pub mod directory;
/// The model of a village: pure values, commands, events.
pub mod domain;
pub mod feeds;
/// The guest network: names for phones.
pub mod guests;
/// The parts that all web audiences share: sign-in, headers, layout.
pub mod http;
/// The two languages: locale files, dates, sentences that more than one place prints.
pub mod i18n;
/// The journal: the one ordered, durable history.
pub mod journal;
/// Keys: authorities, certificates, signatures, secrets.
pub mod keys;
/// Current values, in memory only: latest readings, messages, links.
pub mod live;
/// Frames in pre-zeroed segments: append, sync, recover.
pub mod log;
/// The network helper: segments, sessions of guests, the kernel's rules.
pub mod netd;
/// Papers of notices: their text, pictures of their pages.
pub mod papers;
/// Bounded channels over which one part asks another: the broker, the devices, the speech.
pub mod ports;
/// The messages of every protocol, as types.
pub mod protocol;
/// Announcements: speech, signed orders, proof of playback.
pub mod speakers;
/// Bulk data that is not history: blobs, samples, recordings, space.
pub mod store;
/// Supervision: clock, services, workers, health.
pub mod supervisor;
/// The link to the commune: store and forward, resumable, without loss or duplicates.
pub mod sync;
/// Moments of the wall clock and of this process, as types.
pub mod time;
/// The status of the village, as values and as sentences.
pub mod view;
/// The village's web audiences: portal, dashboard, control socket, API.
pub mod web;
