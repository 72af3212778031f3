//! Many to one: 100 publishers, one subscriber to all of their messages.
//!
//! Invariants: rates are counted where messages arrive, between two moments of a running load;
//! losses are counted after the last message has arrived; nothing is retained. Two kinds of load.
//! Flood: with QoS 1 and 2 each publisher has 20 messages unacknowledged all the time, with QoS 0
//! it writes as fast as its socket takes. More arrives than one subscriber can receive; how a
//! broker handles that is half of the figure. Paced: each publisher has 8 messages that the
//! subscriber has not received yet. All of them fit into a session's queue of 1,000, so a broker
//! that also reads the subscriber's answers in time drops nothing: the figure is its throughput. A
//! message that has not arrived after 200 ms was dropped; it is counted, and the load does not fade
//! with it. Deliberately absent: other sizes of payload, several subscribers.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::brokers::{ALL, Broker, Keep, Kind, Plan, login, name};
use crate::client::{BUSY, Client, QUIET};
use crate::load::{PAYLOAD, WARM, WINDOW, add, busy, settle};
use crate::process::Meter;
use crate::report::Report;
use crate::wire::{self, Login};

/// Publishers.
const PUBLISHERS: usize = 100;
/// Messages of one paced publisher that the subscriber has not received yet.
const PACED: u64 = 8;
/// A message that has not arrived after this long is lost.
const LOST_AFTER: Duration = Duration::from_millis(200);
/// Messages in one write of a publisher that waits for nobody.
const BURST: u64 = 32;

/// The kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    Flood,
    Paced,
}

#[derive(Default)]
struct Tally {
    sent: Cell<u64>,
    taken: Cell<u64>,
    received: Cell<u64>,
    over: Cell<bool>,
    /// For each publisher: how many of its messages have arrived, and its notification.
    arrived: Vec<(Cell<u64>, Notify)>,
}

fn topic(publisher: usize) -> String {
    format!("d/{}/x", name(publisher))
}

/// Publishes QoS 0 without waiting until the load is over. The connection is returned open: closing
/// it now would throw away messages on their way.
async fn flood(mut client: Client, publisher: usize, tally: Rc<Tally>) -> Client {
    let burst = wire::publish(
        &topic(publisher),
        &wire::payload(publisher as u64, PAYLOAD),
        0,
        false,
        0,
    )
    .repeat(BURST as usize);
    while !tally.over.get() {
        client
            .send(&burst)
            .await
            .expect("a publisher stays connected");
        add(&tally.sent, BURST);
        tokio::task::yield_now().await;
    }
    client
}

/// The packets of a window, with ids from 1.
fn packets(publisher: usize, qos: u8, window: usize) -> Vec<Vec<u8>> {
    (1..=window as u16)
        .map(|id| {
            wire::publish(
                &topic(publisher),
                &wire::payload(publisher as u64, PAYLOAD),
                qos,
                false,
                id,
            )
        })
        .collect()
}

/// Publishes with a full window of unacknowledged messages until the load is over, then waits for
/// the last answers.
async fn press(mut client: Client, publisher: usize, qos: u8, tally: Rc<Tally>) -> Client {
    let packets = packets(publisher, qos, WINDOW);
    for packet in &packets {
        client.queue(packet);
    }
    add(&tally.sent, WINDOW as u64);
    let mut flying = WINDOW;
    while flying > 0 {
        client.flush().await.expect("a publisher stays connected");
        client.read().await.expect("a publisher stays connected");
        client.taken(|id, out| {
            add(&tally.taken, 1);
            if tally.over.get() {
                flying -= 1;
            } else {
                add(&tally.sent, 1);
                out.extend_from_slice(&packets[usize::from(id) - 1]);
            }
        });
    }
    client
}

/// Publishes no faster than the subscriber receives, until the load is over.
async fn pace(mut client: Client, publisher: usize, qos: u8, tally: Rc<Tally>) -> Client {
    let packets = packets(publisher, qos, PACED as usize);
    let (arrived, bell) = &tally.arrived[publisher];
    let (mut sent, mut taken, mut lost) = (0, 0, 0);
    while !tally.over.get() {
        // Answers and messages both arrive in order, so a place in the window is free when both
        // have arrived.
        let done = (arrived.get() + lost).min(if qos == 0 { sent } else { taken });
        while sent < done + PACED {
            client.queue(&packets[(sent % PACED) as usize]);
            sent += 1;
            add(&tally.sent, 1);
        }
        client.flush().await.expect("a publisher stays connected");
        tokio::select! {
            biased;
            () = bell.notified() => {}
            // A message that has not arrived by now was dropped; the load must not fade with it.
            () = sleep(LOST_AFTER) => lost = sent - arrived.get(),
            read = client.read() => {
                read.expect("a publisher stays connected");
                client.taken(|_, _| {
                    taken += 1;
                    add(&tally.taken, 1);
                });
                // An answer alone causes no write, but packets that QoS 2 needs in between must
                // leave.
                client.flush().await.expect("a publisher stays connected");
            }
        }
    }
    client
}

