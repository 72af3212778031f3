//! Documents as pages of communes have them, and worse.

use super::*;

const RSS: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
    <rss version=\"2.0\"><channel><title>Xã Đồng Nếp</title><link>https://xa.example/</link>\
    <item><title>Lịch tiêm chủng</title><link>https://xa.example/tin/1</link>\
    <guid isPermaLink=\"false\">tin-1</guid><pubDate>Sat, 21 Nov 2026 07:05:09 +0700</pubDate>\
    <description><![CDATA[<p>Mang <b>sổ</b> tiêm.</p><img src=x onerror=alert(1)>]]></description>\
    </item><item><title>Cắt điện &amp; nước &#7885;</title><link>javascript:alert(1)</link>\
    <description>&lt;p&gt;Từ 7 giờ&lt;/p&gt;</description></item></channel></rss>";

const ATOM: &str = "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>x</title>\
    <entry><id>urn:1</id><title type=\"html\">Tin &lt;i&gt;mới&lt;/i&gt;</title>\
    <link rel=\"self\" href=\"https://xa.example/a.xml\"/>\
    <link rel=\"alternate\" href=\"https://xa.example/a?x=1&amp;y=2\"/>\
    <updated>2026-11-21T00:05:09Z</updated><summary>ngắn</summary>\
    <content type=\"xhtml\"><div><p>Một</p><p>Hai<br/>Ba</p></div></content></entry></feed>";

#[test]
fn rss_and_atom_are_read_as_plain_texts() {
    let found = read(RSS.as_bytes()).expect("a feed");
    assert_eq!(found.len(), 2);
    let first = FeedEntry {
        id: "tin-1".to_owned(),
        title: "Lịch tiêm chủng".to_owned(),
        text: "Mang sổ tiêm.".to_owned(),
        link: Some("https://xa.example/tin/1".to_owned()),
        at: Some(WallMs::new(1_795_219_509_000)),
    };
    assert_eq!(found[0], first);
    assert_eq!(found[1].title, "Cắt điện & nước ọ");
    assert_eq!(
        (found[1].text.as_str(), &found[1].link),
        ("Từ 7 giờ", &None)
    );
    assert_eq!(found[1].id, "Cắt điện & nước ọ");
    let found = read(ATOM.as_bytes()).expect("a feed");
    assert_eq!(found[0].title, "Tin mới");
    assert_eq!(
        found[0].link.as_deref(),
        Some("https://xa.example/a?x=1&y=2")
    );
    assert_eq!(found[0].text, "Một\nHai\nBa");
    assert_eq!(found[0].at, Some(WallMs::new(1_795_219_509_000)));
}

#[test]
fn what_is_no_feed_is_refused_and_costs_little() {
    for (document, why) in [
        ("<html><body>x</body></html>", FeedError::NotFeed),
        ("", FeedError::NotFeed),
        ("không phải", FeedError::NotFeed),
        ("<rss><channel><item>", FeedError::NotXml),
        ("<rss><channel><item><title>a</title", FeedError::NotXml),
        ("PK\u{3}\u{4}", FeedError::NotText),
    ] {
        assert_eq!(read(document.as_bytes()), Err(why), "{document}");
    }
    let deep = format!("<rss>{}", "<a>".repeat(10_000));
    assert_eq!(read(deep.as_bytes()), Err(FeedError::NotXml));
    // Entities that a document defines are not expanded.
    let bomb = "<!DOCTYPE rss [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;&a;\">]>\
        <rss><channel><item><title>t &b;</title></item></channel></rss>";
    assert_eq!(read(bomb.as_bytes()).expect("a feed")[0].title, "t");
    let many = "<item><title>a</title></item>".repeat(500);
    let many = format!("<rss><channel>{many}</channel></rss>");
    assert_eq!(read(many.as_bytes()).expect("a feed").len(), MOST_ENTRIES);
    let long = format!(
        "<rss><channel><item><title>a</title><description>{}</description></item>\
        </channel></rss>",
        "từ ".repeat(20_000)
    );
    assert!(
        read(long.as_bytes()).expect("a feed")[0]
            .text
            .chars()
            .count()
            <= MAX_TEXT_CHARS
    );
}

#[test]
fn a_document_of_the_code_page_is_read_whatever_it_says_of_itself() {
    // The bytes that `iconv -t CP1258` makes of “Cấp bản sao trích lục hộ tịch; Đăng ký”.
    let words: &[u8] =
        b"C\xe2\xecp ba\xd2n sao tr\xedch lu\xf2c h\xf4\xf2 ti\xf2ch; \xd0\xe3ng ky\xec";
    for said in ["windows-1258", "utf-8", "ISO-8859-1"] {
        let head =
            format!("<?xml version=\"1.0\" encoding=\"{said}\"?><rss><channel><item><title>");
        let document = [head.as_bytes(), words, b"</title></item></channel></rss>"].concat();
        let found = read(&document).expect("a feed");
        assert_eq!(
            found[0].title, "Cấp bản sao trích lục hộ tịch; Đăng ký",
            "{said}"
        );
    }
}

#[test]
fn a_billion_laughs_are_none() {
    let mut entities = String::from("<!ENTITY l0 \"ha\">");
    for n in 1..=40 {
        let before = format!("&l{};", n - 1).repeat(10);
        entities.push_str(&format!("<!ENTITY l{n} \"{before}\">"));
    }
    let outside =
        "<!ENTITY x SYSTEM \"file:///etc/passwd\"><!ENTITY % y SYSTEM \"http://x.example/\">";
    let document = format!(
        "<!DOCTYPE rss [{entities}{outside}]><rss><channel><item><title>a &l40; &x; b</title>\
         <description>&l40;</description></item></channel></rss>"
    );
    let found = read(document.as_bytes()).expect("a feed");
    assert_eq!(text::line(&found[0].title, usize::MAX), "a b");
    assert_eq!(found[0].text, "");
}
