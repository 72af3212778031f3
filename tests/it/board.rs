//! The demo's notice board on any day: no date of `config/demo/` decides anything, and what is said
//! of days is true on each.

#[path = "../../examples/village/board.rs"]
pub mod compose;
#[path = "../../examples/village/days.rs"]
pub mod days;

use conglang::domain::calendar::{day, day_number, lunar, weekday};
use conglang::domain::notice::NoticeKind;
use conglang::time::WallMs;

use compose::{Notice, compose};
use days::{Moment, feast};

const DAY_MS: i64 = 86_400_000;

fn demo() -> String {
    std::fs::read_to_string(crate::support::worker::repository(
        "config/demo/notices.toml",
    ))
    .expect("the demo's notices")
}

/// The demo's notices as the demo publishes them in a village in which it is `now`.
pub fn notices(now: WallMs) -> Vec<Notice> {
    compose(&demo(), now).expect("the demo's notices")
}

/// Every date “21/11/2026” of a text, as the day's number, with the word before it (“Bảy”).
fn dates(text: &str) -> Vec<(i64, String)> {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || ",.()".contains(c))
        .filter(|w| !w.is_empty())
        .collect();
    let date = |word: &str| {
        let parts: Vec<i64> = word
            .split('/')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        let [d, m, y] = parts[..] else { return None };
        // The day's number by counting from the first of that year, by another way than the
        // calendar's own.
        let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
        let lengths = [
            31,
            28 + i64::from(leap(y)),
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
            31,
        ];
        let years: i64 = (1970..y).map(|y| 365 + i64::from(leap(y))).sum();
        Some(
            years
                + lengths[..usize::try_from(m - 1).expect("month")]
                    .iter()
                    .sum::<i64>()
                + d
                - 1,
        )
    };
    words
        .windows(2)
        .filter_map(|w| Some((date(w[1])?, w[0].to_owned())))
        .collect()
}

fn named<'a>(board: &'a [Notice], id: &str) -> &'a Notice {
    board.iter().find(|n| n.id == id).expect("a notice")
}

#[test]
fn the_demos_board_reads_well_on_every_day_of_twelve_years() {
    let text = demo();
    assert!(dates(&text).is_empty(), "no date stands in the demo's data");
    let weekdays = ["Nhật", "Hai", "Ba", "Tư", "Năm", "Sáu", "Bảy"];
    let first = 1_767_225_600_000 / DAY_MS; // 2026-01-01
    for n in first..first + 12 * 366 {
        // At every hour in turn: also those in which the village has another date than Greenwich.
        let now = WallMs::new(n * DAY_MS + n % 24 * 3_600_000);
        let today = day_number(now);
        let board = compose(&text, now).unwrap_or_else(|e| panic!("{:?}: {e:#}", day(now)));
        for notice in &board {
            for (number, before) in dates(&notice.words.body) {
                assert_eq!(
                    before,
                    weekdays[usize::try_from((number + 4) % 7).expect("weekday")],
                    "{:?}: {}",
                    day(now),
                    notice.words.body
                );
            }
            assert!(
                !notice.words.title.contains(['{', '}']) && !notice.words.body.contains(['{', '}'])
            );
            assert!(
                notice.details.until.is_none_or(|u| u > now),
                "the house takes it"
            );
        }
        let urgent = named(&board, "tb-01");
        assert_eq!(urgent.details.kind, NoticeKind::Warning);
        assert!(urgent.details.urgent && urgent.details.risk.is_some());
        assert!(
            dates(&urgent.words.body)[0].0 < today
                && urgent
                    .details
                    .until
                    .is_some_and(|u| u > now + DAY_MS && u < now + 4 * DAY_MS),
            "a warning is in force"
        );
        let (ahead, past) = (
            dates(&named(&board, "tb-02").words.body)[0].0,
            dates(&named(&board, "tb-05").words.body)[0].0,
        );
        assert!((10..=40).contains(&(ahead - today)), "an event lies ahead");
        assert!((1..=21).contains(&(today - past)), "and one is over");
        for id in ["tb-02", "tb-05", "tb-06", "tb-07"] {
            let (number, _) = dates(&named(&board, id).words.body)[0];
            let moon = lunar(WallMs::new(number * DAY_MS));
            assert!(
                !feast(number) && (moon.leap || (moon.month, moon.day) != (1, 1)),
                "{id} at Tết: {:?}",
                day(WallMs::new(number * DAY_MS))
            );
        }
        // The meeting's title has the month of its date.
        let meeting = day(WallMs::new(ahead * DAY_MS));
        assert_eq!(
            named(&board, "tb-02").words.title,
            format!("Họp thôn tháng {}/{}", meeting.month, meeting.year)
        );
        assert_eq!(weekday(WallMs::new(ahead * DAY_MS)), 6);
    }
}

