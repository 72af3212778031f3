//! Warnings before a notice is published: places of a template that nobody filled in, a meeting
//! without its day, an end that comes before the day.
//!
//! Invariant: a warning stops nobody, its chief may publish all the same. Deliberately absent:
//! refusals, which are the form's (`content`).

use crate::domain::calendar::{day_number, minute_of_day};
use crate::domain::notice::{NoticeDetails, NoticeKind, NoticeWords};
use crate::i18n::dates;
use crate::i18n::locale::Lang;

/// Whether a word is nothing but the dots of a template. A row of things that ends in dots (“bánh,
/// kẹo…”) is finished.
fn is_dots(word: &str) -> bool {
    let is_dot = |c: char| matches!(c, '…' | '.' | ',' | ';' | ':' | '!' | '*');
    word.chars().all(is_dot) && (word.contains('…') || word.contains("..."))
}

/// How many places of a template are not filled in.
fn unfilled_places(words: &NoticeWords) -> usize {
    let typed = [&words.title, &words.body, &words.place, &words.source];
    let words = typed.into_iter().flat_map(|text| text.split_whitespace());
    words.filter(|word| is_dots(word)).count()
}

/// The key of the sentence about a day that is missing; none = none is.
fn missing_day(details: &NoticeDetails) -> Option<&'static str> {
    match (details.kind, details.occasion) {
        (NoticeKind::Meeting, None) => Some("notice-no-meeting-day"),
        (NoticeKind::Meeting, Some(held)) if minute_of_day(held.at) == 0 => {
            Some("notice-no-meeting-time")
        }
        _ => None,
    }
}

/// The places that are not filled in, in one sentence; empty = nothing is missing.
pub(super) fn missing_text(lang: Lang, words: &NoticeWords, details: &NoticeDetails) -> String {
    let places = unfilled_places(words);
    let places = (places > 0).then(|| lang.f("notice-unfilled", &[("n", &places.to_string())]));
    let day = missing_day(details).map(|key| lang.t(key));
    let is_nobodys = details.urgent && details.risk.is_none() && words.source.is_empty();
    let is_warning = details.kind == NoticeKind::Warning;
    let official = (is_warning && is_nobodys).then(|| lang.t("notice-no-official"));
    let missing: Vec<String> = places.into_iter().chain(day).chain(official).collect();
    if missing.is_empty() {
        String::new()
    } else {
        lang.f("notice-unfinished", &[("what", &missing.join("; "))])
    }
}

/// A notice that is taken off the board before its day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct EarlyEnd {
    /// The sentence that says so; empty = it is not.
    pub(super) words: String,
    /// The words of the button that lets it hang to the end of that day.
    pub(super) button: String,
}

/// Whether the notice ends before what it invites to begins.
pub(super) fn early_end(lang: Lang, details: &NoticeDetails) -> EarlyEnd {
    let (Some(until), Some(held)) = (details.until, details.occasion) else {
        return EarlyEnd::default();
    };
    if until >= held.at {
        return EarlyEnd::default();
    }
    let is_same_day = day_number(until) == day_number(held.at);
    let (key, until, begins) = if is_same_day {
        let (until, begins) = (dates::clock(until), dates::clock(held.at));
        ("notice-ends-early-hour", until, begins)
    } else {
        let (until, begins) = (dates::date(until), dates::date(held.at));
        ("notice-ends-early", until, begins)
    };
    let last = dates::date(held.ends.unwrap_or(held.at));
    EarlyEnd {
        words: lang.f(key, &[("until", &until), ("held", &begins)]),
        button: lang.f("notice-hang-longer", &[("when", &last)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::notice::Occasion;
    use crate::time::WallMs;

    /// 12/12/2026 at 19:30 in the village.
    const HELD: WallMs = WallMs::new(1_797_078_600_000);
    const HOUR_MS: i64 = 3_600_000;

    fn meeting(until: Option<WallMs>) -> NoticeDetails {
        let mut details = NoticeDetails::of(NoticeKind::Meeting).until(until);
        details.occasion = Some(Occasion {
            at: HELD,
            ends: None,
        });
        details
    }

    #[test]
    fn dots_of_a_template_and_a_meeting_without_a_day_are_said_before_it_is_published() {
        let said = |title: &str, body: &str, details: &NoticeDetails| {
            missing_text(Lang::Vi, &NoticeWords::of(title, body), details)
        };
        let dateless = NoticeDetails::of(NoticeKind::Meeting);
        assert_eq!(
            said("Mời họp thôn", "Nội dung:\n- …\n- …", &dateless),
            "Còn chỗ chưa điền: 2 chỗ “…”; chưa có ngày, giờ họp"
        );
        assert_eq!(
            said("Cắt điện …", "Cắt ở ... từ …:", &meeting(None)),
            "Còn chỗ chưa điền: 3 chỗ “…”"
        );
        let mut hourless = meeting(None);
        let midnight = WallMs::new(HELD.ms() - 19 * HOUR_MS - HOUR_MS / 2);
        hourless.occasion = hourless.occasion.map(|o| Occasion { at: midnight, ..o });
        assert_eq!(
            said("Mời họp thôn", "Bàn quỹ.", &hourless),
            "Còn chỗ chưa điền: chưa có giờ họp"
        );
        for (title, body) in [("Họp", "Bánh, kẹo… và nước."), ("Họp.", "Xem...")] {
            assert_eq!(said(title, body, &meeting(None)), "", "{body}");
        }
        let plain = NoticeDetails::of(NoticeKind::Notice);
        assert_eq!(said("Cắt nước", "Sáng mai.", &plain), "");
    }

    #[test]
    fn an_end_before_the_day_is_said_and_one_on_the_day_is_not() {
        let early = |until| early_end(Lang::Vi, &meeting(until));
        let four_days = early(Some(HELD - 96 * HOUR_MS));
        assert_eq!(
            four_days.words,
            "Tin sẽ gỡ ngày 8/12/2026, trước ngày diễn ra 12/12/2026."
        );
        assert_eq!(four_days.button, "Treo đến hết 12/12/2026");
        assert_eq!(
            early(Some(HELD - 9 * HOUR_MS)).words,
            "Tin sẽ gỡ lúc 10:30, trước giờ diễn ra 19:30."
        );
        for until in [None, Some(HELD), Some(HELD + 24 * HOUR_MS)] {
            assert_eq!(early(until), EarlyEnd::default(), "{until:?}");
        }
        let mut plain = meeting(Some(HELD - HOUR_MS));
        plain.occasion = None;
        assert_eq!(early_end(Lang::Vi, &plain), EarlyEnd::default());
    }
}
