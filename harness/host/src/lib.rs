//! One virtual host: its interfaces and routes, IKE, ESP, and its applications.
//!
//! A packet's walk:
//!
//! ```text
//! link -> arrive            for me? for another? for nobody?
//!      -> forward           may it pass in the clear? time to live -> leave
//!      -> deliver           whole? then by protocol:
//!           ESP, UDP 4500   -> esp: open                            -> arrive (what was inside)
//!           UDP 500, 4500   -> ike: answer, install, remove         -> send
//!           the others      may it come in the clear? ICMP: reply, note what came back
//! made here -> leave        policy: protect, pass, discard; no SA: ask ike
//!           -> send         route, MTU -> link, whose end says what becomes of it
//! ```
//!
//! IKE and ESP never see each other; what one wants of the other goes through this crate. A host
//! has no clock and no chance but those it is given, and writes down all that happens to it.

mod arrive;
mod by_hand;
mod clock;
mod command;
mod config;
mod deliver;
mod dummies;
mod flow;
mod host;
mod icmp;
mod leave;
mod log;
mod machine;
mod ping;
mod pinned;
mod security;
mod software;
#[cfg(test)]
mod tests;
mod translate;

pub use clock::{Clock, Jump, Speed};
pub use command::{Change, Command, Move, Order, Ping};
pub use config::{Dummies, HostConfig, HostKind, SaSettings};
pub use flow::{Marks, Send};
pub use host::{Host, Input};
pub use pinned::{Pin, Pinned};
pub use software::{Event, Software};
