//! Bodies as they are shown, and attacks on readers.

use super::*;

/// The blocks as short text: the tag, its items, `*bold*`, `[words](href)`.
fn sketch(body: &str) -> String {
    let span = |s: &NoticeSpan| match (s.is_break, s.is_bold, s.href.is_empty()) {
        (true, ..) => "/".to_owned(),
        (_, false, true) => s.words.clone(),
        (_, true, true) => format!("*{}*", s.words),
        (.., false) => format!("[{}]({})", s.words, s.href),
    };
    let item = |spans: &Vec<NoticeSpan>| spans.iter().map(span).collect::<String>();
    let block = |b: &NoticeBlock| {
        let items: Vec<_> = b.items.iter().map(item).collect();
        format!("{}: {}", b.tag(), items.join(" | "))
    };
    let all: Vec<_> = blocks(body, str::to_owned).iter().map(block).collect();
    all.join("\n")
}

#[test]
fn a_body_is_paragraphs_lists_headings_bold_words_and_links() {
    let body = "Mời bà con họp.\nMang **giấy tờ**, gọi 0977 123 456.\n\n# Nội dung\n\
        - Bàn quỹ\n- Bầu [tổ](https://example.vn/a?b=1&c)\n  dòng hai\n\n\
        ### Nhỏ\n3. Ba\n4. Bốn\n\n\
        Xem https://dichvucong.gov.vn/x_y_z. Thư <a@example.vn>";
    assert_eq!(
        sketch(body),
        "p: Mời bà con họp.\n\
         p: Mang *giấy tờ*, gọi [0977 123 456](tel:0977123456).\n\
         h2: Nội dung\n\
         ul: Bàn quỹ | Bầu [tổ](https://example.vn/a?b=1&c)\
         [ (example.vn)](https://example.vn/a?b=1&c)/dòng hai\n\
         h3: Nhỏ\n\
         ol: Ba | Bốn\n\
         p: Xem [https://dichvucong.gov.vn/x_y_z](https://dichvucong.gov.vn/x_y_z). \
         Thư [a@example.vn](mailto:a@example.vn)"
    );
    assert_eq!(parse(body)[5].start, 3);
    assert_eq!(
        paragraphs("Mời **bà con**\n- một\n- [hai](https://x.vn)"),
        ["Mời bà con", "một", "hai (x.vn)"]
    );
}

#[test]
fn links_that_lead_out_are_those_of_the_web() {
    let body = "Gọi 0977 123 456, <a@example.vn>.\n- [a](https://a.vn)\n- http://b.vn/x.";
    assert_eq!(web_links(body), ["https://a.vn/", "http://b.vn/x"]);
}

#[test]
fn what_people_type_without_knowing_markdown_stays_as_it_is() {
    for (typed, shown) in [
        ("Bấm *101# rồi *102#", "p: Bấm *101# rồi *102#"),
        (
            "Thu 48.600.000 đ, chi 31.250.000 đ",
            "p: Thu 48.600.000 đ, chi 31.250.000 đ",
        ),
        ("    thụt vào\nhai", "p: thụt vào\np: hai"),
        ("a_b_c và 5 < 6 & 7 > 3", "p: a_b_c và 5 < 6 & 7 > 3"),
        ("> trích\n> hai", "p: trích\np: hai"),
        ("#thẻ", "p: #thẻ"),
        ("một\n\n***\n\nhai", "p: một\np: hai"),
        (
            "Mang theo:\n- Thẻ\n- Áo\nGọi khi cần giúp: trưởng thôn\nRồi đi",
            "p: Mang theo:\nul: Thẻ | Áo\np: Gọi khi cần giúp: trưởng thôn\np: Rồi đi",
        ),
        ("1) a\n2) b\nc\n- d\ne", "ol: a | b\np: c\nul: d\np: e"),
        ("1. một\n   - a\n   - b\n2. hai", "ol: một | a | b | hai"),
        ("", ""),
    ] {
        assert_eq!(sketch(typed), shown, "{typed}");
    }
}

