//! Holds one connection to the commune after the other. Messages that are received go to the engine
//! and to the code that carries them out. Each message is acknowledged to the broker only when its
//! effects are durable.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
use tokio::sync::mpsc;

use super::engine::Engine;
use super::send::SendProgress;
use super::status_report::StatusReports;
use super::uplink::{RECEIPT_CURSOR, Uplink};
use crate::domain::topics;
use crate::keys::authority::certificate_request;
use crate::keys::certificate_status::is_clock_trusted;
use crate::keys::lifetime::RemainingLifetime;
use crate::keys::tls;
use crate::protocol::commune::{DownlinkMessage, UplinkMessage};
use crate::supervisor::Stop;
use crate::supervisor::backoff::{Backoff, jitter};
use crate::supervisor::standstill::Passes;
use crate::time::WallMs;

/// How often the waiting entries are counted, whether the link is up or not.
const COUNT_INTERVAL: Duration = Duration::from_secs(2);

/// A message of the commune within the bounds of the protocol, or the reason why it is none.
fn read_message(payload: &[u8]) -> Result<DownlinkMessage, String> {
    let down: DownlinkMessage = serde_json::from_slice(payload).map_err(|e| e.to_string())?;
    match down.validation_error() {
        None => Ok(down),
        Some(why) => Err(why.to_owned()),
    }
}

impl Uplink {
    /// Keeps a connection open until `stop`. A commune that cannot be reached is ordinary and no
    /// failure of the gateway: health stays green, and the page shows how many entries wait.
    ///
    /// # Errors
    /// Never by itself; the type fits a service.
    pub async fn run_until_stopped(self, stop: Stop) -> anyhow::Result<()> {
        let received = self.journal.cursor(RECEIPT_CURSOR);
        let at = self
            .journal
            .before(received.saturating_add(1), 1)
            .await
            .first()
            .map_or(WallMs::default(), |e| e.entry.wall_ms);
        self.live
            .uplink
            .update(|l| (l.received, l.received_at) = (received, at));
        let counting = async {
            let mut every = tokio::time::interval(COUNT_INTERVAL);
            loop {
                every.tick().await;
                let waiting = self.unacknowledged().await;
                self.live.uplink.update(|l| l.waiting = waiting);
            }
        };
        tokio::select! {
            () = counting => {}
            () = self.run_with_retries(&stop) => {}
        }
        Ok(())
    }

