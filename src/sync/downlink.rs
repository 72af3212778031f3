//! Carries out the commune's commands in the village: a bulletin becomes a notice, once.
//!
//! Too many bulletins, and bulletins that have expired, leave no trace here: they are refused
//! before anything is written.

use super::uplink::Uplink;
use crate::domain::actor::Actor;
use crate::domain::id::{CommandId, NoticeId};
use crate::domain::notice::rules::{MAX_COMMUNE_NOTICES, MAX_NOTICES};
use crate::domain::notice::{self, NoticeDetails, NoticeKind, normalize, text_problem};
use crate::journal::{CommandRequest, SubmitError};
use crate::protocol::commune::Bulletin;
use crate::time::WallMs;

/// Most bulletins that become notices within 24 hours.
const MAX_BULLETINS_PER_DAY: usize = 50;
/// A day, ms.
const DAY_MS: u64 = 86_400_000;

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
        if today >= MAX_BULLETINS_PER_DAY
            || up.clone().filter(|n| n.from_commune).count() >= MAX_COMMUNE_NOTICES
            || up.count() >= MAX_NOTICES
        {
            return Ok(Some("refused-too-many".into()));
        }
        let (title, body) = normalize(&bulletin.title, &bulletin.body);
        // The commune's own form has the same bounds.
        if text_problem(&title, &body).is_some() {
            return Ok(Some("refused-unsound".into()));
        }
        if self.journal.state().notices.contains_key(&notice) {
            return Ok(None);
        }
        let text = self
            .files
            .put(format!("{title}\n{body}").into_bytes())
            .await?;
        let details = if bulletin.urgent {
            NoticeDetails::of(NoticeKind::Warning).urgent()
        } else {
            NoticeDetails::of(NoticeKind::Notice)
        };
        let request = CommandRequest::new(
            Actor::Commune,
            notice::Command::Publish {
                id: notice,
                text: text.clone(),
                details: details.until(bulletin.until),
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