#[test]
fn words_of_a_link_do_not_hide_where_it_leads() {
    let shown = |body: &str| paragraphs(body).join("/");
    for (body, is) in [
        (
            "[https://dichvucong.gov.vn](https://evil.example/otp)",
            "https://dichvucong.gov.vn (evil.example)",
        ),
        ("[gov.vn](https://a.gov.vn)", "gov.vn (a.gov.vn)"),
        ("[a.gov.vn](https://gov.vn)", "a.gov.vn (gov.vn)"),
        ("[a.vn hay b.vn](https://a.vn)", "a.vn hay b.vn (a.vn)"),
        ("[vneid.gov.vn](https://VNeID.gov.vn/a)", "vneid.gov.vn"),
        (
            "[Trang https://a.vn/x.](https://a.vn/x)",
            "Trang https://a.vn/x.",
        ),
        ("[bấm đây](https://а.vn)", "bấm đây (xn--80a.vn)"),
        ("[113](tel:0900123456)", "113 (0900123456)"),
        ("[0900 123 456](tel:0900123456)", "0900 123 456"),
        ("[a@b.vn](mailto:c@d.vn)", "a@b.vn (c@d.vn)"),
        ("<c@d.vn> <https://d.vn/x>", "c@d.vn https://d.vn/x"),
        ("[**đậm**](javascript:1)", "đậm"),
    ] {
        assert_eq!(shown(body), is, "{body}");
    }
}

#[test]
fn nothing_is_found_within_an_address_that_is_refused() {
    let hostile = "http://u@".repeat(888);
    assert_eq!(paragraphs(&hostile), [hostile.as_str()]);
    assert_eq!(split_address(&hostile), None);
}

#[test]
fn no_attack_makes_a_link_or_a_tag() {
    let attacks = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](java&#x09;script:alert(1))",
        "[a](java\tscript:alert(1))",
        "[a](&#106;avascript:alert(1))",
        "[a](%6aavascript:alert(1))",
        "[a](\u{1}javascript:alert(1))",
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        "[a](vbscript:x)",
        "[a](file:///etc/passwd)",
        "[a](//example.com)",
        "[a](/sign-out)",
        "[a](https://vneid.gov.vn@example.com)",
        "[a](https://vneid.gov.vn:x@example.com/)",
        "[a](intent://x#Intent;scheme=http;end)",
        "[a](blob:https://example.com/x)",
        "[a](tel:*%23*%234636%23*%23*)",
        "<javascript:alert(1)>",
        "<https://a@b.vn>",
        "![a](https://example.com/follow.gif)",
        "[a]: javascript:alert(1)\n\n[a]",
        "<a href=\"https://example.com\" onclick=\"x()\">bấm</a>",
        "<!-- --><style>*{display:none}</style>",
        "<iframe src=https://example.com></iframe>",
        "https://a:b@example.com",
    ];
    for attack in attacks {
        for block in blocks(attack, str::to_owned) {
            for span in block.items.into_iter().flatten() {
                let is_plain = span.href.is_empty();
                let is_web = span.href.starts_with("https://example.com/");
                assert!(
                    is_plain || (is_web && attack.starts_with('<')),
                    "{attack}: {span:?}"
                );
            }
        }
    }
    // The words are all there, to be read and not to be run.
    assert_eq!(
        sketch("<b>đậm</b> <script>x</script>"),
        "p: <b>đậm</b> <script>x</script>"
    );
    assert_eq!(sketch("<div>\nmột\n</div>"), "p: <div>\np: một\np: </div>");
    let deep = format!("{}đáy", "- ".repeat(3_000));
    let quotes = format!("{}đáy", ">".repeat(7_000));
    let stars = "*a_ ".repeat(2_000);
    let brackets = "[".repeat(8_000);
    for body in [deep, quotes, stars, brackets] {
        assert!(blocks(&body, str::to_owned).len() < 100);
    }
}
