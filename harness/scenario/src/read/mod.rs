//! The sections of a file that make up a plan, one file each.

pub(crate) mod child;
mod clock;
pub(crate) mod explore;
pub(crate) mod fault;
pub(crate) mod ike;
mod lie;
pub(crate) mod nat;
pub(crate) mod net;
mod options;
pub(crate) mod peers;
mod personality;
pub(crate) mod pin;
pub(crate) mod policies;
pub(crate) mod preset;
mod rate;
pub(crate) mod routes;
pub(crate) mod tunnel;
mod values;
mod virtual_ip;
pub(crate) mod world;
