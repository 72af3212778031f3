//! Workers: code that can crash or block runs in a child process of the same binary.
//!
//! The contract: stdin is a socket whose first byte brings open listeners, whose first line is
//! settings and whose further lines are commands; stdout lines are events, `{"fact":"beat"}` at
//! least every few seconds; stderr is logs; at the end of stdin the worker finishes and exits
//! within 2 s. The parent kills a worker that is silent, writes too much, outgrows its memory (PSS)
//! or ignores the end of stdin. The first restart is at once, later ones after a backoff.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

use super::backoff::{Backoff, jitter};
use super::fds;
use super::health::{Health, HealthPart};
use super::health_reason::HealthReason;
use super::service::Stop;
use super::standstill::running_for;

/// Longest line of a worker's stdout.
const MAX_LINE_BYTES: u64 = 256 * 1024;
/// Most lines a second; more counts as a fault.
const LINES_PER_SECOND: u32 = 5_000;
/// How long a worker may take to exit after stdin ended.
pub const EXIT_GRACE: Duration = Duration::from_secs(2);

/// How to start a worker, and the limits beyond which it is restarted.
pub struct WorkerSpec {
    /// Its part in health; its name stands in logs.
    pub part: HealthPart,
    /// Program; `/proc/self/exe` for our own.
    pub program: PathBuf,
    /// Arguments.
    pub args: Vec<String>,
    /// Environment added.
    pub env: Vec<(String, String)>,
    /// Most PSS, bytes.
    pub max_memory_bytes: u64,
    /// Longest silence.
    pub max_silence: Duration,
}

/// Input of a worker at each start: listeners, settings, first commands.
pub struct WorkerInit {
    /// Open descriptors to pass.
    pub fds: Vec<OwnedFd>,
    /// First line.
    pub settings: String,
    /// Commands that rebuild the worker's state.
    pub orders: Vec<String>,
}

/// Something that a worker did.
#[derive(Debug, PartialEq, Eq)]
pub enum WorkerLifecycle {
    /// It was started (again); its pid.
    Started(u32),
    /// A line of stdout.
    Output(String),
    /// It ended, and why.
    Exited(HealthReason),
}

/// Keeps a worker running until `stop`. `start` is called at each start; `orders` are passed on
/// while it runs (those sent while it is down are dropped: `start` must rebuild everything).
///
/// # Errors
/// Never by itself; the type fits a service.
pub async fn run_worker(
    spec: &WorkerSpec,
    mut start: impl FnMut() -> std::io::Result<WorkerInit>,
    mut orders: mpsc::Receiver<String>,
    lifecycle: mpsc::Sender<WorkerLifecycle>,
    stop: Stop,
    health: Health,
    pid: watch::Sender<u32>,
) -> anyhow::Result<()> {
    let mut backoff = Backoff::standard();
    let mut first_failure = true;
    loop {
        let began = tokio::time::Instant::now();
        while orders.try_recv().is_ok() {}
        let reason = match start().and_then(|s| spawn(spec, s)) {
            Ok((child, socket, begin)) => {
                health.set_green(&spec.part);
                let number = child.id().unwrap_or(0);
                pid.send_replace(number);
                let _ = lifecycle.send(WorkerLifecycle::Started(number)).await;
                supervise(spec, child, socket, begin, &mut orders, &lifecycle, &stop).await
            }
            Err(cause) => HealthReason::WorkerNotStarted {
                cause: cause.into(),
            },
        };
        pid.send_replace(0);
        if stop.soft.is_cancelled() {
            return Ok(());
        }
        tracing::warn!(worker = %spec.part, %reason, "worker exited; restarting");
        health.set_red(&spec.part, reason.clone());
        health.record_restart(&spec.part);
        let _ = lifecycle.send(WorkerLifecycle::Exited(reason)).await;
        if began.elapsed() > Duration::from_secs(30) {
            first_failure = true;
        }
        backoff.record_run(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        if std::mem::take(&mut first_failure) {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next(jitter())) => {}
            () = stop.soft.cancelled() => return Ok(()),
        }
    }
}

fn spawn(spec: &WorkerSpec, start: WorkerInit) -> std::io::Result<(Child, UnixStream, String)> {
    let (ours, theirs) = UnixStream::pair()?;
    // Sent before the worker starts, so that this cannot fail when the worker exits at once: its
    // exit is reported, not our broken pipe.
    let borrowed: Vec<_> = start.fds.iter().map(|fd| fd.as_fd()).collect();
    fds::send(&ours, &borrowed)?;
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .envs(spec.env.iter().cloned())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env_remove("WATCHDOG_PID")
        .kill_on_drop(true);
    // Configuration may stand in the environment; the worker must not see it.
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CONGLANG__"))
    {
        command.env_remove(name);
    }
    let child = command.spawn()?;
    // The command still holds the child's end of the socket; without this drop we would never see
    // it close.
    drop(command);
    ours.set_nonblocking(true)?;
    let mut begin = start.settings;
    begin.push('\n');
    for order in start.orders {
        begin.push_str(&order);
        begin.push('\n');
    }
    Ok((child, ours, begin))
}

