//! The house as its users meet it: the real binary, real sockets, real programs of others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod accessible;
mod addresses;
mod admission;
mod announcements;
mod board;
mod broker;
mod browser;
mod bulletins;
mod cameras;
mod card;
mod clocks;
mod commune;
mod commune_history;
mod console;
mod console_snapshots;
mod copies;
mod crowds;
mod dead_link;
mod deaths;
mod desk;
mod dhcp;
mod dhcp_flood;
mod directory;
mod documents;
mod doors;
mod erasure;
mod faults;
mod flood;
mod followed;
mod foreign;
mod forms;
mod fragments;
mod full_card;
mod guest_arrival;
mod guest_chief;
mod guest_desk;
mod guest_doctor;
mod guest_ends;
mod guest_losses;
mod guest_names;
mod guest_newcomers;
mod guest_sessions;
mod guest_staff;
mod guests;
mod history;
mod hostile;
mod house_broker;
mod interrupted;
mod jumps;
mod keys;
mod lamps;
mod limits;
mod listening;
mod loads;
mod logs;
mod lookups;
mod losses;
mod notice_forms;
mod odd_cameras;
mod officers;
mod pages;
mod papers;
mod pins;
mod portal;
mod presence;
mod promises;
mod reservations;
mod rot;
mod rumqttc;
mod segments;
mod segments_apart;
mod segments_bounds;
mod segments_homes;
mod segments_hostile;
mod sensors;
mod setup;
mod snapshots;
mod standstills;
mod strangers;
mod style;
mod support;
mod tail;
mod technician;
mod terminal;
mod tidy;
mod tokens;
mod undo;
mod unheard;
mod units;
mod unsure;
mod village_status;
mod voice;
mod weight;
mod wifi_pages;
mod words;
