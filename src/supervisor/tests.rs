//! A worker that is killed, silent, babbling, deaf, dying and growing.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::Supervisor;
use super::clock::Clock;
use super::health::HealthPart;
use super::health_reason::HealthReason;
use super::worker::{WorkerInit, WorkerLifecycle, WorkerSpec, run_worker};

const BEAT: &str = r#"echo '{"fact":"beat"}'; "#;

struct Rig {
    supervisor: Supervisor,
    facts: mpsc::Receiver<WorkerLifecycle>,
    orders: mpsc::Sender<String>,
    pid: watch::Receiver<u32>,
}

fn rig(script: &str, memory_max: u64) -> Rig {
    rig_with(script, memory_max, "{}".into())
}

fn rig_with(script: &str, memory_max: u64, settings: String) -> Rig {
    let supervisor = Supervisor::new(Clock::system(0));
    let (orders, inbox) = mpsc::channel(8);
    let (say, facts) = mpsc::channel(1000);
    let (number, pid) = watch::channel(0);
    let spec = WorkerSpec {
        part: HealthPart::Media,
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: Vec::new(),
        max_memory_bytes: memory_max,
        max_silence: Duration::from_millis(800),
    };
    let (stop, health) = (supervisor.stop().clone(), supervisor.health().clone());
    supervisor.spawn(async move {
        let start = || {
            Ok(WorkerInit {
                fds: Vec::new(),
                settings: settings.clone(),
                orders: vec!["first".into()],
            })
        };
        run_worker(&spec, start, inbox, say, stop, health, number)
            .await
            .expect("keeps");
    });
    Rig {
        supervisor,
        facts,
        orders,
        pid,
    }
}

impl Rig {
    /// The reason of the next end.
    async fn end(&mut self) -> HealthReason {
        let wait = async {
            loop {
                if let WorkerLifecycle::Exited(reason) = self.facts.recv().await.expect("facts") {
                    return reason;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(15), wait)
            .await
            .expect("it ends")
    }
}

#[tokio::test]
async fn orders_go_in_and_facts_come_out() {
    let mut rig = rig(
        &format!("{BEAT} while read line; do echo \"got $line\"; done"),
        1 << 30,
    );
    rig.orders.send("second".into()).await.expect("order");
    let mut lines = Vec::new();
    while lines.len() < 3 {
        if let Some(WorkerLifecycle::Output(line)) = rig.facts.recv().await {
            lines.push(line);
        }
    }
    // The first byte (with the descriptors) reads as an empty line in a shell.
    assert!(
        lines.contains(&"got {}".to_owned()) && lines.contains(&"got first".to_owned()),
        "{lines:?}"
    );
    assert!(
        rig.supervisor.drain(Duration::from_secs(5)).await,
        "stdin's end is enough"
    );
}

#[tokio::test]
async fn a_silent_worker_is_replaced() {
    let mut rig = rig("sleep 60", 1 << 30);
    assert_eq!(rig.end().await, HealthReason::WorkerSilent { seconds: 0 });
    assert!(
        matches!(rig.facts.recv().await, Some(WorkerLifecycle::Started(_))),
        "the first restart is at once"
    );
    rig.supervisor.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_babbling_worker_is_replaced() {
    let mut rig = rig("yes", 1 << 30);
    assert_eq!(rig.end().await, HealthReason::WorkerFlooded);
    rig.supervisor.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn an_endless_line_is_babble() {
    let mut rig = rig("cat /dev/zero", 1 << 30);
    assert_eq!(rig.end().await, HealthReason::WorkerFlooded);
    rig.supervisor.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_killed_or_dying_worker_is_replaced() {
    let mut rig = rig(
        &format!("{BEAT} while :; do {BEAT} sleep 0.1; done"),
        1 << 30,
    );
    let pid = *rig.pid.wait_for(|p| *p != 0).await.expect("pid");
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("pid")).expect("pid");
    rustix::process::kill_process(pid, rustix::process::Signal::ABORT).expect("kill");
    assert_eq!(rig.end().await, HealthReason::WorkerKilled { signal: 6 });
    rig.pid.wait_for(|p| *p != 0).await.expect("again");
    rig.supervisor.drain(Duration::from_secs(5)).await;
}

/// The broken pipe is seen before the worker's end, and the end is reported.
#[tokio::test]
async fn a_worker_that_dies_before_it_was_told_anything_has_ended() {
    for script in [
        "exit 3",
        "exec <&-; sleep 0.3; exit 3",
        "exec >&-; sleep 0.3; exit 3",
        "exec <&- >&-; sleep 0.3; exit 3",
    ] {
        let mut rig = rig_with(script, 1 << 30, "x".repeat(4 << 20));
        assert_eq!(
            rig.end().await,
            HealthReason::WorkerExited { code: 3 },
            "{script}"
        );
        rig.supervisor.drain(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn a_deaf_worker_is_killed_after_its_grace() {
    let mut rig = rig(
        &format!("trap '' TERM HUP; while :; do {BEAT} sleep 0.1; done"),
        1 << 30,
    );
    rig.pid.wait_for(|p| *p != 0).await.expect("pid");
    let began = tokio::time::Instant::now();
    assert!(rig.supervisor.drain(Duration::from_secs(10)).await);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "killed after the grace"
    );
}

#[tokio::test]
async fn a_growing_worker_is_replaced() {
    let mut rig = rig(
        &format!(
            "{BEAT} (while :; do {BEAT} sleep 0.2; done) & exec awk \
             'BEGIN {{ s = \"x\"; for (i = 0; i < 27; i++) s = s s; while (1) i++ }}' > /dev/null"
        ),
        64 << 20,
    );
    let reason = rig.end().await;
    assert!(
        matches!(
            reason,
            HealthReason::WorkerTooLarge { used_mb, allowed_mb: 64 } if used_mb > 64
        ),
        "{reason}"
    );
    rig.supervisor.drain(Duration::from_secs(5)).await;
}
