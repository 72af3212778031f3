//! From layers to one configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::bounds::{
    Days, Decimals, Horns, Latitude, LimitOverrides, Longitude, Marks, name, unit,
};
use super::read::{Section, TomlSource};
use super::{CameraConfig, Config, ConfigError};
use crate::domain::camera::Camera;
use crate::domain::device::{Account, Availability, Device};
use crate::domain::id::{CameraId, DeviceId, EntityId, GroupId, PlaceId, VillageId};
use crate::domain::light::LightGroup;
use crate::domain::place::Place;
use crate::domain::sensor::Sensor;
use crate::domain::speaker::Speaker;
use crate::domain::village::Village;
use crate::protocol::broker::DurabilityRule;

/// Largest file of configuration, bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Reads all layers for the configuration file `main`; `environment` is the process's variables.
///
/// # Errors
/// All mistakes of all layers at once.
pub fn load(
    main: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, Vec<ConfigError>> {
    let mut layers = Vec::new();
    let mut problems = Vec::new();
    for path in folder(Path::new("/usr/lib/conglang")) {
        read_layer(&path, &mut layers, &mut problems);
    }
    read_layer(main, &mut layers, &mut problems);
    for path in folder(&main.with_file_name("conglang.d")) {
        read_layer(&path, &mut layers, &mut problems);
    }
    layers.extend(environment.filter_map(|(name, value)| env_layer(&name, &value)));
    match load_from(&layers) {
        Ok(config) if problems.is_empty() => Ok(config),
        Ok(_) => Err(problems),
        Err(mut more) => {
            problems.append(&mut more);
            Err(problems)
        }
    }
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut out: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|x| x == "toml"))
        .collect();
    out.sort();
    out
}

fn read_layer(path: &Path, layers: &mut Vec<(String, String)>, problems: &mut Vec<ConfigError>) {
    let text = std::fs::metadata(path).and_then(|m| {
        if m.len() > MAX_CONFIG_BYTES {
            Err(std::io::Error::other("it is larger than 1 MiB"))
        } else {
            std::fs::read_to_string(path)
        }
    });
    match text {
        Ok(text) => layers.push((path.display().to_string(), text)),
        Err(cause) => problems.push(ConfigError {
            file: path.display().to_string(),
            line: 0,
            key: String::new(),
            what: format!("cannot be read: {cause}"),
        }),
    }
}

/// `CONGLANG__DOORS__PORTAL=…` as a one-line layer.
fn env_layer(name: &str, value: &str) -> Option<(String, String)> {
    let (section, key) = name.strip_prefix("CONGLANG__")?.split_once("__")?;
    let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
    let plain = value.parse::<i64>().is_ok()
        || value == "true"
        || value == "false"
        || value.starts_with('[');
    let value = if plain {
        value.to_owned()
    } else {
        format!("{value:?}")
    };
    Some((name.to_owned(), format!("[{section}]\n{key} = {value}\n")))
}

/// Reads layers given as (name, TOML), each over the one before.
///
/// # Errors
/// All mistakes of all layers at once.
pub fn load_from(layers: &[(String, String)]) -> Result<Config, Vec<ConfigError>> {
    let mut config = Config::default();
    let mut problems = Vec::new();
    for (file, source) in layers {
        let text = TomlSource::new(file, source);
        apply_layer(text.root(), &mut config);
        let (mut wrong, origins) = text.finish();
        problems.append(&mut wrong);
        config.origins.extend(origins);
    }
    check(&config, &mut problems);
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(problems)
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("“{text}” is not an address like 0.0.0.0:80"))
}

fn set<T>(to: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *to = value;
    }
}

