//! A speaker cluster's receiver: accepts signed orders, fetches sounds by hash, plays them, proves
//! it.
//!
//! It plays in real time into a WAV file, as a sound card would. It refuses an order that is not
//! signed by the pinned key, not newer than the last order, or expired; its memory of the last
//! order survives a restart in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use conglang::keys::signing::PinnedPublicKey;
use conglang::protocol::speaker::{
    FailureReason, ReceiverState, ReceiverStatus, SpeakerAction, Verdict, verify_order,
};
use conglang::speakers::speech::{parse_wav, write_wav};
use conglang::time::WallMs;
use rumqttc::{AsyncClient, Event, LastWill, MqttOptions, Packet, QoS};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Everything a receiver is set up with.
#[derive(Clone)]
pub struct Receiver {
    pub id: String,
    pub host: String,
    pub port: u16,
    pub secret: String,
    pub key: String,
    /// The WAV that is played into, and beside it the number of the last order.
    pub out: PathBuf,
}

fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0))
}

/// The receiver's memory, which survives a restart: the number of the last order that counts, and
/// how far the announcement that it last played is.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
struct Memory {
    last: u64,
    status: Option<ReceiverStatus>,
}

impl Memory {
    fn load(path: &Path) -> Self {
        std::fs::read(path)
            .ok()
            .and_then(|b| serde_json::from_slice(&b).ok())
            .unwrap_or_default()
    }

    /// Writes all of it or nothing: a torn file would make it accept old orders again.
    fn save(&self, path: &Path) {
        let fresh = path.with_extension("new");
        let written = std::fs::File::create(&fresh).and_then(|mut f| {
            std::io::Write::write_all(&mut f, &serde_json::to_vec(self)?)?;
            f.sync_all()
        });
        if let Err(cause) = written.and_then(|()| std::fs::rename(&fresh, path)) {
            tracing::error!(%cause, "the number of the last order could not be kept");
        }
    }
}

/// Results of the receiver's own tasks.
enum Done {
    Fetched {
        announcement: String,
        hash: String,
        wav: Option<Vec<u8>>,
    },
    Status(ReceiverStatus),
}