    async fn run_with_retries(&self, stop: &Stop) {
        let mut backoff = Backoff::new(1_000, 60_000);
        let mut refused = 0u32;
        while !stop.soft.is_cancelled() {
            let began = self.clock.mono_ms();
            if let Err(error) = self.run_connection(stop.clone(), refused).await {
                tracing::info!(cause = %format_args!("{error:#}"), "commune link lost");
            }
            let lived = self.clock.mono_ms().since(began);
            backoff.record_run(lived);
            // A link that ends so soon may have been refused for its certificate: the next
            // connection shows the other one.
            if lived <= 30_000 {
                refused = refused.wrapping_add(1);
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.next(jitter())) => {}
                () = stop.soft.cancelled() => {}
            }
        }
    }

    /// Runs one connection until it breaks or `stop`.
    ///
    /// # Errors
    /// The reason why it ended.
    async fn run_connection(&self, stop: Stop, refused: u32) -> anyhow::Result<()> {
        let (host, port) = self
            .server
            .rsplit_once(':')
            .ok_or_else(|| anyhow::anyhow!("“{}” has no port", self.server))?;
        let mut options = MqttOptions::new(format!("gate-{}", self.village), host, port.parse()?);
        let config = tls::client_config(
            &self.ca,
            Some(self.next_certificate(refused)),
            self.clock.clone(),
        )?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config)));
        options
            .set_keep_alive(Duration::from_secs(30))
            .set_clean_session(true)
            .set_max_packet_size(1 << 20, 8 << 20)
            .set_inflight(16)
            .set_manual_acks(true);
        let (client, mut events) = AsyncClient::new(options, 64);
        let (messages_tx, mut messages) = mpsc::channel(64);
        let receiving = async {
            loop {
                match events.poll().await? {
                    Event::Incoming(Packet::ConnAck(_)) => {
                        client.try_subscribe(
                            topics::downlink_filter(&self.village),
                            QoS::AtLeastOnce,
                        )?;
                    }
                    Event::Incoming(Packet::SubAck(_)) => messages_tx.send(None).await?,
                    Event::Incoming(Packet::Publish(publish)) => {
                        messages_tx.send(Some(publish)).await?;
                    }
                    _ => {}
                }
            }
        };
        let working = self.work(&client, &mut messages);
        let ended = tokio::select! {
            ended = receiving => ended,
            ended = working => ended,
            () = stop.soft.cancelled() => Ok(()),
        };
        let now = self.clock.wall_ms();
        self.live.uplink.update(|l| {
            if l.up {
                l.up = false;
                l.since = now;
            }
        });
        ended
    }

    async fn work(
        &self,
        client: &AsyncClient,
        messages: &mut mpsc::Receiver<Option<rumqttc::Publish>>,
    ) -> anyhow::Result<()> {
        let mut engine = Engine::default();
        let mut known = SendProgress::default();
        let mut reports = StatusReports::default();
        // The private key of a certificate request that is not answered yet.
        let mut asked: Option<String> = None;
        let mut watch = self.journal.watch();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let mut passes = Passes::begin();
        loop {
            let now = self.clock.mono_ms();
            if passes.pass().is_some() {
                engine.begin_anew(now);
            }
            let todo = tokio::select! {
                message = messages.recv() => match message {
                    None => anyhow::bail!("the link closed"),
                    Some(None) => engine.connected(now),
                    Some(Some(publish)) => {
                        let todo = match read_message(&publish.payload) {
                            Ok(down) => {
                                let rest = self
                                    .carry_out(client, &mut reports, &mut asked, down)
                                    .await?;
                                rest.map_or_else(Vec::new, |down| {
                                    engine.handle_message(&down, &self.stream_ranges(), now)
                                })
                            }
                            Err(cause) => {
                                tracing::warn!(%cause, "unknown message from commune");
                                Vec::new()
                            }
                        };
                        // The effects of the message are durable.
                        client.ack(&publish).await?;
                        todo
                    }
                },
                changed = watch.changed() => {
                    changed?;
                    watch.borrow_and_update();
                    engine.tick(&self.stream_ranges(), now)
                }
                _ = tick.tick() => engine.tick(&self.stream_ranges(), now),
            };
            self.perform(client, &mut engine, &mut known, todo).await?;
            self.report_status(&engine).await?;
            self.report_village_status(client, &mut reports).await?;
        }
    }

    /// Carries out a message of the commune, as far as it is not about streams; returns it if it is
    /// for the engine too. `asked` is the private key of a certificate request that is not answered
    /// yet.
    ///
    /// # Errors
    /// When the link or the journal failed: the message comes again.
    async fn carry_out(
        &self,
        client: &AsyncClient,
        reports: &mut StatusReports,
        asked: &mut Option<String>,
        down: DownlinkMessage,
    ) -> anyhow::Result<Option<DownlinkMessage>> {
        match down {
            DownlinkMessage::Command {
                seq,
                id,
                expires_at,
                bulletin,
            } => {
                let refused = self.execute_command(&id, expires_at, bulletin).await?;
                let outcome = UplinkMessage::Outcome { seq, refused };
                self.publish(client, &outcome).await?;
                return Ok(None);
            }
            DownlinkMessage::Certificate { certificate } => {
                if let Some(key) = asked.take() {
                    self.install_certificate(&certificate, key);
                }
                return Ok(None);
            }
            DownlinkMessage::Resume {
                now_ms,
                sure,
                ref applied,
                ref known,
                status,
                ..
            } => {
                if asked.is_none() && self.must_renew() {
                    let (request, key) = certificate_request(self.village.as_str())?;
                    *asked = Some(key);
                    let renew = UplinkMessage::Renew { request };
                    self.publish(client, &renew).await?;
                }
                reports.resume(status);
                self.apply_commune_time(now_ms, sure);
                self.compare(client, applied, known.as_deref()).await?;
            }
            DownlinkMessage::Ack { .. } => {}
        }
        Ok(Some(down))
    }

    /// True when the village's certificate ends soon. A clock that is wrong makes every certificate
    /// look old: one that seems to have ended is renewed only by a clock that is trusted.
    fn must_renew(&self) -> bool {
        let (files, days) = self.best_certificate();
        let lifetime = files.lifetime_of_own_leaf(&self.clock);
        let is_due = days <= 0 || lifetime.is_none_or(RemainingLifetime::is_due);
        is_due && (days > 0 || is_clock_trusted(&self.clock))
    }
}
