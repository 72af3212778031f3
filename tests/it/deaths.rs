//! Sudden deaths under load: the broker's worker and the gateway end at random while publishers, a
//! kept subscriber and devices with wills go on. What was acknowledged is judged by the promise of
//! its class (docs/protocol.md): durable is never lost and QoS 2 comes once; batched may lose only
//! what was said in the last 0.9 s before a death; memory is anybody's; no will is said twice, none
//! of those who left politely.

mod parties;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use conglang::log::sim::{TestRng, cases};
use conglang::protocol::broker::{DurabilityClass, DurabilityRule};

use self::parties::{Heard, Life, Said, Who, mortals, publisher, subscriber};
use crate::support::house::{House, secret};
use crate::support::worker::{Worker, account, wide_limits, wire_accounts};

/// What batched promises is 0.9 s; the rest is for a machine that is busy.
const BATCHED: Duration = Duration::from_millis(1_500);

/// From the beginning of an end until it is over.
type Span = (Instant, Instant);

/// Words, ears and wills while something ends the broker again and again; then everything is
/// judged.
struct Load {
    over: Arc<AtomicBool>,
    deaf: Arc<AtomicBool>,
    heard: Arc<Heard>,
    mouths: Vec<(
        String,
        u8,
        DurabilityClass,
        std::thread::JoinHandle<BTreeMap<u32, Said>>,
    )>,
    mortals: Vec<std::thread::JoinHandle<BTreeMap<String, Life>>>,
    ears: std::thread::JoinHandle<()>,
}

