//! The index of words: what is found, in which order, and that it stays within its bounds.

use super::*;

fn text(title: &str, body: &str, at: i64) -> SearchText {
    SearchText {
        title: title.to_owned(),
        body: body.to_owned(),
        at: WallMs::new(at),
        until: None,
    }
}

fn board() -> SearchIndex {
    let mut index = SearchIndex::default();
    for (id, title, body, at) in [
        ("meeting", "Họp thôn tháng 12", "Mời mỗi hộ một người.", 10),
        ("old", "Họp thôn tháng 3", "Bàn việc chung.", 5),
        (
            "power",
            "Cắt điện sửa đường dây",
            "Trước hôm họp thôn một ngày.",
            20,
        ),
        ("pump", "Lịch bơm nước", "Cánh Đồng Trước bơm trước.", 30),
    ] {
        index.put(SearchKind::Notice, id, &text(title, body, at));
    }
    let birth = text("Đăng ký khai sinh", "1.001193 Tờ khai; thôn", 0);
    index.put(SearchKind::Procedure, "1.001193", &birth);
    index
}

fn ids(index: &SearchIndex, query: &str) -> Vec<String> {
    let found = index.find(query, None, WallMs::new(100), 10);
    assert_eq!(found.total, found.best.len());
    found.best.into_iter().map(|hit| hit.id).collect()
}

#[test]
fn words_are_found_without_marks_by_their_beginnings_and_titles_come_first() {
    let index = board();
    for (query, wanted) in [
        ("hop thon", &["meeting", "old", "power"][..]),
        ("HỌP THÔN", &["meeting", "old", "power"]),
        ("ho\u{323}p thang 3", &["old"]),
        ("hop ngay", &["power"]),
        ("dien", &["power"]),
        ("die", &["power"]),
        ("đien cat", &["power"]),
        ("dong truoc", &["pump"]),
        ("khai sinh", &["1.001193"]),
        ("1.001193", &["1.001193"]),
        ("0011", &["1.001193"]),
        ("hop san", &[]),
        ("1", &["1.001193"]),
        ("h", &[]),
        ("", &[]),
        ("… !", &[]),
    ] {
        assert_eq!(ids(&index, query), wanted, "{query}");
    }
    let only = index.find("thon", Some(SearchKind::Procedure), WallMs::new(0), 10);
    assert_eq!((only.total, only.best.len()), (1, 1));
    assert_eq!(index.find("thon", None, WallMs::new(0), 2).total, 4);
}

#[test]
fn what_is_over_is_found_behind_and_marked_and_what_is_removed_is_not_found() {
    let mut index = board();
    let mut over = text("Họp thôn tháng 12", "", 10);
    over.until = Some(WallMs::new(50));
    index.put(SearchKind::Notice, "meeting", &over);
    let found = index.find("hop thon", None, WallMs::new(100), 10).best;
    let told: Vec<_> = found.iter().map(|h| (h.id.as_str(), h.is_over)).collect();
    assert_eq!(told, [("old", false), ("meeting", true), ("power", false)]);
    index.remove(SearchKind::Notice, "old");
    assert_eq!(ids(&index, "hop thon"), ["meeting", "power"]);
    index.remove_all(SearchKind::Notice);
    assert_eq!(index.len(), 1);
    assert_eq!(ids(&index, "khai sinh"), ["1.001193"]);
}

#[test]
fn texts_that_come_and_go_take_no_memory_for_ever() {
    let mut index = board();
    let before = index.bytes();
    for n in 0..5_000 {
        let id = format!("n{}", n % 50);
        index.put(
            SearchKind::Notice,
            &id,
            &text("Thông báo", &format!("từ{n}"), n),
        );
    }
    for n in 0..50 {
        index.remove(SearchKind::Notice, &format!("n{n}"));
    }
    for n in 0..500 {
        index.put(SearchKind::Notice, "last", &text("Sau cùng", "", n));
    }
    index.remove(SearchKind::Notice, "last");
    assert!(
        index.bytes() < before + 40_000,
        "{} of {before}",
        index.bytes()
    );
    assert_eq!(ids(&index, "hop thon"), ["meeting", "old", "power"]);
    let long: String = (0..5_000).map(|n| format!("w{n} ")).collect();
    index.put(SearchKind::Notice, "long", &text("Dài", &long, 1));
    assert_eq!(ids(&index, "w1498"), ["long"]);
    assert!(ids(&index, "w1499").is_empty(), "beyond the bound");
}

#[test]
fn what_was_asked_for_with_its_marks_comes_first_where_it_stands_so() {
    let mut index = board();
    let coop = text("Hợp tác xã mời thôn", "Bàn việc họp đội.", 99);
    index.put(SearchKind::Notice, "coop", &coop);
    // Without marks nobody can tell: both are in a title, and the newer comes first.
    assert_eq!(ids(&index, "hop thon"), ["meeting", "old", "coop", "power"]);
    let first = |query: &str| ids(&index, query).first().cloned().unwrap_or_default();
    assert_eq!(first("hop"), "coop");
    assert_eq!(first("họp"), "meeting");
    assert_eq!(first("hợp"), "coop");
    assert_eq!(first("HỢP THÔN"), "coop");
    index.put(SearchKind::Notice, "culture", &text("Nhà văn hoá", "", 1));
    index.put(SearchKind::Notice, "grease", &text("Nhà văn hỏa", "", 50));
    assert_eq!(ids(&index, "văn hóa"), ["culture", "grease"]);
    assert_eq!(ids(&index, "van hoa"), ["grease", "culture"]);
    // A word is found with a wrong mark, too: behind those that have the right one.
    assert_eq!(ids(&index, "hộp thôn tháng 3"), ["old"]);
}

#[test]
fn of_texts_that_are_alike_the_newer_comes_first_and_kinds_stand_apart() {
    let mut index = board();
    index.put(SearchKind::Notice, "new", &text("Mời họp thôn", "", 40));
    assert_eq!(ids(&index, "hop thon"), ["new", "meeting", "old", "power"]);
    let kinds = index.find_by_kind("thon", WallMs::new(100), 2);
    let told: Vec<_> = kinds
        .iter()
        .map(|k| (k.kind, k.hits.total, k.hits.best.len()))
        .collect();
    assert_eq!(
        told,
        [(SearchKind::Notice, 4, 2), (SearchKind::Procedure, 1, 1)]
    );
    assert!(index.find_by_kind("", WallMs::new(0), 2).is_empty());
}

#[test]
fn words_that_stand_together_in_a_title_leave_pieces_in_bodies_out() {
    let mut index = board();
    let stay = text("Đăng ký tạm trú", "Hợp đồng thuê, tờ khai thông tin", 0);
    index.put(SearchKind::Procedure, "stay", &stay);
    assert_eq!(ids(&index, "hop thon"), ["meeting", "old", "power"]);
    // Without such a title a piece is better than nothing.
    assert_eq!(ids(&index, "thong hop"), ["stay"]);
    assert_eq!(ids(&index, "hop tho"), ["meeting", "old", "power", "stay"]);
}
