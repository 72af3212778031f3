//! `dnsmasq` under supervision: its configuration is tried before it is used, it comes back when it
//! ends, reads reservations and options again when they change, and ends with its parent.
//!
//! Invariants: what is given out outlives a crash in the runtime folder, and what devices and staff
//! have outlives a reboot in the saved copy, which is written seldom so that the memory card lives;
//! the gateway's files are read as values, and `dnsmasq` reads only what was made of these
//! (`checked.rs`); a peer cannot fill the log.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::folder::{self, LEASES, OPTIONS, RESERVATIONS};
use super::{checked, dnsmasq, leases};
use crate::config::network::NetworkConfig;
use crate::domain::hardware_address::masked;
use crate::supervisor::backoff::{Backoff, jitter};
use crate::supervisor::helper::{self, HelperError};
use crate::supervisor::systemd::{self, StopSignal};
use crate::supervisor::worker::EXIT_GRACE;

/// The program.
const PROGRAM: &str = "dnsmasq";
/// How long trying a configuration may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a server that starts is looked at until it listens.
const LISTENING_INTERVAL: Duration = Duration::from_millis(20);
/// How often the gateway's files are looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How often the saved copy is written anew, if anything changed: it is never older.
const SAVE_INTERVAL: Duration = Duration::from_secs(180);
/// Lines of the program that are passed on in a minute.
const LINES_PER_MINUTE: u32 = 60;
/// Longest line of it, bytes.
const MAX_LINE_BYTES: u64 = 4 * 1024;

