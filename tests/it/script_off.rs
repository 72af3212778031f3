//! Visitors whose browser runs no script: every public page shows all that it shows to others, and
//! its forms work.

use conglang::ports::guests::GuestVisitor;

use crate::board_pages::{PUBLIC, village};
use crate::support::guest_pages::GuestPages;
use crate::support::scriptless::ScriptlessBrowser;

/// Texts without the digits of clocks and of counted minutes: two pages may be made in two minutes.
fn without_clocks(texts: &[String]) -> Vec<String> {
    let is_clock = |word: &str| {
        let mut parts = word.trim_matches(|c: char| !c.is_ascii_digit()).split(':');
        let mut is_number = || {
            parts
                .next()
                .is_some_and(|part| (1..=2).contains(&part.len()) && part.parse::<u8>().is_ok())
        };
        is_number() && is_number()
    };
    let is_minute = |word: &str| word.starts_with("phút") || word.starts_with("minute");
    let plain = |text: &String| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let told = words.iter().enumerate().map(|(at, word)| {
            let next = words.get(at + 1).copied().unwrap_or_default();
            if is_clock(word) || is_minute(next) {
                word.chars().filter(|c| !c.is_ascii_digit()).collect()
            } else {
                (*word).to_owned()
            }
        });
        told.collect::<Vec<String>>().join(" ")
    };
    texts.iter().map(plain).collect()
}

/// Types into the search of a page and sends it; gives what is shown then.
fn search(browser: &mut ScriptlessBrowser, address: &str, words: &str) -> String {
    let page = browser.open(address, false);
    let field = "input[type=search]";
    assert!(browser.focus(&page, field), "{address} has a search");
    browser.type_text(&page, words);
    browser.enter(&page);
    browser.shown(&page).join("\n")
}

#[test]
fn two_pages_of_two_minutes_differ_in_nothing_but_their_clocks() {
    let told = |text: &str| without_clocks(&[text.to_owned()]).concat();
    assert_eq!(told("Lúc 09:12, hôm nay"), told("Lúc 9:13, hôm nay"));
    assert_eq!(told("Còn 59 phút"), told("Còn 8 phút"));
    assert_ne!(told("Nhà số 7"), told("Nhà số 9"));
    assert_ne!(told("Gọi 0977 123 456"), told("Gọi 0977 123 457"));
}

#[test]
fn without_script_every_public_page_shows_all_and_its_forms_work() {
    let (house, _) = village();
    let base = format!("http://127.0.0.1:{}", house.portal);
    let mut browser = ScriptlessBrowser::start();
    // Scripts are off indeed.
    let probe = "data:text/html,<p>a</p><noscript>off</noscript>\
                 <script>document.write('on')</script>";
    let page = browser.open(probe, false);
    assert_eq!(browser.shown(&page), ["a", "off"]);
    let page = browser.open(probe, true);
    assert_eq!(browser.shown(&page), ["a", "on"]);

    for path in PUBLIC {
        for lang in ["vi", "en"] {
            let joint = if path.contains('?') { '&' } else { '?' };
            let address = format!("{base}{path}{joint}lang={lang}");
            let [without, with] = [false, true].map(|may_run| {
                let page = browser.open(&address, may_run);
                browser.shown(&page)
            });
            assert!(without.len() > 5, "{address}: {without:?}");
            assert_eq!(without_clocks(&without), without_clocks(&with), "{address}");
        }
    }

    let search_for = |words: &str, found: &str, browser: &mut ScriptlessBrowser| {
        let shown = search(browser, &format!("{base}/search?lang=vi"), words);
        assert!(shown.contains(found), "{words}: {shown}");
    };
    search_for("nghia trang", "Mời họp thôn bàn quy ước", &mut browser);
    search_for("nha 7", "Giếng Làng", &mut browser);
    let shown = search(&mut browser, &format!("{base}/p?lang=vi"), "khai sinh");
    assert!(shown.contains("khai sinh"), "{shown}");
    let shown = search(
        &mut browser,
        &format!("{base}/r?lang=vi"),
        "so 7 gieng lang",
    );
    assert!(shown.contains("Giếng Làng"), "{shown}");
}

#[test]
fn without_script_the_tap_lets_a_phone_in() {
    let visitor = GuestVisitor::In {
        seconds_left: 3_600,
        bytes_left: None,
    };
    let pages = GuestPages::new(GuestVisitor::Captive, visitor);
    let mut browser = ScriptlessBrowser::start();
    let page = browser.open(
        &format!("http://127.0.0.1:{}/?lang=vi", pages.portal),
        false,
    );
    assert_eq!(pages.taps(), 0);
    assert!(browser.focus(&page, "form[action^='/in'] button"));
    browser.enter(&page);
    assert_eq!(pages.taps(), 1);
    let shown = browser.shown(&page).join("\n");
    assert!(shown.contains("Đã vào mạng. Mời bà con dùng."), "{shown}");
}
