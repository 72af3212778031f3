//! A visitor's phone: its probe is redirected, one tap lets it in, and the next probe says that it
//! is online.
//!
//! Invariants: every probe is a connection of its own, as phones do it; the probe behind a tap is
//! the first and only one, so a device that is told of its way in before the kernel has it open
//! breaks the bench off.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::runtime::Runtime;

use crate::house::{BOX, House, ms, phone, until};
use crate::http::once;
use crate::report::{Bar, Row, latency};

const PROBE: &[u8] = b"GET /generate_204 HTTP/1.1\r\nhost: connectivitycheck.gstatic.com\r\n\
    user-agent: Dalvik/2.1.0\r\nconnection: close\r\n\r\n";
const TAP: &[u8] = b"POST /in HTTP/1.1\r\nhost: 10.7.0.1\r\n\
    content-type: application/x-www-form-urlencoded\r\ncontent-length: 7\r\n\
    accept-encoding: gzip\r\n\r\nlang=vi";
/// The longest that a probe may take, ms.
const PROBE_BAR: f64 = 20.0;
/// The longest from the tap to online, ms.
const TAP_BAR: f64 = 50.0;

/// The phone, and the house that it visits.
pub struct Visitor<'a> {
    house: &'a House,
    /// A host of the internet that answers every probe with 204.
    host: SocketAddr,
    runtime: Runtime,
}

impl<'a> Visitor<'a> {
    pub fn new(house: &'a House, host: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        Self {
            house,
            host,
            runtime,
        }
    }

    /// The status that a probe gets.
    fn probe(&self) -> u16 {
        let answer = once(phone(0), self.host, PROBE);
        self.runtime.block_on(answer).expect("a probe").status
    }

    fn tap(&self) -> u16 {
        let answer = once(phone(0), SocketAddr::from((BOX, 80)), TAP);
        self.runtime.block_on(answer).expect("a tap").status
    }

    /// Probes of a device that is not in.
    pub fn probes(&self, count: usize) -> Vec<Row> {
        eprintln!("probe → 302");
        until("the phone is led to the portal", || self.probe() == 302);
        let mut times = Vec::new();
        for _ in 0..count {
            let began = Instant::now();
            assert_eq!(self.probe(), 302, "a device that is not in");
            times.push(ms(began));
        }
        latency("probe → 302", times, Bar::AtMost(PROBE_BAR)).into()
    }

    /// Taps, each with the probe behind it; between them the session is cut.
    pub fn taps(&self, count: usize, setting: &str) -> Vec<Row> {
        eprintln!("tap → online, {setting}");
        let others = self.house.devices();
        until("the phone is led to the portal", || self.probe() == 302);
        let (mut taps, mut whole) = (Vec::new(), Vec::new());
        let mut device = None;
        for _ in 0..count {
            let began = Instant::now();
            assert_eq!(self.tap(), 200, "the tap is answered");
            taps.push(ms(began));
            assert_eq!(self.probe(), 204, "online as soon as the page says so");
            whole.push(ms(began));
            let id = device.take().or_else(|| self.house.device(&others));
            let id = id.expect("the phone is on the list");
            self.house.cut(&id);
            assert_eq!(self.probe(), 302, "captive as soon as it is cut");
            device = Some(id);
        }
        let mut rows = Vec::from(latency(
            &format!("tap → online, {setting}"),
            whole,
            Bar::AtMost(TAP_BAR),
        ));
        rows.extend(latency("  of it the tap's own answer", taps, None));
        rows
    }

    /// Lets the phone in and leaves it so.
    pub fn enter(&self) {
        assert_eq!(self.tap(), 200, "the tap is answered");
        assert_eq!(self.probe(), 204, "online");
    }
}
