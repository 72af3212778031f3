//! The fate of a packet: decided at once where nobody needs to be asked, else later.
//!
//! The order is: who may ask, the village hall's names, the block list, what a captive device may
//! ask, the way out, the cache, the resolvers. Invariants: the village hall's names and the garden
//! stand above the block list; a device that is captive learns no garden address before it is open;
//! its questions reach a resolver only within `tunnel` and `budgets`.

mod finish;
mod request;

use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use self::request::Request;
use super::answers;
use super::budgets::{BudgetLimits, Budgets};
use super::cache::{AnswerCache, CacheHit, CacheLimits};
use super::counts::{DnsCounters, DnsCounts, count};
use super::exchange::Randomness;
use super::garden::{GardenGate, OpenAddresses};
use super::policy::{AskingSegment, DeviceKey, DeviceLookup, DnsPolicy, GuestDevice};
use super::question::{Question, RecordKind, Transport, Unusable};
use super::shared_questions::SharedQuestions;
use super::stored_answer::{Age, StoredAnswer};
use super::tunnel;
use super::upstream::{MAX_IN_FLIGHT, Upstream};
use crate::supervisor::clock::Clock;
use crate::supervisor::keyed_semaphore::{KeyedSemaphore, Permit};

/// Most questions of one device that wait at a time.
const MAX_WAITING_OF_DEVICE: usize = 32;
/// Most questions of captive devices that wait at a time: half of the resolvers' places are left
/// to those who came in and to the staff, however many devices one person pretends to have.
const MAX_WAITING_OF_CAPTIVE: usize = MAX_IN_FLIGHT / 2;

/// Everything that the forwarder is made of.
pub struct ForwarderParts {
    /// The policy.
    pub policy: watch::Receiver<Arc<DnsPolicy>>,
    /// The devices of the guests.
    pub devices: DeviceLookup,
    /// The way to the network helper.
    pub helper: mpsc::Sender<OpenAddresses>,
    /// Bounds of one device.
    pub budgets: BudgetLimits,
    /// Bounds of the cache.
    pub cache: CacheLimits,
    /// Time.
    pub clock: Clock,
    /// Randomness for questions.
    pub randomness: Randomness,
}

/// The forwarder.
pub struct Forwarder {
    policy: watch::Receiver<Arc<DnsPolicy>>,
    devices: DeviceLookup,
    clock: Clock,
    budgets: Budgets,
    cache: AnswerCache,
    gate: GardenGate,
    shared: SharedQuestions,
    upstream: Upstream,
    waiting: KeyedSemaphore<DeviceKey>,
    waiting_captive: Arc<Semaphore>,
    counters: DnsCounters,
}

/// The fate of a packet.
pub enum Decision {
    /// Nothing: there is nobody to answer, or a flood.
    Silence,
    /// This goes out.
    Reply(Vec<u8>),
    /// Somebody must be asked first.
    Later(Box<Pending>),
}

/// A question that waits.
pub struct Pending {
    request: Request,
    step: Step,
    _permits: WaitingPermits,
}

/// The places of a question that waits.
type WaitingPermits = (Permit<DeviceKey>, Option<OwnedSemaphorePermit>);

enum Step {
    OpenGarden(Arc<StoredAnswer>, Age),
    AskResolver,
}

impl Forwarder {
    /// A forwarder that has been asked nothing yet.
    #[must_use]
    pub fn new(parts: ForwarderParts) -> Self {
        Self {
            policy: parts.policy,
            devices: parts.devices,
            budgets: Budgets::new(parts.budgets),
            cache: AnswerCache::new(parts.cache),
            gate: GardenGate::new(parts.helper),
            shared: SharedQuestions::default(),
            upstream: Upstream::new(parts.clock.clone(), parts.randomness),
            waiting: KeyedSemaphore::default(),
            waiting_captive: Arc::new(Semaphore::new(MAX_WAITING_OF_CAPTIVE)),
            counters: DnsCounters::default(),
            clock: parts.clock,
        }
    }

    /// The counts since its start.
    #[must_use]
    pub fn counts(&self) -> DnsCounts {
        self.counters.snapshot()
    }

    /// The counters, for those who bring the packets.
    pub(super) const fn counters(&self) -> &DnsCounters {
        &self.counters
    }

    /// How many answers are stored, and their bytes.
    #[must_use]
    pub fn cache_size(&self) -> (usize, usize) {
        self.cache.size()
    }

