//! The commune's own client of its broker: receives the messages of every village and answers from
//! the committed store.
//!
//! Each message is taken off the connection at once, so that no village holds up another there, and
//! waits in the queue of its village (`FairQueue`). A message beyond the bounds of the protocol is
//! refused before it is handled.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, Transport};

use super::boot_history::HelloSummary;
use super::fair_queue::FairQueue;
use super::store::{BulletinOutcome, CommuneStore, UndeliveredBulletin};
use crate::domain::id::VillageId;
use crate::domain::topics;
use crate::keys::authority::Authority;
use crate::keys::holders::HolderStore;
use crate::keys::x509;
use crate::protocol::commune::{Batch, DownlinkMessage, UplinkMessage};
use crate::supervisor::Stop;
use crate::supervisor::clock::{Clock, Trust};
use crate::time::MonoMs;

/// How often a bulletin without an outcome is sent again.
const RESEND_INTERVAL: Duration = Duration::from_secs(5);
/// The newest bulletins of one village that are searched for such: how many.
const MAX_BULLETINS_SCANNED: usize = 200;
/// A village gets one certificate in this time at most, ms of monotonic time: signing is expensive,
/// and a certificate lasts for months.
const MIN_RENEW_INTERVAL_MS: u64 = 60_000;
/// Rejected messages of a village are logged once in this time at most, ms: they must not fill the
/// log either.
const LOG_INTERVAL_MS: u64 = 10_000;

/// State for answering villages.
struct LinkState {
    store: CommuneStore,
    signer: CertificateSigner,
    clock: Clock,
    /// The file of villages' keys as it was looked at last: when it was written, and its length.
    noted_holders: Mutex<Option<(SystemTime, u64)>>,
    by_village: Mutex<BTreeMap<String, VillageLinkState>>,
}

/// State of one village while the link is up.
#[derive(Default)]
struct VillageLinkState {
    renewed_at: Option<MonoMs>,
    logged_at: Option<MonoMs>,
    suppressed: u64,
}

impl LinkState {
    /// Logs the reason why a village's message was rejected, now and then; the log says how many
    /// were left out.
    fn log_limited(&self, village: &str, why: &str) {
        let now = self.clock.mono_ms();
        let mut of = self
            .by_village
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let memory = of.entry(village.to_owned()).or_default();
        if memory
            .logged_at
            .is_some_and(|at| now < at + LOG_INTERVAL_MS)
        {
            memory.suppressed += 1;
            return;
        }
        tracing::warn!(
            village,
            why,
            suppressed = memory.suppressed,
            "village message rejected"
        );
        (memory.logged_at, memory.suppressed) = (Some(now), 0);
    }

    /// True when a village may have another certificate; the time is noted.
    fn may_renew(&self, village: &str) -> bool {
        let now = self.clock.mono_ms();
        let mut of = self
            .by_village
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let memory = of.entry(village.to_owned()).or_default();
        let may = memory
            .renewed_at
            .is_none_or(|at| now >= at + MIN_RENEW_INTERVAL_MS);
        if may {
            memory.renewed_at = Some(now);
        }
        may
    }
}

/// Signs villages' certificates and records which key belongs to which village.
#[derive(Clone)]
pub struct CertificateSigner {
    /// The commune's CA; none = its key is lost.
    pub authority: Option<Arc<Authority>>,
    /// The keys of each village.
    pub holders: HolderStore,
}

impl CertificateSigner {
    /// Signs a village's next certificate. Its key is admitted before the certificate is sent,
    /// beside the key in use until the new one connects.
    fn sign(&self, request: &str, village: &str, clock: &Clock) -> std::io::Result<String> {
        if clock.trust() == Trust::None {
            return Err(std::io::Error::other("the commune does not know the time"));
        }
        let authority = self
            .authority
            .as_ref()
            .ok_or_else(|| std::io::Error::other("the key of the commune's authority is lost"))?;
        let certificate = authority.sign_request(request, village, clock.trusted_s())?;
        let key =
            x509::key_hash_of(certificate.as_bytes()).ok_or(std::io::ErrorKind::InvalidData)?;
        self.holders.trust_renewed(village, &key)?;
        Ok(certificate)
    }
}

/// The bulletins that a village has not answered, as they are sent again, the oldest first.
///
/// # Errors
/// When the store cannot be read.
async fn unanswered_commands(
    desk: &Arc<LinkState>,
    village: &str,
) -> anyhow::Result<Vec<DownlinkMessage>> {
    let (store, of) = (desk.store.clone(), village.to_owned());
    let queued =
        tokio::task::spawn_blocking(move || store.latest(&of, MAX_BULLETINS_SCANNED)).await??;
    let now = desk.clock.wall_ms();
    let is_unanswered =
        |b: &UndeliveredBulletin| b.outcome == BulletinOutcome::Waiting && b.expires_at > now;
    let commands = queued.into_iter().rev().filter(is_unanswered);
    Ok(commands
        .map(|b| DownlinkMessage::Command {
            seq: b.seq,
            id: b.id,
            expires_at: b.expires_at,
            bulletin: b.bulletin,
        })
        .collect())
}

