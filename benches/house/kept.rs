//! A million stored entries: how soon commands are accepted after kill -9, with the index and
//! without it.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use conglang::domain::actor::Actor;
use conglang::domain::device::{self, Availability, Device};
use conglang::domain::id::DeviceId;
use conglang::journal::CommandRequest;

use crate::gateway::{ask, configure, start_again};
use crate::{Row, figure, journal, ms, remove};

const ENTRIES: usize = 1_000_000;

/// Fills a journal and starts the program on it, killed before and after.
#[expect(clippy::too_many_lines, reason = "one measurement after another")]
pub fn million(root: &Path, rows: &mut Vec<Row>) {
    let dir = root.join("million");
    configure(&dir, 0, "");
    std::fs::create_dir_all(dir.join("data")).expect("folder");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let began = Instant::now();
    runtime.block_on(async {
        let journal = journal(&dir.join("data"));
        for n in 0..100 {
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
        for round in 0..ENTRIES / 100 {
            let wishes = (0..100).map(|n| {
                journal.submit(CommandRequest::new(
                    Actor::System,
                    device::Command::ReportPresence {
                        device: DeviceId::new(&format!("d{n}")).expect("id"),
                        here: round.is_multiple_of(2),
                    },
                ))
            });
            futures_util::future::join_all(wishes).await;
            if round.is_multiple_of(1000) {
                eprintln!("{} of {ENTRIES} entries…", round * 100);
            }
        }
        // As kill -9 would leave it.
        std::mem::forget(journal);
    });
    eprintln!("a million entries in {:.1} s", ms(began) / 1000.0);
    runtime.shutdown_background();
    let journal_bytes: u64 = std::fs::read_dir(dir.join("data/journal"))
        .expect("dir")
        .filter_map(Result::ok)
        .filter_map(|e| e.metadata().ok())
        .map(|m| m.len())
        .sum();
    rows.push(figure(
        "history of 1,000,000 entries on disk",
        journal_bytes as f64 / 1e6,
        "MB",
        "",
    ));
    for (name, bar, wipe) in [
        (
            "kill -9 with 1,000,000 entries → a command answered",
            "≤ 2000",
            true,
        ),
        ("  once more, with its index", "≤ 2000", false),
        ("  once more, index deleted", "≤ 2000", true),
    ] {
        let index = dir.join("data/index.redb");
        if wipe {
            let _ = std::fs::remove_file(&index);
        }
        let began = Instant::now();
        let mut child = start_again(&dir);
        let body = serde_json::json!({
            "command": { "do": "DeclarePlace", "place": { "id": "p1", "name": name.trim() } }
        })
        .to_string();
        while !ask(&dir, "POST", "/commands", &body).starts_with("HTTP/1.1 200") {
            assert!(ms(began) < 60_000.0, "it does not start");
            std::thread::sleep(Duration::from_millis(2));
        }
        rows.push(figure(name, ms(began), "ms", bar));
        while !ask(&dir, "GET", "/status", "").contains("[\"index\",\"green\"") {
            assert!(ms(began) < 300_000.0, "the index is not made");
            std::thread::sleep(Duration::from_millis(50));
        }
        if wipe {
            rows.push(figure(
                "  index made again from nothing",
                ms(began) / 1000.0,
                "s",
                "",
            ));
            // redb doubles a file's length when it needs room; parts that were never written use no
            // storage.
            let about = std::fs::metadata(&index).expect("index");
            rows.push(figure(
                "  index on disk",
                about.blocks() as f64 * 512.0 / 1e6,
                "MB",
                "≤ 64",
            ));
            rows.push(figure(
                "  length of its file",
                about.len() as f64 / 1e6,
                "MB",
                "",
            ));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    remove(&dir);
}
