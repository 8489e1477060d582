//! Routes that a tunnel implies: to the networks behind the peer, the way that leads to the peer.

use std::net::IpAddr;

use ikelab_wire::payload::SelectorRange;

use super::world::World;
use crate::plan::{Child, Host, Route};

/// Adds, at both ends of each child, a route for every remote network that none leads to.
pub(crate) fn imply(world: &mut World) {
    for host in &mut world.hosts {
        let ends = host.tunnels.clone();
        for end in ends {
            for child in &end.children {
                imply_for(host, end.remote, child);
            }
        }
    }
}

/// The same for one child that a step adds.
pub(crate) fn imply_for(host: &mut Host, peer: IpAddr, child: &Child) {
    for range in &child.remote {
        let length = covering(range);
        if leads_to(host, range.start).is_some() || range.contains(peer) {
            continue;
        }
        if let Some(via) = leads_to(host, peer) {
            let to = SelectorRange::from_prefix(range.start, length).start;
            host.routes.push(Route { to: (to, length), via });
        }
    }
}

/// The length of the longest prefix that has all of a range.
fn covering(range: &SelectorRange) -> u8 {
    let fits = |length: &u8| SelectorRange::from_prefix(range.start, *length).contains(range.end);
    (0..=128).rev().find(fits).unwrap_or(0)
}

/// The next hop to an address, if there is a way: the address itself on a connected network.
fn leads_to(host: &Host, address: IpAddr) -> Option<IpAddr> {
    let connected = host
        .ifaces
        .iter()
        .flat_map(|iface| &iface.addresses)
        .filter(|(own, length)| SelectorRange::from_prefix(*own, *length).contains(address))
        .map(|(_, length)| (*length, address));
    let routed = host
        .routes
        .iter()
        .filter(|route| SelectorRange::from_prefix(route.to.0, route.to.1).contains(address))
        .map(|route| (route.to.1, route.via));
    connected.chain(routed).max_by_key(|(length, _)| *length).map(|(_, via)| via)
}
