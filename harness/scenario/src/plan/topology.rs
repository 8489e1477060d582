//! Hosts, their interfaces and routes, and the links between them.

use std::net::IpAddr;
use std::time::Duration;

use ikelab_wire::payload::SelectorRange;

use super::End;

/// A virtual host.
#[derive(Clone, PartialEq, Debug)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// What kind of machine it is.
    pub kind: HostKind,
    /// Its interfaces, in the order of the file.
    pub ifaces: Vec<Iface>,
    /// Routes beside the connected ones: those of the file, then one to each network behind a
    /// tunnel that no route of the file leads to.
    pub routes: Vec<Route>,
    /// What makes it a NAT; none: it is none.
    pub nat: Option<Nat>,
    /// True when it passes no IP fragments on.
    pub drops_ip_fragments: bool,
    /// How fast its clock runs, in billionths of true speed.
    pub clock: u64,
    /// Its ends of tunnels.
    pub tunnels: Vec<End>,
    /// Its policies in their order; children that none of them names stand behind them.
    pub policies: Vec<Policy>,
}

/// What a host does with some packets, in both directions, RFC 4301 §4.4.1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Policy {
    /// They pass in the clear.
    Bypass {
        /// This side.
        local: Vec<SelectorRange>,
        /// The other side.
        remote: Vec<SelectorRange>,
    },
    /// They are dropped.
    Discard {
        /// This side.
        local: Vec<SelectorRange>,
        /// The other side.
        remote: Vec<SelectorRange>,
    },
    /// They go through a child.
    Protect {
        /// The child: `site.net`.
        child: String,
    },
}

/// What kind of machine a host is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostKind {
    /// It forwards packets that are not for it.
    Router,
    /// It does not.
    Host,
    /// It forwards packets and translates addresses.
    Nat,
    /// It sees what others send on its links, and does nothing by itself.
    Attacker,
}

/// A NAT's behaviour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nat {
    /// Place of its outside interface; the first address of that is the outside address.
    pub outside: u16,
    /// Mapping and filtering.
    pub mapping: Mapping,
    /// How long a UDP mapping lives without a packet from inside.
    pub timeout: Duration,
}

/// Mapping and filtering of a NAT, under the names of RFC 3489.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mapping {
    /// One outside port for all remote endpoints; everybody may use it.
    FullCone,
    /// The same; those addresses may use it that it has sent to.
    AddressRestricted,
    /// The same; those endpoints may use it that it has sent to.
    PortRestricted,
    /// An outside port for each remote endpoint, which alone may use it.
    Symmetric,
}

/// An interface of a host.
#[derive(Clone, PartialEq, Debug)]
pub struct Iface {
    /// Its name.
    pub name: String,
    /// Its addresses, with the lengths of their prefixes.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Those that it gets by steps.
    pub later: Vec<(IpAddr, u8)>,
    /// Place of the link it is attached to; none for a loopback or an unused interface.
    pub link: Option<u16>,
}

impl Iface {
    /// Every address that it ever has.
    pub fn known(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.addresses.iter().chain(&self.later).map(|(address, _)| *address)
    }
}

/// A route that is not connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// Network and length of its prefix; `0.0.0.0/0` is the default route.
    pub to: (IpAddr, u8),
    /// The next hop.
    pub via: IpAddr,
}

/// A link between interfaces. Probabilities lie between 0 and 1.
#[derive(Clone, PartialEq, Debug)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// What hangs on it: places of host and interface.
    pub attached: Vec<(u16, u16)>,
    /// How long each packet takes.
    pub delay: Duration,
    /// How much longer it may take.
    pub jitter: Duration,
    /// How likely a packet is lost.
    pub loss: f64,
    /// How likely it arrives twice.
    pub duplicate: f64,
    /// How likely it is overtaken by those behind it.
    pub reorder: f64,
    /// How likely one of its bits is turned over.
    pub corrupt: f64,
    /// How likely it meets congestion: it is marked, or lost where it can't show that.
    pub mark: f64,
    /// How fast packets leave at each end; none: at once.
    pub rate: Option<Rate>,
    /// Octets of the largest IP packet.
    pub mtu: u16,
    /// True when it loses every fragment of an IP packet.
    pub drops_ip_fragments: bool,
}

/// How fast packets leave, and how many may wait for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Bits a second, at least one.
    pub bits_per_second: u64,
    /// How many may wait.
    pub room: Room,
}

/// How much may wait, beside the packet that is leaving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// So many packets.
    Packets(u32),
    /// So many octets.
    Octets(u64),
}
