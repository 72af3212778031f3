//! The free wifi, in words.

use super::{Placement, RowRule, Sentence, SentenceContext};
use crate::domain::guest::{Event, Standing, WifiRules};
use crate::domain::id::GuestId;
use crate::i18n::dates::{count, time_of_day};

/// Devices that were cut with less time between them share a row, ms.
const CUTS_WITHIN_MS: i64 = 600_000;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::RulesSet { rules } => rules_sentence(context, rules),
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

/// The rules in short. The event has the rules as they are from now on and not those before, so all
/// that matters to people is told.
fn rules_sentence(context: &SentenceContext<'_>, rules: &WifiRules) -> Sentence {
    let lang = context.lang;
    if !rules.is_on {
        return Sentence::act(lang.t("happened-wifi-off")).marked("off");
    }
    let hours = rules.hours.map_or_else(
        || lang.t("happened-wifi-always"),
        |hours| {
            let from = time_of_day(hours.from.into());
            let until = time_of_day(hours.until.into());
            lang.f("happened-wifi-hours", &[("from", &from), ("until", &until)])
        },
    );
    let quota = rules.device_mb.map_or_else(
        || lang.t("happened-wifi-no-quota"),
        |mb| lang.f("happened-wifi-quota", &[("mb", &count(lang, mb.into()))]),
    );
    let megabytes = |key: &str, mb: u32| lang.f(key, &[("mb", &count(lang, mb.into()))]);
    let mut told = vec![hours, quota];
    told.extend(
        rules
            .house_mb
            .map(|mb| megabytes("happened-wifi-house", mb)),
    );
    told.push(match rules.metered_mb {
        0 => lang.t("happened-wifi-no-metered"),
        mb => megabytes("happened-wifi-metered", mb),
    });
    told.push(match rules.keep_days {
        0 => lang.t("happened-wifi-keep-none"),
        days => lang.f("happened-wifi-keep", &[("days", days)]),
    });
    if !rules.garden.is_empty() {
        told.push(lang.f("happened-wifi-garden", &[("n", rules.garden.len())]));
    }
    told.push(lang.t(if rules.block_list {
        "happened-wifi-block"
    } else {
        "happened-wifi-no-block"
    }));
    let told = told.join(", ");
    Sentence::act(lang.f("happened-wifi-rules", &[("rules", &told)]))
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
