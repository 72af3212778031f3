//! Why a part of the gateway is not green, and what somebody can do, in the reader's language.
//!
//! Deliberately absent: the reasons themselves. They are values (`supervisor::health_reason`), each
//! with its key in the locale files; a test holds both files against every one.

use super::dates;
use super::io_text::io_text;
use super::locale::{Arg, Lang};
use crate::supervisor::health_reason::HealthReason;
use crate::supervisor::reason_enum::{KeyedReason, ReasonDetail};

/// The sentence about a reason: what, on what, and why.
#[must_use]
pub fn reason_text(lang: Lang, reason: &HealthReason) -> String {
    keyed_text(lang, &reason.keyed())
}

/// The advice about a reason: of several reasons, each advice once.
#[must_use]
pub fn advice_text(lang: Lang, reason: &HealthReason) -> Option<String> {
    let mut keys = Vec::new();
    for key in reason.parts().iter().filter_map(HealthReason::advice_key) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let advice: Vec<String> = keys.into_iter().map(|key| lang.t(key)).collect();
    (!advice.is_empty()).then(|| advice.join("; "))
}

/// The sentence of a key with its details.
#[must_use]
pub fn keyed_text(lang: Lang, reason: &KeyedReason<'_>) -> String {
    let texts: Vec<(&str, DetailText<'_>)> = reason
        .details
        .iter()
        .map(|(name, detail)| (*name, detail_text(lang, detail)))
        .collect();
    let args: Vec<(&str, Arg<'_>)> = texts
        .iter()
        .map(|(name, detail)| {
            let arg = match detail {
                DetailText::Number(number) => Arg::from(*number),
                DetailText::Borrowed(text) => Arg::Text(text),
                DetailText::Made(text) => Arg::Text(text),
            };
            (*name, arg)
        })
        .collect();
    lang.f(reason.key, &args)
}

enum DetailText<'a> {
    Number(u64),
    Borrowed(&'a str),
    Made(String),
}

fn detail_text<'a>(lang: Lang, detail: &'a ReasonDetail<'a>) -> DetailText<'a> {
    match detail {
        ReasonDetail::Number(number) => DetailText::Number(*number),
        ReasonDetail::Text(text) => DetailText::Borrowed(text),
        ReasonDetail::Io(cause) => DetailText::Made(io_text(lang, (*cause).clone())),
        ReasonDetail::Moment(at) => {
            DetailText::Made(format!("{} {}", dates::clock(*at), dates::date(*at)))
        }
        ReasonDetail::Reasons(reasons) => DetailText::Made(
            reasons
                .iter()
                .map(|reason| keyed_text(lang, reason))
                .collect::<Vec<_>>()
                .join("; "),
        ),
    }
}

/// Asserts that every reason of a table (its `KEYS`) has a sentence of its own, with all its
/// details, in both languages.
#[cfg(test)]
pub(crate) fn assert_worded(table: &[(&'static str, &[&'static str])]) {
    let mut keys = std::collections::BTreeSet::new();
    for (key, details) in table {
        assert!(keys.insert(*key), "{key} stands twice");
        let marks: Vec<String> = details.iter().map(|name| format!("<{name}>")).collect();
        let reason = KeyedReason {
            key,
            details: details
                .iter()
                .zip(&marks)
                .map(|(name, mark)| (*name, ReasonDetail::Text(mark)))
                .collect(),
        };
        let [vietnamese, english] = [Lang::Vi, Lang::En].map(|l| keyed_text(l, &reason));
        for text in [&vietnamese, &english] {
            assert!(text != key && !text.contains("{$"), "{key}: {text}");
            for mark in &marks {
                assert!(text.contains(mark.as_str()), "{key} without {mark}: {text}");
            }
        }
        let is_only_details = vietnamese == marks.concat();
        assert!(
            is_only_details || vietnamese != english,
            "{key} is not translated"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::stream_loss::StreamLoss;
    use crate::supervisor::health_reason::{BrokerLoss, TextName};
    use crate::supervisor::io_cause::IoCause;
    use crate::time::WallMs;

    #[test]
    fn every_reason_has_its_words_in_both_languages() {
        assert_worded(HealthReason::KEYS);
        assert_worded(TextName::KEYS);
        assert_worded(StreamLoss::KEYS);
        for key in HealthReason::ADVICE_KEYS {
            for lang in [Lang::Vi, Lang::En] {
                assert_ne!(lang.t(key), *key, "it has words");
            }
        }
    }

    #[test]
    fn reasons_within_reasons_are_in_the_readers_language_too() {
        let lost = HealthReason::TextsLost {
            n: 1,
            texts: vec![TextName::Notice {
                id: "n-0001".into(),
            }],
        };
        let unchecked = HealthReason::TextsUnchecked {
            cause: IoCause::PermissionDenied,
        };
        let both = HealthReason::Several {
            reasons: vec![lost, unchecked],
        };
        assert_eq!(
            reason_text(Lang::Vi, &both),
            "1 nội dung hỏng hoặc mất cả hai bản: thông báo n-0001; chưa xem được hết các tệp của \
             dân: không có quyền"
        );
        assert_eq!(
            reason_text(Lang::En, &both),
            "both copies of 1 text are damaged or lost: notice n-0001; not all files of people \
             could be checked: no permission"
        );
        let advice = advice_text(Lang::En, &both).expect("there is advice");
        assert!(
            advice.contains("from a backup") && advice.contains("make room"),
            "{advice}"
        );
    }

    #[test]
    fn a_loss_of_the_broker_names_what_is_left() {
        let reason = HealthReason::BrokerLogMissing {
            loss: BrokerLoss {
                groups: 3,
                retained: 2,
                retained_before: 8,
                sessions: 1,
                ..BrokerLoss::default()
            },
            found: WallMs::new(1_795_232_640_000),
        };
        let text = reason_text(Lang::Vi, &reason);
        for part in [
            "trống trơn",
            "không đọc được 3 lượt ghi",
            "còn 2 gói tin giữ lại (trước đó 8)",
            "còn 1 phiên",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("thay đổi"), "{text}");
    }

    #[test]
    fn a_reason_survives_json() {
        for reason in [
            HealthReason::Starting,
            HealthReason::ServiceEnded,
            HealthReason::JournalNotWritable {
                cause: IoCause::Number { number: 5 },
            },
            HealthReason::HistoryTwin {
                found: WallMs::new(7),
            },
            HealthReason::Several {
                reasons: vec![HealthReason::StateFolded],
            },
        ] {
            let json = serde_json::to_string(&reason).expect("encodes");
            let back: HealthReason = serde_json::from_str(&json).expect("decodes");
            assert_eq!(back, reason, "{json}");
        }
        assert_eq!(
            serde_json::to_value(HealthReason::SpaceLow {
                mb: 7,
                path: "/data".into(),
            })
            .expect("encodes"),
            serde_json::json!({ "is": "space_low", "mb": 7, "path": "/data" })
        );
    }
}
