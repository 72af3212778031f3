//! Names for the tests of the guest network: a resolver in the internet of a test, and a phone's
//! question.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::segments::{GARDEN_HOST, HOST, Segments};

/// A name that the resolver puts at the garden's host; every other name is at the usual host.
pub const GARDEN_NAME: &str = "dichvucong.example";

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

/// Serves names at an address of the internet until the test ends.
pub fn serve(segments: &Segments, address: &str) {
    let socket = segments.inside("net", || UdpSocket::bind(address).expect("a port"));
    std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            if let Some(reply) = reply(&packet[..length]) {
                let _ = socket.send_to(&reply, from);
            }
        }
    });
}

/// One record for a question of A or AAAA, and “no data” for every other.
fn reply(question: &[u8]) -> Option<Vec<u8>> {
    let (name, end) = read_name(question)?;
    let kind = u16::from_be_bytes([*question.get(end)?, *question.get(end + 1)?]);
    let host = if name == GARDEN_NAME {
        GARDEN_HOST
    } else {
        HOST
    };
    let data: Vec<u8> = match kind {
        TYPE_A => bytes_of(host[0]),
        TYPE_AAAA => bytes_of(host[1]),
        _ => Vec::new(),
    };
    let records = u8::from(!data.is_empty());
    let mut out = question[..2].to_vec();
    out.extend([0x81, 0x80, 0, 1, 0, records, 0, 0, 0, 0]);
    out.extend(question.get(12..end + 4)?);
    if records == 1 {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

fn bytes_of(address: &str) -> Vec<u8> {
    match address.parse().expect("an address") {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// The name of a question, and where its type begins.
fn read_name(packet: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = packet.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        at += length;
    }
}

/// Asks a server for the addresses of a name from a namespace; none = no answer in time, an empty
/// list = an answer without addresses.
pub fn ask(segments: &Segments, place: &str, server: &str, name: &str) -> Option<Vec<IpAddr>> {
    let server: SocketAddr = server.parse().expect("an address");
    let kinds = [TYPE_A, TYPE_AAAA];
    let answers = kinds.map(|kind| ask_for(segments, place, server, name, kind));
    let all: Option<Vec<Vec<IpAddr>>> = answers.into_iter().collect();
    all.map(|lists| lists.concat())
}

fn ask_for(
    segments: &Segments,
    place: &str,
    server: SocketAddr,
    name: &str,
    kind: u16,
) -> Option<Vec<IpAddr>> {
    let any = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = segments.inside(place, || UdpSocket::bind(any).expect("a port"));
    let mut packet = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).expect("short"));
        packet.extend(label.as_bytes());
    }
    packet.push(0);
    packet.extend(kind.to_be_bytes());
    packet.extend([0, 1]);
    let limit = Some(Duration::from_secs(3));
    socket.set_read_timeout(limit).expect("timeout");
    socket.send_to(&packet, server).ok()?;
    let mut answer = [0; 1_024];
    let length = socket.recv(&mut answer).ok()?;
    Some(addresses(&answer[..length], packet.len()))
}

/// The addresses among the records behind a question of so many bytes.
fn addresses(packet: &[u8], question: usize) -> Vec<IpAddr> {
    let mut out = Vec::new();
    let mut at = question;
    let count = packet.get(7).copied().unwrap_or(0);
    for _ in 0..count {
        // Names of records are pointers here, two bytes, or written out.
        while packet.get(at).is_some_and(|b| *b != 0 && *b < 0xc0) {
            at += usize::from(packet[at]) + 1;
        }
        at += if packet.get(at) == Some(&0) { 1 } else { 2 };
        let Some(head) = packet.get(at..at + 10) else {
            return out;
        };
        let length = usize::from(u16::from_be_bytes([head[8], head[9]]));
        let data = packet.get(at + 10..at + 10 + length).unwrap_or_default();
        if let Ok(v4) = <[u8; 4]>::try_from(data) {
            out.push(IpAddr::from(v4));
        } else if let Ok(v6) = <[u8; 16]>::try_from(data) {
            out.push(IpAddr::from(v6));
        }
        at += 10 + length;
    }
    out
}
