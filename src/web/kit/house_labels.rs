//! The label of a house: what it says in public, with the householder's consent.
//!
//! Invariants: a label is one blob, a text of people, so it goes when it is erased; in public it
//! has three parts and no more. Where the signed paper lies is the chief's alone. It is recorded
//! under the id that the house had then, and a house is asked for by all its ids. Deliberately
//! absent: names of people.

use serde::{Deserialize, Serialize};

use crate::domain::directory::HouseLabel;
use crate::domain::directory::data::House;
use crate::domain::id::HouseId;
use crate::domain::state::VillageState;
use crate::domain::text;
use crate::i18n::locale::Lang;
use crate::web::kit::app::App;

/// Most characters of the trade.
pub const MAX_TRADE_CHARS: usize = 80;
/// Most characters of the telephone.
pub const MAX_PHONE_CHARS: usize = 24;

/// The text of a label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelText {
    /// “Tạp hóa”, “Sửa xe máy”; empty = none.
    #[serde(default)]
    pub trade: String,
    /// A telephone; empty = none.
    #[serde(default)]
    pub phone: String,
    /// Whether there is a fire extinguisher that neighbours may take.
    #[serde(default)]
    pub has_extinguisher: bool,
    /// Where the paper lies that the householder signed; empty = it is not said. No public page
    /// shows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub paper: String,
}

impl LabelText {
    /// A label as it was typed, cleaned.
    ///
    /// # Errors
    /// The field that is wrong, and the key of the sentence about it, whose argument `most` is
    /// [`MAX_TRADE_CHARS`].
    pub fn typed(
        trade: &str,
        phone: &str,
        has_extinguisher: bool,
    ) -> Result<Self, (&'static str, &'static str)> {
        let trade = text::line(trade, usize::MAX);
        let phone = text::line(phone, usize::MAX);
        if trade.is_empty() && phone.is_empty() && !has_extinguisher {
            return Err(("trade", "label-nothing"));
        }
        if trade.chars().count() > MAX_TRADE_CHARS {
            return Err(("trade", "label-trade-long"));
        }
        if !phone.is_empty() && !is_phone(&phone) {
            return Err(("phone", "label-phone-wrong"));
        }
        Ok(Self {
            trade,
            phone,
            has_extinguisher,
            paper: String::new(),
        })
    }

    /// The same, with the place where the signed paper lies.
    #[must_use]
    pub fn with_paper(self, typed: &str) -> Self {
        Self {
            paper: text::line(typed, MAX_TRADE_CHARS),
            ..self
        }
    }

    /// The bytes of its blob.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Its lines on a page.
    #[must_use]
    pub fn lines(&self, lang: Lang) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.trade.is_empty() {
            lines.push(lang.verbatim(&self.trade));
        }
        if !self.phone.is_empty() {
            lines.push(lang.f("house-phone", &[("phone", &self.phone)]));
        }
        if self.has_extinguisher {
            lines.push(lang.t("house-extinguisher"));
        }
        lines
    }
}

/// Digits as people write a telephone's number.
fn is_phone(phone: &str) -> bool {
    let digits = phone.bytes().filter(u8::is_ascii_digit).count();
    let is_of_phone = |b: u8| b.is_ascii_digit() || b" .+-".contains(&b);
    (3..=15).contains(&digits) && phone.len() <= MAX_PHONE_CHARS && phone.bytes().all(is_of_phone)
}

/// The text of a label; none = it is gone.
#[must_use]
pub fn label_text(app: &App, label: &HouseLabel) -> Option<LabelText> {
    serde_json::from_slice(&app.files.get(&label.text).ok()?).ok()
}

/// The id under which the label of a house is recorded: its own, or one that it had.
#[must_use]
pub fn labelled_id<'a>(state: &VillageState, house: &'a House) -> Option<&'a HouseId> {
    let mut ids = std::iter::once(&house.id).chain(&house.old_ids);
    ids.find(|id| state.directory.labels.contains_key(*id))
}

/// The lines of the label of a house; none = there is nothing to tell.
#[must_use]
pub fn label_lines(app: &App, lang: Lang, house: &House) -> Vec<String> {
    let state = app.journal.state();
    let label = labelled_id(&state, house).and_then(|id| state.directory.labels.get(id));
    let text = label.and_then(|label| label_text(app, label));
    text.map_or_else(Vec::new, |text| text.lines(lang))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_a_trade_a_telephone_or_that_there_is_an_extinguisher() {
        let label = LabelText::typed(" Tạp  hóa \u{202e}", "0000 000 031", true).expect("good");
        let label = label.with_paper("Tủ hồ sơ\nnhà văn hóa");
        assert_eq!(label.paper, "Tủ hồ sơ nhà văn hóa");
        let stored = String::from_utf8(label.bytes()).expect("text");
        assert!(stored.contains("Tủ hồ sơ"), "{stored}");
        assert_eq!(
            label.lines(Lang::Vi),
            ["Tạp hóa", "Điện thoại: 0000 000 031", "Có bình chữa cháy"]
        );
        for (trade, phone, has, wrong) in [
            ("", "", false, ("trade", "label-nothing")),
            ("x", "gọi tôi", false, ("phone", "label-phone-wrong")),
            ("x", "12", true, ("phone", "label-phone-wrong")),
            (
                "x",
                "0 0 0 0 0 0 0 0 0 0 0 0 0",
                true,
                ("phone", "label-phone-wrong"),
            ),
            (
                &"x".repeat(81),
                "0000 000 031",
                false,
                ("trade", "label-trade-long"),
            ),
        ] {
            assert_eq!(
                LabelText::typed(trade, phone, has),
                Err(wrong),
                "{trade} {phone}"
            );
        }
    }
}
