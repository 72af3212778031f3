//! `device list|add|remove|show|set`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Subcommand;
use serde::de::DeserializeOwned;

use super::camera::moment;
use super::{Cli, client, layout, print};
use crate::domain::device::{Availability, Device};
use crate::domain::id::{DeviceId, EntityId};
use crate::domain::topics;
use crate::keys::secret;
use crate::protocol::control::{DeviceReport, LightAnswer, PutDevice};
use crate::protocol::village_status::Status;

/// Devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// All devices and whether they answer
    List,
    /// Give a device its account: prints its secret once; again = a new secret
    Add {
        /// Its id, also its MQTT user name: a–z, 0–9, -
        id: String,
        /// Its name as people say it: "Đèn Cổng làng"
        #[arg(default_value = "")]
        name: String,
        /// The road or alley where it hangs
        #[arg(long)]
        place: Option<String>,
    },
    /// Take a device's account away; its connection is cut
    Remove {
        /// Its id
        id: String,
    },
    /// One device with all that it does
    Show {
        /// Its id
        id: String,
    },
    /// Switch what a device does: `device set den-01.light on`
    Set {
        /// Entity: `device.object`
        entity: String,
        /// `on` or `off`
        #[arg(value_parser = ["on", "off"])]
        to: String,
    },
}

/// How long one request for the lamp's answer takes at most.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often `device set` asks for the answer: together longer than the gateway repeats an order.
const ANSWER_REQUESTS: usize = 3;

fn availability_text(cli: &Cli, p: Availability) -> String {
    match p {
        Availability::Unknown => cli.t("cli-device-unknown"),
        Availability::Online { since } => cli.f("cli-device-here", &[("since", &moment(since))]),
        Availability::Offline { since } => cli.f("cli-device-gone", &[("since", &moment(since))]),
    }
}

/// Carries out the command and gives its exit code.
pub fn run_device(cli: &Cli, what: &DeviceCommand) -> anyhow::Result<u8> {
    match what {
        DeviceCommand::List => list(cli),
        DeviceCommand::Add { id, name, place } => add(cli, id, name, place.as_deref()),
        DeviceCommand::Remove { id } => remove(cli, id),
        DeviceCommand::Show { id } => show(cli, id),
        DeviceCommand::Set { entity, to } => set(cli, entity, to),
    }
}

/// A part of the village's state.
fn part_of<T: DeserializeOwned + Default>(
    cli: &Cli,
    state: &serde_json::Value,
    part: &str,
) -> anyhow::Result<T> {
    Ok(match state.get(part) {
        Some(part) => client::understand(cli, part)?,
        None => T::default(),
    })
}

/// Prints all devices; exit code 2 when one is offline. A device whose account was revoked is
/// listed as that: it is not counted, and its silence is no fault.
fn list(cli: &Cli) -> anyhow::Result<u8> {
    let value = client::request(cli, "GET", "/state", None)?;
    let devices: BTreeMap<String, Device> = part_of(cli, &value, "devices")?;
    let revoked: BTreeSet<DeviceId> = part_of(cli, &value, "revoked")?;
    let is_counted = |d: &&Device| !revoked.contains(&d.id);
    let count = |is: fn(&Device) -> bool| {
        let counted = devices.values().filter(is_counted);
        counted.filter(|d| is(d)).count()
    };
    let gone = count(|d| d.availability.is_offline());
    let mut text = cli.f(
        "cli-devices",
        &[
            ("n", count(|_| true)),
            ("gone", gone),
            (
                "unknown",
                count(|d| d.availability == Availability::Unknown),
            ),
        ],
    ) + "\n";
    for d in devices.values() {
        let words = if is_counted(&d) {
            availability_text(cli, d.availability)
        } else {
            cli.t("device-sent-away")
        };
        text.push_str(&format!("  {:<12}{:<30}{words}\n", d.id.as_str(), d.name));
    }
    print(cli, &value["devices"], &text);
    Ok(if gone > 0 { 2 } else { 0 })
}

