//! The village's voice: real receivers, each a process of its own that plays into a file; the files
//! are measured.

use std::process::{Child, Command};
use std::time::Duration;

use crate::support::house::{House, fields, kind, secret};

/// Receivers that end with the test.
pub struct Horns(Vec<Child>);

impl Horns {
    pub fn start(house: &House, ids: &[&str]) -> Self {
        let key = std::fs::read_to_string(house.dir.join("data/keys/voice.pub")).expect("key");
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_conglang"))
            .with_file_name("examples")
            .join("receiver");
        let one = |id: &&str| {
            Command::new(&program)
                .args([
                    "--id",
                    id,
                    "--secret",
                    &secret(id),
                    "--key",
                    &key,
                    "--port",
                    &house.mqtt.to_string(),
                    "--out",
                ])
                .arg(house.dir.join(format!("{id}.wav")))
                .spawn()
                .expect("the receiver example is built")
        };
        let horns = Self(ids.iter().map(one).collect());
        house.until("the clusters are here", Duration::from_secs(15), |h| {
            ids.iter()
                .all(|id| h.state()["devices"][*id]["presence"]["is"] == "here")
        });
        horns
    }
}

impl Drop for Horns {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Types a sentence, hears it, plays it on `zone`; the sound that was heard first.
pub fn speak(house: &House, cookie: &str, text: &str, zone: &[&str]) {
    let form = house.form("/speakers", cookie);
    let mut fields = vec![("form", form.as_str()), ("text", text)];
    fields.extend(zone.iter().map(|z| ("zone", *z)));
    let typed = house.post("/speakers/hear", cookie, &fields);
    assert_eq!(typed.status, 303, "{}", typed.body);
    let heard = house.get(typed.header("location"), cookie);
    assert_eq!(heard.status, 200, "{}", heard.body);
    let values = ["blob", "mac", "len", "once", "seal"].map(|name| (name, heard.field(name)));
    let mut fields = vec![("form", form.as_str())];
    fields.extend(values.iter().map(|(name, value)| (*name, value.as_str())));
    fields.extend(zone.iter().map(|z| ("zone", *z)));
    let said = house.post("/speakers/announce", cookie, &fields);
    assert_eq!(said.status, 303, "{}", said.body);
}

/// Samples per second and samples of what a cluster played so far.
fn played(house: &House, id: &str) -> (u32, Vec<i16>) {
    std::fs::read(house.dir.join(format!("{id}.wav")))
        .ok()
        .and_then(|b| conglang::speakers::speech::parse_wav(&b))
        .unwrap_or_default()
}

fn events(house: &House, of: &str) -> usize {
    house.entries().iter().filter(|e| kind(e) == of).count()
}

#[test]
fn a_sentence_is_spoken_on_two_clusters_and_proved() {
    let mut house = House::new("");
    house.start();
    let _horns = Horns::start(&house, &["loa-01", "loa-02"]);
    let cookie = house.sign_in();
    speak(
        &house,
        &cookie,
        "Mời bà con họp thôn.",
        &["loa-01", "loa-02"],
    );
    house.until("both played", Duration::from_secs(40), |h| {
        h.get("/speakers", &cookie).body.contains("Đã phát 2/2 cụm")
    });
    for id in ["loa-01", "loa-02"] {
        let (rate, samples) = played(&house, id);
        let peak = samples
            .iter()
            .map(|s| s.unsigned_abs())
            .max()
            .expect("samples");
        assert!(
            samples.len() > rate as usize / 2 && (20_000..=27_600).contains(&peak),
            "{id}: {} samples, peak {peak}",
            samples.len()
        );
    }
}

#[test]
fn a_cluster_that_is_out_of_touch_is_named_among_all_that_were_to_be_heard() {
    let mut house = House::new("");
    house.start();
    let _horns = Horns::start(&house, &["loa-01"]);
    let cookie = house.sign_in();
    speak(&house, &cookie, "Mời bà con họp thôn.", &["loa-01"]);
    house.until("one played", Duration::from_secs(40), |h| {
        h.get("/speakers", &cookie).body.contains("Đã phát 1/2 cụm")
    });
    let page = house.get("/speakers", &cookie).body;
    assert!(page.contains("Đình mất liên lạc nên không phát"), "{page}");
}

#[test]
fn everything_stops_in_three_seconds_and_the_next_sentence_is_spoken() {
    let mut house = House::new("");
    house.start();
    let _horns = Horns::start(&house, &["loa-01"]);
    let cookie = house.sign_in();
    let form = house.form("/speakers", &cookie);
    for round in 1..=3 {
        let before = played(&house, "loa-01").1.len();
        speak(
            &house,
            &cookie,
            &format!("Lần {round}. {}", "Đề nghị bà con chú ý. ".repeat(12)),
            &["loa-01"],
        );
        house.until("it plays", Duration::from_secs(20), |h| {
            events(h, "speaker.playback_began") == round * 2 - 1
        });
        house.post("/speakers/stop", &cookie, &[("form", &form)]);
        // Whoever stops in order to say something else is not muted by the stop's repetitions.
        speak(
            &house,
            &cookie,
            &format!("Xin nhắc lại, lần {round}."),
            &["loa-01"],
        );
        let stopped = |e: &&serde_json::Value| {
            kind(e) == "speaker.playback_finished" && fields(e)["how"]["how"] == "stopped"
        };
        house.until("silence is proved", Duration::from_secs(10), |h| {
            h.entries().iter().filter(stopped).count() == round
        });
        assert!(
            house
                .get("/speakers", &cookie)
                .body
                .contains("Đã dừng ở 1 cụm: Nhà văn hóa")
        );
        // By the house's own clock: from the order to the proof.
        let entries = house.entries();
        let proved = entries
            .iter()
            .filter(stopped)
            .filter_map(|e| e["mono_ms"].as_u64())
            .next_back()
            .expect("proved");
        let ordered = entries
            .iter()
            .filter(|e| kind(e) == "speaker.everything_stopped")
            .filter_map(|e| e["mono_ms"].as_u64())
            .next_back()
            .expect("ordered");
        let took = proved - ordered;
        assert!(took < 3_000, "silence was proved after {took} ms");
        house.until(
            "the next one is played to its end",
            Duration::from_secs(30),
            |h| {
                h.entries()
                    .iter()
                    .filter(|e| {
                        kind(e) == "speaker.playback_finished"
                            && fields(e)["how"]["how"] == "played"
                    })
                    .count()
                    == round
            },
        );
        let (rate, after) = played(&house, "loa-01");
        assert!(
            after.len() - before < rate as usize * 9,
            "the long one was cut short: {} s",
            (after.len() - before) / rate as usize
        );
    }
}

#[test]
fn a_power_cut_while_a_sentence_plays_loses_no_end_and_plays_nothing_twice() {
    let mut house = House::new("");
    house.start();
    let _horns = Horns::start(&house, &["loa-01", "loa-02"]);
    let cookie = house.sign_in();
    speak(
        &house,
        &cookie,
        "Mời bà con ra đình nhận quà Tết, mang theo giấy mời.",
        &["loa-01", "loa-02"],
    );
    house.until("it plays", Duration::from_secs(20), |h| {
        events(h, "speaker.playback_began") > 0
    });
    house.kill();
    house.start();
    house.until("both ends are known", Duration::from_secs(60), |h| {
        events(h, "speaker.playback_finished") == 2
    });
    assert!(
        house
            .get("/speakers", &cookie)
            .body
            .contains("Đã phát 2/2 cụm")
    );
    let lengths: Vec<usize> = ["loa-01", "loa-02"]
        .iter()
        .map(|id| played(&house, id).1.len())
        .collect();
    assert_eq!(lengths[0], lengths[1], "each played all of it, once");
    // The house lost its memory: its orders must still be newer than what the receivers took.
    speak(&house, &cookie, "Xin cảm ơn.", &["loa-01"]);
    house.until("it is played", Duration::from_secs(40), |h| {
        events(h, "speaker.playback_finished") == 3
    });
    house.kill();
    for part in ["log", "journal", "index.redb"] {
        let path = house.dir.join("data").join(part);
        let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
    }
    house.start();
    let cookie = house.sign_in();
    house.until("the clusters are here", Duration::from_secs(20), |h| {
        ["loa-01", "loa-02"]
            .iter()
            .all(|id| h.state()["devices"][*id]["presence"]["is"] == "here")
    });
    speak(&house, &cookie, "Máy đã được thay.", &["loa-01", "loa-02"]);
    house.until(
        "a house without its history is still obeyed",
        Duration::from_secs(40),
        |h| h.get("/speakers", &cookie).body.contains("Đã phát 2/2 cụm"),
    );
}