/// Why the server was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder or a file in it cannot be used.
    #[error(
        "cannot write {path}; it must belong to the user of conglang-dhcp \
         (systemd/conglang-network.sysusers)"
    )]
    Folder {
        /// The folder or the file.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The program does not take the configuration.
    #[error("dnsmasq refuses line {line} of its configuration, “{text}”: {words}")]
    Refused {
        /// The line; 0 = it names none.
        line: usize,
        /// Its text.
        text: String,
        /// The program's words about it.
        words: String,
    },
    /// The program cannot be started.
    #[error("cannot run dnsmasq to try its configuration; is dnsmasq-base installed?")]
    Tool(#[from] HelperError),
}

/// The server with its two folders.
#[derive(Debug)]
pub struct DhcpServer {
    network: NetworkConfig,
    config: String,
    run: PathBuf,
    shared: PathBuf,
}

/// A file as it was seen: it is another one when this changes.
type FileVersion = Option<(u64, u64, std::time::SystemTime)>;

impl DhcpServer {
    /// Makes the folders where they are missing (the units make them with their owners), writes the
    /// configuration, tries it, and restores what was given out before the machine started.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn prepare(network: &NetworkConfig) -> Result<Self, StartError> {
        let server = Self {
            network: network.clone(),
            config: dnsmasq::config(network),
            run: network.dhcp_run.clone(),
            shared: network.dhcp.clone(),
        };
        for path in [&server.run, &server.shared] {
            std::fs::create_dir_all(path).map_err(|cause| unusable(path, cause))?;
        }
        let text = server.config.as_bytes();
        folder::write(&server.run, "dnsmasq.conf", text)
            .map_err(|cause| unusable(&server.config_path(), cause))?;
        server.try_config().await?;
        for name in [RESERVATIONS, OPTIONS] {
            let path = server.shared.join(name);
            if !path.exists() {
                folder::write(&server.shared, name, b"").map_err(|cause| unusable(&path, cause))?;
            }
            server
                .take_over(name)
                .map_err(|cause| unusable(&server.run.join(name), cause))?;
        }
        server
            .restore()
            .map_err(|cause| unusable(&server.leases_path(), cause))?;
        Ok(server)
    }

    fn config_path(&self) -> PathBuf {
        self.run.join("dnsmasq.conf")
    }

    fn pid_path(&self) -> PathBuf {
        self.run.join("dnsmasq.pid")
    }

    fn leases_path(&self) -> PathBuf {
        self.run.join(LEASES)
    }

    async fn try_config(&self) -> Result<(), StartError> {
        let config = format!("--conf-file={}", self.config_path().display());
        let args = ["--test", config.as_str()];
        match helper::run(PROGRAM, &args, &[], b"", TEST_TIMEOUT, 64 * 1024).await {
            Ok(_) => Ok(()),
            Err(HelperError::Failed { stderr, .. }) => Err(refusal(&self.config, &stderr)),
            Err(other) => Err(other.into()),
        }
    }

    /// Takes the saved copy where no lease of this boot is.
    fn restore(&self) -> io::Result<()> {
        if folder::read(&self.leases_path(), 1)?.is_some() {
            return Ok(());
        }
        let saved = folder::read(&self.shared.join(LEASES), leases::MAX_BYTES)?;
        let kept = checked::kept_leases(&saved.unwrap_or_default(), &self.network);
        folder::write(&self.run, LEASES, &kept)
    }

    /// Makes the file for `dnsmasq` of what can be used of the gateway's; true = it is another one.
    /// A file that cannot be read leaves the one before in force.
    fn take_over(&self, name: &str) -> io::Result<bool> {
        let (path, to) = (self.shared.join(name), self.run.join(name));
        let most = match name {
            RESERVATIONS => checked::MAX_RESERVATION_BYTES,
            _ => checked::MAX_OPTION_BYTES,
        };
        let there = folder::read(&to, checked::MAX_RESERVATION_BYTES)?;
        let content = folder::read(&path, most + 1).and_then(|content| {
            let content = content.unwrap_or_default();
            if content.len() as u64 > most {
                return Err(io::Error::other("it is too long"));
            }
            Ok(content)
        });
        let content = content.unwrap_or_else(|cause| {
            tracing::error!(path = %path.display(), %cause, "file of the gateway not read");
            there.clone().unwrap_or_default()
        });
        let checked = match name {
            RESERVATIONS => checked::reservations(&content, &self.network),
            _ => checked::options(&content),
        };
        if let Some((line, why)) = checked.wrong.first() {
            let n = checked.wrong.len();
            tracing::error!(path = %path.display(), line, %why, n, "lines of the gateway left out");
        }
        let is_other = there.as_deref() != Some(checked.text.as_bytes());
        if is_other {
            folder::write(&self.run, name, checked.text.as_bytes())?;
        }
        Ok(is_other)
    }

    /// The same for both files while the program runs.
    fn take_over_all(&self) -> bool {
        let mut is_other = false;
        for name in [RESERVATIONS, OPTIONS] {
            match self.take_over(name) {
                Ok(changed) => is_other |= changed,
                Err(cause) => {
                    let path = self.run.display();
                    tracing::error!(%path, %cause, "file for dnsmasq not written");
                }
            }
        }
        is_other
    }

    /// Writes the copy that outlives a reboot, if anything changed since `saved`.
    fn save(&self, saved: &mut Vec<u8>) {
        let kept = folder::read(&self.leases_path(), leases::MAX_BYTES).and_then(|now| {
            let now = checked::kept_leases(&now.unwrap_or_default(), &self.network);
            if now != *saved {
                folder::write(&self.shared, LEASES, &now)?;
                *saved = now;
            }
            Ok(())
        });
        if let Err(cause) = kept {
            tracing::warn!(%cause, path = %self.shared.display(), "saving leases failed");
        }
    }

    /// Serves until it is asked to stop.
    pub async fn run(&self, stop: &mut StopSignal) {
        let mut backoff = Backoff::standard();
        let mut is_first = true;
        let mut saved = folder::read(&self.shared.join(LEASES), leases::MAX_BYTES)
            .ok()
            .flatten()
            .unwrap_or_default();
        // A copy that was saved before guests' rows were left out of it does not stay.
        self.save(&mut saved);
        loop {
            let began = Instant::now();
            let seen = self.versions();
            let ended = match self.spawn() {
                Ok(mut child) => {
                    let ended = self.attend(&mut child, seen, stop, &mut saved).await;
                    self.save(&mut saved);
                    match ended {
                        Some(status) => status.map(|s| s.to_string()),
                        None => {
                            end(&mut child).await;
                            self.save(&mut saved);
                            return;
                        }
                    }
                }
                Err(cause) => Err(cause),
            };
            let reason = ended.unwrap_or_else(|cause| cause.to_string());
            tracing::warn!(worker = PROGRAM, reason, "worker exited; restarting");
            let ran = began.elapsed();
            backoff.record_run(u64::try_from(ran.as_millis()).unwrap_or(u64::MAX));
            if ran > Duration::from_secs(30) {
                is_first = true;
            }
            if std::mem::take(&mut is_first) {
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.next(jitter())) => {}
                () = stop.recv() => return,
            }
        }
    }

    /// Starts the program so that it ends with this process, also when that is killed.
    fn spawn(&self) -> io::Result<Child> {
        let file = |option: &str, path: PathBuf| {
            let mut argument = std::ffi::OsString::from(format!("--{option}="));
            argument.push(path);
            argument
        };
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM", "--", PROGRAM, "--keep-in-foreground"])
            .arg(file("conf-file", self.config_path()))
            .arg(file("dhcp-leasefile", self.leases_path()))
            .arg(file("dhcp-hostsfile", self.run.join(RESERVATIONS)))
            .arg(file("dhcp-optsfile", self.run.join(OPTIONS)))
            .arg(file("pid-file", self.pid_path()));
        if rustix::process::geteuid().is_root() {
            // It would become another user, who may not write here.
            command.args(["--user=root", "--group=root"]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .env_remove("NOTIFY_SOCKET")
            .kill_on_drop(true)
            .spawn()
    }

    /// Watches one run; gives how it ended, or none when this process is asked to stop.
    async fn attend(
        &self,
        child: &mut Child,
        mut seen: [FileVersion; 2],
        stop: &mut StopSignal,
        saved: &mut Vec<u8>,
    ) -> Option<io::Result<ExitStatus>> {
        let pid = child.id();
        let log = pass_on(child.stderr.take());
        tokio::pin!(log);
        let mut listening = tokio::time::interval(LISTENING_INTERVAL);
        let mut is_ready = false;
        let mut check = tokio::time::interval(CHECK_INTERVAL);
        let mut save = tokio::time::interval_at(Instant::now() + SAVE_INTERVAL, SAVE_INTERVAL);
        loop {
            tokio::select! {
                status = child.wait() => return Some(status),
                () = stop.recv() => return None,
                () = &mut log => {}
                _ = listening.tick(), if !is_ready => {
                    is_ready = self.is_listening(pid);
                    if is_ready {
                        systemd::notify_ready();
                    }
                }
                _ = check.tick() => {
                    let now = self.versions();
                    if now != seen {
                        seen = now;
                        if !self.take_over_all() {
                            continue;
                        }
                        signal(pid, rustix::process::Signal::HUP);
                    }
                }
                _ = save.tick() => self.save(saved),
            }
        }
    }

    /// `dnsmasq` writes its number down when its sockets are open.
    fn is_listening(&self, pid: Option<u32>) -> bool {
        let written = folder::read(&self.pid_path(), 32).ok().flatten();
        let written = written.and_then(|bytes| String::from_utf8(bytes).ok());
        pid.is_some() && written.and_then(|text| text.trim().parse().ok()) == pid
    }

    fn versions(&self) -> [FileVersion; 2] {
        [RESERVATIONS, OPTIONS].map(|name| version_of(&self.shared.join(name)))
    }
}

fn unusable(path: &Path, cause: io::Error) -> StartError {
    StartError::Folder {
        path: path.to_owned(),
        cause,
    }
}

fn version_of(path: &Path) -> FileVersion {
    use std::os::unix::fs::MetadataExt as _;
    let of = std::fs::symlink_metadata(path).ok()?;
    Some((of.ino(), of.len(), of.modified().ok()?))
}

fn signal(pid: Option<u32>, signal: rustix::process::Signal) {
    let pid = pid.and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Asks the program to end; a program that does not is killed.
async fn end(child: &mut Child) {
    signal(child.id(), rustix::process::Signal::TERM);
    if tokio::time::timeout(EXIT_GRACE, child.wait())
        .await
        .is_err()
    {
        let _ = child.kill().await;
    }
}

/// Passes the program's lines on to the log; never returns. Devices cause many of them, so a minute
/// has only so many.
async fn pass_on(from: Option<impl AsyncRead + Unpin>) {
    if let Some(from) = from {
        let mut reader = BufReader::new(from);
        let (mut begun, mut count, mut suppressed) = (Instant::now(), 0, 0_u64);
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut reader).take(MAX_LINE_BYTES);
            match bounded.read_until(b'\n', &mut line).await {
                Ok(n) if n > 0 => {}
                _ => break,
            }
            if begun.elapsed() > Duration::from_secs(60) {
                (begun, count) = (Instant::now(), 0);
            }
            count += 1;
            if count > LINES_PER_MINUTE {
                suppressed += 1;
                continue;
            }
            let text = String::from_utf8_lossy(&line);
            let line = masked(text.trim_end());
            tracing::info!(worker = PROGRAM, line, suppressed, "a worker wrote");
            suppressed = 0;
        }
    }
    std::future::pending::<()>().await;
}

