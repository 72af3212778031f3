//! One cluster's delivery of one announcement, step by step: render it, send the order, send it
//! again until the cluster answers, give up when its time is over, stop it on request.
//!
//! Deliberately absent: what clusters report; the parent takes that in.

use super::{
    Announcement, DeviceId, FETCH_TIMEOUT_MS, Order, OutgoingMessage, PLAYBACK_MARGIN_MS, Playback,
    PlaybackOutcome, PlaybackState, RESPONSE_TIMEOUT_MS, RETRY_INTERVAL_MS, RenderedSound,
    Rendering, STOP_TIMEOUT_MS, SignedOrder, SpeakerAction, SpeakerDelivery, VillageState,
    signed_bytes,
};
use crate::domain::topics;
use crate::protocol::speaker::FailureReason;
use crate::time::WallMs;

impl Playback {
    /// One pass over one cluster; gives its outcome once there is one.
    pub(super) fn step(
        &self,
        state: &VillageState,
        announcement: &Announcement,
        speaker: &DeviceId,
        play: &PlaybackState,
        making: Option<&Rendering>,
        step: &mut SpeakerDelivery,
    ) -> Option<PlaybackOutcome> {
        match play {
            PlaybackState::Waiting => self.step_waiting(state, announcement, speaker, making, step),
            PlaybackState::Playing => self.step_playing(making, step),
            PlaybackState::Stopping => self.step_stopping(speaker, step),
            PlaybackState::Ended { .. } => None,
        }
    }

    /// Orders a cluster to prepare and then to play, until it plays or the order has failed.
    pub(super) fn step_waiting(
        &self,
        state: &VillageState,
        announcement: &Announcement,
        speaker: &DeviceId,
        making: Option<&Rendering>,
        step: &mut SpeakerDelivery,
    ) -> Option<PlaybackOutcome> {
        let now = self.clock.mono_ms();
        let due = step.sent.is_none_or(|t| now >= t + RETRY_INTERVAL_MS);
        if self.clock.wall_ms() > announcement.expires_at {
            return Some(if step.sent.is_some() {
                PlaybackOutcome::Unanswered
            } else {
                PlaybackOutcome::Missed
            });
        }
        // Without the key no order is obeyed: there is nothing to wait for.
        if self.key.is_none() {
            return Some(PlaybackOutcome::Failed {
                why: FailureReason::KeyLost.sentence().into(),
            });
        }
        let sound = match making {
            Some(Rendering::Done(Some(sound))) => sound,
            Some(Rendering::Done(None)) => {
                return Some(PlaybackOutcome::Failed {
                    why: FailureReason::NotRendered.sentence().into(),
                });
            }
            Some(Rendering::Pending) | None => {
                step.began = now;
                return None;
            }
        };
        let gone = state
            .devices
            .get(speaker)
            .is_some_and(|d| d.availability.is_offline());
        if !self.is_link_up() {
            step.began = now;
        }
        let patience = if gone {
            STOP_TIMEOUT_MS
        } else if step.prepared {
            RESPONSE_TIMEOUT_MS
        } else {
            FETCH_TIMEOUT_MS
        };
        if step.sent.is_some() && now > step.began + patience {
            return Some(PlaybackOutcome::Unanswered);
        }
        if due {
            let (n, act) = self.next_order(announcement, sound, step.prepared);
            step.play_deadline = Some(now + sound.ms + PLAYBACK_MARGIN_MS);
            if let Some(number) = self.sequence_for(step, n)
                && self.send_order(
                    speaker,
                    number,
                    self.expiry(announcement.expires_at.since(self.clock.wall_ms())),
                    act,
                )
            {
                step.sent = Some(now);
            }
        }
        None
    }

