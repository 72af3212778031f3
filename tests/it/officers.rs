//! Officers of the commune with names and PINs of their own: given at the terminal, named on what
//! they send, signed out by themselves.

use std::time::Duration;

use conglang::domain::event::Lane;
use conglang::protocol::commune::{DownlinkMessage, Stream};

use crate::bulletins::{Desk, field, twenty};
use crate::support::office::Commune;
use crate::support::village::{enter, hear};

const HERE: [u8; 4] = [127, 0, 0, 1];
const THERE: [u8; 4] = [127, 0, 0, 2];

/// The PIN that a command printed.
fn pin_of(said: &str) -> String {
    let digits: Vec<&str> = said
        .split(|c: char| !c.is_ascii_digit())
        .filter(|d| d.len() == 6)
        .collect();
    assert_eq!(digits.len(), 1, "{said}");
    digits[0].to_owned()
}

fn well(commune: &Commune, args: &[&str]) -> String {
    let (code, said) = commune.cli("vi", args);
    assert_eq!(code, 0, "{args:?}: {said}");
    said
}

fn desk<'a>(commune: &'a Commune, officer: &str, pin: &str) -> Desk<'a> {
    Desk {
        commune,
        cookie: commune.sign_in_as(HERE, officer, pin),
    }
}

#[test]
fn officers_are_given_at_the_terminal_and_end_the_pin_of_the_office() {
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    assert!(well(&commune, &["commune", "officer", "list"]).contains("mã PIN chung"));
    let office = desk(&commune, "", &commune.pin());
    assert!(office.get("/").body.contains("Cán bộ xã"));
    let said = well(
        &commune,
        &["commune", "officer", "add", "hoa", "Chị Hoa, văn hóa xã"],
    );
    assert!(
        said.contains("Chị Hoa, văn hóa xã (hoa) đăng nhập bằng mã PIN"),
        "{said}"
    );
    let hoa = pin_of(&said);
    let (code, said) = commune.cli(
        "en",
        &[
            "commune",
            "officer",
            "add",
            "binh",
            "Anh Bình, công an xã",
            "--pin",
            "246802",
        ],
    );
    assert!(
        code == 0 && said.contains("signs in with PIN 246802"),
        "{said}"
    );
    // Whoever was in with the PIN of the office is out, and it opens nothing any more.
    let form = office.get("/").body;
    for words in [
        "<select",
        "Chị Hoa, văn hóa xã</option>",
        "Anh Bình, công an xã</option>",
    ] {
        assert!(form.contains(words), "{words}: {form}");
    }
    let pin = commune.pin();
    for officer in ["", "nobody"] {
        let fields = [("officer", officer), ("pin", pin.as_str())];
        let refused = commune.visit(THERE, "POST", "/sign-in", "", &fields);
        assert!(
            refused.status == 401 && refused.body.contains("Mời chọn tên"),
            "{refused:?}"
        );
    }
    let wrong = commune.visit(
        THERE,
        "POST",
        "/sign-in",
        "",
        &[("officer", "hoa"), ("pin", "000000")],
    );
    assert!(
        wrong.status == 401
            && wrong
                .body
                .contains("Sai mã PIN của Chị Hoa, văn hóa xã, còn thử được 9 lần")
            && wrong.body.contains("value=\"hoa\" selected"),
        "{}",
        wrong.body
    );
    let hers = desk(&commune, "hoa", &hoa);
    assert!(hers.get("/").body.contains("Chị Hoa, văn hóa xã"));
    desk(&commune, "binh", "246802");

    let cases: [(&[&str], i32, &str); 7] = [
        (&["add", "hoa", "Ai khác"], 1, "đã là Chị Hoa, văn hóa xã"),
        (&["add", "Hoa!", "Ai"], 1, "không dùng làm mã được"),
        (
            &["add", "lan", "Chị Lan", "--pin", "12"],
            1,
            "đúng sáu chữ số",
        ),
        (&["add", "lan", " "], 1, "cần một cái tên đọc được"),
        (&["pin", "lan"], 1, "không có cán bộ nào mã “lan”"),
        (&["remove", "lan"], 1, "không có cán bộ nào mã “lan”"),
        (&["list"], 0, "2 cán bộ"),
    ];
    for (args, code, words) in cases {
        let (got, said) = commune.cli("vi", &[&["commune", "officer"][..], args].concat());
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            got == code && said.contains(words),
            "{args:?}: {got} {said}"
        );
    }
    let (code, said) = commune.cli("vi", &["status"]);
    assert!(
        code == 1 && said.contains("lệnh này là của thôn"),
        "{code} {said}"
    );
}

