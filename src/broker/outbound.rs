//! What a client is sent: answers first, then batches of what is queued, as fast as its socket
//! takes them.
//!
//! Invariants: nothing larger than the client takes is said; who takes nothing for [`WRITE_MAX`] is
//! cut, whatever comes for it meanwhile.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use super::client::{BATCH, Client, Stop};
use super::message::Queued;
use super::queue::Out;
use crate::protocol::mqtt::say::{self, Delivery};

/// How long a client may take nothing of what it is sent.
const WRITE_MAX: Duration = Duration::from_secs(10);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// The alias for a topic, and whether the topic must be said with it.
    fn alias(&mut self, topic: &str) -> Option<(u16, bool)> {
        if self.with.aliases == 0 {
            return None;
        }
        if let Some(alias) = self.aliases_out.get(topic) {
            return Some((*alias, false));
        }
        let next = u16::try_from(self.aliases_out.len() + 1)
            .ok()
            .filter(|n| *n <= self.with.aliases)?;
        self.aliases_out.insert(topic.into(), next);
        Some((next, true))
    }

    /// Encodes a delivery; false = it is larger than the client takes.
    fn deliver(&mut self, id: u16, item: &Queued, again: bool, now: Instant) -> bool {
        let m = &item.message;
        let expiry = m.expires.map(|e| {
            u32::try_from(e.saturating_duration_since(now).as_secs())
                .unwrap_or(u32::MAX)
                .max(1)
        });
        let before = self.output.len();
        let alias = self.alias(&m.topic);
        let delivery = Delivery {
            topic: &m.topic,
            payload: &m.payload,
            qos: item.qos,
            id,
            dup: again && item.qos > 0,
            retain: item.retain,
            forward: &m.forward,
            expiry,
            subscription_ids: &item.identifiers,
            alias,
        };
        say::publish(&mut self.output, self.with.version, &delivery);
        if self.output.len() - before > self.with.largest {
            self.output.truncate(before);
            if let Some((_, true)) = alias {
                self.aliases_out.remove(&m.topic);
            }
            return false;
        }
        self.traffic.packets_out += 1;
        true
    }

    /// Collects a batch of what is queued. True = there is more.
    fn collect(&mut self) -> bool {
        let guard = self.guard.clone();
        let mut core = guard.lock();
        let slot = self.with.attached.slot;
        let now = Instant::now();
        core.counters.traffic.add(std::mem::take(&mut self.traffic));
        while self.output.len() < BATCH {
            match core.next(slot, now) {
                None => return false,
                Some(Out::Release(id)) => say::ack(&mut self.output, self.with.version, 6, id, 0),
                Some(Out::Publish { id, item, again }) => {
                    // Larger than the client takes: as if it had been delivered [MQTT-3.1.2-25].
                    if !self.deliver(id, &item, again, now) {
                        core.counters.too_large += 1;
                        if id > 0 {
                            core.refuse(slot, id);
                        }
                    }
                }
            }
        }
        true
    }

    /// Writes answers whose promise is kept and one batch of what is queued. True = there is more.
    pub(super) async fn flush(&mut self) -> Result<bool, Stop> {
        self.answer()?;
        // SUBACK goes before what the subscription brings.
        let mut more = !self.owes_suback() && self.collect();
        for _ in 0..std::mem::take(&mut self.pongs) {
            say::pong(&mut self.output);
        }
        self.traffic.bytes_out += self.output.len() as u64;
        more |= self.write_out().await?;
        Ok(more)
    }

    /// Writes the output out, for as long as the socket takes some of it every [`WRITE_MAX`]: a
    /// slow link is not a dead one, and what comes meanwhile is no sign of life. True =
    /// something came.
    async fn write_out(&mut self) -> Result<bool, Stop> {
        let (wake, meter) = (self.with.attached.wake.clone(), self.with.meter.clone());
        let mut came = false;
        let stuck = tokio::time::sleep(WRITE_MAX);
        tokio::pin!(stuck);
        loop {
            let Self { io, output, .. } = &mut *self;
            let step = async {
                if output.is_empty() {
                    return io.flush().await.map(|()| 0);
                }
                match io.write_buf(output).await {
                    Ok(0) => Err(std::io::ErrorKind::WriteZero.into()),
                    done => done,
                }
            };
            tokio::select! {
                biased;
                done = step => match done {
                    Ok(0) => return Ok(came),
                    Ok(_) => {}
                    Err(_) => return Err(Stop::Gone),
                },
                () = wake.notified() => {
                    came = true;
                    if let Some((code, why)) = self.with.attached.cut.why() {
                        self.output.clear();
                        return Err(Stop::Cut(code, why));
                    }
                }
                () = stuck.as_mut() => {
                    let progress = meter.wrote_at() + WRITE_MAX;
                    if progress <= Instant::now() {
                        self.output.clear();
                        return Err(Stop::Stuck);
                    }
                    stuck.as_mut().reset(progress);
                }
            }
        }
    }
}
