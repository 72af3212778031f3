//! Addresses that lead nowhere: a page says so in the reader's language.

use crate::support::house::{House, http};
use crate::support::http::Answer;

const WORDS: [(&str, &str); 2] = [
    ("vi", "Không có trang này"),
    ("en", "There is no such page"),
];

fn says_so(answer: &Answer, status: u16, lang: &str, words: &str, address: &str) {
    assert_eq!(answer.status, status, "{address}: {answer:?}");
    assert!(answer.body.contains(words), "{address}: {}", answer.body);
    assert!(
        answer.body.contains(&format!("<html lang=\"{lang}\"")),
        "{address}"
    );
    assert!(
        answer.head.contains("content-security-policy"),
        "{address} is a page like others"
    );
}

#[test]
fn the_dashboard_tells_that_an_address_leads_nowhere() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let form = house.form("/me", &cookie);
    let body = format!("on=1&form={form}");
    for (lang, words) in WORDS {
        let cookie = format!("{cookie}; lang={lang}");
        for (method, address, status) in [
            ("GET", "/nowhere", 404),
            ("GET", "/cameras/cam-99", 404),
            ("GET", "/cameras/%C4%91%20b", 404),
            ("GET", "/notices/.x", 404),
            ("GET", "/history?before=yesterday", 404),
            ("POST", "/lights/a%2Fb", 404),
            ("POST", "/groups/.x", 404),
            ("POST", "/notices/a%20b/down", 404),
            ("POST", "/nowhere", 404),
            ("GET", "/sign-out", 405),
            ("POST", "/history", 405),
        ] {
            let answer = http(house.dashboard, method, address, &cookie, &body);
            says_so(&answer, status, lang, words, address);
        }
    }
}
