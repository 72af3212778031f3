//! How long a message takes: one to one, beside garbage at every listener, and in a village on an
//! ordinary day.
//!
//! Invariants: a message's time begins before it is written and ends when it has been read; both
//! ends are this process, so one clock serves; the load is far below the capacity of either broker.
//! The village: 500 devices together publish 20 retained states a second, a dashboard subscribes to
//! `#`, and twice a second it commands a lamp, which answers with its state. Deliberately absent:
//! networks with delay or loss.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use conglang::log::sim::TestRng;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::brokers::{ALL, Broker, Keep, Kind, Plan, login, name};
use crate::client::{Client, QUIET};
use crate::load::{PAYLOAD, busy};
use crate::process::{self, Meter, Used};
use crate::report::{Report, quantile};
use crate::wire::{self, Login};

/// Devices of the village.
const DEVICES: usize = 500;
/// Numbers from here on are commands and their answers.
const COMMANDS: u64 = 1 << 32;

fn every(milliseconds: u64) -> tokio::time::Interval {
    let mut tick = interval(Duration::from_millis(milliseconds));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    tick
}

fn microseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
}

/// One publisher, one subscriber, 200 messages a second. Where messages are stored, they are stored
/// for the subscriber's session.
pub async fn one_to_one(kind: Kind, qos: u8, keep: Keep, seconds: f64) -> Report {
    let broker = Broker::start(
        kind,
        Plan {
            keep,
            ..Plan::plain(1)
        },
    );
    let times = pairs(&broker, qos, keep, seconds).await;
    let mut report = Report::default();
    let name = format!("one to one QoS {qos}{}", keep.name());
    report.latency(&name, times.0);
    busy(&mut report, &name, times.1);
    report
}

/// The same beside garbage: bytes without meaning at every listener, [`GARBAGE`] connections a
/// second.
pub async fn beside_garbage(kind: Kind, quiet: f64, seconds: f64) -> Report {
    let broker = Broker::start(
        kind,
        Plan {
            every_door: true,
            ..Plan::plain(1)
        },
    );
    let (mut before, _) = pairs(&broker, 1, Keep::Nothing, quiet).await;
    let over = Arc::new(AtomicBool::new(false));
    let thrower = std::thread::spawn({
        let (over, doors) = (over.clone(), broker.doors());
        move || garbage(&doors, &over)
    });
    let (mut with, used) = pairs(&broker, 1, Keep::Nothing, seconds).await;
    over.store(true, Ordering::Relaxed);
    let thrown = thrower.join().expect("the garbage ends");
    let mut report = Report::default();
    let (quiet, loud) = (quantile(&mut before, 0.99), quantile(&mut with, 0.99));
    report.aside(
        "garbage at every door: connections",
        thrown as f64 / seconds,
        "1/s",
    );
    report.less("garbage at every door: p99 before", quiet, "µs");
    report.less("garbage at every door: p99 beside it", loud, "µs");
    report.less(
        "garbage at every door: p99 beside it to before",
        loud / quiet,
        "×",
    );
    busy(&mut report, "garbage at every door", used);
    report
}

/// Connections of garbage a second.
const GARBAGE: u32 = 400;

