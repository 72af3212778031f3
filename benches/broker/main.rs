//! Our broker beside Mosquitto and rumqttd on the same machine in the same run: a table, or JSON
//! with `--json`.
//!
//! Each test runs in rounds; a round is ours, Mosquitto, Mosquitto again, and rumqttd with its
//! defaults and with its best settings, each in a fresh process, in an order that rotates.
//! `--quick` is one short round, `--rounds N` another number, `--only NAME` one test or all that
//! begin so, `--list` their names. `CONGLANG=…`, `MOSQUITTO=…` and `RUMQTTD=…` name other programs,
//! `CONGLANG_BENCH_DIR` the folder for their files. Invariants: Mosquitto against itself says how
//! much a difference must be to be one; permissions and passwords are on in ours and in Mosquitto;
//! the load comes from one thread of this process, and its CPU stands beside the broker's.
//! Deliberately absent: a bar to pass, and machines other than this one: broker and load share its
//! processors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::large_futures,
    reason = "a bench"
)]

mod blind;
mod brokers;
mod client;
mod crowd;
mod delay;
mod fan_in;
mod fan_out;
mod keep;
mod load;
mod process;
mod report;
mod rumqttd;
mod wire;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::process::ExitCode;
use std::time::Duration;

use brokers::{Keep, Kind};
use fan_in::Press::{Flood, Paced};
use report::{Report, Round, WHO};
use rumqttd::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Rounds of a whole run.
const ROUNDS: usize = 7;
/// No run of a test takes longer, or something is broken.
const RUN_MAX: Duration = Duration::from_secs(120);
/// Which broker runs in a round, by place in it as [`WHO`] names them.
const KINDS: [Kind; WHO.len()] = [
    Kind::Ours,
    Kind::Mosquitto,
    Kind::Mosquitto,
    Kind::Rumqttd(Settings::Defaults),
    Kind::Rumqttd(Settings::Best),
];
const TESTS: [&str; 25] = [
    "fan-in-0-paced",
    "fan-in-1-paced",
    "fan-in-2-paced",
    "fan-in-0-flood",
    "fan-in-1-flood",
    "fan-in-2-flood",
    "fan-out-0-twenty",
    "fan-out-1-twenty",
    "fan-out-0-single",
    "fan-out-1-single",
    "latency-0",
    "latency-1",
    "village",
    "idle-1000",
    "idle-5000",
    "storm",
    "retained",
    "restart",
    "kill-saved",
    "kill-default",
    "garbage",
    "class-batched-fan-in",
    "class-durable-fan-in",
    "class-batched-latency",
    "class-durable-latency",
];

/// Runs one test once. `luck` from 0 to 1 is the same for all of a round.
async fn run(test: &str, kind: Kind, quick: bool, luck: f64) -> Report {
    let flow = if quick { 1.5 } else { 3.0 };
    let calm = if quick { 3.0 } else { 10.0 };
    match test {
        "fan-in-0-paced" => fan_in::run(kind, 0, Paced, Keep::Nothing, flow).await,
        "fan-in-1-paced" => fan_in::run(kind, 1, Paced, Keep::Nothing, flow).await,
        "fan-in-2-paced" => fan_in::run(kind, 2, Paced, Keep::Nothing, flow).await,
        "fan-in-0-flood" => fan_in::run(kind, 0, Flood, Keep::Nothing, flow).await,
        "fan-in-1-flood" => fan_in::run(kind, 1, Flood, Keep::Nothing, flow).await,
        "fan-in-2-flood" => fan_in::run(kind, 2, Flood, Keep::Nothing, flow).await,
        "fan-out-0-twenty" => fan_out::run(kind, 0, 20, flow).await,
        "fan-out-1-twenty" => fan_out::run(kind, 1, 20, flow).await,
        "fan-out-0-single" => fan_out::run(kind, 0, 1, flow).await,
        "fan-out-1-single" => fan_out::run(kind, 1, 1, flow).await,
        "latency-0" => delay::one_to_one(kind, 0, Keep::Nothing, calm).await,
        "latency-1" => delay::one_to_one(kind, 1, Keep::Nothing, calm).await,
        "village" => delay::village(kind, 2.0 * calm).await,
        "garbage" => delay::beside_garbage(kind, calm, if quick { 2.0 * calm } else { 60.0 }).await,
        "class-batched-fan-in" => fan_in::run(kind, 1, Paced, Keep::Default, flow).await,
        "class-durable-fan-in" => fan_in::run(kind, 1, Paced, Keep::Every(1), flow).await,
        "class-batched-latency" => delay::one_to_one(kind, 1, Keep::Default, calm).await,
        "class-durable-latency" => delay::one_to_one(kind, 1, Keep::Every(1), calm).await,
        "idle-1000" => crowd::idle(kind, 1_000).await,
        "idle-5000" => crowd::idle(kind, 5_000).await,
        "storm" => crowd::storm(kind).await,
        "retained" => keep::retained(kind).await,
        "restart" => keep::restart(kind).await,
        "kill-saved" => keep::sudden_death(kind, Keep::Every(1), luck).await,
        "kill-default" => keep::sudden_death(kind, Keep::Default, luck).await,
        other => panic!("there is no test {other}"),
    }
}

