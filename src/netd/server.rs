//! The helper's socket: one connection at a time, one request after the other.
//!
//! Invariant: whoever may ask is let in at once, in the place of who was there before. A gateway
//! that was started again is kept out by none that was left over, and a request that has begun is
//! carried out to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use super::kernel::{self, KernelError};
use super::network::{KernelChange, Network};
use super::peer::HelperPeer;
use super::{ruleset, shaping};
use crate::protocol::netd::{
    GuestSession, InterfaceName, NetdRefusal, NetdReply, NetdRequest, NetworkPlan, SlotId,
};
use crate::supervisor::clock::since_boot_ms;

/// How often it is looked whether the rules are still there. Debian's own nftables.service empties
/// the kernel's tables when somebody starts it.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Queues that share a device's class among its connections, the better first.
const QUEUES: [&str; 2] = ["fq_codel", "cake"];

/// Why the helper cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The socket failed.
    #[error("the helper's socket failed")]
    Socket(#[from] std::io::Error),
    /// The rules of the start cannot be put in force.
    #[error(
        "cannot put the first rules in force: {detail}; compare them with `conglang net render`, \
         see docs/operations.md, Networks"
    )]
    Base {
        /// The output of the kernel's tool.
        detail: String,
    },
}

/// The kernel's rules and the way to them.
struct Helper {
    network: Network,
    /// The queue beneath a device's class; none = this kernel has none of them.
    queue: Option<&'static str>,
    /// Slots that have their class in the trees that stand: it stays for whoever has the slot next.
    classes: BTreeSet<SlotId>,
    /// Whether a part of the shaping is missing, as beneath an uplink that is unplugged.
    is_shaping_partial: bool,
    /// The plan of the configuration: a plan of the gateway may differ from it in the speeds alone.
    base: Option<NetworkPlan>,
}

/// Serves until the listener fails. `gateway_uid` is the one user that may ask; root may always.
/// `base` is put in force when the kernel has no rules of ours: with it nobody is let in, and
/// nothing reaches another segment. `ready` is called when rules are in force.
///
/// # Errors
/// [`ServerError`].
pub async fn serve(
    listener: std::os::unix::net::UnixListener,
    gateway_uid: u32,
    base: Option<NetworkPlan>,
    ready: impl FnOnce(),
) -> Result<(), ServerError> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let mut helper = Helper {
        network: Network::default(),
        queue: None,
        classes: BTreeSet::new(),
        is_shaping_partial: false,
        base,
    };
    helper.take_over().await?;
    ready();
    let mut check = tokio::time::interval(CHECK_INTERVAL);
    let mut peer: Option<HelperPeer> = None;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                if may_ask(&stream, gateway_uid) {
                    let before = peer.replace(HelperPeer::new(stream));
                    if before.is_some() {
                        tracing::info!("a newer connection took the place of the gateway's");
                    }
                }
            }
            _ = check.tick() => helper.keep_loaded().await,
            line = next_line(&mut peer) => {
                let goes_on = match line {
                    Ok(Some(line)) => helper.reply(&line, peer.as_mut()).await,
                    Ok(None) => Ok(false),
                    Err(cause) => Err(cause),
                };
                if let Err(cause) = &goes_on {
                    tracing::warn!(%cause, "connection of the gateway ended");
                }
                if !goes_on.unwrap_or(false) {
                    peer = None;
                }
            }
        }
    }
}

/// Lets nothing be forwarded when there is no plan that could be put in force. Rules of ours that
/// the kernel has already go on: they keep the segments apart, and their sessions end on time.
///
/// # Errors
/// [`ServerError::Base`].
pub async fn shut() -> Result<(), ServerError> {
    let failed = |error: KernelError| ServerError::Base {
        detail: error.detail,
    };
    if kernel::is_loaded().await.map_err(failed)? {
        return Ok(());
    }
    kernel::transact(&ruleset::closed()).await.map_err(failed)
}

/// Whether the kernel says that the other end is the gateway's user or root.
fn may_ask(stream: &UnixStream, gateway_uid: u32) -> bool {
    match stream.peer_cred().map(|peer| peer.uid()) {
        Ok(uid) if uid == gateway_uid || uid == 0 => true,
        Ok(uid) => {
            tracing::warn!(
                uid,
                "network helper refused a user that is not the gateway's"
            );
            false
        }
        Err(cause) => {
            tracing::warn!(%cause, "peer credentials unreadable; connection closed");
            false
        }
    }
}

