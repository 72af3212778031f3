//! `journal tail -f` through a restart of the gateway.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::house::House;

/// A technician's terminal that follows history.
struct Terminal {
    child: Child,
    out: Arc<Mutex<Vec<String>>>,
    err: Arc<Mutex<Vec<String>>>,
}

fn lines(from: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let all = Arc::new(Mutex::new(Vec::new()));
    let out = all.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            out.lock().expect("whole").push(line);
        }
    });
    all
}

impl Terminal {
    fn follow(house: &House) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_conglang"))
            .arg("--config")
            .arg(house.config())
            .args(["--lang", "vi", "--json", "journal", "tail", "-f", "-n", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let (out, err) = (child.stdout.take(), child.stderr.take());
        Self {
            child,
            out: lines(out.expect("stdout")),
            err: lines(err.expect("stderr")),
        }
    }

    fn seqs(&self) -> Vec<u64> {
        let lines = self.out.lock().expect("whole");
        let entries = lines.iter().map(|l| serde_json::from_str::<Value>(l));
        entries
            .map(|e| e.expect("an entry")["seq"].as_u64().expect("a number"))
            .collect()
    }

    fn said(&self) -> String {
        self.err.lock().expect("whole").join("\n")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn road(house: &House, id: &str) -> u64 {
    let place = json!({ "id": id, "name": id });
    let made = house.command(&json!({ "do": "DeclarePlace", "place": place }));
    assert_eq!(made.status, 200, "{}", made.body);
    let made: Value = serde_json::from_str(&made.body).expect("a receipt");
    made["last"].as_u64().expect("its number")
}

#[test]
fn history_that_is_followed_goes_on_through_a_restart_without_double_or_gap() {
    let mut house = House::new("");
    house.start();
    let before = road(&house, "ngo-1");
    let terminal = Terminal::follow(&house);
    let soon = Duration::from_secs(20);
    house.until("it follows", soon, |_| terminal.seqs() == [before]);
    assert_eq!(house.stop(), Some(0));
    house.until("it says that it waits", soon, |_| {
        terminal.said().contains("đang chờ")
    });
    house.start();
    let last = road(&house, "ngo-2");
    house.until("it goes on", soon, |_| {
        terminal.seqs().last() == Some(&last)
    });
    assert_eq!(terminal.seqs(), (before..=last).collect::<Vec<_>>());
    let said = terminal.said();
    assert_eq!(said.lines().count(), 2, "once each: {said}");
    assert!(said.contains("đã trả lời lại"), "{said}");
}
