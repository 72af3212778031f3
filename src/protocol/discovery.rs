//! Home Assistant's MQTT discovery, as far as this house speaks it: light, switch, sensor, binary_sensor.
//!
//! Source: <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>, with abbreviations and `~`.
//! Deliberately absent: templates as programs. `{{ value }}` and `{{ value_json.field }}` are understood,
//! anything else is refused with its reason.

use serde_json::{Map, Value};

use crate::domain::entity::{Availability, Entity, Kind, Order, Source};
use crate::domain::id::{DeviceId, EntityId};

/// What a discovery message announces.
#[derive(Debug, Clone, PartialEq)]
pub struct Announced {
    /// The device: the node id in the topic.
    pub device: DeviceId,
    /// Maker and model.
    pub model: String,
    /// What it does; none = the message was empty (the entity was withdrawn).
    pub entity: Option<Entity>,
}

/// Reads a message on `homeassistant/<component>/<node>/<object>/config`.
///
/// # Errors
/// A sentence for the technician: why this announcement cannot be used.
pub fn read(topic: &str, payload: &[u8]) -> Result<Announced, String> {
    let levels: Vec<&str> = topic.split('/').collect();
    let (component, node, object) = match levels.as_slice() {
        ["homeassistant", component, node, object, "config"] => (*component, *node, *object),
        ["homeassistant", component, node, "config"] => (*component, *node, "main"),
        _ => return Err(format!("“{topic}” is not a discovery topic")),
    };
    let kind = match component {
        "light" => Kind::Light,
        "switch" => Kind::Switch,
        "sensor" => Kind::Sensor,
        "binary_sensor" => Kind::BinarySensor,
        other => return Err(format!("component “{other}” is not used in this house")),
    };
    let device = DeviceId::new(node).map_err(|e| e.to_string())?;
    if payload.is_empty() {
        return Ok(Announced { device, model: String::new(), entity: None });
    }
    let value: Value = serde_json::from_slice(payload).map_err(|e| format!("the announcement is not JSON: {e}"))?;
    let Value::Object(map) = value else { return Err("the announcement is not a JSON object".into()) };
    let fields = Fields { base: text(&map, &["~"]).unwrap_or_default(), map: &map };
    let id = EntityId::new(&format!("{device}.{object}")).map_err(|e| e.to_string())?;
    let state_topic = fields.topic(&["state_topic", "stat_t"]).ok_or("state_topic is missing")?;
    let (on, off) = (fields.text(&["payload_on", "pl_on"]).unwrap_or_else(|| "ON".into()), fields.text(&["payload_off", "pl_off"]).unwrap_or_else(|| "OFF".into()));
    let order = match fields.topic(&["command_topic", "cmd_t"]) {
        Some(topic) if kind.is_switched() => Some(Order { topic, on: on.clone(), off: off.clone() }),
        None if kind.is_switched() => return Err("command_topic is missing".into()),
        _ => None,
    };
    let availability = fields.availability();
    let device_map = map.get("device").or_else(|| map.get("dev")).and_then(Value::as_object);
    let entity = Entity {
        id,
        device: device.clone(),
        name: fields.text(&["name"]).unwrap_or_else(|| object.to_owned()),
        kind,
        state: Source { topic: state_topic, field: field(&fields)?, on: fields.text(&["state_on", "stat_on"]).unwrap_or(on), off: fields.text(&["state_off", "stat_off"]).unwrap_or(off) },
        order,
        availability,
        unit: fields.text(&["unit_of_measurement", "unit_of_meas"]).unwrap_or_default(),
        expire_after_s: map
            .get("expire_after")
            .or_else(|| map.get("exp_aft"))
            .and_then(Value::as_u64)
            .and_then(|n| u32::try_from(n).ok())
            .map_or(0, |n| if n == 0 { 0 } else { n.max(EXPIRE_LEAST_S) }),
    };
    let model = device_map.map(|d| [text(d, &["manufacturer", "mf"]), text(d, &["model", "mdl"])].into_iter().flatten().collect::<Vec<_>>().join(" ")).unwrap_or_default();
    Ok(Announced { device, model, entity: Some(entity) })
}

struct Fields<'a> {
    base: String,
    map: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn text(&self, names: &[&str]) -> Option<String> {
        text(self.map, names)
    }

    /// A topic, with `~` at its beginning or end replaced by the base.
    fn topic(&self, names: &[&str]) -> Option<String> {
        self.text(names).map(|t| expand(&t, &self.base))
    }

    fn availability(&self) -> Option<Availability> {
        let list = self.map.get("availability").or_else(|| self.map.get("avty")).and_then(Value::as_array).and_then(|l| l.first()).and_then(Value::as_object);
        let from = list.unwrap_or(self.map);
        let topic = text(from, &["availability_topic", "avty_t", "topic", "t"]).map(|t| expand(&t, &self.base))?;
        Some(Availability {
            topic,
            here: text(from, &["payload_available", "pl_avail"]).unwrap_or_else(|| "online".into()),
            gone: text(from, &["payload_not_available", "pl_not_avail"]).unwrap_or_else(|| "offline".into()),
        })
    }
}

