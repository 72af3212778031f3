//! Lamps, in words.

use super::{
    Placement, ResultPart, RowResult, RowRule, Sentence, SentenceContext, capital, delay_s,
};
use crate::domain::event::{self, Entry};
use crate::domain::id::EntityId;
use crate::domain::light::Event;

/// Lamps that one tap switched are ordered within this time, ms.
const TAP_WITHIN_MS: i64 = 2_000;

/// The event in words.
pub(super) fn sentence(context: &SentenceContext<'_>, event: &Event) -> Sentence {
    match event {
        Event::GroupDeclared { group } => {
            Sentence::act(context.with_given("happened-group", &group.name))
        }
        Event::Desired {
            on,
            group: Some(group),
            ..
        } => {
            let key = if *on {
                "happened-group-on"
            } else {
                "happened-group-off"
            };
            Sentence::act(context.with(key, &context.names.name(group.as_str())))
        }
        Event::Desired { light, on, .. } => {
            let key = if *on {
                "happened-wanted-on"
            } else {
                "happened-wanted-off"
            };
            Sentence::act(context.with(key, &context.light(light.as_str())))
        }
        Event::Reported { light, on: true } => {
            Sentence::happened(context.with("happened-lit", &context.light(light.as_str())))
        }
        Event::Reported { light, on: false } => {
            Sentence::happened(context.with("happened-dark", &context.light(light.as_str())))
                .marked("off")
        }
        Event::GivenUp { light, .. } => {
            Sentence::happened(context.with("happened-gave-up", &context.light(light.as_str())))
                .marked("bad")
        }
    }
}

/// How it stands among rows.
pub(super) fn row_rule(event: &Event) -> RowRule {
    match event {
        Event::GroupDeclared { .. } => RowRule::of(Placement::Routine),
        Event::Desired {
            on,
            group: Some(group),
            ..
        } => RowRule::of(Placement::News).folded(format!("tap {group} {on}"), TAP_WITHIN_MS, 2),
        Event::Desired { group: None, .. } => RowRule::of(Placement::News),
        Event::Reported { .. } | Event::GivenUp { .. } => RowRule::of(Placement::Effect),
    }
}

/// How the lamps answered the orders of one row: of each lamp, its last answer.
pub(super) fn result(
    context: &SentenceContext<'_>,
    orders: &[&Entry],
    effects: &[&Entry],
) -> Option<RowResult> {
    let mut answers: Vec<(&EntityId, &Entry, Option<i64>)> = Vec::new();
    for order in orders.iter().rev() {
        let event::Event::Light(Event::Desired { light, .. }) = &order.event else {
            continue;
        };
        let last = effects
            .iter()
            .rev()
            .find(|e| e.cause == Some(order.seq))
            .copied();
        if let Some(last) = last {
            answers.push((light, last, delay_s(order, last)));
        }
    }
    match answers.as_slice() {
        [] => None,
        [(_, answer, delay)] if orders.len() == 1 => one(context, answer, *delay),
        _ => Some(many(context, &answers, effects)),
    }
}

/// The answer of the only lamp of a row.
fn one(context: &SentenceContext<'_>, answer: &Entry, delay: Option<i64>) -> Option<RowResult> {
    let lang = context.lang;
    let (words, mark) = match &answer.event {
        event::Event::Light(Event::Reported { on, .. }) => {
            let (bare, timed) = if *on {
                ("result-lit", "result-lit-after")
            } else {
                ("result-dark", "result-dark-after")
            };
            let words = delay.map_or_else(|| lang.t(bare), |s| lang.f(timed, &[("n", s)]));
            (words, if *on { "" } else { "off" })
        }
        event::Event::Light(Event::GivenUp { .. }) => (lang.t("result-gave-up"), "bad"),
        _ => return None,
    };
    Some(RowResult {
        words,
        mark: Some(mark),
        parts: Vec::new(),
    })
}

/// The answers of the lamps that one tap switched.
fn many(
    context: &SentenceContext<'_>,
    answers: &[(&EntityId, &Entry, Option<i64>)],
    effects: &[&Entry],
) -> RowResult {
    let (mut lit, mut dark, mut silent) = (0_usize, 0_usize, Vec::new());
    for (light, answer, _) in answers {
        match &answer.event {
            event::Event::Light(Event::Reported { on: true, .. }) => lit += 1,
            event::Event::Light(Event::Reported { on: false, .. }) => dark += 1,
            _ => silent.push(context.names.name(light.as_str())),
        }
    }
    let mut words = Vec::new();
    for (key, n) in [("result-lit-n", lit), ("result-dark-n", dark)] {
        if n > 0 {
            words.push(context.lang.f(key, &[("n", n)]));
        }
    }
    let mark = if silent.is_empty() {
        None
    } else {
        words.push(context.with("result-silent", &context.listed(&silent)));
        Some(if lit + dark == 0 { "bad" } else { "warn" })
    };
    RowResult {
        words: words.join("; "),
        mark,
        parts: effects
            .iter()
            .map(|e| ResultPart {
                at: Some(e.wall_ms),
                words: capital(&context.event(e).words),
            })
            .collect(),
    }
}
