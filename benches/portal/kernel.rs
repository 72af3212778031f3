//! The network helper with a full house: one transaction more, the whole of it at once, memory.
//!
//! Invariant: the helper is asked over its socket as the gateway asks it. Its tools (`nft`, `tc`)
//! are part of every figure of time, and not of its memory: they live for a transaction.

use std::time::Instant;

use conglang::config::load;
use conglang::protocol::netd::{
    GuestRates, GuestSession, MacAddress, NetdRequest, NetworkPlan, SlotId,
};

use crate::house::{Helper, House, ms};
use crate::report::{Bar, Row, latency};

/// Devices that are in.
const SESSIONS: u16 = 300;
/// How long a session is, s.
const SECONDS: u32 = 3 * 3_600;
/// The most memory of the helper, MB.
const MEMORY_BAR: f64 = 6.0;

fn session(number: u16) -> GuestSession {
    let [high, low] = number.to_be_bytes();
    GuestSession {
        slot: SlotId::new(number).expect("a slot"),
        mac: MacAddress::new([2, 0, 0, 1, high, low]),
        seconds: SECONDS,
        quota_bytes: 1 << 50,
        used_bytes: 0,
    }
}

fn plan(house: &House, device_kbit: Option<u32>) -> NetworkPlan {
    let config = load(&house.configuration(), std::iter::empty());
    let config = config.unwrap_or_else(|e| panic!("{e:?}"));
    let rates = GuestRates {
        device_kbit,
        ..GuestRates::default()
    };
    config.network_plan(rates).expect("a guest network")
}

fn fill(helper: &mut Helper, plan: NetworkPlan, sessions: u16) -> f64 {
    let uplinks = plan.uplinks.clone();
    let began = Instant::now();
    helper.ask(&NetdRequest::Load {
        plan: Box::new(plan),
        sessions: (1..=sessions).map(session).collect(),
        open_uplinks: uplinks.into_iter().take(1).collect(),
    });
    ms(began)
}

/// Times of one more device, while no gateway is there.
pub fn measure(house: &House, count: usize) -> Vec<Row> {
    let mut helper = house.helper();
    let mut rows = Vec::new();
    let settings = [
        // A transaction of nft; with speeds the classes of tc behind it.
        (None, "without speeds"),
        (Some(5_000), "with speeds"),
    ];
    for (device_kbit, setting) in settings {
        eprintln!("admit at {SESSIONS} sessions, {setting}");
        let whole = fill(&mut helper, plan(house, device_kbit), SESSIONS);
        let (mut admits, mut cuts, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let session = session(SESSIONS + 1);
            let began = Instant::now();
            helper.ask(&NetdRequest::Admit { session });
            admits.push(ms(began));
            let began = Instant::now();
            helper.ask(&NetdRequest::Usage);
            counts.push(ms(began));
            let began = Instant::now();
            helper.ask(&NetdRequest::Cut { slot: session.slot });
            cuts.push(ms(began));
        }
        let name = |what: &str| format!("helper, {SESSIONS} in, {setting}: {what}");
        rows.extend(latency(&name("admit"), admits, None));
        rows.extend(latency(&name("cut"), cuts, None));
        rows.extend(latency(&name("count"), counts, None));
        rows.push(Row::alone(name("load all"), whole, "ms", None));
        let began = Instant::now();
        helper.ask(&NetdRequest::Change {
            cut: Vec::new(),
            admit: (1..=SESSIONS).map(session).collect(),
        });
        rows.push(Row::alone(
            name("other bounds for all"),
            ms(began),
            "ms",
            None,
        ));
    }
    fill(&mut helper, plan(house, None), 0);
    rows
}

/// Fills the house for the gateway that comes next.
pub fn fill_house(house: &House) {
    fill(&mut house.helper(), plan(house, None), SESSIONS);
}

/// A figure of a process in `/proc`, MB; not a number when it is not there.
pub fn megabytes(file: &str, field: &str) -> f64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let value = |line: &str| -> Option<f64> {
        let kilobytes = line.strip_prefix(field)?.trim().strip_suffix("kB")?;
        kilobytes.trim().parse().ok()
    };
    text.lines().find_map(value).unwrap_or(f64::NAN) * 1_024.0 / 1e6
}

/// Memory of the helper while the house is full and the gateway, which is the same program, runs
/// beside it.
pub fn memory(pid: u32) -> Vec<Row> {
    let figures = [
        ("PSS", format!("/proc/{pid}/smaps_rollup"), "Pss:"),
        ("RSS", format!("/proc/{pid}/status"), "VmRSS:"),
        ("RSS, highest", format!("/proc/{pid}/status"), "VmHWM:"),
    ];
    let row = |(what, file, field): (&str, String, &str)| {
        let name = format!("helper, {SESSIONS} in: memory, {what}");
        let bar = (what == "PSS" || what == "RSS").then_some(Bar::AtMost(MEMORY_BAR));
        Row::alone(name, megabytes(&file, field), "MB", bar)
    };
    figures.map(row).into()
}
