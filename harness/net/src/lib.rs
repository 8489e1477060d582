//! A small internet without I/O: interfaces, routes, links, and what goes wrong on them.
//!
//! A host asks its [`Stack`] where a packet goes, and hands it to the [`Port`] of a link, which
//! says when each copy arrives, or why it does not. The sender's end of a link decides everything,
//! from chance of its own, so that a run does not depend on who drives it. IPsec is not known here.

mod fault;
mod fragment;
mod frame;
mod interface;
pub mod link;
mod nat;
mod prefix;
mod queue;
mod reassembly;
mod routes;
mod stack;

pub use fault::{Fault, Faults, Harm, Insight, Kind, Victims};
pub use fragment::fragments;
pub use frame::Frame;
pub use interface::Interface;
pub use link::{Attachment, Conditions, Link, Port, Rate, Room, Trouble};
pub use nat::{Behaviour, Mapped, Nat, NatConfig, Translation};
pub use prefix::Prefix;
pub use queue::Queue;
pub use reassembly::{Reassembled, Reassembly};
pub use routes::{Hop, Route, Routes, Via};
pub use stack::{Decision, Stack};