#[test]
fn a_new_pin_and_a_removal_end_the_sign_ins_of_one_officer_and_outlive_a_restart() {
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    for (id, name, pin) in [
        ("hoa", "Chị Hoa, văn hóa xã", "135791"),
        ("binh", "Anh Bình", "246802"),
    ] {
        well(
            &commune,
            &["commune", "officer", "add", id, name, "--pin", pin],
        );
    }
    let hers = desk(&commune, "hoa", "135791");
    let his = desk(&commune, "binh", "246802");
    let said = well(
        &commune,
        &[
            "commune",
            "officer",
            "pin",
            "hoa",
            "Chị Hoa, phó chủ tịch xã",
        ],
    );
    let fresh = pin_of(&said);
    let is_in = |desk: &Desk<'_>| desk.get("/villages.json").status == 200;
    assert!(!is_in(&hers) && is_in(&his));
    well(&commune, &["commune", "officer", "remove", "binh"]);
    assert!(!is_in(&his));
    let (code, said) = commune.cli("vi", &["commune", "officer", "remove", "hoa"]);
    assert!(code == 1 && said.contains("là cán bộ cuối cùng"), "{said}");
    commune.kill();
    commune.start(&[]);
    let hers = desk(&commune, "hoa", &fresh);
    assert!(hers.get("/").body.contains("Chị Hoa, phó chủ tịch xã"));
}

#[test]
fn who_sends_is_named_on_the_bulletin_and_in_its_receipt() {
    let commune = twenty();
    let said = well(
        &commune,
        &["commune", "officer", "add", "hoa", "Chị Hoa, văn hóa xã"],
    );
    let hers = desk(&commune, "hoa", &pin_of(&said));
    let stream = Stream {
        epoch: "0123456789abcdef0123456789abcdef".to_owned(),
        lane: Lane::Log,
    };
    let (_village, mut link) = enter(&commune, "v-01", &stream);
    assert!(
        hers.get("/bulletins/new")
            .body
            .contains("Cuối bản tin sẽ ghi: Chị Hoa, văn hóa xã")
    );
    let page = hers.send("Phun thuốc muỗi");
    let said = hers.get(&page).body;
    assert!(said.contains("Chị Hoa, văn hóa xã gửi lúc "), "{said}");
    assert!(
        hers.get("/").body.contains("Chị Hoa, văn hóa xã"),
        "the row"
    );
    let mut heard = None;
    for _ in 0..30 {
        heard = hear(&mut link, Duration::from_secs(1));
        if matches!(heard, Some(DownlinkMessage::Command { .. })) {
            break;
        }
    }
    let Some(DownlinkMessage::Command { bulletin, .. }) = heard else {
        panic!("no bulletin came: {heard:?}")
    };
    assert_eq!(bulletin.body, "Kê cao đồ đạc.\n\nChị Hoa, văn hóa xã");
    // Who left is named on what he or she sent.
    well(
        &commune,
        &[
            "commune",
            "officer",
            "add",
            "binh",
            "Anh Bình",
            "--pin",
            "246802",
        ],
    );
    well(&commune, &["commune", "officer", "remove", "hoa"]);
    let his = desk(&commune, "binh", "246802");
    assert!(
        his.get("/bulletins/1")
            .body
            .contains("Chị Hoa, văn hóa xã gửi lúc ")
    );
}

