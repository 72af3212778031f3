//! Playback: a reconciler that brings every cluster from “ordered” to a proved end.
//!
//! For each announcement on air and each of its clusters: prepare, play, wait for proof; when it is
//! to be stopped: stop and wait for silence. Invariants: a cluster gets one announcement at a time,
//! oldest first; nothing begins after its time; an order that is not answered ends with an outcome,
//! never in waiting for ever. The same code runs after a power cut: an announcement whose time has
//! passed is recorded as missed.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::rendering::{RenderedSound, Rendering, render_sound};
use super::sequence::SequenceCounter;
use super::sound_cache::SoundCache;
use crate::domain::actor::Actor;
use crate::domain::id::{AnnouncementId, DeviceId};
use crate::domain::speaker::{self, Announcement, PlaybackOutcome, PlaybackState};
use crate::domain::state::VillageState;
use crate::journal::{CommandRequest, Journal, SubmitError};
use crate::keys::signing::CommandSigner;
use crate::ports::Ports;
use crate::ports::devices::{OutgoingMessage, SpeakerMessage};
use crate::protocol::speaker::{
    Order, ReceiverState, ReceiverStatus, SignedOrder, SpeakerAction, signed_bytes,
};
use crate::store::files::PeopleFiles;
use crate::supervisor::Stop;
use crate::supervisor::clock::Clock;
use crate::supervisor::standstill::Passes;
use crate::time::MonoMs;

mod step;

/// A cluster that does not answer an order within this is given up, ms.
const RESPONSE_TIMEOUT_MS: u64 = 8_000;
/// A cluster may fetch a sound for so long, ms; the model receiver gives up after ten seconds.
const FETCH_TIMEOUT_MS: u64 = 14_000;
/// Silence must be proved within this, ms.
const STOP_TIMEOUT_MS: u64 = 3_000;
/// An order is sent again after this without an answer, ms.
const RETRY_INTERVAL_MS: u64 = 1_500;
/// How often “Dừng tất cả” is sent to clusters that are believed silent.
const STOP_REPEATS: u8 = 3;
/// How long a play may take beyond the length of its sound, ms.
const PLAYBACK_MARGIN_MS: u64 = 6_000;

/// The parts that playback works with.
pub struct Playback {
    /// The journal.
    pub journal: Journal,
    /// Messages to and from the clusters; sentences to be read aloud.
    pub ports: Ports,
    /// The texts of announcements.
    pub files: PeopleFiles,
    /// Sounds by hash.
    pub sounds: SoundCache,
    /// The key that signs orders; none = it is lost, and no order is sent.
    pub key: Option<CommandSigner>,
    /// The sequence numbers of orders.
    pub numbers: SequenceCounter,
    /// Where clusters fetch sounds: `http://host:port`.
    pub url: String,
    /// The clock.
    pub clock: Clock,
}

/// How far one cluster is with one announcement, in this boot.
#[derive(Debug, Clone, Default)]
struct SpeakerDelivery {
    began: MonoMs,
    sent: Option<MonoMs>,
    prepared: bool,
    play_deadline: Option<MonoMs>,
    /// Since when the proof of silence is awaited.
    stopping: Option<MonoMs>,
    /// The sequence numbers of prepare, play and stop: the same order keeps its number when it is
    /// sent again.
    numbers: [Option<u64>; 3],
}

impl SpeakerDelivery {
    /// Moves every deadline: for so long the gateway could receive nothing, ms.
    fn postpone(&mut self, ms: u64) {
        self.began += ms;
        for moment in [&mut self.play_deadline, &mut self.stopping]
            .into_iter()
            .flatten()
        {
            *moment += ms;
        }
    }
}

/// “Dừng tất cả” as it is sent to clusters that are believed silent: they may not be.
#[derive(Default)]
struct StopBroadcast {
    /// The entry that is being sent; 0 = none was seen yet.
    order: u64,
    number: u64,
    sent: u8,
    at: MonoMs,
}

