//! The engine's wishes carried out from the journal: greetings, batches of records, gaps.
//!
//! Invariants: a batch fits the wire whatever JSON makes of it; a gap is for ever, so it is told
//! only when its records could not be read for some time.

use std::collections::BTreeMap;

use rumqttc::AsyncClient;

use super::engine::{Action, Engine};
use super::uplink::Uplink;
use crate::journal::codec;
use crate::protocol::commune::{MAX_BATCH_BYTES, MAX_BATCH_RECORDS, Stream, UplinkMessage, pack};

/// Largest batch as it goes onto the wire, bytes; the commune's broker takes 256 KiB.
const MAX_WIRE_BYTES: usize = 200 * 1024;
/// Records that cannot be read for so long are missing, ms.
const MISSING_AFTER_MS: u64 = 5_000;

/// What is known of the streams in this connection.
#[derive(Default)]
pub(super) struct SendProgress {
    /// Where the last batch ended: its number in the lane and in the house.
    ends: BTreeMap<Stream, (u64, u64)>,
    /// Since when records from there on could not be read, monotonic ms.
    unreadable_since: BTreeMap<(Stream, u64), u64>,
}

impl Uplink {
    pub(super) async fn perform(
        &self,
        client: &AsyncClient,
        engine: &mut Engine,
        known: &mut SendProgress,
        todo: Vec<Action>,
    ) -> anyhow::Result<()> {
        let mut queue: std::collections::VecDeque<Action> = todo.into();
        while let Some(what) = queue.pop_front() {
            match what {
                Action::Hello => {
                    let up = UplinkMessage::Hello {
                        epoch: codec::epoch_text(&self.journal.epoch()),
                        boot: self.journal.state().boot,
                        streams: self.newest_stream_ranges(),
                    };
                    self.publish(client, &up).await?;
                }
                Action::Gap { stream, from, to } => {
                    self.publish(
                        client,
                        &UplinkMessage::Gap {
                            stream,
                            from,
                            to,
                            reason: "trimmed or damaged".into(),
                        },
                    )
                    .await?;
                }
                Action::Received { .. } => {}
                Action::Send { stream, from } => {
                    if self.send(client, engine, known, &stream, from).await? {
                        queue.extend(engine.tick(&self.stream_ranges(), self.clock.mono_ms()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends records of a stream from `from` on; what is not there any more is told as a gap, once
    /// it was looked for several times: a gap is for ever. False = nothing was sent, it is
    /// tried again with the next tick.
    async fn send(
        &self,
        client: &AsyncClient,
        engine: &mut Engine,
        known: &mut SendProgress,
        stream: &Stream,
        from: u64,
    ) -> anyhow::Result<bool> {
        let now = self.clock.mono_ms();
        let Some(epoch) = codec::epoch_from(&stream.epoch) else {
            return Ok(false);
        };
        let spans = self.journal.history().epochs();
        let Some(span) = spans.iter().find(|s| s.epoch == epoch) else {
            return Ok(false);
        };
        let mut records = Vec::new();
        let mut texts = BTreeMap::new();
        let mut size = 0;
        // Numbers of a lane rise with the sequence: the n-th of a lane is at least n-1 entries into
        // its epoch.
        let mut at = span
            .first
            .saturating_sub(1)
            .saturating_add(from.saturating_sub(1));
        // Where the last batch of this stream ended is nearer than the beginning of its epoch.
        if let Some((_, seq)) = known
            .ends
            .get(stream)
            .filter(|(lane_seq, _)| *lane_seq < from)
        {
            at = at.max(*seq);
        }
        'read: while at < span.last {
            let found = self.journal.after(at, 500).await;
            let Some(last) = found.last() else { break };
            at = last.entry.seq;
            for stored in found {
                if stored.epoch != epoch {
                    break 'read;
                }
                if stored.entry.lane != stream.lane || stored.entry.lane_seq < from {
                    continue;
                }
                if stored.entry.lane_seq != from + records.len() as u64 {
                    // A hole: what stands before it goes first, the hole is told in the next round.
                    if !records.is_empty() {
                        break 'read;
                    }
                    return self
                        .gap(
                            client,
                            engine,
                            known,
                            stream,
                            from,
                            stored.entry.lane_seq - 1,
                        )
                        .await;
                }
                if let Some(blob) = stored.entry.event.blob()
                    && let Ok(text) = self.files.text(blob)
                {
                    size += text.len();
                    texts.insert(blob.id.to_string(), text);
                }
                size += stored.bytes.len();
                records.push(stored);
                if records.len() >= MAX_BATCH_RECORDS || size > MAX_BATCH_BYTES {
                    break 'read;
                }
            }
        }
        let Some((last, seq)) = records.last().map(|r| (r.entry.lane_seq, r.entry.seq)) else {
            return self
                .gap(
                    client,
                    engine,
                    known,
                    stream,
                    from,
                    span.lanes[stream.lane.index()],
                )
                .await;
        };
        // What JSON makes of people's words is known only afterwards: a batch that is too large
        // goes in halves.
        let (mut last, mut seq) = (last, seq);
        let batch = loop {
            let bytes: Vec<&[u8]> = records.iter().map(|r| &*r.bytes).collect();
            let batch = pack(stream.clone(), from, &bytes, texts.clone())?;
            if serde_json::to_vec(&batch)?.len() <= MAX_WIRE_BYTES {
                break batch;
            }
            if records.len() > 1 {
                records.truncate(records.len() / 2);
                if let Some(end) = records.last() {
                    (last, seq) = (end.entry.lane_seq, end.entry.seq);
                }
                texts.retain(|id, _| {
                    records
                        .iter()
                        .any(|r| r.entry.event.blob().is_some_and(|b| b.id.as_str() == id))
                });
            } else if texts.is_empty() {
                break batch;
            } else {
                // One record whose words do not fit: the record goes, its words stay here.
                tracing::warn!(?stream, from, "text too long for uplink; kept local");
                texts.clear();
            }
        };
        engine.sent(stream, last, now);
        known.ends.insert(stream.clone(), (last, seq));
        self.publish(client, &UplinkMessage::Batch(batch)).await?;
        Ok(true)
    }

    /// Declares records missing, when they were missing for [`DOUBT_MS`].
    async fn gap(
        &self,
        client: &AsyncClient,
        engine: &mut Engine,
        known: &mut SendProgress,
        stream: &Stream,
        from: u64,
        to: u64,
    ) -> anyhow::Result<bool> {
        let now = self.clock.mono_ms();
        let since = *known
            .unreadable_since
            .entry((stream.clone(), from))
            .or_insert(now);
        if now.saturating_sub(since) < MISSING_AFTER_MS {
            return Ok(false);
        }
        known.unreadable_since.remove(&(stream.clone(), from));
        tracing::warn!(
            ?stream,
            from,
            to,
            "records missing; reporting gap to commune"
        );
        engine.sent(stream, to, now);
        self.publish(
            client,
            &UplinkMessage::Gap {
                stream: stream.clone(),
                from,
                to,
                reason: "trimmed or damaged".into(),
            },
        )
        .await?;
        Ok(true)
    }
}
