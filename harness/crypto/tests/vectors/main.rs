//! What others published, and what other daemons did: the truth outside this crate.

mod captures;
mod esp_packets;
mod groups;
mod key_schedule;
mod macs;
mod sealed_messages;
mod support;
