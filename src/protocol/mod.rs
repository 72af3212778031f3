//! The wire formats as types: MQTT, discovery messages, orders, the link to the commune, workers,
//! the control socket, MP4. Parse and format only: no I/O, no clock; nothing here may panic on any
//! input.

pub mod broker;
pub mod broker_endpoint;
pub mod commune;
pub mod control;
pub mod discovery;
pub mod divergence;
pub mod feed;
pub mod fmp4;
pub mod guest_report;
pub mod ha_rendering;
pub mod map_file;
pub mod media;
pub mod mqtt;
pub mod netd;
pub mod paper;
pub mod procedure_file;
mod reason_table;
pub mod speaker;
mod stream;
pub mod stream_loss;
pub mod text_encoding;
pub mod village_status;