/// The next line of the peer that is there; without one this never ends.
async fn next_line(peer: &mut Option<HelperPeer>) -> std::io::Result<Option<Vec<u8>>> {
    match peer {
        Some(peer) => peer.next_line().await,
        None => std::future::pending().await,
    }
}

impl Helper {
    /// Takes over what the kernel holds: sessions go on when only the helper was started again. The
    /// plan is the configuration's, also where the kernel has the rules of an older one.
    async fn take_over(&mut self) -> Result<(), ServerError> {
        let failed = |error: KernelError| ServerError::Base {
            detail: error.detail,
        };
        let held = kernel::held_table().await.map_err(failed)?;
        let sessions = held.as_ref().map_or(0, |held| held.sessions.len());
        if let Some(held) = held {
            self.network = Network::restored(&held, since_boot_ms());
        }
        if let Some(plan) = self.base.clone() {
            let change = self.network.again(&plan, since_boot_ms());
            self.apply(Ok(change)).await.map_err(failed)?;
        }
        tracing::info!(sessions, "kernel rules taken over");
        Ok(())
    }

    /// Loads the rules again when somebody emptied the kernel's tables: without them nothing is
    /// between the segments.
    async fn keep_loaded(&mut self) {
        let plan = self.network.plan().or(self.base.as_ref()).cloned();
        let Some(plan) = plan else {
            return;
        };
        match kernel::is_loaded().await {
            Ok(true) => {}
            Ok(false) => {
                tracing::error!("rules of the kernel are gone; loading them again");
                let change = self.network.again(&plan, since_boot_ms());
                if let Err(error) = self.apply(Ok(change)).await {
                    tracing::error!(detail = error.detail, "rules not loaded again");
                }
            }
            Err(error) => tracing::warn!(
                detail = error.detail,
                "checking the rules of the kernel failed"
            ),
        }
    }

    /// Carries a line out and answers it; false = the line was too long, and what follows it is no
    /// line either.
    async fn reply(&mut self, line: &[u8], peer: Option<&mut HelperPeer>) -> std::io::Result<bool> {
        let is_whole = line.ends_with(b"\n");
        let reply = match serde_json::from_slice(line) {
            Ok(request) if is_whole => self.answer(request).await,
            _ => refused(NetdRefusal::NotARequest, String::new()),
        };
        let mut text = serde_json::to_vec(&reply).map_err(std::io::Error::other)?;
        text.push(b'\n');
        if let Some(peer) = peer {
            peer.answer(&text).await?;
        }
        Ok(is_whole)
    }

    async fn answer(&mut self, request: NetdRequest) -> NetdReply {
        let answer = match request {
            NetdRequest::Load {
                plan,
                sessions,
                open_uplinks,
            } => self.load(*plan, &sessions, open_uplinks).await,
            NetdRequest::Admit { session } => self.change(&[], &[session]).await,
            NetdRequest::Cut { slot } => self.change(&[slot], &[]).await,
            NetdRequest::Change { cut, admit } => self.change(&cut, &admit).await,
            NetdRequest::OpenUplinks { uplinks } => {
                self.apply(self.network.set_open_uplinks(uplinks)).await
            }
            NetdRequest::Garden { addresses } => {
                let now = since_boot_ms();
                self.apply(self.network.open_garden(&addresses, now)).await
            }
            NetdRequest::CloseGarden => self.apply(self.network.close_garden()).await,
            NetdRequest::Usage => self.usage().await,
            NetdRequest::Neighbors => self.neighbors().await,
        };
        answer.unwrap_or_else(|error| {
            let (reason, detail) = (error.reason, error.detail);
            tracing::warn!(?reason, detail, "network request refused");
            refused(reason, detail)
        })
    }

    async fn apply(
        &mut self,
        change: Result<KernelChange, NetdRefusal>,
    ) -> Result<NetdReply, KernelError> {
        let change = change.map_err(|reason| KernelError {
            reason,
            detail: String::new(),
        })?;
        kernel::transact(&change.script).await?;
        self.network = change.after;
        Ok(NetdReply::Done)
    }