type SpeakerDeliveries = BTreeMap<(AnnouncementId, DeviceId), SpeakerDelivery>;

impl Playback {
    /// Runs until `stop`.
    ///
    /// # Errors
    /// When the journal closed.
    pub async fn run(&self, stop: Stop) -> anyhow::Result<()> {
        let mut watch = self.journal.watch();
        let mut horns = self.ports.devices.speaker_messages();
        let mut steps: SpeakerDeliveries = BTreeMap::new();
        let mut sounds: BTreeMap<AnnouncementId, Rendering> = BTreeMap::new();
        let mut readers = JoinSet::new();
        let mut silence = StopBroadcast {
            order: self.journal.state().silenced.map_or(0, |(order, at)| {
                if self.clock.wall_ms().since(at) < 60_000 {
                    order - 1
                } else {
                    order
                }
            }),
            ..StopBroadcast::default()
        };
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        let mut passes = Passes::begin();
        loop {
            tokio::select! {
                changed = watch.changed() => changed?,
                message = horns.recv() => match message {
                    Ok(message) => self.on_status(&message, &mut steps).await?,
                    Err(RecvError::Lagged(n)) => tracing::warn!(
                        n,
                        "speaker status messages lagged; resending commands"
                    ),
                    Err(RecvError::Closed) => anyhow::bail!("the device link closed"),
                },
                Some(made) = readers.join_next() => {
                    let (id, sound) = made?;
                    sounds.insert(id, Rendering::Done(sound));
                }
                _ = tick.tick() => {}
                () = stop.soft.cancelled() => return Ok(()),
            }
            // Reports that came during a standstill are read only now.
            if let Some(gap) = passes.pass() {
                let gap_ms = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
                for step in steps.values_mut() {
                    step.postpone(gap_ms);
                }
            }
            let state = watch.borrow_and_update().clone();
            let on_air = state.on_air();
            steps.retain(|(id, _), _| on_air.iter().any(|a| a.id == *id));
            sounds.retain(|id, _| on_air.iter().any(|a| a.id == *id));
            self.broadcast_stop(&state, &mut silence);
            let mut busy: Vec<DeviceId> = Vec::new();
            for announcement in on_air {
                if !sounds.contains_key(&announcement.id)
                    && announcement
                        .plays
                        .values()
                        .any(|p| matches!(p, PlaybackState::Waiting | PlaybackState::Playing))
                {
                    sounds.insert(announcement.id.clone(), Rendering::Pending);
                    let (id, making) = (
                        announcement.id.clone(),
                        render_sound(
                            self.files.clone(),
                            self.ports.speech.clone(),
                            self.sounds.clone(),
                            announcement.clone(),
                        ),
                    );
                    readers.spawn(async move { (id, making.await) });
                }
                for (speaker, play) in &announcement.plays {
                    if matches!(play, PlaybackState::Ended { .. }) || busy.contains(speaker) {
                        continue;
                    }
                    busy.push(speaker.clone());
                    let step = steps
                        .entry((announcement.id.clone(), speaker.clone()))
                        .or_insert_with(|| SpeakerDelivery {
                            began: self.clock.mono_ms(),
                            ..SpeakerDelivery::default()
                        });
                    let ending = self.step(
                        &state,
                        &announcement,
                        speaker,
                        play,
                        sounds.get(&announcement.id),
                        step,
                    );
                    if let Some(how) = ending {
                        self.record_outcome(&announcement, speaker, how).await?;
                    }
                }
            }
        }
    }

