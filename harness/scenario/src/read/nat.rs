//! NATs: what a file says of one, and who stands behind it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::world::World;
use crate::plan::{HostKind, Iface, Mapping, Nat};
use crate::reader::{Cx, Fields};
use crate::yaml::Node;

/// RFC 4787 REQ-5: at least two minutes, and five are recommended.
const TIMEOUT: Duration = Duration::from_mins(5);

pub(crate) const MAPPINGS: [(&str, Mapping); 4] = [
    ("full-cone", Mapping::FullCone),
    ("address-restricted", Mapping::AddressRestricted),
    ("port-restricted", Mapping::PortRestricted),
    ("symmetric", Mapping::Symmetric),
];

/// Keys that only a NAT has.
const KEYS: [&str; 4] = ["inside", "outside", "mapping", "mapping_timeout"];

/// Reads what makes a host a NAT; its interfaces in the short form are added.
pub(crate) fn read(
    cx: &Cx<'_>,
    fields: &Fields<'_, '_>,
    kind: HostKind,
    ifaces: &mut Vec<Iface>,
) -> Option<Nat> {
    if kind != HostKind::Nat {
        for key in KEYS {
            if let Some(span) = fields.key(key) {
                cx.error(span, format!("`{key}` is for a NAT"), "expected `kind: nat` beside it");
            }
        }
        return None;
    }
    let outside = match fields.get("ifaces") {
        Some(_) => named(cx, fields, ifaces)?,
        None => short(cx, fields, ifaces)?,
    };
    let timeout = fields.duration("mapping_timeout").unwrap_or(TIMEOUT);
    if timeout.is_zero()
        && let Some(node) = fields.get("mapping_timeout")
    {
        cx.error(node.span, "a NAT that remembers nothing", "expected 1s or more, such as 60s");
    }
    let mapping = fields.choice("mapping", &MAPPINGS).unwrap_or(Mapping::PortRestricted);
    Some(Nat { outside, mapping, timeout })
}

/// A key that every NAT has, though not every host.
fn needed<'n>(cx: &Cx<'_>, fields: &Fields<'_, 'n>, key: &str) -> Option<&'n Node> {
    let found = fields.get(key);
    if found.is_none() {
        let label = "expected `inside: 10.1.0.1/24` and `outside: 203.0.113.1/24`";
        cx.error(fields.span, format!("a NAT without `{key}`"), label);
    }
    found
}

/// `inside: 10.1.0.1/24, outside: 203.0.113.1/24`: two interfaces of these names.
fn short(cx: &Cx<'_>, fields: &Fields<'_, '_>, ifaces: &mut Vec<Iface>) -> Option<u16> {
    for key in ["inside", "outside"] {
        let text = cx.text(needed(cx, fields, key)?, key)?;
        let addresses = vec![cx.prefix(text, "address")?];
        ifaces.push(Iface { name: key.to_owned(), addresses, later: Vec::new(), link: None });
    }
    Some(1)
}

/// `ifaces: {lan: .., dmz: .., wan: ..}, outside: wan`: all others are inside.
fn named(cx: &Cx<'_>, fields: &Fields<'_, '_>, ifaces: &[Iface]) -> Option<u16> {
    if let Some(span) = fields.key("inside") {
        let label = "beside `ifaces` all interfaces are inside but the one that `outside` names";
        cx.error(span, "`inside` says nothing here", label);
    }
    let name = cx.text(needed(cx, fields, "outside")?, "outside")?;
    let place = ifaces.iter().position(|iface| iface.name == name.value);
    if place.is_none() {
        let names: Vec<&str> = ifaces.iter().map(|iface| iface.name.as_str()).collect();
        cx.unknown(name.span, "interface", &name.value, names);
    }
    u16::try_from(place?).ok()
}

/// The hosts that are reached from the inside of a NAT without passing it.
pub(crate) fn inside(world: &World, nat: u16) -> BTreeSet<u16> {
    let mut found = BTreeSet::new();
    let Some(host) = world.hosts.get(usize::from(nat)) else { return found };
    let Some(Nat { outside, .. }) = host.nat else { return found };
    let own = (0_u16..).zip(&host.ifaces).filter(|(place, _)| *place != outside);
    let mut links: Vec<u16> = own.filter_map(|(_, iface)| iface.link).collect();
    let mut seen: BTreeSet<u16> = links.iter().copied().collect();
    while let Some(link) = links.pop() {
        let Some(link) = world.links.get(usize::from(link)) else { continue };
        for (host, _) in link.attached.iter().filter(|(host, _)| *host != nat) {
            found.insert(*host);
            let ifaces = world.hosts.get(usize::from(*host)).map_or(&[][..], |host| &host.ifaces);
            links
                .extend(ifaces.iter().filter_map(|iface| iface.link).filter(|at| seen.insert(*at)));
        }
    }
    found
}

/// The NATs that hide `host` from `other`: it is inside, the other is not.
pub(crate) fn hiding(world: &World, host: u16, other: u16) -> Vec<u16> {
    let nats = (0_u16..).zip(&world.hosts).filter(|(_, at)| at.nat.is_some());
    let hides = |nat: &u16| {
        let inside = inside(world, *nat);
        inside.contains(&host) && !inside.contains(&other)
    };
    nats.map(|(place, _)| place).filter(hides).collect()
}

/// An end whose peer is behind a NAT cannot know the address that the peer will come from.
pub(crate) fn hide(world: &mut World) {
    let mut unknown = Vec::new();
    for (place, host) in (0_u16..).zip(&world.hosts) {
        for (end, number) in host.tunnels.iter().zip(0..) {
            if !hiding(world, end.peer, place).is_empty() {
                unknown.push((place, number));
            }
        }
    }
    for (place, number) in unknown {
        let host: Option<&mut crate::plan::Host> = world.hosts.get_mut(usize::from(place));
        let Some(end) = host.and_then(|host| host.tunnels.get_mut::<usize>(number)) else {
            continue;
        };
        end.remote = anybody(end.remote);
        let known = world.tunnels.iter_mut().find(|tunnel| tunnel.name == end.tunnel);
        if let Some(tunnel) = known {
            let side = usize::from(tunnel.ends[1] == place);
            tunnel.now[side].end.remote = end.remote;
        }
    }
}

/// Any address of the family of one.
pub(crate) fn anybody(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    }
}
