//! Queues: which message is dropped first, the receive maximum, packet identifiers, the steps of
//! QoS 2.

use super::*;
use crate::broker::core::message::Message;
use crate::protocol::mqtt::QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce};

fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("not 0")
}

fn item(n: usize, qos: QoS) -> QueuedMessage {
    let message = Message {
        topic: "t".into(),
        payload: vec![0; n].into(),
        qos,
        retain: false,
        forwarded_properties: bytes::Bytes::new(),
        expires_at: None,
    };
    QueuedMessage {
        message: Arc::new(message),
        qos,
        retain: false,
        subscription_ids: Box::default(),
        shared_name: None,
    }
}

fn push_item(q: &mut Queue, item: QueuedMessage, owed: Option<LogNumber>) -> bool {
    q.make_room(&item) && {
        q.push(item, owed, false);
        true
    }
}

fn sent_ids(q: &mut Queue) -> Vec<(u16, bool)> {
    let now = Instant::now();
    std::iter::from_fn(|| q.next_outgoing(now, &|_| None))
        .map(|out| match out {
            Outgoing::Publish { id, dup: again, .. } => (id.map_or(0, PacketId::get), again),
            Outgoing::PubRel(id) => (id.get() + 1000, false),
        })
        .collect()
}

#[tokio::test]
async fn a_full_queue_loses_qos_0_first_then_the_newcomer_and_counts() {
    let mut q = Queue::new(3, 1 << 20);
    for qos in [AtLeastOnce, AtMostOnce, AtLeastOnce, AtLeastOnce] {
        assert!(push_item(&mut q, item(1, qos), None));
    }
    assert_eq!((q.dropped, q.queued.len()), (1, 3));
    assert!(q.queued.iter().all(|w| w.item.qos == AtLeastOnce));
    assert!(
        !push_item(&mut q, item(1, AtLeastOnce), None)
            && !push_item(&mut q, item(1, AtMostOnce), None),
        "what was acknowledged does not make room"
    );
    assert_eq!((q.dropped, q.queued.len()), (3, 3));
    let mut narrow = Queue::new(100, 200);
    assert!(
        push_item(&mut narrow, item(1_000, AtLeastOnce), None),
        "one message always has room"
    );
    assert!(!push_item(&mut narrow, item(1, AtLeastOnce), None));
}

#[tokio::test]
async fn the_window_holds_and_ids_are_not_used_twice_at_a_time() {
    let mut q = Queue::new(100, 1 << 20);
    q.receive_maximum = 2;
    for n in 0..4 {
        assert!(push_item(
            &mut q,
            item(1, AtLeastOnce),
            (n % 2 == 0).then_some(7)
        ));
    }
    assert_eq!(
        sent_ids(&mut q),
        [(1, false), (3, false)],
        "who is on disk has its id from the beginning"
    );
    assert_eq!(
        q.on_puback(id(1)),
        Some(Finished {
            packet_id: id(1),
            log_number: Some(7)
        })
    );
    assert_eq!(q.on_puback(id(1)), None);
    assert_eq!(sent_ids(&mut q), [(2, false)]);
    q.resume(1);
    assert_eq!(
        sent_ids(&mut q),
        [(3, true)],
        "again, in the first order, within the new window"
    );
    q.on_puback(id(3));
    assert_eq!(sent_ids(&mut q), [(2, true)]);
    q.resume_ids_after(PacketId::new(u16::MAX));
    q.on_puback(id(2));
    assert_eq!(sent_ids(&mut q), [(1, false)], "ids begin anew at 1");
}

#[tokio::test]
async fn a_qos_2_delivery_takes_its_steps_once() {
    let mut q = Queue::new(100, 1 << 20);
    push_item(&mut q, item(1, ExactlyOnce), Some(5));
    push_item(&mut q, item(1, ExactlyOnce), None);
    assert_eq!(sent_ids(&mut q), [(1, false), (2, false)]);
    assert_eq!(q.on_puback(id(1)), None, "PUBACK does not end it");
    assert_eq!(q.on_pubrec(id(1)), Some((true, Some(5))));
    assert!(sent_ids(&mut q).is_empty(), "PUBREL waits for the card");
    assert_eq!((q.on_pubrec(id(1)), q.on_pubcomp(id(1))), (None, None));
    q.pubrec_persisted(id(1));
    assert_eq!(sent_ids(&mut q), [(1001, false)]);
    assert_eq!(
        q.on_pubrec(id(1)),
        Some((false, Some(5))),
        "PUBREC came again"
    );
    assert_eq!(sent_ids(&mut q), [(1001, false)]);
    q.resume(20);
    assert_eq!(
        sent_ids(&mut q),
        [(1001, false), (2, true)],
        "PUBREL without the message, the other one whole"
    );
    assert_eq!(
        q.on_pubcomp(id(1)),
        Some(Finished {
            packet_id: id(1),
            log_number: Some(5)
        })
    );
    assert_eq!(
        q.on_pubrec_error(id(2)),
        Some(Finished {
            packet_id: id(2),
            log_number: None
        })
    );
    assert_eq!(q.len(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_its_time_is_not_sent_and_nobody_waits_for_a_client_that_stands() {
    let now = Instant::now();
    let mut q = Queue::new(2, 1 << 20);
    let mut short = item(1, AtLeastOnce);
    let mut message = Message::clone(&short.message);
    message.expires_at = Some(now);
    short.message = Arc::new(message);
    push_item(&mut q, short, Some(3));
    push_item(&mut q, item(1, AtLeastOnce), None);
    assert!(
        q.is_half_full() && !q.wants_backpressure(now),
        "it never took one"
    );
    assert_eq!(sent_ids(&mut q), [(2, false)]);
    assert_eq!(
        (q.expired, q.take_expired()),
        (
            1,
            vec![Finished {
                packet_id: id(1),
                log_number: Some(3)
            }]
        )
    );
    assert!(
        push_item(&mut q, item(1, AtMostOnce), None)
            && push_item(&mut q, item(1, AtMostOnce), None)
    );
    assert!(q.wants_backpressure(now) && !q.wants_backpressure(now + STALL_AFTER));
    assert!(
        q.request_retained("a", AtLeastOnce, &[], 1)
            && !q.request_retained("b", AtLeastOnce, &[], 1),
        "no more than there can be"
    );
    q.drop_qos0();
    assert_eq!(
        (q.len(), q.bytes),
        ((1, 1), item(1, AtLeastOnce).size()),
        "what is in flight still counts"
    );
    assert!(
        q.next_outgoing(now, &|_| None).is_none(),
        "what is not retained any more is passed over"
    );
    assert_eq!(q.len(), (0, 1));
}
