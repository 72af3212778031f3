//! Losses of stored data in the technician's words: the same text in health, `doctor` and `broker
//! status`.

use super::dates;
use super::locale::Lang;
use crate::protocol::broker::{DataLoss, LossKind};
use crate::protocol::divergence::{Divergence, DivergenceReport};

/// How long a loss is reported as something to check, ms.
const SHOWN_FOR_MS: i64 = 7 * 86_400_000;

/// True while a loss is recent enough that somebody should check it; after the clock was set back
/// the loss is reported again rather than not at all.
#[must_use]
pub fn is_young(loss: &DataLoss, now_ms: i64) -> bool {
    now_ms.saturating_sub(found_at(loss)) < SHOWN_FOR_MS
}

fn found_at(loss: &DataLoss) -> i64 {
    i64::try_from(loss.found_at_s)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000)
}

/// A loss of history, as its entry records it: the entries behind `from` up to `to`, or `lost`
/// entries behind `from` whose numbers belong to other entries now.
#[must_use]
pub fn history_loss_text(lang: Lang, from: u64, to: u64, lost: Option<u64>) -> String {
    let (from, to) = (from.to_string(), to.to_string());
    match lost {
        Some(n) => lang.f(
            "happened-damage-end",
            &[("n", &n.to_string()), ("from", &from)],
        ),
        None => lang.f("happened-damage", &[("from", &from), ("to", &to)]),
    }
}

/// A loss of the broker's persistence log: its kind, its size, and what is still there.
#[must_use]
pub fn broker_loss_text(lang: Lang, loss: &DataLoss) -> String {
    let what = lang.t(match loss.kind {
        LossKind::Damaged => "loss-damaged",
        LossKind::Missing => "loss-missing",
        LossKind::Outdated => "loss-outdated",
        LossKind::Foreign => "loss-foreign",
    });
    let groups = lang.f("loss-groups", &[("n", loss.lost_groups)]);
    let records = lang.f("loss-records", &[("n", loss.lost_records)]);
    let lost = match (loss.lost_groups, loss.lost_records) {
        (0, 0) => None,
        (_, 0) => Some(groups),
        (0, _) => Some(records),
        _ => Some(lang.f("loss-both", &[("groups", &groups), ("records", &records)])),
    };
    let what = match lost {
        Some(lost) => lang.f("loss-unread", &[("what", &what), ("lost", &lost)]),
        None => what,
    };
    let count = |n: u64, before: u64| {
        if before > 0 {
            lang.f("loss-count", &[("n", n), ("before", before)])
        } else {
            n.to_string()
        }
    };
    let at = found_at(loss);
    lang.f(
        "loss-left",
        &[
            ("what", &what),
            ("retained", &count(loss.retained_recovered, loss.retained)),
            ("sessions", &count(loss.sessions_recovered, loss.sessions)),
            ("time", &dates::clock(at)),
            ("date", &dates::date(at)),
        ],
    )
}

/// How this history and the commune's copy of it diverged.
#[must_use]
pub fn divergence_text(lang: Lang, trouble: &DivergenceReport) -> String {
    let what = match trouble.how {
        Divergence::Shorter => lang.f("diverged-shorter", &[("n", trouble.missing)]),
        Divergence::Older => lang.f(
            "diverged-older",
            &[("boot", trouble.boot), ("highest", trouble.highest)],
        ),
        Divergence::Twin => lang.t("diverged-twin"),
        Divergence::Differs => lang.t("diverged-differs"),
    };
    lang.f(
        "diverged-found",
        &[
            ("what", &what),
            ("time", &dates::clock(trouble.at)),
            ("date", &dates::date(trouble.at)),
        ],
    )
}
