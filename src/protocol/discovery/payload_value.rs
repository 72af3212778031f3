//! The value in a message of an adopted entity, read as its discovery message declared it.
//!
//! Invariant: a payload that is neither “on” nor “off” is never taken for one of them.

use serde_json::Value;

use crate::domain::entity::{Kind, StateTopic};
use crate::domain::validation;
use crate::protocol::ha_rendering;

/// The meaning of a message for an entity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PayloadValue {
    /// This value; 1 and 0 for on and off.
    Value(f64),
    /// No value of this entity: the message is empty or lacks its field.
    Absent,
    /// The device does not know the value: a JSON null, or Home Assistant's `PAYLOAD_NONE`.
    Unknown,
    /// No valid value of the entity: its state is not known any more.
    Invalid,
}

/// Reads a message as the entity's `StateTopic` describes.
#[must_use]
pub fn parse_value(source: &StateTopic, kind: Kind, payload: &[u8]) -> PayloadValue {
    let Ok(whole) = std::str::from_utf8(payload) else {
        return PayloadValue::Invalid;
    };
    if whole.trim().is_empty() {
        return PayloadValue::Absent;
    }
    let text = match &source.field {
        None => whole.to_owned(),
        Some(field) => match serde_json::from_str::<Value>(whole) {
            Ok(json) => match json.get(field) {
                None => return PayloadValue::Absent,
                Some(Value::Null) => return PayloadValue::Unknown,
                Some(value) => match ha_rendering::render(value) {
                    Some(text) if text.trim().is_empty() => return PayloadValue::Absent,
                    Some(text) => text.trim().to_owned(),
                    None => return PayloadValue::Invalid,
                },
            },
            Err(_) => return PayloadValue::Invalid,
        },
    };
    match kind {
        _ if text.trim() == ha_rendering::PAYLOAD_NONE
            && source.on != text
            && source.off != text =>
        {
            PayloadValue::Unknown
        }
        Kind::Sensor => text
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|n| validation::is_value(*n))
            .map_or(PayloadValue::Invalid, PayloadValue::Value),
        _ if text == source.on => PayloadValue::Value(1.0),
        _ if text == source.off => PayloadValue::Value(0.0),
        _ => PayloadValue::Invalid,
    }
}
