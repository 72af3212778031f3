//! The commune's own client of its broker: hears every village, answers from the committed store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, Transport};
use tokio::sync::mpsc;

use super::store::{Outcome, Store};
use crate::keys::authority::Authority;
use crate::protocol::commune::{Down, Up};
use crate::supervisor::Stop;
use crate::supervisor::clock::Clock;

/// A bulletin without an outcome is sent again this often.
const AGAIN: Duration = Duration::from_secs(5);
/// Largest gap that is believed, records.
const GAP_MOST: u64 = 10_000_000;
/// A link whose messages are not worked off for so long is made again.
const STUCK: Duration = Duration::from_secs(30);

/// Runs one connection until it breaks or `stop`.
///
/// # Errors
/// Why it ended.
pub async fn run(socket: PathBuf, secret: String, store: Store, authority: Arc<Authority>, villages: Vec<String>, clock: Clock, stop: Stop) -> anyhow::Result<()> {
    let mut options = MqttOptions::new("commune", socket.display().to_string(), 0);
    options.set_transport(Transport::unix()).set_keep_alive(Duration::from_secs(20)).set_clean_session(true).set_credentials("@house", secret);
    options.set_max_packet_size(8 << 20, 8 << 20).set_inflight(64).set_manual_acks(true);
    let (client, mut events) = AsyncClient::new(options, 256);
    let (say, mut heard) = mpsc::channel(64);
    let receiving = async {
        loop {
            match events.poll().await? {
                Event::Incoming(Packet::ConnAck(_)) => client.try_subscribe("up/#", QoS::AtLeastOnce)?,
                // Answers wait for this loop and this loop for answers: never for ever.
                Event::Incoming(Packet::Publish(publish)) => tokio::time::timeout(STUCK, say.send(publish)).await??,
                _ => {}
            }
        }
    };
    let (answering, store_down, clock_down) = (client.clone(), store.clone(), clock.clone());
    let working = async {
        let mut again = tokio::time::interval(AGAIN);
        loop {
            tokio::select! {
                publish = heard.recv() => {
                    let Some(publish) = publish else { anyhow::bail!("the link closed") };
                    // The topic is what the certificate allows: it says who speaks.
                    if let Some(village) = publish.topic.strip_prefix("up/").and_then(|t| t.split('/').next()).filter(|v| villages.iter().any(|k| k == v)) {
                        let (store, clock, village, payload, authority) = (store.clone(), clock.clone(), village.to_owned(), publish.payload.clone(), authority.clone());
                        let answers = tokio::task::spawn_blocking({ let village = village.clone(); move || answer(&store, &authority, &village, &payload, &clock) }).await?;
                        // One village's trouble is not the others': it sends again by its own protocol.
                        let answers = answers.unwrap_or_else(|cause| {
                            tracing::error!(village, %cause, "what a village said could not be stored");
                            Vec::new()
                        });
                        for down in answers {
                            post(&answering, &village, &down).await?;
                        }
                    }
                    answering.ack(&publish).await?;
                }
                _ = again.tick() => {
                    for village in &villages {
                        for waiting in store_down.sent(village)?.into_iter().filter(|w| w.outcome == Outcome::Waiting && w.expires_at > clock_down.wall_ms()) {
                            let down = Down::Command { seq: waiting.seq, id: waiting.id, expires_at: waiting.expires_at, bulletin: waiting.bulletin };
                            post(&answering, village, &down).await?;
                        }
                    }
                }
            }
        }
    };
    tokio::select! {
        ended = receiving => ended,
        ended = working => ended,
        () = stop.soft.cancelled() => Ok(()),
    }
}

async fn post(client: &AsyncClient, village: &str, down: &Down) -> anyhow::Result<()> {
    client.publish(format!("down/{village}/say"), QoS::AtLeastOnce, false, serde_json::to_vec(down)?).await?;
    Ok(())
}

/// Takes one message in and gives the answers; blocks on the store.
fn answer(store: &Store, authority: &Authority, village: &str, payload: &[u8], clock: &Clock) -> anyhow::Result<Vec<Down>> {
    let now_ms = clock.wall_ms();
    let incarnation = store.incarnation().to_owned();
    let up = match serde_json::from_slice::<Up>(payload) {
        Ok(up) => up,
        Err(cause) => {
            tracing::warn!(village, %cause, "a village said something unknown");
            return Ok(Vec::new());
        }
    };
    Ok(match up {
        Up::Hello { epoch, boot, streams } => {
            store.hello(village, &epoch, boot, now_ms)?;
            let applied = streams.into_iter().map(|(s, ..)| store.applied(village, &s).map(|n| (s, n))).collect::<std::io::Result<Vec<_>>>()?;
            vec![Down::Resume { incarnation, applied, now_ms }]
        }
        Up::Batch(batch) => {
            let (applied, hole) = store.take(village, &batch, now_ms)?;
            vec![Down::Ack { incarnation, stream: batch.stream, applied, hole }]
        }
        Up::Gap { from, to, .. } if to.saturating_sub(from) > GAP_MOST => {
            tracing::warn!(village, from, to, "a village declared a gap that cannot be");
            Vec::new()
        }
        Up::Gap { stream, from, to, reason } => {
            tracing::warn!(village, from, to, reason, "a village declared records missing");
            let applied = store.take_gap(village, &stream, from, to)?;
            vec![Down::Ack { incarnation, stream, applied, hole: from > applied.saturating_add(1) }]
        }
        // Whoever speaks here holds a certificate for this name; the next one is for the same name.
        Up::Renew { request } => match authority.sign_request(&request, village, u64::try_from(clock.certain_ms() / 1000).unwrap_or(0)) {
            Ok(certificate) => {
                tracing::info!(village, "a village's certificate was renewed");
                vec![Down::Certificate { certificate }]
            }
            Err(cause) => {
                tracing::warn!(village, %cause, "a village asked for a certificate with something that is no request");
                Vec::new()
            }
        },
        Up::Outcome { seq, refused } => {
            store.outcome(village, seq, refused)?;
            Vec::new()
        }
    })
}
