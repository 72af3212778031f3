//! Visitors whose browser runs no script: every public page shows all that it shows to others, and
//! its forms work.

use conglang::ports::guests::GuestVisitor;

use crate::board_pages::{PUBLIC, village};
use crate::support::guest_pages::GuestPages;
use crate::support::scriptless::ScriptlessBrowser;

/// Words without the digits of clocks: two pages may be made in two minutes.
fn without_digits(texts: &[String]) -> Vec<String> {
    let plain = |text: &String| text.chars().filter(|c| !c.is_ascii_digit()).collect();
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
            assert_eq!(without_digits(&without), without_digits(&with), "{address}");
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
