//! Services and reconcilers: everything that runs as long as the gateway does.
//!
//! A service is a state and a function that runs with a copy of it. When a run fails, panics or
//! returns early, the function is called again with a fresh copy after a jittered backoff, and
//! health reports it. Draining: the soft token asks every service to finish its unit; after a
//! deadline the hard token ends those that are left. Only this file spawns tasks that last.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::{Backoff, jitter};
use super::clock::Clock;
use super::health::{Health, HealthPart};
use super::health_reason::HealthReason;

/// Asks to stop.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Finish the unit in hand and return.
    pub soft: CancellationToken,
    /// Return now.
    pub hard: CancellationToken,
}

/// Owns everything that runs.
#[derive(Debug, Clone)]
pub struct Supervisor {
    tracker: TaskTracker,
    stop: Stop,
    health: Health,
    clock: Clock,
}

impl Supervisor {
    /// A supervisor with nothing running.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let hard = CancellationToken::new();
        let stop = Stop {
            soft: hard.child_token(),
            hard,
        };
        Self {
            tracker: TaskTracker::new(),
            stop,
            health: Health::new(clock.clone()),
            clock,
        }
    }

    /// The health of all parts.
    #[must_use]
    pub const fn health(&self) -> &Health {
        &self.health
    }

    /// The clock that everything uses.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The tokens.
    #[must_use]
    pub const fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Runs a service for ever: `run` with a copy of `state`, again whenever it ended. Its part is
    /// green while it runs.
    pub fn service<S, F, R>(&self, part: HealthPart, state: S, run: F)
    where
        S: Clone + Send + 'static,
        F: Fn(S, Stop) -> R + Send + 'static,
        R: Future<Output = anyhow::Result<()>> + Send,
    {
        self.run_for_ever(part, None, state, run);
    }

    /// The same for a service that says itself when it works: until then its part is starting.
    pub fn proving_service<S, F, R>(&self, part: HealthPart, state: S, run: F)
    where
        S: Clone + Send + 'static,
        F: Fn(S, Stop) -> R + Send + 'static,
        R: Future<Output = anyhow::Result<()>> + Send,
    {
        self.run_for_ever(part, Some(HealthReason::Starting), state, run);
    }

    fn run_for_ever<S, F, R>(
        &self,
        part: HealthPart,
        at_first: Option<HealthReason>,
        state: S,
        run: F,
    ) where
        S: Clone + Send + 'static,
        F: Fn(S, Stop) -> R + Send + 'static,
        R: Future<Output = anyhow::Result<()>> + Send,
    {
        let (stop, health, clock) = (self.stop.clone(), self.health.clone(), self.clock.clone());
        health.set_amber_or_green(&part, at_first.clone());
        self.spawn(async move {
            let mut backoff = Backoff::standard();
            while !stop.soft.is_cancelled() {
                let began = clock.mono_ms();
                let running = AssertUnwindSafe(run(state.clone(), stop.clone())).catch_unwind();
                let ended = tokio::select! {
                    ended = running => ended,
                    () = stop.hard.cancelled() => return,
                };
                if stop.soft.is_cancelled() {
                    return;
                }
                backoff.record_run(clock.mono_ms().since(began));
                let reason = match ended {
                    Ok(Ok(())) => HealthReason::ServiceEnded,
                    Ok(Err(cause)) => failure(&cause),
                    Err(panic) => HealthReason::ServicePanicked {
                        error: panic_text(panic.as_ref()),
                    },
                };
                tracing::warn!(service = %part, %reason, "service ended; restarting");
                health.set_red(&part, reason);
                tokio::select! {
                    () = tokio::time::sleep(backoff.next(jitter())) => {}
                    () = stop.soft.cancelled() => return,
                }
                health.set_amber_or_green(&part, at_first.clone());
                health.record_restart(&part);
            }
        });
    }

    /// Spawns a task that ends by itself (a connection); draining waits for it.
    pub fn spawn<R>(&self, task: R)
    where
        R: Future<Output = ()> + Send + 'static,
    {
        let hard = self.stop.hard.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = task => {}
                () = hard.cancelled() => {}
            }
        });
    }

    /// Stops everything: softly, then hard after `deadline`. True = every task finished in time.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.stop.soft.cancel();
        self.tracker.close();
        let finished = tokio::time::timeout(deadline, self.tracker.wait())
            .await
            .is_ok();
        self.stop.hard.cancel();
        if !finished {
            let _ = tokio::time::timeout(Duration::from_secs(2), self.tracker.wait()).await;
        }
        finished
    }
}

