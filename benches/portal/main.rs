//! The portal and the guest network: the first page beside nginx, the way from the probe to online,
//! the kernel's rules, the helper's memory. A table, or JSON with `--json`.
//!
//! `scripts/bench portal` starts everything and runs this program in the place of a phone, stage by
//! stage: `names`, `helper` (no gateway runs), `open`, `portal`, `fast`, `bytes`, `fill` (no gateway
//! runs), `full`; each adds its rows to a file, which `print` prints. Invariant: every bar stands beside
//! its figure with whether it is reached, and none of them is a test. Deliberately absent: other
//! machines than this one; phones, box, internet and load share its processors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench"
)]

mod bytes;
mod house;
mod http;
mod kernel;
mod names;
mod report;
mod splash;
mod visitor;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use house::{BOX, House};
use report::Row;
use serde_json::{Value, json};
use visitor::Visitor;

/// Rounds of a whole run, and the length of each run in them, s.
const WHOLE: (usize, u64) = (5, 5);
/// The same with `--quick`.
const QUICK: (usize, u64) = (1, 2);
/// The speed of a device that the village's rules have of themselves, kbit/s.
const DEVICE_KBIT: u32 = 5_000;

/// The words after the stage.
struct Options(Vec<String>);

impl Options {
    fn has(&self, option: &str) -> bool {
        self.0.iter().any(|word| word == option)
    }

    /// The value after an option.
    fn after(&self, option: &str) -> &str {
        let at = self.0.iter().position(|word| word == option);
        let value = at.and_then(|at| self.0.get(at + 1));
        value.unwrap_or_else(|| panic!("{option} is missing"))
    }

    /// A port of the box.
    fn port(&self, option: &str) -> SocketAddr {
        let port: u16 = self.after(option).parse().expect("a port");
        SocketAddr::from((BOX, port))
    }

    /// A host that serves the web.
    fn host(&self, option: &str) -> SocketAddr {
        let address: Ipv4Addr = self.after(option).parse().expect("an address");
        SocketAddr::from((address, 80))
    }

    fn rows_file(&self) -> PathBuf {
        PathBuf::from(self.after("--dir")).join("figures.json")
    }
}

/// What the stages found so far.
fn found(options: &Options) -> (Vec<Row>, Vec<String>) {
    std::fs::read(options.rows_file()).map_or_else(
        |_| Default::default(),
        |text| serde_json::from_slice(&text).expect("figures"),
    )
}

fn stage(name: &str, options: &Options) -> Result<(Vec<Row>, Vec<String>), String> {
    let house = House::new(options.after("--dir").as_ref());
    let is_quick = options.has("--quick");
    let (rounds, seconds) = if is_quick { QUICK } else { WHOLE };
    let length = Duration::from_secs(seconds);
    let (many, some) = if is_quick { (300, 100) } else { (1_000, 200) };
    Ok(match name {
        "names" => (names::measure(&house), Vec::new()),
        "helper" => (kernel::measure(&house, some), Vec::new()),
        "open" => {
            house.until_open();
            house.set_rules(Some(DEVICE_KBIT));
            (Vec::new(), Vec::new())
        }
        "portal" => {
            let (portal, nginx) = (options.port("--portal"), options.port("--nginx"));
            let (mut rows, notes) = splash::measure(portal, nginx, rounds, length);
            let visitor = Visitor::new(&house, options.host("--host"));
            rows.extend(visitor.probes(many));
            rows.extend(visitor.taps(some, "nobody else in"));
            (rows, notes)
        }
        "fast" => {
            house.set_rules(None);
            (Vec::new(), Vec::new())
        }
        "bytes" => {
            Visitor::new(&house, options.host("--host")).enter();
            let ways = bytes::Ways {
                rules: options.host("--host"),
                bridge: options.host("--bare"),
                router: options.host("--router"),
            };
            let rows = bytes::measure(ways, rounds, length);
            house.set_rules(Some(DEVICE_KBIT));
            (rows, Vec::new())
        }
        "fill" => {
            kernel::fill_house(&house);
            (Vec::new(), Vec::new())
        }
        "full" => {
            house.until_open();
            let mut rows = Visitor::new(&house, options.host("--host")).taps(some, "300 others in");
            let pid = options.after("--helper").parse().expect("a process");
            rows.extend(kernel::memory(pid));
            (rows, Vec::new())
        }
        other => {
            return Err(format!(
                "there is no stage {other}; run scripts/bench portal"
            ));
        }
    })
}

fn print(options: &Options) {
    let (rows, notes) = found(options);
    let rounds = if options.has("--quick") {
        QUICK.0
    } else {
        WHOLE.0
    };
    if options.has("--json") {
        let figures: Vec<Value> = rows.iter().map(Row::json).collect();
        let all = json!({ "rounds": rounds, "figures": figures, "notes": notes });
        println!("{all}");
        return;
    }
    println!("{}", report::head());
    for row in &rows {
        println!("{}", row.line());
    }
    println!(
        "\nratio: ours to the other of the same round, median of {rounds}; spread: the other to \
         itself. All of it shares the processors of this machine."
    );
    for note in notes {
        println!("{note}");
    }
}

fn main() -> ExitCode {
    conglang::supervisor::panics::install_hook();
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    // Test runners ask which tests are here: none.
    if words.is_empty() || words.iter().any(|w| w == "--list") {
        return ExitCode::SUCCESS;
    }
    let name = words.remove(0);
    let options = Options(words);
    if name == "print" {
        print(&options);
        return ExitCode::SUCCESS;
    }
    match stage(&name, &options) {
        Ok((rows, notes)) => {
            let mut all = found(&options);
            all.0.extend(rows);
            all.1.extend(notes);
            let text = serde_json::to_vec(&all).expect("JSON");
            std::fs::write(options.rows_file(), text).expect("written");
            ExitCode::SUCCESS
        }
        Err(mistake) => {
            eprintln!("{mistake}");
            ExitCode::from(64)
        }
    }
}
