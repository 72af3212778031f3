//! rumqttc as a judge of the broker: 3.1.1 and 5.0, on every door, each with all that a device
//! does. The house itself speaks with it; here it is a stranger.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rumqttc::{QoS, TlsConfiguration, Transport};

use crate::support::worker::{Worker, wide_limits, wire_accounts};

/// What came to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    /// CONNACK: the session went on.
    In(bool),
    /// SUBACK.
    Subscribed,
    /// PUBACK or PUBCOMP.
    Taken,
    Message {
        topic: String,
        payload: String,
        qos: u8,
        retain: bool,
    },
}

/// How a client comes.
#[derive(Clone)]
struct Way {
    v5: bool,
    port: u16,
    transport: Transport,
}

enum Mouth {
    V4(rumqttc::Client),
    V5(rumqttc::v5::Client),
}

/// A client whose event loop runs until it is dropped, without a goodbye.
struct Talker {
    mouth: Mouth,
    heard: Receiver<Heard>,
    /// Heard and not yet asked for.
    early: VecDeque<Heard>,
    stop: Arc<AtomicBool>,
    ears: Option<std::thread::JoinHandle<()>>,
}

impl Talker {
    #[expect(
        clippy::too_many_lines,
        reason = "one story from its beginning to its end"
    )]
    fn come(way: &Way, id: &str, clean: bool, will: Option<&str>) -> Self {
        let (say, heard) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let over = stop.clone();
        let host = match way.transport {
            Transport::Ws => format!("ws://localhost:{}/mqtt", way.port),
            Transport::Wss(_) => format!("wss://localhost:{}/mqtt", way.port),
            _ => "localhost".to_owned(),
        };
        // To give up waiting while it connects would end the try.
        let tick = |is_in: bool| Duration::from_millis(if is_in { 20 } else { 5_000 });
        let (mouth, ears) = if way.v5 {
            use rumqttc::v5::mqttbytes::v5::{LastWill, Packet};
            use rumqttc::v5::{Client, Event, MqttOptions};
            let mut options = MqttOptions::new(id, host, way.port);
            options
                .set_credentials("rong", "mat-khau-rong")
                .set_clean_start(clean)
                .set_keep_alive(Duration::from_secs(5))
                .set_transport(way.transport.clone());
            options.set_session_expiry_interval((!clean).then_some(600));
            if let Some(topic) = will {
                options.set_last_will(LastWill::new(
                    topic,
                    "di chúc",
                    rumqttc::v5::mqttbytes::QoS::AtLeastOnce,
                    true,
                    None,
                ));
            }
            let (client, mut connection) = Client::new(options, 64);
            let ears = std::thread::spawn(move || {
                let mut is_in = false;
                while !over.load(Ordering::SeqCst) {
                    let Ok(event) = connection.recv_timeout(tick(is_in)) else {
                        continue;
                    };
                    let heard = match event {
                        Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                            is_in = true;
                            Heard::In(ack.session_present)
                        }
                        Ok(Event::Incoming(Packet::SubAck(_))) => Heard::Subscribed,
                        Ok(Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))) => Heard::Taken,
                        Ok(Event::Incoming(Packet::Publish(p))) => Heard::Message {
                            topic: String::from_utf8_lossy(&p.topic).into_owned(),
                            payload: String::from_utf8_lossy(&p.payload).into_owned(),
                            qos: p.qos as u8,
                            retain: p.retain,
                        },
                        Ok(_) => continue,
                        Err(cause) => panic!("{cause}"),
                    };
                    let _ = say.send(heard);
                }
            });
            (Mouth::V5(client), ears)
        } else {
            use rumqttc::{Client, Event, LastWill, MqttOptions, Packet};
            let mut options = MqttOptions::new(id, host, way.port);
            options
                .set_credentials("rong", "mat-khau-rong")
                .set_clean_session(clean)
                .set_keep_alive(Duration::from_secs(5))
                .set_transport(way.transport.clone());
            if let Some(topic) = will {
                options.set_last_will(LastWill::new(topic, "di chúc", QoS::AtLeastOnce, true));
            }
            let (client, mut connection) = Client::new(options, 64);
            let ears = std::thread::spawn(move || {
                let mut is_in = false;
                while !over.load(Ordering::SeqCst) {
                    let Ok(event) = connection.recv_timeout(tick(is_in)) else {
                        continue;
                    };
                    let heard = match event {
                        Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                            is_in = true;
                            Heard::In(ack.session_present)
                        }
                        Ok(Event::Incoming(Packet::SubAck(_))) => Heard::Subscribed,
                        Ok(Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))) => Heard::Taken,
                        Ok(Event::Incoming(Packet::Publish(p))) => Heard::Message {
                            topic: p.topic.clone(),
                            payload: String::from_utf8_lossy(&p.payload).into_owned(),
                            qos: p.qos as u8,
                            retain: p.retain,
                        },
                        Ok(_) => continue,
                        Err(cause) => panic!("{cause}"),
                    };
                    let _ = say.send(heard);
                }
            });
            (Mouth::V4(client), ears)
        };
        Self {
            mouth,
            heard,
            early: VecDeque::new(),
            stop,
            ears: Some(ears),
        }
    }

    /// Waits for something; what else comes is kept for later.
    fn until<T>(&mut self, what: &str, wanted: impl Fn(&Heard) -> Option<T>) -> T {
        let until = Instant::now() + Duration::from_secs(10);
        let mut seen = std::mem::take(&mut self.early);
        loop {
            let next = match seen.pop_front() {
                Some(next) => next,
                None => self
                    .heard
                    .recv_timeout(until.saturating_duration_since(Instant::now()))
                    .unwrap_or_else(|_| panic!("not in time: {what}; heard {:?}", self.early)),
            };
            if let Some(found) = wanted(&next) {
                self.early.extend(seen);
                return found;
            }
            self.early.push_back(next);
        }
    }

    fn is_in(&mut self, present: bool) -> &mut Self {
        let went_on = self.until("CONNACK", |h| {
            if let Heard::In(p) = h { Some(*p) } else { None }
        });
        assert_eq!(went_on, present, "session present");
        self
    }

    fn subscribe(&mut self, filter: &str, qos: u8) {
        match &self.mouth {
            Mouth::V4(c) => c.subscribe(filter, level(qos)).expect("asked"),
            Mouth::V5(c) => c.subscribe(filter, level5(qos)).expect("asked"),
        }
        self.until("SUBACK", |h| (*h == Heard::Subscribed).then_some(()));
    }

    fn say(&mut self, topic: &str, payload: &str, qos: u8, retain: bool) {
        match &self.mouth {
            Mouth::V4(c) => c.publish(topic, level(qos), retain, payload).expect("said"),
            Mouth::V5(c) => c
                .publish(topic, level5(qos), retain, payload.to_owned())
                .expect("said"),
        }
        if qos > 0 {
            self.until("the publish is taken", |h| {
                (*h == Heard::Taken).then_some(())
            });
        }
    }

    fn hear(&mut self, topic: &str, payload: &str, qos: u8, retain: bool) {
        let wanted = Heard::Message {
            topic: topic.to_owned(),
            payload: payload.to_owned(),
            qos,
            retain,
        };
        self.until(&format!("{wanted:?}"), |h| (*h == wanted).then_some(()));
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(ears) = self.ears.take()
            && ears.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the event loop failed");
        }
    }
}

