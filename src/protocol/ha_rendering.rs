//! How Home Assistant writes a JSON value as text: discovery messages give payloads as JSON values,
//! states are published as JSON fields, and both are compared as text.
//!
//! Two rules. A value in a discovery message goes through `cv.string`, which is Python's `str`:
//! `false` is “False”, `1` is “1”, `1.0` is “1.0”; null, a list or an object is refused. A template
//! renders the field by the same `str`, with white space cut off at both ends; a field that is not
//! there renders as an empty text. Source: <https://github.com/home-assistant/core>
//! (`helpers/config_validation.py`, `components/mqtt/binary_sensor.py`).

use serde_json::{Number, Value};

/// The text by which Home Assistant says that a value is not known (`PAYLOAD_NONE`); Python writes
/// its `None` so.
pub const PAYLOAD_NONE: &str = "None";

/// A value as text; none = it is null, a list or an object.
#[must_use]
pub fn render(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Number(number) => Some(number_text(number)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float_text(float),
        _ => number.to_string(),
    }
}

/// The shortest digits that read back as the same number: plain from 0.0001 to under 10^16, beyond
/// that with an exponent of at least two digits.
fn float_text(float: f64) -> String {
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific
        .split_once('e')
        .and_then(|(d, e)| Some((d, e.parse::<i32>().ok()?)))
    else {
        return scientific;
    };
    if float == 0.0 || (-4..16).contains(&exponent) {
        let plain = float.to_string();
        return if plain.contains('.') {
            plain
        } else {
            format!("{plain}.0")
        };
    }
    format!(
        "{digits}e{}{:02}",
        if exponent < 0 { '-' } else { '+' },
        exponent.abs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_as_python_does() {
        for (json, expected) in [
            ("true", Some("True")),
            ("false", Some("False")),
            ("1", Some("1")),
            ("-7", Some("-7")),
            ("18446744073709551615", Some("18446744073709551615")),
            ("1.0", Some("1.0")),
            ("1.50", Some("1.5")),
            ("0.1", Some("0.1")),
            ("-0.0", Some("-0.0")),
            ("1e3", Some("1000.0")),
            ("1e15", Some("1000000000000000.0")),
            ("1e16", Some("1e+16")),
            ("1.5e300", Some("1.5e+300")),
            ("0.0001", Some("0.0001")),
            ("0.00001", Some("1e-05")),
            (r#""ON""#, Some("ON")),
            (r#"" on ""#, Some(" on ")),
            (r#""""#, Some("")),
            ("null", None),
            ("[1]", None),
            ("{}", None),
        ] {
            let value: Value = serde_json::from_str(json).expect("JSON");
            assert_eq!(render(&value).as_deref(), expected, "{json}");
        }
    }
}
