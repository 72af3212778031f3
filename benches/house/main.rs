//! The costs of the gateway, beside the disk's own `fdatasync` in the same run: a table, or JSON
//! with `--json`.
//!
//! Never a timed test: figures are for people, side by side. `CONGLANG_BENCH_DIR` chooses the file
//! system, `CONGLANG_BENCH_BLOCK` names its `/sys/block/…/stat` when it has a device of its own
//! (scripts/bench makes one), `--soak` adds ten minutes of load for memory, `--kept` measures the
//! million entries alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unnecessary_debug_formatting,
    reason = "a bench"
)]

mod gateway;
mod kept;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use conglang::domain::actor::Actor;
use conglang::domain::device::{self, Availability, Device};
use conglang::domain::id::{DeviceId, PlaceId};
use conglang::domain::place::{self, Place};
use conglang::journal::{CommandRequest, Journal, JournalStorage};
use conglang::keys::secret;
use conglang::log::disk::DirDisk;
use conglang::supervisor::clock::Clock;

use gateway::House;

/// Runs of each figure; the median of runs is shown.
const RUNS: usize = 5;
const EACH: usize = 500;

/// A line of the table: one figure or two quantiles.
pub struct Row {
    name: String,
    p50: f64,
    p99: Option<f64>,
    unit: &'static str,
    bar: String,
}

/// A line with one figure.
pub fn figure(name: &str, value: f64, unit: &'static str, bar: &str) -> Row {
    Row {
        name: name.to_owned(),
        p50: value,
        p99: None,
        unit,
        bar: bar.to_owned(),
    }
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * q).round() as usize]
}

/// Median over runs of p50 and p99, in milliseconds.
fn row(name: &str, mut runs: Vec<Vec<f64>>, bar: &str) -> Row {
    let mut p50: Vec<f64> = runs.iter_mut().map(|r| quantile(r, 0.5)).collect();
    let mut p99: Vec<f64> = runs.iter_mut().map(|r| quantile(r, 0.99)).collect();
    Row {
        name: name.to_owned(),
        p50: quantile(&mut p50, 0.5),
        p99: Some(quantile(&mut p99, 0.5)),
        unit: "ms",
        bar: bar.to_owned(),
    }
}

