//! No command leads to a village with a text or a number beyond its bounds, also when the sender of
//! the command did not check it.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::decide::{Now, decide, validate};
use crate::domain::event::Entry;
use crate::domain::guest::{self, OpenHours, WifiRules};
use crate::domain::network::{self, Reservation};
use crate::domain::permissions::tests::samples;
use crate::domain::state::VillageState;
use crate::domain::text::MAX_UNIT_CHARS;
use crate::domain::{account, device, notice, sensor, speaker, village};
use crate::time::WallMs;

/// The variants of a command in which one text, number or list is replaced by `hostile`.
fn with(command: &Value, hostile: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    match command {
        Value::Object(map) => {
            for (key, inner) in map.iter().filter(|(k, _)| *k != "do") {
                out.extend(with(inner, hostile).into_iter().map(|changed| {
                    let mut whole = map.clone();
                    whole.insert(key.clone(), changed);
                    Value::Object(whole)
                }));
            }
        }
        Value::Array(list) => {
            for at in 0..list.len() {
                out.extend(with(&list[at], hostile).into_iter().map(|changed| {
                    let mut whole = list.clone();
                    whole[at] = changed;
                    Value::Array(whole)
                }));
            }
            out.push(Value::Array(vec![hostile.clone(); 1_000]));
        }
        Value::String(_) | Value::Number(_) => out.push(hostile.clone()),
        Value::Bool(_) | Value::Null => {}
    }
    out
}

fn apply(state: &mut VillageState, command: &Command) -> bool {
    let Ok(events) = decide(state, &Actor::System, command, Now::at(WallMs::new(1))) else {
        return false;
    };
    for event in events {
        let seq = state.seq + 1;
        state.apply(&Entry {
            wall_ms: WallMs::new(1),
            ..Entry::sample(seq, event)
        });
    }
    true
}

/// Checks every text, number and list of a serialized village.
fn judge(key: &str, value: &Value) {
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| judge(k, v)),
        Value::Array(list) => {
            assert!(list.len() <= 500, "{key}: {}", list.len());
            for inner in list {
                judge(key, inner);
            }
        }
        Value::String(text) => match key {
            "name" | "commune" | "model" => {
                assert!(text::is_line(text, MAX_NAME_CHARS), "{key}: {text:?}");
            }
            "unit" => assert!(text::is_line(text, MAX_UNIT_CHARS), "{key}: {text:?}"),
            "why" => assert!(text::is_line(text, 200), "{key}: {text:?}"),
            // Payloads are compared by machines: they stay as they are, and no page shows them.
            "on" | "off" | "here" | "gone" => {
                assert!(
                    text.len() <= MAX_MACHINE_TEXT_BYTES,
                    "{key}: {} bytes",
                    text.len()
                );
            }
            _ => assert!(
                text.len() <= MAX_MACHINE_TEXT_BYTES && !text.chars().any(text::is_hidden),
                "{key}: {text:?}"
            ),
        },
        Value::Number(number) => assert!(
            key == "damage" || number.as_f64().is_some_and(|n| n.abs() < 1e15),
            "{key}: {number}"
        ),
        Value::Bool(_) | Value::Null => {}
    }
}

fn hostile() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::from("x".repeat(15_000))),
        Just(Value::from("a\u{202e}b")),
        Just(Value::from("")),
        Just(Value::from("Tra\u{323}m Bo\u{31b}m")),
        Just(Value::from("một\nhai\u{7}")),
        r"(\PC|\pC|[ab\u{202e}\u{200b}\u{301}\r\n\t ]){0,300}".prop_map(Value::from),
        prop::sample::select(vec![1e308, -1e308, 1e13, -1.0, f64::MIN_POSITIVE, 90.1])
            .prop_map(Value::from),
        prop::sample::select(vec![i64::MAX, i64::MIN, -1, 255, 65_536, MAX_WALL_MS])
            .prop_map(Value::from),
        Just(Value::from(u64::MAX)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_command_leads_beyond_the_bounds(hostile in hostile()) {
        let all = samples();
        let mut village = VillageState::default();
        for command in &all {
            apply(&mut village, command);
        }
        for sample in &all {
            for changed in with(&serde_json::to_value(sample).expect("json"), &hostile) {
                let Ok(command) = serde_json::from_value::<Command>(changed) else { continue };
                let mut state = village.clone();
                if apply(&mut state, &command) {
                    judge("", &serde_json::to_value(&state).expect("json"));
                }
            }
        }
    }
}

/// Whether every sample that this changes is refused, for this part of it.
fn refused(part: &str, change: impl Fn(&mut Command)) {
    let whats: Vec<Rejection> = samples()
        .into_iter()
        .filter_map(|mut c| {
            change(&mut c);
            validate(&c).err()
        })
        .collect();
    assert!(
        !whats.is_empty()
            && whats
                .iter()
                .all(|r| matches!(r, Rejection::Invalid { what, .. } if what == part)),
        "{part}: {whats:?}"
    );
    assert!(FIELD_NAMES.contains(&part));
}