/// Sends garbage until `over`; gives how many connections.
fn garbage(doors: &[SocketAddr], over: &AtomicBool) -> u64 {
    let (mut dice, mut thrown) = (TestRng(11), 0);
    let mut next = Instant::now();
    while !over.load(Ordering::Relaxed) {
        let door = doors[thrown as usize % doors.len()];
        let begins: &[u8] = [
            &b"\x10\x20\x00\x04MQTT\x05\xc2\x00\x3c"[..],
            b"GET /mqtt HTTP/1.1\r\nupgrade: websocket\r\n",
            b"",
        ][thrown as usize % 3];
        let rest: Vec<u8> = (0..dice.next_u64() % 400)
            .map(|_| (dice.next_u64() & 0xff) as u8)
            .collect();
        if let Ok(mut stream) = std::net::TcpStream::connect(door) {
            let _ = stream.write_all(&[begins, &rest].concat());
            thrown += 1;
        }
        next += Duration::from_secs(1) / GARBAGE;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    thrown
}

/// The times of messages from one publisher to one subscriber, microseconds, and what they cost.
async fn pairs(broker: &Broker, qos: u8, keep: Keep, seconds: f64) -> (Vec<f64>, Used) {
    let hears = Login {
        clean: keep == Keep::Nothing,
        ..login(ALL)
    };
    let mut subscriber = Client::open(broker.address(), &hears, QUIET)
        .await
        .expect("the subscriber connects");
    subscriber
        .subscribe("d/u0000/x", qos)
        .await
        .expect("the subscriber subscribes");
    let mut publisher = Client::open(broker.address(), &login("u0000"), QUIET)
        .await
        .expect("the publisher connects");
    let (mut tick, mut sent, mut times) = (every(5), Vec::new(), Vec::new());
    let wanted = (seconds * 200.0) as usize;
    let meter = Meter::start(broker.pid());
    while times.len() < wanted {
        tokio::select! {
            biased;
            read = subscriber.read() => {
                read.expect("the subscriber stays connected");
                subscriber.hear(|m| {
                    let number = wire::number(m.payload);
                    if let Some(at) = number.and_then(|n| sent.get(n as usize)) {
                        times.push(microseconds(*at));
                    }
                });
                subscriber.flush().await.expect("the subscriber stays connected");
            }
            read = publisher.read() => {
                read.expect("the publisher stays connected");
                publisher.taken(|_, _| {});
            }
            _ = tick.tick() => {
                let number = sent.len();
                let packet = wire::publish(
                    "d/u0000/x",
                    &wire::payload(number as u64, PAYLOAD),
                    qos,
                    false,
                    number as u16 % 60_000 + 1,
                );
                sent.push(Instant::now());
                publisher.send(&packet).await.expect("the publisher stays connected");
            }
        }
    }
    // The first ones find cold caches and empty allocators.
    (times.split_off(wanted / 10), meter.stop())
}

type Written = Rc<RefCell<HashMap<u64, Instant>>>;

/// A device: publishes its state when the bench asks for it, and when a command arrives.
async fn device(
    mut client: Client,
    name: String,
    mut speak: mpsc::UnboundedReceiver<u64>,
    written: Written,
) {
    let state = |number: u64| {
        wire::publish(
            &format!("d/{name}/state"),
            &wire::payload(number, PAYLOAD),
            1,
            true,
            number as u16 % 60_000 + 1,
        )
    };
    loop {
        tokio::select! {
                    read = client.read() => {
                        read.expect("a device stays connected");
                        let mut commands = Vec::new();
                        client.hear(|m| commands.extend(wire::number(m.payload)));
                        for number in commands {
         client.queue(&state(number));
        }
                        client.flush().await.expect("a device stays connected");
                    }
                    Some(number) = speak.recv() => {
                        let packet = state(number);
                        written.borrow_mut().insert(number, Instant::now());
                        client.send(&packet).await.expect("a device stays connected");
                    }
                }
    }
}

/// The village on an ordinary day.
pub async fn village(kind: Kind, seconds: f64) -> Report {
    let broker = Broker::start(kind, Plan::plain(DEVICES));
    let (written, mut devices, mut say) = (Written::default(), JoinSet::new(), Vec::new());
    for name in (0..DEVICES).map(name) {
        let mut client = Client::open(broker.address(), &login(&name), QUIET)
            .await
            .expect("a device connects");
        client
            .subscribe(&format!("c/{name}/#"), 1)
            .await
            .expect("a device subscribes");
        let (speak, told) = mpsc::unbounded_channel();
        devices.spawn_local(device(client, name, told, written.clone()));
        say.push(speak);
    }
    let mut dashboard = Client::open(broker.address(), &login(ALL), 4 * QUIET)
        .await
        .expect("the dashboard connects");
    dashboard
        .subscribe("#", 1)
        .await
        .expect("the dashboard subscribes");
    sleep(Duration::from_secs(1)).await;
    let (mut states, mut commands) = (every(50), every(500));
    let (mut said, mut commanded, mut heard, mut answered) =
        (0u64, COMMANDS, Vec::new(), Vec::new());
    let (meter, began) = (Meter::start(broker.pid()), Instant::now());
    let end = Duration::from_secs_f64(seconds);
    let mut finish = Box::pin(sleep(end + Duration::from_millis(300)));
    loop {
        tokio::select! {
            biased;
            () = &mut finish => break,
            read = dashboard.read() => {
                read.expect("the dashboard stays connected");
                dashboard.hear(|m| {
                    if m.topic.starts_with(b"d/")
                        && let Some(number) = wire::number(m.payload)
                        && let Some(at) = written.borrow_mut().remove(&number)
                    {
                        let times = if number < COMMANDS { &mut heard } else { &mut answered };
                        times.push(microseconds(at));
                    }
                });
                dashboard.flush().await.expect("the dashboard stays connected");
            }
            _ = states.tick(), if began.elapsed() < end => {
                // A prime step: neighbours do not publish one after the other.
                let _ = say[(said as usize * 197) % DEVICES].send(said);
                said += 1;
            }
            _ = commands.tick(), if began.elapsed() < end => {
                let lamp = name((commanded as usize * 89) % DEVICES);
                let packet = wire::publish(
                    &format!("c/{lamp}/set"),
                    &wire::payload(commanded, PAYLOAD),
                    1,
                    false,
                    commanded as u16 % 60_000 + 1,
                );
                written.borrow_mut().insert(commanded, Instant::now());
                dashboard.send(&packet).await.expect("the dashboard stays connected");
                commanded += 1;
            }
        }
    }
    let used = meter.stop();
    let mut report = Report::default();
    if !written.borrow().is_empty() {
        report.note(format!(
            "village: {kind:?} lost {} states or answers",
            written.borrow().len()
        ));
    }
    // A command and its answer are two messages.
    let messages = said + 2 * (commanded - COMMANDS);
    report.latency("village: state to dashboard", heard);
    report.latency("village: command to answer", answered);
    report.less(
        "village: broker's CPU per 1,000 messages",
        used.broker * 1e6 / messages as f64,
        "ms",
    );
    report.less("village: RSS", process::rss(broker.pid()) / 1024.0, "KiB");
    report.less("village: PSS", process::pss(broker.pid()) / 1024.0, "KiB");
    busy(&mut report, "village", used);
    report
}