/// Grants a device an account with a new secret; exit code 1 when the broker has not confirmed it.
fn add(cli: &Cli, id: &str, name: &str, place: Option<&str>) -> anyhow::Result<u8> {
    use base64ct::Encoding as _;
    let secret = base64ct::Base64UrlUnpadded::encode_string(&secret::random::<16>()?);
    let put = PutDevice {
        id: id.to_owned(),
        name: name.to_owned(),
        place: place.map(str::to_owned),
        secret_sha256: Some(secret::sha256(secret.as_bytes())),
    };
    let made = client::request(cli, "POST", "/devices", Some(&serde_json::to_value(put)?))?;
    let wait = cli.t(if made["in_force"] == true {
        "device-in-force"
    } else {
        "device-not-in-force"
    });
    // `load` has already printed the mistakes of a wrong configuration; the ports are then
    // unknown and left out.
    let broker = super::load(cli).map(|c| c.broker).ok();
    let at = |name: String, address: Option<std::net::SocketAddr>| {
        address.map(|a| format!("{name} {}", a.port()))
    };
    let ports: Vec<String> = broker.map_or_else(Vec::new, |b| {
        [
            at(cli.t("device-plain"), b.plain),
            at("TLS".to_owned(), b.tls),
        ]
        .into_iter()
        .flatten()
        .collect()
    });
    let ports = if ports.is_empty() {
        cli.t("device-no-ports")
    } else {
        ports.join(", ")
    };
    let mut text = format!("{id}: {wait}\n");
    let device = DeviceId::new(id).map_err(|_| cli.failure("cli-no-id", &[("id", id)]))?;
    let rows = [
        (
            "device-row-broker",
            cli.f("device-broker", &[("ports", &ports)]),
        ),
        ("device-row-user", id.to_owned()),
        ("device-row-password", secret.clone()),
        ("device-row-publish", topics::device_topic(&device, "…")),
        ("device-row-subscribe", topics::order_topic(&device, "…")),
    ]
    .map(|(key, words)| (cli.t(key), words));
    text.push_str(&layout::rows(&rows, 20));
    text.push_str(&cli.t("device-secret-once"));
    print(
        cli,
        &serde_json::json!({ "id": id, "secret": secret, "in_force": made["in_force"] }),
        &text,
    );
    Ok(u8::from(made["in_force"] != true))
}

/// Revokes a device's account; exit code 1 when the broker has not confirmed it.
fn remove(cli: &Cli, id: &str) -> anyhow::Result<u8> {
    let put = PutDevice {
        id: id.to_owned(),
        name: String::new(),
        place: None,
        secret_sha256: None,
    };
    let made = client::request(cli, "POST", "/devices", Some(&serde_json::to_value(put)?))?;
    let key = if made["in_force"] == true {
        "device-removed"
    } else {
        "device-removed-later"
    };
    let text = cli.f(key, &[("id", id)]);
    print(cli, &made, &text);
    Ok(u8::from(made["in_force"] != true))
}

/// Prints a device as its page shows it; exit code 2 when it is broken.
fn show(cli: &Cli, id: &str) -> anyhow::Result<u8> {
    if DeviceId::new(id).is_err() {
        return Err(cli.failure("cli-no-device", &[("id", id)]));
    }
    let value = client::request(cli, "GET", &format!("/devices/{id}"), None)?;
    let d: DeviceReport = client::understand(cli, &value)?;
    let mut text = format!("{} ({}): {}\n", d.name, d.id, d.words);
    let about: Vec<&str> = [&d.model, &d.place]
        .into_iter()
        .filter(|t| !t.is_empty())
        .map(String::as_str)
        .collect();
    if !about.is_empty() {
        text.push_str(&format!("  {}\n", about.join(" · ")));
    }
    for e in &d.entities {
        let words: Vec<&str> = [&e.name, &e.value, &e.words]
            .into_iter()
            .filter(|t| !t.is_empty())
            .map(String::as_str)
            .collect();
        text.push_str(&format!("  {:<24}  {}\n", e.id, words.join(" · ")));
        text.push_str(&format!("  {:<24}  {}\n", "", e.topic));
    }
    print(cli, &value, &text);
    Ok(d.status.map_or(0, Status::exit_code))
}

/// Switches a lamp and waits for its report; exit code 2 when it did not report the ordered state.
fn set(cli: &Cli, entity: &str, to: &str) -> anyhow::Result<u8> {
    if EntityId::new(entity).is_err() {
        return Err(cli.failure("cli-no-light", &[("id", entity)]));
    }
    let body = serde_json::json!({
        "command": { "do": "SwitchLight", "light": entity, "on": to == "on" }
    });
    let made = client::request(cli, "POST", "/commands", Some(&body))?;
    let order = made["last"].as_u64().unwrap_or_default();
    if std::io::stderr().is_terminal() && !cli.json {
        let _ = writeln!(std::io::stderr(), "{}", cli.t("device-waiting"));
    }
    let path = format!("/lights/{entity}/answer?order={order}");
    let ask = || -> anyhow::Result<(serde_json::Value, LightAnswer)> {
        let value = client::request_within(cli, "GET", &path, None, ANSWER_TIMEOUT)?;
        let answer = client::understand(cli, &value)?;
        Ok((value, answer))
    };
    let (mut value, mut answer) = ask()?;
    for _ in 1..ANSWER_REQUESTS {
        if !answer.pending {
            break;
        }
        (value, answer) = ask()?;
    }
    let key = match (answer.answered, answer.superseded) {
        (true, _) => "device-answered",
        (_, true) => "device-superseded",
        _ => "device-silent",
    };
    let words = match answer.on {
        Some(on) => cli.f(
            if on { "device-on" } else { "device-off" },
            &[("since", &moment(answer.at))],
        ),
        None => cli.t("device-never"),
    };
    let text = cli.f(
        key,
        &[
            ("name", answer.name.as_str()),
            ("words", &words),
            ("device", entity.split('.').next().unwrap_or_default()),
        ],
    );
    print(cli, &value, &text);
    Ok(if answer.answered { 0 } else { 2 })
}
