//! Who did what at the commune: on the page Nhật ký of the console and at the terminal, also after
//! the power was cut the moment after an answer.

use std::time::{Duration, Instant};

use conglang::domain::calendar;
use conglang::protocol::commune::UplinkMessage;
use conglang::supervisor::clock::Clock;

use crate::bulletins::{DESK, Desk, bulletin, come_in, field, twenty, until};
use crate::support::http::encode;
use crate::support::office::Commune;
use crate::support::village::tell;

fn well(commune: &Commune, args: &[&str]) -> String {
    let (code, said) = commune.cli("vi", args);
    assert_eq!(code, 0, "{args:?}: {said}");
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn add(commune: &Commune, id: &str, name: &str, pin: &str) {
    well(
        commune,
        &["commune", "officer", "add", id, name, "--pin", pin],
    );
}

fn desk<'a>(commune: &'a Commune, officer: &str, pin: &str) -> Desk<'a> {
    Desk {
        commune,
        cookie: commune.sign_in_as(DESK, officer, pin),
    }
}

fn guess(commune: &Commune, address: [u8; 4], officer: &str) -> u16 {
    let fields = [("officer", officer), ("pin", "000000")];
    commune
        .visit(address, "POST", "/sign-in", "", &fields)
        .status
}

/// The rows of the page, without the form above them.
fn rows(page: &str) -> String {
    let (_, rows) = page.split_once("</form>\n    </details>").expect("a form");
    rows.split("Về trang đầu").next().expect("rows").to_owned()
}

#[test]
fn who_did_what_is_told_on_the_page_and_at_the_terminal_and_survives_a_kill() {
    let mut commune = twenty();
    add(&commune, "hoa", "Chị Hoa, văn hóa xã", "135791");
    add(&commune, "binh", "Anh Bình", "246802");
    assert_eq!(guess(&commune, [127, 0, 0, 9], "hoa"), 401);
    let hers = desk(&commune, "hoa", "135791");
    let elsewhere = commune.sign_in_as([127, 0, 0, 2], "hoa", "135791");
    let (takes, mut taken) = come_in(&commune, "v-02");
    let (refuses, mut refused) = come_in(&commune, "v-03");
    hers.send("Phun thuốc muỗi");
    let (seq, _) = bulletin(&mut taken);
    let done = UplinkMessage::Outcome { seq, refused: None };
    tell(&takes, &mut taken, "v-02", &done);
    let (seq, _) = bulletin(&mut refused);
    let why = Some("refused-too-many".to_owned());
    let no = UplinkMessage::Outcome { seq, refused: why };
    tell(&refuses, &mut refused, "v-03", &no);
    until("both answers are in history", || {
        let page = rows(&hers.get("/history").body);
        page.contains("Thôn v-02: nhận và đăng") && page.contains("Thôn v-03: không nhận")
    });
    let form = field(&hers.get("/me").body, "form");
    let fields = [("form", form.as_str()), ("pin", "135791")];
    assert_eq!(hers.post("/sign-out/others", &fields).status, 303);
    assert_eq!(
        commune
            .visit(DESK, "GET", "/villages.json", &elsewhere, &[])
            .status,
        401
    );
    well(
        &commune,
        &["commune", "officer", "pin", "binh", "Anh Bình, công an xã"],
    );
    let form = field(&hers.get("/history").body, "form");
    assert_eq!(hers.post("/sign-out", &[("form", &form)]).status, 303);
    // The power is cut the moment after the last answer.
    commune.kill();
    commune.start(&[]);

    let hers = desk(&commune, "hoa", "135791");
    let page = hers.get("/history").body;
    let told = rows(&page);
    let sentences = [
        "Người quản trị máy chủ thêm 20 thôn vào cấu hình",
        "Người quản trị máy chủ thêm cán bộ Chị Hoa, văn hóa xã",
        "Người quản trị máy chủ thêm cán bộ Anh Bình",
        "Có người gõ sai mã PIN của Chị Hoa, văn hóa xã 1 lần",
        "Chị Hoa, văn hóa xã đăng nhập trên máy 127.0.0.1",
        "Chị Hoa, văn hóa xã gửi bản tin “Phun thuốc muỗi” tới 20 thôn",
        "Chị Hoa, văn hóa xã đăng xuất 1 máy khác",
        "Người quản trị máy chủ đổi tên Anh Bình thành Anh Bình, công an xã",
        "Người quản trị máy chủ cấp mã PIN cho Anh Bình, công an xã",
        "Chị Hoa, văn hóa xã đăng xuất<",
    ];
    let mut after = told.len();
    for words in sentences {
        let at = told.rfind(words);
        let at = at.unwrap_or_else(|| panic!("{words}: {told}"));
        assert!(at < after, "newest first: {words}: {told}");
        after = at;
    }
    // What became of it is counted in one way, wherever it stands.
    for path in [
        "/",
        "/bulletins",
        "/bulletins/1",
        "/history",
        "/history?village=v-02",
    ] {
        let page = hers.get(path).body;
        assert!(page.contains("1/20 thôn đã nhận"), "{path}: {page}");
    }
    for secret in ["135791", "246802", "000000", "argon2"] {
        assert!(!page.contains(secret), "{secret}");
    }
    the_choice_is_shown_and_nothing_else(&commune, &hers);
}

