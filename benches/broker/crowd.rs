//! Many connections: the cost of one that is silent, and how fast all reconnect at once.
//!
//! Invariants: an idle connection has logged in and subscribed to its own branch, as a device has;
//! memory is read once it stands still. In the storm every handshake is complete (no resumption),
//! eight at once; the client does not verify, because its work is not measured; the connections
//! stay open, as those of devices after a power cut do. Deliberately absent: memory in the kernel,
//! client certificates.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use crate::blind;
use crate::brokers::{Broker, Kind, Plan, login, name};
use crate::client::{Client, QUIET, tcp};
use crate::load::busy;
use crate::process::{Meter, rss};
use crate::report::Report;

/// Connections of the storm, and how many are on their way at once.
const STORM: usize = 3_000;
const AT_ONCE: usize = 8;

/// RSS when it has changed by less than 64 KiB in half a second.
async fn settled_rss(pid: u32) -> f64 {
    let mut before = rss(pid);
    for _ in 0..20 {
        sleep(Duration::from_millis(500)).await;
        let now = rss(pid);
        if (now - before).abs() < 65_536.0 {
            return now;
        }
        before = now;
    }
    before
}

/// Memory that a silent connection costs.
pub async fn idle(kind: Kind, connections: usize) -> Report {
    let broker = Broker::start(kind, Plan::plain(connections));
    // The first connection pays for memory that all share.
    let first = Client::open(broker.address(), &login(&name(0)), QUIET)
        .await
        .expect("a device connects");
    let before = settled_rss(broker.pid()).await;
    let mut open = vec![first];
    for name in (1..connections).map(name) {
        let mut client = Client::open(broker.address(), &login(&name), QUIET)
            .await
            .expect("a device connects");
        client
            .subscribe(&format!("c/{name}/#"), 1)
            .await
            .expect("a device subscribes");
        open.push(client);
    }
    let after = settled_rss(broker.pid()).await;
    let meter = Meter::start(broker.pid());
    sleep(Duration::from_secs(2)).await;
    let used = meter.stop();
    drop(open);
    let mut report = Report::default();
    report.less(
        format!("{connections} idle connections: RSS of each"),
        (after - before) / (connections - 1) as f64,
        "bytes",
    );
    report.aside(
        format!("{connections} idle connections: RSS in all"),
        after / 1024.0,
        "KiB",
    );
    report.less(
        format!("{connections} idle connections: broker's CPU"),
        used.broker / used.wall * 1000.0,
        "ms/s",
    );
    report
}

/// TLS connections after a power cut.
pub async fn storm(kind: Kind) -> Report {
    let broker = Broker::start(
        kind,
        Plan {
            tls: true,
            ..Plan::plain(STORM)
        },
    );
    let (connector, address) = (TlsConnector::from(blind::config()), broker.address());
    let next = Rc::new(Cell::new(0));
    let mut lanes = JoinSet::new();
    let meter = Meter::start(broker.pid());
    for _ in 0..AT_ONCE {
        let (connector, next) = (connector.clone(), next.clone());
        lanes.spawn_local(async move {
            let (mut open, mut times) = (Vec::new(), Vec::new());
            while next.get() < STORM {
                let name = name(next.replace(next.get() + 1));
                let began = std::time::Instant::now();
                let server = ServerName::from(std::net::IpAddr::from([127, 0, 0, 1]));
                let stream = connector
                    .connect(server, tcp(address).await.expect("a device connects"))
                    .await
                    .expect("a handshake succeeds");
                open.push(
                    Client::greet(stream, &login(&name), QUIET)
                        .await
                        .expect("a device logs in"),
                );
                times.push(began.elapsed().as_secs_f64() * 1e6);
            }
            (open, times)
        });
    }
    let ended = lanes.join_all().await;
    let used = meter.stop();
    let mut report = Report::default();
    report.more("TLS storm: connections", STORM as f64 / used.wall, "1/s");
    report.latency(
        "TLS storm: one connection",
        ended
            .iter()
            .flat_map(|(_, times)| times.iter().copied())
            .collect(),
    );
    report.less(
        "TLS storm: broker's CPU for each",
        used.broker * 1e6 / STORM as f64,
        "µs",
    );
    report.less(
        "TLS storm: broker's RSS, all connected",
        rss(broker.pid()) / 1024.0,
        "KiB",
    );
    busy(&mut report, "TLS storm", used);
    report
}
