//! Carries out the engine's actions from the journal: HELLO, batches of records, gaps.
//!
//! Invariants: a batch fits the wire, however much JSON lengthens its texts; a gap is final, so it
//! is reported only when its records could not be read for some time.

use std::collections::BTreeMap;
use std::sync::Arc;

use rumqttc::AsyncClient;

use super::engine::{Action, Engine};
use super::uplink::Uplink;
use crate::journal::snapshot::EpochSpan;
use crate::journal::{StoredEntry, codec};
use crate::protocol::commune::{
    Batch, MAX_BATCH_BYTES, MAX_BATCH_RECORDS, Stream, UplinkMessage, pack,
};
use crate::time::MonoMs;

/// Largest batch as it goes onto the wire, bytes; the commune's broker takes 256 KiB.
const MAX_WIRE_BYTES: usize = 200 * 1024;
/// Records that cannot be read for this long count as missing, ms.
const MISSING_AFTER_MS: u64 = 5_000;

/// The state of the streams in this connection.
#[derive(Default)]
pub(super) struct SendProgress {
    /// The last record of the last batch: its number in the lane and its seq.
    ends: BTreeMap<Stream, (u64, u64)>,
    /// Since when the records from this number on could not be read.
    unreadable_since: BTreeMap<(Stream, u64), MonoMs>,
}

/// The records of one batch, and the texts that they name (blob id → text).
struct BatchContent {
    /// Dense, at least one.
    records: Vec<Arc<StoredEntry>>,
    texts: BTreeMap<String, String>,
}

/// The result of reading a stream from a number on.
enum ReadRecords {
    Found(BatchContent),
    /// The records up to and including `to` could not be read.
    Missing {
        to: u64,
    },
}

impl BatchContent {
    /// Packs the records from number `from` on into a batch that fits the wire. The size of the
    /// texts in JSON is known only afterwards, so a batch that is too large is halved: the records
    /// that do not fit are dropped from `self` and go with a later batch.
    fn pack_to_fit(&mut self, stream: &Stream, from: u64) -> anyhow::Result<Batch> {
        let Self { records, texts } = self;
        loop {
            let bytes: Vec<&[u8]> = records.iter().map(|r| &*r.bytes).collect();
            let batch = pack(stream.clone(), from, &bytes, texts.clone())?;
            if serde_json::to_vec(&batch)?.len() <= MAX_WIRE_BYTES {
                return Ok(batch);
            }
            if records.len() > 1 {
                records.truncate(records.len() / 2);
                texts.retain(|id, _| {
                    records
                        .iter()
                        .any(|r| r.entry.event.blob().is_some_and(|b| b.id.as_str() == id))
                });
            } else if texts.is_empty() {
                return Ok(batch);
            } else {
                // The texts of a single record do not fit: the record is sent without them.
                tracing::warn!(
                    ?stream,
                    from,
                    "text too long for uplink; sending the record without it"
                );
                texts.clear();
            }
        }
    }
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

    /// Sends the records of a stream from `from` on. False = nothing was sent; the next tick tries
    /// again.
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
        // Numbers of a lane rise with the sequence: the n-th of a lane is at least n-1 entries into
        // its epoch.
        let mut at = span
            .first
            .saturating_sub(1)
            .saturating_add(from.saturating_sub(1));
        // The end of the last batch of this stream is nearer than the beginning of its epoch.
        if let Some((_, seq)) = known
            .ends
            .get(stream)
            .filter(|(lane_seq, _)| *lane_seq < from)
        {
            at = at.max(*seq);
        }
        let mut found = match self.read_records(stream, span, at, from).await {
            ReadRecords::Missing { to } => {
                return self.gap(client, engine, known, stream, from, to).await;
            }
            ReadRecords::Found(found) => found,
        };
        let batch = found.pack_to_fit(stream, from)?;
        let Some(end) = found.records.last() else {
            return Ok(false);
        };
        let (last, seq) = (end.entry.lane_seq, end.entry.seq);
        engine.sent(stream, last, now);
        known.ends.insert(stream.clone(), (last, seq));
        self.publish(client, &UplinkMessage::Batch(batch)).await?;
        Ok(true)
    }

    /// Reads the records of a stream from number `from` on, behind entry `at`, as many as a batch
    /// may have. It stops at a hole; a hole at the beginning, or no record at all, is `Missing`.
    async fn read_records(
        &self,
        stream: &Stream,
        span: &EpochSpan,
        mut at: u64,
        from: u64,
    ) -> ReadRecords {
        let mut records = Vec::new();
        let mut texts = BTreeMap::new();
        let mut size = 0;
        'read: while at < span.last {
            let found = self.journal.after(at, 500).await;
            let Some(last) = found.last() else { break };
            at = last.entry.seq;
            for stored in found {
                if stored.epoch != span.epoch {
                    break 'read;
                }
                if stored.entry.lane != stream.lane || stored.entry.lane_seq < from {
                    continue;
                }
                if stored.entry.lane_seq != from + records.len() as u64 {
                    // A hole: the records before it are sent first, the next call reports the hole.
                    if !records.is_empty() {
                        break 'read;
                    }
                    return ReadRecords::Missing {
                        to: stored.entry.lane_seq - 1,
                    };
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
        if records.is_empty() {
            return ReadRecords::Missing {
                to: span.lanes[stream.lane.index()],
            };
        }
        ReadRecords::Found(BatchContent { records, texts })
    }

    /// Reports records as missing once they could not be read for [`MISSING_AFTER_MS`]; until then
    /// nothing is sent.
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
        if now.since(since) < MISSING_AFTER_MS {
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