/// Overwrites the free pages of the store, for ever: texts that villages erased were in them. Where
/// much is stored that takes long, and nobody waits for it.
///
/// # Errors
/// When the thread for it cannot be had.
async fn overwrite_erased(desk: &Arc<LinkState>) -> anyhow::Result<()> {
    let mut again = tokio::time::interval(RESEND_INTERVAL);
    loop {
        again.tick().await;
        let desk = desk.clone();
        let overwriting = tokio::task::spawn_blocking(move || {
            desk.store.overwrite_free_pages(desk.clock.mono_ms())
        });
        match overwriting.await? {
            Ok(true) => tracing::info!("erased data overwritten in free pages"),
            Ok(false) => {}
            Err(cause) => {
                tracing::error!(
                    %cause,
                    "wiping erased data failed; retry in an hour or at restart"
                );
            }
        }
    }
}

/// Runs one connection until it breaks or `stop`.
///
/// # Errors
/// The reason why it ended.
pub async fn run(
    socket: PathBuf,
    secret: String,
    store: CommuneStore,
    signer: CertificateSigner,
    villages: Vec<String>,
    clock: Clock,
    stop: Stop,
) -> anyhow::Result<()> {
    let mut options = MqttOptions::new("commune", socket.display().to_string(), 0);
    options
        .set_transport(Transport::unix())
        .set_keep_alive(Duration::from_secs(20))
        .set_clean_session(true)
        .set_credentials("@house", secret);
    options
        .set_max_packet_size(8 << 20, 8 << 20)
        .set_inflight(64);
    let (client, mut events) = AsyncClient::new(options, 256);
    let turns = FairQueue::default();
    let desk = Arc::new(LinkState {
        store,
        signer,
        clock,
        noted_holders: Mutex::default(),
        by_village: Mutex::default(),
    });
    let receiving = async {
        loop {
            match events.poll().await? {
                Event::Incoming(Packet::ConnAck(_)) => {
                    client.try_subscribe(topics::UPLINKS_FILTER, QoS::AtLeastOnce)?;
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    // A certificate permits its village's own topics only: the topic names the
                    // sender.
                    if let Some(village) = topics::uplink_village(&publish.topic)
                        .filter(|v| villages.iter().any(|k| k == v.as_str()))
                        && !turns.push(village.as_str(), publish.payload)
                    {
                        desk.log_limited(
                            village.as_str(),
                            "its queue is full; message dropped until the village sends it again",
                        );
                    }
                }
                _ => {}
            }
        }
    };
    let working = async {
        let mut again = tokio::time::interval(RESEND_INTERVAL);
        loop {
            tokio::select! {
                round = turns.next() => {
                    let round_desk = desk.clone();
                    let answers =
                        tokio::task::spawn_blocking(move || round_desk.handle_round(round)).await?;
                    desk.store.changes.rise();
                    for (village, down) in answers {
                        publish(&client, &village, &down).await?;
                    }
                }
                _ = again.tick() => {
                    let keys_of = desk.clone();
                    tokio::task::spawn_blocking(move || keys_of.note_village_keys()).await?;
                    for village in &villages {
                        for down in unanswered_commands(&desk, village).await? {
                            publish(&client, village, &down).await?;
                        }
                    }
                }
            }
        }
    };
    tokio::select! {
        ended = receiving => ended,
        ended = working => ended,
        ended = overwrite_erased(&desk) => ended,
        () = stop.soft.cancelled() => Ok(()),
    }
}

async fn publish(
    client: &AsyncClient,
    village: &str,
    down: &DownlinkMessage,
) -> anyhow::Result<()> {
    client
        .publish(
            topics::downlink(&VillageId::new(village)?),
            QoS::AtLeastOnce,
            false,
            serde_json::to_vec(down)?,
        )
        .await?;
    Ok(())
}

impl LinkState {
    /// Records changes of villages' keys, whoever made them: a renewal, a first connection, the
    /// technician's command. Blocks on the store.
    fn note_village_keys(&self) {
        let modified = self.signer.holders.modified();
        let mut noted = self
            .noted_holders
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if modified.is_none() || *noted == modified {
            return;
        }
        let at = self.clock.wall_ms();
        let done = self
            .signer
            .holders
            .read()
            .and_then(|holders| self.store.note_village_keys(&holders, at));
        match done {
            Ok(()) => *noted = modified,
            Err(cause) => tracing::warn!(%cause, "recording changes of villages' keys failed"),
        }
    }

