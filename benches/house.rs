//! What a commit costs, beside the disk's own `fdatasync` in the same run: a table, or JSON with `--json`.
//!
//! Never a timed test: figures are for people, side by side. `CONGLANG_BENCH_DIR` chooses the file system.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "a bench")]

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use conglang::domain::actor::Actor;
use conglang::domain::command::Command as Wanted;
use conglang::domain::device::{Device, Presence};
use conglang::domain::id::{DeviceId, PlaceId};
use conglang::domain::place::Place as Road;
use conglang::journal::{Journal, Place, Wish};
use conglang::keys::secret;
use conglang::log::disk::Folder;
use conglang::supervisor::clock::Clock;

/// Runs of each figure; the median of runs is shown.
const RUNS: usize = 5;
const EACH: usize = 500;

struct Row {
    name: &'static str,
    p50: f64,
    p99: f64,
    unit: &'static str,
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let at = ((values.len() - 1) as f64 * q).round() as usize;
    values[at]
}

/// Median over runs of p50 and p99, in milliseconds.
fn row(name: &'static str, mut runs: Vec<Vec<f64>>) -> Row {
    let mut p50: Vec<f64> = runs.iter_mut().map(|r| quantile(r, 0.5)).collect();
    let mut p99: Vec<f64> = runs.iter_mut().map(|r| quantile(r, 0.99)).collect();
    Row { name, p50: quantile(&mut p50, 0.5), p99: quantile(&mut p99, 0.5), unit: "ms" }
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

/// 4 KiB written in place and synced.
fn syncs(dir: &Path) -> Vec<f64> {
    let path = dir.join("sync-probe");
    std::fs::write(&path, vec![0u8; 1 << 20]).expect("probe");
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("probe");
    file.sync_all().expect("sync");
    (0..EACH)
        .map(|i| {
            let began = Instant::now();
            std::os::unix::fs::FileExt::write_all_at(&file, &[7; 4096], (i as u64 * 4096) % (1 << 20)).expect("write");
            file.sync_data().expect("sync");
            ms(began)
        })
        .collect()
}

fn road(n: usize) -> Wish {
    Wish::new(Actor::House, Wanted::DeclarePlace { place: Road { id: PlaceId::new(&format!("p{n}")).expect("id"), name: "Ngõ Cầu Tre".into() } })
}

fn journal(dir: &Path) -> Journal {
    let disk = Folder::open(&dir.join("log")).expect("log");
    Journal::open(Place { folder: dir.join("journal"), disk: Box::new(disk) }, secret::random().expect("random"), Clock::system(0)).expect("opens").0
}

fn main() {
    // Test runners ask what tests are here: none.
    if std::env::args().any(|a| a == "--list") {
        return;
    }
    let root = std::env::var_os("CONGLANG_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from).join(format!("conglang-bench-{}", secret::token().expect("random")));
    std::fs::create_dir_all(&root).expect("folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let mut rows = Vec::new();
    let (mut disk, mut alone, mut tens, mut wire) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut house = House::start(&root.join("house"));
    let journal = journal(&root);
    let mut number = 0;
    // Interleaved, so that a busy moment of the machine meets all of them.
    for _ in 0..RUNS {
        disk.push(syncs(&root));
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
        wire.push((0..EACH / 5).map(|i| house.switch(i % 2 == 0)).collect());
    }
    rows.push(row("fdatasync of 4 KiB on this disk", disk));
    rows.push(row("one command, answered", alone));
    rows.push(row("ten commands at once, all answered", tens));
    rows.push(row("button → the lamp's command on the wire", wire));

    // A commit with 10,000 entities, beside one with few.
    let many = runtime.block_on(async {
        for n in 0..10_000 {
            let device = Device { id: DeviceId::new(&format!("d{n}")).expect("id"), name: "Đèn".into(), place: None, model: String::new(), presence: Presence::Unknown };
            journal.submit(Wish::new(Actor::House, Wanted::DeclareDevice { device })).await.expect("answered");
        }
        let mut out = Vec::new();
        for n in 0..EACH {
            let began = Instant::now();
            journal.submit(Wish::new(Actor::House, Wanted::ReportPresence { device: DeviceId::new(&format!("d{n}")).expect("id"), here: true })).await.expect("answered");
            out.push(ms(began));
        }
        out
    });
    rows.push(row("one command with 10,000 devices, answered", vec![many]));
    runtime.block_on(journal.shutdown()).expect("stopped");
    drop(house);
    std::fs::remove_dir_all(&root).expect("clean");
    print(&rows);
}

fn print(rows: &[Row]) {
    if std::env::args().any(|a| a == "--json") {
        let json: Vec<_> = rows.iter().map(|r| serde_json::json!({ "name": r.name, "p50": r.p50, "p99": r.p99, "unit": r.unit })).collect();
        println!("{}", serde_json::Value::from(json));
        return;
    }
    println!("{:<46}{:>10}{:>10}  of {RUNS} runs", "", "p50", "p99");
    for r in rows {
        println!("{:<46}{:>10.3}{:>10.3}  {}", r.name, r.p50, r.p99, r.unit);
    }
}

/// The real gateway with one lamp that listens.
struct House {
    dir: PathBuf,
    child: Child,
    heard: std::sync::mpsc::Receiver<Instant>,
}

impl House {
    fn start(dir: &Path) -> Self {
        std::fs::create_dir_all(dir.join("run")).expect("folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("port").local_addr().expect("address").port();
        let lamp = "bench-secret-0123456789abcdef012";
        let text = format!(
            "[village]\nid = \"v\"\nname = \"V\"\ncommune = \"x\"\n[data]\nfolder = {:?}\n[doors]\ncontrol = {:?}\n[broker]\nplain = \"127.0.0.1:{port}\"\n[[device]]\nid = \"den-01\"\nname = \"Đèn\"\nsecret_sha256 = \"{}\"\n",
            dir.join("data").display().to_string(),
            dir.join("run/control.sock").display().to_string(),
            secret::sha256(lamp.as_bytes())
        );
        std::fs::write(dir.join("conglang.toml"), text).expect("configuration");
        let child = Command::new(env!("CARGO_BIN_EXE_conglang")).arg("--config").arg(dir.join("conglang.toml")).arg("run").stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        let (say, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
            let mut options = MqttOptions::new("bench", "127.0.0.1", port);
            options.set_credentials("den-01", lamp).set_keep_alive(Duration::from_secs(30));
            let (client, mut connection) = Client::new(options, 64);
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        let config = serde_json::json!({ "name": "Đèn", "stat_t": "d/den-01/state", "cmd_t": "c/den-01/set" });
                        client.try_publish("homeassistant/light/den-01/light/config", QoS::AtLeastOnce, true, config.to_string()).expect("queued");
                        client.try_subscribe("c/den-01/#", QoS::AtLeastOnce).expect("queued");
                        client.try_publish("d/den-01/state", QoS::AtLeastOnce, false, "OFF").expect("queued");
                    }
                    Ok(Event::Incoming(Packet::Publish(p))) => {
                        if say.send(Instant::now()).is_err() {
                            return;
                        }
                        let _ = client.try_publish("d/den-01/state", QoS::AtLeastOnce, false, p.payload.to_vec());
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(100)),
                    _ => {}
                }
            }
        });
        let house = Self { dir: dir.to_owned(), child, heard };
        let end = Instant::now() + Duration::from_secs(20);
        while !house.ask("GET", "/state", "").contains("\"den-01.light\"") {
            assert!(Instant::now() < end, "the lamp was not adopted");
            std::thread::sleep(Duration::from_millis(100));
        }
        house
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let Ok(mut stream) = std::os::unix::net::UnixStream::connect(self.dir.join("run/control.sock")) else { return String::new() };
        let _ = write!(stream, "{method} {path} HTTP/1.1\r\nhost: c\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// Milliseconds from the request to the lamp's command on the wire; waits for the lamp's answer after it.
    fn switch(&mut self, on: bool) -> f64 {
        while self.heard.try_recv().is_ok() {}
        let body = serde_json::json!({ "command": { "do": "SwitchLight", "light": "den-01.light", "on": on } }).to_string();
        let began = Instant::now();
        self.ask("POST", "/commands", &body);
        let took = self.heard.recv_timeout(Duration::from_secs(5)).map_or(5_000.0, |at| at.duration_since(began).as_secs_f64() * 1000.0);
        let end = Instant::now() + Duration::from_secs(5);
        let wanted = format!("\"reported\":{{\"on\":{on}");
        while !self.ask("GET", "/state", "").contains(&wanted) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
        took
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
