//! One to many: one publisher, 500 subscribers of its topic.
//!
//! Invariants: rates are counted where messages arrive; message n leaves when n − `window` has
//! reached *every* subscriber, so no queue can overflow and the slowest subscriber sets the pace. A
//! window of 20 lets a broker put several messages into one write, a window of 1 never does.
//! Nothing is retained. Deliberately absent: subscribers with wildcards, publishers that do not
//! wait.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::brokers::{ALL, Broker, Kind, Plan, login, name};
use crate::client::{Client, QUIET};
use crate::load::{PAYLOAD, WARM, add, busy, settle};
use crate::process::Meter;
use crate::report::Report;
use crate::wire;

/// Subscribers.
const SUBSCRIBERS: usize = 500;

/// Which subscribers have received the newest messages.
struct Ring {
    /// By number modulo its length: subscribers that have not received the message yet.
    missing: RefCell<[usize; 64]>,
    arrived: Cell<u64>,
    wake: Notify,
}

async fn member(mut client: Client, ring: Rc<Ring>) {
    let mut next = 0u64;
    loop {
        client.read().await.expect("a subscriber stays connected");
        let mut complete = false;
        client.hear(|_| {
            let missing = &mut ring.missing.borrow_mut()[next as usize % 64];
            *missing -= 1;
            complete |= *missing == 0;
            next += 1;
            add(&ring.arrived, 1);
        });
        if complete {
            ring.wake.notify_one();
        }
        client.flush().await.expect("a subscriber stays connected");
    }
}

/// Runs the test once.
pub async fn run(kind: Kind, qos: u8, window: u64, seconds: f64) -> Report {
    let broker = Broker::start(kind, Plan::plain(SUBSCRIBERS));
    let ring = Rc::new(Ring {
        missing: RefCell::new([0; 64]),
        arrived: Cell::new(0),
        wake: Notify::new(),
    });
    let (mut report, mut members) = (Report::default(), JoinSet::new());
    for name in (0..SUBSCRIBERS).map(name) {
        let mut client = Client::open(broker.address(), &login(&name), 4 * QUIET)
            .await
            .expect("a subscriber connects");
        client
            .subscribe("all/news", qos)
            .await
            .expect("a subscriber subscribes");
        members.spawn_local(member(client, ring.clone()));
    }
    let mut publisher = Client::open(broker.address(), &login(ALL), QUIET)
        .await
        .expect("the publisher connects");
    let whole = Duration::from_secs_f64(seconds) + WARM;
    let (mut meter, mut before, mut number, mut stalled) = (None, 0, 0u64, false);
    let began = std::time::Instant::now();
    while began.elapsed() < whole && !stalled {
        if meter.is_none() && began.elapsed() > WARM {
            meter = Some(Meter::start(broker.pid()));
            before = ring.arrived.get();
        }
        // As many as the window takes leave in one write.
        while number < window || ring.missing.borrow()[(number - window) as usize % 64] == 0 {
            ring.missing.borrow_mut()[number as usize % 64] = SUBSCRIBERS;
            publisher.queue(&wire::publish(
                "all/news",
                &wire::payload(number, PAYLOAD),
                qos,
                false,
                number as u16 % 60_000 + 1,
            ));
            number += 1;
        }
        publisher
            .flush()
            .await
            .expect("the publisher stays connected");
        loop {
            tokio::select! {
                () = ring.wake.notified() => break,
                read = publisher.read() => {
                    read.expect("the publisher stays connected");
                    publisher.taken(|_, _| {});
                }
                () = sleep(Duration::from_secs(5)) => {
                    stalled = true;
                    break;
                }
            }
        }
    }
    let used = meter
        .expect("the load lasted longer than its beginning")
        .stop();
    let arrived = ring.arrived.get() - before;
    settle(&ring.arrived).await;
    let lost = number * SUBSCRIBERS as u64 - ring.arrived.get();
    if lost > 0 {
        report.note(format!(
            "fan-out QoS {qos}: {kind:?} lost {lost} of {} deliveries",
            number * SUBSCRIBERS as u64
        ));
    }
    let test = format!("fan-out QoS {qos}, {window} ahead");
    report.more(
        format!("{test}: delivered"),
        arrived as f64 / used.wall,
        "msg/s",
    );
    report.less(
        format!("{test}: broker's CPU per 1,000 delivered"),
        used.broker * 1e6 / arrived as f64,
        "ms",
    );
    busy(&mut report, &test, used);
    report
}
