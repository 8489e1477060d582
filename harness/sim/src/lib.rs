//! Drives virtual hosts through virtual time.
//!
//! A driver moves packets from host to host and calls each host when something is due. There are
//! two, and the same plan gives the same trace on both: [`Driver::Direct`] is a bare event wheel,
//! [`Driver::Turmoil`] lets the hosts be hosts of turmoil and the packets its datagrams.

mod build;
mod direct;
mod driver;
mod error;
mod explore;
mod liar;
mod naming;
mod node;
mod run;
mod station;
#[cfg(test)]
mod toy;
mod turmoil;

pub use driver::{Driver, drive};
pub use error::RunError;
pub use explore::{Delivery, FollowError, Order, Orders, follow};
pub use naming::{holds, losses};
pub use node::{Input, Node};
pub use run::{RunResult, run};
pub use station::Station;