/// The reason of a service's failure: the one that it names, otherwise its error with the causes.
fn failure(cause: &anyhow::Error) -> HealthReason {
    cause
        .downcast_ref::<HealthReason>()
        .cloned()
        .unwrap_or_else(|| HealthReason::ServiceFailed {
            error: format!("{cause:#}"),
        })
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::health::HealthStatus;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_service_that_fails_or_panics_is_built_again_with_growing_waits() {
        let supervisor = Supervisor::new(Clock::manual(0));
        let runs = Arc::new(AtomicU32::new(0));
        supervisor.service(HealthPart::Speech, runs.clone(), |counter, _| async move {
            let n = counter.fetch_add(1, Ordering::SeqCst);
            assert!(n.is_multiple_of(2), "planned panic");
            anyhow::bail!("planned failure")
        });
        tokio::time::sleep(Duration::from_secs(40)).await;
        let after_40 = runs.load(Ordering::SeqCst);
        assert!(
            (5..=8).contains(&after_40),
            "1+2+4+8+16 s halved at best: {after_40}"
        );
        let reason = supervisor.health().parts()[&HealthPart::Speech]
            .reason
            .clone();
        let error = match reason {
            Some(
                HealthReason::ServiceFailed { error } | HealthReason::ServicePanicked { error },
            ) => error,
            other => panic!("no failure: {other:?}"),
        };
        assert!(error.contains("planned"), "{error}");
        assert!(supervisor.drain(Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_names_its_reason_is_red_for_it() {
        let supervisor = Supervisor::new(Clock::manual(0));
        let reason = HealthReason::RecordingDiskMissing {
            path: "/recordings".into(),
        };
        supervisor.service(
            HealthPart::Recordings,
            reason.clone(),
            |named, _| async move { Err(named.into()) },
        );
        let mut changed = supervisor.health().watch();
        let red = async {
            while supervisor.health().worst() != HealthStatus::Red {
                changed.changed().await.expect("health lives");
            }
        };
        tokio::time::timeout(Duration::from_secs(5), red)
            .await
            .expect("it turns red");
        assert_eq!(
            supervisor.health().parts()[&HealthPart::Recordings].reason,
            Some(reason)
        );
        assert!(supervisor.drain(Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_proves_itself_is_not_green_before_it_did() {
        let supervisor = Supervisor::new(Clock::manual(0));
        let health = supervisor.health().clone();
        let (begin, begun) = tokio::sync::watch::channel(false);
        supervisor.proving_service(
            HealthPart::Guests,
            (begun, health.clone()),
            |(mut begun, health), stop| async move {
                begun.wait_for(|may| *may).await?;
                health.set_green(&HealthPart::Guests);
                stop.soft.cancelled().await;
                Ok(())
            },
        );
        tokio::task::yield_now().await;
        let part = |h: &Health| h.parts()[&HealthPart::Guests].clone();
        assert_eq!(part(&health).status, HealthStatus::Amber);
        assert_eq!(part(&health).reason, Some(HealthReason::Starting));
        let mut changed = health.watch();
        begin.send(true).expect("the service waits");
        changed.changed().await.expect("health lives");
        assert_eq!(part(&health).status, HealthStatus::Green);
        assert!(supervisor.drain(Duration::from_secs(1)).await);
    }

    /// A run owns its copy: what it left half done does not come into the next run.
    #[tokio::test(start_paused = true)]
    async fn every_run_begins_with_the_state_that_the_service_was_given() {
        let supervisor = Supervisor::new(Clock::manual(0));
        let (seen, mut begun) = tokio::sync::mpsc::channel(8);
        supervisor.service(
            HealthPart::Speech,
            (vec![1], seen),
            |(mut work, seen), _| async move {
                seen.send(work.clone()).await?;
                work.push(2);
                anyhow::bail!("planned failure with {} in hand", work.len())
            },
        );
        for _ in 0..3 {
            assert_eq!(begun.recv().await, Some(vec![1]));
        }
        assert!(supervisor.drain(Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn draining_is_soft_first_and_hard_after_the_deadline() {
        let supervisor = Supervisor::new(Clock::manual(0));
        let finished = Arc::new(AtomicU32::new(0));
        supervisor.service(
            HealthPart::Speech,
            finished.clone(),
            |done, stop| async move {
                stop.soft.cancelled().await;
                tokio::time::sleep(Duration::from_secs(3)).await;
                done.fetch_add(1, Ordering::SeqCst);
                Ok(())
            },
        );
        supervisor.service(
            HealthPart::Playback,
            finished.clone(),
            |done, _| async move {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                done.fetch_add(100, Ordering::SeqCst);
                Ok(())
            },
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(
            !supervisor.drain(Duration::from_secs(10)).await,
            "somebody had to be ended"
        );
        assert_eq!(finished.load(Ordering::SeqCst), 1);
    }
}