#[test]
fn what_a_sample_carries_is_sound_and_a_step_beyond_is_not() {
    assert!(samples().iter().all(|c| validate(c).is_ok()));
    refused("value", |c| {
        if let Command::Sensor(sensor::Command::ReportLevel { value, .. }) = c {
            *value = 1e308;
        }
    });
    refused("value", |c| {
        if let Command::Sensor(sensor::Command::ReportLevel { value, .. }) = c {
            *value = f64::NAN;
        }
    });
    refused("marks", |c| {
        if let Command::Sensor(sensor::Command::Declare { sensor }) = c {
            sensor.thresholds = vec![f64::INFINITY];
        }
    });
    refused("decimals", |c| {
        if let Command::Sensor(sensor::Command::Declare { sensor }) = c {
            sensor.decimals = 7;
        }
    });
    refused("place", |c| {
        if let Command::Village(village::Command::Declare { village }) = c {
            village.longitude = f64::NAN;
        }
    });
    refused("name", |c| {
        if let Command::Village(village::Command::Declare { village }) = c {
            village.name = "x".repeat(15_000);
        }
    });
    refused("name", |c| {
        if let Command::Device(device::Command::Declare { device }) = c {
            device.name = "x".repeat(MAX_NAME_CHARS + 1);
        }
    });
    refused("until", |c| {
        if let Command::Notice(notice::Command::Publish { details, .. }) = c {
            details.until = Some(WallMs::MAX);
        }
    });
    refused("secret", |c| {
        if let Command::Account(account::Command::Grant { account }) = c {
            account.secret_sha256 = "zz".into();
        }
    });
    refused("text", |c| {
        if let Command::Speaker(speaker::Command::QueueAnnouncement { text, .. }) = c {
            text.len = u64::MAX;
        }
    });
    assert_eq!(name("  Trạm\u{202e}  Bơm "), Ok("Trạm Bơm".to_owned()));
    assert!(
        name("\u{200b}").is_err()
            && name(&"x".repeat(MAX_NAME_CHARS)).is_ok()
            && name(&"x".repeat(MAX_NAME_CHARS + 1)).is_err()
    );
}

#[test]
fn rules_of_the_free_wifi_are_within_their_bounds() {
    let refuse = |part: &str, change: fn(&mut WifiRules)| {
        refused(part, |c| {
            if let Command::Guest(guest::Command::SetRules { rules }) = c {
                change(rules);
            }
        });
    };
    for (from, until) in [(0, 1_440), (1_440, 0), (60, 60)] {
        refused("hours", |c| {
            if let Command::Guest(guest::Command::SetRules { rules }) = c {
                rules.hours = Some(OpenHours { from, until });
            }
        });
    }
    refuse("session", |r| r.session_minutes = Some(4));
    refuse("session", |r| r.session_minutes = Some(1_441));
    refuse("quota", |r| r.device_mb = Some(0));
    refuse("quota", |r| r.house_mb = Some(10_000_001));
    refuse("quota", |r| r.metered_mb = 1_000_001);
    refuse("speed", |r| r.device_kbit = Some(127));
    refuse("speed", |r| r.house_kbit = Some(u32::MAX));
    refuse("devices", |r| r.most_devices = 0);
    refuse("devices", |r| r.most_devices = 501);
    refuse("keep-days", |r| r.keep_days = 31);
    for name in [
        "vn",
        "",
        "Gov.vn",
        "a..vn",
        "-a.vn",
        "a b.vn",
        "10.7.0.1",
        "đình.vn",
        "a.vn.",
    ] {
        refused("garden", |c| {
            if let Command::Guest(guest::Command::SetRules { rules }) = c {
                rules.garden = vec![name.to_owned()];
            }
        });
    }
    refuse("garden", |r| r.garden = vec!["a.vn".to_owned(); 101]);
    refuse("garden-probe", |r| r.garden.push("apple.com".to_owned()));
    refused("name", |c| {
        if let Command::Guest(guest::Command::Decide { device }) = c {
            device.name = String::new();
        }
    });
}

#[test]
fn a_reserved_address_is_one_that_one_device_can_have() {
    let refuse = |part: &str, change: &dyn Fn(&mut Reservation)| {
        refused(part, |c| {
            if let Command::Network(network::Command::ReserveAddress { reservation }) = c {
                change(reservation);
            }
        });
    };
    for group in [
        "01:00:5e:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00",
    ] {
        let mac = group.parse().expect("an address");
        refuse("mac", &|r| r.mac = mac);
    }
    for nobody in [
        [0, 0, 0, 0],
        [127, 0, 0, 1],
        [169, 254, 1, 1],
        [224, 0, 0, 251],
        [255, 255, 255, 255],
    ] {
        refuse("address", &|r| r.v4 = nobody.into());
    }
    refuse("name", &|r| r.name = "Camera\nngã ba".to_owned());
}