fn apply_layer(mut root: Section<'_, '_>, config: &mut Config) {
    if let Some(mut s) = root.table("village") {
        let parts = (
            s.require_parsed("id", VillageId::new),
            s.require_parsed("name", name),
            s.require_parsed("commune", name),
            s.get::<Latitude>("latitude"),
            s.get::<Longitude>("longitude"),
        );
        if let (Some(id), Some(name), Some(commune), latitude, longitude) = parts {
            config.village = Some(Village {
                id,
                name,
                commune,
                latitude: latitude.map_or(0.0, |d| d.0),
                longitude: longitude.map_or(0.0, |d| d.0),
            });
        }
        s.finish();
    }
    if let Some(mut s) = root.table("data") {
        set(&mut config.data, s.get("folder"));
        s.finish();
    }
    if let Some(mut s) = root.table("doors") {
        set(
            &mut config.listeners.portal,
            s.get_parsed("portal", address),
        );
        set(
            &mut config.listeners.dashboard,
            s.get_parsed("dashboard", address),
        );
        set(
            &mut config.listeners.dashboard_tls,
            s.get_parsed("dashboard_tls", address),
        );
        set(&mut config.listeners.control, s.get("control"));
        config.listeners.names = s
            .get("names")
            .unwrap_or_else(|| std::mem::take(&mut config.listeners.names));
        config.listeners.technician_phone = s
            .get_parsed("technician_phone", telephone)
            .or_else(|| config.listeners.technician_phone.take());
        s.finish();
    }
    if let Some(mut s) = root.table("broker") {
        set(&mut config.broker.plain, s.get_parsed("plain", address));
        set(&mut config.broker.tls, s.get_parsed("tls", address));
        set(
            &mut config.broker.websocket,
            s.get_parsed("websocket", address),
        );
        set(
            &mut config.broker.websocket_tls,
            s.get_parsed("websocket_tls", address),
        );
        config.broker.names = s
            .get("names")
            .unwrap_or_else(|| std::mem::take(&mut config.broker.names));
        config.broker.client_certificates = s
            .get("client_certificates")
            .unwrap_or(config.broker.client_certificates);
        config.broker.quarantine = s.get("quarantine").unwrap_or(config.broker.quarantine);
        if let Some(rules) = s.get::<Vec<DurabilityRule>>("rules") {
            config.broker.rules = rules;
        }
        if let Some(keys) = s.get::<LimitOverrides>("limits")
            && let Ok(limits) = keys.apply_to(&config.broker.limits)
        {
            config.broker.limits = limits;
        }
        s.finish();
    }
    if let Some(mut s) = root.table("speech") {
        config.speech.program = s
            .get("program")
            .unwrap_or_else(|| std::mem::take(&mut config.speech.program));
        config.speech.voice = s
            .get("voice")
            .unwrap_or_else(|| std::mem::take(&mut config.speech.voice));
        set(&mut config.speech.url, s.get("url"));
        s.finish();
    }
    if let Some(mut s) = root.table("commune") {
        set(&mut config.uplink.server, s.get_parsed("server", server));
        set(&mut config.uplink.ca, s.get("ca"));
        set(&mut config.uplink.certificate, s.get("certificate"));
        set(&mut config.uplink.key, s.get("key"));
        s.finish();
    }
    if let Some(mut s) = root.table("recording") {
        set(&mut config.recording.folder, s.get("folder"));
        config.recording.keep_gb = s.get("keep_gb").unwrap_or(config.recording.keep_gb);
        config.recording.keep_days = s
            .get("keep_days")
            .map_or(config.recording.keep_days, |Days(d)| d);
        s.finish();
    }
    if let Some(mut s) = root.table("office") {
        config.commune_server.name = s
            .get_parsed("name", name)
            .unwrap_or_else(|| std::mem::take(&mut config.commune_server.name));
        set(
            &mut config.commune_server.console,
            s.get_parsed("console", address),
        );
        set(
            &mut config.commune_server.mqtt,
            s.get_parsed("mqtt", address),
        );
        config.commune_server.names = s
            .get("names")
            .unwrap_or_else(|| std::mem::take(&mut config.commune_server.names));
        for mut v in s.tables("village") {
            if let (Some(id), Some(name)) = (
                v.require_parsed("id", VillageId::new),
                v.require_parsed("name", name),
            ) {
                config.commune_server.villages.push((id.to_string(), name));
            }
            v.finish();
        }
        s.finish();
    }
    apply_lists(&mut root, config);
    root.finish();
}

fn server(text: &str) -> Result<String, String> {
    let plain = text.strip_prefix("mqtts://").unwrap_or(text);
    match plain.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(plain.to_owned())
        }
        _ => Err(format!(
            "“{text}” is not an address like mqtts://xa.example:8883"
        )),
    }
}

