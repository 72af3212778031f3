//! The risk of a disaster that a notice warns of, as every page shows it: its words, its colour by
//! QĐ 18/2021/QĐ-TTg, who says so and when.

use crate::domain::notice::Risk;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::time::WallMs;

/// The risk that a notice warns of, in words and in its colour.
#[derive(Debug, Clone)]
pub struct RiskSign {
    /// 1–5: the class of its colour.
    pub level: u8,
    /// “Rủi ro thiên tai cấp 3 (màu da cam)”.
    pub words: String,
    /// The authority, and the moment that it gives; empty = neither is said.
    pub source: String,
}

/// The source of a text, and the moment that it gives; empty = neither is said.
#[must_use]
pub fn source_words(lang: Lang, source: &str, at: Option<WallMs>) -> String {
    let said = (!source.is_empty()).then(|| lang.verbatim(source));
    let at = at.map(|at| dates::moment(lang, at));
    let parts: Vec<String> = said.into_iter().chain(at).collect();
    if parts.is_empty() {
        return String::new();
    }
    lang.f("notice-source", &[("source", &parts.join(", "))])
}

/// The sign of a risk, of which `source` tells.
#[must_use]
pub fn risk_sign(lang: Lang, risk: Risk, source: &str) -> RiskSign {
    let level = risk.level.number();
    RiskSign {
        level,
        words: lang.t(&format!("risk-level-{level}")),
        source: source_words(lang, source, risk.at),
    }
}
