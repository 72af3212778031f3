//! The commune's own client of its broker: hears every village, answers from the committed store.
//!
//! Whatever comes is taken off the link at once, so that nobody stands in another's way there, and
//! waits in the queue of its village ([`Turns`]). What is beyond the bounds of the protocol is
//! refused before it is looked into.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, Transport};

use super::past::Greeting;
use super::store::{Outcome, Store};
use super::turns::Turns;
use crate::keys::authority::Authority;
use crate::keys::holders::Holders;
use crate::keys::tls;
use crate::protocol::commune::{Batch, Down, Up};
use crate::supervisor::Stop;
use crate::supervisor::clock::{Clock, Trust};

/// A bulletin without an outcome is sent again this often.
const AGAIN: Duration = Duration::from_secs(5);
/// Bulletins of one village, the newest, that are looked through for such.
const LATELY: usize = 200;
/// A village gets a certificate this often, ms of monotonic time: signing is dear, and one lasts
/// for months.
const RENEW_MS: u64 = 60_000;
/// What is wrong with what a village says is told this often, ms: it must not fill the log either.
const COMPLAIN_MS: u64 = 10_000;

/// What answering villages needs.
struct Desk {
    store: Store,
    signer: Signer,
    clock: Clock,
    of: Mutex<BTreeMap<String, Memory>>,
}

/// What is remembered of a village while the link stands.
#[derive(Default)]
struct Memory {
    renewed: Option<u64>,
    complained: Option<u64>,
    untold: u64,
}

impl Desk {
    /// Tells what is wrong with what a village said, now and then.
    fn complain(&self, village: &str, why: &str) {
        let now = self.clock.mono_ms();
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = of.entry(village.to_owned()).or_default();
        if memory
            .complained
            .is_some_and(|at| now < at.saturating_add(COMPLAIN_MS))
        {
            memory.untold += 1;
            return;
        }
        tracing::warn!(
            village,
            why,
            untold = memory.untold,
            "what a village said was not taken"
        );
        (memory.complained, memory.untold) = (Some(now), 0);
    }

    /// True when it is time for another certificate.
    fn may_renew(&self, village: &str) -> bool {
        let now = self.clock.mono_ms();
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = of.entry(village.to_owned()).or_default();
        let may = memory
            .renewed
            .is_none_or(|at| now >= at.saturating_add(RENEW_MS));
        if may {
            memory.renewed = Some(now);
        }
        may
    }
}

/// What signs villages' certificates and keeps which is whose.
#[derive(Clone)]
pub struct Signer {
    /// The commune's CA; none = its key is lost.
    pub authority: Option<Arc<Authority>>,
    /// Which certificate is whose.
    pub holders: Holders,
}

impl Signer {
    /// Signs a village's next certificate. It is let in before it is given away, and the one in use
    /// until it came.
    fn sign(&self, request: &str, village: &str, clock: &Clock) -> std::io::Result<String> {
        if clock.trust() == Trust::None {
            return Err(std::io::Error::other("the commune does not know the time"));
        }
        let authority = self
            .authority
            .as_ref()
            .ok_or_else(|| std::io::Error::other("the key of the commune's authority is lost"))?;
        let certificate = authority.sign_request(request, village, clock.certain_s())?;
        let key =
            tls::key_hash_of(certificate.as_bytes()).ok_or(std::io::ErrorKind::InvalidData)?;
        self.holders.renewed(village, &key)?;
        Ok(certificate)
    }
}

/// Runs one connection until it breaks or `stop`.
///
/// # Errors
/// Why it ended.
pub async fn run(
    socket: PathBuf,
    secret: String,
    store: Store,
    signer: Signer,
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
    let turns = Turns::default();
    let desk = Arc::new(Desk {
        store,
        signer,
        clock,
        of: Mutex::default(),
    });
    let receiving = async {
        loop {
            match events.poll().await? {
                Event::Incoming(Packet::ConnAck(_)) => {
                    client.try_subscribe("up/#", QoS::AtLeastOnce)?;
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    // The topic is what the certificate allows: it says who speaks.
                    if let Some(village) = publish
                        .topic
                        .strip_prefix("up/")
                        .and_then(|t| t.split('/').next())
                        .filter(|v| villages.iter().any(|k| k == v))
                        && !turns.put(village, publish.payload)
                    {
                        desk.complain(
                            village,
                            "it says more than can be worked off; it says it again",
                        );
                    }
                }
                _ => {}
            }
        }
    };
    let working = async {
        let mut again = tokio::time::interval(AGAIN);
        loop {
            tokio::select! {
                round = turns.next() => {
                    let answers = tokio::task::spawn_blocking({ let desk = desk.clone(); move || desk.answer(round) }).await?;
                    for (village, down) in answers {
                        post(&client, &village, &down).await?;
                    }
                }
                _ = again.tick() => {
                    for village in &villages {
                        let waiting = tokio::task::spawn_blocking({ let (desk, village) = (desk.clone(), village.clone()); move || desk.store.lately(&village, LATELY) }).await??;
                        for waiting in waiting.into_iter().rev().filter(|w| w.outcome == Outcome::Waiting && w.expires_at > desk.clock.wall_ms()) {
                            let down = Down::Command { seq: waiting.seq, id: waiting.id, expires_at: waiting.expires_at, bulletin: waiting.bulletin };
                            post(&client, village, &down).await?;
                        }
                    }
                }
            }
        }
    };
    // What villages erased: it takes long where much is stored, and nobody waits for it.
    let scrubbing = async {
        let mut again = tokio::time::interval(AGAIN);
        loop {
            again.tick().await;
            match tokio::task::spawn_blocking({
                let desk = desk.clone();
                move || desk.store.scrub(desk.clock.mono_ms())
            })
            .await?
            {
                Ok(true) => {
                    tracing::info!("what a village erased is gone from the store's free pages too");
                }
                Ok(false) => {}
                Err(cause) => {
                    tracing::error!(%cause, "what a village erased could not be written over in the store; it is tried again in an hour, or when the commune starts again");
                }
            }
        }
    };
    tokio::select! {
        ended = receiving => ended,
        ended = working => ended,
        ended = scrubbing => ended,
        () = stop.soft.cancelled() => Ok(()),
    }
}

