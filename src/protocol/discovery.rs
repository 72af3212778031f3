//! Home Assistant's MQTT discovery, as far as this gateway supports it: light, switch, sensor,
//! binary_sensor.
//!
//! Source: <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>, with abbreviations
//! and `~`. Invariants: a payload of any JSON type is compared as Home Assistant compares it
//! (`ha_rendering`), exactly: a payload that is neither “on” nor “off” is never taken for one of
//! them. An entity that cannot be controlled as its discovery message describes is refused, never
//! half adopted. Deliberately absent: templates as programs. `{{ value }}` and `{{ value_json.field
//! }}` are understood, any other template is refused with its reason.

mod error;
mod payload_value;

use serde_json::{Map, Value};

pub use self::error::DiscoveryError;
use self::error::detail;
pub use self::payload_value::{PayloadValue, parse_value};
use super::ha_rendering;
use crate::domain::entity::{AvailabilityTopic, CommandTopic, Entity, Kind, StateTopic};
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::topics::DiscoveryTopic;
use crate::domain::{text, validation};

/// Longest payload that a discovery message may name, bytes.
const MAX_PAYLOAD_BYTES: usize = validation::MAX_MACHINE_TEXT_BYTES;
/// Longest device class, characters.
const MAX_CLASS_CHARS: usize = 32;
/// Shortest `expire_after` that is taken over, seconds: a device that promises values more often is
/// held to this only, because each silence makes an entry.
const MIN_EXPIRE_AFTER_S: u32 = 30;

/// The content of a discovery message.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscoveryMessage {
    /// The device: the node id in the topic.
    pub device: DeviceId,
    /// The name that the device gives itself; empty = none.
    pub device_name: String,
    /// Manufacturer and model.
    pub model: String,
    /// The entity: `device.object`.
    pub id: EntityId,
    /// The kind of the entity, from the component in the topic.
    pub kind: Kind,
    /// The entity, its name empty where it has the device's; none = the message was empty (the
    /// entity is withdrawn).
    pub entity: Option<Entity>,
}

/// Reads a message on `homeassistant/<component>/<node>/<object>/config`.
///
/// # Errors
/// Why this discovery message cannot be used.
pub fn read(topic: &str, payload: &[u8]) -> Result<DiscoveryMessage, DiscoveryError> {
    let ConfigTopic {
        device,
        object,
        id,
        kind,
    } = parse_topic(topic)?;
    if payload.is_empty() {
        return Ok(DiscoveryMessage {
            device,
            device_name: String::new(),
            model: String::new(),
            id,
            kind,
            entity: None,
        });
    }
    let value: Value = serde_json::from_slice(payload).map_err(|e| DiscoveryError::NotJson {
        cause: detail(&e.to_string()),
    })?;
    let Value::Object(map) = value else {
        return Err(DiscoveryError::NotObject);
    };
    let fields = ConfigFields {
        base: machine_text(&map, &["~"])?.unwrap_or_default(),
        map: &map,
    };
    fields.check_supported()?;
    let (state, order) = state_and_command(&fields, kind)?;
    let device_map = map
        .get("device")
        .or_else(|| map.get("dev"))
        .and_then(Value::as_object);
    let of_device = |names: &[&str]| {
        device_map
            .map(|d| display_text(d, names, text::MAX_NAME_CHARS))
            .unwrap_or_default()
    };
    let entity = Entity {
        id: id.clone(),
        device: device.clone(),
        // A name that is present but empty means the device's name; for a missing name the object
        // id of the topic is used.
        name: if map.contains_key("name") || object == "main" {
            display_text(&map, &["name"], text::MAX_NAME_CHARS)
        } else {
            object.to_owned()
        },
        kind,
        state,
        order,
        availability: fields.availability()?,
        unit: display_text(
            &map,
            &["unit_of_measurement", "unit_of_meas"],
            text::MAX_UNIT_CHARS,
        ),
        class: if kind == Kind::BinarySensor {
            display_text(&map, &["device_class", "dev_cla"], MAX_CLASS_CHARS)
        } else {
            String::new()
        },
        expire_after_s: fields
            .seconds(&["expire_after", "exp_aft"])?
            .map_or(0, |n| if n == 0 { 0 } else { n.max(MIN_EXPIRE_AFTER_S) }),
        off_delay_s: fields
            .seconds(&["off_delay", "off_dly"])?
            .filter(|_| kind == Kind::BinarySensor)
            .unwrap_or(0),
    };
    let model = text::line(
        &format!(
            "{} {}",
            of_device(&["manufacturer", "mf"]),
            of_device(&["model", "mdl"])
        ),
        text::MAX_NAME_CHARS,
    );
    Ok(DiscoveryMessage {
        device,
        device_name: of_device(&["name"]),
        model,
        id,
        kind,
        entity: Some(entity),
    })
}

