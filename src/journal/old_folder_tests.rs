//! A data folder as the program before wrote it: packs, a snapshot and a log of versions 1 and 2.
//!
//! `tests/samples/journal/folder` holds its files, compressed, and the village as the program
//! before reported it. The folder was left by a kill, so the log holds more than the snapshot.

use std::path::Path;
use std::sync::Arc;

use super::snapshot;
use super::test_support::{Temp, crash, open};
use super::{check, codec};
use crate::domain::light::Light;
use crate::domain::state::VillageState;

/// Largest file of the folder, bytes.
const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

fn unpack(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("samples") {
        let path = entry.expect("entry").path();
        let name = path.file_stem().expect("name");
        if path.is_dir() {
            unpack(&path, &to.join(name));
        } else if path.extension().is_some_and(|e| e == "zst") {
            let packed = std::fs::read(&path).expect("sample");
            let bytes = zstd::bulk::decompress(&packed, MAX_FILE_BYTES).expect("whole");
            std::fs::write(to.join(name), bytes).expect("written");
        }
    }
}

#[tokio::test]
async fn a_folder_of_the_program_before_opens_whole() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/journal/folder");
    let temp = Temp::new("old-folder");
    unpack(&samples, temp.path());
    let text = std::fs::read_to_string(samples.join("state.json")).expect("state");
    let before: VillageState = serde_json::from_str(&text).expect("a village");

    let (journal, report) = open(temp.path());
    assert!(report.is_clean(), "{report:?}");
    let state = journal.state();
    let booted = VillageState {
        seq: before.seq + 1,
        boot: before.boot + 1,
        ..before.clone()
    };
    // The same entries tell this program more: what a lamp was ordered before, and which notice was
    // taken down.
    let taken_down: Vec<String> = state.ended.keys().map(ToString::to_string).collect();
    assert_eq!(taken_down, ["n1"]);
    let without_previous = |light: &Arc<Light>| {
        Arc::new(Light {
            previous: None,
            ..(**light).clone()
        })
    };
    let lights = state.lights.iter();
    let lights = lights.map(|(id, light)| (id.clone(), without_previous(light)));
    let known_before = VillageState {
        lights: Arc::new(lights.collect()),
        ended: Arc::default(),
        ..(*state).clone()
    };
    assert_eq!(known_before, booted, "the same village, one boot later");
    let all = journal.after(0, 1000).await;
    let seqs: Vec<u64> = all.iter().map(|s| s.entry.seq).collect();
    assert_eq!(seqs, (1..=before.seq + 1).collect::<Vec<_>>());
    let versions: Vec<u64> = all
        .iter()
        .map(|s| {
            let json: serde_json::Value = serde_json::from_slice(&s.bytes).expect("JSON");
            json["v"].as_u64().expect("a version")
        })
        .collect();
    assert!(
        versions.contains(&1) && versions.contains(&2),
        "{versions:?}"
    );
    assert_eq!(versions.last(), Some(&u64::from(codec::VERSION)));

    // Entries that are packed again keep their bytes, so the chain from the first one on holds.
    journal.shutdown().await.expect("stopped");
    let findings =
        check::check(&temp.journal(), &temp.path().join("log"), None, |_| {}).expect("read");
    assert!(findings.problems.is_empty(), "{findings:?}");
    assert_eq!(findings.entries, before.seq + 1);
    let (journal, report) = open(temp.path());
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(journal.state().places, before.places);
    crash(journal);
}

#[test]
fn an_older_program_calls_a_snapshot_of_this_one_newer() {
    let temp = Temp::new("newer-snapshot");
    snapshot::write(temp.path(), &snapshot::Snapshot::default()).expect("written");
    let path = temp.path().join(format!("{:016x}.snap", 0));
    let bytes = std::fs::read(&path).expect("snapshot");
    let raw = zstd::bulk::decompress(&bytes[12..], MAX_FILE_BYTES).expect("whole");
    let body: serde_json::Value = serde_json::from_slice(&raw).expect("JSON");
    // The programs before read versions up to their own, and call every other one newer.
    assert_eq!(body["v"], snapshot::VERSION);
    assert_eq!(bytes[4..6], snapshot::VERSION.to_le_bytes());
    assert_eq!(snapshot::list(temp.path()).expect("read").len(), 2);
}
