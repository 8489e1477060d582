//! Routes: where a packet goes next, by the longest prefix that its destination lies in.

use std::net::IpAddr;

use crate::{Interface, Prefix};

/// A route: packets into a block of addresses go this way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The block of addresses.
    pub prefix: Prefix,
    /// Where packets into it go.
    pub via: Via,
}

/// Where a route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Via {
    /// Out of the interface in this place, straight to the destination.
    Interface(u16),
    /// To this neighbour.
    Neighbour(IpAddr),
}

/// The next step of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// The place of the interface it leaves by.
    pub iface: u16,
    /// The address, on that interface's link, of who takes it.
    pub neighbour: IpAddr,
}

/// The routes of a host, connected networks among them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Routes {
    /// Longest prefix first; equals in the order they came, connected ones before others.
    table: Vec<Route>,
}

impl Routes {
    /// The routes of a host with these interfaces: their networks, then `routes`.
    #[must_use]
    pub fn new(interfaces: &[Interface], routes: &[Route]) -> Self {
        let mut all = Self::default();
        for (place, interface) in (0..).zip(interfaces) {
            for prefix in interface.connected().filter(|_| interface.link.is_some()) {
                all.add(Route { prefix, via: Via::Interface(place) });
            }
        }
        for route in routes {
            all.add(*route);
        }
        all
    }

    /// Follows interfaces whose addresses have changed: their networks are what is connected, and
    /// routes through neighbours on no connected network go. With `via`, that neighbour takes all
    /// that nobody else takes of its family.
    pub fn follow(&mut self, interfaces: &[Interface], via: Option<IpAddr>) {
        let all = |via: IpAddr| if via.is_ipv4() { Prefix::all_v4() } else { Prefix::all_v6() };
        let default = via.map(|via| Route { prefix: all(via), via: Via::Neighbour(via) });
        let connected = |neighbour: IpAddr| {
            let on_link = interfaces.iter().filter(|interface| interface.link.is_some());
            on_link.flat_map(Interface::connected).any(|prefix| prefix.contains(neighbour))
        };
        let mut others: Vec<Route> = std::mem::take(&mut self.table);
        others.retain(|route| match route.via {
            Via::Interface(_) => false,
            Via::Neighbour(neighbour) => {
                connected(neighbour) && default.is_none_or(|new| new.prefix != route.prefix)
            }
        });
        others.extend(default);
        *self = Self::new(interfaces, &others);
    }

    /// Adds a route behind those with prefixes of its length.
    pub fn add(&mut self, route: Route) {
        let longer = |other: &Route| other.prefix.length() >= route.prefix.length();
        let place = self.table.partition_point(longer);
        self.table.insert(place, route);
    }

    /// Where a packet to `destination` goes next, if there is a way.
    ///
    /// A neighbour of a route must itself be on a connected network.
    #[must_use]
    pub fn look_up(&self, destination: IpAddr) -> Option<Hop> {
        match self.best(destination)? {
            Via::Interface(iface) => Some(Hop { iface, neighbour: destination }),
            Via::Neighbour(neighbour) => match self.best(neighbour)? {
                Via::Interface(iface) => Some(Hop { iface, neighbour }),
                Via::Neighbour(_) => None,
            },
        }
    }

    fn best(&self, destination: IpAddr) -> Option<Via> {
        let route = self.table.iter().find(|route| route.prefix.contains(destination))?;
        Some(route.via)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use ikelab_trace::LinkId;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn interface(address: &str, length: u8, link: Option<u16>) -> Interface {
        Interface {
            name: "wan".into(),
            addresses: vec![(ip(address), length)],
            link: link.map(LinkId),
            mtu: Interface::MTU,
        }
    }

    fn via(network: &str, length: u8, neighbour: &str) -> Route {
        Route { prefix: Prefix::new(ip(network), length), via: Via::Neighbour(ip(neighbour)) }
    }

    fn routes() -> Routes {
        let interfaces = [
            interface("192.168.1.1", 24, None),
            interface("10.0.0.1", 24, Some(0)),
            interface("10.1.0.1", 24, Some(1)),
        ];
        Routes::new(
            &interfaces,
            &[
                via("0.0.0.0", 0, "10.0.0.254"),
                via("172.16.0.0", 12, "10.1.0.254"),
                via("172.16.5.0", 24, "10.0.0.7"),
                via("198.51.100.0", 24, "172.16.0.1"),
            ],
        )
    }

    #[test]
    fn the_longest_prefix_wins() {
        let hop = |iface, neighbour| Some(Hop { iface, neighbour: ip(neighbour) });
        for (destination, expected) in [
            ("10.0.0.9", hop(1, "10.0.0.9")),
            ("10.1.0.9", hop(2, "10.1.0.9")),
            ("172.16.4.1", hop(2, "10.1.0.254")),
            ("172.16.5.1", hop(1, "10.0.0.7")),
            ("8.8.8.8", hop(1, "10.0.0.254")),
            ("198.51.100.1", None), // its neighbour is on no connected network
            ("2001:db8::1", None),
        ] {
            assert_eq!(routes().look_up(ip(destination)), expected, "{destination}");
        }
    }

    #[test]
    fn the_network_of_a_loopback_is_reached_through_no_interface() {
        let loopback = Routes::new(&[interface("192.168.1.1", 24, None)], &[]);
        assert_eq!(loopback.look_up(ip("192.168.1.2")), None);
    }

    proptest! {
        #[test]
        fn the_table_finds_what_a_search_of_all_routes_finds(
            blocks in proptest::collection::vec((any::<u32>(), 0..=32_u8), 0..20),
            destination: u32,
        ) {
            let mut routes = Routes::default();
            let mut longest = None;
            for (place, (network, length)) in (0..).zip(&blocks) {
                let prefix = Prefix::new(IpAddr::V4((*network).into()), *length);
                routes.add(Route { prefix, via: Via::Interface(place) });
                let longer = longest.is_none_or(|(_, before)| *length > before);
                if prefix.contains(IpAddr::V4(destination.into())) && longer {
                    longest = Some((place, *length));
                }
            }
            let found = routes.look_up(IpAddr::V4(destination.into())).map(|hop| hop.iface);
            prop_assert_eq!(found, longest.map(|(place, _)| place));
        }
    }
}
