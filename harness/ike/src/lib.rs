//! IKEv2 without I/O: an engine that is told what time it is and what came, and says what to do.
//!
//! One engine holds the IKE SAs of one host. [`Engine::handle`] takes an [`Input`] and gives
//! [`Output`]s; [`Engine::deadline`] says when it wants to be called next. It has no socket, no
//! clock and no generator, and never sees ESP: Child SAs leave it as [`Output::Install`].
//!
//! A datagram's way: `arrive` finds the SA, `receive` checks window and protection, `exchange`
//! answers or accepts, `sa` seals and remembers the octets.

pub mod config;

mod arrive;
mod channel;
mod chatter;
mod child;
mod configuration;
mod context;
mod cookie;
mod crowd;
mod editor;
mod engine;
mod exchange;
mod fragments;
mod guilt;
mod half_open;
mod io;
mod leases;
mod limit;
mod nat;
mod negotiate;
mod operator;
mod parts;
mod receive;
mod reload;
mod sa;
mod selectors;
mod stray;
mod threshold;
mod timers;
mod turn;
mod window;

pub use editor::{Clear, Damage, Editor, Icv, Saying, Signer, ToSeal, What};
pub use engine::Engine;
pub use io::{Acquire, ChildSa, Command, Input, Output};