fn the_choice_is_shown_and_nothing_else(commune: &Commune, hers: &Desk<'_>) {
    let now = Clock::system(0).wall_ms();
    let today = calendar::day_text(calendar::day_number(now));
    let sent = "gửi bản tin “Phun thuốc muỗi”";
    let (hoa, binh) = ("đăng nhập trên máy", "thêm cán bộ Anh Bình");
    for (query, has, has_not) in [
        (format!("day={today}"), vec![sent, hoa, binh], vec![]),
        ("day=2020-01-31".to_owned(), vec![], vec![sent, hoa, binh]),
        ("person=hoa".to_owned(), vec![sent, hoa], vec![binh]),
        ("person=binh".to_owned(), vec![binh], vec![sent, hoa]),
        ("village=v-02".to_owned(), vec![sent], vec![hoa, binh]),
        (
            "village=v-02&person=@technician".to_owned(),
            vec!["thêm Thôn v-02 vào cấu hình"],
            vec![sent, hoa, binh],
        ),
    ] {
        let page = hers.get(&format!("/history?{query}")).body;
        let told = rows(&page);
        for words in has {
            assert!(told.contains(words), "{query}: {words}: {told}");
        }
        for words in has_not {
            assert!(!told.contains(words), "{query}: {words}: {told}");
        }
    }
    let none = hers.get("/history?day=2020-01-31").body;
    assert!(none.contains("Không có gì như đã chọn"), "{none}");

    let args = ["commune", "history", "-n", "200"];
    let all = well(commune, &args);
    assert!(all.contains(sent) && all.contains(binh), "{all}");
    assert!(all.contains("Thôn v-03: không nhận bản tin “Phun thuốc muỗi”: "));
    assert!(all.contains("1/20 thôn đã nhận"), "counted as on the page");
    let of = |more: &[&str]| well(commune, &[&args[..], more].concat());
    let hers = of(&["--person", "chị hoa, văn hóa xã"]);
    assert!(hers.contains(sent) && !hers.contains(binh), "{hers}");
    let village = of(&["--village", "Thôn v-02"]);
    assert!(
        village.contains(sent) && !village.contains(binh),
        "{village}"
    );
    let day = calendar::day(now);
    let today = of(&["--day", &format!("{}/{}", day.day, day.month)]);
    assert!(today.contains(sent), "{today}");
    assert!(of(&["--day", "1/1/2020"]).contains("Không có việc nào như vậy"));
    let (code, said) = commune.cli("vi", &["commune", "history", "--day", "x"]);
    assert!(code == 1 && said.contains("không phải một ngày"), "{said}");
    let (code, said) = commune.cli("en", &["commune", "history"]);
    assert!(code == 0 && said.contains("sent the bulletin"), "{said}");
    let (_, json) = commune.cli("en", &["--json", "commune", "history", "-n", "200"]);
    for secret in ["135791", "246802", "argon2"] {
        assert!(!all.contains(secret) && !json.contains(secret), "{secret}");
    }
    assert!(json.contains("\"bulletin_sent\""), "{json}");
}

#[test]
fn a_crowd_of_wrong_pins_is_one_entry_with_all_of_them() {
    let mut commune = twenty();
    add(&commune, "hoa", "Chị Hoa", "135791");
    let mut wrong = 0;
    let end = Instant::now() + Duration::from_secs(60);
    for n in 1..=25 {
        // At most two are looked at at once.
        while guess(&commune, [127, 0, 4, n], "hoa") != 401 {
            assert!(Instant::now() < end, "not in time");
        }
        wrong += 1;
    }
    let hers = desk(&commune, "hoa", "135791");
    let told = rows(&hers.get("/history").body);
    let words = format!("Có người gõ sai mã PIN của Chị Hoa {wrong} lần");
    assert_eq!(told.matches("gõ sai").count(), 1, "{told}");
    assert!(told.contains(&words), "{told}");
    // What is left when the server stops is recorded then.
    assert_eq!(guess(&commune, [127, 0, 5, 1], "hoa"), 401);
    commune.stop();
    commune.start(&[]);
    let hers = desk(&commune, "hoa", "135791");
    let told = rows(&hers.get("/history").body);
    assert!(told.contains("mã PIN của Chị Hoa 1 lần"), "{told}");
}

#[test]
fn the_way_of_a_key_and_of_a_village_is_told() {
    let mut commune = Commune::new(&["ben-thoc".to_owned(), "ben-tre".to_owned()]);
    commune.start(&[]);
    let _here = come_in(&commune, "ben-thoc");
    let history = |commune: &Commune| well(commune, &["commune", "history", "-n", "200"]);
    until("the key of a village is told", || {
        history(&commune).contains("Thôn ben-thoc được nối bằng một khóa mới")
    });
    assert!(history(&commune).contains("Khóa ca/ca.key vừa được tạo"));
    commune.stop();
    let path = commune.dir.join("commune.toml");
    let text = std::fs::read_to_string(&path).expect("configuration");
    let (one, _) = text
        .rsplit_once("[[office.village]]")
        .expect("two villages");
    std::fs::write(&path, one.replace("Thôn ben-thoc", "Thôn Bến Thóc")).expect("written");
    std::fs::remove_file(commune.dir.join("data/keys/console.pin")).expect("removed");
    commune.expect_errors(&["key unusable"]);
    commune.start(&[]);
    let said = history(&commune);
    for words in [
        "đổi tên Thôn ben-thoc thành Thôn Bến Thóc",
        "bỏ Thôn ben-tre khỏi cấu hình",
        "Khóa console.pin bị mất",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn names_in_history_are_shown_as_text() {
    let commune = twenty();
    add(&commune, "hoa", "<b>Hoa</b>", "135791");
    let hers = desk(&commune, "hoa", "135791");
    let path = format!("/history?person={}", encode("<script>"));
    for path in ["/history", path.as_str(), "/history?before=x"] {
        let page = hers.get(path).body;
        assert!(
            !page.contains("<b>Hoa") && !page.contains("<script>"),
            "{page}"
        );
    }
}
