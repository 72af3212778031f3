//! A policy, a forwarder with a clock that is turned by hand, a resolver that the test plays.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::super::budgets::BudgetLimits;
use super::super::cache::CacheLimits;
use super::super::forwarder::{Decision, Forwarder, ForwarderParts};
use super::super::garden::{Garden, OpenAddresses};
use super::super::local_names::LocalNames;
use super::super::policy::{AskingSegment, DeviceKey, DnsPolicy, GuestDevice, InternetAccess};
use super::super::question::{Question, Transport};
use super::packets::{answer_with, asked, ip, read};
use crate::protocol::netd::{InterfaceName, NetworkSegment};
use crate::supervisor::clock::Clock;

pub fn segment(interface: &str, v4: &str, v6: Option<&str>) -> NetworkSegment {
    NetworkSegment {
        interface: InterfaceName::new(interface).expect("an interface"),
        v4: v4.parse().expect("a network"),
        v6: v6.map(|n| n.parse().expect("a network")),
    }
}

pub fn policy(resolvers: Vec<SocketAddr>) -> DnsPolicy {
    let guest = segment("guest0", "10.7.0.1/22", Some("fd00:7::1/64"));
    let staff = segment("staff0", "10.8.0.1/24", None);
    DnsPolicy {
        own_networks: guest.networks().chain(staff.networks()).collect(),
        guest: Some(guest),
        staff: Some(staff),
        guest_access: InternetAccess::Open(resolvers.clone()),
        staff_access: InternetAccess::Open(resolvers),
        local_names: LocalNames::new(["h123.example.vn"]).expect("names"),
        garden: Garden::new(["nap.example.vn", "*.gov.vn"]).expect("a garden"),
        garden_epoch: 0,
        block_list: None,
    }
}

pub const GUEST: &str = "10.7.0.50";
pub const STAFF: &str = "10.8.0.9";

/// A forwarder whose helper and session are played by the test.
pub struct Rig {
    pub forwarder: Arc<Forwarder>,
    pub policy: watch::Sender<Arc<DnsPolicy>>,
    pub clock: Clock,
    pub is_admitted: Arc<AtomicBool>,
    pub helper: mpsc::Receiver<OpenAddresses>,
}

pub fn randomness() -> Option<u64> {
    getrandom::u64().ok()
}

impl Rig {
    pub fn new(policy: DnsPolicy) -> Self {
        Self::with(policy, BudgetLimits::default(), Clock::manual(0))
    }

    pub fn with(policy: DnsPolicy, budgets: BudgetLimits, clock: Clock) -> Self {
        let (policy, watched) = watch::channel(Arc::new(policy));
        let (to_helper, helper) = mpsc::channel(8);
        let is_admitted = Arc::new(AtomicBool::new(false));
        let admitted = is_admitted.clone();
        let forwarder = Forwarder::new(ForwarderParts {
            policy: watched,
            devices: Arc::new(move |address| GuestDevice {
                key: DeviceKey::Address(address),
                is_admitted: admitted.load(Ordering::SeqCst),
            }),
            helper: to_helper,
            budgets,
            cache: CacheLimits::default(),
            clock: clock.clone(),
            randomness,
        });
        Self {
            forwarder: Arc::new(forwarder),
            policy,
            clock,
            is_admitted,
            helper,
        }
    }

    /// The requests of the forwarder to the network helper.
    pub async fn opening(&mut self) -> OpenAddresses {
        let request = tokio::time::timeout(Duration::from_secs(10), self.helper.recv()).await;
        request.ok().flatten().expect("a request to the helper")
    }

    pub fn change(&self, change: impl FnOnce(&mut DnsPolicy)) {
        self.policy
            .send_modify(|policy| change(Arc::make_mut(policy)));
    }

    pub fn decide(&self, segment: AskingSegment, packet: &[u8]) -> Decision {
        let from = match segment {
            AskingSegment::Guest => GUEST,
            AskingSegment::Staff => STAFF,
        };
        self.forwarder
            .decide(segment, ip(from), packet, Transport::Udp)
    }

    /// The reply that is given at once.
    pub fn at_once(&self, segment: AskingSegment, text: &str, record_type: RecordType) -> Message {
        match self.decide(segment, &asked(text, record_type)) {
            Decision::Reply(reply) => read(&reply),
            Decision::Silence => panic!("{text} is not answered"),
            Decision::Later(_) => panic!("{text} asks a resolver"),
        }
    }

    /// The reply, however long it takes.
    pub async fn ask(
        &self,
        segment: AskingSegment,
        text: &str,
        record_type: RecordType,
    ) -> Message {
        match self.decide(segment, &asked(text, record_type)) {
            Decision::Reply(reply) => read(&reply),
            Decision::Silence => panic!("{text} is not answered"),
            Decision::Later(pending) => read(&self.forwarder.finish(*pending).await),
        }
    }
}

/// A resolver that the test plays: what it makes of each question goes out; none = silence.
pub struct PlayedResolver {
    pub at: SocketAddr,
    pub asked: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl PlayedResolver {
    /// One that is silent to probes.
    pub async fn start(
        answer: impl Fn(&Question) -> Option<Vec<u8>> + Send + 'static,
    ) -> PlayedResolver {
        Self::play(answer, false).await
    }

    pub async fn play(
        answer: impl Fn(&Question) -> Option<Vec<u8>> + Send + 'static,
        answers_probes: bool,
    ) -> PlayedResolver {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let at = socket.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut buffer = [0; 2_048];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                // A probe for the root's servers is no question of a device; a resolver that
                // answers anybody answers it.
                if buffer.get(12) == Some(&0) {
                    if answers_probes {
                        buffer[2] |= 0x80;
                        let _ = socket.send_to(&buffer[..length], peer).await;
                    }
                    continue;
                }
                counter.fetch_add(1, Ordering::SeqCst);
                let question = Question::read(&buffer[..length]).expect("a question");
                if let Some(reply) = answer(&question) {
                    let _ = socket.send_to(&reply, peer).await;
                }
            }
        });
        Self {
            at,
            asked,
            _task: task,
        }
    }

    /// One that gives every name the same address.
    pub async fn of(address_of_all: &'static str, ttl: u32) -> Self {
        Self::start(move |question| Some(answer_with(question, ttl, address_of_all))).await
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until it was asked so often, and no more.
    pub async fn was_asked(&self, times: usize) {
        let level = async {
            while self.asked() < times {
                tokio::task::yield_now().await;
            }
        };
        let is_reached = tokio::time::timeout(Duration::from_secs(10), level).await;
        assert!(
            is_reached.is_ok() && self.asked() == times,
            "{}",
            self.asked()
        );
    }
}
