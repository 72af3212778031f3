//! A long download of a phone that is in, through the kernel's rules, beside the same download over
//! a bare bridge between the same two machines, and over a router without any rule: what the rules
//! cost, and what it costs that the box is a router.
//!
//! Invariants: one connection, one server; a round is the rules, each of the others, and each of
//! them again, in an order that rotates; a download goes on for the whole of its turn, so what its beginning
//! costs is no part of it; one that breaks off is counted, and the next one begins.
//! Deliberately absent: the speed of any wire. Nothing here is slower
//! than the processor, so the ratio is that of the work for each byte; on a line of 1 Gbit/s both
//! would be the line's.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::report::{Bar, Row};

/// The least part of the bare bridge's bytes.
const PART: f64 = 0.9;

/// Gbit/s of downloads from an address for so long, and how many of them broke off.
fn pump(from: SocketAddr, length: Duration) -> (f64, u32) {
    let began = Instant::now();
    let (mut bytes, mut broken, mut piece) = (0_u64, 0, vec![0; 256 * 1_024]);
    while began.elapsed() < length {
        let mut stream = TcpStream::connect(from).expect("the host of the internet");
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).expect("a time-out");
        let request = format!("GET /tai-mai HTTP/1.1\r\nhost: {}\r\n\r\n", from.ip());
        stream.write_all(request.as_bytes()).expect("asked");
        let mut own = 0;
        while began.elapsed() < length {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => own += read as u64,
                Err(cause) => {
                    eprintln!("{from}, after {own} bytes: {cause}");
                    broken += 1;
                    break;
                }
            }
        }
        assert!(own > 1_000, "{from} gives no download");
        bytes += own;
    }
    (
        bytes as f64 * 8.0 / began.elapsed().as_secs_f64() / 1e9,
        broken,
    )
}

/// The ways to the same host.
#[derive(Debug, Clone, Copy)]
pub struct Ways {
    /// Through the box and its rules.
    pub rules: SocketAddr,
    /// Over a bridge.
    pub bridge: SocketAddr,
    /// Over a router without rules.
    pub router: SocketAddr,
}

/// Measures.
pub fn measure(ways: Ways, rounds: usize, length: Duration) -> Vec<Row> {
    let Ways {
        rules,
        bridge,
        router,
    } = ways;
    let ways = [rules, bridge, router, bridge, router];
    let (mut to_bridge, mut to_router, mut broken) = (Vec::new(), Vec::new(), 0);
    for round in 0..rounds {
        eprintln!("download, round {} of {rounds}", round + 1);
        let mut this = [0.0; 5];
        for turn in 0..ways.len() {
            let which = (turn + round) % ways.len();
            let (speed, broke) = pump(ways[which], length);
            this[which] = speed;
            broken += broke;
        }
        to_bridge.push([this[0], this[1], this[3]]);
        to_router.push([this[0], this[2], this[4]]);
    }
    let bar = Bar::PartOfOther(PART);
    let name = "download through the rules";
    let broken = f64::from(broken);
    vec![
        Row::beside(name, "bare bridge", &to_bridge, "Gbit/s", bar),
        Row::beside(name, "router without rules", &to_router, "Gbit/s", None),
        Row::alone("  downloads that broke off", broken, "", Bar::AtMost(0.0)),
    ]
}
