//! Why the broker refused a client, and why a discovery message is not used, as a sentence in the
//! reader's language.
//!
//! Deliberately absent: the reasons themselves. They are values of `protocol`, each with its key in
//! the locale files; a test holds both files against every one.

use super::locale::Lang;
use crate::protocol::broker::RefusalReason;
use crate::protocol::discovery::DiscoveryError;

/// The sentence about a refusal, with its details.
#[must_use]
pub fn refusal_text(lang: Lang, reason: &RefusalReason) -> String {
    match reason {
        RefusalReason::Violation { violation } => {
            lang.f(reason.key(), &[("violation", &lang.t(violation.key()))])
        }
        RefusalReason::DiscoveryUnusable { topic, error } => lang.f(
            reason.key(),
            &[
                ("topic", topic),
                ("error", &discovery_error_text(lang, error)),
            ],
        ),
        other => with_details(lang, other.key(), &other.details()),
    }
}

/// The sentence about a discovery message that cannot be used, with its details.
#[must_use]
pub fn discovery_error_text(lang: Lang, error: &DiscoveryError) -> String {
    match error {
        DiscoveryError::Rejected { rejection } => {
            lang.f(error.key(), &[("rejection", &lang.t(rejection.key()))])
        }
        other => with_details(lang, other.key(), &other.details()),
    }
}

fn with_details(lang: Lang, key: &str, details: &[(&str, String)]) -> String {
    let details: Vec<(&str, &str)> = details
        .iter()
        .map(|(name, detail)| (*name, detail.as_str()))
        .collect();
    lang.f(key, &details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mqtt::Violation;

    #[test]
    fn every_reason_has_a_sentence_with_its_details_in_both_languages() {
        let all = RefusalReason::KEYS
            .iter()
            .chain(Violation::KEYS)
            .chain(DiscoveryError::KEYS);
        let mut keys = std::collections::BTreeSet::new();
        for (key, details) in all {
            assert!(keys.insert(*key), "{key} stands twice");
            let marks: Vec<(&str, String)> = details
                .iter()
                .map(|name| (*name, format!("<{name}>")))
                .collect();
            let [vietnamese, english] =
                [Lang::Vi, Lang::En].map(|lang| with_details(lang, key, &marks));
            for text in [&vietnamese, &english] {
                assert!(text != key && !text.contains("{$"), "{key}: {text}");
                for (_, mark) in &marks {
                    assert!(text.contains(mark.as_str()), "{key} without {mark}: {text}");
                }
            }
            assert_ne!(vietnamese, english, "{key} is not translated");
        }
    }

    #[test]
    fn reasons_within_reasons_are_in_the_readers_language_too() {
        let violation = RefusalReason::from(Violation::PacketIdZero);
        assert_eq!(
            refusal_text(Lang::Vi, &violation),
            "sai quy cách MQTT: mã gói (packet id) là 0"
        );
        let unusable = RefusalReason::DiscoveryUnusable {
            topic: "homeassistant/x".into(),
            error: Box::new(DiscoveryError::ValueTemplateUnsupported {
                template: "{{ x }}".into(),
            }),
        };
        assert_eq!(
            refusal_text(Lang::Vi, &unusable),
            "lời tự giới thiệu homeassistant/x không dùng được: máy chỉ hiểu mẫu {{ value }} và \
             {{ value_json.tên }}, không hiểu: {{ x }}"
        );
        assert_eq!(
            refusal_text(Lang::En, &unusable),
            "its discovery message homeassistant/x is not used: only the templates {{ value }} \
             and {{ value_json.name }} are understood, not {{ x }}"
        );
    }
}
