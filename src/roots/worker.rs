//! `conglang worker …`: one thing that may crash. Started by `run` or `commune`, never by hand.

use std::path::{Path, PathBuf};

use crate::supervisor::child;
use crate::supervisor::confine::confine;

/// Pictures come from cameras that strangers may have got at: who decodes them sees the system's libraries and its own
/// list of plugins, and nothing of the village: no keys, no history, no recordings, no network.
fn shut_in() -> std::io::Result<()> {
    let registry = std::env::var_os("GST_REGISTRY").map(PathBuf::from);
    let own = registry.as_deref().and_then(Path::parent);
    let program = std::env::current_exe()?;
    let read: Vec<&Path> = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.preload", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu", "/dev/urandom"]
        .into_iter()
        .map(Path::new)
        .chain([program.as_path()])
        .collect();
    let write: Vec<&Path> = own.into_iter().chain([Path::new("/dev/null")]).collect();
    if !confine(&read, &write)? {
        eprintln!("this kernel has no Landlock: the media worker runs with the rights of the service");
    }
    Ok(())
}

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
    if role == "media"
        && let Err(cause) = shut_in()
    {
        eprintln!("the media worker could not shut itself in: {cause}");
        return 71;
    }
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
