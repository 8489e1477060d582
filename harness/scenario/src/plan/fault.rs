//! What the network does wrong because the scenario says so.

use std::net::IpAddr;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_wire::registry::ExchangeType;

use super::{Matcher, Rate};

/// A fault.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// From when on.
    pub at: Instant,
    /// Until when, this moment not included; `Instant::FAR` for as long as the run lasts.
    pub until: Instant,
    /// The fault in words.
    pub text: String,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, PartialEq, Debug)]
pub enum FaultKind {
    /// Something happens to single packets.
    Packets {
        /// The packets.
        which: Packets,
        /// Which of them, from 0; none for all.
        nth: Option<u32>,
        /// What happens to them.
        harm: Harm,
    },
    /// Something befalls a link.
    Link {
        /// The link.
        link: u16,
        /// What.
        trouble: Trouble,
    },
    /// A NAT forgets its mappings, once.
    NatRebind {
        /// Place of the NAT.
        nat: u16,
        /// Its outside address from then on; none: it stays.
        address: Option<IpAddr>,
    },
    /// A host goes down, and loses all that it knew but its configuration.
    Crash {
        /// The host.
        host: u16,
        /// With which messages that it sends or gets; none: at the fault's time.
        when: Option<When>,
        /// After how long it comes up by itself; none: it does not.
        restart_after: Option<Duration>,
    },
    /// A host's clock, which its timers go by, is set or runs at another speed.
    Clock {
        /// The host.
        host: u16,
        /// How fast it runs meanwhile, in billionths of true speed; none: as it does.
        speed: Option<u64>,
        /// How far it is set at the beginning.
        jump: Option<Jump>,
    },
    /// These hosts do not reach each other over the links that join them.
    Partition {
        /// The hosts.
        hosts: Vec<u16>,
    },
}

impl FaultKind {
    /// The key that it is written with.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Packets { harm: Harm::Drop, .. } => "drop",
            Self::Packets { harm: Harm::Delay(_), .. } => "delay",
            Self::Packets { harm: Harm::Duplicate, .. } => "duplicate",
            Self::Packets { harm: Harm::Corrupt(_), .. } => "corrupt",
            Self::Packets { harm: Harm::Mark, .. } => "mark",
            Self::Packets { harm: Harm::Hold(_), .. } => "hold",
            Self::Link { trouble, .. } => trouble.name(),
            Self::NatRebind { .. } => "nat_rebind",
            Self::Crash { .. } => "crash",
            Self::Clock { .. } => "clock",
            Self::Partition { .. } => "partition",
        }
    }
}

/// Something that befalls a link, in place of what it does otherwise.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Trouble {
    /// How long each packet takes.
    Delay(Duration),
    /// How much longer it may take.
    Jitter(Duration),
    /// How likely a packet is lost, 0 to 1.
    Loss(f64),
    /// How likely it arrives twice.
    Duplicate(f64),
    /// How likely it is overtaken by those behind it.
    Reorder(f64),
    /// How likely one of its bits is turned over.
    Corrupt(f64),
    /// How likely it meets congestion, and is marked or lost.
    Mark(f64),
    /// How fast packets leave.
    Rate(Rate),
    /// Octets of the largest IP packet.
    Mtu(u16),
    /// Nothing passes.
    Down,
}

impl Trouble {
    /// The key that it is written with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::Jitter(_) => "jitter",
            Self::Loss(_) => "loss",
            Self::Duplicate(_) => "duplicate",
            Self::Reorder(_) => "reorder",
            Self::Corrupt(_) => "corrupt",
            Self::Mark(_) => "mark",
            Self::Rate(_) => "rate",
            Self::Mtu(_) => "mtu",
            Self::Down => "link_down",
        }
    }
}

/// How far a clock is set, and in which direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Jump {
    /// It reads so much later.
    Ahead(Duration),
    /// It reads so much earlier.
    Back(Duration),
}

/// Messages with which something happens.
#[derive(Clone, PartialEq, Debug)]
pub struct When {
    /// The messages; their place is the host that it happens to.
    pub which: Packets,
    /// Which of them, from 0; none for all.
    pub nth: Option<u32>,
}

/// Packets: as everybody on the way can tell them apart, and as only those with the keys can.
#[derive(Clone, PartialEq, Debug)]
pub struct Packets {
    /// Place of the host that sends them.
    pub from: u16,
    /// Place of the host at which it happens to them: the one that puts them on a link, or the
    /// last NAT before the host that they are addressed to, since only that knows who is meant.
    pub place: u16,
    /// Place of the host that they are addressed to.
    pub to: u16,
    /// What they carry.
    pub what: Carries,
    /// What else is said of them: payloads, ports, lengths, SPIs.
    pub also: Option<Matcher>,
}

/// What a packet carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carries {
    /// Anything.
    Anything,
    /// A message of IKE.
    Ike {
        /// The exchange.
        exchange: ExchangeType,
        /// Response or request; none for both.
        response: Option<bool>,
        /// The message id; none for each.
        message_id: Option<u32>,
    },
    /// ESP.
    Esp,
    /// A NAT keepalive.
    Keepalive,
    /// ICMP in the clear.
    Icmp,
    /// Anything else in the clear.
    Plain,
}

/// What happens to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Harm {
    /// It never arrives.
    Drop,
    /// It arrives so much later.
    Delay(Duration),
    /// It arrives once more.
    Duplicate,
    /// So many of its bits are turned over.
    Corrupt(u32),
    /// It is marked as having met congestion.
    Mark,
    /// It waits at its sender's end of the link until then.
    Hold(Instant),
}
