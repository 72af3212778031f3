//! Tests of shared pages: who waits for what, and which version is sent.

use std::sync::LazyLock;

use super::*;

fn asked(headers: &[(HeaderName, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name.clone(), value.parse().expect("a value"));
    }
    map
}

#[test]
fn gzip_is_sent_to_those_who_take_it() {
    for (said, is) in [
        ("gzip", true),
        ("br, gzip;q=0.5", true),
        ("GZIP", true),
        ("gzip;q=0", false),
        ("gzip; q=0.000", false),
        ("br", false),
        ("x-gzip", false),
    ] {
        let asked = asked(&[(header::ACCEPT_ENCODING, said)]);
        assert_eq!(takes_gzip(&asked), is, "{said}");
    }
    let page = PageBytes::new("text/plain", "Họp thôn ".repeat(200));
    let head = |response: Response| response.headers().clone();
    let packed = head(
        page.clone()
            .answer(&asked(&[(header::ACCEPT_ENCODING, "gzip")])),
    );
    assert_eq!(packed[header::CONTENT_ENCODING], "gzip");
    let plain = head(page.answer(&HeaderMap::new()));
    assert!(!plain.contains_key(header::CONTENT_ENCODING));
    let short = PageBytes::new("text/plain", "Họp".to_owned());
    let short = head(short.answer(&asked(&[(header::ACCEPT_ENCODING, "gzip")])));
    assert!(!short.contains_key(header::CONTENT_ENCODING));
}

#[test]
fn whoever_has_the_version_gets_nothing_again() {
    let page = || PageBytes::new("text/plain", "Họp thôn".to_owned());
    let tag = page().tag;
    let strong = tag.trim_start_matches("W/").to_owned();
    let list = format!("\"a\", {tag}");
    for (said, status) in [
        (tag.as_str(), 304),
        (strong.as_str(), 304),
        (list.as_str(), 304),
        ("*", 304),
        ("\"a\"", 200),
        ("", 200),
    ] {
        let asked = asked(&[(header::IF_NONE_MATCH, said)]);
        let response = page().answer_if_new(&asked);
        assert_eq!(response.status(), status, "{said}");
        assert_eq!(response.headers()[header::ETAG], tag.as_str());
    }
    let other = PageBytes::new("text/plain", "Họp xóm".to_owned());
    assert_ne!(other.tag, tag);
}

/// A moment of a village that never changes.
fn still() -> AskedMoment {
    static VILLAGE: LazyLock<BoardVersion> = LazyLock::new(BoardVersion::default);
    (VILLAGE.clone(), WallMs::new(5))
}

fn page(words: &str) -> Option<PageBytes> {
    Some(PageBytes::new("text/plain", words.to_owned()))
}

fn words(page: Option<PageBytes>) -> String {
    let plain = page.expect("a page").plain;
    String::from_utf8(plain.to_vec()).expect("text")
}

#[tokio::test]
async fn a_page_that_lies_ready_and_one_of_another_sort_wait_for_nothing() {
    let pages = SharedPages::default();
    let list = |kind, from| SharedPage::Notices(Lang::Vi, false, kind, from);
    let ready = [
        list(None, 0),
        list(None, 100),
        SharedPage::Rss,
        SharedPage::Storm(Lang::Vi, false, 7),
    ];
    for known in ready {
        let made = pages.of(known).get_at(still, known, || page("ready"));
        assert_eq!(words(made.await.flatten()), "ready");
    }
    // Somebody makes one of each sort of lists, and it does not end.
    let (ends, end) = std::sync::mpsc::channel::<()>();
    let end = Arc::new(Mutex::new(end));
    let (begins, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let mut slow = tokio::task::JoinSet::new();
    for new in [list(Some(1), 0), list(None, 200)] {
        let (pages, begins, end) = (pages.clone(), begins.clone(), end.clone());
        let make = move || {
            let _ = begins.send(());
            let _ = end.lock().expect("one").recv();
            page("slow")
        };
        slow.spawn(async move { words(pages.of(new).get_at(still, new, make).await.flatten()) });
    }
    for _ in 0..2 {
        begun.recv().await.expect("begins");
    }
    for known in ready {
        let made = pages.of(known).get_at(still, known, || page("made again"));
        assert_eq!(words(made.await.flatten()), "ready", "{known:?}");
    }
    for new in [SharedPage::JsonFeed, SharedPage::Storm(Lang::En, true, 7)] {
        let made = pages.of(new).get_at(still, new, || page("new"));
        assert_eq!(words(made.await.flatten()), "new", "{new:?}");
    }
    drop(ends);
    assert_eq!(slow.join_all().await, ["slow", "slow"]);
}

#[tokio::test]
async fn parts_that_somebody_pages_through_push_out_no_first_page() {
    let pages = SharedPages::default();
    let kinds = crate::domain::notice::NoticeKind::ALL.len();
    let all = (0..kinds).map(Some).chain([None]);
    let first: Vec<_> = all
        .flat_map(|kind| [(kind, Lang::Vi), (kind, Lang::En)])
        .flat_map(|(kind, lang)| [false, true].map(|big| SharedPage::Notices(lang, big, kind, 0)))
        .collect();
    assert!(first.len() <= MOST);
    let further = (1..=3 * MOST).map(|n| SharedPage::Notices(Lang::Vi, false, None, n * 100));
    for one in first.iter().copied().chain(further) {
        let made = pages.of(one).get_at(still, one, || page("made"));
        assert_eq!(words(made.await.flatten()), "made");
    }
    for one in first {
        let made = pages.of(one).get_at(still, one, || page("made again"));
        assert_eq!(words(made.await.flatten()), "made", "{one:?}");
    }
    assert_eq!(pages.further.0.lock().len(), MOST);
}

#[tokio::test]
async fn a_page_is_made_once_for_all_who_ask_for_it_at_once() {
    let pages = MadeOnce::default();
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (pages, count) = (pages.clone(), count.clone());
        let make = move || count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        all.spawn(async move { pages.get_at(still, 1, make).await });
    }
    assert!(all.join_all().await.iter().all(|made| *made == Some(0)));
    let newer = || {
        (
            BoardVersion {
                minutes: (1, 1),
                ..still().0
            },
            WallMs::new(5),
        )
    };
    let made = pages.get_at(newer, 1, || 7).await;
    assert_eq!(made, Some(7), "the village is another");
}
