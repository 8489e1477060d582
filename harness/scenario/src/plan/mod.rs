//! A plan: one cell of a scenario with every name resolved and every default filled in.
//!
//! Whoever drives a run needs nothing but this: hosts, links, tunnels as each host sees them, and
//! an agenda. Hosts, interfaces and links are named by their places, as in a trace.

mod agenda;
mod fault;
mod lie;
mod matcher;
mod options;
mod order;
mod storm;
mod topology;
mod tunnel;

use ikelab_ambient::{Instant, Purpose};

pub use agenda::{
    Action, ClearWhat, Command, EspByHand, Inject, Injection, Move, Ping, RawPacket, Send,
};
pub use fault::{Carries, Fault, FaultKind, Harm, Jump, Packets, Trouble, When};
pub use lie::{
    Base, Craft, CraftPayload, Does, Edit, FragmentEdit, FragmentField, HeaderField, Liar,
    Otherwise, PayloadField, Resend, Rule, Select, Target, Value,
};
pub use matcher::Matcher;
pub use options::{HalfOpen, IkeOptions};
pub use order::{Explore, Queue, Stream};
pub use topology::{Host, HostKind, Iface, Link, Mapping, Nat, Policy, Rate, Room, Route};
pub use tunnel::{
    Child, Childless, Cookie, DontFragment, Dummy, Ecn, End, EspMode, Ike, Narrow, Pool,
    Retransmit, Start, Tfc, VirtualIp,
};

/// One run, ready to be driven.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the matrix cell: `want=ecp256,cookie=never`; empty without a matrix.
    pub cell: String,
    /// Seed of all that is random.
    pub seed: u64,
    /// When the run ends.
    pub until: Instant,
    /// The hosts, in the order of the file.
    pub hosts: Vec<Host>,
    /// The links, in the order of the file.
    pub links: Vec<Link>,
    /// What is to be done when; in order of time, and within a time in the order of the file.
    pub agenda: Vec<Action>,
    /// What the network does wrong, in the order of the file.
    pub faults: Vec<Fault>,
    /// When the network heals, if it does: from then on links do nothing but delay.
    pub heal: Option<Instant>,
    /// Messages whose moments of leaving are chosen; of an exploration, one order.
    pub queues: Vec<Queue>,
    /// Values that are not left to chance.
    pub pins: Vec<Pin>,
    /// Hosts that lie.
    pub liars: Vec<Liar>,
}

/// A random value that the scenario decides.
#[derive(Clone, PartialEq, Debug)]
pub struct Pin {
    /// Place of the host whose draws it decides; none for every host.
    pub host: Option<u16>,
    /// The draws it decides. `response` counts only with `direction_matters`.
    pub purpose: Purpose,
    /// False when requests and responses are meant alike.
    pub direction_matters: bool,
    /// Which draw of such a purpose, from 0; none for every draw.
    pub nth: Option<u32>,
    /// The value at the byte it is written to: it replaces the octets from `offset` on.
    pub offset: usize,
    /// The octets.
    pub value: Vec<u8>,
}
