//! A worker that reads untrusted bytes confines itself before it begins.
//!
//! Two mechanisms. Landlock: which files it may open, and none to write (kernels from 5.13; newer
//! ones also deny TCP and signals to other processes). seccomp, on every kernel: no new connections
//! of any kind (a Unix socket is a way out too, and Landlock does not guard it), no signals to
//! other processes nor calls of the same effect, no change of files by name, no programs, no child
//! processes. It works with the descriptors that it was given. `SandboxStatus` states which of the
//! two the kernel granted.
//!
//! Invariant: called before any thread starts, or that thread would stay outside.
//!
//! Sources: <https://docs.kernel.org/userspace-api/landlock.html>, seccomp(2).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

/// The newest file rules that this program requests; an older kernel grants those that it has.
const LANDLOCK_ABI: ABI = ABI::V6;
/// Errno of “not permitted” and “no such call” on every Linux that this program runs on.
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// fcntl(2); the same number on every Linux that this program runs on.
const F_SETSIG: i32 = 10;
const F_SETOWN_EX: i32 = 15;

/// The restrictions that the kernel granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxStatus {
    /// Landlock: no other files can be opened.
    pub filesystem: bool,
    /// seccomp: no other calls can be made.
    pub syscalls: bool,
}

/// Confines this process: it may read and execute beneath `read`, and do everything beneath
/// `write`. Paths that do not exist are left out. A restriction that the kernel refuses, or the
/// systemd unit around this process, is reported and does not end the worker.
#[must_use]
pub fn confine(read: &[&Path], write: &[&Path]) -> SandboxStatus {
    confine_but_for(read, write, &[])
}

/// The same for a process that becomes another program next: that program is as confined, and it
/// may start only what lies beneath `read`.
#[must_use]
pub fn confine_program(read: &[&Path], write: &[&Path]) -> SandboxStatus {
    confine_but_for(read, write, &[libc::SYS_execve])
}

/// Confines this process, and allows it the calls of `allowed`.
fn confine_but_for(read: &[&Path], write: &[&Path], allowed: &[i64]) -> SandboxStatus {
    let files = restrict_filesystem(read, write).unwrap_or_else(|cause| {
        eprintln!("Landlock could not be applied: {cause}");
        false
    });
    // glibc calls clone3 first and falls back to clone when the kernel answers ENOSYS. The filter
    // can judge clone's flags, but not clone3's.
    let denied = || {
        let mut calls = denied_syscalls()?;
        calls.retain(|call, _| !allowed.contains(call));
        install_filter(calls, EPERM)
    };
    let calls = install_filter(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), ENOSYS)
        .and_then(|()| denied());
    if let Err(cause) = &calls {
        eprintln!("seccomp could not be applied: {cause}");
    }
    SandboxStatus {
        filesystem: files,
        syscalls: calls.is_ok(),
    }
}

/// Answers these calls with `errno` from now on, in this thread and all that it starts.
fn install_filter(calls: BTreeMap<i64, Vec<SeccompRule>>, errno: u32) -> io::Result<()> {
    let arch = std::env::consts::ARCH
        .try_into()
        .map_err(io::Error::other)?;
    let filter = SeccompFilter::new(
        calls,
        SeccompAction::Allow,
        SeccompAction::Errno(errno),
        arch,
    )
    .map_err(io::Error::other)?;
    let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
    apply_filter(&program).map_err(io::Error::other)
}

/// The calls that an attacker who controls this process would need next, and that it never makes.
const DENIED_SYSCALLS: &[i64] = &[
    // connections
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_io_uring_setup,
    // other processes
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    // programs, and environments where rules do not hold
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_setsid,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
    libc::SYS_setpriority,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
    libc::SYS_ioprio_set,
    // files by their names: old kernels' Landlock knows opening only
    libc::SYS_truncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// Those calls, and the calls that are denied only with certain arguments, with the rules for them.
fn denied_syscalls() -> io::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let rule = |argument: u8, length: SeccompCmpArgLen, op: SeccompCmpOp, value: u64| {
        let condition =
            SeccompCondition::new(argument, length, op, value).map_err(io::Error::other)?;
        SeccompRule::new(vec![condition]).map_err(io::Error::other)
    };
    let number = |argument: u8, op: SeccompCmpOp, value: u64| {
        rule(argument, SeccompCmpArgLen::Dword, op, value)
    };
    let mut calls: BTreeMap<i64, Vec<SeccompRule>> = DENIED_SYSCALLS
        .iter()
        .map(|call| (*call, Vec::new()))
        .collect();
    // Threads may start, but no child processes; a signal to oneself may be sent (a process aborts
    // that way), but none to another.
    calls.insert(
        libc::SYS_clone,
        vec![number(
            0,
            SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64),
            0,
        )?],
    );
    calls.insert(
        libc::SYS_tgkill,
        vec![number(0, SeccompCmpOp::Ne, u64::from(std::process::id()))?],
    );
    // Limits of other processes, signals by way of a descriptor, messages to an address, and
    // sockets that can send to an address.
    calls.insert(libc::SYS_prlimit64, vec![number(0, SeccompCmpOp::Ne, 0)?]);
    let owners = [libc::F_SETOWN, F_SETSIG, F_SETOWN_EX]
        .map(|command| number(1, SeccompCmpOp::Eq, u64::from(command.unsigned_abs())));
    calls.insert(
        libc::SYS_fcntl,
        owners.into_iter().collect::<io::Result<_>>()?,
    );
    calls.insert(
        libc::SYS_sendto,
        vec![rule(4, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?],
    );
    calls.insert(
        libc::SYS_socketpair,
        vec![number(
            1,
            SeccompCmpOp::MaskedEq(0xf),
            libc::SOCK_DGRAM as u64,
        )?],
    );
    Ok(calls)
}

