//! A device that speaks MQTT 3.1.1 in bytes, right or wrong; it waits for nothing that it does not
//! ask for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::house::{House, secret};
use crate::support::peer::{packet, text};

/// The flag of a PUBLISH that the broker is to keep, in its first byte.
pub const RETAIN: u8 = 1;

pub fn connect(house: &House, id: &str, client: &str, clean: bool) -> TcpStream {
    connect_with(house, id, &secret(id), client, clean)
}

pub fn connect_with(house: &House, id: &str, secret: &str, client: &str, clean: bool) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", house.mqtt)).expect("connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("timeout");
    let mut body = b"\x00\x04MQTT\x04".to_vec();
    body.push(0xc0 | if clean { 2 } else { 0 });
    body.extend_from_slice(&30u16.to_be_bytes());
    for part in [client, id, secret] {
        text(&mut body, part);
    }
    send(&mut stream, 0x10, &body);
    stream
}

pub fn send(stream: &mut TcpStream, first: u8, body: &[u8]) {
    let _ = stream.write_all(&packet(first, body));
}

pub fn publish(stream: &mut TcpStream, topic: &str, payload: &[u8], flags: u8, id: u16) {
    let mut body = Vec::new();
    text(&mut body, topic);
    if flags & 6 != 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend_from_slice(payload);
    send(stream, 0x30 | flags, &body);
}

pub fn subscribe(stream: &mut TcpStream, filter: &str, qos: u8) {
    let mut body = vec![0, 9];
    text(&mut body, filter);
    body.push(qos);
    send(stream, 0x82, &body);
}

/// Bytes until the peer pauses or ends.
pub fn read(stream: &mut TcpStream, most: Duration) -> Vec<u8> {
    stream.set_read_timeout(Some(most)).expect("timeout");
    let mut out = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n) = stream.read(&mut buffer) {
        if n == 0 {
            break;
        }
        out.extend_from_slice(&buffer[..n]);
        stream
            .set_read_timeout(Some(Duration::from_millis(150)))
            .expect("timeout");
    }
    out
}
