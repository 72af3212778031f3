//! The guest network as the gateway runs it, beside the kernel's rules of the network helper: who
//! is in, for how long and how much, and names for the devices of guests and staff.
//!
//! Deliberately absent: rules of the kernel (`netd`), addresses for devices (`dhcp`), pages
//! (`web`).

pub mod dns;
pub mod helper;
pub mod identity;
pub mod known;
pub mod names;
pub mod newcomers;
pub mod service;
pub mod table;
pub mod uplinks;
pub mod use_of_day;
pub mod way_out;
