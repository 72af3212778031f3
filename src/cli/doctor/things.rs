//! The findings about devices, lamps, horns, cameras and sensors, from the same values as the pages
//! and `status`: each common cause once with what was lost by it, each broken thing, and what is
//! not known to work, grouped by its reason.

use super::super::layout::hang;
use super::{Finding, error, note};
use crate::i18n::locale::{Lang, capital};
use crate::protocol::control::StatusReport;
use crate::protocol::village_status::{
    CommonCause, NamedThing, Status, StatusReason, ThingKind, ThingStatus,
};
use crate::time::WallMs;
use crate::view::status_text;

/// Where the text of a finding begins.
const COLUMN: usize = 16;
/// Most names in one finding; the rest is a number.
const MAX_NAMES: usize = 12;

const fn code(thing: &ThingStatus) -> &'static str {
    match thing.kind {
        ThingKind::Device => "D-DEV-01",
        ThingKind::Light => "D-LGT-01",
        ThingKind::Speaker => "D-SPK-01",
        ThingKind::Camera => "D-CAM-01",
        ThingKind::Sensor => "D-SEN-01",
    }
}

fn names(lang: Lang, things: &[NamedThing]) -> String {
    let mut out = things
        .iter()
        .take(MAX_NAMES)
        .map(|t| status_text::name_text(lang, t))
        .collect::<Vec<_>>()
        .join(", ");
    let more = things.len().saturating_sub(MAX_NAMES);
    if more > 0 {
        out.push_str(&lang.f("doctor-more", &[("n", &more.to_string())]));
    }
    out
}

fn sentence(lang: Lang, now: WallMs, thing: &ThingStatus) -> String {
    let name = capital(&status_text::name_text(lang, &thing.named()));
    let reason = status_text::reason_text(lang, now, thing);
    format!("{name}: {}", status_text::uncapital(&reason))
}

/// The things that were lost with these devices: their lamps, horns and sensors.
fn lost_with<'a>(report: &'a StatusReport, devices: &[&ThingStatus]) -> Vec<&'a ThingStatus> {
    let is_of = |t: &&ThingStatus| {
        t.explained_by
            .as_deref()
            .is_some_and(|id| devices.iter().any(|d| d.id == id))
            // A cluster is its device, which is named already.
            && t.kind != ThingKind::Speaker
    };
    report.status.things.iter().filter(is_of).collect()
}

fn with_lost(lang: Lang, mut what: String, lost: &[&ThingStatus]) -> String {
    if !lost.is_empty() {
        let lost: Vec<NamedThing> = lost.iter().map(|t| t.named()).collect();
        let lost = lang.f("doctor-lost-with", &[("names", &names(lang, &lost))]);
        what.push('\n');
        what.push_str(&" ".repeat(COLUMN));
        what.push_str(&hang(&lost, COLUMN + 2));
    }
    what
}

fn is_in(cause: &CommonCause, thing: &ThingStatus) -> bool {
    cause
        .things
        .iter()
        .any(|t| t.kind == thing.kind && t.name == thing.name && t.since == thing.since)
}

fn cause_finding(lang: Lang, report: &StatusReport, cause: &CommonCause) -> Finding {
    let devices: Vec<&ThingStatus> = report
        .status
        .of_kind(ThingKind::Device)
        .filter(|t| is_in(cause, t))
        .collect();
    let all = names(lang, &cause.things);
    let title = status_text::cause_text(
        lang,
        report.at,
        &cause.kind,
        cause.since,
        cause.things.len(),
        &all,
    );
    error(
        "D-NET-01",
        with_lost(
            lang,
            hang(&capital(&title), COLUMN),
            &lost_with(report, &devices),
        ),
        lang.t("lost-together-do"),
    )
}

/// The findings about all things.
pub(super) fn check(lang: Lang, report: &StatusReport, found: &mut Vec<Finding>) {
    let (status, now) = (&report.status, report.at);
    // While nothing can be received, what is known of the things is old: that is one finding,
    // which the parts of the gateway make.
    if status.summary.is_blind() {
        return;
    }
    found.extend(
        status
            .causes
            .iter()
            .map(|cause| cause_finding(lang, report, cause)),
    );
    let alone = |t: &&ThingStatus| {
        t.status == Status::Broken && t.is_root() && !status.causes.iter().any(|c| is_in(c, t))
    };
    for thing in status.things.iter().filter(alone) {
        let what = hang(&sentence(lang, now, thing), COLUMN);
        found.push(error(
            code(thing),
            with_lost(lang, what, &lost_with(report, &[thing])),
            status_text::advice_text(lang, thing),
        ));
    }
    let mut groups: Vec<(&ThingStatus, Vec<NamedThing>)> = Vec::new();
    let doubtful = |t: &&ThingStatus| t.status == Status::Attention && t.is_root();
    for thing in status.things.iter().filter(doubtful) {
        let is_same = |(first, _): &&mut (&ThingStatus, Vec<NamedThing>)| {
            first.kind == thing.kind
                && first.reason == thing.reason
                && first.reason == StatusReason::NeverAnswered
        };
        match groups.iter_mut().find(is_same) {
            Some((_, things)) => things.push(thing.named()),
            None => groups.push((thing, vec![thing.named()])),
        }
    }
    for (first, things) in groups {
        let what = if let [_] = things.as_slice() {
            sentence(lang, now, first)
        } else {
            let reason = status_text::reason_text(lang, now, first);
            format!(
                "{}: {}",
                capital(&names(lang, &things)),
                status_text::uncapital(&reason)
            )
        };
        found.push(note(
            code(first),
            hang(&what, COLUMN),
            status_text::advice_text(lang, first),
        ));
    }
}
