//! The devices: lamps, sensors, speaker clusters, each a real MQTT client with its own account.

use std::path::Path;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS};
use serde_json::{Value, json};

/// Where the broker is and how each device proves itself.
struct Village {
    port: u16,
    secrets: serde_json::Map<String, Value>,
    names: std::collections::BTreeMap<String, String>,
}

/// Plays all devices until SIGINT or SIGTERM.
pub async fn run(dir: &Path) -> anyhow::Result<()> {
    let config: toml::Table = std::fs::read_to_string(dir.join("conglang.toml"))?.parse()?;
    let plain = config["broker"]["plain"].as_str().unwrap_or_default();
    let port = plain
        .rsplit(':')
        .next()
        .and_then(|p| p.parse().ok())
        .ok_or_else(|| anyhow::anyhow!("no broker.plain in conglang.toml"))?;
    let secrets: Value = serde_json::from_str(&std::fs::read_to_string(dir.join("secrets.json"))?)?;
    let devices: toml::Table =
        std::fs::read_to_string(dir.join("conglang.d/20-devices.toml"))?.parse()?;
    let names = devices["device"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|d| Some((d["id"].as_str()?.to_owned(), d["name"].as_str()?.to_owned())))
        .collect();
    let village = Village {
        port,
        secrets: secrets["devices"].as_object().cloned().unwrap_or_default(),
        names,
    };
    let mut tasks = tokio::task::JoinSet::new();
    for id in village.secrets.keys() {
        // One lamp is defective and one cluster is silent: a village where everything works shows
        // nothing.
        match id.split('-').next() {
            Some("den") if id != "den-04" => drop(tasks.spawn(lamp(
                village.link(id),
                id.clone(),
                village.names.get(id).cloned().unwrap_or_default(),
            ))),
            // The fourth cluster is off, so that a partial result is seen.
            Some("loa") if id != "loa-04" => {
                let key = std::fs::read_to_string(dir.join("data/keys/voice.pub"))?;
                let secret = village
                    .secrets
                    .get(id)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
                let horn = crate::receiver::Receiver {
                    id: id.clone(),
                    host: "127.0.0.1".into(),
                    port,
                    secret,
                    key,
                    out: dir.join(format!("{id}.wav")),
                };
                tasks.spawn(async move { drop(horn.run().await) });
            }
            Some("cb") => drop(tasks.spawn(sensor(village.link(id), id.clone()))),
            _ => {}
        }
    }
    let cameras = dir.to_owned();
    tasks.spawn(async move {
        if let Err(cause) = crate::cameras::run(&cameras).await {
            tracing::error!("no cameras: {cause:#}");
        }
        std::future::pending::<()>().await;
    });
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        Some(ended) = tasks.join_next() => anyhow::bail!("a device ended: {ended:?}"),
    }
    tasks.shutdown().await;
    Ok(())
}

impl Village {
    /// A client with its last will; it publishes `online` when it connects.
    fn link(&self, id: &str) -> (AsyncClient, EventLoop) {
        let mut options = MqttOptions::new(format!("sim-{id}"), "127.0.0.1", self.port);
        let secret = self
            .secrets
            .get(id)
            .and_then(Value::as_str)
            .unwrap_or_default();
        options
            .set_credentials(id, secret)
            .set_keep_alive(Duration::from_secs(15));
        options.set_last_will(LastWill::new(
            format!("d/{id}/up"),
            "offline",
            QoS::AtLeastOnce,
            true,
        ));
        AsyncClient::new(options, 32)
    }
}

/// Waits before the next try to connect, with a spread so that not all come at once.
async fn pause(id: &str) {
    let spread = id
        .bytes()
        .fold(0u64, |a, b| a.wrapping_mul(31).wrapping_add(u64::from(b)))
        % 400;
    tokio::time::sleep(Duration::from_millis(300 + spread)).await;
}

