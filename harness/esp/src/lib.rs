//! ESP (RFC 4303) as a machine without I/O.
//!
//! The security policy database decides what is protected, the security association database knows
//! how, and a packet is sealed or opened in one pass. This crate never sees IKE: it asks for an SA
//! by [`Output::Acquire`] and gets one by [`Esp::install`].
//!
//! ```text
//! out: clear packet -> policy -> newest SA that may carry it -> seal    -> Transmit
//!                         |          none: Acquire, once
//!                         bypass -> Pass, discard -> Withheld
//! in:  ESP packet   -> SPI -> replay window -> ICV -> padding -> selectors -> Deliver
//!      clear packet -> policy: should it have been protected?
//! ```

mod config;
mod counters;
mod craft;
mod deliver;
mod ecn;
mod engine;
mod flow;
mod fragments;
mod inbound;
mod known;
mod outbound;
mod outer;
mod output;
mod path_mtu;
mod policy;
mod reason;
mod replay;
mod sad;
mod seal;
#[cfg(test)]
mod tests;
mod volume;

pub use config::{DontFragment, Ecn, Lifetime, OuterPolicy, SaConfig, SaKeys, Volume};
pub use counters::Counters;
pub use craft::Crafted;
pub use engine::Esp;
pub use ikelab_trace::{Dropped, EspMode, Withheld};
pub use inbound::Verdict;
pub use output::Output;
pub use policy::{Action, Policy};
pub use replay::{ReplayWindow, Stale, WINDOW_MAX, WINDOW_MIN};
