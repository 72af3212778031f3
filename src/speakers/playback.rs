//! Playback: a reconciler that brings every cluster from “ordered” to a proved end.
//!
//! For each announcement on air and each of its clusters: prepare, play, wait for proof; told to
//! stop: stop and wait for silence. Invariants: a cluster is given one announcement at a time,
//! oldest first; nothing begins after its time; an order that nobody answers ends in words, never
//! in waiting for ever. The same code runs after a power cut: what is stale is recorded as missed.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::making::{Making, sound};
use super::numbers::Numbers;
use super::sounds::Sounds;
use crate::domain::actor::Actor;
use crate::domain::command::Command;
use crate::domain::id::{AnnouncementId, DeviceId};
use crate::domain::speaker::{Announcement, Ending, Play};
use crate::domain::state::State;
use crate::journal::{Journal, SubmitError, Wish};
use crate::keys::signing::Signing;
use crate::live::Live;
use crate::live::south::{Heard, Outgoing};
use crate::protocol::speaker::{Act, Envelope, Order, State as Said, Status, signed_bytes};
use crate::store::files::Files;
use crate::supervisor::Stop;
use crate::supervisor::clock::Clock;

/// A cluster that does not answer an order within this is told off, ms.
const ANSWER_MS: u64 = 8_000;
/// A cluster may fetch a sound for so long, ms; the model receiver gives up after ten seconds.
const FETCH_MS: u64 = 14_000;
/// Silence must be proved within this, ms.
const SILENCE_MS: u64 = 3_000;
/// An order is sent again after this without an answer, ms.
const AGAIN_MS: u64 = 1_500;
/// How often “Dừng tất cả” is told to clusters that are believed silent.
const STOPS: u8 = 3;
/// What a play may take beyond the length of its sound, ms.
const SLACK_MS: u64 = 6_000;

/// What playback works with.
pub struct Playback {
    /// The journal.
    pub journal: Journal,
    /// What is now.
    pub live: Live,
    /// People's words.
    pub files: Files,
    /// Sounds by hash.
    pub sounds: Sounds,
    /// The key of the village's voice; none = it is lost, and no cluster is told anything.
    pub key: Option<Signing>,
    /// The numbers of its orders.
    pub numbers: Numbers,
    /// Where clusters fetch sounds: `http://host:port`.
    pub url: String,
    /// The clock.
    pub clock: Clock,
}

/// How far one cluster is with one announcement, in this boot.
#[derive(Debug, Clone, Default)]
struct Step {
    began: u64,
    sent: Option<u64>,
    prepared: bool,
    ended_by: u64,
    /// Since when silence is waited for, monotonic ms.
    stopping: Option<u64>,
    /// The numbers of prepare, play and stop: the same order keeps its number when it is sent
    /// again.
    numbers: [Option<u64>; 3],
}

/// “Dừng tất cả” as it is told to clusters that are believed silent: they may not be.
#[derive(Default)]
struct Silence {
    /// The entry that is being told; 0 = none was seen yet.
    order: u64,
    number: u64,
    told: u8,
    at: u64,
}

type Steps = BTreeMap<(AnnouncementId, DeviceId), Step>;

