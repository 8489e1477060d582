//! `move: {host: R1, iface: wan, to: 10.0.0.9/24}`: an interface has another address from now on.

use std::net::IpAddr;
use std::time::Duration;

use ikelab_wire::payload::SelectorRange;

use super::Draft;
use crate::plan::{Command, HostKind, Move};
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Notation, Shape, may, need};
use crate::text::Text;
use crate::yaml::Node;

const ADDRESS: Form = Form::Written(&Notation::new("address", "An address: 10.0.3.254.", ""));

pub(super) static SHAPE: Shape = Shape::new(
    "move",
    "An interface gets another address in the place of that of the same family.",
    &[&[
        need("host", shape::HOST, "The host."),
        need("iface", shape::IFACE_NAME, "Its interface."),
        need("to", shape::PREFIX, "The new address; without a length, that of the old one."),
        may("via", ADDRESS, "The neighbour that takes what nobody else takes from then on.")
            .or("the routes as they are, but for those through neighbours that are out of reach"),
    ]],
);

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let (host, iface, to) = (fields.need("host"), fields.need("iface"), fields.need("to"));
    let host_text = cx.text(host?, "host")?;
    let iface_text = cx.text(iface?, "iface")?;
    let reference = format!("{}.{}", host_text.value, iface_text.value);
    let place = world.host_in(cx, host_text);
    let to = cx.text(to?, "to").and_then(|text| Some((text, cx.prefix(text, "address")?)));
    let (host, iface) = match place {
        Some(place) => (place, interface(cx, world, place, iface_text)?),
        None => return None,
    };
    let (text, to) = to?;
    let from = old(cx, world, (host, iface), (text, to), &reference)?;
    let length = if text.value.contains('/') { to.1 } else { from.1 };
    let to = (to.0, length);
    let via = fields.text("via").map(|text| via(cx, text, to));
    let via = match via {
        Some(via) => Some(via?),
        None => None,
    };
    note(world, (host, iface), from, to);
    let words = format!("{reference} moves to {}/{}", to.0, to.1);
    let command = Command::Move(Move { iface, from: from.0, to, via });
    Some(Draft { actions: vec![(host, command)], text: words, takes: Duration::ZERO })
}

fn interface(cx: &Cx<'_>, world: &World, host: u16, name: &Text) -> Option<u16> {
    let ifaces = &world.hosts.get(usize::from(host))?.ifaces;
    let found = ifaces.iter().position(|iface| iface.name == name.value);
    if found.is_none() {
        let names: Vec<&str> = ifaces.iter().map(|iface| iface.name.as_str()).collect();
        cx.unknown(name.span, "interface", &name.value, names);
    }
    u16::try_from(found?).ok()
}

/// The address that goes.
fn old(
    cx: &Cx<'_>,
    world: &World,
    (host, iface): (u16, u16),
    (text, to): (&Text, (IpAddr, u8)),
    reference: &str,
) -> Option<(IpAddr, u8)> {
    let nat = world.hosts.get(usize::from(host))?;
    if nat.kind == HostKind::Nat && nat.nat.is_some_and(|nat| nat.outside == iface) {
        let label = "a fault does it: {at: 10s, nat_rebind: NAT, address: 203.0.113.9}";
        cx.error(text.span, "the outside address of a NAT does not move by a step", label);
        return None;
    }
    let own = world.addresses(host, iface);
    let same = own.iter().find(|(address, _)| address.is_ipv4() == to.0.is_ipv4()).copied();
    if same.is_none() {
        let family = if to.0.is_ipv4() { "IPv4" } else { "IPv6" };
        let have: Vec<_> = own.iter().map(|(address, _)| address.to_string()).collect();
        let message = format!("{reference} has no {family} address that could move");
        cx.error(text.span, message, format!("it has {}", have.join(", ")));
        return None;
    }
    let taken = (0_u16..).zip(&world.hosts).find_map(|(place, other)| {
        let (at, _) = (0_u16..).zip(&other.ifaces).find(|(at, known)| {
            let back = (place, *at) == (host, iface) && same.is_some_and(|(a, _)| a != to.0);
            !back && known.known().any(|address| address == to.0)
        })?;
        Some(format!("{}.{}", other.name, other.ifaces.get(usize::from(at))?.name))
    });
    if let Some(owner) = taken {
        let message = format!("{} is, or was, the address of {owner}", to.0);
        cx.error(text.span, message, "expected one that nobody else has");
        return None;
    }
    same
}

/// The neighbour has to be within reach.
fn via(cx: &Cx<'_>, text: &Text, to: (IpAddr, u8)) -> Option<IpAddr> {
    let address = text.value.parse::<IpAddr>().ok();
    let near = address.filter(|via| SelectorRange::from_prefix(to.0, to.1).contains(*via));
    if near.is_none() {
        let label = format!("expected an address in the network of {}/{}", to.0, to.1);
        cx.error(text.span, format!("`via` is `{}`", text.value), label);
    }
    near
}

/// What the steps below find.
fn note(world: &mut World, at: (u16, u16), from: (IpAddr, u8), to: (IpAddr, u8)) {
    let mut addresses = world.addresses(at.0, at.1).to_vec();
    addresses.iter_mut().filter(|own| own.0 == from.0).for_each(|own| *own = to);
    world.moved.insert(at, addresses);
    let host = world.hosts.get_mut(usize::from(at.0));
    let iface = host.and_then(|host| host.ifaces.get_mut(usize::from(at.1)));
    if let Some(iface) = iface.filter(|iface| iface.known().all(|known| known != to.0)) {
        iface.later.push(to);
    }
    for tunnel in &mut world.tunnels {
        for (side, place) in tunnel.ends.into_iter().enumerate() {
            let end = &mut tunnel.now[side].end;
            if place == at.0 && end.local == from.0 {
                end.local = to.0;
            }
        }
    }
}
