//! Clusters that nobody heard: which ones, by one answer on every page and for ever after, and why.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::house::{House, fields, kind};
use crate::support::raw::{connect, publish};
use crate::voice::{Horns, speak};

const SOON: Duration = Duration::from_secs(15);

fn working(house: &House) -> u64 {
    let told = house.cli(&["status", "--json"]).1;
    let told: Value = serde_json::from_str(&told).expect("status");
    let speakers = &told["status"]["speakers"];
    speakers["working"].as_u64().expect("a number")
}

#[test]
fn a_cluster_that_publishes_and_never_says_that_it_is_there_is_not_called_out_of_touch() {
    let mut house = House::new("");
    house.start();
    let _horns = Horns::start(&house, &["loa-01"]);
    let cookie = house.sign_in();
    assert_eq!(working(&house), 1);
    let mut foreign = connect(&house, "loa-02", "loa-02", true);
    publish(&mut foreign, "d/loa-02/state", b"idle", 0, 0);
    house.until("it was received from", SOON, |h| working(h) == 2);
    let page = house.get("/speakers", &cookie).body;
    assert!(page.contains("<div id=\"unreachable\"></div>"), "{page}");
    // The chief leaves it out: nobody near it was to hear the sentence.
    speak(&house, &cookie, "Mời bà con họp thôn.", &["loa-01"]);
    house.until("it is over", Duration::from_secs(40), |h| {
        let all = h.entries();
        all.iter().any(|e| kind(e) == "speaker.playback_finished")
    });
    let all = house.entries();
    let queued = all
        .iter()
        .find(|e| kind(e) == "speaker.announcement_queued");
    let queued = fields(queued.expect("queued"));
    assert_eq!(queued["unreachable"], json!([]), "{queued}");
    for path in ["/speakers", "/history"] {
        let page = house.get(path, &cookie).body;
        assert!(page.contains("Đã phát 1/1"), "{path}: {page}");
        assert!(!page.contains("mất liên lạc nên không phát"), "{path}");
    }
    let told = house.cli(&["journal", "tail", "-n", "100"]).1;
    assert!(told.contains("Đã phát 1/1"), "{told}");
}

/// Speaks on a cluster that fails with these words.
fn fail(house: &House, cookie: &str, why: &str) {
    let known: Vec<String> = announcements(house);
    speak(house, cookie, "Mời bà con họp thôn.", &["loa-02"]);
    let said = announcements(house)
        .into_iter()
        .find(|id| !known.contains(id))
        .expect("queued");
    let mut foreign = connect(house, "loa-02", "loa-02", true);
    let status = json!({ "announcement": said, "state": "failed", "why": why });
    let status = status.to_string();
    publish(
        &mut foreign,
        "d/loa-02/speaker/status",
        status.as_bytes(),
        0,
        0,
    );
    house.until("it has failed", SOON, |h| {
        h.state()["announcements"][&said]["plays"]["loa-02"]["is"] == "ended"
    });
}

fn announcements(house: &House) -> Vec<String> {
    let state = house.state();
    let all = state["announcements"].as_object().cloned();
    all.unwrap_or_default().keys().cloned().collect()
}

#[test]
fn why_a_cluster_failed_is_told_in_words_wherever_its_failure_is() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let told = |wanted: &str, on_page: &str| {
        for path in ["/speakers", "/history"] {
            let page = house.get(path, &cookie).body;
            assert!(page.contains(on_page), "{path}: {page}");
        }
        let tail = house.cli(&["journal", "tail", "-n", "100"]).1;
        assert!(tail.contains(wanted), "{tail}");
    };
    fail(&house, &cookie, "the sound could not be fetched");
    let why = "Đình không phát được: không tải được tiếng từ máy nhà văn hóa";
    told(why, why);
    fail(&house, &cookie, "amp <b>7</b> ” is hot");
    told(
        "Đình không phát được; thiết bị tự báo: “amp <b>7</b> ' is hot”",
        "thiết bị tự báo: “amp &#60;b&#62;7&#60;/b&#62; &#39; is hot”",
    );
}

#[test]
fn without_its_key_the_gateway_says_at_once_why_no_cluster_plays() {
    let mut house = House::new("");
    house.start();
    assert_eq!(house.stop(), Some(0));
    house.expect_errors(&["dependent services stay off", "red health", "voice"]);
    std::fs::remove_file(house.dir.join("data/keys/voice.key")).expect("removed");
    house.start();
    let cookie = house.sign_in();
    speak(&house, &cookie, "Mời bà con họp thôn.", &["loa-01"]);
    house.until("it is told", SOON, |h| {
        let page = h.get("/speakers", &cookie).body;
        page.contains("Nhà văn hóa không phát được: máy nhà văn hóa mất khóa ra lệnh cho loa")
    });
}
