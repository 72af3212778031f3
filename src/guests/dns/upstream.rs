//! The resolvers of the uplink: the first that answers, within bounds of time and number.
//!
//! Invariants: a resolver that was silent is left in peace for a moment, and then a probe tries it;
//! so with the uplink gone nearly every device has its reply at once, and the return of the uplink
//! is noticed within seconds. Neither a lost packet nor a name whose own servers are silent makes a
//! resolver silent: it is judged by a question of ours, never by a name that a device chose.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use tokio::sync::Semaphore;

use super::exchange::{self, Randomness};
use super::probe;
use super::question::Question;
use crate::supervisor::clock::Clock;
use crate::time::MonoMs;

/// How long one resolver may take.
const RESOLVER_TIMEOUT: Duration = Duration::from_secs(2);
/// After this time without an answer a resolver is probed.
const JUDGED_AFTER: Duration = Duration::from_millis(1_000);
/// How long a probe may take; with the time before it no longer than [`RESOLVER_TIMEOUT`].
const PROBE_TIMEOUT: Duration = Duration::from_millis(900);
/// Most resolvers that one question is put to.
const MAX_TRIES: usize = 3;
/// For how long a silent resolver is left in peace.
const SILENCE: Duration = Duration::from_secs(2);
/// Most questions on their way at a time.
pub const MAX_IN_FLIGHT: usize = 256;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No resolver answered in time.
    #[error("no resolver answers")]
    Silent,
    /// The resolvers answered that they cannot tell.
    #[error("the resolvers have no answer")]
    Refused,
    /// Too many questions are on their way.
    #[error("too many questions are on their way")]
    Busy,
}

#[derive(Debug, Clone, Copy, Default)]
struct ResolverHealth {
    answered_at: MonoMs,
    /// None = it answers.
    silent_until: Option<MonoMs>,
    /// When a probe went out; the question that sent it may have ended meanwhile.
    probed_at: Option<MonoMs>,
}

/// The way to the resolvers.
#[derive(Debug)]
pub struct Upstream {
    clock: Clock,
    randomness: Randomness,
    in_flight: Semaphore,
    health: Mutex<HashMap<SocketAddr, ResolverHealth>>,
}

impl Upstream {
    /// Nothing is known of any resolver.
    #[must_use]
    pub fn new(clock: Clock, randomness: Randomness) -> Self {
        Self {
            clock,
            randomness,
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            health: Mutex::default(),
        }
    }

    /// Asks the resolvers, the first first.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn ask(
        &self,
        resolvers: &[SocketAddr],
        question: &Question,
    ) -> Result<Message, UpstreamError> {
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return Err(UpstreamError::Busy);
        };
        let mut outcome = UpstreamError::Silent;
        let mut tries = 0;
        for resolver in resolvers {
            if tries == MAX_TRIES {
                break;
            }
            if !self.may_try(*resolver).await {
                continue;
            }
            tries += 1;
            let asked_at = self.clock.mono_ms();
            let asking = exchange::ask(*resolver, question, self.randomness);
            let asking = tokio::time::timeout(RESOLVER_TIMEOUT, asking);
            // While the question waits, a probe finds out whose silence it is.
            let outcome_of_question = tokio::select! {
                answered = asking => answered,
                () = self.judge_later(*resolver, asked_at) => continue,
            };
            match outcome_of_question {
                Ok(Ok(message)) => {
                    self.note_answer(*resolver);
                    let code = message.metadata.response_code;
                    if matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
                        return Ok(message);
                    }
                    outcome = UpstreamError::Refused;
                }
                Ok(Err(cause)) => {
                    tracing::debug!(%cause, "question to a resolver failed");
                    self.judge(*resolver, asked_at).await;
                }
                Err(_) => {}
            }
        }
        Err(outcome)
    }

    /// Whether a question may go to the resolver now. The first that comes after its silence sends
    /// a probe for all.
    async fn may_try(&self, resolver: SocketAddr) -> bool {
        let now = self.clock.mono_ms();
        {
            let mut all = self.lock();
            let silent_until = all.get_mut(&resolver).and_then(|h| h.silent_until.as_mut());
            let Some(silent_until) = silent_until else {
                return true;
            };
            if *silent_until > now {
                return false;
            }
            *silent_until = now + SILENCE;
        }
        let answers = self.probe(resolver).await;
        if answers {
            self.note_answer(resolver);
        }
        answers
    }

    /// Judges a resolver by a probe when a question has waited for a while. It returns when the
    /// resolver is silent; of one that answers the question goes on waiting.
    async fn judge_later(&self, resolver: SocketAddr, asked_at: MonoMs) {
        tokio::time::sleep(JUDGED_AFTER).await;
        self.judge(resolver, asked_at).await;
        if self.is_silent(resolver) {
            return;
        }
        std::future::pending::<()>().await;
    }

    fn is_silent(&self, resolver: SocketAddr) -> bool {
        let all = self.lock();
        all.get(&resolver).is_some_and(|h| h.silent_until.is_some())
    }

    /// A question finds no answer: a probe tells whether the resolver is silent or the name's own
    /// servers are.
    async fn judge(&self, resolver: SocketAddr, asked_at: MonoMs) {
        {
            let mut all = self.lock();
            let health = all.entry(resolver).or_default();
            let now = self.clock.mono_ms();
            let most = u64::try_from(PROBE_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
            let is_probed = health.probed_at.is_some_and(|at| now.since(at) <= most);
            // It answered others meanwhile, or somebody is finding out.
            if health.answered_at > asked_at || is_probed {
                return;
            }
            health.probed_at = Some(now);
        }
        let answers = self.probe(resolver).await;
        if answers {
            self.note_answer(resolver);
        } else {
            self.note_silence(resolver, asked_at);
        }
    }

    /// The root's servers are in every resolver's cache: a second is long.
    async fn probe(&self, resolver: SocketAddr) -> bool {
        let asked = [resolver];
        let asking = probe::answers(&asked, self.randomness);
        tokio::time::timeout(PROBE_TIMEOUT, asking)
            .await
            .unwrap_or(false)
    }

    fn note_answer(&self, resolver: SocketAddr) {
        let answered_at = self.clock.mono_ms();
        let mut all = self.lock();
        // An uplink has few resolvers; those of earlier uplinks are forgotten.
        if all.len() > 16 {
            all.clear();
        }
        let health = all.entry(resolver).or_default();
        health.answered_at = answered_at;
        health.silent_until = None;
    }

    fn note_silence(&self, resolver: SocketAddr, asked_at: MonoMs) {
        let now = self.clock.mono_ms();
        let mut all = self.lock();
        let health = all.entry(resolver).or_default();
        // It answered others meanwhile: a packet was lost, or it does not know this name.
        if health.answered_at <= asked_at {
            health.silent_until = Some(now + SILENCE);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, ResolverHealth>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
