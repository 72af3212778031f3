//! What must be known before boot: layers of TOML, every mistake at once with file, line and key.
//!
//! Layers, each over the one before: compiled defaults, `/usr/lib/conglang/*.toml`, the file named
//! (or `/etc/conglang/conglang.toml`), `conglang.d/*.toml` beside it, `CONGLANG__SECTION__KEY` in
//! the environment. Lists (`[[device]]`, …) add up. What staff change is a command and lives in the
//! journal.

mod bounds;
pub mod layout;
mod load;
mod read;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::domain::camera::Camera;
use crate::domain::device::{Account, Device};
use crate::domain::light::LightGroup;
use crate::domain::place::Place;
use crate::domain::sensor::Sensor;
use crate::domain::speaker::Speaker;
use crate::domain::village::Village;
use crate::protocol::broker::{DurabilityRule, Limits, default_durability_rules};

pub use load::{load, load_from};

/// Everything that is configured.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The village; a house without one cannot run.
    pub village: Option<Village>,
    /// Where data lies.
    pub data: Option<PathBuf>,
    /// Where people come in.
    pub listeners: HttpListeners,
    /// Where devices come in.
    pub broker: BrokerConfig,
    /// How the house speaks.
    pub speech: SpeechConfig,
    /// Where the commune is.
    pub uplink: UplinkConfig,
    /// Where pictures are kept.
    pub recording: RecordingConfig,
    /// Settings of `conglang commune`.
    pub commune_server: CommuneServerConfig,
    /// Roads and alleys.
    pub places: Vec<Place>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Accounts given in the configuration.
    pub accounts: Vec<Account>,
    /// Lamps that go together.
    pub groups: Vec<LightGroup>,
    /// Sensors.
    pub sensors: Vec<Sensor>,
    /// Horn clusters.
    pub speakers: Vec<Speaker>,
    /// Cameras.
    pub cameras: Vec<CameraConfig>,
    /// Where each value came from.
    pub origins: BTreeMap<String, String>,
}

/// Doors for people.
#[derive(Debug, Clone, Default)]
pub struct HttpListeners {
    /// Plain HTTP for visitors.
    pub portal: Option<SocketAddr>,
    /// Plain HTTP for the dashboard: only where configured.
    pub dashboard: Option<SocketAddr>,
    /// HTTPS for the dashboard.
    pub dashboard_tls: Option<SocketAddr>,
    /// Control socket of the technician's commands.
    pub control: Option<PathBuf>,
    /// Names the portal answers to; others are redirected to the first.
    pub names: Vec<String>,
    /// Telephone of the village's technician, as people write it; stands on every page that says
    /// “call the technician”.
    pub technician_phone: Option<String>,
}

/// Doors for devices.
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
    /// Names and addresses that stand in the broker's certificate.
    pub names: Vec<String>,
    /// Devices may show a certificate of the house's CA instead of a password.
    pub client_certificates: bool,
    /// Devices without an account may announce themselves.
    pub quarantine: bool,
    /// How safely messages are kept, by topic; the first that matches counts.
    pub rules: Vec<DurabilityRule>,
    /// Bounds.
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

/// Speech.
#[derive(Debug, Clone)]
pub struct SpeechConfig {
    /// Program.
    pub program: String,
    /// Voice.
    pub voice: String,
    /// Where clusters fetch sounds, `http://host:port`; none = the portal's address.
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
    /// Our certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// Our key, PEM.
    pub key: Option<PathBuf>,
}

/// Recording.
#[derive(Debug, Clone)]
pub struct RecordingConfig {
    /// Folder; none = beside the other data.
    pub folder: Option<PathBuf>,
    /// Gigabytes that the ring may take.
    pub keep_gb: u64,
    /// Days that pictures are kept at most, 1–90; provinces have their own rules.
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

/// The commune's own server.
#[derive(Debug, Clone, Default)]
pub struct CommuneServerConfig {
    /// “xã Đồng Nếp”.
    pub name: String,
    /// Its console, plain HTTP.
    pub console: Option<SocketAddr>,
    /// Its broker, MQTT over TLS with client certificates.
    pub mqtt: Option<SocketAddr>,
    /// Villages that may speak: id and name.
    pub villages: Vec<(String, String)>,
    /// Names that stand in its certificate.
    pub names: Vec<String>,
}

/// A camera and how it is reached.
#[derive(Debug, Clone)]
pub struct CameraConfig {
    /// The camera.
    pub camera: Camera,
    /// RTSP address without user and password; none = known but not connected.
    pub url: Option<String>,
    /// User.
    pub user: Option<String>,
    /// File with the password.
    pub password_file: Option<PathBuf>,
}

/// A mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ConfigError {
    /// File or variable.
    pub file: String,
    /// Line, from 1; 0 = none.
    pub line: usize,
    /// Key.
    pub key: String,
    /// What is wrong and what is wanted.
    pub what: String,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.file, self.line, self.key, self.what
        )
    }
}

#[cfg(test)]
mod tests;
