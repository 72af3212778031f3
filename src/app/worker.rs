//! `conglang worker …`: a process for work that may crash. `run` or `commune` starts it, never a
//! person.

use std::io;
use std::path::Path;

use crate::papers::{letters, worker};
use crate::speakers::encoder;
use crate::supervisor::child;
use crate::supervisor::sandbox::{SandboxStatus, confine, confine_program};

/// Runs a worker's role to its end; gives the exit code.
#[must_use]
pub fn run(role: &str) -> u8 {
    // This role ends by itself: it records which decoders this machine has, before any access unit
    // is read.
    if role == "plugins" {
        return match crate::cameras::worker::probe_decoders() {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("{error:#}");
                70
            }
        };
    }
    if let Some(code) = run_once(role) {
        return code;
    }
    let birth = match child::from_parent() {
        Ok(birth) => birth,
        Err(cause) => {
            eprintln!("a worker is started by “conglang run”, not by hand ({cause})");
            return 64;
        }
    };
    let shut = role == "media" && enter_sandbox();
    // The broker's work is many small steps under one lock: a second thread would only wait for it.
    let mut builder = if role == "broker" {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if role != "broker" {
        builder.worker_threads(2);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("no runtime: {cause}");
            return 71;
        }
    };
    let ended = runtime.block_on(async {
        match role {
            "media" => crate::cameras::worker::run(birth, shut).await,
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

/// Runs a role that does one piece of work, from stdin to stdout, and ends; none = the role is
/// another.
fn run_once(role: &str) -> Option<u8> {
    let ended = if role.starts_with("paper-") {
        worker::bound(worker::MAX_MEMORY_BYTES, worker::MAX_CPU_SECONDS).and_then(|()| {
            // Nothing is opened: the paper came with the process.
            report(confine(&[], &[]));
            worker::run(role)
        })
    } else if role == "letters" {
        worker::bound(letters::MAX_MEMORY_BYTES, letters::MAX_CPU_SECONDS).and_then(|()| {
            let read = letters::READ.map(Path::new);
            report(confine_program(&read, &[Path::new("/dev/null")]));
            Err(letters::become_program())
        })
    } else if role == "mp3" {
        let _ = enter_sandbox();
        encoder::run().map_err(io::Error::other)
    } else {
        return None;
    };
    Some(match ended {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error:#}");
            70
        }
    })
}

/// Says what the kernel does not grant; the parent reads no more of it than of any other line.
fn report(granted: SandboxStatus) {
    if !(granted.filesystem && granted.syscalls) {
        eprintln!("not wholly confined: {granted:?}");
    }
}

/// Shuts the media worker in: an attacker may control a camera and what it sends. The process that
/// decodes it sees the system's libraries and the list of decoders, writes nothing, and talks to
/// nobody but its parent: no keys, no history, no recordings, no network, no control socket.
fn enter_sandbox() -> bool {
    let registry = std::env::var_os("GST_REGISTRY").unwrap_or_default();
    let read = [
        "/usr",
        "/lib",
        "/lib64",
        "/etc/ld.so.cache",
        "/etc/ld.so.preload",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/sys/devices/system/cpu",
        "/dev/urandom",
    ];
    let read: Vec<&Path> = read
        .into_iter()
        .map(Path::new)
        .chain([Path::new(&registry)])
        .collect();
    let shut = confine(&read, &[Path::new("/dev/null")]);
    shut.filesystem && shut.syscalls
}