    async fn load(
        &mut self,
        plan: NetworkPlan,
        sessions: &[GuestSession],
        open_uplinks: Vec<InterfaceName>,
    ) -> Result<NetdReply, KernelError> {
        let is_of_base = |base: &NetworkPlan| {
            let rates = base.rates;
            *base
                == NetworkPlan {
                    rates,
                    ..plan.clone()
                }
        };
        if self.base.as_ref().is_some_and(|base| !is_of_base(base)) {
            return Ok(refused(NetdRefusal::OtherPlan, String::new()));
        }
        let is_new = self.network.plan() != Some(&plan);
        let used = kernel::used_bytes().await?.unwrap_or_default();
        let change =
            self.network
                .load(plan.clone(), sessions, open_uplinks, &used, since_boot_ms());
        let reply = self.apply(change).await?;
        if is_new || self.is_shaping_partial {
            self.is_shaping_partial = false;
            self.rebuild_trees(&plan).await;
        }
        let slots: Vec<SlotId> = self.network.slots().collect();
        self.shape_devices(&plan, &slots).await;
        Ok(reply)
    }

    /// The classes of these slots, all by one run of the tool.
    async fn shape_devices(&mut self, plan: &NetworkPlan, slots: &[SlotId]) {
        let classes: String = slots
            .iter()
            .map(|slot| shaping::device(plan, *slot, self.queue))
            .collect();
        if self.shape(&classes).await {
            self.classes.extend(slots);
        }
    }

    /// The rules are in force already, and a refusal would say that nothing was changed: a part
    /// that cannot be shaped is told to the technician, the others are, and the next plan tries
    /// again. False = a part cannot.
    async fn shape(&mut self, commands: &str) -> bool {
        let shaped = kernel::shape(commands).await;
        if let Err(error) = &shaped {
            self.is_shaping_partial = true;
            tracing::warn!(
                detail = error.detail,
                "speed of guests not limited everywhere"
            );
        }
        shaped.is_ok()
    }

    /// Shaping comes after the rules: a device whose class is missing is fast, not free.
    async fn rebuild_trees(&mut self, plan: &NetworkPlan) {
        self.queue = None;
        self.classes.clear();
        if plan.guest.is_some() {
            for queue in QUEUES {
                if kernel::has_queue(queue).await {
                    self.queue = Some(queue);
                    break;
                }
            }
        }
        // On an interface without a tree the removal fails; what is asked for is that none is
        // there.
        let _ = kernel::shape(&shaping::clear(plan)).await;
        self.shape(&shaping::trees(plan, self.queue)).await;
    }

    async fn change(
        &mut self,
        cut: &[SlotId],
        admit: &[GuestSession],
    ) -> Result<NetdReply, KernelError> {
        let is_one_held = admit
            .iter()
            .any(|session| self.network.is_held(session.slot));
        let used = if is_one_held {
            kernel::used_bytes().await?.unwrap_or_default()
        } else {
            BTreeMap::new()
        };
        let change = self.network.change(cut, admit, &used, since_boot_ms());
        let reply = self.apply(change).await?;
        // The devices are in and their bytes are counted; only their speed may not be limited.
        let slots = admit.iter().map(|session| session.slot);
        let new: Vec<SlotId> = slots.filter(|slot| !self.classes.contains(slot)).collect();
        if let Some(plan) = self.network.plan().cloned().filter(|_| !new.is_empty()) {
            self.shape_devices(&plan, &new).await;
        }
        Ok(reply)
    }

    async fn usage(&mut self) -> Result<NetdReply, KernelError> {
        // Sessions that were taken over are told also while no plan is known.
        match kernel::used_bytes().await? {
            Some(used) => self.network.note_used(&used),
            None if self.network.plan().is_none() && self.base.is_none() => {
                return Ok(refused(NetdRefusal::NoPlan, String::new()));
            }
            None => self.keep_loaded().await,
        }
        Ok(NetdReply::Usage {
            slots: self.network.usage(since_boot_ms()),
        })
    }

    async fn neighbors(&self) -> Result<NetdReply, KernelError> {
        let guest = self.network.plan().and_then(|plan| plan.guest.as_ref());
        let known = match guest {
            Some(guest) => kernel::neighbors(guest.interface.as_str()).await?,
            None => Vec::new(),
        };
        Ok(NetdReply::Neighbors { known })
    }
}

const fn refused(reason: NetdRefusal, detail: String) -> NetdReply {
    NetdReply::Refused { reason, detail }
}