impl Load {
    /// `mouths` speak on their topics, each `pace` times a second; the first of them has
    /// `mortals_at_once` devices too.
    fn begin(
        mouths: &[(Who, String, u8, DurabilityClass)],
        ear: &Who,
        root: &str,
        pace: f64,
        mortals_at_once: u64,
    ) -> Self {
        let (over, deaf, heard) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
            Arc::new(Heard::default()),
        );
        let (told, ready) = std::sync::mpsc::channel();
        let will = format!("{root}/di-chuc");
        let filters: Vec<(String, u8)> = mouths
            .iter()
            .map(|(_, t, q, _)| (t.clone(), *q))
            .chain([(will.clone(), 2)])
            .collect();
        let ears = std::thread::spawn({
            let (ear, deaf, heard) = (ear.clone(), deaf.clone(), heard.clone());
            move || subscriber(&ear, &filters, &deaf, &heard, &told)
        });
        ready
            .recv_timeout(Duration::from_secs(20))
            .expect("it listens");
        let first = &mouths[0].0;
        let mortals = (1..=mortals_at_once)
            .map(|seed| {
                let (mouth, over, will) = (first.clone(), over.clone(), will.clone());
                std::thread::spawn(move || mortals(&mouth, &will, seed, &over))
            })
            .collect();
        let mouths = mouths
            .iter()
            .map(|(mouth, topic, qos, class)| {
                let (mouth, over, name, q) = (mouth.clone(), over.clone(), topic.clone(), *qos);
                (
                    topic.clone(),
                    *qos,
                    *class,
                    std::thread::spawn(move || publisher(&mouth, &name, q, pace, &over)),
                )
            })
            .collect();
        Self {
            over,
            deaf,
            heard,
            mouths,
            mortals,
            ears,
        }
    }

    /// Ends the load and judges it. `deaths` are when the broker had no moment for a last word,
    /// `ends` are all its ends; `least` messages must be acknowledged on each topic, or the rig
    /// does not work.
    #[expect(
        clippy::too_many_lines,
        reason = "one story from its beginning to its end"
    )]
    fn judge(self, root: &str, deaths: &[Span], ends: &[Span], least: usize) {
        let within = |all: &[Span], from: Instant, to: Instant| {
            all.iter().any(|(begin, end)| *begin <= to && from <= *end)
        };
        let died = |from: Instant, to: Instant| within(deaths, from, to);
        // A while without deaths: some wills are owed for certain.
        std::thread::sleep(Duration::from_secs(4));
        self.over.store(true, Ordering::SeqCst);
        let mouths: Vec<_> = self
            .mouths
            .into_iter()
            .map(|(t, q, c, m)| (t, q, c, m.join().expect("publisher")))
            .collect();
        let lives: BTreeMap<String, Life> = self
            .mortals
            .into_iter()
            .flat_map(|m| m.join().expect("mortal"))
            .collect();
        // Those whose will was on disk when the broker died, or who went while it lived.
        let will = format!("{root}/di-chuc");
        let owed: Vec<&String> = lives
            .iter()
            .filter(|(_, l)| !l.politely && !died(l.came, l.came + BATCHED))
            .map(|(n, _)| n)
            .collect();
        let promised = |topic: &str, class: DurabilityClass, n: u32, said: &Said| {
            let spared = match class {
                DurabilityClass::Durable => false,
                DurabilityClass::Batched => died(said.sent, said.acknowledged + BATCHED),
                DurabilityClass::Memory => ends.last().is_some_and(|(_, end)| said.sent <= *end),
            };
            (!spared).then(|| (topic.to_owned(), n.to_string()))
        };
        let mut missing: BTreeSet<(String, String)> =
            owed.iter().map(|n| (will.clone(), (*n).clone())).collect();
        for (topic, _, class, said) in &mouths {
            missing.extend(
                said.iter()
                    .filter_map(|(n, s)| promised(topic, *class, *n, s)),
            );
        }
        let until = Instant::now() + Duration::from_secs(40);
        let all = missing.len();
        while !missing.is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
            let heard = self.heard.lock().expect("whole");
            missing.retain(|m| !heard.contains_key(m));
        }
        // For each the time from its acknowledgement to the next death.
        let next = |at: Instant| deaths.iter().find(|d| d.0 >= at).map(|d| d.0 - at);
        let told = |(topic, n): &(String, String)| {
            let said = mouths
                .iter()
                .find(|(t, ..)| t == topic)
                .and_then(|(.., said)| said.get(&n.parse().unwrap_or(0)));
            (
                topic.clone(),
                n.clone(),
                said.and_then(|s| next(s.acknowledged)),
                lives.get(n).map(|l| l.went - l.came),
            )
        };
        assert!(
            missing.is_empty(),
            "{} of {all} that were promised are lost: {:?}",
            missing.len(),
            missing.iter().map(told).take(30).collect::<Vec<_>>()
        );
        // What comes twice comes soon.
        std::thread::sleep(Duration::from_secs(2));
        self.deaf.store(true, Ordering::SeqCst);
        self.ears.join().expect("subscriber");
        let heard = self.heard.lock().expect("whole");
        for (topic, qos, class, said) in &mouths {
            assert!(
                said.len() >= least,
                "the rig works: {} acknowledged on {topic}",
                said.len()
            );
            let of = |n: &u32| {
                heard
                    .get(&(topic.clone(), n.to_string()))
                    .copied()
                    .unwrap_or(0)
            };
            let again: Vec<&u32> = said
                .iter()
                .filter(|(n, _)| of(n) > 1)
                .map(|(n, _)| n)
                .collect();
            // A QoS 2 message may come twice only where its class may forget that it came.
            let wrong: Vec<&&u32> = match (qos, class) {
                (2, DurabilityClass::Durable) => again.iter().collect(),
                (2, DurabilityClass::Batched) => again
                    .iter()
                    .filter(|n| !died(said[**n].sent, said[**n].acknowledged + BATCHED * 3))
                    .collect(),
                _ => Vec::new(),
            };
            assert!(
                wrong.is_empty(),
                "QoS 2 on {topic} came more than once: {wrong:?}"
            );
            let lost = said.keys().filter(|n| of(n) == 0).count();
            println!(
                "{topic}: {} acknowledged, {lost} lost, {} came again",
                said.len(),
                again.len()
            );
            assert!(*class != DurabilityClass::Durable || lost == 0);
        }
        let wills = |n: &str| {
            heard
                .get(&(will.clone(), n.to_owned()))
                .copied()
                .unwrap_or(0)
        };
        for ((_, name), times) in heard.iter().filter(|((topic, _), _)| *topic == will) {
            assert!(*times == 1, "the will of {name} was said {times} times");
        }
        for (name, life) in &lives {
            assert!(
                wills(name) == 0
                    || !life.politely
                    || died(life.came, life.went + BATCHED)
                    || within(ends, life.came, life.went + BATCHED),
                "{name} said goodbye"
            );
        }
        let said = lives.keys().filter(|n| wills(n) == 1).count();
        println!(
            "{} deaths; {} lives with a will: {said} said once, {} of them owed, {} left politely",
            deaths.len(),
            lives.len(),
            owed.len(),
            lives.values().filter(|l| l.politely).count()
        );
        assert!(!owed.is_empty(), "the rig works: some wills are owed");
    }
}

