//! Carries out the commune's commands in the village: a bulletin becomes a notice, once.
//!
//! Too many bulletins, and bulletins that have expired, leave no trace here: they are refused
//! before anything is written.

use super::uplink::Uplink;
use crate::domain::actor::Actor;
use crate::domain::id::{CommandId, NoticeId};
use crate::domain::notice::rules::{MAX_COMMUNE_NOTICES, MAX_NOTICES};
use crate::domain::notice::{
    self, MAX_LINE_CHARS, NoticeDetails, NoticeKind, NoticeWords, text_problem,
};
use crate::domain::text;
use crate::journal::{CommandRequest, SubmitError};
use crate::protocol::commune::Bulletin;
use crate::time::WallMs;

/// Most bulletins that become notices within 24 hours.
const MAX_BULLETINS_PER_DAY: usize = 50;
/// More of them for bulletins that stand first: no ordinary one takes the place of a warning.
const MORE_FIRST_PER_DAY: usize = 20;
/// A day, ms.
const DAY_MS: u64 = 86_400_000;

/// The details of a bulletin beside its words. One of a high risk is urgent, whatever it calls
/// itself.
fn details_of(bulletin: &Bulletin) -> NoticeDetails {
    let is_warning = bulletin.urgent || bulletin.risk.is_some();
    let mut details = NoticeDetails::of(if is_warning {
        NoticeKind::Warning
    } else {
        NoticeKind::Notice
    });
    details.urgent = bulletin.is_first();
    details.risk = bulletin.risk;
    details.until(bulletin.until)
}

/// The commune's own form has the same bounds; a level of risk is somebody's.
fn is_unsound(words: &NoticeWords, details: &NoticeDetails) -> bool {
    let is_said = details.risk.is_none() || !words.source.is_empty();
    text_problem(&words.title, &words.body).is_some() || details.validate().is_err() || !is_said
}

/// How many bulletins of a day there may be for this one to come in.
fn most_of_day(bulletin: &Bulletin) -> usize {
    if bulletin.is_first() {
        MAX_BULLETINS_PER_DAY + MORE_FIRST_PER_DAY
    } else {
        MAX_BULLETINS_PER_DAY
    }
}

impl Uplink {
    /// Makes a notice of a bulletin of the commune, once. Returns the reason when it is refused.
    pub(super) async fn execute_command(
        &self,
        id: &str,
        expires_at: WallMs,
        bulletin: Bulletin,
    ) -> anyhow::Result<Option<String>> {
        let (Ok(name), Ok(notice)) = (CommandId::new(id), NoticeId::new(id)) else {
            return Ok(Some("refused-unsound".into()));
        };
        // Refused before the journal: a commune that sends without end must not fill history.
        if expires_at < self.clock.trusted_ms()
            || bulletin.until.is_some_and(|u| u < self.clock.trusted_ms())
        {
            return Ok(Some("refused-expired".into()));
        }
        // A bulletin that the journal would reject is refused before it, because the journal's
        // rejections are entries.
        let (state, now) = (self.journal.state(), self.clock.trusted_ms());
        let up = state.notices.values().filter(|n| !n.details.is_over(now));
        // Notices bear the time that the clock showed, also one that was ahead.
        let shown = self.clock.wall_ms();
        let today = state
            .notices
            .values()
            .filter(|n| n.from_commune && n.at.distance(shown) < DAY_MS)
            .count();
        if today >= most_of_day(&bulletin)
            || up.clone().filter(|n| n.from_commune).count() >= MAX_COMMUNE_NOTICES
            || up.count() >= MAX_NOTICES
        {
            return Ok(Some("refused-too-many".into()));
        }
        let mut words = NoticeWords::of(&bulletin.title, &bulletin.body);
        words.source = text::line(&bulletin.source, MAX_LINE_CHARS);
        let details = details_of(&bulletin);
        if is_unsound(&words, &details) {
            return Ok(Some("refused-unsound".into()));
        }
        if self.journal.state().notices.contains_key(&notice) {
            return Ok(None);
        }
        let text = self.files.put(words.encode().into_bytes()).await?;
        let request = CommandRequest::new(
            Actor::Commune,
            notice::Command::Publish {
                id: notice,
                text: text.clone(),
                details,
            },
        )
        .idempotent(name, expires_at);
        match self.journal.submit(request).await {
            Ok(receipt) => {
                if receipt.repeated {
                    let _ = self.files.erase(&text.id);
                }
                Ok(None)
            }
            Err(SubmitError::Rejected(why)) => {
                let _ = self.files.erase(&text.id);
                Ok(Some(why.key().to_owned()))
            }
            Err(SubmitError::Closed(closed)) => {
                // The commune sends the command again.
                let _ = self.files.erase(&text.id);
                Err(closed.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::notice::{Risk, RiskLevel};

    #[test]
    fn a_bulletin_of_a_high_risk_stands_first_as_a_warning_whatever_it_calls_itself() {
        let details = |urgent, level: Option<u8>| {
            let risk = level.and_then(RiskLevel::new).map(|level| Risk {
                level,
                at: Some(WallMs::new(5)),
            });
            let details = details_of(&Bulletin {
                title: String::new(),
                body: String::new(),
                urgent,
                until: Some(WallMs::new(9)),
                risk,
                source: String::new(),
            });
            assert_eq!((details.risk, details.until), (risk, Some(WallMs::new(9))));
            (details.kind, details.urgent)
        };
        assert_eq!(details(false, None), (NoticeKind::Notice, false));
        assert_eq!(details(true, None), (NoticeKind::Warning, true));
        assert_eq!(details(false, Some(2)), (NoticeKind::Warning, false));
        for level in 3..=5 {
            assert_eq!(details(false, Some(level)), (NoticeKind::Warning, true));
        }
    }

    #[test]
    fn a_level_of_nobody_is_not_shown() {
        let mut words = NoticeWords::of("Bão", "Chằng chống nhà cửa.");
        let plain = NoticeDetails::of(NoticeKind::Warning);
        let mut level = plain.clone();
        level.risk = RiskLevel::new(3).map(|level| Risk { level, at: None });
        assert!(!is_unsound(&words, &plain));
        assert!(is_unsound(&words, &level), "nobody says it");
        words.source = "Đài khí tượng tỉnh".to_owned();
        assert!(!is_unsound(&words, &level));
    }

    #[test]
    fn ordinary_bulletins_leave_room_for_those_that_stand_first() {
        let bulletin = |urgent, level: u8| Bulletin {
            title: String::new(),
            body: String::new(),
            urgent,
            until: None,
            risk: RiskLevel::new(level).map(|level| Risk { level, at: None }),
            source: String::new(),
        };
        let most = |urgent, level| most_of_day(&bulletin(urgent, level));
        assert_eq!((most(false, 0), most(false, 2)), (50, 50));
        assert_eq!((most(true, 0), most(false, 5)), (70, 70));
    }
}
