//! The free wifi, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::guest::{Event, OpenHours, Standing, WifiRules};
use crate::domain::id::GuestId;
use crate::i18n::amounts;
use crate::i18n::dates::{count, time_of_day};
use crate::i18n::locale::Lang;

/// Devices that were cut with less time between them share a row, ms.
const CUTS_WITHIN_MS: i64 = 600_000;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, seq: u64, event: &Event) -> Sentence {
    match event {
        Event::RulesSet { rules } => rules_sentence(context, seq, rules),
        Event::Decided { device } => match device.standing {
            Standing::AlwaysIn => {
                Sentence::act(context.with_given("happened-guest-always", &device.name))
            }
            Standing::Blocked => {
                let words = context.with_given("happened-guest-blocked", &device.name);
                Sentence::act(words).marked("warn")
            }
        },
        Event::Forgotten { name, .. } => {
            Sentence::act(context.with_given("happened-guest-forgotten", name))
        }
        Event::Cut { device } => cut_sentence(context, device),
    }
}

/// The changes of a setting: they alone are told, against the rules as they were before it.
fn rules_sentence(context: &SentenceContext<'_>, seq: u64, rules: &WifiRules) -> Sentence {
    let lang = context.lang;
    let known = context.names.rules_before(seq);
    let before = known.cloned().unwrap_or_default();
    let told = changes(context, &before, rules);
    let is_switched = rules.is_on != before.is_on;
    let words = match (&*told, is_switched) {
        ([], true) if rules.is_on => lang.t("happened-wifi-on"),
        ([], true) => lang.t("happened-wifi-off"),
        ([], false) => lang.t("happened-wifi-rules-first"),
        (told, _) => {
            let told = told.join(", ");
            let key = match (is_switched, rules.is_on) {
                (true, false) => "happened-wifi-off-and",
                (true, true) => "happened-wifi-on-and",
                (false, _) if known.is_none() => "happened-wifi-rules",
                (false, _) => "happened-wifi-rules-changed",
            };
            lang.f(key, &[("rules", &told)])
        }
    };
    let mark = if rules.is_on { "" } else { "off" };
    Sentence::act(words).marked(mark)
}

/// The rules that are other than before, each in a few words.
fn changes(context: &SentenceContext<'_>, before: &WifiRules, rules: &WifiRules) -> Vec<String> {
    let lang = context.lang;
    // Every rule is named, so that a new one is not forgotten.
    let WifiRules {
        is_on: _,
        hours,
        session_minutes,
        device_mb,
        house_mb,
        device_kbit,
        house_kbit,
        most_devices,
        metered_mb,
        keep_days,
        garden,
        block_list,
    } = rules;
    let mut told = Vec::new();
    let mut tell = |is_other: bool, words: &dyn Fn() -> String| {
        if is_other {
            told.push(words());
        }
    };
    let one = |key: &str, name: &str, value: &str| lang.f(key, &[(name, value)]);
    let megabytes = |key: &str, mb: u32| one(key, "mb", &count(lang, mb.into()));
    let quota = |mb: Option<u32>, key: &str, none: &str| {
        mb.map_or_else(|| lang.t(none), |mb| megabytes(key, mb))
    };
    let speed = |kbit: Option<u32>, key: &str, none: &str| {
        kbit.map_or_else(
            || lang.t(none),
            |kbit| one(key, "speed", &amounts::speed(lang, kbit)),
        )
    };
    tell(*hours != before.hours, &|| hours_words(lang, *hours));
    tell(*session_minutes != before.session_minutes, &|| {
        session_minutes.map_or_else(
            || lang.t("happened-wifi-until-closing"),
            |minutes| {
                let time = amounts::how_long(lang, u64::from(minutes) * 60);
                one("happened-wifi-session", "time", &time)
            },
        )
    });
    tell(*device_mb != before.device_mb, &|| {
        quota(*device_mb, "happened-wifi-quota", "happened-wifi-no-quota")
    });
    tell(*house_mb != before.house_mb, &|| {
        quota(*house_mb, "happened-wifi-house", "happened-wifi-no-house")
    });
    tell(*device_kbit != before.device_kbit, &|| {
        speed(
            *device_kbit,
            "happened-wifi-speed",
            "happened-wifi-no-speed",
        )
    });
    tell(*house_kbit != before.house_kbit, &|| {
        speed(
            *house_kbit,
            "happened-wifi-all-speed",
            "happened-wifi-no-all-speed",
        )
    });
    tell(*most_devices != before.most_devices, &|| {
        lang.f("happened-wifi-most", &[("n", *most_devices)])
    });
    tell(*metered_mb != before.metered_mb, &|| match *metered_mb {
        0 => lang.t("happened-wifi-no-metered"),
        mb => megabytes("happened-wifi-metered", mb),
    });
    tell(*keep_days != before.keep_days, &|| match *keep_days {
        0 => lang.t("happened-wifi-keep-none"),
        days => lang.f("happened-wifi-keep", &[("days", days)]),
    });
    for (key, here, there) in [
        ("happened-wifi-garden-more", garden, &before.garden),
        ("happened-wifi-garden-fewer", &before.garden, garden),
    ] {
        let names = here.iter().filter(|name| !there.contains(name));
        let names: Vec<String> = names.cloned().collect();
        let listed = || one(key, "names", &context.listed(&names));
        tell(!names.is_empty(), &listed);
    }
    tell(*block_list != before.block_list, &|| {
        lang.t(if *block_list {
            "happened-wifi-block"
        } else {
            "happened-wifi-no-block"
        })
    });
    told
}

fn hours_words(lang: Lang, hours: Option<OpenHours>) -> String {
    hours.map_or_else(
        || lang.t("happened-wifi-always"),
        |hours| {
            let from = time_of_day(hours.from.into());
            let until = time_of_day(hours.until.into());
            lang.f("happened-wifi-hours", &[("from", &from), ("until", &until)])
        },
    )
}

/// A device on which nobody decided has no name that says anything.
fn cut_sentence(context: &SentenceContext<'_>, device: &GuestId) -> Sentence {
    let decided = context.names.state().map(|state| &state.wifi.decided);
    let words = match decided.and_then(|decided| decided.get(device)) {
        Some(known) => context.with_given("happened-guest-cut", &known.name),
        None => context.lang.t("happened-guest-cut-unnamed"),
    };
    Sentence::act(words).marked("warn")
}

/// How it stands among rows.
pub(super) fn row_rule(event: &Event) -> RowRule {
    match event {
        Event::RulesSet { .. } | Event::Decided { .. } | Event::Forgotten { .. } => {
            RowRule::of(Placement::News)
        }
        Event::Cut { .. } => {
            RowRule::of(Placement::News).folded("guests cut".to_owned(), CUTS_WITHIN_MS, 2)
        }
    }
}

/// Several entries in one sentence; `newest` is the first of them.
pub(super) fn folded(context: &SentenceContext<'_>, newest: &Event, n: usize) -> Option<Sentence> {
    match newest {
        Event::Cut { .. } => {
            Some(Sentence::act(context.lang.f("happened-guest-cut-n", &[("n", n)])).marked("warn"))
        }
        Event::RulesSet { .. } | Event::Decided { .. } | Event::Forgotten { .. } => None,
    }
}

#[cfg(test)]
mod tests;
