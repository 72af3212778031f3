//! `conglang worker …`: one thing that may crash. Started by `run` or `commune`, never by hand.

use crate::supervisor::child;

/// Runs a worker's role to its end; gives the exit code.
#[must_use]
pub fn run(role: &str) -> u8 {
    let birth = match child::birth() {
        Ok(birth) => birth,
        Err(cause) => {
            eprintln!("a worker is started by “conglang run”, not by hand ({cause})");
            return 64;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("no runtime: {cause}");
            return 71;
        }
    };
    let ended = runtime.block_on(async {
        match role {
            "media" => crate::cameras::worker::run(birth).await,
            "broker" => crate::broker::worker::run(birth).await,
            other => anyhow::bail!("there is no worker “{other}”"),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    match ended {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error:#}");
            70
        }
    }
}
