//! Files as offices write them: separators, headings, mistakes with their places.

use super::*;

const TABLE: &str = "Mã TTHC;Tên thủ tục;Thành phần hồ sơ;Nơi tiếp nhận;Giờ làm việc;\
    Thời hạn giải quyết;Phí, lệ phí;Đường dẫn;Từ ngày;Đến ngày\n\
    1.001193;Đăng ký khai sinh;\"- Tờ khai\n- Giấy chứng sinh; Căn cước\";TT Phục vụ HCC xã;\
    7 giờ 30 – 17 giờ;trong ngày;miễn;\
    https://dichvucong.gov.vn/p/home/x.html?ma_thu_tuc=1.001193;1/7/2025;31-12-2027\n\
    ;;;;;;;;;\n\
    2.000815;Chứng thực bản sao;;;;;;;;\n";

fn mistakes(text: &str) -> Vec<(u64, usize, &'static str)> {
    read(text.as_bytes())
        .expect_err(text)
        .iter()
        .map(|m| (m.line, m.column, m.mistake.key()))
        .collect()
}

#[test]
fn a_table_is_read_with_any_separator_and_written_to_be_read_again() {
    let found = read(TABLE.as_bytes()).expect("a list").procedures;
    assert_eq!(found.len(), 2);
    let birth = &found[0];
    assert_eq!(birth.name, "Đăng ký khai sinh");
    assert_eq!(birth.papers, ["Tờ khai", "Giấy chứng sinh", "Căn cước"]);
    assert_eq!(birth.hours, "7 giờ 30 – 17 giờ");
    assert_eq!(
        birth.from.map(calendar::day_text).as_deref(),
        Some("2025-07-01")
    );
    assert_eq!(
        birth.until.map(calendar::day_text).as_deref(),
        Some("2027-12-31")
    );
    assert!(found[1].papers.is_empty() && found[1].link.is_none());
    let again = read(&write(&found)).expect("the gateway's own");
    assert_eq!(again.procedures, found);
    let tabs = "code\tname\tpapers\n1\tBirth\t\"form|id, card\"\n";
    let found = read(tabs.as_bytes()).expect("a list").procedures;
    assert_eq!(found[0].papers, ["form", "id, card"]);
    let excel = "sep=,\r\nMA,TEN\r\n1,\"Một, hai\"\r\n";
    let found = read(excel.as_bytes()).expect("a list").procedures;
    assert_eq!((found.len(), found[0].name.as_str()), (1, "Một, hai"));
}

#[test]
fn the_names_that_people_use_are_kept_and_cost_a_list_without_them_no_column() {
    let text = "Mã;Tên thủ tục;Còn gọi là\n1;Đăng ký thường trú;hộ khẩu, sổ hộ khẩu\n2;Khác;\n";
    let found = read(text.as_bytes()).expect("a list").procedures;
    assert_eq!(found[0].also_called, "hộ khẩu, sổ hộ khẩu");
    assert_eq!(found[1].also_called, "");
    let again = read(&write(&found)).expect("the gateway's own");
    assert_eq!(again.procedures, found);
    let kept = String::from_utf8(write(&found[1..])).expect("text");
    assert!(kept.contains("Hiệu lực đến") && !kept.contains("Còn gọi là"));
    let office = read(&write_for_office(&found)).expect("what an office program gets");
    assert_eq!(
        (office.procedures, office.written_in),
        (found, WrittenIn::Utf16)
    );
}

#[test]
fn a_table_of_excel_in_utf_16_and_of_old_fonts_is_the_same_list() {
    let plain = "Mã;Tên thủ tục\n1;Cấp bản sao trích lục hộ tịch\n";
    let wanted = read(plain.as_bytes()).expect("a list").procedures;
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(plain.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let tcvn3 = b"M\xb7;T\xaan th\xf1 t\xf4c\n1;C\xcap b\xb6n sao tr\xddch l\xf4c h\xe9 t\xdech\n";
    let vni = "Maõ;Teân thuû tuïc\n1;Caáp baûn sao trích luïc hoä tòch\n";
    for (bytes, written_in) in [
        (&wide[..], WrittenIn::Utf16),
        (tcvn3, WrittenIn::Tcvn3),
        (vni.as_bytes(), WrittenIn::Vni),
    ] {
        let found = read(bytes).expect("a list");
        assert_eq!(
            (found.procedures, found.written_in),
            (wanted.clone(), written_in)
        );
    }
}

#[test]
fn each_mistake_is_named_with_its_line_and_column() {
    for (text, wanted) in [
        ("", vec![(0, 0, "procedure-file-empty")]),
        ("Mã;Tên\n", vec![(0, 0, "procedure-file-empty")]),
        ("PK\u{3}\u{4}", vec![(0, 0, "procedure-file-no-text")]),
        (
            "Tên;Cân nặng\n",
            vec![
                (1, 2, "procedure-file-column"),
                (1, 0, "procedure-file-no-column"),
            ],
        ),
        ("Mã;Mã;Tên\n", vec![(1, 2, "procedure-file-column-twice")]),
        (
            "Mã;Tên\n1;\"Khai sinh\n2;x\n",
            vec![(2, 0, "procedure-file-quote")],
        ),
        (
            "Mã;Tên\n1;a\n\n1;b\n",
            vec![(4, 1, "procedure-file-code-twice")],
        ),
        (
            "Mã;Tên\nmột hai;a\n2;\n;c\n",
            vec![
                (2, 1, "procedure-file-code"),
                (3, 2, "procedure-file-missing"),
                (4, 1, "procedure-file-missing"),
            ],
        ),
        (
            "Mã;Tên\n1;a;thừa\n",
            vec![(2, 3, "procedure-file-no-heading")],
        ),
        (
            "Mã;Tên;Link;Từ ngày;Đến ngày\n1;a;javascript:alert(1);31/2/2026;\n\
             2;b;;2/1/2026;1/1/2026\n",
            vec![
                (2, 3, "procedure-file-link"),
                (2, 4, "procedure-file-day"),
                (3, 5, "procedure-file-days"),
            ],
        ),
    ] {
        assert_eq!(mistakes(text), wanted, "{text:?}");
    }
    let long = format!("Mã;Tên\n1;{}\n", "x".repeat(251));
    assert_eq!(mistakes(&long), [(2, 2, "procedure-file-long")]);
    let row = |n: usize| format!("{n};a\n");
    let many: String = (0..=MAX_PROCEDURES).map(row).collect();
    let line = MAX_PROCEDURES as u64 + 2;
    assert_eq!(
        mistakes(&format!("Mã;Tên\n{many}")),
        [(line, 0, "procedure-file-many")]
    );
    let bad: String = (0..60).map(|n| format!("{n};\n")).collect();
    assert_eq!(mistakes(&format!("Mã;Tên\n{bad}")).len(), MOST_MISTAKES);
    let large = vec![b'a'; MAX_LIST_BYTES + 1];
    assert_eq!(
        read(&large).expect_err("large")[0].mistake.key(),
        "procedure-file-large"
    );
}
