//! Queues: what is lost first, windows, packet ids, the steps of QoS 2.

use super::*;
use crate::broker::message::Message;

fn item(n: usize, qos: u8) -> Queued {
    let message = Message {
        topic: "t".into(),
        payload: vec![0; n].into(),
        qos,
        retain: false,
        forward: bytes::Bytes::new(),
        expires: None,
    };
    Queued {
        message: Arc::new(message),
        qos,
        retain: false,
        identifiers: Box::default(),
        group: None,
    }
}

fn put(q: &mut Queue, item: Queued, owed: Option<Owed>) -> bool {
    q.has_room(&item) && {
        q.push(item, owed, false);
        true
    }
}

fn ids(q: &mut Queue) -> Vec<(u16, bool)> {
    let now = Instant::now();
    std::iter::from_fn(|| q.next(now, &|_| None))
        .map(|out| match out {
            Out::Publish { id, again, .. } => (id, again),
            Out::Release(id) => (id + 1000, false),
        })
        .collect()
}

#[tokio::test]
async fn a_full_queue_loses_qos_0_first_then_the_newcomer_and_counts() {
    let mut q = Queue::new(3, 1 << 20);
    for qos in [1, 0, 1, 1] {
        assert!(put(&mut q, item(1, qos), None));
    }
    assert_eq!((q.dropped, q.waiting.len()), (1, 3));
    assert!(q.waiting.iter().all(|w| w.item.qos == 1));
    assert!(
        !put(&mut q, item(1, 1), None) && !put(&mut q, item(1, 0), None),
        "what was acknowledged does not make room"
    );
    assert_eq!((q.dropped, q.waiting.len()), (3, 3));
    let mut narrow = Queue::new(100, 200);
    assert!(
        put(&mut narrow, item(1_000, 1), None),
        "one message always has room"
    );
    assert!(!put(&mut narrow, item(1, 1), None));
}

#[tokio::test]
async fn the_window_holds_and_ids_are_not_used_twice_at_a_time() {
    let mut q = Queue::new(100, 1 << 20);
    q.window = 2;
    for n in 0..4 {
        assert!(put(&mut q, item(1, 1), (n % 2 == 0).then_some(7)));
    }
    assert_eq!(
        ids(&mut q),
        [(1, false), (3, false)],
        "who is on disk has its id from the beginning"
    );
    assert_eq!(
        q.acknowledge(1),
        Some(Finished {
            id: 1,
            owed: Some(7)
        })
    );
    assert_eq!(q.acknowledge(1), None);
    assert_eq!(ids(&mut q), [(2, false)]);
    q.reconnected(1);
    assert_eq!(
        ids(&mut q),
        [(3, true)],
        "again, in the first order, within the new window"
    );
    q.acknowledge(3);
    assert_eq!(ids(&mut q), [(2, true)]);
    q.ids_from(u16::MAX);
    q.acknowledge(2);
    assert_eq!(ids(&mut q), [(1, false)], "ids begin anew at 1");
}

#[tokio::test]
async fn a_qos_2_delivery_takes_its_steps_once() {
    let mut q = Queue::new(100, 1 << 20);
    put(&mut q, item(1, 2), Some(5));
    put(&mut q, item(1, 2), None);
    assert_eq!(ids(&mut q), [(1, false), (2, false)]);
    assert_eq!(q.acknowledge(1), None, "PUBACK does not end it");
    assert_eq!(q.received(1), Some((true, Some(5))));
    assert!(ids(&mut q).is_empty(), "PUBREL waits for the card");
    assert_eq!((q.received(1), q.completed(1)), (None, None));
    q.recorded(1);
    assert_eq!(ids(&mut q), [(1001, false)]);
    assert_eq!(q.received(1), Some((false, Some(5))), "PUBREC came again");
    assert_eq!(ids(&mut q), [(1001, false)]);
    q.reconnected(20);
    assert_eq!(
        ids(&mut q),
        [(1001, false), (2, true)],
        "PUBREL without the message, the other one whole"
    );
    assert_eq!(
        q.completed(1),
        Some(Finished {
            id: 1,
            owed: Some(5)
        })
    );
    assert_eq!(q.refused(2), Some(Finished { id: 2, owed: None }));
    assert_eq!(q.len(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_its_time_is_not_sent_and_nobody_waits_for_a_client_that_stands() {
    let now = Instant::now();
    let mut q = Queue::new(2, 1 << 20);
    let mut short = item(1, 1);
    let mut message = Message::clone(&short.message);
    message.expires = Some(now);
    short.message = Arc::new(message);
    put(&mut q, short, Some(3));
    put(&mut q, item(1, 1), None);
    assert!(q.is_half_full() && !q.is_pressed(now), "it never took one");
    assert_eq!(ids(&mut q), [(2, false)]);
    assert_eq!(
        (q.outlived, q.ended()),
        (
            1,
            vec![Finished {
                id: 1,
                owed: Some(3)
            }]
        )
    );
    assert!(put(&mut q, item(1, 0), None) && put(&mut q, item(1, 0), None));
    assert!(q.is_pressed(now) && !q.is_pressed(now + BREATH));
    assert!(
        q.ask_retained("a", 1, &[], 1) && !q.ask_retained("b", 1, &[], 1),
        "no more than there can be"
    );
    q.keep_only_acknowledged();
    assert_eq!(
        (q.len(), q.bytes),
        ((1, 1), item(1, 1).size()),
        "what is in flight still counts"
    );
    assert!(
        q.next(now, &|_| None).is_none(),
        "what is not retained any more is passed over"
    );
    assert_eq!(q.len(), (0, 1));
}