async fn lamp((client, mut events): (AsyncClient, EventLoop), id: String, name: String) {
    let mut on = false;
    // How long this lamp takes to answer; den-03 is slow on purpose.
    let slow = if id == "den-03" { 2_500 } else { 60 };
    let short = name.trim_start_matches("Đèn ").to_owned();
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let config = json!({
                    "~": format!("d/{id}"), "name": short, "stat_t": "~/state",
                    "cmd_t": format!("c/{id}/set"), "avty_t": "~/up", "uniq_id": id,
                    "dev": { "ids": [id], "mf": "Rạng Đông", "mdl": "Bộ điều khiển đèn đường" }
                });
                let _ = client.try_publish(
                    format!("homeassistant/light/{id}/light/config"),
                    QoS::AtLeastOnce,
                    true,
                    config.to_string(),
                );
                let _ = client.try_publish(format!("d/{id}/up"), QoS::AtLeastOnce, true, "online");
                let _ = client.try_subscribe(format!("c/{id}/#"), QoS::AtLeastOnce);
                let _ = client.try_publish(
                    format!("d/{id}/state"),
                    QoS::AtLeastOnce,
                    true,
                    if on { "ON" } else { "OFF" },
                );
            }
            Ok(Event::Incoming(Packet::Publish(p))) if p.topic == format!("c/{id}/set") => {
                on = &p.payload[..] == b"ON";
                let (client, id) = (client.clone(), id.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(slow)).await;
                    let _ = client
                        .publish(
                            format!("d/{id}/state"),
                            QoS::AtLeastOnce,
                            true,
                            if on { "ON" } else { "OFF" },
                        )
                        .await;
                });
            }
            Ok(_) => {}
            Err(_) => pause(&id).await,
        }
    }
}

/// One measured thing: object, name, unit, start, step, and whether it is a yes-or-no.
type Measure = (&'static str, &'static str, &'static str, f64, f64, bool);

fn measures(id: &str) -> Vec<Measure> {
    match id {
        "cb-01" => vec![("level", "Mực nước kênh", "cm", 165.0, 1.0, false)],
        "cb-02" => vec![("rain", "Lượng mưa", "mm/giờ", 6.0, 0.4, false)],
        "cb-03" => vec![
            ("mains", "Điện lưới", "V", 224.0, 1.0, false),
            ("battery", "Pin dự phòng", "%", 100.0, 0.0, false),
        ],
        "cb-04" => vec![
            (
                "temperature",
                "Nhiệt độ tủ thiết bị",
                "°C",
                41.0,
                0.3,
                false,
            ),
            ("humidity", "Độ ẩm tủ thiết bị", "%", 63.0, 1.0, false),
        ],
        "cb-05" => vec![("light", "Ánh sáng ngoài trời", "lux", 900.0, 20.0, false)],
        "cb-06" => vec![("smoke", "Báo khói kho nhà văn hóa", "", 0.0, 0.0, true)],
        _ => Vec::new(),
    }
}

async fn sensor((client, mut events): (AsyncClient, EventLoop), id: String) {
    let list = measures(&id);
    let speaking = client.clone();
    let (topic, values) = (id.clone(), list.clone());
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_secs(2));
        let mut n = 0u32;
        loop {
            tick.tick().await;
            n += 1;
            for (object, _, _, start, step, yes_no) in &values {
                // The water rises and falls slowly through its first threshold; the other values
                // waver.
                let swing = if *object == "level" {
                    (f64::from(n) / 40.0).sin() * 18.0 + (f64::from(n) * 0.7).sin()
                } else {
                    (f64::from(n) / 7.0).sin() * 3.0
                };
                let text = if *yes_no {
                    "OFF".to_owned()
                } else {
                    format!("{:.1}", start + step * swing)
                };
                let _ = speaking
                    .publish(format!("d/{topic}/{object}"), QoS::AtMostOnce, false, text)
                    .await;
            }
        }
    });
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                for (object, name, unit, _, _, yes_no) in &list {
                    let component = if *yes_no { "binary_sensor" } else { "sensor" };
                    let config = json!({
                        "~": format!("d/{id}"), "name": name, "stat_t": format!("~/{object}"),
                        "unit_of_meas": unit, "avty_t": "~/up", "exp_aft": 60,
                        "dev": { "ids": [id], "mf": "ESP32", "mdl": "Trạm đo" }
                    });
                    let _ = client.try_publish(
                        format!("homeassistant/{component}/{id}/{object}/config"),
                        QoS::AtLeastOnce,
                        true,
                        config.to_string(),
                    );
                }
                let _ = client.try_publish(format!("d/{id}/up"), QoS::AtLeastOnce, true, "online");
            }
            Ok(_) => {}
            Err(_) => pause(&id).await,
        }
    }
}
