//! Rows of the wifi's sessions: shown to the technician with nothing but what is kept, and gone
//! from the disk when their days are over, with and without a guest network.

use std::path::{Path, PathBuf};
use std::time::Duration;

use conglang::domain::calendar::{day_number, day_start, day_text};
use conglang::domain::id::GuestId;
use conglang::ports::guests::GuestVisitor;
use conglang::store::session_rows::{SessionRow, SessionRows};
use conglang::supervisor::clock::Clock;
use serde_json::json;

use crate::support::guest_pages::GuestPages;
use crate::support::house::House;

const A: &str = "aa11aa11aa11aa11aa11aa11aa11aa11";
const B: &str = "bb22bb22bb22bb22bb22bb22bb22bb22";

/// The number of the day that was so many days ago.
fn day(ago: i64) -> i64 {
    day_number(Clock::system(0).wall_ms()) - ago
}

/// A session of a device that began and ended in these minutes of a day.
fn row(device: &str, day: i64, minutes: (i64, i64), megabytes: u64) -> SessionRow {
    SessionRow {
        device: GuestId::new(device).expect("an id"),
        since: day_start(day) + minutes.0 * 60_000,
        until: day_start(day) + minutes.1 * 60_000,
        bytes: megabytes * 1_000_000,
    }
}

fn file(data: &Path, day: i64) -> PathBuf {
    data.join(format!("guests/sessions-{day}.jsonl"))
}

/// A house without a guest network, with rows of these days.
fn house_with(days: &[i64]) -> (House, PathBuf) {
    let house = House::new("");
    let data = house.dir.join("data");
    std::fs::create_dir_all(data.join("guests")).expect("folder");
    let rows: Vec<SessionRow> = days.iter().map(|d| row(A, *d, (60, 90), 5)).collect();
    let written = SessionRows::new(data.join("guests")).append(&rows);
    written.expect("written");
    (house, data)
}

#[test]
fn the_sessions_of_a_day_are_shown_as_times_bytes_and_a_code() {
    let pages = GuestPages::new(GuestVisitor::Captive, GuestVisitor::Captive);
    let (code, text, _) = pages.cli("vi", &["guest", "sessions"]);
    assert!(
        code == 0 && text.contains("không có lượt dùng nào"),
        "{text}"
    );
    let folder = pages.app.session_rows.folder();
    std::fs::create_dir_all(folder).expect("folder");
    // One of the two began on the day before.
    let rows = [
        row(A, day(1), (845, 920), 120),
        row(B, day(1), (-30, 30), 7),
    ];
    pages.app.session_rows.append(&rows).expect("written");
    // A device that somebody named is its code here, too.
    let device = json!({ "id": A, "name": "Ti vi hội trường", "standing": "always_in" });
    let decided = pages.command(&json!({ "do": "DecideGuest", "device": device }));
    assert_eq!(decided.status, 200, "{}", decided.body);
    let date = day_text(day(1));
    let [year, month, of_month] = date.split('-').collect::<Vec<_>>()[..] else {
        panic!("{date}");
    };
    let typed = format!("{of_month}/{month}");
    let (code, text, _) = pages.cli("vi", &["guest", "sessions", "--day", &typed]);
    assert_eq!(code, 0, "{text}");
    for words in [
        "2 lượt dùng đã xong, 127 MB",
        "AA11  14:05–15:20 · 120 MB",
        "30 ngày",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.contains("23:30–00:30 · 7 MB"), "with its day: {text}");
    assert!(!text.contains("Ti vi") && !text.contains(A), "{text}");
    let full = format!("{typed}/{year}");
    let (_, text, _) = pages.cli("en", &["--json", "guest", "sessions", "--day", &full]);
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (&report["day"], &report["days"]),
        (&json!(date), &json!([date]))
    );
    let sessions = report["sessions"].as_array().expect("rows");
    let mut names: Vec<&String> = sessions[1].as_object().expect("a row").keys().collect();
    names.sort_unstable();
    assert_eq!(names, ["bytes", "device", "since", "until"]);
    assert_eq!((sessions.len(), &sessions[1]["device"]), (2, &json!(A)));
    let (code, _, why) = pages.cli("en", &["guest", "sessions", "--day", "31/2"]);
    assert!(code == 1 && why.contains("is no day"), "{why}");
}

#[test]
fn rows_are_gone_when_their_days_are_over_and_at_once_when_the_rule_is_shorter() {
    let (mut house, data) = house_with(&[day(400), day(31), day(30), day(5), day(0)]);
    house.start();
    let until = |what: &str, days: &[i64]| {
        let left: Vec<i64> = days.iter().copied().map(day).collect();
        house.until(what, Duration::from_secs(20), |_| {
            SessionRows::new(data.join("guests")).days().ok().as_ref() == Some(&left)
        });
    };
    until("thirty days are kept", &[30, 5, 0]);
    // Longer brings nothing back, shorter takes at once.
    for days in ["90", "0"] {
        let rule = format!("keep_days={days}");
        assert_eq!(house.cli(&["guest", "rules", &rule]).0, 0);
    }
    until("nothing is kept", &[]);
    let doctor = house.cli(&["doctor"]).1;
    assert!(!doctor.contains("session_rows"), "{doctor}");
}

#[test]
fn a_row_that_cannot_be_deleted_is_said_in_red() {
    let (mut house, data) = house_with(&[day(1)]);
    // A folder in the place of the file is not removed as one.
    let path = file(&data, day(40));
    std::fs::create_dir_all(path.join("in it")).expect("folder");
    house.expect_errors(&["session_rows"]);
    house.start();
    house.until("it is said", Duration::from_secs(20), |h| {
        let (code, text) = h.cli(&["status"]);
        code == 2 && text.contains("quá hạn giữ mà chưa xóa được")
    });
    let doctor = house.cli(&["doctor"]).1;
    assert!(
        doctor.contains("quá hạn giữ") && doctor.contains("D-RUN-02"),
        "{doctor}"
    );
    std::fs::remove_dir_all(&path).expect("removed");
    // Another rule lets it be tried at once.
    assert_eq!(house.cli(&["guest", "rules", "keep_days=90"]).0, 0);
    house.until("all is well", Duration::from_secs(20), |h| {
        !h.cli(&["status"]).1.contains("quá hạn giữ")
    });
    assert!(file(&data, day(1)).exists());
}