    /// The fate of a packet that came from an address to a segment's socket.
    #[must_use]
    pub fn decide(
        &self,
        segment: AskingSegment,
        from: IpAddr,
        packet: &[u8],
        transport: Transport,
    ) -> Decision {
        let policy = self.policy.borrow().clone();
        if !policy.is_of_segment(segment, from) {
            count(&self.counters.foreign);
            return Decision::Silence;
        }
        let device = match segment {
            AskingSegment::Guest => (self.devices)(from),
            AskingSegment::Staff => GuestDevice {
                key: DeviceKey::Address(from),
                is_admitted: true,
            },
        };
        let is_guest = segment == AskingSegment::Guest;
        if is_guest && !self.budgets.may_ask(device.key, self.clock.mono_ms()) {
            count(&self.counters.too_fast);
            return Decision::Silence;
        }
        let question = match Question::read(packet) {
            Ok(question) => question,
            Err(unusable) => {
                count(&self.counters.unusable);
                return match unusable {
                    Unusable::Silence => Decision::Silence,
                    Unusable::Refused { id, op_code, code } => {
                        Decision::Reply(answers::code_alone(id, op_code, code))
                    }
                };
            }
        };
        count(&self.counters.questions);
        let request = Request {
            is_garden: policy.garden.covers(&question),
            is_captive: is_guest && !device.is_admitted,
            device: device.key,
            policy,
            segment,
            question,
            transport,
        };
        match self.without_asking(&request) {
            Some(reply) => Decision::Reply(reply),
            None => self.find_answer(request),
        }
    }

    /// The reply that needs neither cache nor resolver.
    fn without_asking(&self, request: &Request) -> Option<Vec<u8>> {
        let question = &request.question;
        if question.kind() == RecordKind::Meta {
            count(&self.counters.refused);
            return Some(request.code(ResponseCode::Refused));
        }
        if let Some(local) = request.policy.local_names.find(question) {
            count(&self.counters.local);
            return Some(request.local(local));
        }
        let list = request.policy.block_list.as_ref();
        if !request.is_garden && list.is_some_and(|l| l.blocks(question.lower_name())) {
            count(&self.counters.blocked);
            return Some(request.code(ResponseCode::NXDomain));
        }
        if request.is_captive {
            match question.kind() {
                RecordKind::Address => {}
                RecordKind::ServiceBinding => return Some(request.no_such_record()),
                RecordKind::Meta | RecordKind::Other => {
                    count(&self.counters.refused);
                    return Some(request.code(ResponseCode::Refused));
                }
            }
        }
        let access = request.policy.access(request.segment);
        let is_guest = request.segment == AskingSegment::Guest;
        if is_guest && access.resolvers(request.is_garden).is_none() {
            return Some(self.offline(request));
        }
        if request.is_suspect() && !tunnel::is_host_name(question.lower_name()) {
            count(&self.counters.refused);
            return Some(request.code(ResponseCode::Refused));
        }
        None
    }

    fn offline(&self, request: &Request) -> Vec<u8> {
        count(&self.counters.offline);
        let guest = request.policy.guest.as_ref();
        answers::offline(&request.question, guest.is_some_and(|s| s.v6.is_some()))
    }

    fn find_answer(&self, request: Request) -> Decision {
        let now = self.clock.mono_ms();
        let key = request.question.key();
        if let Some(CacheHit::Fresh(answer, age_s)) = self.cache.find(key, now) {
            count(&self.counters.cached);
            let age = Age::Fresh(age_s);
            return if self.is_ready(&request, &answer, age) {
                Decision::Reply(request.reply(&answer, age))
            } else {
                self.later(request, Step::OpenGarden(answer, age))
            };
        }
        if request.is_suspect() {
            let bytes = request.question.wire_name().len() as u64 + 16;
            if !self.budgets.spend(request.purse(), key, bytes, now) {
                count(&self.counters.over_budget);
                return Decision::Reply(self.offline(&request));
            }
        }
        self.later(request, Step::AskResolver)
    }

    fn later(&self, request: Request, step: Step) -> Decision {
        match self.permits(&request) {
            Some(permits) => Decision::Later(Box::new(Pending {
                request,
                step,
                _permits: permits,
            })),
            None => Decision::Reply(self.too_busy(&request)),
        }
    }

    fn permits(&self, request: &Request) -> Option<WaitingPermits> {
        let own = self
            .waiting
            .try_acquire(request.device, MAX_WAITING_OF_DEVICE)?;
        if !request.is_suspect() {
            return Some((own, None));
        }
        let shared = self.waiting_captive.clone().try_acquire_owned().ok()?;
        Some((own, Some(shared)))
    }

    fn too_busy(&self, request: &Request) -> Vec<u8> {
        count(&self.counters.busy);
        request.code(ResponseCode::ServFail)
    }

    /// The reply to a question that cannot wait, because too many do.
    #[must_use]
    pub fn give_up(&self, pending: &Pending) -> Vec<u8> {
        self.too_busy(&pending.request)
    }
}
