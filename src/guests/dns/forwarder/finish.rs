//! Questions that wait: for a resolver, for the network helper.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hickory_proto::op::ResponseCode;

use super::super::cache::CacheHit;
use super::super::counts::count;
use super::super::policy::AskingSegment;
use super::super::rebinding;
use super::super::shared_questions::{Seat, SharedOutcome};
use super::super::stored_answer::{Age, StoredAnswer};
use super::super::upstream::UpstreamError;
use super::request::Request;
use super::{Forwarder, Pending, Step};

impl Forwarder {
    /// The reply to a question that waited.
    pub async fn finish(&self, pending: Pending) -> Vec<u8> {
        let Pending {
            request,
            step,
            _permits,
        } = pending;
        match step {
            Step::OpenGarden(answer, age) => self.deliver(&request, &answer, age).await,
            Step::AskResolver => match self.resolve(&request).await {
                Ok(answer) => {
                    let reply = self.deliver(&request, &answer, Age::Fresh(0)).await;
                    self.count_bytes(&request, &reply);
                    reply
                }
                Err(why) => self.without_answer(&request, why).await,
            },
        }
    }

    async fn resolve(&self, request: &Request) -> SharedOutcome {
        let leader = match self.shared.join(request.question.key()) {
            Seat::Follower(mut outcome) => {
                count(&self.counters.joined);
                return outcome.recv().await.unwrap_or(Err(UpstreamError::Silent));
            }
            Seat::Leader(leader) => leader,
        };
        let outcome = self.ask_resolvers(request).await;
        leader.finish(&outcome);
        outcome
    }

    async fn ask_resolvers(&self, request: &Request) -> SharedOutcome {
        let access = request.policy.access(request.segment);
        // Staff have no garden: what they may reach, they may reach.
        let is_open = request.is_garden || request.segment == AskingSegment::Staff;
        let Some(resolvers) = access.resolvers(is_open) else {
            return Err(UpstreamError::Silent);
        };
        count(&self.counters.forwarded);
        let question = &request.question;
        let message = self.upstream.ask(resolvers, question).await?;
        let own = &request.policy.own_networks;
        let filtered = rebinding::filtered(&message, question, own);
        let removed = filtered.removed;
        self.counters
            .rebinding
            .fetch_add(removed, Ordering::Relaxed);
        let answer = StoredAnswer::new(&filtered.message).ok_or(UpstreamError::Refused)?;
        let answer = Arc::new(answer);
        self.cache
            .store(question.key(), &answer, self.clock.mono_ms());
        Ok(answer)
    }

    /// The reply when no resolver has an answer: an old one, or the way to the portal. A router
    /// whose own uplink is gone says that it cannot tell, which is silence too.
    async fn without_answer(&self, request: &Request, why: UpstreamError) -> Vec<u8> {
        match why {
            UpstreamError::Busy => return self.too_busy(request),
            UpstreamError::Silent => count(&self.counters.silent),
            UpstreamError::Refused => {}
        }
        let now = self.clock.mono_ms();
        match self.cache.find(request.question.key(), now) {
            Some(CacheHit::Stale(answer)) => {
                count(&self.counters.stale);
                self.deliver(request, &answer, Age::Stale).await
            }
            // Another device brought it meanwhile.
            Some(CacheHit::Fresh(answer, age_s)) => {
                self.deliver(request, &answer, Age::Fresh(age_s)).await
            }
            None if request.is_captive => self.offline(request),
            None => request.code(ResponseCode::ServFail),
        }
    }

    /// The reply with an answer, after its addresses are open.
    async fn deliver(&self, request: &Request, answer: &StoredAnswer, age: Age) -> Vec<u8> {
        if !self.is_ready(request, answer, age) {
            count(&self.counters.garden_opened);
            let ttl_s = answer.ttl_s(age, request.cap_s());
            let (now, epoch) = (self.clock.mono_ms(), request.policy.garden_epoch);
            let is_open = self.gate.open(answer.addresses(), ttl_s, now, epoch);
            if !is_open.await {
                count(&self.counters.garden_failed);
                if request.is_captive {
                    return request.code(ResponseCode::ServFail);
                }
            }
        }
        request.reply(answer, age)
    }

    pub(super) fn is_ready(&self, request: &Request, answer: &StoredAnswer, age: Age) -> bool {
        let ttl_s = answer.ttl_s(age, request.cap_s());
        let (now, epoch) = (self.clock.mono_ms(), request.policy.garden_epoch);
        !request.is_opened_first(answer) || self.gate.is_open(answer.addresses(), ttl_s, now, epoch)
    }

    /// An answer that the cache had carries nothing to the device that others do not get.
    fn count_bytes(&self, request: &Request, reply: &[u8]) {
        if request.is_suspect() {
            let (bytes, now) = (reply.len() as u64, self.clock.mono_ms());
            self.budgets.add_reply(request.purse(), bytes, now);
        }
    }
}
