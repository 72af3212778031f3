//! What a program leaves behind when its test is done: its folder, error lines in its log,
//! processes, red health. A test that did not provoke them fails by them.
//!
//! A test that provokes errors says so before: `expect_errors` of the house or the commune. In a
//! test that fails already, nothing is judged.

use std::time::{Duration, Instant};

use serde_json::Value;

/// How long the processes of a program that ended may take to follow it.
const PROCESSES_END: Duration = Duration::from_secs(15);

/// A folder for one test, which goes away with it. Its name tells what it was for, if a test that
/// was killed left it.
pub fn temporary_folder(prefix: &str) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir();
    folder.expect("folder")
}

/// A process of a program: its pid, and when it began (ticks since the start of the machine), which
/// tells it from a later process of the same pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildProcess {
    pid: u32,
    began: String,
    name: String,
}

/// Name and beginning of a process; none = it ended, or only its parent has not asked for it yet.
fn process(pid: u32) -> Option<ChildProcess> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // proc_pid_stat(5): field 3 is the state, field 22 the start time.
    if matches!(fields.first(), Some(&("Z" | "X"))) {
        return None;
    }
    Some(ChildProcess {
        pid,
        began: (*fields.get(19)?).to_owned(),
        name: name.split_once('(')?.1.to_owned(),
    })
}

/// The processes below a process, at any depth.
pub fn children_of(pid: u32) -> Vec<ChildProcess> {
    let mut found = Vec::new();
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return found;
    };
    for task in tasks.flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|c| c.parse().ok()) {
            found.extend(process(child));
            found.extend(children_of(child));
        }
    }
    found
}

/// The processes that still live when they have had their time; empty = all ended.
pub fn still_living(children: &[ChildProcess]) -> Vec<String> {
    let end = Instant::now() + PROCESSES_END;
    loop {
        let living: Vec<String> = children
            .iter()
            .filter(|c| process(c.pid).as_ref() == Some(c))
            .map(|c| format!("process {} ({}) is left", c.pid, c.name))
            .collect();
        if living.is_empty() || Instant::now() > end {
            return living;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Lines of a log that tell of an error or a panic, save those that hold an expected phrase.
pub fn unexpected_errors(log: &str, expected: &[String]) -> Vec<String> {
    log.lines()
        .filter(|line| line.contains(" ERROR ") || line.contains("panicked at"))
        .filter(|line| !expected.iter().any(|phrase| line.contains(phrase)))
        .map(str::to_owned)
        .collect()
}

/// The red parts of a status report, save those whose line holds an expected phrase.
pub fn unexpected_red(status: &Value, expected: &[String]) -> Vec<String> {
    let parts = status["health"].as_array().cloned().unwrap_or_default();
    parts
        .iter()
        .filter(|part| part[1] == "red")
        .map(|part| format!("red health: {part}"))
        .filter(|line| !expected.iter().any(|phrase| line.contains(phrase)))
        .collect()
}