#[test]
fn days_are_said_from_the_day_of_the_run() {
    // 2026-11-29, a Sunday; 16:30 UTC = 23:30 in the village, and half an hour later it is the 30th
    // there.
    let now = WallMs::new(1_795_969_800_000);
    let said = |now: WallMs, words: &str| {
        Moment::parse(words, now)
            .unwrap_or_else(|e| panic!("{words}: {e:#}"))
            .words("")
            .expect("words")
    };
    for (words, expected) in [
        ("today", "Chủ Nhật 29/11/2026"),
        ("in 13 days, 19:30", "Thứ Bảy 12/12/2026"),
        ("1 day ago", "Thứ Bảy 28/11/2026"),
        ("Saturday in at least 6 days", "Thứ Bảy 5/12/2026"),
        ("Saturday in at least 7 days", "Thứ Bảy 12/12/2026"),
        ("Sunday at least 0 days ago", "Chủ Nhật 29/11/2026"),
        ("Saturday at least 2 days ago", "Thứ Bảy 21/11/2026"),
        ("first of next month", "Thứ Ba 1/12/2026"),
        ("end of last quarter", "Thứ Tư 30/9/2026"),
        ("next 29 February", "Thứ Ba 29/2/2028"),
        ("next 31 December, 23:58", "Thứ Năm 31/12/2026"),
        ("next Tết", "Thứ Bảy 6/2/2027"),
        // The first Saturday from there is the first day of Tết, the second its eighth.
        ("Saturday in at least 69 days", "Thứ Bảy 13/2/2027"),
    ] {
        assert_eq!(said(now, words), expected, "{words}");
    }
    assert_eq!(said(now + 1_800_000, "today"), "Thứ Hai 30/11/2026");
    let meeting = Moment::parse("in 13 days, 19:30", now).expect("a moment");
    assert_eq!(
        meeting.begin(),
        WallMs::new(1_797_078_600_000),
        "19:30 in the village is 12:30 UTC"
    );
    let part = |part: &str| meeting.words(part).expect("a part");
    assert_eq!(
        (part("short"), part("time"), part("lunar")),
        (
            "Thứ Bảy 12/12".into(),
            "19 giờ 30".into(),
            "mùng 4 tháng Mười một âm lịch".into()
        )
    );
    assert_eq!(
        (part("month"), part("quarter"), part("year")),
        ("12/2026".into(), "IV".into(), "2026".into())
    );
    assert_eq!(
        Moment::parse("in 2 days", now).expect("a moment").end(),
        WallMs::new(1_796_144_399_000),
        "1/12/2026 23:59:59 in the village"
    );
}

#[test]
fn a_board_that_cannot_be_filled_in_is_refused_with_a_sentence() {
    let now = WallMs::new(1_795_969_800_000);
    let board = |lines: &str| {
        format!("[[notice]]\nid = \"tb-01\"\nkind = \"event\"\ntitle = \"Họp thôn\"\n{lines}\n")
    };
    for (lines, reason) in [
        ("body = \"{meeting}\"", "{meeting}"),
        ("body = \"{m.hour}\"\nm = \"today\"", "“hour”"),
        ("body = \"{m.time}\"\nm = \"today\"", "không có giờ"),
        ("body = \"{m\"\nm = \"today\"", "“}”"),
        ("body = \"m}\"", "“{”"),
        ("body = \"Hôm nay\"\nm = \"today\"", "“m”"),
        ("body = \"{m}\"\nm = \"2026-12-12\"", "2026-12-12"),
        (
            "body = \"{m}\"\nm = \"Someday in at least 2 days\"",
            "Someday",
        ),
        ("body = \"{m}\"\nm = \"Saturday\"", "Saturday"),
        ("body = \"{m}\"\nm = \"Saturday in 2 days\"", "at least"),
        ("body = \"{m}\"\nm = \"in 3 weeks\"", "weeks"),
        ("body = \"{m}\"\nm = \"in 99999 days\"", "99999"),
        ("body = \"{m}\"\nm = \"next 30 February\"", "30 February"),
        ("body = \"{m}\"\nm = \"today, 24:00\"", "24:00"),
        ("body = \"{m}\"\nm = \"today, noon\"", "noon"),
        ("body = \"Hôm nay\"\nuntil = \"1 day ago\"", "until"),
        ("body = \"\"", "lời trống"),
        ("words = \"Hôm nay\"", "body"),
    ] {
        let told = format!("{:#}", compose(&board(lines), now).expect_err(lines));
        assert!(told.contains(reason), "{lines}: {told}");
        assert!(
            told.contains("tb-01") || told.contains("TOML"),
            "{lines}: {told}"
        );
    }
    let twice = board("body = \"a\"") + &board("body = \"b\"");
    assert!(format!("{:#}", compose(&twice, now).expect_err("twice")).contains("tb-01"));
    assert!(compose("", now).is_err());
}