/// The parts of a discovery topic.
struct ConfigTopic<'a> {
    device: DeviceId,
    /// The object id; “main” for a topic without one.
    object: &'a str,
    id: EntityId,
    kind: Kind,
}

fn parse_topic(topic: &str) -> Result<ConfigTopic<'_>, DiscoveryError> {
    let DiscoveryTopic {
        component,
        node,
        object,
    } = DiscoveryTopic::parse(topic).ok_or_else(|| DiscoveryError::TopicInvalid {
        topic: detail(topic),
    })?;
    let object = object.unwrap_or("main");
    let kind = match component {
        "light" => Kind::Light,
        "switch" => Kind::Switch,
        "sensor" => Kind::Sensor,
        "binary_sensor" => Kind::BinarySensor,
        other => {
            return Err(DiscoveryError::ComponentUnsupported {
                component: detail(other),
            });
        }
    };
    let device =
        DeviceId::new(node).map_err(|_| DiscoveryError::NodeIdInvalid { node: detail(node) })?;
    let id = EntityId::new(&format!("{device}.{object}")).map_err(|_| {
        DiscoveryError::ObjectIdInvalid {
            object: detail(object),
        }
    })?;
    Ok(ConfigTopic {
        device,
        object,
        id,
        kind,
    })
}

/// The topic and payloads of an entity's state and, if it can be switched, of its orders.
fn state_and_command(
    fields: &ConfigFields<'_>,
    kind: Kind,
) -> Result<(StateTopic, Option<CommandTopic>), DiscoveryError> {
    let state_topic = fields
        .topic(&["state_topic", "stat_t"])?
        .ok_or(DiscoveryError::StateTopicMissing)?;
    let on = fields.payload(&["payload_on", "pl_on"])?;
    let off = fields.payload(&["payload_off", "pl_off"])?;
    let (usual_on, usual_off) = (
        state_payload("payload_on", on, "ON")?,
        state_payload("payload_off", off, "OFF")?,
    );
    let order = match fields.topic(&["command_topic", "cmd_t"])? {
        Some(topic) if kind.is_switchable() => Some(CommandTopic {
            topic,
            on: command_payload(on, "ON"),
            off: command_payload(off, "OFF"),
        }),
        None if kind.is_switchable() => return Err(DiscoveryError::CommandTopicMissing),
        _ => None,
    };
    // Only a switch may have other payloads in its state than in its orders; an empty one counts as
    // none.
    let state = |names: &[&str], or: String| -> Result<String, DiscoveryError> {
        match fields.payload(names)? {
            Some(value) if kind == Kind::Switch => {
                Ok(Some(state_payload(first(names), Some(value), "")?)
                    .filter(|text| !text.is_empty())
                    .unwrap_or(or))
            }
            _ => Ok(or),
        }
    };
    let source = StateTopic {
        topic: state_topic,
        field: value_field(fields)?,
        on: state(&["state_on", "stat_on"], usual_on)?,
        off: state(&["state_off", "stat_off"], usual_off)?,
    };
    if source.on == source.off {
        return Err(DiscoveryError::PayloadsEqual);
    }
    Ok((source, order))
}

struct ConfigFields<'a> {
    base: String,
    map: &'a Map<String, Value>,
}

