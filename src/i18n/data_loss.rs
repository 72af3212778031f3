//! Losses of stored data: how long they are shown, and the words of a loss of history.
//!
//! Deliberately absent: the words of the broker's losses. They are reasons of a health part
//! ([`super::reason_text`]).

use super::locale::Lang;
use crate::protocol::broker::DataLoss;
use crate::time::WallMs;

/// How long a loss is reported as something to check, ms.
const SHOWN_FOR_MS: i64 = 7 * 86_400_000;

/// True while a loss is recent enough that somebody should check it; after the clock was set back
/// the loss is reported again rather than not at all.
#[must_use]
pub fn is_young(loss: &DataLoss, now: WallMs) -> bool {
    now.since(found_at(loss)) < SHOWN_FOR_MS
}

fn found_at(loss: &DataLoss) -> WallMs {
    WallMs::of_seconds(i64::try_from(loss.found_at_s).unwrap_or(i64::MAX))
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