    /// The next order to a cluster that does not play yet, with its place in
    /// [`SpeakerDelivery::numbers`].
    pub(super) fn next_order(
        &self,
        announcement: &Announcement,
        sound: &RenderedSound,
        is_prepared: bool,
    ) -> (usize, SpeakerAction) {
        let announcement = announcement.id.to_string();
        let hash = sound.hash.clone();
        if is_prepared {
            (1, SpeakerAction::Play { announcement, hash })
        } else {
            (
                0,
                SpeakerAction::Prepare {
                    announcement,
                    url: format!("{}/sound/{}", self.url, sound.hash),
                    hash,
                },
            )
        }
    }

    /// Waits for the end of a play, at most for the length of its sound and a margin.
    pub(super) fn step_playing(
        &self,
        making: Option<&Rendering>,
        step: &mut SpeakerDelivery,
    ) -> Option<PlaybackOutcome> {
        let now = self.clock.mono_ms();
        let deadline = match (step.play_deadline, making) {
            (Some(deadline), _) => deadline,
            // A play that began before a restart: it may last as long as its sound from now on.
            (None, Some(Rendering::Done(sound))) => {
                now + sound.as_ref().map_or(60_000, |s| s.ms) + PLAYBACK_MARGIN_MS
            }
            (None, Some(Rendering::Pending) | None) => return None,
        };
        step.play_deadline = Some(deadline);
        (now > deadline).then_some(PlaybackOutcome::Unanswered)
    }

    /// Orders a cluster to stop until it has proved silence or was given up.
    pub(super) fn step_stopping(
        &self,
        speaker: &DeviceId,
        step: &mut SpeakerDelivery,
    ) -> Option<PlaybackOutcome> {
        let now = self.clock.mono_ms();
        let since = *step.stopping.get_or_insert_with(|| {
            step.sent = None;
            now
        });
        if !self.is_link_up() {
            step.stopping = Some(now);
            return None;
        }
        if now > since + STOP_TIMEOUT_MS {
            return Some(PlaybackOutcome::Unanswered);
        }
        if step.sent.is_none_or(|t| now >= t + 500) {
            // Its number stays: a later one could overtake an announcement that came after.
            if let Some(number) = self.sequence_for(step, 2)
                && self.send_order(speaker, number, self.expiry(60_000), SpeakerAction::Stop)
            {
                step.sent = Some(now);
            }
        }
        None
    }

    /// True while the gateway's own link stands: no cluster can answer without it.
    pub(super) fn is_link_up(&self) -> bool {
        self.ports.devices.link().online_since().is_some()
    }

    /// The expiry of an order that is valid for `ms`, for receivers that know the time when this
    /// machine does not.
    pub(super) fn expiry(&self, ms: i64) -> WallMs {
        self.clock.trusted_ms() + ms
    }

    /// The sequence number of order `n` of this delivery; none = it cannot be reserved now.
    pub(super) fn sequence_for(&self, step: &mut SpeakerDelivery, n: usize) -> Option<u64> {
        if step.numbers[n].is_none() {
            step.numbers[n] = self
                .numbers
                .next()
                .inspect_err(
                    |cause| tracing::error!(%cause, "reserving speaker command number failed"),
                )
                .ok();
        }
        step.numbers[n]
    }

    /// Posts an order; false = it was not posted (the link is down, or its outbox full), and the
    /// next pass tries again.
    pub(super) fn send_order(
        &self,
        speaker: &DeviceId,
        seq: u64,
        expires_at: WallMs,
        act: SpeakerAction,
    ) -> bool {
        let Ok(order) = serde_json::to_string(&Order {
            seq,
            expires_at,
            act,
        }) else {
            return false;
        };
        let Some(key) = &self.key else { return false };
        let signature = key.sign(&signed_bytes(speaker.as_str(), &order));
        let Ok(payload) = serde_json::to_vec(&SignedOrder { order, signature }) else {
            return false;
        };
        self.ports.devices.post(OutgoingMessage {
            topic: topics::speaker_order(speaker),
            payload,
            retain: false,
            queued: true,
        })
    }
}