fn expand(topic: &str, base: &str) -> String {
    if let Some(rest) = topic.strip_prefix('~') {
        format!("{base}{rest}")
    } else if let Some(rest) = topic.strip_suffix('~') {
        format!("{rest}{base}")
    } else {
        topic.to_owned()
    }
}

/// A text field, at most 200 characters. What a device calls itself is shown to people and printed in terminals: nothing
/// in it steers them or turns the words around.
fn text(map: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let clean = |c: char| if c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') { ' ' } else { c };
    names.iter().find_map(|n| map.get(*n)).and_then(Value::as_str).map(|t| t.chars().take(200).map(clean).collect())
}

fn field(fields: &Fields<'_>) -> Result<Option<String>, String> {
    let Some(template) = fields.text(&["value_template", "val_tpl", "state_value_template", "stat_val_tpl"]) else { return Ok(None) };
    let inner = template.trim().strip_prefix("{{").and_then(|t| t.strip_suffix("}}")).map(str::trim).ok_or_else(|| format!("the template “{template}” is not understood"))?;
    if inner == "value" {
        return Ok(None);
    }
    match inner.strip_prefix("value_json.") {
        Some(name) if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') => Ok(Some(name.to_owned())),
        _ => Err(format!("the template “{template}” is not understood; use {{{{ value }}}} or {{{{ value_json.field }}}}")),
    }
}

/// A device that promises to speak more often than this is held to this: each silence is an entry, seconds.
const EXPIRE_LEAST_S: u32 = 30;

/// Reads a value as the entity's source says; none = it is not one.
#[must_use]
pub fn value(source: &Source, kind: Kind, payload: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(payload).ok()?.trim();
    let text = match &source.field {
        None => text.to_owned(),
        Some(field) => match serde_json::from_str::<Value>(text).ok()?.get(field)? {
            Value::String(s) => s.clone(),
            Value::Bool(b) => {
                if *b {
                    source.on.clone()
                } else {
                    source.off.clone()
                }
            }
            other => other.to_string(),
        },
    };
    match kind {
        Kind::Sensor => text.parse::<f64>().ok().filter(|n| n.is_finite() && n.abs() < 1e12),
        _ if text == source.on => Some(1.0),
        _ if text == source.off => Some(0.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_with_abbreviations_is_read() {
        let json = r#"{"~":"d/den-01","name":"Cổng làng","stat_t":"~/state","cmd_t":"c/den-01/set","avty_t":"~/up","val_tpl":"{{ value_json.power }}","dev":{"mf":"Rạng Đông","mdl":"X1"}}"#;
        let a = read("homeassistant/light/den-01/light/config", json.as_bytes()).expect("read");
        let e = a.entity.expect("entity");
        assert_eq!((e.id.as_str(), e.state.topic.as_str(), e.state.field.as_deref(), a.model.as_str()), ("den-01.light", "d/den-01/state", Some("power"), "Rạng Đông X1"));
        assert_eq!(e.availability.expect("there").topic, "d/den-01/up");
        assert_eq!(value(&e.state, Kind::Light, br#"{"power":"ON"}"#), Some(1.0));
        assert_eq!(value(&e.state, Kind::Light, b"ON"), None);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (topic, json) in [
            ("homeassistant/light/den-01/light/config", "{}"),
            ("homeassistant/light/den-01/light/config", r#"{"stat_t":"x"}"#),
            ("homeassistant/fan/den-01/x/config", "{}"),
            ("homeassistant/sensor/đèn/x/config", r#"{"stat_t":"x"}"#),
            ("homeassistant/sensor/a/x/config", r#"{"stat_t":"x","val_tpl":"{{ value | int * 2 }}"}"#),
            ("homeassistant/sensor/a/x/config", "[1]"),
            ("homeassistant/sensor/a/config/x/y", "{}"),
        ] {
            assert!(read(topic, json.as_bytes()).is_err(), "{json}");
        }
        let number = Source { topic: "t".into(), field: None, on: "ON".into(), off: "OFF".into() };
        for (payload, expected) in [("172", Some(172.0)), (" 1.5\n", Some(1.5)), ("inf", None), ("NaN", None), ("1e300", None), ("cao", None)] {
            assert_eq!(value(&number, Kind::Sensor, payload.as_bytes()), expected, "{payload}");
        }
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(topic in ".{0,60}", payload in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = read(&topic, &payload);
            let _ = read("homeassistant/light/a/b/config", &payload);
        }
    }
}
