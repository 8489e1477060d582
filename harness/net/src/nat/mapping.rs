//! The mappings of a NAT: who has which outside port, for how long, and who may use it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_wire::registry::IpProtocol;

use super::{Behaviour, NatConfig};

/// RFC 5382 REQ-5: two hours and four minutes at least.
const TIMEOUT_TCP: Duration = Duration::from_mins(124);
/// RFC 5508 REQ-1: sixty seconds at least.
const TIMEOUT_ICMP: Duration = Duration::from_mins(1);
/// How many mappings there may be. Ours; a new one finds no room then.
pub(super) const MAPPINGS_MAX: usize = 4096;
/// How many remote endpoints one mapping lets in. Ours; the one that came first goes.
const PEERS_MAX: usize = 64;

/// Protocols that a NAT translates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Protocol {
    Udp,
    Tcp,
    Icmp,
}

impl Protocol {
    pub(super) fn of(protocol: IpProtocol) -> Option<Self> {
        match protocol {
            IpProtocol::UDP => Some(Self::Udp),
            IpProtocol::TCP => Some(Self::Tcp),
            IpProtocol::ICMP | IpProtocol::ICMPV6 => Some(Self::Icmp),
            _ => None,
        }
    }
}

/// What a mapping is found by from inside: the remote endpoint counts at a symmetric NAT only.
type Key = (Protocol, SocketAddr, Option<SocketAddr>);

#[derive(Clone, Debug)]
pub(super) struct Mappings {
    address: IpAddr,
    behaviour: Behaviour,
    timeout_udp: Duration,
    by_inside: BTreeMap<Key, Mapping>,
    by_port: BTreeMap<(Protocol, u16), Key>,
    /// Ports that mappings had before the last rebinding, at which address.
    former: BTreeSet<(Protocol, IpAddr, u16)>,
}

#[derive(Clone, Debug)]
struct Mapping {
    port: u16,
    /// RFC 4787 REQ-6: packets from inside keep it alive, packets from outside do not.
    last_outbound: Instant,
    /// Remote endpoints that it has sent to, in the order of the first time.
    peers: Vec<SocketAddr>,
}

impl Mappings {
    pub(super) fn new(config: &NatConfig) -> Self {
        Self {
            address: config.address,
            behaviour: config.behaviour,
            timeout_udp: config.timeout,
            by_inside: BTreeMap::new(),
            by_port: BTreeMap::new(),
            former: BTreeSet::new(),
        }
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    pub(super) fn rebind(&mut self, address: Option<IpAddr>) {
        let had = self.by_port.keys().map(|(protocol, port)| (*protocol, self.address, *port));
        self.former = had.collect();
        self.by_inside.clear();
        self.by_port.clear();
        self.address = address.unwrap_or(self.address);
    }

    /// Forgets all but the address.
    pub(super) fn restart(&mut self) {
        self.former.clear();
        self.by_inside.clear();
        self.by_port.clear();
    }

    /// The outside endpoint of an inside one that sends to `remote`, and whether it is new.
    pub(super) fn outbound(
        &mut self,
        now: Instant,
        protocol: Protocol,
        inside: SocketAddr,
        remote: SocketAddr,
    ) -> Result<(SocketAddr, bool), &'static str> {
        let key = self.key(protocol, inside, remote);
        self.forget_if_old(now, &key);
        let fresh = !self.by_inside.contains_key(&key);
        if fresh {
            let port = self.allocate(now, protocol, inside.port())?;
            let mapping = Mapping { port, last_outbound: now, peers: Vec::new() };
            self.by_inside.insert(key, mapping);
            self.by_port.insert((protocol, port), key);
        }
        let mapping = self.by_inside.get_mut(&key).ok_or("NAT: no mapping")?;
        mapping.last_outbound = now;
        mapping.admit(remote);
        Ok((SocketAddr::new(self.address, mapping.port), fresh))
    }

