//! A horn cluster's receiver: takes signed orders, fetches sounds by hash, plays them, proves it.
//!
//! Plays in real time into a WAV file, as a sound card would. Refuses what is not signed by the pinned key,
//! not newer than the last order, or expired; its memory of the last order survives a restart in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use conglang::keys::signing::Pinned;
use conglang::protocol::speaker::{Act, State, Status, judge};
use conglang::speakers::speech::{parse_wav, write_wav};
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
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0))
}

impl Receiver {
    /// Runs for ever.
    pub async fn run(self) -> anyhow::Result<()> {
        let pinned = Pinned::parse(&self.key).map_err(anyhow::Error::msg)?;
        let memory = self.out.with_extension("last");
        let mut last: u64 = std::fs::read_to_string(&memory).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0);
        let mut options = MqttOptions::new(format!("horn-{}", self.id), &self.host, self.port);
        options.set_credentials(&self.id, &self.secret).set_keep_alive(Duration::from_secs(15));
        options.set_last_will(LastWill::new(format!("d/{}/up", self.id), "offline", QoS::AtLeastOnce, true));
        let (client, mut events) = AsyncClient::new(options, 32);
        let mut sound: Option<(String, Vec<u8>)> = None;
        // Rises with every stop: a play that began before falls silent.
        let silence = Arc::new(AtomicU64::new(0));
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let _ = client.try_subscribe(format!("c/{}/#", self.id), QoS::AtLeastOnce);
                    let _ = client.try_publish(format!("d/{}/up", self.id), QoS::AtLeastOnce, true, "online");
                }
                Ok(Event::Incoming(Packet::Publish(p))) if p.topic.ends_with("/order") => {
                    let order = match judge(&p.payload, &self.id, |b, s| pinned.verify(b, s), last, now_ms()) {
                        Ok(order) => order,
                        Err(why) => {
                            tracing::warn!(id = self.id, why, "an order was refused");
                            continue;
                        }
                    };
                    match order.act {
                        Act::Prepare { announcement, url, hash } => match fetch(&url).await.filter(|w| conglang::keys::secret::sha256(w) == hash) {
                            Some(wav) => {
                                sound = Some((hash, wav));
                                self.say(&client, &announcement, State::Prepared, 0, "").await;
                            }
                            None => self.say(&client, &announcement, State::Failed, 0, "the sound could not be fetched").await,
                        },
                        Act::Play { announcement, hash } => {
                            last = order.seq;
                            let _ = std::fs::write(&memory, last.to_string());
                            match sound.clone().filter(|(h, _)| *h == hash).and_then(|(_, w)| parse_wav(&w)) {
                                Some((rate, samples)) => {
                                    let (this, client, silence) = (self.clone(), client.clone(), silence.clone());
                                    tokio::spawn(async move { this.play(&client, &announcement, rate, &samples, &silence).await });
                                }
                                None => self.say(&client, &announcement, State::Failed, 0, "the sound is not here").await,
                            }
                        }
                        Act::Stop => {
                            last = order.seq;
                            let _ = std::fs::write(&memory, last.to_string());
                            silence.fetch_add(1, Ordering::SeqCst);
                            self.say(&client, "", State::Stopped, 0, "").await;
                        }
                    }
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(700)).await,
            }
        }
    }

    async fn play(&self, client: &AsyncClient, announcement: &str, rate: u32, samples: &[i16], silence: &AtomicU64) {
        let mine = silence.load(Ordering::SeqCst);
        self.say(client, announcement, State::Playing, 0, "").await;
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
        if played.len() - begin == samples.len() {
            self.say(client, announcement, State::Played, ms, "").await;
        }
    }

    async fn say(&self, client: &AsyncClient, announcement: &str, state: State, ms: u64, why: &str) {
        let status = Status { announcement: announcement.to_owned(), state, ms, why: why.to_owned() };
        let _ = client.try_publish(format!("d/{}/speaker/status", self.id), QoS::AtLeastOnce, false, serde_json::to_vec(&status).unwrap_or_default());
    }
}

/// What was played so far.
fn append(out: &Path) -> Vec<i16> {
    std::fs::read(out).ok().and_then(|b| parse_wav(&b)).map(|(_, s)| s).unwrap_or_default()
}

/// GET over plain HTTP on the device segment; the hash proves the content.
async fn fetch(url: &str) -> Option<Vec<u8>> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/')?;
    let work = async {
        let mut stream = tokio::net::TcpStream::connect(host).await.ok()?;
        stream.write_all(format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.take(40 << 20).read_to_end(&mut answer).await.ok()?;
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
        answer.starts_with(b"HTTP/1.1 200").then(|| answer.split_off(at + 4))
    };
    tokio::time::timeout(Duration::from_secs(10), work).await.ok().flatten()
}
