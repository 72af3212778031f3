//! Stored state of a broker: retained messages, a start with many of them, and the losses of a
//! crash.
//!
//! Invariants: 10,000 retained messages belong to 20 devices, each publishing with 20
//! unacknowledged. The restart is orderly and timed from the process's start to the CONNACK of a
//! client that tries without pause. In the crash the subscriber's session is two seconds old when
//! the messages begin, the broker is killed at a moment that is random but the same for all of a
//! round, and fewer messages are published than a session's queue holds: a missing message was
//! lost, not dropped. Deliberately absent: power cuts, where data that the kernel holds are lost
//! too.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::brokers::{ALL, Broker, Keep, Kind, PASSWORD, Plan, login, name};
use crate::client::{BUSY, Client, QUIET};
use crate::load::WINDOW;
use crate::process::{Meter, rss};
use crate::report::Report;
use crate::wire::{self, Login};

/// Devices with retained messages, and messages of each.
const DEVICES: usize = 20;
const EACH: usize = 500;
/// Topic branches whose losses are counted separately, because a broker may store them differently.
const CLASSES: [(&str, &str); 2] = [("reports", "d/u0000/x"), ("orders", "c/u0000/set")];

/// Publishes each packet once, its id being its place plus one; ends when all are acknowledged.
async fn publish_all(mut client: Client, packets: Vec<Vec<u8>>) {
    packets.iter().take(WINDOW).for_each(|p| client.queue(p));
    let (mut next, mut taken) = (WINDOW, 0);
    while taken < packets.len() {
        client.flush().await.expect("a publisher stays connected");
        client.read().await.expect("a publisher stays connected");
        client.taken(|_, out| {
            taken += 1;
            packets.get(next).inspect(|p| out.extend_from_slice(p));
            next += 1;
        });
    }
}

/// Fills a broker with retained messages of 100 bytes; gives what it used.
async fn fill(broker: &Broker) -> crate::process::Used {
    let mut all = Vec::new();
    for name in (0..DEVICES).map(name) {
        let client = Client::open(broker.address(), &login(&name), QUIET)
            .await
            .expect("a publisher connects");
        let packets: Vec<Vec<u8>> = (0..EACH)
            .map(|n| {
                wire::publish(
                    &format!("d/{name}/r{n}"),
                    &wire::payload(n as u64, 100),
                    1,
                    true,
                    n as u16 + 1,
                )
            })
            .collect();
        all.push((client, packets));
    }
    let meter = Meter::start(broker.pid());
    let mut publishers: JoinSet<()> = JoinSet::new();
    for (client, packets) in all {
        publishers.spawn_local(publish_all(client, packets));
    }
    publishers.join_all().await;
    meter.stop()
}

/// Subscribes to everything; gives how many messages arrived and the milliseconds until the last
/// one.
async fn collect(broker: &Broker, qos: u8) -> (usize, f64) {
    let mut client = Client::open(broker.address(), &login(ALL), 4 * BUSY)
        .await
        .expect("the subscriber connects");
    let began = Instant::now();
    client
        .send(&wire::subscribe(1, "#", qos))
        .await
        .expect("the subscriber subscribes");
    let (mut count, mut last) = (0, 0.0);
    while count < DEVICES * EACH
        && timeout(Duration::from_secs(1), client.read())
            .await
            .is_ok_and(|read| read.is_ok())
    {
        client.hear(|_| count += 1);
        last = began.elapsed().as_secs_f64() * 1000.0;
        client
            .flush()
            .await
            .expect("the subscriber stays connected");
    }
    (count, last)
}

/// Many retained messages published, and delivered to a new subscriber.
pub async fn retained(kind: Kind) -> Report {
    let broker = Broker::start(kind, Plan::plain(DEVICES));
    let before = rss(broker.pid());
    let used = fill(&broker).await;
    let mut report = Report::default();
    report.less(
        "10,000 retained: published QoS 1 in",
        used.wall * 1000.0,
        "ms",
    );
    report.less(
        "10,000 retained: broker's CPU meanwhile",
        used.broker * 1000.0,
        "ms",
    );
    report.less(
        "10,000 retained: RSS of each",
        (rss(broker.pid()) - before) / (DEVICES * EACH) as f64,
        "bytes",
    );
    for qos in [0, 1] {
        let (count, last) = collect(&broker, qos).await;
        // The time of a part cannot be compared with the time of all.
        let whole = if count == DEVICES * EACH {
            last
        } else {
            f64::NAN
        };
        report.less(
            format!("10,000 retained: to a newcomer, QoS {qos}, in"),
            whole,
            "ms",
        );
        report.never(
            format!("10,000 retained: to a newcomer, QoS {qos}, missing"),
            (DEVICES * EACH - count) as f64,
            "messages",
        );
    }
    report
}

