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
pub fn broker_loss_text(loss: &DataLoss) -> String {
    let what = match loss.kind {
        LossKind::Damaged => "sổ của máy chủ MQTT trên thẻ nhớ hỏng một phần",
        LossKind::Missing => "sổ của máy chủ MQTT trên thẻ nhớ đã mất hoặc trống trơn",
        LossKind::Outdated => "sổ của máy chủ MQTT trên thẻ nhớ là bản cũ, thiếu phần cuối",
        LossKind::Foreign => "sổ của máy chủ MQTT trên thẻ nhớ là của máy khác, không dùng",
    };
    let at = found_at(loss);
    let mut parts = Vec::new();
    if loss.lost_groups > 0 {
        parts.push(format!("{} lượt ghi", loss.lost_groups));
    }
    if loss.lost_records > 0 {
        parts.push(format!("{} thay đổi", loss.lost_records));
    }
    let lost = if parts.is_empty() {
        String::new()
    } else {
        format!("; không đọc được {}", parts.join(" và "))
    };
    let before = |n: u64| {
        if n > 0 {
            format!(" (trước đó {n})")
        } else {
            String::new()
        }
    };
    format!(
        "{what}{lost}; còn {} gói tin giữ lại{} và {} phiên{}. Thấy lúc {} {}",
        loss.retained_recovered,
        before(loss.retained),
        loss.sessions_recovered,
        before(loss.sessions),
        dates::clock(at),
        dates::date(at)
    )
}

/// How this history and the commune's copy of it diverged.
#[must_use]
pub fn divergence_text(trouble: &DivergenceReport) -> String {
    let what = match trouble.how {
        Divergence::Shorter => format!(
            "xã đã nhận nhiều hơn máy này còn giữ {} mục: cuối nhật ký của máy đã mất",
            trouble.missing
        ),
        Divergence::Older => format!(
            "máy này nói lần khởi động {}, xã đã biết đến lần {}: thẻ nhớ bị đưa về bản cũ, hoặc làm lại từ đầu",
            trouble.boot, trouble.highest
        ),
        Divergence::Twin => {
            "có hai máy nói với xã bằng tên của thôn này: thẻ nhớ đã bị chép thành hai".to_owned()
        }
        Divergence::Differs => "xã giữ một mục khác với mục cùng số trên máy này".to_owned(),
    };
    format!(
        "{what}. Thấy lúc {} {}; xã giữ nguyên những gì đã nhận",
        dates::clock(trouble.at),
        dates::date(trouble.at)
    )
}
