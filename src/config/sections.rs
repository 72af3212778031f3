//! The tables of one layer, taken over into the configuration.
//!
//! One function for each table. A single table (`[broker]`) changes only the keys that it names; a
//! list (`[[device]]`) adds to the lists of the earlier layers.

use std::net::SocketAddr;

use super::bounds::{
    LimitOverrides, days, decimals, horns, latitude, longitude, name, telephone, thresholds, unit,
};
use super::read::Section;
use super::{
    BrokerConfig, CameraConfig, CommuneServerConfig, CommuneVillage, Config, ConfigMistake,
    DeclaredThings, HttpListeners, LinksConfig, RecordingConfig, SpeechConfig, UplinkConfig,
};
use super::{board, network};
use crate::domain::account::Account;
use crate::domain::camera::Camera;
use crate::domain::device::{Availability, Device};
use crate::domain::id::{CameraId, DeviceId, EntityId, GroupId, PlaceId, VillageId};
use crate::domain::light::LightGroup;
use crate::domain::place::Place;
use crate::domain::sensor::Sensor;
use crate::domain::speaker::Speaker;
use crate::domain::village::Village;
use crate::protocol::broker::DurabilityRule;

fn address(text: &str) -> Result<SocketAddr, ConfigMistake> {
    text.parse()
        .map_err(|_| ConfigMistake::NotAddress { text: text.into() })
}

fn set<T>(to: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *to = value;
    }
}

/// Takes the values of one layer over into `config`, and reports every key that is unknown.
pub(super) fn apply_layer(mut root: Section<'_, '_>, config: &mut Config) {
    if let Some(s) = root.table("village") {
        apply_village(s, &mut config.declared);
    }
    if let Some(mut s) = root.table("data") {
        set(&mut config.data, s.get("folder"));
        s.finish();
    }
    if let Some(s) = root.table("doors") {
        apply_listeners(s, &mut config.listeners);
    }
    if let Some(s) = root.table("broker") {
        apply_broker(s, &mut config.broker);
    }
    if let Some(s) = root.table("speech") {
        apply_speech(s, &mut config.speech);
    }
    if let Some(s) = root.table("commune") {
        apply_uplink(s, &mut config.uplink);
    }
    if let Some(s) = root.table("recording") {
        apply_recording(s, &mut config.recording);
    }
    if let Some(s) = root.table("network") {
        network::apply(s, &mut config.network);
    }
    if let Some(s) = root.table("links") {
        apply_links(s, &mut config.links);
    }
    board::apply(&mut root, &mut config.board);
    if let Some(s) = root.table("office") {
        apply_commune_server(s, &mut config.commune_server);
    }
    apply_lists(&mut root, &mut config.declared);
    root.finish();
}

fn apply_village(mut s: Section<'_, '_>, things: &mut DeclaredThings) {
    let parts = (
        s.require_parsed("id", VillageId::new),
        s.require_parsed("name", name),
        s.require_parsed("commune", name),
        s.get_checked("latitude", latitude),
        s.get_checked("longitude", longitude),
    );
    if let (Some(id), Some(name), Some(commune), latitude, longitude) = parts {
        things.village = Some(Village {
            id,
            name,
            commune,
            latitude: latitude.unwrap_or_default(),
            longitude: longitude.unwrap_or_default(),
        });
    }
    s.finish();
}

fn apply_listeners(mut s: Section<'_, '_>, listeners: &mut HttpListeners) {
    set(&mut listeners.portal, s.get_parsed("portal", address));
    set(
        &mut listeners.portal_tls,
        s.get_parsed("portal_tls", address),
    );
    set(&mut listeners.dashboard, s.get_parsed("dashboard", address));
    set(
        &mut listeners.dashboard_tls,
        s.get_parsed("dashboard_tls", address),
    );
    set(&mut listeners.control, s.get("control"));
    listeners.names = s
        .get("names")
        .unwrap_or_else(|| std::mem::take(&mut listeners.names));
    listeners.technician_phone = s
        .get_parsed("technician_phone", telephone)
        .or_else(|| listeners.technician_phone.take());
    s.finish();
}