    /// Applies one message of each of some villages and gives the answers; blocks on the store.
    fn handle_round(&self, round: Vec<(String, Bytes)>) -> Vec<(String, DownlinkMessage)> {
        let mut out = Vec::new();
        let mut batches = Vec::new();
        for (village, payload) in round {
            match self.decode(&village, &payload) {
                Some(UplinkMessage::Batch(batch)) => batches.push((village, batch)),
                Some(up) => match self.handle_message(&village, up) {
                    Ok(down) => out.extend(down.map(|down| (village, down))),
                    // An error with one village does not concern the others: it sends again by its
                    // own protocol.
                    Err(cause) => {
                        tracing::error!(village, %cause, "storing village message failed");
                    }
                },
                None => {}
            }
        }
        let ack = |batch: &Batch, (applied, hole)| DownlinkMessage::Ack {
            incarnation: self.store.incarnation().to_owned(),
            stream: batch.stream.clone(),
            applied,
            hole,
        };
        let now_ms = self.clock.wall_ms();
        if let Ok(taken) = self
            .store
            .apply_round(batches.iter().map(|(v, b)| (v.as_str(), b)), now_ms)
        {
            out.extend(
                batches
                    .iter()
                    .zip(taken)
                    .map(|((village, batch), taken)| (village.clone(), ack(batch, taken))),
            );
            return out;
        }
        // One batch made the round fail: each is applied by itself.
        for (village, batch) in batches {
            match self.store.apply(&village, &batch, now_ms) {
                Ok(taken) => {
                    let down = ack(&batch, taken);
                    out.push((village, down));
                }
                Err(cause) => {
                    tracing::error!(village, %cause, "storing village message failed");
                }
            }
        }
        out
    }

    /// Decodes a village's message; none = it is beyond the bounds of the protocol, which is
    /// logged.
    fn decode(&self, village: &str, payload: &[u8]) -> Option<UplinkMessage> {
        let up = match serde_json::from_slice::<UplinkMessage>(payload) {
            Ok(up) => up,
            Err(cause) => {
                self.log_limited(village, &format!("message not understood: {cause}"));
                return None;
            }
        };
        if let Some(why) = up.validation_error() {
            self.log_limited(village, why);
            return None;
        }
        Some(up)
    }

    fn handle_message(
        &self,
        village: &str,
        up: UplinkMessage,
    ) -> anyhow::Result<Option<DownlinkMessage>> {
        let (store, now_ms) = (&self.store, self.clock.wall_ms());
        let incarnation = store.incarnation().to_owned();
        Ok(match up {
            UplinkMessage::Hello {
                epoch,
                boot,
                streams,
            } => {
                let applied = store.applied_of(village, streams.iter().map(|(s, ..)| s.clone()))?;
                store.hello(
                    village,
                    &HelloSummary::new(&epoch, boot, &streams, &applied),
                    now_ms,
                )?;
                let known = Some(Box::new(store.copy_summary(village, &applied, now_ms)?));
                Some(DownlinkMessage::Resume {
                    incarnation,
                    applied,
                    now_ms,
                    sure: self.clock.trust() != Trust::None,
                    known,
                    status: true,
                })
            }
            UplinkMessage::Batch(batch) => {
                let (applied, hole) = store.apply(village, &batch, now_ms)?;
                Some(DownlinkMessage::Ack {
                    incarnation,
                    stream: batch.stream,
                    applied,
                    hole,
                })
            }
            UplinkMessage::Gap {
                stream,
                from,
                to,
                reason,
            } => {
                self.log_limited(
                    village,
                    &format!("village reports records {from} to {to} missing: {reason}"),
                );
                let applied = store.apply_gap(village, &stream, from, to, now_ms)?;
                Some(DownlinkMessage::Ack {
                    incarnation,
                    stream,
                    applied,
                    hole: from > applied.saturating_add(1),
                })
            }
            UplinkMessage::Renew { .. } if !self.may_renew(village) => {
                self.log_limited(village, "certificate requested again too soon");
                None
            }
            // The sender holds the newest certificate of this name; the next one is for the same
            // name.
            UplinkMessage::Renew { request } => {
                match self.signer.sign(&request, village, &self.clock) {
                    Ok(certificate) => {
                        tracing::info!(village, "village certificate renewed");
                        Some(DownlinkMessage::Certificate { certificate })
                    }
                    Err(cause) => {
                        self.log_limited(
                            village,
                            &format!("issuing its next certificate failed: {cause}"),
                        );
                        None
                    }
                }
            }
            UplinkMessage::Differs { stream, .. } => {
                store.record_conflict(village, &stream, now_ms)?;
                None
            }
            UplinkMessage::Status { summary } => {
                store.statuses.set(village, *summary, now_ms);
                None
            }
            UplinkMessage::Outcome { seq, refused } => {
                store.record_outcome(village, seq, refused, now_ms)?;
                None
            }
        })
    }
}
