//! The receipts of a bulletin from all of its villages, summed up: counted here for the pages, for
//! history and for the technician's command.

use super::sent_bulletins::Receipt;
use crate::i18n::locale::Lang;

/// The receipts of a bulletin, summed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReceiptTotals {
    pub(super) all: usize,
    pub(super) received: usize,
    /// Ids of the villages that refused it or never answered.
    pub(super) failed: Vec<String>,
    /// Ids of the villages that have not answered yet.
    pub(super) waiting: Vec<String>,
    pub(super) taken_down: usize,
}

impl ReceiptTotals {
    /// Sums up the receipts of a bulletin.
    pub(super) fn of(receipts: &[(String, Receipt)]) -> Self {
        let ids = |wanted: fn(&Receipt) -> bool| {
            let of = receipts.iter().filter(|(_, r)| wanted(r));
            of.map(|(id, _)| id.clone()).collect::<Vec<String>>()
        };
        Self {
            all: receipts.len(),
            received: receipts.iter().filter(|(_, r)| r.is_received()).count(),
            failed: ids(|r| matches!(r, Receipt::Refused(..) | Receipt::Expired)),
            waiting: ids(|r| matches!(r, Receipt::Waiting)),
            taken_down: ids(|r| matches!(r, Receipt::TakenDown(..))).len(),
        }
    }

    /// The class of its mark in the style sheet.
    pub(super) const fn mark(&self) -> &'static str {
        if !self.failed.is_empty() {
            "bad"
        } else if !self.waiting.is_empty() || self.taken_down > 0 {
            "warn"
        } else {
            ""
        }
    }

    /// “17/20 thôn đã nhận”.
    pub(super) fn received_text(&self, lang: Lang) -> String {
        lang.f(
            "commune-received",
            &[
                ("n", &self.received.to_string()),
                ("all", &self.all.to_string()),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallMs;

    #[test]
    fn every_village_is_counted_once_whatever_became_of_the_bulletin_there() {
        let at = WallMs::new(5);
        let of = |receipts: &[Receipt]| {
            let ids = (0..).map(|n: u32| format!("v-{n}"));
            let receipts: Vec<_> = ids.zip(receipts.iter().cloned()).collect();
            ReceiptTotals::of(&receipts)
        };
        let all = [
            Receipt::Published(Some(at)),
            Receipt::TakenDown(at, None),
            Receipt::Waiting,
            Receipt::Expired,
            Receipt::Refused("refused-too-many".to_owned(), Some(at)),
        ];
        let totals = of(&all);
        assert_eq!(
            totals.all,
            totals.received + totals.waiting.len() + totals.failed.len()
        );
        assert_eq!((totals.all, totals.received, totals.taken_down), (5, 2, 1));
        assert_eq!(totals.failed, ["v-3", "v-4"]);
        assert_eq!(totals.received_text(Lang::Vi), "2/5 thôn đã nhận");
        for (receipts, mark) in [
            (&all[..1], ""),
            (&all[..2], "warn"),
            (&all[2..3], "warn"),
            (&all[2..4], "bad"),
            (&all[..0], ""),
        ] {
            assert_eq!(of(receipts).mark(), mark, "{receipts:?}");
        }
    }
}
