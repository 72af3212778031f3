//! A block list of the size that is promised: what it adds to a question for a name, and what it
//! takes.
//!
//! Invariant: the list is read from a file as the gateway reads it, and asked by the gateway's own
//! code for names that it has, for names below them, and for names that it has not. Deliberately
//! absent: the way of the packet, which is the same with a list and without one.

use std::fmt::Write as _;
use std::io::BufReader;
use std::time::Instant;

use conglang::guests::dns::block_list::BlockList;

use crate::house::{House, ms};
use crate::kernel::megabytes;
use crate::report::{Bar, Row, latency};

/// Names of the list.
const NAMES: usize = 200_000;
/// Questions that are measured.
const QUESTIONS: usize = 30_000;
/// The most that the list adds to a question, ms.
const TIME_BAR: f64 = 0.5;
/// The most memory of the list, MB.
const MEMORY_BAR: f64 = 10.0;

/// A name on the wire.
fn wire(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).expect("short"));
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}

fn resident() -> f64 {
    megabytes("/proc/self/status", "VmRSS:")
}

/// Measures.
pub fn measure(house: &House) -> Vec<Row> {
    eprintln!("a block list of {NAMES} names");
    let mut text = String::new();
    for number in 0..NAMES {
        writeln!(
            text,
            "0.0.0.0 ads-{number}.tracker-{}.example",
            number % 977
        )
        .expect("written");
    }
    let file = house.file("block-list");
    std::fs::write(&file, text).expect("written");
    let before = resident();
    let began = Instant::now();
    let opened = std::fs::File::open(&file).expect("the list");
    let list = BlockList::load(BufReader::new(opened))
        .expect("a list")
        .list;
    let read = ms(began);
    assert_eq!(list.len(), NAMES, "every name is in");
    let memory = resident() - before;
    let mut times = Vec::with_capacity(QUESTIONS);
    for number in 0..QUESTIONS {
        let of = number * 7 % NAMES;
        let listed = format!("ads-{of}.tracker-{}.example", of % 977);
        let (name, is_blocked) = match number % 3 {
            0 => (listed, true),
            1 => (format!("a.b.{listed}"), true),
            _ => (format!("www.edge-{number}.cdn.dichvucong.gov.vn"), false),
        };
        let name = wire(&name);
        let began = Instant::now();
        let found = list.blocks(&name);
        times.push(ms(began));
        assert_eq!(found, is_blocked, "{name:?}");
    }
    let mut rows: Vec<Row> = latency(
        "block list of 200,000 names: added to a question",
        times,
        Bar::AtMost(TIME_BAR),
    )
    .into();
    let name = |what: &str| format!("block list of 200,000 names: {what}");
    let bar = Bar::AtMost(MEMORY_BAR);
    rows.push(Row::alone(name("memory"), memory, "MB", bar));
    rows.push(Row::alone(name("read from its file"), read, "ms", None));
    rows
}
