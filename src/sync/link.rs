//! One connection to the commune after the other: what is heard is handed to the engine and to
//! those who carry it out, each message acknowledged only when what it led to is durable.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
use tokio::sync::mpsc;

use super::engine::Engine;
use super::send::Known;
use super::uplink::{RECEIPT, Uplink};
use crate::keys::authority::{RENEW_DAYS, request};
use crate::keys::standing::is_settled;
use crate::keys::tls;
use crate::protocol::commune::{Down, Up};
use crate::supervisor::Stop;
use crate::supervisor::backoff::{Backoff, jitter};

/// How often it is counted what waits, whatever the link does.
const COUNT: Duration = Duration::from_secs(2);

impl Uplink {
    /// Keeps a connection until `stop`. A commune that cannot be reached is an ordinary day, not a
    /// failure of the house: health stays green, the page says that work is kept.
    ///
    /// # Errors
    /// Never by itself; the type fits a service.
    pub async fn keep(self, stop: Stop) -> anyhow::Result<()> {
        let received = self.journal.cursor(RECEIPT);
        let at = self
            .journal
            .before(received.saturating_add(1), 1)
            .await
            .first()
            .map_or(0, |e| e.entry.wall_ms);
        self.live
            .uplink
            .change(|l| (l.received, l.received_at) = (received, at));
        let counting = async {
            let mut every = tokio::time::interval(COUNT);
            loop {
                every.tick().await;
                let waiting = self.waiting().await;
                self.live.uplink.change(|l| l.waiting = waiting);
            }
        };
        tokio::select! {
            () = counting => {}
            () = self.keep_linked(&stop) => {}
        }
        Ok(())
    }

    async fn keep_linked(&self, stop: &Stop) {
        let mut backoff = Backoff::new(1_000, 60_000);
        let mut refused = 0u32;
        while !stop.soft.is_cancelled() {
            let began = self.clock.mono_ms();
            if let Err(error) = self.run(stop.clone(), refused).await {
                tracing::info!("the link to the commune ended: {error:#}");
            }
            let lived = self.clock.mono_ms().saturating_sub(began);
            backoff.ran(lived);
            // A certificate that is refused lets no link live: the other has its turn.
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
    /// Why it ended.
    async fn run(&self, stop: Stop, refused: u32) -> anyhow::Result<()> {
        let (host, port) = self
            .server
            .rsplit_once(':')
            .ok_or_else(|| anyhow::anyhow!("“{}” has no port", self.server))?;
        let mut options = MqttOptions::new(format!("gate-{}", self.village), host, port.parse()?);
        let config = tls::client(&self.ca, Some(self.turn(refused)), self.clock.clone())?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config)));
        options
            .set_keep_alive(Duration::from_secs(30))
            .set_clean_session(true)
            .set_max_packet_size(1 << 20, 8 << 20)
            .set_inflight(16)
            .set_manual_acks(true);
        let (client, mut events) = AsyncClient::new(options, 64);
        let (say, mut heard) = mpsc::channel(64);
        let receiving = async {
            loop {
                match events.poll().await? {
                    Event::Incoming(Packet::ConnAck(_)) => {
                        client
                            .try_subscribe(format!("down/{}/#", self.village), QoS::AtLeastOnce)?;
                    }
                    Event::Incoming(Packet::SubAck(_)) => say.send(None).await?,
                    Event::Incoming(Packet::Publish(publish)) => say.send(Some(publish)).await?,
                    _ => {}
                }
            }
        };
        let working = self.work(&client, &mut heard);
        let ended = tokio::select! {
            ended = receiving => ended,
            ended = working => ended,
            () = stop.soft.cancelled() => Ok(()),
        };
        let now = self.clock.wall_ms();
        self.live.uplink.change(|l| {
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
        heard: &mut mpsc::Receiver<Option<rumqttc::Publish>>,
    ) -> anyhow::Result<()> {
        let mut engine = Engine::default();
        let mut known = Known::default();
        // The key of a request that was not answered yet.
        let mut asked: Option<String> = None;
        let mut watch = self.journal.watch();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            let now = self.clock.mono_ms();
            let todo = tokio::select! {
                message = heard.recv() => match message {
                    None => anyhow::bail!("the link closed"),
                    Some(None) => engine.connected(now),
                    Some(Some(publish)) => {
                        let down = serde_json::from_slice::<Down>(&publish.payload).map_err(|e| e.to_string());
                        let todo = match down.and_then(|down| down.unsound().map_or(Ok(down), |why| Err(why.to_owned()))) {
                            Ok(Down::Command { seq, id, expires_at, bulletin }) => {
                                let refused = self.obey(&id, expires_at, bulletin).await?;
                                self.post(client, &Up::Outcome { seq, refused }).await?;
                                Vec::new()
                            }
                            Ok(Down::Certificate { certificate }) => {
                                if let Some(key) = asked.take() {
                                    self.take_certificate(&certificate, key);
                                }
                                Vec::new()
                            }
                            Ok(down) => {
                                // A clock that nobody vouches for yet must not make every certificate old.
                                if matches!(down, Down::Resume { .. }) && asked.is_none() && self.best().1 <= RENEW_DAYS && (self.best().1 > 0 || is_settled(&self.clock)) {
                                    let (request, key) = request(self.village.as_str())?;
                                    asked = Some(key);
                                    self.post(client, &Up::Renew { request }).await?;
                                }
                                if let Down::Resume { now_ms, sure, applied, known, .. } = &down {
                                    self.take_time(*now_ms, *sure);
                                    self.compare(client, applied, known.as_deref()).await?;
                                }
                                engine.heard(&down, &self.offers(), now)
                            }
                            Err(cause) => {
                                tracing::warn!(%cause, "the commune said something unknown");
                                Vec::new()
                            }
                        };
                        // What it led to is durable.
                        client.ack(&publish).await?;
                        todo
                    }
                },
                changed = watch.changed() => {
                    changed?;
                    watch.borrow_and_update();
                    engine.tick(&self.offers(), now)
                }
                _ = tick.tick() => engine.tick(&self.offers(), now),
            };
            self.carry_out(client, &mut engine, &mut known, todo)
                .await?;
            self.show(&engine).await?;
        }
    }
}
