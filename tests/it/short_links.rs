//! The short link of a notice: the same wherever the box gives one out, read in any case, for ever;
//! links that were printed with the whole id lead to the same page.

use std::process::Command;
use std::time::Duration;

use conglang::ports::guests::GuestVisitor;
use serde_json::{Value, json};

use crate::notice_forms::visitor;
use crate::support::codes::{drawn, raster, read_codes};
use crate::support::guest_pages::GuestPages;
use crate::support::house::House;
use crate::support::http::http;

const BASE: &str = "https://benthoc.example";
/// Ids as forms make them.
const ID: &str = "a5b36d216727dd6b6bcb9a6ba6ad98dc";

/// The path that the page of a notice gives as its own.
pub fn short(house: &House, id: &str) -> String {
    canonical(&visitor(house, &format!("/t/{id}")).body)
}

fn canonical(page: &str) -> String {
    let (_, link) = page
        .split_once("<link rel=\"canonical\" href=\"")
        .unwrap_or_else(|| panic!("no link: {page}"));
    let link = link.split('"').next().expect("an address");
    let at = link.find("/t/").expect("a notice");
    link[at..].to_owned()
}

/// A path with a code of four signs.
fn is_short(path: &str) -> bool {
    let code = path.strip_prefix("/t/").expect("a notice");
    let is_sign = |c: char| "23456789BCDFGHJKMNPQRSTVWXYZ".contains(c);
    code.len() == 4 && code.chars().all(is_sign)
}

#[test]
fn every_link_that_the_box_gives_out_is_the_short_one() {
    let mut house = House::new(&format!("[links]\npublic_base = \"{BASE}\"\n"));
    house.start();
    let cookie = house.sign_in();
    house.publish_notice(&cookie, ID, "Họp thôn", "Tối mai ở nhà văn hóa.", "event");
    let path = short(&house, ID);
    assert!(is_short(&path), "{path}");
    let link = format!("{BASE}{path}");
    let typed = link.strip_prefix("https://").expect("a scheme");
    let body = |path: &str| visitor(&house, path).body;

    let page = body(&path);
    for seen in [
        format!("<meta property=\"og:url\" content=\"{link}\">"),
        format!("src=\"/qr{path}.svg\""),
        format!("href=\"{link}\">{typed}</a>"),
        "<small>xã Đồng Nếp</small>".to_owned(),
    ] {
        assert!(page.contains(&seen), "{seen}: {page}");
    }
    for list in ["/?lang=vi", "/t?lang=vi", "/search?lang=vi&find=hop"] {
        let list = body(list);
        assert!(list.contains(&format!("href=\"{path}?lang=vi\"")), "{list}");
        assert!(!list.contains(ID), "{list}");
    }
    let rss = body("/feed.xml");
    let whole = format!("{BASE}/t/{ID}");
    assert!(
        rss.contains(&format!("<link>{link}</link>"))
            && rss.contains(&format!("<guid isPermaLink=\"true\">{whole}</guid>")),
        "the id of an item stays what it was: {rss}"
    );
    let feed: Value = serde_json::from_str(&body("/feed.json")).expect("JSON");
    let item = &feed["items"][0];
    assert_eq!((&item["url"], &item["id"]), (&json!(link), &json!(whole)));
    let shared = house.get(&format!("/notices/{ID}"), &cookie).body;
    assert!(
        shared.contains(&link) && !shared.contains(&whole),
        "{shared}"
    );

    // The same page, in any case, and as it was printed before there were codes.
    for known in [path.to_lowercase(), format!("/t/{ID}")] {
        assert_eq!(body(&known), page, "{known}");
        let code = body(&format!("/qr{known}.svg"));
        let picture = house.dir.join("code.pbm");
        std::fs::write(&picture, drawn(&code)).expect("written");
        assert_eq!(read_codes(&picture), std::slice::from_ref(&link), "{known}");
    }
    for none in ["/t/2222", "/t/ZZZZZ", "/t/222222222222", "/t/222O"] {
        assert_eq!(visitor(&house, none).status, 404, "{none}");
    }
    let pdf = house.dir.join("notice.pdf");
    let out = pdf.display().to_string();
    let (code, said) = house.cli(&["print", "notice", ID, "--out", &out]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        read_codes(&raster(&pdf, 300)[0]),
        std::slice::from_ref(&link)
    );
    let text = Command::new("pdftotext").arg(&pdf).arg("-").output();
    let text = String::from_utf8_lossy(&text.expect("pdftotext runs").stdout).into_owned();
    assert!(text.contains(typed), "{text}");

    // Another start, and one without a snapshot: the journal alone gives the same codes.
    assert_eq!(house.stop(), Some(0));
    house.start();
    assert_eq!(short(&house, ID), path);
    assert_eq!(house.stop(), Some(0));
    let journal = house.dir.join("data/journal");
    std::fs::remove_file(journal.join("spare/state")).expect("the spare is lost");
    let mut lost = 0;
    for file in std::fs::read_dir(&journal).expect("a folder") {
        let file = file.expect("a file").path();
        if file.extension().is_some_and(|end| end == "snap") {
            std::fs::remove_file(file).expect("lost");
            lost += 1;
        }
    }
    assert!(lost > 0, "no snapshot in {}", journal.display());
    house.start();
    house.until("the notice is read", Duration::from_secs(10), |h| {
        visitor(h, &path).status == 200
    });
    assert_eq!(short(&house, ID), path);
}

#[test]
fn a_code_stays_the_one_on_paper_through_every_end() {
    let pages = GuestPages::new(GuestVisitor::Captive, GuestVisitor::Captive);
    let visit = |path: &str| http(pages.portal, "GET", path, "", "");
    let publish = |id: &str| {
        let notice =
            json!({ "id": id, "title": "Cắt điện", "body": "Sáng mai.", "kind": "notice" });
        assert_eq!(pages.technician("/notices", &notice).status, 200);
    };
    let order = |what: &str| {
        assert_eq!(pages.command(&json!({ "do": what, "id": ID })).status, 200);
    };
    publish(ID);
    let path = canonical(&visit(&format!("/t/{ID}")).body);
    assert!(is_short(&path), "{path}");
    order("TakeDownNotice");
    for gone in [&path, &format!("/t/{ID}")] {
        assert_eq!(visit(gone).status, 404, "{gone}");
    }
    order("RestoreNotice");
    assert_eq!(canonical(&visit(&path).body), path);
    let again = || {
        let words = "Cắt điện\nChiều mai.".as_bytes().to_vec();
        let text = pages.block_on(pages.app.files.put(words)).expect("stored");
        let publish = json!({ "do": "PublishNotice", "id": ID, "text": text, "kind": "notice" });
        assert_eq!(pages.command(&publish).status, 200);
    };
    for time in ["published anew", "and once more"] {
        order("TakeDownNotice");
        publish(&format!("khac-{}", time.len()));
        again();
        let page = visit(&path).body;
        assert!(page.contains("Chiều mai."), "{time}: {page}");
        assert_eq!(canonical(&page), path, "{time}");
    }
    // An id that is short already stands in its link; one that looks like a code does not.
    for (id, stays) in [("tb-02", true), ("thongbao", true), ("7KQM", false)] {
        publish(id);
        let own = canonical(&visit(&format!("/t/{id}")).body);
        assert_eq!(own == format!("/t/{id}"), stays, "{own}");
        assert_eq!(canonical(&visit(&own).body), own);
    }
}