fn level(qos: u8) -> QoS {
    [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(qos)]
}

fn level5(qos: u8) -> rumqttc::v5::mqttbytes::QoS {
    use rumqttc::v5::mqttbytes::QoS;
    [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(qos)]
}

/// All that a device does, one after the other, under topics of its own.
fn judge(way: &Way, name: &str) {
    let at = |rest: &str| format!("d/{name}/{rest}");
    let come = |id: &str| Talker::come(way, &format!("{name}-{id}"), true, None);
    let mut ears = come("ears");
    ears.is_in(false).subscribe(&at("đường/#"), 2);
    let mut mouth = come("mouth");
    mouth.is_in(false);
    for qos in 0..3 {
        mouth.say(&at("đường/đèn"), &format!("sáng {qos}"), qos, false);
        ears.hear(&at("đường/đèn"), &format!("sáng {qos}"), qos, false);
    }
    // What is retained comes to who subscribes later, with the flag.
    mouth.say(&at("giữ"), "mực nước 182", 1, true);
    ears.subscribe(&at("giữ"), 1);
    ears.hear(&at("giữ"), "mực nước 182", 1, true);
    // The will of one that breaks off.
    ears.subscribe(&at("lời cuối"), 1);
    let mut mortal = Talker::come(way, &format!("{name}-mortal"), true, Some(&at("lời cuối")));
    mortal.is_in(false);
    drop(mortal);
    ears.hear(&at("lời cuối"), "di chúc", 1, false);
    // A session that goes on.
    let mut kept = Talker::come(way, &format!("{name}-kept"), false, None);
    kept.is_in(false).subscribe(&at("chờ/#"), 2);
    drop(kept);
    for qos in 1..3 {
        mouth.say(&at("chờ/tin"), &format!("đợi {qos}"), qos, false);
    }
    let mut kept = Talker::come(way, &format!("{name}-kept"), false, None);
    kept.is_in(true);
    for qos in 1..3 {
        kept.hear(&at("chờ/tin"), &format!("đợi {qos}"), qos, false);
    }
    // A shared subscription: each message once, both have work.
    let mut pair = [come("one"), come("two")];
    for member in &mut pair {
        member
            .is_in(false)
            .subscribe(&format!("$share/tổ/{}", at("việc/#")), 1);
    }
    for n in 0..10 {
        mouth.say(&at(&format!("việc/{n}")), "làm", 1, false);
    }
    let until = Instant::now() + Duration::from_secs(10);
    let mut work = [Vec::new(), Vec::new()];
    while work.iter().map(Vec::len).sum::<usize>() < 10 {
        assert!(Instant::now() < until, "{work:?}");
        for (member, work) in pair.iter_mut().zip(&mut work) {
            if let Ok(Heard::Message { topic, .. }) =
                member.heard.recv_timeout(Duration::from_millis(50))
            {
                work.push(topic);
            }
        }
    }
    let mut all: Vec<&String> = work.iter().flatten().collect();
    all.sort();
    all.dedup();
    assert!(
        all.len() == 10 && work.iter().all(|w| w.len() >= 3),
        "fairly: {work:?}"
    );
}

#[test]
fn rumqttc_feels_at_home() {
    let worker = Worker::started(wide_limits(), None, wire_accounts());
    let tls = || TlsConfiguration::Simple {
        ca: std::fs::read(worker.ca()).expect("the CA"),
        alpn: None,
        client_auth: None,
    };
    let doors = [
        ("tcp", worker.plain, Transport::Tcp),
        ("tls", worker.tls, Transport::Tls(tls())),
        ("ws", worker.ws, Transport::Ws),
        ("wss", worker.wss, Transport::Wss(tls())),
    ];
    // The library leaves the choice of the cryptography to the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (door, port, transport) in doors {
        for v5 in [false, true] {
            judge(
                &Way {
                    v5,
                    port,
                    transport: transport.clone(),
                },
                &format!("{door}{}", if v5 { 5 } else { 4 }),
            );
        }
    }
}
