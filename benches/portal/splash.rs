//! The portal's first page beside nginx with the very bytes of it.
//!
//! Invariants: a round is ours, nginx, and nginx again, in an order that rotates; both are asked at
//! their own port over the same cable and the same rules of the kernel, and both compress each
//! answer anew; what one of them does with a connection behind an answer, the other is configured
//! to do. Deliberately absent: a file that was compressed before: the page is another for each
//! device.

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::house::{ms, phone};
use crate::http::{Answer, Line, once};
use crate::report::{Bar, Row, quantile};

/// Connections at a time, each from an address of its own.
const CONNECTIONS: [usize; 3] = [1, 60, 300];
/// Time before this is warm-up.
const WARM: Duration = Duration::from_millis(500);
/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// The least part of nginx's requests.
const PART: f64 = 0.5;

/// A server under load.
#[derive(Clone, Copy)]
struct Server {
    name: &'static str,
    address: SocketAddr,
    path: &'static str,
}

impl Server {
    fn request(&self, encoding: &str) -> Rc<[u8]> {
        let (path, host) = (self.path, self.address.ip());
        format!("GET {path} HTTP/1.1\r\nhost: {host}\r\naccept-encoding: {encoding}\r\n\r\n")
            .into_bytes()
            .into()
    }

    async fn answer(&self, encoding: &str) -> Answer {
        once(phone(0), self.address, &self.request(encoding))
            .await
            .unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }
}

/// The outcome of one run.
#[derive(Default)]
struct Run {
    /// Answers a second.
    rate: f64,
    p50: f64,
    p99: f64,
    failed: f64,
}

/// What the clients of a run count together.
#[derive(Default)]
struct Tally {
    latencies: RefCell<Vec<f64>>,
    /// Answers before the end.
    in_time: Cell<u64>,
    failed: Cell<u64>,
}

async fn client(
    server: Server,
    from: Ipv4Addr,
    request: Rc<[u8]>,
    (begin, end): (Instant, Instant),
    tally: Rc<Tally>,
) {
    let mut line: Option<Line> = None;
    while Instant::now() < end {
        let began = Instant::now();
        let exchange = async {
            let mut open = match line.take() {
                Some(open) => open,
                None => Line::open(from, server.address).await?,
            };
            let answer = open.ask(&request).await?;
            Ok::<_, std::io::Error>((answer.status == 200, (!answer.closes).then_some(open)))
        };
        let is_answered = match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(Ok((is_answered, kept))) => {
                line = kept;
                is_answered
            }
            _ => false,
        };
        let now = Instant::now();
        if !is_answered {
            tally.failed.set(tally.failed.get() + 1);
        } else if now >= begin {
            // An answer that comes after the end is late, not absent: it is one of the latencies.
            tally.latencies.borrow_mut().push(ms(began));
            tally
                .in_time
                .set(tally.in_time.get() + u64::from(now <= end));
        }
    }
}

fn run(server: Server, connections: usize, length: Duration) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let begin = Instant::now() + WARM;
    let tally = Rc::new(Tally::default());
    let local = tokio::task::LocalSet::new();
    for number in 0..connections {
        let times = (begin, begin + length);
        let (request, tally) = (server.request("gzip"), tally.clone());
        local.spawn_local(client(server, phone(number), request, times, tally));
    }
    runtime.block_on(local);
    let mut latencies = tally.latencies.take();
    let (name, failed) = (server.name, tally.failed.get());
    assert!(
        !latencies.is_empty(),
        "{name}: {failed} failed, none was answered"
    );
    Run {
        rate: tally.in_time.get() as f64 / length.as_secs_f64(),
        p50: quantile(&mut latencies, 0.5),
        p99: quantile(&mut latencies, 0.99),
        failed: tally.failed.get() as f64,
    }
}

/// Measures; the second value says what a reader of the figures must know.
pub fn measure(
    portal: SocketAddr,
    nginx: SocketAddr,
    rounds: usize,
    length: Duration,
) -> (Vec<Row>, Vec<String>) {
    let servers = [
        ("ours", portal, "/"),
        ("nginx", nginx, "/splash.html"),
        ("nginx again", nginx, "/splash.html"),
    ];
    let servers = servers.map(|(name, address, path)| Server {
        name,
        address,
        path,
    });
    let (mut rows, notes) = compare_answers(&servers);
    for connections in CONNECTIONS {
        let mut runs: Vec<[Run; 3]> = Vec::new();
        for round in 0..rounds {
            let mut this: [Run; 3] = Default::default();
            for turn in 0..servers.len() {
                let which = (turn + round) % servers.len();
                let server = servers[which];
                eprintln!(
                    "splash, {connections} connections, round {} of {rounds}: {}",
                    round + 1,
                    server.name
                );
                this[which] = run(server, connections, length);
            }
            runs.push(this);
        }
        let figures = |of: fn(&Run) -> f64| -> Vec<[f64; 3]> {
            let row = |three: &[Run; 3]| [of(&three[0]), of(&three[1]), of(&three[2])];
            runs.iter().map(row).collect()
        };
        let name = |what: &str| match connections {
            1 => format!("splash, 1 connection: {what}"),
            n => format!("splash, {n} connections: {what}"),
        };
        let bar = Bar::PartOfOther(PART);
        let (rates, failed) = (figures(|r| r.rate), figures(|r| r.failed));
        rows.push(Row::beside(name("requests"), "nginx", &rates, "/s", bar));
        rows.push(Row::beside(
            name("p50"),
            "nginx",
            &figures(|r| r.p50),
            "ms",
            None,
        ));
        rows.push(Row::beside(
            name("p99"),
            "nginx",
            &figures(|r| r.p99),
            "ms",
            Bar::TimesOther(1.0 / PART),
        ));
        if failed.iter().flatten().any(|n| *n > 0.0) {
            rows.push(Row::beside(name("failed"), "nginx", &failed, "", None));
        }
    }
    (rows, notes)
}

/// One answer of each: the bytes that come over the wire, and what becomes of the connection.
fn compare_answers(servers: &[Server; 3]) -> (Vec<Row>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let [ours, nginx, _] = servers;
    let answers = |encoding| {
        runtime.block_on(async { (ours.answer(encoding).await, nginx.answer(encoding).await) })
    };
    let mut rows = Vec::new();
    let mut is_closed = false;
    for (encoding, what) in [
        ("gzip", "splash, gzip, with chunk heads"),
        ("identity", "splash, not compressed"),
    ] {
        let (ours, nginx) = answers(encoding);
        assert_eq!((ours.status, nginx.status), (200, 200), "both answer");
        assert_eq!(ours.closes, nginx.closes, "both treat the connection alike");
        let three = [ours.body_bytes, nginx.body_bytes, nginx.body_bytes].map(|n| n as f64);
        rows.push(Row::beside(what, "nginx", &[three], "B", None));
        is_closed = ours.closes;
    }
    let note = if is_closed {
        "The portal ends the connection behind each answer: every request has a connection of its \
         own, on nginx too (keepalive_timeout 0)."
    } else {
        "Connections are kept and used again, on both."
    };
    (rows, vec![note.to_owned()])
}