/// The refusal in the words of the program: `dnsmasq: bad option at line 3 of /run/…`.
fn refusal(config: &str, stderr: &str) -> StartError {
    let words = stderr.trim().trim_start_matches("dnsmasq: ");
    let (words, line): (&str, usize) =
        words
            .rsplit_once(" at line ")
            .map_or((words, 0), |(words, rest)| {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                (words, digits.parse().unwrap_or(0))
            });
    let text = line
        .checked_sub(1)
        .and_then(|n| config.lines().nth(n))
        .unwrap_or_default();
    StartError::Refused {
        line,
        text: text.to_owned(),
        words: words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_line_and_what_stands_there() {
        let config = "port=0\ndhcp-range=fd00:7::,ra-only,48,45m\n";
        let stderr =
            "dnsmasq: prefix length must be at least 64 at line 2 of /run/x/dnsmasq.conf\n";
        let StartError::Refused { line, text, words } = refusal(config, stderr) else {
            panic!("a refusal");
        };
        assert_eq!(
            (line, text.as_str()),
            (2, "dhcp-range=fd00:7::,ra-only,48,45m")
        );
        assert_eq!(words, "prefix length must be at least 64");
        let StartError::Refused { line, text, words } = refusal(config, "dnsmasq: odd") else {
            panic!("a refusal");
        };
        assert_eq!((line, text.as_str(), words.as_str()), (0, "", "odd"));
    }
}
