//! What the tests stand on: a house, a commune's office, an MQTT client of bytes, a broker's worker
//! without a house, the graph of imports, axe-core as a judge of pages. No test lies here.

pub mod accessible;
pub mod aftermath;
pub mod codes;
pub mod dhcp;
pub mod frozen;
pub mod guest_pages;
pub mod guest_village;
pub mod house;
pub mod http;
pub mod imports;
pub mod lamp;
pub mod names;
pub mod odd_papers;
pub mod office;
pub mod office_papers;
pub mod paper_corpus;
pub mod papers;
pub mod peer;
pub mod raw;
pub mod scriptless;
pub mod segments;
pub mod south;
pub mod village;
pub mod wifi;
pub mod worker;