async fn post(client: &AsyncClient, village: &str, down: &Down) -> anyhow::Result<()> {
    client
        .publish(
            format!("down/{village}/say"),
            QoS::AtLeastOnce,
            false,
            serde_json::to_vec(down)?,
        )
        .await?;
    Ok(())
}

impl Desk {
    /// Takes one message of each of some villages in and gives the answers; blocks on the store.
    fn answer(&self, round: Vec<(String, Bytes)>) -> Vec<(String, Down)> {
        let mut out = Vec::new();
        let mut batches = Vec::new();
        for (village, payload) in round {
            match self.read(&village, &payload) {
                Some(Up::Batch(batch)) => batches.push((village, batch)),
                Some(up) => match self.answer_one(&village, up) {
                    Ok(down) => out.extend(down.map(|down| (village, down))),
                    // One village's trouble is not the others': it sends again by its own protocol.
                    Err(cause) => {
                        tracing::error!(village, %cause, "what a village said could not be stored");
                    }
                },
                None => {}
            }
        }
        let ack = |batch: &Batch, (applied, hole)| Down::Ack {
            incarnation: self.store.incarnation().to_owned(),
            stream: batch.stream.clone(),
            applied,
            hole,
        };
        let now_ms = self.clock.wall_ms();
        if let Ok(taken) = self
            .store
            .take_round(batches.iter().map(|(v, b)| (v.as_str(), b)), now_ms)
        {
            out.extend(
                batches
                    .iter()
                    .zip(taken)
                    .map(|((village, batch), taken)| (village.clone(), ack(batch, taken))),
            );
            return out;
        }
        // One of them is the trouble: each by itself.
        for (village, batch) in batches {
            match self.store.take(&village, &batch, now_ms) {
                Ok(taken) => {
                    let down = ack(&batch, taken);
                    out.push((village, down));
                }
                Err(cause) => {
                    tracing::error!(village, %cause, "what a village said could not be stored");
                }
            }
        }
        out
    }

    /// What a village said, when it is within the bounds of the protocol.
    fn read(&self, village: &str, payload: &[u8]) -> Option<Up> {
        let up = match serde_json::from_slice::<Up>(payload) {
            Ok(up) => up,
            Err(cause) => {
                self.complain(village, &format!("it is unknown here: {cause}"));
                return None;
            }
        };
        if let Some(why) = up.unsound() {
            self.complain(village, why);
            return None;
        }
        Some(up)
    }

    fn answer_one(&self, village: &str, up: Up) -> anyhow::Result<Option<Down>> {
        let (store, now_ms) = (&self.store, self.clock.wall_ms());
        let incarnation = store.incarnation().to_owned();
        Ok(match up {
            Up::Hello {
                epoch,
                boot,
                streams,
            } => {
                let applied = store.applied_of(village, streams.iter().map(|(s, ..)| s.clone()))?;
                store.hello(
                    village,
                    &Greeting::new(&epoch, boot, &streams, &applied),
                    now_ms,
                )?;
                let known = Some(Box::new(store.known(village, &applied, now_ms)?));
                Some(Down::Resume {
                    incarnation,
                    applied,
                    now_ms,
                    sure: self.clock.trust() != Trust::None,
                    known,
                })
            }
            Up::Batch(batch) => {
                let (applied, hole) = store.take(village, &batch, now_ms)?;
                Some(Down::Ack {
                    incarnation,
                    stream: batch.stream,
                    applied,
                    hole,
                })
            }
            Up::Gap {
                stream,
                from,
                to,
                reason,
            } => {
                self.complain(
                    village,
                    &format!("records {from} to {to} are missing there, it says: {reason}"),
                );
                let applied = store.take_gap(village, &stream, from, to, now_ms)?;
                Some(Down::Ack {
                    incarnation,
                    stream,
                    applied,
                    hole: from > applied.saturating_add(1),
                })
            }
            Up::Renew { .. } if !self.may_renew(village) => {
                self.complain(village, "it asks for one certificate after the other");
                None
            }
            // Whoever speaks here holds the newest certificate of this name; the next one is for
            // the same name.
            Up::Renew { request } => match self.signer.sign(&request, village, &self.clock) {
                Ok(certificate) => {
                    tracing::info!(village, "a village's certificate was renewed");
                    Some(Down::Certificate { certificate })
                }
                Err(cause) => {
                    self.complain(
                        village,
                        &format!("it asked for a certificate and got none: {cause}"),
                    );
                    None
                }
            },
            Up::Differs { stream, .. } => {
                store.differs(village, &stream, now_ms)?;
                None
            }
            Up::Outcome { seq, refused } => {
                store.outcome(village, seq, refused)?;
                None
            }
        })
    }
}
