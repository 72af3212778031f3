//! The truck: a fresh MQTT client at each connection, the engine's wishes carried out from the
//! journal.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
use tokio::sync::mpsc;

use super::engine::{Do, Engine, Offer};
use super::waiting::Receipts;
use crate::domain::event::Lane;
use crate::domain::id::VillageId;
use crate::journal::{Journal, codec};
use crate::keys::authority::{Files as CertFiles, RENEW_DAYS, request};
use crate::keys::standing::is_settled;
use crate::keys::tls;
use crate::live::Live;
use crate::protocol::commune::{BATCH_RAW, BATCH_RECORDS, Down, HELLO_STREAMS, Stream, Up, pack};
use crate::store::files::Files;
use crate::supervisor::Stop;
use crate::supervisor::backoff::{Backoff, jitter};
use crate::supervisor::clock::Clock;

/// Lanes on the wire, in order of sending.
pub(super) const LANES: [Lane; 3] = [Lane::Alarm, Lane::Log, Lane::State];

/// Name of the cursor that says what the commune has.
pub const RECEIPT: &str = "receipt";

/// Largest batch as it goes onto the wire, bytes; the commune's broker takes 256 KiB.
const WIRE_MOST: usize = 200 * 1024;
/// How often it is counted what waits, whatever the link does.
const COUNT: Duration = Duration::from_secs(2);
/// Records that cannot be read for so long are missing, ms.
const DOUBT_MS: u64 = 5_000;

/// What is known of the streams in this connection.
#[derive(Default)]
struct Known {
    /// Where the last batch ended: its number in the lane and in the house.
    ends: BTreeMap<Stream, (u64, u64)>,
    /// Since when records from there on could not be read, monotonic ms.
    doubts: BTreeMap<(Stream, u64), u64>,
}

/// What the uplink works with.
#[derive(Clone)]
pub struct Uplink {
    /// Who we are.
    pub village: VillageId,
    /// `host:port` of the commune.
    pub server: String,
    /// The commune's CA.
    pub ca: PathBuf,
    /// Our certificate as the technician installed it.
    pub identity: CertFiles,
    /// Our certificate as the commune renewed it; the one that lasts longer is used.
    pub renewed: CertFiles,
    /// The journal.
    pub journal: Journal,
    /// People's files.
    pub files: Files,
    /// What is now.
    pub live: Live,
    /// The clock.
    pub clock: Clock,
    /// What the commune acknowledged.
    pub receipts: Receipts,
}

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

    /// Streams with what they still hold, oldest epoch first.
    pub(super) fn offers(&self) -> Vec<Offer> {
        let history = self.journal.history();
        let mut out = Vec::new();
        for span in history.epochs() {
            for lane in LANES {
                let last = span.lanes[lane.index()];
                if last > 0 {
                    // What was trimmed of an epoch is found, and told as a gap, when it is read.
                    out.push((
                        Stream {
                            epoch: codec::epoch_text(&span.epoch),
                            lane,
                        },
                        1,
                        last,
                    ));
                }
            }
        }
        out
    }

    /// What HELLO names: the newest streams, as many as a message has room for. Of older ones the
    /// commune says how far it is when they come; what it has it counts as repeated.
    fn newest_offers(&self) -> Vec<Offer> {
        let mut offers = self.offers();
        let over = offers.len().saturating_sub(HELLO_STREAMS);
        offers.drain(..over);
        offers
    }

    async fn carry_out(
        &self,
        client: &AsyncClient,
        engine: &mut Engine,
        known: &mut Known,
        todo: Vec<Do>,
    ) -> anyhow::Result<()> {
        let mut queue: std::collections::VecDeque<Do> = todo.into();
        while let Some(what) = queue.pop_front() {
            match what {
                Do::Hello => {
                    let up = Up::Hello {
                        epoch: codec::epoch_text(&self.journal.epoch()),
                        boot: self.journal.state().boot,
                        streams: self.newest_offers(),
                    };
                    self.post(client, &up).await?;
                }
                Do::Gap { stream, from, to } => {
                    self.post(
                        client,
                        &Up::Gap {
                            stream,
                            from,
                            to,
                            reason: "trimmed or damaged".into(),
                        },
                    )
                    .await?
                }
                Do::Received { .. } => {}
                Do::Send { stream, from } => {
                    if self.send(client, engine, known, &stream, from).await? {
                        queue.extend(engine.tick(&self.offers(), self.clock.mono_ms()));
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
        known: &mut Known,
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
                if records.len() >= BATCH_RECORDS || size > BATCH_RAW {
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
            if serde_json::to_vec(&batch)?.len() <= WIRE_MOST {
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
                tracing::warn!(
                    ?stream,
                    from,
                    "words that are too long for the wire stay in the village"
                );
                texts.clear();
            }
        };
        engine.sent(stream, last, now);
        known.ends.insert(stream.clone(), (last, seq));
        self.post(client, &Up::Batch(batch)).await?;
        Ok(true)
    }

    /// Declares records missing, when they were missing for [`DOUBT_MS`].
    async fn gap(
        &self,
        client: &AsyncClient,
        engine: &mut Engine,
        known: &mut Known,
        stream: &Stream,
        from: u64,
        to: u64,
    ) -> anyhow::Result<bool> {
        let now = self.clock.mono_ms();
        let since = *known.doubts.entry((stream.clone(), from)).or_insert(now);
        if now.saturating_sub(since) < DOUBT_MS {
            return Ok(false);
        }
        known.doubts.remove(&(stream.clone(), from));
        tracing::warn!(
            ?stream,
            from,
            to,
            "records are no longer there; the commune is told"
        );
        engine.sent(stream, to, now);
        self.post(
            client,
            &Up::Gap {
                stream: stream.clone(),
                from,
                to,
                reason: "trimmed or damaged".into(),
            },
        )
        .await?;
        Ok(true)
    }

    pub(super) async fn post(&self, client: &AsyncClient, up: &Up) -> anyhow::Result<()> {
        client
            .publish(
                format!("up/{}/say", self.village),
                QoS::AtLeastOnce,
                false,
                serde_json::to_vec(up)?,
            )
            .await?;
        Ok(())
    }

    /// Tells the pages how the link is: received means that no earlier entry waits.
    async fn show(&self, engine: &Engine) -> anyhow::Result<()> {
        if !engine.is_answered() {
            return Ok(());
        }
        // The newest entry first: one that comes between the two looks must not count as received.
        let newest = self
            .journal
            .before(u64::MAX, 1)
            .await
            .first()
            .map(|e| (e.entry.seq, e.entry.wall_ms));
        let offers = self.offers();
        let complete = engine.is_complete(&offers);
        self.receipts.heard(engine, &offers);
        let waiting = self.waiting().await;
        if let (true, Some((seq, _))) = (complete, newest)
            && seq > self.journal.cursor(RECEIPT)
        {
            // History up to here may go when it is old enough.
            self.journal.feed(RECEIPT, 0).done(seq).await?;
        }
        let now = self.clock.wall_ms();
        self.live.uplink.change(|l| {
            if !l.up {
                l.up = true;
                l.since = now;
            }
            l.waiting = waiting;
            if let (true, Some((seq, at))) = (complete, newest) {
                l.received = seq;
                l.received_at = at;
            }
        });
        Ok(())
    }
}
