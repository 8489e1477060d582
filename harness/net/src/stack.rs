//! The network layer's one decision: is a packet for this host, for another, or for nobody?

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::{Hop, Interface, Route, Routes};

/// The network layer of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stack {
    /// Its interfaces; a place in this list is an interface's number.
    pub interfaces: Vec<Interface>,
    /// Its routes.
    pub routes: Routes,
    /// True when it forwards what is not for itself, as a router does.
    pub forwarding: bool,
    /// Addresses that it was given and that stand on no interface (RFC 7296 §2.19).
    internal: BTreeSet<IpAddr>,
}

/// What is to be done with a packet that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It is for this host.
    Local,
    /// It goes on.
    Forward(Hop),
    /// It goes nowhere, for a reason with a name.
    Drop(&'static str),
}

impl Stack {
    /// A network layer with connected routes and `routes`.
    #[must_use]
    pub fn new(interfaces: Vec<Interface>, routes: &[Route], forwarding: bool) -> Self {
        let routes = Routes::new(&interfaces, routes);
        Self { interfaces, routes, forwarding, internal: BTreeSet::new() }
    }

    /// True when `address` is one of the host's own.
    #[must_use]
    pub fn owns(&self, address: IpAddr) -> bool {
        self.interfaces.iter().any(|interface| interface.owns(address))
            || self.internal.contains(&address)
    }

    /// Makes an address one of the host's own, on no interface.
    pub fn assign(&mut self, address: IpAddr) {
        self.internal.insert(address);
    }

    /// Gives an interface another address in the place of one. Routes through neighbours that are
    /// out of reach now go; `via` is the neighbour that everything else goes to from then on.
    pub fn readdress(&mut self, place: u16, from: IpAddr, to: (IpAddr, u8), via: Option<IpAddr>) {
        let Some(interface) = self.interfaces.get_mut(usize::from(place)) else { return };
        interface.addresses.iter_mut().filter(|own| own.0 == from).for_each(|own| *own = to);
        self.routes.follow(&self.interfaces, via);
    }

    /// Takes back what `assign` gave.
    pub fn unassign(&mut self, address: IpAddr) {
        self.internal.remove(&address);
    }

    /// Forgets every address that `assign` gave.
    pub fn restart(&mut self) {
        self.internal.clear();
    }

    /// What is to be done with a packet to `destination` that arrived with this time to live.
    #[must_use]
    pub fn decide(&self, destination: IpAddr, ttl: u8) -> Decision {
        if self.owns(destination) {
            return Decision::Local;
        }
        if !self.forwarding {
            return Decision::Drop("not for this host");
        }
        if ttl <= 1 {
            return Decision::Drop("time to live exceeded");
        }
        self.routes.look_up(destination).map_or(Decision::Drop("no route"), Decision::Forward)
    }

    /// The interface in a place.
    #[must_use]
    pub fn interface(&self, place: u16) -> Option<&Interface> {
        self.interfaces.get(usize::from(place))
    }

    /// The address that a packet of this host bears which says nothing else: the first of its
    /// family on the interface that leads to `destination`.
    #[must_use]
    pub fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        if self.owns(destination) {
            return Some(destination);
        }
        let interface = self.interface(self.routes.look_up(destination)?.iface)?;
        let mut own = interface.addresses.iter().map(|(address, _)| *address);
        own.find(|address| address.is_ipv4() == destination.is_ipv4())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ikelab_trace::LinkId;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn stack(forwarding: bool) -> Stack {
        let interface = |name: &str, addresses: &[(&str, u8)], link| Interface {
            name: name.into(),
            addresses: addresses.iter().map(|(address, length)| (ip(address), *length)).collect(),
            link,
            mtu: Interface::MTU,
        };
        let interfaces = vec![
            interface("Loopback0", &[("192.168.1.1", 24)], None),
            interface("wan", &[("10.0.0.1", 24), ("2001:db8::1", 64)], Some(LinkId(0))),
        ];
        Stack::new(interfaces, &[], forwarding)
    }

    #[test]
    fn a_packet_is_for_this_host_for_another_or_for_nobody() {
        let on = Hop { iface: 1, neighbour: ip("10.0.0.2") };
        for (forwarding, destination, ttl, expected) in [
            (false, "192.168.1.1", 1, Decision::Local),
            (false, "2001:db8::1", 64, Decision::Local),
            (false, "10.0.0.2", 64, Decision::Drop("not for this host")),
            (true, "10.0.0.2", 64, Decision::Forward(on)),
            (true, "10.0.0.2", 1, Decision::Drop("time to live exceeded")),
            (true, "10.9.0.2", 64, Decision::Drop("no route")),
        ] {
            assert_eq!(stack(forwarding).decide(ip(destination), ttl), expected, "{destination}");
        }
    }

    #[test]
    fn an_address_that_was_given_is_the_hosts_own_until_it_is_taken_back() {
        let (mut stack, given) = (stack(false), ip("10.9.0.1"));
        assert!(!stack.owns(given));
        stack.assign(given);
        assert_eq!(stack.decide(given, 64), Decision::Local);
        stack.unassign(given);
        assert!(!stack.owns(given));
    }

    #[test]
    fn with_another_address_the_way_out_is_another() {
        let route = |network: &str, length, via: &str| Route {
            prefix: crate::Prefix::new(ip(network), length),
            via: crate::Via::Neighbour(ip(via)),
        };
        let interfaces = stack(true).interfaces;
        let routes = [
            route("0.0.0.0", 0, "10.0.0.254"),
            route("192.168.2.0", 24, "10.0.0.2"),
            route("2001:db8:5::", 48, "2001:db8::2"),
        ];
        let mut stack = Stack::new(interfaces, &routes, true);
        let hop = |stack: &Stack, to: &str| stack.routes.look_up(ip(to)).map(|hop| hop.neighbour);
        // Within its network, everything else stays.
        stack.readdress(1, ip("10.0.0.1"), (ip("10.0.0.9"), 24), None);
        assert!(stack.owns(ip("10.0.0.9")) && !stack.owns(ip("10.0.0.1")));
        assert_eq!(hop(&stack, "192.168.2.1"), Some(ip("10.0.0.2")));
        assert_eq!(hop(&stack, "8.8.8.8"), Some(ip("10.0.0.254")));
        // In another one, nothing is reached through the old neighbours.
        stack.readdress(1, ip("10.0.0.9"), (ip("10.7.0.9"), 24), None);
        assert_eq!(hop(&stack, "192.168.2.1"), None);
        assert_eq!(hop(&stack, "10.7.0.1"), Some(ip("10.7.0.1")));
        assert_eq!(hop(&stack, "2001:db8:5::1"), Some(ip("2001:db8::2")), "the other family");
        stack.readdress(1, ip("10.7.0.9"), (ip("10.8.0.9"), 24), Some(ip("10.8.0.1")));
        assert_eq!(hop(&stack, "192.168.2.1"), Some(ip("10.8.0.1")));
        assert_eq!(hop(&stack, "10.0.0.2"), Some(ip("10.8.0.1")));
    }

    #[test]
    fn a_packet_without_a_source_takes_the_address_of_the_way_out() {
        assert_eq!(stack(false).source_for(ip("10.0.0.9")), Some(ip("10.0.0.1")));
        assert_eq!(stack(false).source_for(ip("2001:db8::9")), Some(ip("2001:db8::1")));
        assert_eq!(stack(false).source_for(ip("192.168.1.1")), Some(ip("192.168.1.1")));
        assert_eq!(stack(false).source_for(ip("8.8.8.8")), None);
    }
}
