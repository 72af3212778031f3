//! The configuration, which must be known before boot: layers of TOML. Every mistake is reported at
//! once, with file, line and key.
//!
//! Layers, each overriding the one before: compiled defaults, `/usr/lib/conglang/*.toml`, the file
//! named (or `/etc/conglang/conglang.toml`), `conglang.d/*.toml` beside it,
//! `CONGLANG__SECTION__KEY` in the environment. Lists (`[[device]]`, …) add up. Deliberately
//! absent: the things that people of the village change. They are changed by commands and live in
//! the journal.
//!
//! Each section is a type of its own, and what is started from it takes that section alone. Only
//! the roles (`app::gateway`, `app::commune`) and the technician's commands see the whole.

pub mod board;
mod bounds;
pub mod layout;
mod load;
mod mistake;
pub mod network;
mod read;
mod sections;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::domain::account::Account;
use crate::domain::camera::Camera;
use crate::domain::device::Device;
use crate::domain::light::LightGroup;
use crate::domain::place::Place;
use crate::domain::sensor::Sensor;
use crate::domain::speaker::Speaker;
use crate::domain::village::Village;
use crate::protocol::broker::{DurabilityRule, Limits, default_durability_rules};

pub use load::{load, load_from};
pub use mistake::ConfigMistake;

/// Everything that is configured.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The village and its things.
    pub declared: DeclaredThings,
    /// The data folder.
    pub data: Option<PathBuf>,
    /// HTTP listeners.
    pub listeners: HttpListeners,
    /// The broker and its listeners.
    pub broker: BrokerConfig,
    /// Speech synthesis.
    pub speech: SpeechConfig,
    /// The link to the commune.
    pub uplink: UplinkConfig,
    /// Recording of the cameras.
    pub recording: RecordingConfig,
    /// The networks that the box serves.
    pub network: network::NetworkConfig,
    /// Public links.
    pub links: LinksConfig,
    /// The addresses to which the board points.
    pub board: board::BoardConfig,
    /// Settings of `conglang commune`.
    pub commune_server: CommuneServerConfig,
    /// The origin of each value, by key: `file:line`.
    pub origins: BTreeMap<String, String>,
}

impl Config {
    /// True for the configuration of a commune's server; every other one is of a gateway.
    #[must_use]
    pub const fn is_commune(&self) -> bool {
        self.commune_server.mqtt.is_some()
    }
}

/// The village and its things, as the configuration names them. They become entries at the start.
#[derive(Debug, Clone, Default)]
pub struct DeclaredThings {
    /// The village; a gateway without one cannot run.
    pub village: Option<Village>,
    /// Roads and alleys.
    pub places: Vec<Place>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Accounts given in the configuration.
    pub accounts: Vec<Account>,
    /// Light groups.
    pub groups: Vec<LightGroup>,
    /// Sensors.
    pub sensors: Vec<Sensor>,
    /// Speaker clusters.
    pub speakers: Vec<Speaker>,
    /// Cameras.
    pub cameras: Vec<CameraConfig>,
}

/// Addresses of the HTTP listeners, by audience.
#[derive(Debug, Clone, Default)]
pub struct HttpListeners {
    /// Plain HTTP for visitors.
    pub portal: Option<SocketAddr>,
    /// The portal over HTTPS, with a certificate that phones accept: it lets phones ask how long
    /// they are in (RFC 8908).
    pub portal_tls: Option<SocketAddr>,
    /// Plain HTTP for the dashboard: only where configured.
    pub dashboard: Option<SocketAddr>,
    /// HTTPS for the dashboard.
    pub dashboard_tls: Option<SocketAddr>,
    /// Control socket of the technician's commands.
    pub control: Option<PathBuf>,
    /// Names that the portal answers to; requests for other names are redirected to the first.
    pub names: Vec<String>,
    /// Telephone of the village's technician, as people write it. It is shown on every page that
    /// says “call the technician”.
    pub technician_phone: Option<String>,
}