fn apply_lists(root: &mut Section<'_, '_>, config: &mut Config) {
    for mut s in root.tables("place") {
        if let (Some(id), Some(name)) = (
            s.require_parsed("id", PlaceId::new),
            s.require_parsed("name", name),
        ) {
            config.places.push(Place { id, name });
        }
        s.finish();
    }
    for mut s in root.tables("device") {
        let secret: Option<String> = s.get_parsed("secret_sha256", sha256);
        let place = s.get_parsed("place", PlaceId::new);
        if let (Some(id), Some(name)) = (
            s.require_parsed("id", DeviceId::new),
            s.require_parsed("name", name),
        ) {
            if let Some(hash) = secret {
                config.accounts.push(Account::of_device(id.clone(), hash));
            }
            config.devices.push(Device {
                id,
                name,
                place,
                model: String::new(),
                availability: Availability::Unknown,
            });
        }
        s.finish();
    }
    for mut s in root.tables("program") {
        let secret: Option<String> = s.require_parsed("secret_sha256", sha256);
        let (publish, subscribe) = (
            s.get("publish").unwrap_or_default(),
            s.get("subscribe").unwrap_or_default(),
        );
        if let (Some(id), Some(hash)) = (s.require_parsed("id", DeviceId::new), secret) {
            config
                .accounts
                .push(Account::of_program(id, hash, publish, subscribe));
        }
        s.finish();
    }
    for mut s in root.tables("group") {
        let lights: Vec<EntityId> = s.require("lights").unwrap_or_default();
        if let (Some(id), Some(name)) = (
            s.require_parsed("id", GroupId::new),
            s.require_parsed("name", name),
        ) {
            config.groups.push(LightGroup { id, name, lights });
        }
        s.finish();
    }
    for mut s in root.tables("sensor") {
        let unit = s.get_parsed("unit", unit).unwrap_or_default();
        let (decimals, marks) = (
            s.get::<Decimals>("decimals").map_or(0, |d| d.0),
            s.get::<Marks>("marks").map_or_else(Vec::new, |m| m.0),
        );
        if let (Some(id), Some(name)) = (
            s.require_parsed("id", EntityId::new),
            s.require_parsed("name", name),
        ) {
            config.sensors.push(Sensor {
                id,
                name,
                unit,
                decimals,
                thresholds: marks,
                alarm: None,
            });
        }
        s.finish();
    }
    for mut s in root.tables("speaker") {
        let horns = s.get::<Horns>("horns").map_or(1, |h| h.0);
        if let (Some(id), Some(name)) = (
            s.require_parsed("id", DeviceId::new),
            s.require_parsed("name", name),
        ) {
            config.speakers.push(Speaker { id, name, horns });
        }
        s.finish();
    }
    for mut s in root.tables("camera") {
        let (url, user, password_file) = (
            s.get_parsed("url", rtsp),
            s.get("user"),
            s.get("password_file"),
        );
        if let (Some(id), Some(name)) = (
            s.require_parsed("id", CameraId::new),
            s.require_parsed("name", name),
        ) {
            // A later layer may connect a camera that an earlier one named.
            let known = config.cameras.iter_mut().find(|c| c.camera.id == id);
            let fresh = CameraConfig {
                camera: Camera {
                    id,
                    name,
                    signal: Availability::Unknown,
                    looks: Vec::new(),
                },
                url,
                user,
                password_file,
            };
            match known {
                Some(known) => *known = fresh,
                None => config.cameras.push(fresh),
            }
        }
        s.finish();
    }
}

fn rtsp(text: &str) -> Result<String, &'static str> {
    if !text.starts_with("rtsp://") {
        return Err("an address beginning with rtsp:// is wanted");
    }
    if text
        .trim_start_matches("rtsp://")
        .split('/')
        .next()
        .is_some_and(|host| host.contains('@'))
    {
        return Err("user and password do not belong in the address: use user and password_file");
    }
    url::Url::parse(text).map_err(|_| "an address like rtsp://192.168.2.31:554/path is wanted")?;
    Ok(text.to_owned())
}

fn check(config: &Config, problems: &mut Vec<ConfigError>) {
    let mut wrong = |key: &str, what: String| {
        problems.push(ConfigError {
            file: "(all layers)".into(),
            line: 0,
            key: key.to_owned(),
            what,
        });
    };
    if config.uplink.server.is_some()
        && (config.uplink.ca.is_none()
            || config.uplink.certificate.is_none()
            || config.uplink.key.is_none())
    {
        wrong(
            "commune",
            "server needs ca, certificate and key beside it".into(),
        );
    }
    if !config.speakers.is_empty()
        && config.speech.url.is_none()
        && config
            .listeners
            .portal
            .is_some_and(|p| p.ip().is_unspecified())
    {
        wrong("speech.url", "clusters fetch sounds from the portal, which listens on every address: say on which one they reach it, http://192.168.20.1:80".into());
    }
    super::bounds::check_broker(config, &mut wrong);
    let mut seen = std::collections::BTreeSet::new();
    for id in config.devices.iter().map(|d| d.id.to_string()) {
        if seen.contains(&id) {
            wrong("device", format!("“{id}” stands twice"));
        }
        seen.insert(id);
    }
    let doors = [
        ("doors.portal", config.listeners.portal),
        ("doors.dashboard", config.listeners.dashboard),
        ("doors.dashboard_tls", config.listeners.dashboard_tls),
        ("broker.plain", config.broker.plain),
        ("broker.tls", config.broker.tls),
        ("broker.websocket", config.broker.websocket),
        ("broker.websocket_tls", config.broker.websocket_tls),
    ];
    for (key, address) in doors {
        if let Some(address) = address.filter(|a| a.port() != 0)
            && !seen.insert(address.to_string())
        {
            wrong(key, format!("{address} is used by two doors"));
        }
    }
}

fn sha256(text: &str) -> Result<String, &'static str> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("64 hexadecimal digits are wanted")
    }
}

/// A telephone number: digits, with spaces, dots or a leading plus for the eye.
fn telephone(text: &str) -> Result<String, &'static str> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let sound = (3..=15).contains(&digits)
        && text.len() <= 24
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b" .+-".contains(&b));
    if sound {
        Ok(text.trim().to_owned())
    } else {
        Err("is not a telephone number, for example \"0912 345 678\"")
    }
}