    /// Sends “Dừng tất cả” to every cluster, a few times: also to those whose play is believed to
    /// be over.
    fn broadcast_stop(&self, state: &VillageState, silence: &mut StopBroadcast) {
        let now = self.clock.mono_ms();
        let Some((order, _)) = state.silenced else {
            return;
        };
        if order > silence.order {
            let Ok(number) = self.numbers.next() else {
                return;
            };
            *silence = StopBroadcast {
                order,
                number,
                sent: 0,
                at: MonoMs::START,
            };
        }
        if silence.number == 0 || silence.sent >= STOP_REPEATS || now < silence.at {
            return;
        }
        let playing = state.on_air();
        let mut told = true;
        for speaker in state.speakers.keys().filter(|s| {
            !playing
                .iter()
                .any(|a| a.plays.get(s) == Some(&PlaybackState::Stopping))
        }) {
            told &= self.send_order(
                speaker,
                silence.number,
                self.expiry(60_000),
                SpeakerAction::Stop,
            );
        }
        // While the link is down nobody receives it: it is sent when the link stands again.
        silence.sent += u8::from(told);
        silence.at = now + 500;
    }

    /// Processes a status message of a cluster.
    async fn on_status(
        &self,
        message: &SpeakerMessage,
        steps: &mut SpeakerDeliveries,
    ) -> anyhow::Result<()> {
        let (Ok(speaker), Ok(status)) = (
            DeviceId::new(&message.device),
            serde_json::from_slice::<ReceiverStatus>(&message.payload),
        ) else {
            return Ok(());
        };
        let state = self.journal.state();
        if status.state == ReceiverState::Stopped {
            for announcement in state.on_air() {
                if announcement.plays.get(&speaker) == Some(&PlaybackState::Stopping) {
                    self.record_outcome(&announcement, &speaker, PlaybackOutcome::Stopped)
                        .await?;
                }
            }
            return Ok(());
        }
        let Some(announcement) = AnnouncementId::new(&status.announcement)
            .ok()
            .and_then(|id| state.announcements.get(&id).cloned())
        else {
            return Ok(());
        };
        match status.state {
            ReceiverState::Prepared => {
                if let Some(step) = steps
                    .get_mut(&(announcement.id.clone(), speaker))
                    .filter(|s| !s.prepared)
                {
                    step.prepared = true;
                    step.sent = None;
                    step.began = self.clock.mono_ms();
                }
            }
            ReceiverState::Playing => {
                let request = CommandRequest::new(
                    Actor::Device {
                        id: speaker.clone(),
                    },
                    speaker::Command::BeginPlayback {
                        announcement: announcement.id.clone(),
                        speaker,
                    },
                )
                .caused_by(announcement.order);
                self.submit(request).await?;
            }
            ReceiverState::Played => {
                self.record_outcome(
                    &announcement,
                    &speaker,
                    PlaybackOutcome::Played { ms: status.ms },
                )
                .await?;
            }
            ReceiverState::Failed => {
                self.record_outcome(
                    &announcement,
                    &speaker,
                    PlaybackOutcome::Failed { why: status.why },
                )
                .await?;
            }
            ReceiverState::Stopped => {}
        }
        Ok(())
    }

    async fn record_outcome(
        &self,
        announcement: &Announcement,
        speaker: &DeviceId,
        how: PlaybackOutcome,
    ) -> anyhow::Result<()> {
        let actor = match how {
            PlaybackOutcome::Unanswered
            | PlaybackOutcome::Missed
            | PlaybackOutcome::Failed { .. } => Actor::System,
            PlaybackOutcome::Played { .. } | PlaybackOutcome::Stopped => Actor::Device {
                id: speaker.clone(),
            },
        };
        let command = speaker::Command::FinishPlayback {
            announcement: announcement.id.clone(),
            speaker: speaker.clone(),
            how,
        };
        self.submit(CommandRequest::new(actor, command).caused_by(announcement.order))
            .await
    }

    async fn submit(&self, request: CommandRequest) -> anyhow::Result<()> {
        match self.journal.submit(request).await {
            Err(SubmitError::Closed(closed)) => Err(closed.into()),
            _ => Ok(()),
        }
    }
}