/// The MQTT broker and its listeners.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// MQTT over TCP, on the device segment.
    pub plain: Option<SocketAddr>,
    /// MQTT over TLS.
    pub tls: Option<SocketAddr>,
    /// MQTT over WebSocket.
    pub websocket: Option<SocketAddr>,
    /// MQTT over WebSocket over TLS.
    pub websocket_tls: Option<SocketAddr>,
    /// Names and addresses for which the broker's certificate is issued.
    pub names: Vec<String>,
    /// Devices may present a certificate of the gateway's authority instead of a password.
    pub client_certificates: bool,
    /// Devices without an account may connect and announce themselves in quarantine.
    pub quarantine: bool,
    /// The durability class of messages by topic; the first rule that matches counts.
    pub rules: Vec<DurabilityRule>,
    /// Limits.
    pub limits: Limits,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            plain: None,
            tls: None,
            websocket: None,
            websocket_tls: None,
            names: Vec::new(),
            client_certificates: false,
            quarantine: true,
            rules: default_durability_rules(),
            limits: Limits::default(),
        }
    }
}

/// Speech synthesis.
#[derive(Debug, Clone)]
pub struct SpeechConfig {
    /// The program that speaks.
    pub program: String,
    /// The voice that the program uses.
    pub voice: String,
    /// The base address at which clusters fetch sounds, `http://host:port`; `None` = the portal's
    /// address.
    pub url: Option<String>,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            program: "espeak-ng".into(),
            voice: "vi".into(),
            url: None,
        }
    }
}

/// The link to the commune.
#[derive(Debug, Clone, Default)]
pub struct UplinkConfig {
    /// `host:port` of its broker.
    pub server: Option<String>,
    /// The commune's CA, PEM.
    pub ca: Option<PathBuf>,
    /// The village's certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// The village's key, PEM.
    pub key: Option<PathBuf>,
}

/// Recording of the cameras.
#[derive(Debug, Clone)]
pub struct RecordingConfig {
    /// The folder of recordings; `None` = in the data folder.
    pub folder: Option<PathBuf>,
    /// Largest size of the ring, gigabytes.
    pub keep_gb: u64,
    /// Days for which recordings stay at most, 1–90; provinces have their own rules.
    pub keep_days: u32,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self {
            folder: None,
            keep_gb: 50,
            keep_days: 15,
        }
    }
}

/// Public links: what stands in codes, on paper and in feeds.
#[derive(Debug, Clone, Default)]
pub struct LinksConfig {
    /// The address at which everybody finds the village's pages, on the house's wifi and on 4G;
    /// `None` = the portal's local name, which works on the house's wifi alone.
    pub public_base: Option<String>,
}

/// A village as the commune knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommuneVillage {
    /// Id; also the name in its certificate.
    pub id: String,
    /// “Bến Thóc”.
    pub name: String,
    /// The chief, as people say the name: “Ông Mẫu”.
    pub chief: Option<String>,
    /// The chief's telephone.
    pub phone: Option<String>,
    /// How many people live there.
    pub people: Option<u32>,
}

/// The commune's own server.
#[derive(Debug, Clone, Default)]
pub struct CommuneServerConfig {
    /// “xã Đồng Nếp”.
    pub name: String,
    /// Address of its console, plain HTTP.
    pub console: Option<SocketAddr>,
    /// Address of its broker, MQTT over TLS with client certificates.
    pub mqtt: Option<SocketAddr>,
    /// Villages that have an account.
    pub villages: Vec<CommuneVillage>,
    /// Names for which its certificate is issued.
    pub names: Vec<String>,
}

/// A camera, and how its source is reached.
#[derive(Debug, Clone)]
pub struct CameraConfig {
    /// The camera.
    pub camera: Camera,
    /// RTSP address without user and password; `None` = the camera is known but not connected.
    pub url: Option<String>,
    /// User.
    pub user: Option<String>,
    /// File with the password.
    pub password_file: Option<PathBuf>,
}

/// A mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// File or variable; empty = what all layers say together.
    pub file: String,
    /// Line, from 1; 0 = none.
    pub line: usize,
    /// Key; empty = the whole file.
    pub key: String,
    /// The mistake, and what is wanted instead.
    pub mistake: ConfigMistake,
}

#[cfg(test)]
mod tests;