/// Supervises one run of a worker; gives the reason of its end.
async fn supervise(
    spec: &WorkerSpec,
    mut child: Child,
    socket: UnixStream,
    begin: String,
    orders: &mut mpsc::Receiver<String>,
    lifecycle: &mpsc::Sender<WorkerLifecycle>,
    stop: &Stop,
) -> HealthReason {
    let mut stdin = match tokio::net::UnixStream::from_std(socket) {
        Ok(stdin) => stdin,
        Err(cause) => {
            return HealthReason::WorkerNotStarted {
                cause: cause.into(),
            };
        }
    };
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return HealthReason::WorkerClosedOutput;
    };
    let number = child.id().unwrap_or(0);
    let logs = tokio::task::JoinSet::from_iter([forward_stderr(spec.part.clone(), stderr)]);
    let (lines_tx, mut lines_rx) = mpsc::channel(256);
    let mut listening = tokio::task::JoinSet::new();
    listening.spawn(read_lines(stdout, lines_tx));
    let mut memory = tokio::time::interval(Duration::from_secs(2));
    let silence = running_for(spec.max_silence);
    tokio::pin!(silence);
    let mut pending = begin.into_bytes();
    let reason = loop {
        tokio::select! {
            status = child.wait() => {
                // Lines that it wrote before it ended still count.
                let mut reason = exit_reason(status);
                while let Ok(Some(read)) =
                    tokio::time::timeout(Duration::from_millis(100), lines_rx.recv()).await
                {
                    match read {
                        Ok(line) => drop(lifecycle.send(WorkerLifecycle::Output(line)).await),
                        Err(flooded) => reason = flooded,
                    }
                }
                break reason;
            }
            line = lines_rx.recv() => match line {
                Some(Ok(line)) => {
                    if line != "{\"fact\":\"beat\"}"
                        && lifecycle.send(WorkerLifecycle::Output(line)).await.is_err()
                    {
                        break HealthReason::WorkerStopped;
                    }
                    // Our own slowness is not its silence.
                    silence.set(running_for(spec.max_silence));
                }
                Some(Err(flooded)) => break flooded,
                None => break exit_reason_or(&mut child, HealthReason::WorkerClosedOutput).await,
            },
            written = stdin.write(&pending), if !pending.is_empty() => match written {
                Ok(n) => drop(pending.drain(..n)),
                Err(cause) => {
                    let cause = cause.into();
                    break exit_reason_or(&mut child, HealthReason::WorkerNotReading { cause })
                        .await;
                }
            },
            order = orders.recv(), if pending.is_empty() => match order {
                Some(order) => pending = (order + "\n").into_bytes(),
                None => break HealthReason::WorkerStopped,
            },
            _ = memory.tick() => {
                if let Some(pss) = pss_of(number).filter(|p| *p > spec.max_memory_bytes) {
                    break HealthReason::WorkerTooLarge {
                        used_mb: pss >> 20,
                        allowed_mb: spec.max_memory_bytes >> 20,
                    };
                }
            }
            () = &mut silence => {
                let seconds = spec.max_silence.as_secs();
                break HealthReason::WorkerSilent { seconds };
            }
            () = stop.soft.cancelled() => break HealthReason::WorkerStopped,
        }
    };
    drop(stdin);
    // First the worker gets time to end by itself; then it is killed.
    if tokio::time::timeout(EXIT_GRACE, child.wait())
        .await
        .is_err()
    {
        let _ = child.kill().await;
    }
    drop((logs, listening));
    reason
}

/// How a worker ended, as a reason.
fn exit_reason(status: std::io::Result<std::process::ExitStatus>) -> HealthReason {
    let number = |n: i32| u64::try_from(n).unwrap_or_default();
    match status {
        Ok(status) => match status.signal() {
            Some(signal) => HealthReason::WorkerKilled {
                signal: number(signal),
            },
            None => HealthReason::WorkerExited {
                code: number(status.code().unwrap_or_default()),
            },
        },
        Err(cause) => HealthReason::WorkerEnded {
            cause: cause.into(),
        },
    }
}

/// A closed pipe is often the first sign of an exit: then the exit is the reason. `reason` holds
/// only for a worker that still runs.
async fn exit_reason_or(child: &mut Child, reason: HealthReason) -> HealthReason {
    tokio::time::timeout(EXIT_GRACE, child.wait())
        .await
        .map_or(reason, exit_reason)
}

async fn read_lines(
    stdout: impl AsyncRead + Unpin,
    lines_tx: mpsc::Sender<Result<String, HealthReason>>,
) {
    let mut reader = BufReader::new(stdout);
    let mut count = 0;
    let mut second = tokio::time::Instant::now();
    loop {
        let mut line = Vec::new();
        let read = (&mut reader)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .await;
        if !matches!(read, Ok(n) if n > 0) {
            return;
        }
        count += 1;
        if second.elapsed() > Duration::from_secs(1) {
            second = tokio::time::Instant::now();
            count = 0;
        }
        let babbles = line.last() != Some(&b'\n') && line.len() as u64 >= MAX_LINE_BYTES
            || count > LINES_PER_SECOND;
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let read = if babbles {
            Err(HealthReason::WorkerFlooded)
        } else {
            Ok(text)
        };
        if lines_tx.send(read).await.is_err() || babbles {
            return;
        }
    }
}

async fn forward_stderr(part: HealthPart, stderr: impl AsyncRead + Unpin) {
    let mut reader = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        match (&mut reader)
            .take(16 * 1024)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(n) if n > 0 => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                if !text.is_empty() {
                    tracing::info!(worker = %part, "{text}");
                }
            }
            _ => return,
        }
    }
}

/// Kills a process that does not work; 0 is none.
pub fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Proportional set size of a process, bytes; none when it has ended.
#[must_use]
pub fn pss_of(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find(|l| l.starts_with("Pss:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kb| kb * 1024)
}