/// One run in a runtime of its own, so that nothing of it is left for the next.
fn run_alone(test: &str, kind: Kind, quick: bool, luck: f64) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        tokio::time::timeout(RUN_MAX, run(test, kind, quick, luck))
            .await
            .unwrap_or_else(|_| panic!("{test} of {kind:?} took too long"))
    })
}

/// One round; its number decides which broker is first.
fn round(test: &str, number: usize, quick: bool) -> Round {
    let mut reports = Round::default();
    let luck = f64::from(RandomState::new().build_hasher().finish() as u32) / f64::from(u32::MAX);
    for turn in 0..WHO.len() {
        let who = (turn + number) % WHO.len();
        let (name, kind) = (WHO[who], KINDS[who]);
        if matches!(kind, Kind::Rumqttd(_)) && !rumqttd::takes_part(test) {
            continue;
        }
        eprintln!("{test}, round {}: {name}", number + 1);
        reports[who] = match std::panic::catch_unwind(|| run_alone(test, kind, quick, luck)) {
            Ok(report) => report,
            // A panic of ours, or of Mosquitto, against which ours is measured, is never excused.
            Err(panic) if !matches!(kind, Kind::Rumqttd(_)) => std::panic::resume_unwind(panic),
            Err(_) => {
                let mut broken = Report::default();
                broken.note(format!("{test}: {name} broke it off"));
                broken
            }
        };
    }
    reports
}

/// The value after an option.
fn after<'a>(words: &'a [String], option: &str) -> Option<&'a str> {
    words
        .iter()
        .position(|w| w == option)
        .and_then(|at| words.get(at + 1))
        .map(String::as_str)
}

fn main() -> ExitCode {
    conglang::supervisor::panics::install_hook();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| words.iter().any(|w| w == option);
    if has("--list") {
        println!("{}", TESTS.join("\n"));
        return ExitCode::SUCCESS;
    }
    let missing = brokers::missing();
    if !missing.is_empty() {
        eprintln!("{}", missing.join("\n"));
        return ExitCode::FAILURE;
    }
    let limit = getrlimit(Resource::Nofile);
    if setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .is_err()
        || limit.maximum.is_some_and(|m| m < 6_000)
    {
        eprintln!(
            "5,000 connections need 6,000 open files; the limit of this session is lower (ulimit \
             -Hn)"
        );
        return ExitCode::FAILURE;
    }
    let (quick, only) = (has("--quick"), after(&words, "--only").unwrap_or_default());
    let rounds = after(&words, "--rounds")
        .and_then(|n| n.parse().ok())
        .unwrap_or(if quick { 1 } else { ROUNDS });
    let (mut values, mut notes) = (Vec::new(), Vec::new());
    if !has("--json") {
        println!("{}", report::head());
    }
    for test in TESTS.into_iter().filter(|t| t.starts_with(only)) {
        let all: Vec<Round> = (0..rounds)
            .map(|number| round(test, number, quick))
            .collect();
        let (rows, said) = report::rows(&all);
        notes.extend(said);
        for row in rows {
            if has("--json") {
                values.push(row.json());
            } else {
                println!("{}", row.line());
            }
        }
    }
    if has("--json") {
        println!(
            "{}",
            serde_json::json!({ "rounds": rounds, "figures": values, "notes": notes })
        );
    } else {
        println!(
            "\nratio: ours to Mosquitto of the same round, median of {rounds}; spread: Mosquitto \
             to itself; inside it: tie; to rumqttd: ours to its best settings. Lines with · are \
             there to judge the others by."
        );
        if rounds < 5 {
            println!(
                "So few rounds show the order of a difference, not whether there is one: judge by \
                 the whole run."
            );
        }
        for note in notes {
            println!("{note}");
        }
    }
    ExitCode::SUCCESS
}