/// Accounts of those who speak.
const SPEAKERS: [&str; 6] = ["noi-1", "noi-2", "noi-3", "noi-4", "noi-5", "noi-6"];

#[test]
fn every_class_keeps_its_promise_and_wills_are_said_once_when_the_worker_dies_at_random() {
    let rule = |filter: &str, class| DurabilityRule {
        filter: filter.into(),
        class,
    };
    let mut limits = wide_limits();
    limits.queued = 50_000;
    // What one account may have written is bounded (a flush costs 4 KiB, and QoS 2 has two): each
    // speaker has its own, and speaks calmly.
    let accounts = wire_accounts()
        .into_iter()
        .chain(SPEAKERS.map(|name| account(name, "mat-khau-rong", vec!["#".into()], Vec::new())))
        .collect();
    let mut worker = Worker::started(
        limits,
        Some(vec![
            rule("d/#", DurabilityClass::Durable),
            rule("m/#", DurabilityClass::Memory),
            rule("#", DurabilityClass::Batched),
        ]),
        accounts,
    );
    let mouth = |user| Who {
        port: worker.plain,
        user,
        password: "mat-khau-rong".into(),
    };
    let topics = [
        "d/bao/1", "d/bao/2", "b/bao/1", "b/bao/2", "m/bao/1", "m/bao/2",
    ]
    .into_iter()
    .zip(SPEAKERS)
    .zip([
        DurabilityClass::Durable,
        DurabilityClass::Durable,
        DurabilityClass::Batched,
        DurabilityClass::Batched,
        DurabilityClass::Memory,
        DurabilityClass::Memory,
    ]);
    let mouths: Vec<_> = topics
        .map(|((topic, user), class)| {
            (
                mouth(user),
                topic.to_owned(),
                topic.as_bytes()[6] - b'0',
                class,
            )
        })
        .collect();
    let load = Load::begin(&mouths, &mouth("rong"), "d", 25.0, 6);
    let mut dice = TestRng(4);
    let (mut deaths, mut ends) = (Vec::new(), Vec::new());
    for round in 0..cases(20) {
        std::thread::sleep(Duration::from_millis(100 + dice.next_u64() % 1_200));
        let began = Instant::now();
        if round % 5 == 4 {
            // The gateway's death, as the worker sees it: it has a moment for its last words.
            worker.stop();
        } else {
            worker.kill();
            deaths.push((began, Instant::now()));
        }
        ends.push((began, Instant::now()));
        worker.start();
    }
    let counters = worker.counters("it counts", |_| true);
    assert_eq!(counters.dropped, 0, "no queue was full");
    load.judge("d", &deaths, &ends, cases(20) * 5);
}

#[test]
fn nothing_acknowledged_is_lost_when_gateway_or_worker_is_killed_at_random() {
    let program = format!(
        "[[program]]\nid = \"tai\"\nsecret_sha256 = \"{}\"\n",
        conglang::keys::secret::sha256(b"mat-khau-tai")
    );
    let mut house = House::new(&program);
    house.start();
    let mouth = Who {
        port: house.mqtt,
        user: "den-01",
        password: secret("den-01"),
    };
    let ear = Who {
        port: house.mqtt,
        user: "tai",
        password: "mat-khau-tai".into(),
    };
    let mouths = [1, 2].map(|qos| {
        (
            mouth.clone(),
            format!("d/den-01/bao/{qos}"),
            qos,
            DurabilityClass::Durable,
        )
    });
    let load = Load::begin(&mouths, &ear, "d/den-01", 20.0, 4);
    let mut dice = TestRng(5);
    let mut deaths = Vec::new();
    for _ in 0..cases(20) {
        std::thread::sleep(Duration::from_millis(100 + dice.next_u64() % 1_200));
        let began = Instant::now();
        if dice.next_u64().is_multiple_of(3) {
            let pid = house.pid_of("broker");
            conglang::supervisor::worker::kill(pid);
            house.until("another worker serves", Duration::from_secs(20), |h| {
                ![0, pid].contains(&h.pid_of("broker"))
            });
        } else {
            house.kill();
            crate::losses::harm(&house.dir.join("data"), &mut dice);
            house.start();
        }
        deaths.push((began, Instant::now()));
    }
    load.judge("d/den-01", &deaths, &deaths, cases(20) * 2);
}
