//! Checks that the commune's copy of this history is the same as this history, whenever the commune
//! reports how far each stream is applied.
//!
//! If the commune acknowledged more than exists here, this history lost its end, or another box
//! used this village's name. The loss is recorded as an entry, once, so that every reader of the
//! history learns of it, and it is shown until the commune forgets it. Records that the commune has
//! are never replaced by new ones of the same number. A commune that sends no `CommuneCopy` is of
//! an older version: then nothing is known.

use rumqttc::AsyncClient;

use super::uplink::Uplink;
use crate::domain::actor::Actor;
use crate::domain::history;
use crate::journal::snapshot::EpochSpan;
use crate::journal::{CommandRequest, SubmitError, codec};
use crate::keys::secret;
use crate::protocol::commune::{Stream, UplinkMessage};
use crate::protocol::divergence::{CommuneCopy, Divergence, DivergenceReport};

/// Most pages of entries that are searched for one record.
const MAX_PAGES: usize = 20;

/// The seq behind which history lost entries, the seq up to which it lost them, and their number
/// where the two do not give it.
type LostRange = (u64, u64, Option<u64>);

/// The range to report for lost entries that followed `from` and once reached up to `to`. Numbers
/// that entries of later epochs have now are not reported as lost.
fn lost_range(spans: &[EpochSpan], from: u64, to: u64) -> LostRange {
    match spans
        .iter()
        .map(|s| s.first)
        .filter(|first| *first > from)
        .min()
    {
        Some(next) if next <= to => (from, next - 1, Some(to - from)),
        _ => (from, to, None),
    }
}

impl Uplink {
    /// Compares the commune's report with this history; `applied` is how far each stream is applied
    /// there.
    pub(super) async fn compare(
        &self,
        client: &AsyncClient,
        applied: &[(Stream, u64)],
        known: Option<&CommuneCopy>,
    ) -> anyhow::Result<()> {
        let state = self.journal.state();
        let (spans, current) = (self.journal.history().epochs(), self.journal.epoch());
        let mut trouble = known.and_then(|k| k.trouble.clone());
        for span in &spans {
            let missing: u64 = applied
                .iter()
                .filter(|(s, _)| codec::epoch_from(&s.epoch) == Some(span.epoch))
                .map(|(s, n)| n.saturating_sub(span.lanes[s.lane.index()]))
                .sum();
            if missing > 0 {
                let epoch = codec::epoch_text(&span.epoch);
                self.record_loss(
                    &epoch,
                    lost_range(&spans, span.last, span.last.saturating_add(missing)),
                )
                .await?;
                // A commune that knows of divergence reports it itself, and stops doing so after
                // some days. Only for an older one is the report made here.
                trouble = trouble.or_else(|| {
                    known.is_none().then(|| DivergenceReport {
                        how: Divergence::Shorter,
                        at: self.clock.wall_ms(),
                        epoch,
                        boot: state.boot,
                        highest: 0,
                        missing,
                    })
                });
            }
        }
        // Entries that other boots before this one wrote and that this storage does not have,
        // because it was set back or replaced.
        if let (Some(known), Some(span)) = (known, spans.iter().find(|s| s.epoch == current))
            && known.trouble.as_ref().is_some_and(|t| {
                t.how == Divergence::Older && codec::epoch_from(&t.epoch) == Some(current)
            })
            && known.newest_seq >= span.first
        {
            self.record_loss(
                &codec::epoch_text(&current),
                lost_range(&spans, span.first.saturating_sub(1), known.newest_seq),
            )
            .await?;
        }
        for (stream, n, hash) in known.map(|k| k.heads.as_slice()).unwrap_or_default() {
            if self
                .record(stream, *n)
                .await
                .is_some_and(|ours| secret::sha256(&ours) != *hash)
            {
                tracing::error!(?stream, n, "commune holds a conflicting record");
                self.publish(
                    client,
                    &UplinkMessage::Differs {
                        stream: stream.clone(),
                        number: *n,
                    },
                )
                .await?;
                trouble = trouble.or(Some(DivergenceReport {
                    how: Divergence::Differs,
                    at: self.clock.wall_ms(),
                    epoch: stream.epoch.clone(),
                    boot: state.boot,
                    highest: 0,
                    missing: 0,
                }));
            }
        }
        self.live.uplink.update(|l| l.trouble = trouble);
        Ok(())
    }

    /// Records once that history lost its end.
    async fn record_loss(&self, epoch: &str, (from, to, lost): LostRange) -> anyhow::Result<()> {
        if self
            .journal
            .state()
            .damage
            .iter()
            .any(|(known, _)| *known == from)
        {
            return Ok(());
        }
        tracing::error!(
            epoch,
            from,
            to,
            loss = ?lost,
            "local history shorter than acknowledged: tail lost"
        );
        match self
            .journal
            .submit(CommandRequest::new(
                Actor::System,
                history::Command::NoteDamage {
                    epoch: epoch.to_owned(),
                    from,
                    to,
                    lost,
                },
            ))
            .await
        {
            Err(SubmitError::Closed(closed)) => Err(closed.into()),
            _ => Ok(()),
        }
    }

    /// The bytes of a record of a stream here; none = it is not found within [`MAX_PAGES`], or not
    /// here any more.
    async fn record(&self, stream: &Stream, n: u64) -> Option<Vec<u8>> {
        let epoch = codec::epoch_from(&stream.epoch)?;
        let span = self
            .journal
            .history()
            .epochs()
            .into_iter()
            .find(|s| s.epoch == epoch)?;
        // The n-th record of a lane is at least n-1 entries into its epoch.
        let mut at = span
            .first
            .saturating_sub(1)
            .saturating_add(n.saturating_sub(1));
        for _ in 0..MAX_PAGES {
            let found = self.journal.after(at, 500).await;
            at = found.last()?.entry.seq;
            if let Some(ours) = found
                .iter()
                .find(|e| e.epoch == epoch && e.entry.lane == stream.lane && e.entry.lane_seq >= n)
            {
                return (ours.entry.lane_seq == n).then(|| ours.bytes.to_vec());
            }
            if at >= span.last {
                break;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_never_names_numbers_that_others_have_now() {
        let span = |first, last| EpochSpan {
            epoch: [0; 16],
            boot: 0,
            first,
            last,
            lanes: [0; 4],
            start: crate::journal::chain::Heads::default(),
        };
        let spans = [span(1, 40), span(41, 60), span(70, 80)];
        assert_eq!(
            lost_range(&spans, 80, 85),
            (80, 85, None),
            "the last one lost its end, and nothing stands behind it"
        );
        assert_eq!(
            lost_range(&spans, 40, 45),
            (40, 40, Some(5)),
            "the next boot has these numbers"
        );
        assert_eq!(lost_range(&spans, 60, 65), (60, 65, None));
        assert_eq!(lost_range(&spans, 60, 75), (60, 69, Some(15)));
        // Storage that was set back: the entries of boots that it does not know.
        assert_eq!(lost_range(&spans, 69, 90), (69, 69, Some(21)));
    }
}