fn apply_broker(mut s: Section<'_, '_>, broker: &mut BrokerConfig) {
    set(&mut broker.plain, s.get_parsed("plain", address));
    set(&mut broker.tls, s.get_parsed("tls", address));
    set(&mut broker.websocket, s.get_parsed("websocket", address));
    set(
        &mut broker.websocket_tls,
        s.get_parsed("websocket_tls", address),
    );
    broker.names = s
        .get("names")
        .unwrap_or_else(|| std::mem::take(&mut broker.names));
    broker.client_certificates = s
        .get("client_certificates")
        .unwrap_or(broker.client_certificates);
    broker.quarantine = s.get("quarantine").unwrap_or(broker.quarantine);
    if let Some(rules) = s.get::<Vec<DurabilityRule>>("rules") {
        broker.rules = rules;
    }
    if let Some(keys) = s.get_checked("limits", LimitOverrides::new)
        && let Ok(limits) = keys.apply_to(&broker.limits)
    {
        broker.limits = limits;
    }
    s.finish();
}

fn apply_speech(mut s: Section<'_, '_>, speech: &mut SpeechConfig) {
    speech.program = s
        .get("program")
        .unwrap_or_else(|| std::mem::take(&mut speech.program));
    speech.voice = s
        .get("voice")
        .unwrap_or_else(|| std::mem::take(&mut speech.voice));
    set(&mut speech.url, s.get("url"));
    s.finish();
}

fn apply_uplink(mut s: Section<'_, '_>, uplink: &mut UplinkConfig) {
    set(&mut uplink.server, s.get_parsed("server", server));
    set(&mut uplink.ca, s.get("ca"));
    set(&mut uplink.certificate, s.get("certificate"));
    set(&mut uplink.key, s.get("key"));
    s.finish();
}

fn apply_recording(mut s: Section<'_, '_>, recording: &mut RecordingConfig) {
    set(&mut recording.folder, s.get("folder"));
    recording.keep_gb = s.get("keep_gb").unwrap_or(recording.keep_gb);
    recording.keep_days = s
        .get_checked("keep_days", days)
        .unwrap_or(recording.keep_days);
    s.finish();
}

fn apply_links(mut s: Section<'_, '_>, links: &mut LinksConfig) {
    set(
        &mut links.public_base,
        s.get_parsed("public_base", public_base),
    );
    s.finish();
}

fn apply_commune_server(mut s: Section<'_, '_>, server: &mut CommuneServerConfig) {
    server.name = s
        .get_parsed("name", name)
        .unwrap_or_else(|| std::mem::take(&mut server.name));
    set(&mut server.console, s.get_parsed("console", address));
    set(&mut server.mqtt, s.get_parsed("mqtt", address));
    server.names = s
        .get("names")
        .unwrap_or_else(|| std::mem::take(&mut server.names));
    for v in s.tables("village") {
        add_commune_village(v, server);
    }
    s.finish();
}

fn add_commune_village(mut s: Section<'_, '_>, server: &mut CommuneServerConfig) {
    let (chief, phone, people) = (
        s.get_parsed("chief", name),
        s.get_parsed("phone", telephone),
        s.get("people"),
    );
    if let (Some(id), Some(name)) = (
        s.require_parsed("id", VillageId::new),
        s.require_parsed("name", name),
    ) {
        server.villages.push(CommuneVillage {
            id: id.to_string(),
            name,
            chief,
            phone,
            people,
        });
    }
    s.finish();
}

fn server(text: &str) -> Result<String, ConfigMistake> {
    let plain = text.strip_prefix("mqtts://").unwrap_or(text);
    match plain.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(plain.to_owned())
        }
        _ => Err(ConfigMistake::NotServer { text: text.into() }),
    }
}

fn apply_lists(root: &mut Section<'_, '_>, things: &mut DeclaredThings) {
    for s in root.tables("place") {
        add_place(s, things);
    }
    for s in root.tables("device") {
        add_device(s, things);
    }
    for s in root.tables("program") {
        add_program(s, things);
    }
    for s in root.tables("group") {
        add_group(s, things);
    }
    for s in root.tables("sensor") {
        add_sensor(s, things);
    }
    for s in root.tables("speaker") {
        add_speaker(s, things);
    }
    for s in root.tables("camera") {
        add_camera(s, things);
    }
}

fn add_place(mut s: Section<'_, '_>, things: &mut DeclaredThings) {
    if let (Some(id), Some(name)) = (
        s.require_parsed("id", PlaceId::new),
        s.require_parsed("name", name),
    ) {
        things.places.push(Place { id, name });
    }
    s.finish();
}