/// An orderly restart with many retained messages.
pub async fn restart(kind: Kind) -> Report {
    let mut broker = Broker::start(
        kind,
        Plan {
            keep: Keep::Default,
            ..Plan::plain(DEVICES)
        },
    );
    fill(&broker).await;
    let ending = Instant::now();
    broker.stop();
    let stopped = ending.elapsed().as_secs_f64() * 1000.0;
    let began = Instant::now();
    broker.launch();
    while Client::open(broker.address(), &login(ALL), QUIET)
        .await
        .is_err()
    {
        std::thread::sleep(Duration::from_micros(200));
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "the broker does not come back"
        );
    }
    let ready = began.elapsed().as_secs_f64() * 1000.0;
    let (count, _) = collect(&broker, 0).await;
    let mut report = Report::default();
    report.less(
        "restart with 10,000 retained: start to CONNACK",
        ready,
        "ms",
    );
    report.less("restart with 10,000 retained: polite end", stopped, "ms");
    report.never(
        "restart with 10,000 retained: missing after it",
        (DEVICES * EACH - count) as f64,
        "messages",
    );
    report
}

/// Publishes until the broker is killed with signal 9 after `life`; gives the numbers that it
/// acknowledged.
async fn publish_until_killed(broker: &mut Broker, life: Duration) -> BTreeSet<u64> {
    let mut publisher = Client::open(broker.address(), &login(ALL), QUIET)
        .await
        .expect("the publisher connects");
    let (mut tick, mut number, mut acknowledged) =
        (interval(Duration::from_millis(10)), 0u64, BTreeSet::new());
    let mut end = Box::pin(sleep(life));
    loop {
        tokio::select! {
                    () = &mut end => break,
                    read = publisher.read() => {
                        read.expect("the publisher stays connected");
                        publisher.taken(|id, _| {
         acknowledged.insert(u64::from(id) - 1);
        });
                    }
                    _ = tick.tick() => {
                        for _ in 0..3 {
                            let (_, topic) = CLASSES[number as usize % 2];
                            let (payload, id) = (wire::payload(number, 64), number as u16 + 1);
                            publisher.queue(&wire::publish(topic, &payload, 1, false, id));
                            number += 1;
                        }
                        publisher.flush().await.expect("the publisher stays connected");
                    }
                }
    }
    broker.kill();
    // Acknowledgements that it sent before it was killed count.
    while let Ok(Ok(())) = timeout(Duration::from_secs(1), publisher.read()).await {
        publisher.taken(|id, _| {
            acknowledged.insert(u64::from(id) - 1);
        });
    }
    acknowledged
}

/// Acknowledged, then lost: kill -9 while a subscriber with a persistent session is disconnected.
pub async fn sudden_death(kind: Kind, keep: Keep, luck: f64) -> Report {
    let mut broker = Broker::start(
        kind,
        Plan {
            keep,
            ..Plan::plain(1)
        },
    );
    let away = Login {
        client_id: "away",
        name: ALL,
        password: PASSWORD,
        clean: false,
    };
    let mut subscriber = Client::open(broker.address(), &away, QUIET)
        .await
        .expect("the subscriber connects");
    subscriber
        .subscribe("#", 1)
        .await
        .expect("the subscriber subscribes");
    drop(subscriber);
    sleep(Duration::from_secs(2)).await;
    let acknowledged =
        publish_until_killed(&mut broker, Duration::from_secs_f64(0.5 + 2.5 * luck)).await;
    broker.launch();
    broker.wait();
    let mut subscriber = Client::open(broker.address(), &away, BUSY)
        .await
        .expect("the subscriber returns");
    let (mut found, quiet) = (BTreeSet::new(), Cell::new(false));
    while !quiet.get() {
        subscriber.hear(|m| found.extend(wire::number(m.payload)));
        subscriber
            .flush()
            .await
            .expect("the subscriber stays connected");
        quiet.set(
            timeout(Duration::from_secs(1), subscriber.read())
                .await
                .is_err(),
        );
    }
    let mut report = Report::default();
    let setting = match keep {
        Keep::Every(seconds) => format!("autosave {seconds} s"),
        _ => "autosave 30 min".to_owned(),
    };
    for (class, (name, _)) in CLASSES.iter().enumerate() {
        let mine: Vec<u64> = acknowledged
            .iter()
            .copied()
            .filter(|n| *n as usize % 2 == class)
            .collect();
        let lost = mine.iter().filter(|n| !found.contains(n)).count();
        report.never(
            format!("kill -9, {setting}: {name} lost"),
            lost as f64,
            "messages",
        );
        report.aside(
            format!("kill -9, {setting}: {name} acknowledged"),
            mine.len() as f64,
            "messages",
        );
    }
    report
}