/// The subscriber; notifies paced publishers.
async fn listen(mut client: Client, press: Press, tally: Rc<Tally>) {
    loop {
        client.read().await.expect("the subscriber stays connected");
        let mut heard = 0;
        client.hear(|message| {
            heard += 1;
            if press == Press::Paced
                && let Some((arrived, bell)) =
                    wire::number(message.payload).and_then(|n| tally.arrived.get(n as usize))
            {
                add(arrived, 1);
                bell.notify_one();
            }
        });
        add(&tally.received, heard);
        client
            .flush()
            .await
            .expect("the subscriber stays connected");
    }
}

/// Runs the test once.
pub async fn run(kind: Kind, qos: u8, how: Press, keep: Keep, seconds: f64) -> Report {
    let broker = Broker::start(
        kind,
        Plan {
            keep,
            ..Plan::plain(PUBLISHERS)
        },
    );
    let (mut report, tally) = (
        Report::default(),
        Rc::new(Tally {
            arrived: (0..PUBLISHERS).map(|_| Default::default()).collect(),
            ..Tally::default()
        }),
    );
    let mut subscriber = Client::open(
        broker.address(),
        &Login {
            clean: keep == Keep::Nothing,
            ..login(ALL)
        },
        4 * BUSY,
    )
    .await
    .expect("the subscriber connects");
    let granted = subscriber
        .subscribe("d/#", qos)
        .await
        .expect("the subscriber subscribes");
    if granted != qos {
        report.note(format!("fan-in QoS {qos}: {kind:?} granted QoS {granted}"));
    }
    let mut hearing = JoinSet::new();
    hearing.spawn_local(listen(subscriber, how, tally.clone()));
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let client = Client::open(broker.address(), &login(&name(publisher)), QUIET)
            .await
            .expect("a publisher connects");
        match (how, qos) {
            (Press::Paced, _) => {
                publishers.spawn_local(pace(client, publisher, qos, tally.clone()))
            }
            (Press::Flood, 0) => publishers.spawn_local(flood(client, publisher, tally.clone())),
            (Press::Flood, _) => {
                publishers.spawn_local(press(client, publisher, qos, tally.clone()))
            }
        };
    }
    sleep(WARM).await;
    let (meter, received, taken) = (
        Meter::start(broker.pid()),
        tally.received.get(),
        tally.taken.get(),
    );
    sleep(Duration::from_secs_f64(seconds)).await;
    let used = meter.stop();
    let rate = |now: u64, before: u64| (now - before) as f64 / used.wall;
    let (received, taken) = (
        rate(tally.received.get(), received),
        rate(tally.taken.get(), taken),
    );
    tally.over.set(true);
    tally.arrived.iter().for_each(|(_, bell)| bell.notify_one());
    // Each publisher waits for its last answers; the connections stay open until the last message
    // has arrived.
    let mut open = Vec::new();
    while let Some(client) = publishers.join_next().await {
        open.push(client.expect("a publisher ends well"));
    }
    settle(&tally.received).await;
    drop(open);
    let test = format!(
        "fan-in QoS {qos}, {}{}",
        if how == Press::Flood {
            "flood"
        } else {
            "paced"
        },
        keep.name()
    );
    report.more(format!("{test}: received"), received, "msg/s");
    if qos > 0 {
        report.aside(
            format!("{test}: acknowledged to publishers"),
            taken,
            "msg/s",
        );
    }
    let lost =
        tally.sent.get().saturating_sub(tally.received.get()) as f64 / tally.sent.get() as f64;
    report.less(format!("{test}: sent, never received"), lost * 100.0, "%");
    report.less(
        format!("{test}: broker's CPU per 1,000 received"),
        used.broker * 1e6 / (received * used.wall),
        "ms",
    );
    busy(&mut report, &test, used);
    report
}
