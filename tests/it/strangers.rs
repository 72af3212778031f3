//! The broker before judges who do not know it: wire scripts that speak bytes, and the clients of
//! others.

use std::process::{Command, Output};

use crate::support::worker::{Worker, repository, wide_limits, wire_accounts};

fn judge(name: &str, output: &Output) {
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let bad: Vec<&str> = said.lines().filter(|l| !l.starts_with("ok ")).collect();
    assert!(
        output.status.success(),
        "{name}: {}\n{}",
        output.status,
        bad.join("\n")
    );
    println!(
        "{name}: {}",
        said.lines()
            .rfind(|l| l.contains("checks") || l.contains("passed"))
            .unwrap_or("done")
    );
}

#[test]
fn every_scenario_on_the_wire_goes_as_the_standard_says() {
    let worker = Worker::started(wide_limits(), None, wire_accounts());
    let scripts = repository("tests/wire");
    // Somebody who looks into one script runs it alone: CONGLANG_WIRE=will.wire.
    let only = std::env::var_os("CONGLANG_WIRE").filter(|w| !w.is_empty());
    let wanted = |p: &std::path::PathBuf| {
        p.extension().is_some_and(|e| e == "wire")
            && only.as_deref().is_none_or(|o| p.file_name() == Some(o))
    };
    let mut files: Vec<_> = std::fs::read_dir(&scripts)
        .expect("scripts")
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(wanted)
        .collect();
    files.sort();
    assert!(!files.is_empty(), "tests/wire holds no script {only:?}");
    let ws = worker.ws.to_string();
    let output = Command::new("/usr/bin/python3")
        .arg(scripts.join("run.py"))
        .args(["-j", "8", "-w", &ws, "127.0.0.1", &worker.plain.to_string()])
        .args(files)
        .output()
        .expect("python3");
    judge("wire", &output);
}

/// What others wrote is installed once, beside the other tools of the tests.
pub fn others() -> std::path::PathBuf {
    let home = std::env::var_os("CONGLANG_TOOLS").map_or_else(
        || {
            std::path::PathBuf::from(std::env::var_os("HOME").expect("HOME"))
                .join(".cache/conglang-tools")
        },
        Into::into,
    );
    let folder = home.join("strangers");
    assert!(
        folder.join("venv/bin/python").exists() && folder.join("node_modules/mqtt").exists(),
        "{}: the clients of others are not installed; scripts/test does it",
        folder.display()
    );
    folder
}

fn stranger(program: &str, name: &str) {
    let worker = Worker::started(wide_limits(), None, wire_accounts());
    let mut script = repository("tests/strangers").join(name);
    if name.ends_with("mjs") {
        // Modules are found from where the program lies.
        let beside = others().join(format!("{}-{name}", worker.plain));
        std::fs::copy(&script, &beside).expect("copied");
        script = beside;
    }
    let output = Command::new(program)
        .arg(&script)
        .env("HOST", "localhost")
        .env("PORT", worker.plain.to_string())
        .env("TLS_PORT", worker.tls.to_string())
        .env("WS_PORT", worker.ws.to_string())
        .env("WSS_PORT", worker.wss.to_string())
        .env("CA", worker.ca())
        .env("USER_NAME", "rong")
        .env("USER_SECRET", "mat-khau-rong")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("it starts");
    if name.ends_with("mjs") {
        let _ = std::fs::remove_file(script);
    }
    judge(name, &output);
}

#[test]
fn paho_feels_at_home() {
    stranger(
        others().join("venv/bin/python").to_str().expect("a path"),
        "paho.py",
    );
}

#[test]
fn aiomqtt_feels_at_home() {
    stranger(
        others().join("venv/bin/python").to_str().expect("a path"),
        "aio.py",
    );
}

#[test]
fn mqttjs_feels_at_home() {
    stranger("node", "mqttjs.mjs");
}

#[test]
fn the_clients_of_mosquitto_feel_at_home() {
    stranger("bash", "mosquitto.sh");
}

#[test]
fn every_statement_of_the_standards_has_its_proof_and_every_proof_is_there() {
    let table = std::fs::read_to_string(repository("docs/mqtt-conformance.md")).expect("the table");
    let (mut rows, mut open, mut proofs) = (0, 0, 0);
    for line in table
        .lines()
        .filter(|l| l.starts_with("| ") && l.chars().nth(2).is_some_and(|c| c.is_ascii_digit()))
    {
        rows += 1;
        let proof = line
            .trim_end_matches('|')
            .rsplit('|')
            .next()
            .expect("a column");
        open += usize::from(proof.contains("not done:"));
        assert!(
            proof.contains("wire:") || proof.contains("unit:") || proof.contains("not done:"),
            "{line}"
        );
        let before = proofs;
        for part in proof
            .split('`')
            .filter(|p| p.starts_with("wire: ") || p.starts_with("unit: "))
        {
            proofs += 1;
            if let Some((file, title)) =
                part.strip_prefix("wire: ").and_then(|p| p.split_once(": "))
            {
                let script = std::fs::read_to_string(repository("tests/wire").join(file))
                    .unwrap_or_else(|e| panic!("{file}: {e}"));
                assert!(
                    script.lines().any(|l| l
                        .strip_prefix("== ")
                        .is_some_and(|t| t == title || t.starts_with(&format!("{title} [")))),
                    "{file} has no scenario “{title}”"
                );
            } else {
                let name = part.rsplit("::").next().expect("a name");
                let found = [
                    "src/protocol/mqtt/tests.rs",
                    "src/broker/core/subscriptions.rs",
                    "src/broker/core/tests.rs",
                    "tests/it/broker.rs",
                    "tests/it/strangers.rs",
                ];
                assert!(
                    found.iter().any(|f| std::fs::read_to_string(repository(f))
                        .is_ok_and(|t| t.contains(&format!("fn {name}(")))),
                    "{part}"
                );
            }
        }
        assert!(
            proofs > before || proof.contains("not done:"),
            "a row without a proof: {line}"
        );
    }
    println!("{rows} statements, {proofs} proofs, {open} not done");
    assert!(rows > 340 && open <= 12, "{rows} rows, {open} open");
}
