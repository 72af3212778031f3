//! A long download of a phone that is in, through the kernel's rules, beside the same download over
//! a bare bridge between the same two machines.
//!
//! Invariants: one connection, one server; a round is the rules, the bridge, and the bridge again,
//! in an order that rotates; a download that breaks off is counted, and the next one begins.
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
        let request = format!("GET /tai HTTP/1.1\r\nhost: {}\r\n\r\n", from.ip());
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

/// Measures. `host` is reached through the rules, `bare` is the same host over the bridge.
pub fn measure(host: SocketAddr, bare: SocketAddr, rounds: usize, length: Duration) -> Vec<Row> {
    let ways = [host, bare, bare];
    let (mut runs, mut broken) = (Vec::new(), 0);
    for round in 0..rounds {
        eprintln!("download, round {} of {rounds}", round + 1);
        let mut this = [0.0; 3];
        for turn in 0..ways.len() {
            let which = (turn + round) % ways.len();
            let (speed, broke) = pump(ways[which], length);
            this[which] = speed;
            broken += broke;
        }
        runs.push(this);
    }
    let bar = Bar::PartOfOther(PART);
    let name = "download through the rules";
    let broken = f64::from(broken);
    vec![
        Row::beside(name, "bare bridge", &runs, "Gbit/s", bar),
        Row::alone("  downloads that broke off", broken, "", Bar::AtMost(0.0)),
    ]
}