impl Receiver {
    /// Runs for ever.
    #[expect(clippy::too_many_lines, reason = "the program's steps in their order")]
    pub async fn run(self) -> anyhow::Result<()> {
        let pinned = PinnedPublicKey::parse(&self.key).map_err(anyhow::Error::msg)?;
        let path = self.out.with_extension("last");
        let mut memory = Memory::load(&path);
        let mut options = MqttOptions::new(format!("horn-{}", self.id), &self.host, self.port);
        options
            .set_credentials(&self.id, &self.secret)
            .set_keep_alive(Duration::from_secs(15));
        options.set_last_will(LastWill::new(
            format!("d/{}/up", self.id),
            "offline",
            QoS::AtLeastOnce,
            true,
        ));
        let (client, mut events) = AsyncClient::new(options, 32);
        let mut sound: Option<(String, Vec<u8>)> = None;
        // Rises with every stop: a play that began before it falls silent.
        let silence = Arc::new(AtomicU64::new(0));
        let (report, mut reports) = tokio::sync::mpsc::channel(16);
        loop {
            let event = tokio::select! {
                event = events.poll() => event,
                Some(done) = reports.recv() => {
                    let status = match done {
                        Done::Fetched { announcement, hash, wav: Some(wav) } => {
                            sound = Some((hash, wav));
                            ReceiverStatus {
                                announcement,
                                state: ReceiverState::Prepared,
                                ms: 0,
                                why: String::new(),
                            }
                        }
                        Done::Fetched { announcement, .. } => ReceiverStatus {
                            announcement,
                            state: ReceiverState::Failed,
                            ms: 0,
                            why: FailureReason::NotFetched.sentence().into(),
                        },
                        Done::Status(status) => {
                            memory.status = Some(status.clone());
                            memory.save(&path);
                            status
                        }
                    };
                    self.say(&client, &status);
                    continue;
                }
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let _ = client.try_subscribe(format!("c/{}/#", self.id), QoS::AtLeastOnce);
                    let _ = client.try_publish(
                        format!("d/{}/up", self.id),
                        QoS::AtLeastOnce,
                        true,
                        "online",
                    );
                }
                Ok(Event::Incoming(Packet::Publish(p))) if p.topic.ends_with("/order") => {
                    let order = match verify_order(
                        &p.payload,
                        &self.id,
                        |b, s| pinned.verify(b, s),
                        memory.last,
                        WallMs::new(now_ms()),
                    ) {
                        Ok(Verdict::Accept(order))
                            if order.act.announcement().is_empty()
                                || memory
                                    .status
                                    .as_ref()
                                    .is_none_or(|s| s.announcement != order.act.announcement()) =>
                        {
                            order
                        }
                        // The gateway missed the status: it is sent again, and nothing is played
                        // twice.
                        Ok(Verdict::Accept(order) | Verdict::Duplicate(order)) => {
                            match &memory.status {
                                Some(status) if status.announcement == order.act.announcement() => {
                                    self.say(&client, status);
                                }
                                _ if order.act == SpeakerAction::Stop
                                    && order.seq == memory.last =>
                                {
                                    self.say(&client, &stopped());
                                }
                                _ => tracing::warn!(id = self.id, "an older order came again"),
                            }
                            continue;
                        }
                        Err(why) => {
                            tracing::warn!(id = self.id, why, "an order was refused");
                            continue;
                        }
                    };
                    match order.act {
                        SpeakerAction::Prepare {
                            announcement,
                            url,
                            hash,
                        } => {
                            let report = report.clone();
                            tokio::spawn(async move {
                                let wav = fetch(&url)
                                    .await
                                    .filter(|w| conglang::keys::secret::sha256(w) == hash);
                                let _ = report
                                    .send(Done::Fetched {
                                        announcement,
                                        hash,
                                        wav,
                                    })
                                    .await;
                            });
                        }
                        SpeakerAction::Play { announcement, hash } => {
                            memory.last = order.seq;
                            let found = sound
                                .clone()
                                .filter(|(h, _)| *h == hash)
                                .and_then(|(_, w)| parse_wav(&w));
                            let (state, why) = if found.is_some() {
                                (ReceiverState::Playing, "")
                            } else {
                                (ReceiverState::Failed, FailureReason::NotStored.sentence())
                            };
                            let status = ReceiverStatus {
                                announcement: announcement.clone(),
                                state,
                                ms: 0,
                                why: why.into(),
                            };
                            memory.status = Some(status.clone());
                            memory.save(&path);
                            self.say(&client, &status);
                            if let Some((rate, samples)) = found {
                                // The silence that this play belongs to is read before a stop can
                                // arrive.
                                let (this, report, silence, mine) = (
                                    self.clone(),
                                    report.clone(),
                                    silence.clone(),
                                    silence.load(Ordering::SeqCst),
                                );
                                tokio::spawn(async move {
                                    let ms = this.play(rate, &samples, &silence, mine).await;
                                    if let Some(ms) = ms {
                                        let _ = report
                                            .send(Done::Status(ReceiverStatus {
                                                announcement,
                                                state: ReceiverState::Played,
                                                ms,
                                                why: String::new(),
                                            }))
                                            .await;
                                    }
                                });
                            }
                        }
                        SpeakerAction::Stop => {
                            silence.fetch_add(1, Ordering::SeqCst);
                            memory.last = order.seq;
                            if let Some(status) = memory
                                .status
                                .as_mut()
                                .filter(|s| s.state == ReceiverState::Playing)
                            {
                                status.state = ReceiverState::Stopped;
                            }
                            memory.save(&path);
                            self.say(&client, &stopped());
                        }
                    }
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(700)).await,
            }
        }
    }

    /// Plays in real time; gives how many ms when all of it was played.
    async fn play(
        &self,
        rate: u32,
        samples: &[i16],
        silence: &AtomicU64,
        mine: u64,
    ) -> Option<u64> {
        let mut played = append(&self.out);
        let begin = played.len();
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        for part in samples.chunks((rate / 50) as usize) {
            tick.tick().await;
            if silence.load(Ordering::SeqCst) != mine {
                break;
            }
            played.extend_from_slice(part);
        }
        let ms = (played.len() - begin) as u64 * 1000 / u64::from(rate);
        let _ = std::fs::write(&self.out, write_wav(rate, &played));
        (played.len() - begin == samples.len()).then_some(ms)
    }

    fn say(&self, client: &AsyncClient, status: &ReceiverStatus) {
        let _ = client.try_publish(
            format!("d/{}/speaker/status", self.id),
            QoS::AtLeastOnce,
            false,
            serde_json::to_vec(status).unwrap_or_default(),
        );
    }
}

fn stopped() -> ReceiverStatus {
    ReceiverStatus {
        announcement: String::new(),
        state: ReceiverState::Stopped,
        ms: 0,
        why: String::new(),
    }
}

/// The samples that were played so far.
fn append(out: &Path) -> Vec<i16> {
    std::fs::read(out)
        .ok()
        .and_then(|b| parse_wav(&b))
        .map(|(_, s)| s)
        .unwrap_or_default()
}

/// GET over plain HTTP in the devices' network; the hash proves the content.
async fn fetch(url: &str) -> Option<Vec<u8>> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/')?;
    let work = async {
        let mut stream = tokio::net::TcpStream::connect(host).await.ok()?;
        stream
            .write_all(
                format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
                    .as_bytes(),
            )
            .await
            .ok()?;
        let mut answer = Vec::new();
        stream.take(40 << 20).read_to_end(&mut answer).await.ok()?;
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
        answer
            .starts_with(b"HTTP/1.1 200")
            .then(|| answer.split_off(at + 4))
    };
    tokio::time::timeout(Duration::from_secs(10), work)
        .await
        .ok()
        .flatten()
}
