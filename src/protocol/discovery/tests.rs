//! Discovery messages and states of devices, read as Home Assistant reads them.

use super::*;

#[test]
fn an_announcement_with_abbreviations_is_read() {
    let json = r#"{"~":"d/den-01","name":"Cổng làng","stat_t":"~/state","cmd_t":"c/den-01/set","avty_t":"~/up","val_tpl":"{{ value_json.power }}","dev":{"mf":"Rạng Đông","mdl":"X1"}}"#;
    let a = read("homeassistant/light/den-01/light/config", json.as_bytes()).expect("read");
    let e = a.entity.expect("entity");
    assert_eq!(
        (
            e.id.as_str(),
            e.state.topic.as_str(),
            e.state.field.as_deref(),
            a.model.as_str()
        ),
        (
            "den-01.light",
            "d/den-01/state",
            Some("power"),
            "Rạng Đông X1"
        )
    );
    assert_eq!(e.availability.expect("there").topic, "d/den-01/up");
    assert_eq!(
        parse_value(&e.state, Kind::Light, br#"{"power":"ON"}"#),
        PayloadValue::Value(1.0)
    );
    assert_eq!(
        parse_value(&e.state, Kind::Light, b"ON"),
        PayloadValue::Invalid
    );
}

/// Payloads in the discovery message (as JSON, empty = none), whether a template picks a field, the
/// message that the device publishes, its meaning.
const STATES: [(&str, &str, bool, &str, PayloadValue); 49] = {
    const ON: PayloadValue = PayloadValue::Value(1.0);
    const OFF: PayloadValue = PayloadValue::Value(0.0);
    const UNCLEAR: PayloadValue = PayloadValue::Invalid;
    const NOTHING: PayloadValue = PayloadValue::Absent;
    [
        // Zigbee2MQTT's contact sensor: on and off are reversed.
        ("false", "true", true, r#"{"x":false}"#, ON),
        ("false", "true", true, r#"{"x":true}"#, OFF),
        ("true", "false", true, r#"{"x":true}"#, ON),
        ("true", "false", true, r#"{"x":false}"#, OFF),
        ("true", "false", true, r#"{"x":"true"}"#, UNCLEAR),
        ("true", "false", true, r#"{"x":"True"}"#, ON),
        ("true", "false", true, r#"{"x":1}"#, UNCLEAR),
        (
            "true",
            "false",
            true,
            r#"{"x":null}"#,
            PayloadValue::Unknown,
        ),
        (
            "true",
            "false",
            true,
            r#"{"x":"None"}"#,
            PayloadValue::Unknown,
        ),
        ("", "", false, "None", PayloadValue::Unknown),
        (r#""None""#, r#""off""#, false, "None", ON),
        ("true", "false", true, r#"{"y":true}"#, NOTHING),
        ("true", "false", true, "true", NOTHING),
        ("true", "false", true, "hỏng", UNCLEAR),
        ("true", "false", false, "true", UNCLEAR),
        ("true", "false", false, "True", ON),
        ("true", "false", false, "False", OFF),
        (r#""true""#, r#""false""#, false, "true", ON),
        (r#""true""#, r#""false""#, false, "True", UNCLEAR),
        (r#""true""#, r#""false""#, true, r#"{"x":true}"#, UNCLEAR),
        (r#""True""#, r#""False""#, true, r#"{"x":true}"#, ON),
        ("1", "0", true, r#"{"x":1}"#, ON),
        ("1", "0", true, r#"{"x":0}"#, OFF),
        ("1", "0", true, r#"{"x":1.0}"#, UNCLEAR),
        ("1", "0", true, r#"{"x":"1"}"#, ON),
        ("1", "0", true, r#"{"x":true}"#, UNCLEAR),
        ("1", "0", false, "1", ON),
        ("1", "0", false, "0", OFF),
        ("1", "0", false, "1.0", UNCLEAR),
        ("0", "1", false, "0", ON),
        ("1.0", "0.0", true, r#"{"x":1.0}"#, ON),
        ("1.0", "0.0", true, r#"{"x":1}"#, UNCLEAR),
        ("1.0", "0.0", false, "1.0", ON),
        ("1.0", "0.0", false, "1", UNCLEAR),
        (r#""1""#, r#""0""#, true, r#"{"x":0}"#, OFF),
        ("", "", false, "ON", ON),
        ("", "", false, "OFF", OFF),
        ("", "", false, "on", UNCLEAR),
        ("", "", false, "Off", UNCLEAR),
        ("", "", false, " ON", UNCLEAR),
        ("", "", false, "", NOTHING),
        ("", "", true, r#"{"x":"ON"}"#, ON),
        ("", "", true, r#"{"x":" OFF "}"#, OFF),
        ("", "", true, r#"{"x":"on"}"#, UNCLEAR),
        ("", "", true, r#"{"x":true}"#, UNCLEAR),
        ("", "", true, r#"{"x":""}"#, NOTHING),
        ("", "", true, r#"{"x":["ON"]}"#, UNCLEAR),
        (r#""open""#, "false", true, r#"{"x":"open"}"#, ON),
        (r#""open""#, "false", true, r#"{"x":false}"#, OFF),
    ]
};

#[test]
fn a_state_is_known_only_by_the_very_word() {
    for kind in ["binary_sensor", "switch", "light"] {
        for (on, off, template, said, expected) in STATES {
            let mut json = r#"{"stat_t":"d/a/s","cmd_t":"c/a/s""#.to_owned();
            for (name, value) in [("pl_on", on), ("payload_off", off)]
                .iter()
                .filter(|(_, v)| !v.is_empty())
            {
                json.push_str(&format!(r#","{name}":{value}"#));
            }
            if template {
                json.push_str(r#","val_tpl":"{{value_json.x }}""#);
            }
            json.push('}');
            let entity = read(&format!("homeassistant/{kind}/a/b/config"), json.as_bytes())
                .expect("read")
                .entity
                .expect("entity");
            assert_eq!(
                parse_value(&entity.state, entity.kind, said.as_bytes()),
                expected,
                "{kind} {json} said {said}"
            );
        }
    }
}

#[test]
fn payloads_keep_their_case_and_their_signs() {
    let json = r#"{"stat_t":"d/a/s","cmd_t":"c/a/s","pl_on":"\u0001","pl_off":" off ","stat_on":true,"stat_off":0,"avty_t":"d/a/up","pl_avail":true,"pl_not_avail":0}"#;
    let switch = read("homeassistant/switch/a/b/config", json.as_bytes())
        .expect("read")
        .entity
        .expect("entity");
    let order = switch.order.expect("order");
    assert_eq!((order.on.as_str(), order.off.as_str()), ("\u{1}", " off "));
    assert_eq!(
        (switch.state.on.as_str(), switch.state.off.as_str()),
        ("True", "0")
    );
    let there = switch.availability.expect("availability");
    assert_eq!((there.here.as_str(), there.gone.as_str()), ("True", "0"));
    // A light has no payloads of its own for its state.
    let light = read("homeassistant/light/a/b/config", json.as_bytes())
        .expect("read")
        .entity
        .expect("entity");
    assert_eq!(
        (light.state.on.as_str(), light.state.off.as_str()),
        ("\u{1}", " off ")
    );
    for (json, on, off) in [
        (r#""pl_on":true,"pl_off":false"#, "true", "false"),
        (r#""pl_on":1,"pl_off":0"#, "1", "0"),
        (r#""pl_on":1.0"#, "1.0", "OFF"),
    ] {
        let json = format!(r#"{{"stat_t":"d/a/s","cmd_t":"c/a/s",{json}}}"#);
        let order = read("homeassistant/switch/a/b/config", json.as_bytes())
            .expect("read")
            .entity
            .and_then(|e| e.order)
            .expect("order");
        assert_eq!((order.on.as_str(), order.off.as_str()), (on, off), "{json}");
    }
}

#[test]
fn a_name_is_a_clean_line_or_the_devices() {
    for (object, name, expected) in [
        ("leak", r#""name":"Rò nước","#, "Rò nước"),
        ("leak", r#""name":"","#, ""),
        ("leak", r#""name":null,"#, ""),
        ("leak", r#""name":" \t\u202e\u0007 ","#, ""),
        ("leak", r#""name":"a\u202eb\n\nc","#, "ab c"),
        ("leak", r#""name":7,"#, "7"),
        ("leak", "", "leak"),
        ("main", "", ""),
    ] {
        let json = format!(r#"{{{name}"stat_t":"d/a/s","dev":{{"name":"Kho\u0000"}}}}"#);
        let a = read(
            &format!("homeassistant/sensor/a/{object}/config"),
            json.as_bytes(),
        )
        .expect("read");
        assert_eq!(
            (
                a.entity.expect("entity").name.as_str(),
                a.device_name.as_str()
            ),
            (expected, "Kho"),
            "{json}"
        );
    }
    let long = format!(r#"{{"name":"{}","stat_t":"d/a/s"}}"#, "ô".repeat(5_000));
    let name = read("homeassistant/sensor/a/b/config", long.as_bytes())
        .expect("read")
        .entity
        .expect("entity")
        .name;
    assert_eq!(name.chars().count(), text::MAX_NAME_CHARS);
}

#[test]
fn what_is_not_understood_is_said() {
    for (topic, json) in [
        ("homeassistant/light/den-01/light/config", "{}"),
        (
            "homeassistant/light/den-01/light/config",
            r#"{"stat_t":"x"}"#,
        ),
        (
            "homeassistant/light/a/x/config",
            r#"{"stat_t":"x","cmd_t":"y","schema":"json"}"#,
        ),
        (
            "homeassistant/light/a/x/config",
            r#"{"stat_t":"x","cmd_t":"y","schema":"template"}"#,
        ),
        (
            "homeassistant/switch/a/x/config",
            r#"{"stat_t":"x","cmd_t":"y","command_template":"{\"v\": \"{{ value }}\"}"}"#,
        ),
        (
            "homeassistant/switch/a/x/config",
            r#"{"stat_t":"x","cmd_t":"y","payload_on":null}"#,
        ),
        (
            "homeassistant/switch/a/x/config",
            r#"{"stat_t":"x","cmd_t":"y","payload_off":["OFF"]}"#,
        ),
        (
            "homeassistant/switch/a/x/config",
            r#"{"stat_t":"x","cmd_t":"y","payload_off":"ON"}"#,
        ),
        (
            "homeassistant/switch/a/x/config",
            r#"{"stat_t":5,"cmd_t":"y"}"#,
        ),
        ("homeassistant/fan/den-01/x/config", "{}"),
        ("homeassistant/sensor/đèn/x/config", r#"{"stat_t":"x"}"#),
        (
            "homeassistant/sensor/a/x/config",
            r#"{"stat_t":"x","val_tpl":"{{ value | int * 2 }}"}"#,
        ),
        ("homeassistant/sensor/a/x/config", "[1]"),
        ("homeassistant/sensor/a/config/x/y", "{}"),
    ] {
        assert!(read(topic, json.as_bytes()).is_err(), "{json}");
    }
    let number = StateTopic {
        topic: "t".into(),
        field: None,
        on: "ON".into(),
        off: "OFF".into(),
    };
    for (payload, expected) in [
        ("172", PayloadValue::Value(172.0)),
        (" 1.5\n", PayloadValue::Value(1.5)),
        ("inf", PayloadValue::Invalid),
        ("NaN", PayloadValue::Invalid),
        ("1e300", PayloadValue::Invalid),
        ("cao", PayloadValue::Invalid),
        ("", PayloadValue::Absent),
    ] {
        assert_eq!(
            parse_value(&number, Kind::Sensor, payload.as_bytes()),
            expected,
            "{payload}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn garbage_never_panics(
        topic in ".{0,60}",
        payload in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        let _ = read(&topic, &payload);
        let _ = read("homeassistant/light/a/b/config", &payload);
    }
}
