//! Names for tests of history's sentences: everything is called by its id.

use super::HistoryNames;
use crate::domain::blob::BlobRef;
use crate::domain::guest::WifiRules;
use crate::domain::id::{NoticeId, UserId};
use crate::domain::state::VillageState;
use crate::i18n::locale::Lang;

/// A village of which nothing is known but the wifi's rules of before.
#[derive(Default)]
pub(crate) struct PlayedNames {
    /// The rules before an entry.
    pub before: Option<WifiRules>,
}

impl HistoryNames for PlayedNames {
    fn state(&self) -> Option<&VillageState> {
        None
    }
    fn name(&self, id: &str) -> String {
        id.to_owned()
    }
    fn noun(&self, _: Lang, id: &str) -> String {
        id.to_owned()
    }
    fn text(&self, _: Lang, _: &BlobRef) -> String {
        "Mời bà con họp".to_owned()
    }
    fn notice_title(&self, _: Lang, _: &NoticeId) -> Option<String> {
        None
    }
    fn person(&self, _: Lang, user: &UserId) -> String {
        format!("Bà {user}")
    }
    fn person_in(&self, _: &BlobRef) -> Option<String> {
        None
    }
    fn rules_before(&self, _: u64) -> Option<&WifiRules> {
        self.before.as_ref()
    }
}