/// True when this kernel, and what this process runs in, offer Landlock.
#[must_use]
pub fn is_landlock_available() -> bool {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .is_ok()
}

fn restrict_filesystem(read: &[&Path], write: &[&Path]) -> io::Result<bool> {
    let set = || {
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LANDLOCK_ABI))?
            .handle_access(AccessNet::from_all(LANDLOCK_ABI))?
            .scope(Scope::from_all(LANDLOCK_ABI))?
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(LANDLOCK_ABI)))?
            .add_rules(path_beneath_rules(write, AccessFs::from_all(LANDLOCK_ABI)))?
            .restrict_self()
    };
    let status: Result<_, landlock::RulesetError> = set();
    Ok(status.map_err(io::Error::other)?.ruleset != RulesetStatus::NotEnforced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_shut_in_reads_its_own_and_nothing_else() {
        let temporary = tempfile::tempdir().expect("folder");
        let folder = temporary.path();
        let (own, secret) = (folder.join("own"), folder.join("secret"));
        for place in [&own, &secret] {
            std::fs::create_dir_all(place).expect("folder");
            std::fs::write(place.join("file"), "words").expect("written");
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a door");
        let address = listener.local_addr().expect("address");
        let socket = folder.join("control.sock");
        let control = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        let (mut given, mut ours) = std::os::unix::net::UnixStream::pair().expect("a pair");
        // Only the thread that calls `confine` is confined: the test itself stays free.
        let inside = std::thread::spawn({
            let (own, secret, socket) = (own.clone(), secret.clone(), socket.clone());
            move || {
                use std::io::Write as _;
                let shut = confine(&[], &[&own]);
                let denied = |what: io::Error| {
                    assert_eq!(what.kind(), io::ErrorKind::PermissionDenied, "{what}");
                };
                if shut.filesystem {
                    assert_eq!(
                        std::fs::read_to_string(own.join("file")).expect("its own"),
                        "words"
                    );
                    std::fs::write(own.join("more"), "x").expect("its own");
                    denied(std::fs::read(secret.join("file")).expect_err("a key"));
                    denied(std::fs::write(secret.join("more"), "x").expect_err("a key"));
                    denied(std::fs::read_dir(&secret).map(drop).expect_err("a folder"));
                }
                denied(
                    std::net::TcpStream::connect(address)
                        .map(drop)
                        .expect_err("the network"),
                );
                denied(
                    std::net::UdpSocket::bind("127.0.0.1:0")
                        .map(drop)
                        .expect_err("the network"),
                );
                denied(
                    std::os::unix::net::UnixStream::connect(&socket)
                        .map(drop)
                        .expect_err("the control socket"),
                );
                denied(
                    std::process::Command::new("/bin/true")
                        .status()
                        .map(drop)
                        .expect_err("a program"),
                );
                denied(
                    rustix::process::kill_process(
                        rustix::process::getpid(),
                        rustix::process::Signal::CONT,
                    )
                    .map_err(io::Error::from)
                    .expect_err("a signal"),
                );
                denied(
                    std::os::unix::net::UnixDatagram::pair()
                        .map(drop)
                        .expect_err("messages to anybody"),
                );
                denied(
                    rustix::fs::chmod(own.join("file"), rustix::fs::Mode::empty())
                        .map_err(io::Error::from)
                        .expect_err("a file's rights"),
                );
                given
                    .write_all(b"it works")
                    .expect("what it was given stays good");
                std::thread::spawn(|| {}).join().expect("threads may start");
                shut
            }
        });
        let shut = inside.join().expect("all held");
        let mut words = [0; 8];
        io::Read::read_exact(&mut ours, &mut words).expect("heard");
        assert_eq!(&words, b"it works");
        assert!(std::fs::read(secret.join("file")).is_ok());
        // The status states what this kernel offers.
        assert_eq!(
            shut,
            SandboxStatus {
                filesystem: is_landlock_available(),
                syscalls: true
            }
        );
        drop(control);
    }
}
