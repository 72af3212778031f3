//! The guest network as the gateway runs it, beside the kernel's rules of the network helper.

pub mod dns;
