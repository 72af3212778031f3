//! Counts of what the forwarder did: all that is recorded of questions.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters and their values at a moment, from one list.
macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters.
        #[derive(Debug, Default)]
        pub struct DnsCounters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        /// The counters at one moment, since the start.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct DnsCounts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl DnsCounters {
            /// Their values now.
            #[must_use]
            pub fn snapshot(&self) -> DnsCounts {
                DnsCounts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counts! {
    /// Questions that were read.
    questions,
    /// Packets that are no question.
    unusable,
    /// Packets from addresses that are not of the segment.
    foreign,
    /// Questions that came too fast from one device.
    too_fast,
    /// Answered with a name of the village hall, or one that is never public.
    local,
    /// Answered from the cache within its time.
    cached,
    /// Answered from the cache past its time, because no resolver answered.
    stale,
    /// Sent to a resolver.
    forwarded,
    /// Waited for the same question of another device.
    joined,
    /// Answered with the address that leads to the portal.
    offline,
    /// Not answered because the block list has the name.
    blocked,
    /// Refused for the type or the form of the name, most of them before admission.
    refused,
    /// A device that is captive had used up its names or bytes.
    over_budget,
    /// Records with addresses of the village hall that were taken out of answers.
    rebinding,
    /// No resolver answered in time.
    silent,
    /// Too many questions were waiting.
    busy,
    /// Answers whose addresses had to be opened first.
    garden_opened,
    /// Addresses that the network helper did not open.
    garden_failed,
    /// TCP connections that were closed because they sent nothing in time or too much.
    closed,
}

/// Adds one.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
