//! A village's end of the link to the commune, as the commune meets it: certificate, HELLO, and
//! what a test says next.

use std::time::{Duration, Instant};

use conglang::keys::tls;
use conglang::protocol::commune::{DownlinkMessage, Stream, UplinkMessage};
use conglang::supervisor::clock::Clock;
use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS, TlsConfiguration, Transport};

use crate::support::office::Commune;

fn connect(commune: &Commune, village: &str) -> (Client, Connection) {
    let files = commune.village(village);
    let config = tls::client_config(&commune.ca().join("ca.pem"), Some(&files), Clock::system(0))
        .expect("client");
    let mut options = MqttOptions::new(format!("gate-{village}"), "localhost", commune.mqtt);
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config)));
    options
        .set_keep_alive(Duration::from_secs(30))
        .set_clean_session(true)
        .set_max_packet_size(1 << 20, 8 << 20)
        .set_inflight(16);
    Client::new(options, 64)
}

/// Says something to the commune; false = the queue is full.
pub fn say(client: &Client, village: &str, up: &UplinkMessage) -> bool {
    client
        .try_publish(
            format!("up/{village}/say"),
            QoS::AtLeastOnce,
            false,
            serde_json::to_vec(up).expect("JSON"),
        )
        .is_ok()
}

/// What the commune says next; none = nothing within `most`.
pub fn hear(connection: &mut Connection, most: Duration) -> Option<DownlinkMessage> {
    let until = Instant::now() + most;
    loop {
        match connection.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Ok(Event::Incoming(Packet::Publish(publish)))) => {
                return serde_json::from_slice(&publish.payload).ok();
            }
            Ok(Ok(_)) => {}
            Ok(Err(cause)) => panic!("the link ended: {cause}"),
            Err(_) => return None,
        }
    }
}

/// A village that came in with one stream and was answered.
pub fn enter(commune: &Commune, village: &str, stream: &Stream) -> (Client, Connection) {
    let (client, mut connection) = connect(commune, village);
    client
        .try_subscribe(format!("down/{village}/#"), QoS::AtLeastOnce)
        .expect("queued");
    loop {
        match connection.recv_timeout(Duration::from_secs(60)) {
            Ok(Ok(Event::Incoming(Packet::SubAck(_)))) => break,
            Ok(Ok(_)) => {}
            other => panic!("{village} does not get in: {other:?}"),
        }
    }
    // What was said while the commune's own link began anew is lost; a village says it again until
    // it is answered.
    for _ in 0..6 {
        assert!(say(
            &client,
            village,
            &UplinkMessage::Hello {
                epoch: stream.epoch.clone(),
                boot: 1,
                streams: vec![(stream.clone(), 1, 1)]
            }
        ));
        if matches!(
            hear(&mut connection, Duration::from_secs(10)),
            Some(DownlinkMessage::Resume { .. })
        ) {
            return (client, connection);
        }
    }
    panic!("{village} is not answered")
}

/// Says something and stays on the link until it is sent and acknowledged.
pub fn tell(client: &Client, connection: &mut Connection, village: &str, up: &UplinkMessage) {
    assert!(say(client, village, up), "the queue is full");
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match connection.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => return,
            Ok(Ok(_)) => {}
            other => panic!("what {village} says does not get through: {other:?}"),
        }
    }
}
