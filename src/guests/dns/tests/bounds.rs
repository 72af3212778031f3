//! Cache and budgets: what is bounded, and who makes room.

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::RecordType;

use super::super::budgets::{BudgetLimits, Budgets};
use super::super::cache::{AnswerCache, CacheHit, CacheLimits};
use super::super::policy::DeviceKey;
use super::super::question::Question;
use super::super::stored_answer::StoredAnswer;
use super::packets::{address, answered, ip, question};
use crate::time::MonoMs;

fn stored(question: &Question, ttl: u32) -> Arc<StoredAnswer> {
    let record = address(&question.name.to_string(), ttl, "203.0.113.7");
    Arc::new(StoredAnswer::new(&answered(question, vec![record])).expect("stored"))
}

fn second(second: u64) -> MonoMs {
    MonoMs::new(second * 1_000)
}

#[test]
fn an_answer_is_fresh_then_stale_then_gone() {
    let cache = AnswerCache::new(CacheLimits::default());
    let asked = question("a.vn.", RecordType::A);
    cache.store(asked.key(), &stored(&asked, 100), second(0));
    let found = |at| cache.find(asked.key(), second(at));
    assert!(matches!(found(99), Some(CacheHit::Fresh(_, 99))));
    assert!(matches!(found(100), Some(CacheHit::Stale(_))));
    assert!(matches!(found(86_499), Some(CacheHit::Stale(_))));
    assert!(found(86_500).is_none());
    assert_eq!(cache.size(), (0, 0), "what is gone takes no memory");
    cache.store(asked.key(), &stored(&asked, 0), second(0));
    assert!(found(0).is_none(), "a time of 0 is not stored");
}

#[test]
fn what_was_used_longest_ago_makes_room() {
    let cache = AnswerCache::new(CacheLimits {
        answers: 3,
        ..CacheLimits::default()
    });
    let names = ["a.vn.", "b.vn.", "c.vn.", "d.vn."];
    let asked = names.map(|n| question(n, RecordType::A));
    for question in &asked[..3] {
        cache.store(question.key(), &stored(question, 100), second(0));
    }
    assert!(
        cache.find(asked[0].key(), second(1)).is_some(),
        "used again"
    );
    cache.store(asked[3].key(), &stored(&asked[3], 100), second(2));
    let is_there = asked
        .each_ref()
        .map(|q| cache.find(q.key(), second(3)).is_some());
    assert_eq!(is_there, [true, false, true, true]);
}

#[test]
fn bytes_are_bounded_and_given_back() {
    let limits = CacheLimits {
        bytes: 20_000,
        ..CacheLimits::default()
    };
    let cache = AnswerCache::new(limits);
    for n in 0..1_000 {
        let asked = question(&format!("n{n}.vn."), RecordType::A);
        cache.store(asked.key(), &stored(&asked, 100), second(0));
        // The same answer again is no second one.
        cache.store(asked.key(), &stored(&asked, 100), second(0));
        assert!(cache.size().1 <= limits.bytes);
    }
    assert!(cache.size().0 > 20, "{:?}", cache.size());
}

fn device(last: u8) -> DeviceKey {
    DeviceKey::Address(ip(&format!("10.7.0.{last}")))
}

#[test]
fn a_device_that_asks_too_fast_waits_and_no_other_with_it() {
    let budgets = Budgets::new(BudgetLimits {
        questions_per_second: 10,
        burst: 20,
        ..BudgetLimits::default()
    });
    let allowed = |device, at| (0..100).filter(|_| budgets.may_ask(device, at)).count();
    assert_eq!(allowed(device(1), second(0)), 20);
    assert_eq!(allowed(device(2), second(0)), 20);
    assert_eq!(allowed(device(1), second(1)), 10);
    assert_eq!(allowed(device(1), second(60)), 20, "no more than the burst");
}

#[test]
fn names_and_bytes_of_a_captive_device_end_until_the_next_window() {
    let budgets = Budgets::new(BudgetLimits {
        names: 3,
        bytes: 1_000,
        window: Duration::from_secs(100),
        ..BudgetLimits::default()
    });
    let asked: Vec<Question> = (0..5)
        .map(|n| question(&format!("n{n}.vn."), RecordType::A))
        .collect();
    let spend = |n: usize, at| budgets.spend(device(1), asked[n].key(), 50, second(at));
    assert!(spend(0, 0) && spend(1, 1) && spend(2, 2));
    assert!(!spend(3, 3), "a fourth name");
    assert!(spend(0, 4), "a known name stays");
    budgets.add_reply(device(1), 900, second(5));
    assert!(!spend(0, 6), "the bytes are used up");
    let other = budgets.spend(device(2), asked[3].key(), 50, second(6));
    assert!(other, "another device has its own");
    assert!(spend(4, 100), "the next window");
}

#[test]
fn more_devices_than_are_noted_are_served() {
    let budgets = Budgets::new(BudgetLimits::default());
    for n in 0..10_000_u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0a07_0000 + n);
        assert!(budgets.may_ask(DeviceKey::Address(address.into()), second(0)));
    }
}