impl<'a> ConfigFields<'a> {
    fn find(&self, names: &[&str]) -> Option<&'a Value> {
        names.iter().find_map(|n| self.map.get(*n))
    }

    /// A payload as it is in the discovery message.
    fn payload(&self, names: &[&str]) -> Result<Option<&'a Value>, DiscoveryError> {
        match self.find(names) {
            Some(Value::Null | Value::Array(_) | Value::Object(_)) => {
                Err(DiscoveryError::PayloadInvalid {
                    field: first(names).to_owned(),
                })
            }
            Some(Value::String(text)) if text.len() > MAX_PAYLOAD_BYTES => {
                Err(DiscoveryError::PayloadTooLong {
                    field: first(names).to_owned(),
                })
            }
            found => Ok(found),
        }
    }

    /// A number of seconds, written as a number or as text, as `vol.Coerce(int)` takes it.
    fn seconds(&self, names: &[&str]) -> Result<Option<u32>, DiscoveryError> {
        let whole = |n: f64| {
            if (0.0..f64::from(u32::MAX)).contains(&n) {
                format!("{n:.0}").parse().ok()
            } else {
                None
            }
        };
        let seconds = match self.find(names) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(n)) => n.as_f64().and_then(|n| whole(n.trunc())),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        seconds.map(Some).ok_or_else(|| DiscoveryError::NotSeconds {
            field: first(names).to_owned(),
        })
    }

    /// A topic, with `~` at its beginning or end replaced by the base.
    fn topic(&self, names: &[&str]) -> Result<Option<String>, DiscoveryError> {
        Ok(machine_text(self.map, names)?.map(|t| expand(&t, &self.base)))
    }

    /// Refuses a schema and a command template that this gateway does not support.
    fn check_supported(&self) -> Result<(), DiscoveryError> {
        if let Some(schema) = self
            .find(&["schema"])
            .filter(|s| !matches!(s.as_str(), Some("basic" | "default")))
        {
            return Err(DiscoveryError::SchemaUnsupported {
                schema: detail(&ha_rendering::render(schema).unwrap_or_default()),
            });
        }
        match machine_text(self.map, &["command_template", "cmd_tpl"])? {
            Some(template) if template_expression(&template) != Some("value") => {
                Err(DiscoveryError::CommandTemplateUnsupported {
                    template: detail(&template),
                })
            }
            _ => Ok(()),
        }
    }

    /// The first of the availability topics. A topic that only a template can read is left out; the
    /// availability is then not known from a topic.
    fn availability(&self) -> Result<Option<AvailabilityTopic>, DiscoveryError> {
        let list = self
            .find(&["availability", "avty"])
            .and_then(Value::as_array)
            .and_then(|l| l.first())
            .and_then(Value::as_object);
        let from = ConfigFields {
            base: self.base.clone(),
            map: list.unwrap_or(self.map),
        };
        let templates = ["value_template", "val_tpl"];
        let template = machine_text(
            from.map,
            if list.is_some() {
                &templates
            } else {
                &["availability_template", "avty_tpl"]
            },
        )?;
        let Some(topic) = from
            .topic(&["availability_topic", "avty_t", "topic", "t"])?
            .filter(|_| template.is_none_or(|t| template_expression(&t) == Some("value")))
        else {
            return Ok(None);
        };
        let here = state_payload(
            "payload_available",
            from.payload(&["payload_available", "pl_avail"])?,
            "online",
        )?;
        let gone = state_payload(
            "payload_not_available",
            from.payload(&["payload_not_available", "pl_not_avail"])?,
            "offline",
        )?;
        Ok(Some(AvailabilityTopic { topic, here, gone }))
    }
}

/// The first of a field's names, which is the one in full.
fn first<'a>(names: &[&'a str]) -> &'a str {
    names.first().copied().unwrap_or_default()
}

/// A payload as the text with which a state is compared.
fn state_payload(
    field: &str,
    payload: Option<&Value>,
    usual: &str,
) -> Result<String, DiscoveryError> {
    payload.map_or_else(
        || Ok(usual.to_owned()),
        |value| {
            ha_rendering::render(value).ok_or_else(|| DiscoveryError::PayloadInvalid {
                field: field.to_owned(),
            })
        },
    )
}

/// A payload as it is sent in an order: a text as it is, any other value as the JSON that the
/// device put into its discovery message.
fn command_payload(payload: Option<&Value>, usual: &str) -> String {
    match payload {
        None => usual.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
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

/// A text that programs compare, unchanged. An empty one counts as none.
fn machine_text(
    map: &Map<String, Value>,
    names: &[&str],
) -> Result<Option<String>, DiscoveryError> {
    match names.iter().find_map(|n| map.get(*n)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|t| !t.is_empty())),
        Some(_) => Err(DiscoveryError::NotText {
            field: first(names).to_owned(),
        }),
    }
}

/// A text that people see, as a clean line: it is shown on pages and printed in terminals.
fn display_text(map: &Map<String, Value>, names: &[&str], most: usize) -> String {
    let text = names
        .iter()
        .find_map(|n| map.get(*n))
        .and_then(ha_rendering::render)
        .unwrap_or_default();
    text::line(&text, most)
}

/// The expression between `{{` and `}}`.
fn template_expression(template: &str) -> Option<&str> {
    template
        .trim()
        .strip_prefix("{{")
        .and_then(|t| t.strip_suffix("}}"))
        .map(str::trim)
}

fn value_field(fields: &ConfigFields<'_>) -> Result<Option<String>, DiscoveryError> {
    let Some(template) = machine_text(
        fields.map,
        &[
            "state_value_template",
            "stat_val_tpl",
            "value_template",
            "val_tpl",
        ],
    )?
    else {
        return Ok(None);
    };
    let unsupported = || DiscoveryError::ValueTemplateUnsupported {
        template: detail(&template),
    };
    match template_expression(&template) {
        Some("value") => Ok(None),
        Some(inner) => match inner.strip_prefix("value_json.") {
            Some(name)
                if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') =>
            {
                Ok(Some(name.to_owned()))
            }
            _ => Err(unsupported()),
        },
        None => Err(unsupported()),
    }
}

#[cfg(test)]
mod tests;