fn add_device(mut s: Section<'_, '_>, things: &mut DeclaredThings) {
    let secret: Option<String> = s.get_parsed("secret_sha256", sha256);
    let place = s.get_parsed("place", PlaceId::new);
    if let (Some(id), Some(name)) = (
        s.require_parsed("id", DeviceId::new),
        s.require_parsed("name", name),
    ) {
        if let Some(hash) = secret {
            things.accounts.push(Account::of_device(id.clone(), hash));
        }
        things.devices.push(Device {
            id,
            name,
            place,
            model: String::new(),
            availability: Availability::Unknown,
        });
    }
    s.finish();
}

fn add_program(mut s: Section<'_, '_>, things: &mut DeclaredThings) {
    let secret: Option<String> = s.require_parsed("secret_sha256", sha256);
    let (publish, subscribe) = (
        s.get("publish").unwrap_or_default(),
        s.get("subscribe").unwrap_or_default(),
    );
    if let (Some(id), Some(hash)) = (s.require_parsed("id", DeviceId::new), secret) {
        things
            .accounts
            .push(Account::of_program(id, hash, publish, subscribe));
    }
    s.finish();
}

fn add_group(mut s: Section<'_, '_>, things: &mut DeclaredThings) {
    let lights: Vec<EntityId> = s.require("lights").unwrap_or_default();
    if let (Some(id), Some(name)) = (
        s.require_parsed("id", GroupId::new),
        s.require_parsed("name", name),
    ) {
        things.groups.push(LightGroup { id, name, lights });
    }
    s.finish();
}

fn add_sensor(mut s: Section<'_, '_>, things: &mut DeclaredThings) {
    let unit = s.get_parsed("unit", unit).unwrap_or_default();
    let (decimals, thresholds) = (
        s.get_checked("decimals", decimals).unwrap_or_default(),
        s.get_checked("marks", thresholds).unwrap_or_default(),
    );
    if let (Some(id), Some(name)) = (
        s.require_parsed("id", EntityId::new),
        s.require_parsed("name", name),
    ) {
        things.sensors.push(Sensor {
            id,
            name,
            unit,
            decimals,
            thresholds,
            alarm: None,
        });
    }
    s.finish();
}

fn add_speaker(mut s: Section<'_, '_>, things: &mut DeclaredThings) {
    let horns = s.get_checked("horns", horns).unwrap_or(1);
    if let (Some(id), Some(name)) = (
        s.require_parsed("id", DeviceId::new),
        s.require_parsed("name", name),
    ) {
        things.speakers.push(Speaker { id, name, horns });
    }
    s.finish();
}

fn add_camera(mut s: Section<'_, '_>, things: &mut DeclaredThings) {
    let (url, user, password_file) = (
        s.get_parsed("url", rtsp),
        s.get("user"),
        s.get("password_file"),
    );
    if let (Some(id), Some(name)) = (
        s.require_parsed("id", CameraId::new),
        s.require_parsed("name", name),
    ) {
        // A later layer may give the address of a camera that an earlier layer named.
        let known = things.cameras.iter_mut().find(|c| c.camera.id == id);
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
            None => things.cameras.push(fresh),
        }
    }
    s.finish();
}

fn rtsp(text: &str) -> Result<String, ConfigMistake> {
    if !text.starts_with("rtsp://") {
        return Err(ConfigMistake::NotRtsp);
    }
    if text
        .trim_start_matches("rtsp://")
        .split('/')
        .next()
        .is_some_and(|host| host.contains('@'))
    {
        return Err(ConfigMistake::PasswordInAddress);
    }
    url::Url::parse(text).map_err(|_| ConfigMistake::NotRtsp)?;
    Ok(text.to_owned())
}

/// Longest base of public links, bytes: each byte makes every printed code finer.
const MAX_PUBLIC_BASE_BYTES: usize = 100;

/// The base of public links: a scheme and a name, perhaps a folder.
fn public_base(text: &str) -> Result<String, ConfigMistake> {
    let base = url::Url::parse(text).ok().filter(|url| {
        let has_name = url.domain().is_some_and(|name| name.contains('.'));
        matches!(url.scheme(), "https" | "http")
            && has_name
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    let base = base.map(|url| url.as_str().trim_end_matches('/').to_owned());
    base.filter(|base| base.len() <= MAX_PUBLIC_BASE_BYTES)
        .ok_or(ConfigMistake::NotPublicBase)
}

fn sha256(text: &str) -> Result<String, ConfigMistake> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(ConfigMistake::NotSha256)
    }
}
