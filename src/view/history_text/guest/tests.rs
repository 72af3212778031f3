//! The sentences of history about the wifi's rules.

use super::*;
use crate::domain::event::Entry;
use crate::view::history_text::played_names::PlayedNames;

/// A setting after these rules, in both languages, and its mark.
fn told(before: Option<&WifiRules>, rules: &WifiRules) -> (String, String, &'static str) {
    let names = PlayedNames {
        before: before.cloned(),
    };
    let rules = rules.clone();
    let entry = Entry::sample(7, Event::RulesSet { rules }.into());
    let [vi, en] = [Lang::Vi, Lang::En].map(|lang| {
        let names = &names;
        SentenceContext { lang, names }.event(&entry)
    });
    assert_eq!(vi.mark, en.mark);
    (vi.words, en.words, vi.mark)
}

#[test]
fn a_setting_tells_what_it_changed_and_nothing_else() {
    let first = WifiRules::default();
    let changed = |change: fn(&mut WifiRules)| {
        let mut rules = first.clone();
        change(&mut rules);
        told(Some(&first), &rules)
    };
    let (vi, en, mark) = changed(|r| r.most_devices = 40);
    assert_eq!(vi, "Đổi quy định wifi miễn phí: nhiều nhất 40 máy cùng lúc");
    let english = "Changed the rules of the free wifi: 40 devices at a time";
    assert_eq!((en.as_str(), mark), (english, ""));
    let changes: [(fn(&mut WifiRules), &str); 17] = [
        (|r| r.hours = None, "mở cả ngày lẫn đêm"),
        (
            |r| {
                r.hours = Some(OpenHours {
                    from: 1_230,
                    until: 30,
                });
            },
            "mở từ 20:30 đến 00:30",
        ),
        (|r| r.session_minutes = Some(120), "bấm một lần dùng 2 giờ"),
        (|r| r.device_mb = None, "mỗi máy dùng không giới hạn"),
        (|r| r.device_mb = Some(2_048), "mỗi máy 2.048 MB một ngày"),
        (
            |r| r.house_mb = Some(20_000),
            "cả nhà văn hóa 20.000 MB một ngày",
        ),
        (|r| r.device_kbit = Some(2_500), "tốc độ mỗi máy 2,5 Mbit/s"),
        (|r| r.device_kbit = None, "tốc độ mỗi máy không giới hạn"),
        (
            |r| r.house_kbit = Some(30_000),
            "tốc độ tất cả cộng lại 30 Mbit/s",
        ),
        (
            |r| r.metered_mb = 500,
            "khi chạy 4G khách được 500 MB một ngày",
        ),
        (|r| r.keep_days = 0, "không giữ sổ giờ vào, giờ ra"),
        (|r| r.keep_days = 90, "giữ sổ giờ vào, giờ ra 90 ngày"),
        (
            |r| r.garden = vec!["gov.vn".to_owned()],
            "thêm trang mở không cần bấm: gov.vn",
        ),
        (|r| r.block_list = true, "chặn trang xấu"),
        (|r| r.is_on = false, ""),
        (
            |r| (r.keep_days, r.most_devices) = (90, 40),
            "nhiều nhất 40 máy cùng lúc, giữ sổ giờ vào, giờ ra 90 ngày",
        ),
        (|_| {}, ""),
    ];
    let mut sentences = std::collections::BTreeSet::new();
    for (change, words) in changes {
        let told = changed(change).0;
        if !words.is_empty() {
            assert_eq!(told, format!("Đổi quy định wifi miễn phí: {words}"));
        }
        assert!(sentences.insert(told.clone()), "told before: {told}");
    }
}

#[test]
fn what_is_taken_back_is_told_too_and_a_wifi_that_is_off_as_that() {
    let first = WifiRules::default();
    let wide = WifiRules {
        session_minutes: Some(60),
        house_mb: Some(20_000),
        house_kbit: Some(30_000),
        metered_mb: 500,
        garden: vec!["vneid.gov.vn".to_owned()],
        block_list: true,
        ..first.clone()
    };
    assert_eq!(
        told(Some(&wide), &first).0,
        "Đổi quy định wifi miễn phí: bấm một lần dùng đến giờ đóng, cả nhà văn hóa không giới \
         hạn, tốc độ tất cả cộng lại không giới hạn, khi chạy 4G khách phải chờ, bỏ \
         trang mở không cần bấm: \
         vneid.gov.vn, không chặn trang xấu"
    );
    // The first setting is told against what a village begins with.
    let words = "Đặt quy định wifi miễn phí: khi chạy 4G khách được 500 MB một ngày";
    let metered = WifiRules {
        metered_mb: 500,
        ..first.clone()
    };
    assert_eq!(told(None, &metered).0, words);
    let as_first = "Đặt quy định wifi miễn phí như lúc đầu";
    assert_eq!(told(None, &first).0, as_first);
    let off = WifiRules {
        is_on: false,
        ..first.clone()
    };
    let (vi, en, mark) = told(Some(&first), &off);
    assert_eq!(vi, "Tắt wifi miễn phí, khách chỉ còn xem được thông báo");
    let english = "Switched the free wifi off; guests see the notices only";
    assert_eq!((en.as_str(), mark), (english, "off"));
    assert_eq!(told(Some(&off), &first).0, "Bật wifi miễn phí");
    let other = WifiRules {
        most_devices: 40,
        ..off.clone()
    };
    let words = "Tắt wifi miễn phí và đổi quy định: nhiều nhất 40 máy cùng lúc";
    assert_eq!(told(Some(&first), &other).0, words);
    // A change while it is off keeps the mark of that.
    assert_eq!(told(Some(&off), &other).2, "off");
}
