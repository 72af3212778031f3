//! A device at the house's south door: it connects and announces what it has; what the house made
//! of it, in history and on pages.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::house::{House, fields, kind, secret};
use crate::support::peer::{Hello, Peer};

pub const SOON: Duration = Duration::from_secs(15);

/// A device, connected.
pub fn device(house: &House, id: &str, clean: bool) -> Peer {
    Peer::connect(
        house.mqtt,
        &Hello {
            user: id,
            password: &secret(id),
            client: &format!("{id}-client"),
            clean,
            ..Hello::default()
        },
    )
}

/// Announces a thing of `id`, and waits until the house has taken it in.
pub fn announce(
    house: &House,
    peer: &mut Peer,
    id: &str,
    component: &str,
    object: &str,
    config: &Value,
) {
    peer.tell(
        &format!("homeassistant/{component}/{id}/{object}/config"),
        config.to_string().as_bytes(),
        true,
    );
    house.until("it is adopted", SOON, |h| {
        !h.state()["entities"][format!("{id}.{object}")].is_null()
    });
}

/// What happened to a thing, as names of events, oldest first.
pub fn told(house: &House, kinds: &[&str], thing: &str) -> Vec<String> {
    let about = |e: &Value| {
        ["sensor", "light", "device"]
            .iter()
            .any(|k| fields(e)[k] == thing)
    };
    house
        .entries()
        .iter()
        .filter(|e| kinds.contains(&kind(e).as_str()) && about(e))
        .map(kind)
        .collect()
}

/// The gauge of the configuration, connected, whose level crossed its first threshold.
pub fn alarmed_gauge(house: &House) -> Peer {
    let mut gauge = device(house, "cb-01", true);
    let config = json!({ "name": "Mực", "stat_t": "d/cb-01/level", "unit_of_meas": "cm" });
    announce(house, &mut gauge, "cb-01", "sensor", "level", &config);
    gauge.tell("d/cb-01/level", b"200", true);
    house.until("it alarms", SOON, |h| {
        told(h, &ALARMS, "cb-01.level").len() == 1
    });
    gauge
}

pub const ALARMS: [&str; 2] = ["sensor.alarm_raised", "sensor.alarm_lowered"];

/// The row of a page with this id.
pub fn row(house: &House, cookie: &str, page: &str, id: &str) -> String {
    let body = house.get(page, cookie).body;
    let from = body.find(&format!("id=\"{id}\"")).unwrap_or(body.len());
    body[from..]
        .split("</li>")
        .next()
        .unwrap_or_default()
        .to_owned()
}

pub fn lamp_config(id: &str) -> Value {
    json!({ "name": "Cổng làng", "stat_t": format!("d/{id}/s"), "cmd_t": format!("c/{id}/set") })
}
