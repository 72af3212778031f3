//! A lamp of a house, as a device on the broker.

use std::time::Duration;

use super::house::{House, secret};

/// A lamp as devices are: announces itself, answers orders. Runs on its own thread until dropped.
pub struct Lamp {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Lamp {
    pub fn start(house: &House, id: &'static str) -> Self {
        use rumqttc::{Client, Event, LastWill, MqttOptions, Packet, QoS};
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (port, flag) = (house.mqtt, stop.clone());
        let thread = std::thread::spawn(move || {
            let mut options = MqttOptions::new(format!("test-{id}"), "127.0.0.1", port);
            options
                .set_credentials(id, secret(id))
                .set_keep_alive(Duration::from_secs(5));
            options.set_last_will(LastWill::new(
                format!("d/{id}/up"),
                "offline",
                QoS::AtLeastOnce,
                true,
            ));
            let (client, mut connection) = Client::new(options, 32);
            let mut state = "OFF";
            while !flag.load(std::sync::atomic::Ordering::SeqCst) {
                match connection.recv_timeout(Duration::from_millis(100)) {
                    Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                        let config = serde_json::json!({
                            "~": format!("d/{id}"), "name": "Cổng làng", "stat_t": "~/state",
                            "cmd_t": format!("c/{id}/set"), "avty_t": "~/up"
                        });
                        client
                            .try_publish(
                                format!("homeassistant/light/{id}/light/config"),
                                QoS::AtLeastOnce,
                                true,
                                config.to_string(),
                            )
                            .expect("queued");
                        client
                            .try_publish(format!("d/{id}/up"), QoS::AtLeastOnce, true, "online")
                            .expect("queued");
                        client
                            .try_subscribe(format!("c/{id}/#"), QoS::AtLeastOnce)
                            .expect("queued");
                        client
                            .try_publish(format!("d/{id}/state"), QoS::AtLeastOnce, true, state)
                            .expect("queued");
                    }
                    Ok(Ok(Event::Incoming(Packet::Publish(p))))
                        if p.topic == format!("c/{id}/set") =>
                    {
                        state = if &p.payload[..] == b"ON" { "ON" } else { "OFF" };
                        let _ = client.try_publish(
                            format!("d/{id}/state"),
                            QoS::AtLeastOnce,
                            true,
                            state,
                        );
                    }
                    Ok(Err(_)) => std::thread::sleep(Duration::from_millis(200)),
                    _ => {}
                }
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Lamp {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