#[test]
fn every_page_has_the_name_and_the_way_out() {
    let commune = twenty();
    well(
        &commune,
        &[
            "commune",
            "officer",
            "add",
            "hoa",
            "Chị Hoa",
            "--pin",
            "135791",
        ],
    );
    let hers = desk(&commune, "hoa", "135791");
    hers.send("Họp dân");
    for path in [
        "/",
        "/bulletins",
        "/bulletins/new",
        "/bulletins/1",
        "/villages/v-01",
        "/me",
        "/nowhere",
    ] {
        let page = hers.get(path).body;
        for words in [
            "<a href=\"/me\">Chị Hoa</a>",
            "action=\"/sign-out\"",
            "Đăng xuất</button>",
        ] {
            assert!(page.contains(words), "{path}: {words}: {page}");
        }
    }
    let form = field(&hers.get("/bulletins").body, "form");
    assert_eq!(hers.post("/sign-out", &[("form", &form)]).status, 303);
    // A page that was asked for comes after the sign-in.
    let asked = hers.get("/bulletins/1").body;
    assert_eq!(field(&asked, "next"), "/bulletins/1");
    let fields = [
        ("officer", "hoa"),
        ("pin", "135791"),
        ("next", "/bulletins/1"),
    ];
    let back = commune.visit(HERE, "POST", "/sign-in", "", &fields);
    assert!(
        back.status == 303 && back.head.contains("location: /bulletins/1\r\n"),
        "{back:?}"
    );
}

#[test]
fn wrong_pins_for_one_name_keep_no_other_officer_out() {
    let commune = twenty();
    for (id, pin) in [("hoa", "135791"), ("binh", "246802")] {
        well(
            &commune,
            &["commune", "officer", "add", id, id, "--pin", pin],
        );
    }
    // Both were right on the office's one computer.
    desk(&commune, "hoa", "135791");
    desk(&commune, "binh", "246802");
    let guess = |pin: &str| {
        commune.visit(
            HERE,
            "POST",
            "/sign-in",
            "",
            &[("officer", "hoa"), ("pin", pin)],
        )
    };
    assert_eq!(guess("000000").status, 401);
    assert_eq!(guess("135791").status, 429, "that name waits a moment");
    desk(&commune, "binh", "246802");
}

#[test]
fn doctor_checks_a_communes_server_and_names_its_unit_when_it_does_not_run() {
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let said = well(&commune, &["doctor"]);
    assert!(said.contains("8/8"), "{said}");
    commune.kill();
    let (code, said) = commune.cli("vi", &["doctor"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("7/8") && said.contains("D-RUN-01"), "{said}");
    assert!(
        said.contains("systemctl restart conglang-commune"),
        "{said}"
    );
    let (code, said) = commune.cli("vi", &["commune", "officer", "list"]);
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("systemctl start conglang-commune"), "{said}");
}

#[test]
fn the_text_of_an_officer_does_not_go_on_under_the_name_of_another() {
    let mut commune = Commune::new(&["ben-thoc".to_owned()]);
    commune.start(&[]);
    let add =
        |id: &str, name: &str| pin_of(&well(&commune, &["commune", "officer", "add", id, name]));
    let (hoa, lan) = (add("hoa", "Chị Hoa"), add("lan", "Chị Lan"));
    let page = desk(&commune, "hoa", &hoa).get("/bulletins/new").body;
    assert_eq!(field(&page, "by"), "hoa");
    // Her sign-in has ended, and somebody signs in at the same browser with what it carries.
    let late = Desk {
        commune: &commune,
        cookie: String::new(),
    };
    let typed = [("title", "Họp dân"), ("body", "Tối nay"), ("by", "hoa")];
    let asked = late.post("/bulletins", &typed);
    assert!(asked.status == 401 && field(&asked.body, "by") == "hoa");
    let shown = field(&asked.body, "shown");
    let signed_in_from = |shown: &str, officer: &str, pin: &str| {
        let mut fields = typed.to_vec();
        fields.extend([("shown", shown), ("officer", officer), ("pin", pin)]);
        late.post("/sign-in", &fields)
    };
    let signed_in = |officer: &str, pin: &str| signed_in_from(&shown, officer, pin);
    // A page of long ago is shown again, with its words and a stamp of its own.
    for old in ["", "x", "1795232640000", "99999999999999"] {
        let again = signed_in_from(old, "hoa", &hoa);
        assert!(again.status == 401 && !again.head.contains("set-cookie: xa="));
        assert_eq!(field(&again.body, "title"), "Họp dân", "{old}");
    }
    let other = signed_in("lan", &lan);
    assert!(
        other.status == 303 && !other.body.contains("Họp dân"),
        "{other:?}"
    );
    let hers = signed_in("hoa", &hoa);
    assert!(
        hers.status == 200 && hers.body.contains("value=\"Họp dân\""),
        "{hers:?}"
    );
}
