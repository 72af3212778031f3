//! Names for the guests' and the staff's devices: a small forwarder between them and the resolvers
//! of the uplink.
//!
//! It exists because five things that the village needs are in no forwarder that can be changed
//! while it runs: the village hall's own names open its pages with the uplink cut; a phone that is
//! offline or captive still finds the portal; addresses of the walled garden are open in the kernel
//! before the phone learns them, also when the answer comes from the cache; a name of the internet
//! never leads into the village hall (`rebinding`); and free wifi is no tunnel for those who did
//! not come in.
//!
//! Invariants: `forwarder` decides, and everything that it decides by is handed to it: the clock,
//! randomness, the policy, who asks, the way to the network helper. A packet of any content gives a
//! reply or nothing, never a panic. The cost of a device is bounded before it costs anything. No
//! name that somebody asked and no address of a guest is logged or stored beyond the cache, which
//! does not know who asked; there are counts only. Deliberately absent: DNSSEC (the resolvers
//! validate), zones, and the list of names that the block list is made of.

pub mod answers;
pub mod block_list;
pub mod budgets;
pub mod cache;
pub mod counts;
pub mod exchange;
pub mod forwarder;
pub mod garden;
pub mod host_name;
pub mod local_names;
pub mod policy;
pub mod probe;
pub mod question;
pub mod rebinding;
pub mod server;
pub mod shared_questions;
pub mod stored_answer;
mod tcp;
pub mod tunnel;
pub mod upstream;

#[cfg(test)]
mod tests;