    /// The inside endpoint that `remote` reaches by an outside one.
    pub(super) fn inbound(
        &mut self,
        now: Instant,
        protocol: Protocol,
        outside: SocketAddr,
        remote: SocketAddr,
    ) -> Result<SocketAddr, &'static str> {
        let (key, mapping) = self.find(now, protocol, outside).ok_or("NAT: no mapping")?;
        let lets_in = match self.behaviour {
            Behaviour::FullCone => true,
            Behaviour::AddressRestricted => {
                mapping.peers.iter().any(|peer| peer.ip() == remote.ip())
            }
            Behaviour::PortRestricted | Behaviour::Symmetric => mapping.peers.contains(&remote),
        };
        if lets_in { Ok(key.1) } else { Err("NAT: filtered") }
    }

    /// The outside endpoint of an inside one, if it has one towards `remote`.
    pub(super) fn outside_of(
        &self,
        now: Instant,
        protocol: Protocol,
        inside: SocketAddr,
        remote: SocketAddr,
    ) -> Option<SocketAddr> {
        let mapping = self.by_inside.get(&self.key(protocol, inside, remote))?;
        let alive = !self.is_old(now, protocol, mapping);
        alive.then(|| SocketAddr::new(self.address, mapping.port))
    }

    /// The inside endpoint behind an outside one, whoever asks.
    pub(super) fn inside_of(
        &self,
        now: Instant,
        protocol: Protocol,
        outside: SocketAddr,
    ) -> Option<SocketAddr> {
        self.find(now, protocol, outside).map(|(key, _)| key.1)
    }

    fn key(&self, protocol: Protocol, inside: SocketAddr, remote: SocketAddr) -> Key {
        let remote = (self.behaviour == Behaviour::Symmetric).then_some(remote);
        (protocol, inside, remote)
    }

    fn find(
        &self,
        now: Instant,
        protocol: Protocol,
        outside: SocketAddr,
    ) -> Option<(&Key, &Mapping)> {
        let key = self.by_port.get(&(protocol, outside.port()))?;
        let mapping = self.by_inside.get(key)?;
        let meant = outside.ip() == self.address && !self.is_old(now, protocol, mapping);
        meant.then_some((key, mapping))
    }

    fn is_old(&self, now: Instant, protocol: Protocol, mapping: &Mapping) -> bool {
        let timeout = match protocol {
            Protocol::Udp => self.timeout_udp,
            Protocol::Tcp => TIMEOUT_TCP,
            Protocol::Icmp => TIMEOUT_ICMP,
        };
        now - mapping.last_outbound >= timeout
    }

    fn forget_if_old(&mut self, now: Instant, key: &Key) {
        let old = self.by_inside.get(key).filter(|mapping| self.is_old(now, key.0, mapping));
        if let Some(port) = old.map(|mapping| mapping.port) {
            self.by_inside.remove(key);
            self.by_port.remove(&(key.0, port));
        }
    }

    /// An outside port that is free: the inside one where it can be, else the next above it, round
    /// its range. RFC 4787 REQ-3 and REQ-4: none is shared, and a well-known port stays one, an even
    /// one even.
    fn allocate(
        &mut self,
        now: Instant,
        protocol: Protocol,
        wanted: u16,
    ) -> Result<u16, &'static str> {
        if self.by_inside.len() >= MAPPINGS_MAX {
            self.forget_all_old(now);
        }
        if self.by_inside.len() >= MAPPINGS_MAX {
            return Err("NAT: no room for a mapping");
        }
        let (low, high) = if wanted < 1024 { (0, 1023) } else { (1024, u16::MAX) };
        let above = (wanted..=high).step_by(2);
        let below = (low | wanted & 1..wanted).step_by(2);
        let mut ports = above.chain(below).filter(|port| *port != 0 || protocol == Protocol::Icmp);
        let free = ports.find(|port| self.is_free(now, protocol, *port));
        let port = free.ok_or("NAT: no free port")?;
        if let Some(key) = self.by_port.get(&(protocol, port)).copied() {
            self.forget_if_old(now, &key);
        }
        Ok(port)
    }

    fn is_free(&self, now: Instant, protocol: Protocol, port: u16) -> bool {
        let key = self.by_port.get(&(protocol, port));
        let mapping = key.and_then(|key| self.by_inside.get(key));
        mapping.is_none_or(|mapping| self.is_old(now, protocol, mapping))
            && !self.former.contains(&(protocol, self.address, port))
    }

    fn forget_all_old(&mut self, now: Instant) {
        let keys: Vec<Key> = self.by_inside.keys().copied().collect();
        keys.iter().for_each(|key| self.forget_if_old(now, key));
    }

    /// The outside ports of the mappings that live.
    #[cfg(test)]
    pub(super) fn outside_ports(&self, now: Instant) -> Vec<(Protocol, u16)> {
        let alive = |(key, mapping): (&Key, &Mapping)| {
            (!self.is_old(now, key.0, mapping)).then_some((key.0, mapping.port))
        };
        self.by_inside.iter().filter_map(alive).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.by_inside.len(), self.by_port.len(), "each mapping has a port of its own");
        self.by_inside.len()
    }
}

impl Mapping {
    fn admit(&mut self, remote: SocketAddr) {
        if self.peers.contains(&remote) {
            return;
        }
        if self.peers.len() >= PEERS_MAX {
            self.peers.remove(0);
        }
        self.peers.push(remote);
    }
}
