//! Who takes part while the broker dies again and again: publishers, one subscriber, devices with
//! wills. Each notes what it was promised and what came; none of them judges.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use conglang::log::sim::TestRng;

use crate::support::peer::{Hello, Peer};

/// What a publisher knows of a message.
pub(super) struct Said {
    /// When it was last sent before it was acknowledged.
    pub(super) sent: Instant,
    pub(super) acknowledged: Instant,
}

/// Who speaks or hears.
#[derive(Clone)]
pub(super) struct Who {
    pub(super) port: u16,
    pub(super) user: &'static str,
    pub(super) password: String,
}

impl Who {
    fn hello<'a>(&'a self, client: &'a str) -> Hello<'a> {
        Hello {
            user: self.user,
            password: &self.password,
            client,
            clean: false,
            ..Hello::default()
        }
    }
}

/// Tries until the broker takes it; none = it is over before.
fn connected(who: &Who, hello: &Hello<'_>, over: &AtomicBool) -> Option<Peer> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(peer) = Peer::try_connect(who.port, hello) {
            return Some(peer);
        }
        assert!(
            Instant::now() < until,
            "{} cannot come in for a minute",
            hello.client
        );
        if over.load(Ordering::SeqCst) {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A publisher that sends again what was not acknowledged, as the standard asks, at most `pace`
/// messages a second: no queue is ever full.
pub(super) fn publisher(
    who: &Who,
    topic: &str,
    qos: u8,
    pace: f64,
    over: &AtomicBool,
) -> BTreeMap<u32, Said> {
    struct Open {
        number: u32,
        sent: Instant,
        released: bool,
    }
    let name = format!("says-{topic}");
    let mut acknowledged: BTreeMap<u32, Said> = BTreeMap::new();
    let mut open: BTreeMap<u16, Open> = BTreeMap::new();
    let (mut count, mut next_id) = (0u32, 0u16);
    let began = Instant::now();
    let mut late: Option<Instant> = None;
    while !over.load(Ordering::SeqCst) || !open.is_empty() {
        if over.load(Ordering::SeqCst) {
            let since = *late.get_or_insert_with(Instant::now);
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "{} messages on {topic} are never acknowledged",
                open.len()
            );
        }
        let Some(mut peer) = connected(who, &who.hello(&name), &AtomicBool::new(false)) else {
            break;
        };
        if !peer.present {
            // The session is lost: what was released is done for us, the rest is said anew.
            open.retain(|_, o| !o.released);
        }
        for (id, o) in &mut open {
            if o.released {
                peer.answer(0x62, *id);
            } else {
                o.sent = Instant::now();
                peer.publish(topic, o.number.to_string().as_bytes(), qos << 1 | 8, *id);
            }
        }
        while !peer.ended {
            while open.len() < 8
                && f64::from(count) < began.elapsed().as_secs_f64() * pace
                && !over.load(Ordering::SeqCst)
            {
                next_id = next_id % 60_000 + 1;
                count += 1;
                open.insert(
                    next_id,
                    Open {
                        number: count,
                        sent: Instant::now(),
                        released: false,
                    },
                );
                peer.publish(topic, count.to_string().as_bytes(), qos << 1, next_id);
            }
            if open.is_empty() && over.load(Ordering::SeqCst) {
                break;
            }
            let Some((first, body)) = peer.packet(Duration::from_millis(10)) else {
                continue;
            };
            let id = u16::from_be_bytes([body[0], body[1]]);
            // PUBACK, or PUBREC: the broker answers for it from now on.
            if matches!(first, 0x40 | 0x50)
                && let Some(o) = open.get_mut(&id)
            {
                o.released = true;
                acknowledged.entry(o.number).or_insert(Said {
                    sent: o.sent,
                    acknowledged: Instant::now(),
                });
            }
            match first {
                0x40 | 0x70 => drop(open.remove(&id)),
                0x50 => peer.answer(0x62, id),
                _ => {}
            }
        }
    }
    acknowledged
}

/// How often each message (topic, payload) came.
pub(super) type Heard = Mutex<BTreeMap<(String, String), usize>>;

/// A subscriber with a session that is kept; now and then it goes away for a moment, as the dice
/// will.
pub(super) fn subscriber(
    who: &Who,
    filters: &[(String, u8)],
    over: &AtomicBool,
    heard: &Heard,
    told: &std::sync::mpsc::Sender<()>,
) {
    let mut dice = TestRng(0x0eab5);
    // QoS 2 messages that we have and that are not released. A death may make the broker forget one
    // of a class that is not durable; its packet id comes again then for another message, some
    // day.
    let mut held: BTreeMap<u16, (String, String)> = BTreeMap::new();
    let mut first_time = true;
    while !over.load(Ordering::SeqCst) {
        let Some(mut peer) = connected(who, &who.hello("hears"), over) else {
            return;
        };
        if first_time {
            for (filter, qos) in filters {
                assert_eq!(peer.subscribe(filter, *qos), *qos, "{filter}");
            }
            first_time = false;
            let _ = told.send(());
        } else {
            assert!(peer.present, "an acknowledged session is kept");
        }
        let until = Instant::now() + Duration::from_millis(300 + dice.next_u64() % 900);
        while Instant::now() < until && !over.load(Ordering::SeqCst) {
            let Some((first, body)) = peer.packet(Duration::from_millis(100)) else {
                if peer.ended {
                    break;
                }
                continue;
            };
            match first >> 4 {
                3 => {
                    let came = peer.read(first, &body);
                    let what = (
                        came.topic,
                        String::from_utf8(came.payload).expect("a number"),
                    );
                    let before = if came.qos == 2 {
                        held.insert(came.id, what.clone())
                    } else {
                        None
                    };
                    if before.as_ref() != Some(&what) {
                        assert!(
                            before.is_none_or(|b| !b.0.starts_with("d/")),
                            "id {} stood for another message",
                            came.id
                        );
                        *heard.lock().expect("whole").entry(what).or_default() += 1;
                    }
                    peer.answer(if came.qos == 2 { 0x50 } else { 0x40 }, came.id);
                }
                6 => {
                    let id = u16::from_be_bytes([body[0], body[1]]);
                    held.remove(&id);
                    peer.answer(0x70, id);
                }
                _ => {}
            }
        }
    }
}

/// How a device with a will ended.
pub(super) struct Life {
    pub(super) came: Instant,
    pub(super) went: Instant,
    pub(super) politely: bool,
}

/// Devices that come with a will each, live for a moment, and leave politely or not.
pub(super) fn mortals(
    who: &Who,
    topic: &str,
    seed: u64,
    over: &AtomicBool,
) -> BTreeMap<String, Life> {
    let mut dice = TestRng(seed);
    let mut lives = BTreeMap::new();
    for attempt in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        // A CONNECT that was not answered may have been taken all the same: the next one is
        // another's.
        let name = format!("{seed}-{attempt}");
        let hello = Hello {
            clean: true,
            will: Some((topic, &name, 2, false)),
            ..who.hello(&name)
        };
        let Ok(mut peer) = Peer::try_connect(who.port, &hello) else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        let came = Instant::now();
        // A long sleep of the socket, or the broker's death.
        let ended = Instant::now() + Duration::from_millis(50 + dice.next_u64() % 3_000);
        while let Some(left) = ended.checked_duration_since(Instant::now())
            && peer.packet(left).is_some()
        {}
        let politely = dice.next_u64().is_multiple_of(2) && !peer.ended;
        if politely {
            peer.leave();
        }
        lives.insert(
            name,
            Life {
                came,
                went: Instant::now(),
                politely,
            },
        );
    }
    lives
}
