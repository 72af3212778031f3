//! The village's feeds and the cards of its links, before programs of others: readers of RSS and
//! JSON Feed, a schema, a reader of Open Graph.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::notice_forms::{photo, press, upload};
use crate::strangers::others;
use crate::support::house::House;

const PUBLIC: &str = "https://benthoc.example";

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/strangers")
        .join(name)
}

fn judged(name: &str, output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let bad: Vec<&str> = said.lines().filter(|l| !l.starts_with("ok ")).collect();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name}: {}\n{wrong}",
        bad.join("\n")
    );
    println!("{name}: {}", said.lines().last().unwrap_or_default());
}

/// Publishes a notice with its pictures; gives its path.
fn publish(house: &House, cookie: &str, title: &str, body: &str, pictures: &[Vec<u8>]) -> String {
    let form = house.get("/notices/new", cookie);
    let (token, once) = (form.field("form"), form.field("once"));
    let fields = [
        ("form", &*token),
        ("once", &*once),
        ("title", title),
        ("body", body),
        ("kind", "notice"),
        ("days", "30"),
    ];
    let files: Vec<(&str, &[u8])> = pictures.iter().map(|p| ("IMG_1.jpg", &p[..])).collect();
    let preview = upload(house, "/notices/preview", cookie, &fields, &files);
    assert_eq!(preview.status, 200, "{preview:?}");
    assert_eq!(press(house, cookie, &preview, "/notices").status, 303);
    crate::short_links::short(house, &once)
}

#[test]
fn programs_of_others_read_the_feeds_and_the_cards_of_links() {
    let mut house = House::new(&format!("[links]\npublic_base = \"{PUBLIC}\"\n"));
    house.start();
    let cookie = house.sign_in();
    let notices = [
        (
            "Họp thôn & \"bầu\" <tổ>",
            "Mời **bà con**.\n<script>x()</script> & ]]>",
            vec![],
        ),
        (
            "Ảnh cổng làng",
            "Hai bức.",
            vec![photo(2_400, 1_200), photo(300, 200)],
        ),
        (
            "Lịch bơm nước 😀",
            "Xem [trang](https://dichvucong.gov.vn/x?a=1&b=2).\n\n- một\n- hai",
            vec![photo(90, 160)],
        ),
    ];
    let mut pages: Vec<Value> = notices
        .iter()
        .map(|(title, body, pictures)| {
            let path = publish(&house, &cookie, title, body, pictures);
            json!({ "path": path, "title": title, "own": !pictures.is_empty() })
        })
        .collect();
    pages.reverse();
    let titles: Vec<&str> = notices.iter().rev().map(|(title, ..)| *title).collect();
    let base = format!("http://127.0.0.1:{}", house.portal);
    let feeds = Command::new(others().join("venv/bin/python"))
        .arg(script("feeds.py"))
        .env("BASE", &base)
        .env("TITLES", titles.join("\n"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("it starts");
    judged("feeds.py", &feeds);
    // Modules are found from where the program lies.
    let beside = others().join(format!("{}-cards.mjs", house.portal));
    std::fs::copy(script("cards.mjs"), &beside).expect("copied");
    let cards = Command::new("node")
        .arg(&beside)
        .env("BASE", &base)
        .env("PUBLIC", PUBLIC)
        .env("PAGES", Value::from(pages).to_string())
        .output();
    let _ = std::fs::remove_file(&beside);
    judged("cards.mjs", &cards.expect("it starts"));
}