impl Playback {
    /// Runs until `stop`.
    ///
    /// # Errors
    /// When the journal closed.
    pub async fn run(&self, stop: Stop) -> anyhow::Result<()> {
        let mut watch = self.journal.watch();
        let mut horns = self.live.south.horns();
        let mut steps: Steps = BTreeMap::new();
        let mut sounds: BTreeMap<AnnouncementId, Making> = BTreeMap::new();
        let mut readers = JoinSet::new();
        let mut silence = Silence {
            order: self.journal.state().silenced.map_or(0, |(order, at)| {
                if self.clock.wall_ms() - at < 60_000 {
                    order - 1
                } else {
                    order
                }
            }),
            ..Silence::default()
        };
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        loop {
            tokio::select! {
                changed = watch.changed() => changed?,
                heard = horns.recv() => match heard {
                    Ok(heard) => self.heard(&heard, &mut steps).await?,
                    Err(RecvError::Lagged(n)) => tracing::warn!(n, "words of horns were missed; orders are sent again"),
                    Err(RecvError::Closed) => anyhow::bail!("the south door closed"),
                },
                Some(made) = readers.join_next() => {
                    let (id, sound) = made?;
                    sounds.insert(id, Making::Done(sound));
                }
                _ = tick.tick() => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
            let state = watch.borrow_and_update().clone();
            let on_air = state.on_air();
            steps.retain(|(id, _), _| on_air.iter().any(|a| a.id == *id));
            sounds.retain(|id, _| on_air.iter().any(|a| a.id == *id));
            self.silence(&state, &mut silence);
            let mut busy: Vec<DeviceId> = Vec::new();
            for said in on_air {
                if !sounds.contains_key(&said.id)
                    && said
                        .plays
                        .values()
                        .any(|p| matches!(p, Play::Waiting | Play::Playing))
                {
                    sounds.insert(said.id.clone(), Making::Wait);
                    let (id, making) = (
                        said.id.clone(),
                        sound(
                            self.files.clone(),
                            self.live.clone(),
                            self.sounds.clone(),
                            said.clone(),
                        ),
                    );
                    readers.spawn(async move { (id, making.await) });
                }
                for (speaker, play) in &said.plays {
                    if matches!(play, Play::Ended { .. }) || busy.contains(speaker) {
                        continue;
                    }
                    busy.push(speaker.clone());
                    let step = steps
                        .entry((said.id.clone(), speaker.clone()))
                        .or_insert_with(|| Step {
                            began: self.clock.mono_ms(),
                            ..Step::default()
                        });
                    let ending =
                        self.step(&state, &said, speaker, play, sounds.get(&said.id), step);
                    if let Some(how) = ending {
                        self.finish(&said, speaker, how).await?;
                    }
                }
            }
        }
    }

    /// Tells “Dừng tất cả” to every cluster, a few times: also to those whose play is believed
    /// over.
    fn silence(&self, state: &State, silence: &mut Silence) {
        let now = self.clock.mono_ms();
        let Some((order, _)) = state.silenced else {
            return;
        };
        if order > silence.order {
            let Ok(number) = self.numbers.next() else {
                return;
            };
            *silence = Silence {
                order,
                number,
                told: 0,
                at: 0,
            };
        }
        if silence.number == 0 || silence.told >= STOPS || now < silence.at {
            return;
        }
        let playing = state.on_air();
        let mut told = true;
        for speaker in state.speakers.keys().filter(|s| {
            !playing
                .iter()
                .any(|a| a.plays.get(s) == Some(&Play::Stopping))
        }) {
            told &= self.order(speaker, silence.number, self.expiry(60_000), Act::Stop);
        }
        // Nobody heard it while the link is down: it is told when that stands again.
        silence.told += u8::from(told);
        silence.at = now + 500;
    }

    /// One look at one cluster; gives its end when it has come.
    fn step(
        &self,
        state: &State,
        said: &Announcement,
        speaker: &DeviceId,
        play: &Play,
        making: Option<&Making>,
        step: &mut Step,
    ) -> Option<Ending> {
        let now = self.clock.mono_ms();
        let due = step.sent.is_none_or(|t| now >= t + AGAIN_MS);
        // Nobody can answer while our own link is down.
        let is_up = self.live.south.up_since().is_some();
        match play {
            Play::Waiting => {
                if self.clock.wall_ms() > said.expires_at {
                    return Some(if step.sent.is_some() {
                        Ending::Unanswered
                    } else {
                        Ending::Missed
                    });
                }
                let sound = match making {
                    Some(Making::Done(Some(sound))) => sound,
                    Some(Making::Done(None)) => {
                        return Some(Ending::Failed {
                            why: "the sentence could not be read aloud".into(),
                        });
                    }
                    Some(Making::Wait) | None => {
                        step.began = now;
                        return None;
                    }
                };
                let gone = state
                    .devices
                    .get(speaker)
                    .is_some_and(|d| d.presence.is_gone());
                if !is_up {
                    step.began = now;
                }
                let patience = if gone {
                    SILENCE_MS
                } else if step.prepared {
                    ANSWER_MS
                } else {
                    FETCH_MS
                };
                if step.sent.is_some() && now > step.began + patience {
                    return Some(Ending::Unanswered);
                }
                if due {
                    let announcement = said.id.to_string();
                    let (n, act) = if step.prepared {
                        (
                            1,
                            Act::Play {
                                announcement,
                                hash: sound.hash.clone(),
                            },
                        )
                    } else {
                        (
                            0,
                            Act::Prepare {
                                announcement,
                                url: format!("{}/sound/{}", self.url, sound.hash),
                                hash: sound.hash.clone(),
                            },
                        )
                    };
                    step.ended_by = now + sound.ms + SLACK_MS;
                    if let Some(number) = self.number(step, n)
                        && self.order(
                            speaker,
                            number,
                            self.expiry(said.expires_at - self.clock.wall_ms()),
                            act,
                        )
                    {
                        step.sent = Some(now);
                    }
                }
                None
            }
            Play::Playing => {
                if step.ended_by == 0 {
                    // A play that began before a restart: it may last as long as its sound from now
                    // on.
                    step.ended_by = match making {
                        Some(Making::Done(sound)) => {
                            now + sound.as_ref().map_or(60_000, |s| s.ms) + SLACK_MS
                        }
                        Some(Making::Wait) | None => return None,
                    };
                }
                (now > step.ended_by).then_some(Ending::Unanswered)
            }
            Play::Stopping => {
                let since = *step.stopping.get_or_insert_with(|| {
                    step.sent = None;
                    now
                });
                if !is_up {
                    step.stopping = Some(now);
                    return None;
                }
                if now > since + SILENCE_MS {
                    return Some(Ending::Unanswered);
                }
                if step.sent.is_none_or(|t| now >= t + 500) {
                    // Its number stays: a later one could overtake an announcement that came after.
                    if let Some(number) = self.number(step, 2)
                        && self.order(speaker, number, self.expiry(60_000), Act::Stop)
                    {
                        step.sent = Some(now);
                    }
                }
                None
            }
            Play::Ended { .. } => None,
        }
    }

    /// When an order that is good for `ms` ends, for receivers that know the time when this box
    /// does not.
    fn expiry(&self, ms: i64) -> i64 {
        self.clock.certain_ms().saturating_add(ms)
    }

    /// The number of a step's order `n`; none = it cannot be reserved now.
    fn number(&self, step: &mut Step, n: usize) -> Option<u64> {
        if step.numbers[n].is_none() {
            step.numbers[n] = self
                .numbers
                .next()
                .inspect_err(|cause| tracing::error!(%cause, "an order cannot be numbered"))
                .ok();
        }
        step.numbers[n]
    }

    /// Posts an order; false = it was not posted (the link is down, or its outbox full), the next
    /// look tries again.
    fn order(&self, speaker: &DeviceId, seq: u64, expires_at: i64, act: Act) -> bool {
        let Ok(order) = serde_json::to_string(&Order {
            seq,
            expires_at,
            act,
        }) else {
            return false;
        };
        let Some(key) = &self.key else { return false };
        let signature = key.sign(&signed_bytes(speaker.as_str(), &order));
        let Ok(payload) = serde_json::to_vec(&Envelope { order, signature }) else {
            return false;
        };
        self.live.south.post(Outgoing {
            topic: format!("c/{speaker}/order"),
            payload,
            retain: false,
            queued: true,
        })
    }

    /// A cluster said something.
    async fn heard(&self, heard: &Heard, steps: &mut Steps) -> anyhow::Result<()> {
        let (Ok(speaker), Ok(status)) = (
            DeviceId::new(&heard.device),
            serde_json::from_slice::<Status>(&heard.payload),
        ) else {
            return Ok(());
        };
        let state = self.journal.state();
        if status.state == Said::Stopped {
            for said in state.on_air() {
                if said.plays.get(&speaker) == Some(&Play::Stopping) {
                    self.finish(&said, &speaker, Ending::Stopped).await?;
                }
            }
            return Ok(());
        }
        let Some(said) = AnnouncementId::new(&status.announcement)
            .ok()
            .and_then(|id| state.announcements.get(&id).cloned())
        else {
            return Ok(());
        };
        match status.state {
            Said::Prepared => {
                if let Some(step) = steps
                    .get_mut(&(said.id.clone(), speaker))
                    .filter(|s| !s.prepared)
                {
                    step.prepared = true;
                    step.sent = None;
                    step.began = self.clock.mono_ms();
                }
            }
            Said::Playing => {
                let wish = Wish::new(
                    Actor::Device {
                        id: speaker.clone(),
                    },
                    Command::BeginPlayback {
                        announcement: said.id.clone(),
                        speaker,
                    },
                )
                .because(said.order);
                self.submit(wish).await?;
            }
            Said::Played => {
                self.finish(&said, &speaker, Ending::Played { ms: status.ms })
                    .await?;
            }
            Said::Failed => {
                self.finish(&said, &speaker, Ending::Failed { why: status.why })
                    .await?;
            }
            Said::Stopped => {}
        }
        Ok(())
    }

    async fn finish(
        &self,
        said: &Announcement,
        speaker: &DeviceId,
        how: Ending,
    ) -> anyhow::Result<()> {
        let actor = match how {
            Ending::Unanswered | Ending::Missed | Ending::Failed { .. } => Actor::House,
            Ending::Played { .. } | Ending::Stopped => Actor::Device {
                id: speaker.clone(),
            },
        };
        let command = Command::FinishPlayback {
            announcement: said.id.clone(),
            speaker: speaker.clone(),
            how,
        };
        self.submit(Wish::new(actor, command).because(said.order))
            .await
    }

    async fn submit(&self, wish: Wish) -> anyhow::Result<()> {
        match self.journal.submit(wish).await {
            Err(SubmitError::Closed(closed)) => Err(closed.into()),
            _ => Ok(()),
        }
    }
}