/// Removes a folder. The worker of a gateway that was killed goes on writing into it until it has
/// seen the end of its standard input.
pub(crate) fn remove(folder: &Path) {
    let began = Instant::now();
    while let Err(cause) = std::fs::remove_dir_all(folder) {
        assert!(began.elapsed() < Duration::from_secs(30), "{cause}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Milliseconds since `began`.
pub fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

/// 4 KiB written in place and synced.
fn syncs(dir: &Path) -> Vec<f64> {
    let path = dir.join("sync-probe");
    std::fs::write(&path, vec![0u8; 1 << 20]).expect("probe");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("probe");
    file.sync_all().expect("sync");
    (0..EACH)
        .map(|i| {
            let began = Instant::now();
            std::os::unix::fs::FileExt::write_all_at(
                &file,
                &[7; 4096],
                (i as u64 * 4096) % (1 << 20),
            )
            .expect("write");
            file.sync_data().expect("sync");
            ms(began)
        })
        .collect()
}

fn road(n: usize) -> CommandRequest {
    CommandRequest::new(
        Actor::System,
        place::Command::Declare {
            place: Place {
                id: PlaceId::new(&format!("p{}", n % 4_000)).expect("id"),
                name: format!("Ngõ Cầu Tre {n}"),
            },
        },
    )
}

/// A journal in `dir`.
pub fn journal(dir: &Path) -> Journal {
    let disk = DirDisk::open(&dir.join("log")).expect("log");
    Journal::open(
        JournalStorage {
            folder: dir.join("journal"),
            disk: Box::new(disk),
            village: None,
        },
        secret::random().expect("random"),
        Clock::system(0),
    )
    .expect("opens")
    .0
}

fn main() {
    conglang::supervisor::panics::install_hook();
    let has = |flag: &str| std::env::args().any(|a| a == flag);
    // Test runners ask which tests are here: none.
    if has("--list") {
        return;
    }
    let root = std::env::var_os("CONGLANG_BENCH_DIR")
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .join(format!(
            "conglang-bench-{}",
            secret::token().expect("random")
        ));
    std::fs::create_dir_all(&root).expect("folder");
    let mut rows = Vec::new();
    if has("--kept") {
        kept::million(&root, &mut rows);
    } else if let Some(stat) = std::env::var_os("CONGLANG_BENCH_BLOCK") {
        wear(&root, Path::new(&stat), &mut rows);
    } else {
        latencies(&root, &mut rows);
        ready(&root, &mut rows);
        kept::million(&root, &mut rows);
        memory(&root, if has("--soak") { 600 } else { 20 }, &mut rows);
        let program = std::fs::metadata(env!("CARGO_BIN_EXE_conglang"))
            .expect("binary")
            .len();
        rows.push(figure("the program", program as f64 / 1e6, "MB", ""));
    }
    remove(&root);
    print(&rows, has("--json"));
}

#[expect(clippy::too_many_lines, reason = "one measurement after another")]
fn latencies(root: &Path, rows: &mut Vec<Row>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let (mut disk, mut alone, mut tens) = (Vec::new(), Vec::new(), Vec::new());
    let (mut wire, mut shown, mut wire_4, mut shown_4) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut house = House::start(&root.join("house"), 0, 12);
    let mut recording = House::start(&root.join("recording"), 4, 12);
    recording.until_recorded();
    let journal = journal(root);
    let mut number = 0;
    // Interleaved, so that a busy moment of the machine meets all of them.
    for run in 1..=RUNS {
        eprintln!("run {run} of {RUNS}…");
        disk.push(syncs(root));
        alone.push(runtime.block_on(async {
            let mut out = Vec::new();
            for _ in 0..EACH {
                number += 1;
                let began = Instant::now();
                journal.submit(road(number)).await.expect("answered");
                out.push(ms(began));
            }
            out
        }));
        tens.push(runtime.block_on(async {
            let mut out = Vec::new();
            for _ in 0..EACH / 10 {
                let began = Instant::now();
                let wishes = (0..10).map(|_| {
                    number += 1;
                    journal.submit(road(number))
                });
                futures_util::future::join_all(wishes).await;
                out.push(ms(began));
            }
            out
        }));
        wire.push((0..EACH).map(|i| house.press(i % 2 == 0)).collect());
        shown.push((0..EACH).map(|i| house.publish(i)).collect());
        wire_4.push((0..EACH).map(|i| recording.press(i % 2 == 0)).collect());
        shown_4.push((0..EACH).map(|i| recording.publish(i)).collect());
    }
    // A commit with 10,000 entities, beside one with few.
    let many = runtime.block_on(async {
        for n in 0..10_000 {
            let device = Device {
                id: DeviceId::new(&format!("d{n}")).expect("id"),
                name: "Đèn".into(),
                place: None,
                model: String::new(),
                availability: Availability::Unknown,
            };
            journal
                .submit(CommandRequest::new(
                    Actor::System,
                    device::Command::Declare { device },
                ))
                .await
                .expect("answered");
        }
        let mut out = Vec::new();
        for n in 0..EACH {
            let began = Instant::now();
            journal
                .submit(CommandRequest::new(
                    Actor::System,
                    device::Command::ReportPresence {
                        device: DeviceId::new(&format!("d{n}")).expect("id"),
                        here: true,
                    },
                ))
                .await
                .expect("answered");
            out.push(ms(began));
        }
        out
    });
    runtime.block_on(journal.shutdown()).expect("stopped");
    let sync = row("fdatasync of 4 KiB on this disk", disk, "");
    let (p50, p99) = (sync.p50, sync.p99.unwrap_or(0.0));
    let bar = |more: f64| {
        format!(
            "≤ {:.1} / {:.1}",
            p50 + 10.0 + more,
            2.0 * p99 + 20.0 + more
        )
    };
    rows.push(sync);
    let few = row("one command, answered", alone, "");
    let plus = format!("≤ {:.1} / –", few.p50 + 0.5);
    rows.push(few);
    rows.push(row("the same with 10,000 devices", vec![many], &plus));
    rows.push(row("ten commands at once, all answered", tens, ""));
    rows.push(row(
        "button → the lamp's command on the wire",
        wire,
        &bar(0.0),
    ));
    rows.push(row("  while 4 cameras record", wire_4, &bar(0.0)));
    rows.push(row(
        "publish → fragment on the dashboard",
        shown,
        &bar(50.0),
    ));
    rows.push(row("  while 4 cameras record", shown_4, &bar(50.0)));
}

/// How soon the gateway is ready with a hundred devices known.
fn ready(root: &Path, rows: &mut Vec<Row>) {
    let dir = root.join("hundred");
    drop(House::start(&dir, 0, 100));
    let runs = (0..RUNS)
        .map(|_| vec![gateway::time_to_ready(&dir)])
        .collect();
    rows.push(row("start → ready, 100 devices known", runs, "≤ 2000"));
}

/// Proportional memory of gateway and broker under load, without cameras.
fn memory(root: &Path, seconds: u64, rows: &mut Vec<Row>) {
    let mut house = House::start(&root.join("memory"), 0, 100);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut i = 0;
    while Instant::now() < end {
        house.publish(i);
        if i.is_multiple_of(20) {
            house.press(i.is_multiple_of(40));
        }
        i += 1;
    }
    let (gateway, broker) = house.memory();
    rows.push(figure(
        &format!("memory of gateway + broker after {seconds} s of load"),
        (gateway + broker) as f64 / 1e6,
        "MB PSS",
        "≤ 60 (after 600 s)",
    ));
}

/// Sectors of 512 bytes that a device wrote so far.
fn written(stat: &Path) -> u64 {
    let text = std::fs::read_to_string(stat).expect("the device's counters");
    text.split_whitespace()
        .nth(6)
        .and_then(|n| n.parse::<u64>().ok())
        .expect("sectors")
        * 512
}

/// How much a command wears storage: 1,000 of them, on segments that were used before.
fn wear(root: &Path, stat: &Path, rows: &mut Vec<Row>) {
    let house = House::start(&root.join("wear"), 0, 4);
    let place = |n: usize| {
        serde_json::json!({
            "command": {
                "do": "DeclarePlace",
                "place": { "id": format!("p{}", n % 500), "name": format!("Ngõ {n}") }
            }
        })
        .to_string()
    };
    let settle = || {
        rustix::fs::sync();
        std::thread::sleep(Duration::from_secs(7));
        rustix::fs::sync();
        written(stat)
    };
    // Warm: until segments are recycled.
    for n in 0..6_000 {
        house.ask("POST", "/commands", &place(n));
    }
    let before = settle();
    for n in 0..1_000 {
        house.ask("POST", "/commands", &place(10_000 + n));
    }
    rustix::fs::sync();
    rows.push(figure(
        "bytes to the device, a command alone",
        (written(stat) - before) as f64 / 1_000.0,
        "B",
        "≤ 6000",
    ));
    let before = settle();
    for n in 0..100 {
        std::thread::scope(|s| {
            for i in 0..10 {
                let dir = root.join("wear");
                s.spawn(move || {
                    gateway::ask(&dir, "POST", "/commands", &place(20_000 + n * 10 + i))
                });
            }
        });
    }
    rustix::fs::sync();
    rows.push(figure(
        "bytes to the device, each of ten at once",
        (written(stat) - before) as f64 / 1_000.0,
        "B",
        "≤ 1500",
    ));
}

fn print(rows: &[Row], json: bool) {
    if json {
        let json: Vec<_> = rows
            .iter()
            .map(|r| {
                serde_json::json!({
                    "name": r.name.trim(), "p50": r.p50, "p99": r.p99, "unit": r.unit, "bar": r.bar
                })
            })
            .collect();
        println!("{}", serde_json::Value::from(json));
        return;
    }
    println!("{:<54}{:>10}{:>10}  {:<8}bar", "", "p50", "p99", "");
    for r in rows {
        let p99 = r.p99.map_or_else(String::new, |p| format!("{p:.3}"));
        println!(
            "{:<54}{:>10.3}{p99:>10}  {:<8}{}",
            r.name, r.p50, r.unit, r.bar
        );
    }
}
