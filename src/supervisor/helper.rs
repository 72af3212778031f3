//! Helper programs: argv, stdin, a deadline, a bound on output, nothing inherited.
//!
//! Never a shell; the caller's text goes to stdin or to one argument, so a sentence cannot become a
//! command.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Why a helper gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// It could not be started.
    #[error("cannot start {program}; is it installed?")]
    Start {
        /// Program.
        program: String,
        /// The cause.
        #[source]
        cause: std::io::Error,
    },
    /// It took too long and was killed.
    #[error("{program} took longer than {deadline:?} and was ended")]
    Deadline {
        /// Program.
        program: String,
        /// The deadline.
        deadline: Duration,
    },
    /// It ended with an error.
    #[error("{program} failed ({status}): {stderr}")]
    Failed {
        /// Program.
        program: String,
        /// Exit status.
        status: String,
        /// The end of its stderr, at most 400 characters.
        stderr: String,
    },
    /// It wrote more than allowed.
    #[error("{program} wrote more than {max_bytes} bytes")]
    OutputTooLarge {
        /// Program.
        program: String,
        /// The bound.
        max_bytes: usize,
    },
    /// The pipe broke.
    #[error("talking to {program} failed")]
    Pipe {
        /// Program.
        program: String,
        /// The cause.
        #[source]
        cause: std::io::Error,
    },
}

/// Runs `program` with `args` and with `env` besides its parent's environment, writes `input` to
/// it, and returns its output.
///
/// # Errors
/// [`HelperError`] when it did not succeed within `limit` and `most` bytes.
pub async fn run(
    program: &str,
    args: &[&str],
    env: &[(&str, &str)],
    input: &[u8],
    limit: Duration,
    most: usize,
) -> Result<Vec<u8>, HelperError> {
    let mut command = tokio::process::Command::new(program);
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .envs(env.iter().copied());
    command
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env_remove("WATCHDOG_PID");
    let mut child = command.spawn().map_err(|cause| HelperError::Start {
        program: program.to_owned(),
        cause,
    })?;
    let pipe = |cause| HelperError::Pipe {
        program: program.to_owned(),
        cause,
    };
    let missing = || pipe(std::io::Error::other("no pipe"));
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let mut stdout = child
        .stdout
        .take()
        .ok_or_else(missing)?
        .take(most as u64 + 1);
    let mut stderr = child.stderr.take().ok_or_else(missing)?.take(64 * 1024);
    let work = async {
        let feed = async {
            // A helper that does not read its input to the end is judged by its exit status, not by
            // this error.
            let _ = stdin.write_all(input).await;
            drop(stdin);
        };
        let mut out = Vec::new();
        let mut words = Vec::new();
        let read_out = async {
            stdout.read_to_end(&mut out).await.map_err(pipe)?;
            if out.len() > most {
                Err(HelperError::OutputTooLarge {
                    program: program.to_owned(),
                    max_bytes: most,
                })
            } else {
                Ok(())
            }
        };
        let read_words = async { stderr.read_to_end(&mut words).await.map(drop).map_err(pipe) };
        tokio::try_join!(
            async {
                feed.await;
                Ok(())
            },
            read_out,
            read_words
        )?;
        let status = child.wait().await.map_err(pipe)?;
        if status.success() {
            return Ok(out);
        }
        let words = String::from_utf8_lossy(&words)
            .trim()
            .chars()
            .take(400)
            .collect();
        Err(HelperError::Failed {
            program: program.to_owned(),
            status: status.to_string(),
            stderr: words,
        })
    };
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(HelperError::Deadline {
            program: program.to_owned(),
            deadline: limit,
        })
    })
}

/// A helper that tells what it finds as it goes. Dropped, it is killed.
pub struct TellingHelper {
    program: String,
    child: tokio::process::Child,
    stdout: tokio::process::ChildStdout,
}

/// Starts `program` with a file as its input and with no environment of its parent's; what it
/// writes to stderr is nobody's.
///
/// # Errors
/// [`HelperError::Start`].
pub fn start(
    program: &str,
    args: &[&str],
    input: std::fs::File,
) -> Result<TellingHelper, HelperError> {
    let missing = |cause| HelperError::Start {
        program: program.to_owned(),
        cause,
    };
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .env_clear()
        .stdin(Stdio::from(input))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(missing)?;
    let no_pipe = || missing(std::io::Error::other("no pipe"));
    let stdout = child.stdout.take().ok_or_else(no_pipe)?;
    Ok(TellingHelper {
        program: program.to_owned(),
        child,
        stdout,
    })
}

impl TellingHelper {
    /// Fills `piece` with what it tells next.
    ///
    /// # Errors
    /// [`HelperError::Deadline`] when that takes longer than `limit`; otherwise it has ended.
    pub async fn read(&mut self, piece: &mut [u8], limit: Duration) -> Result<(), HelperError> {
        let program = self.program.clone();
        match tokio::time::timeout(limit, self.stdout.read_exact(piece)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(cause)) => Err(HelperError::Pipe { program, cause }),
            Err(_) => Err(HelperError::Deadline {
                program,
                deadline: limit,
            }),
        }
    }

    /// Ends it, if it has not ended.
    pub async fn end(mut self) {
        let _ = self.child.kill().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn input_goes_through_and_output_comes_back() {
        let out = run("cat", &[], &[], "đèn\n".as_bytes(), SECOND, 100)
            .await
            .expect("cat");
        assert_eq!(out, "đèn\n".as_bytes());
    }

    #[tokio::test]
    async fn every_bad_end_has_its_error() {
        assert!(matches!(
            run("no-such-program-here", &[], &[], b"", SECOND, 1).await,
            Err(HelperError::Start { .. })
        ));
        assert!(matches!(
            run("sleep", &["30"], &[], b"", Duration::from_millis(50), 1).await,
            Err(HelperError::Deadline { .. })
        ));
        assert!(matches!(
            run("ls", &["/nowhere"], &[], b"", SECOND, 100).await,
            Err(HelperError::Failed { stderr, .. }) if stderr.contains("nowhere")
        ));
        assert!(matches!(
            run("yes", &[], &[], b"", SECOND, 1000).await,
            Err(HelperError::OutputTooLarge { .. })
        ));
    }
}
