//! The state machine against a simple model of a broker: random histories of a few clients, with
//! broken connections, passing time and restarts.
//!
//! The model has one list per client of what it must receive next, and knows nothing of tries,
//! receive windows, logs or slots. Not in it: shared subscriptions (any member may get a message),
//! full queues, permissions, quotas, message expiry, QoS 2 from clients (`inbound_publish`,
//! tests/wire, tests/it/promises.rs), a disk that has half of a batch.

mod clients;
mod time;
mod world;

use self::world::{Model, pick};
use crate::log::sim::TestRng;

const CLIENTS: usize = 4;

#[tokio::test(start_paused = true)]
async fn the_broker_does_what_the_model_does() {
    let steps = crate::log::sim::cases(100_000).max(100_000)
        * if std::env::var_os("CONGLANG_LONG").is_some() {
            100
        } else {
            1
        };
    let mut done = 0;
    let mut history = 0_u64;
    while done < steps {
        history += 1;
        let mut dice = TestRng(history.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut world = Model::new();
        for _ in 0..400 {
            let client = pick(&mut dice, CLIENTS);
            let act = dice.next_u64() % 40;
            if (37..=38).contains(&act) {
                world.trace.push(format!("{history}: act {act}"));
            }
            match act {
                0..=3 => world.connect(client, &mut dice),
                4 => world.disconnect(client, false),
                5 => world.disconnect(client, true),
                6..=11 => world.subscribe(client, &mut dice),
                12..=23 => world.publish(client, &mut dice),
                24..=36 => world.receive(client, &mut dice),
                37 => world.advance_time(&mut dice),
                38 => world.restart(),
                _ => world.write(),
            }
            done += 1;
            let queued: usize = world
                .state
                .sessions
                .iter()
                .map(|(_, s)| s.queue().bytes)
                .sum();
            assert_eq!(
                queued,
                world.state.queue_quota.bytes(),
                "history {history}: bytes are counted right"
            );
        }
    }
}
