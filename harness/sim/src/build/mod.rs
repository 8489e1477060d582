//! From a plan, which is plain data, to hosts that can be driven.

mod agenda;
mod fault;
mod tunnel;

pub(crate) use fault::seeming;

use std::net::IpAddr;

use ikelab_host::{Command, Host, HostConfig, HostKind, Software};
use ikelab_ike::Editor;
use ikelab_ike::config::Config;
use ikelab_net::{
    Attachment, Behaviour, Conditions, Interface, Link, NatConfig, Port, Prefix, Rate, Room, Route,
    Via,
};
use ikelab_scenario::plan::{self, Plan};
use ikelab_trace::{HostId, LinkId};

use crate::Station;
use crate::liar::{Crafted, Liar, Memory};

/// The hosts of a plan, each with what it is to do.
pub(crate) fn stations(plan: &Plan) -> Vec<Station<Host>> {
    let links: Vec<Link> =
        (0..).zip(&plan.links).map(|(id, link)| build_link(plan, id, link)).collect();
    let memories = plan.hosts.iter().map(|_| Memory::default());
    let memories: Vec<Memory> = memories.collect();
    let station = |(place, host): (u16, &plan::Host)| {
        let agenda = agenda::of(plan, place);
        Station::new(HostId(place), build_host(plan, &links, &memories, (place, host)), agenda)
    };
    (0..).zip(&plan.hosts).map(station).collect()
}

/// Whether a pin is for the host in a place.
pub(crate) fn concerns(pin: &plan::Pin, place: usize) -> bool {
    pin.host.is_none_or(|host| usize::from(host) == place)
}

fn build_link(plan: &Plan, id: u16, link: &plan::Link) -> Link {
    let attach = |(host, iface): &(u16, u16)| {
        let at = plan.hosts.get(usize::from(*host))?;
        let interface = at.ifaces.get(usize::from(*iface))?;
        Some(Attachment {
            host: HostId(*host),
            name: at.name.clone(),
            iface: *iface,
            addresses: interface.addresses.iter().map(|(address, _)| *address).collect(),
            listens: at.kind == plan::HostKind::Attacker,
        })
    };
    let conditions = Conditions {
        delay: link.delay,
        jitter: link.jitter,
        loss: link.loss,
        duplicate: link.duplicate,
        reorder: link.reorder,
        corrupt: link.corrupt,
        mark: link.mark,
        rate: link.rate.map(rate),
        mtu: link.mtu,
        drops_fragments: link.drops_ip_fragments,
        up: true,
    };
    let attached = link.attached.iter().filter_map(attach).collect();
    Link { id: LinkId(id), name: link.name.clone(), attached, conditions }
}

fn rate(rate: plan::Rate) -> Rate {
    let room = match rate.room {
        plan::Room::Packets(packets) => Room::Packets(packets),
        plan::Room::Octets(octets) => Room::Octets(octets),
    };
    Rate { bits_per_second: rate.bits_per_second, room }
}

fn build_host(
    plan: &Plan,
    links: &[Link],
    memories: &[Memory],
    (place, host): (u16, &plan::Host),
) -> Host {
    let interfaces: Vec<Interface> =
        host.ifaces.iter().map(|iface| interface(links, iface)).collect();
    let ports =
        (0..).zip(&interfaces).map(|(iface, interface)| port(plan, links, place, iface, interface));
    let memory = memories.get(usize::from(place)).cloned().unwrap_or_default();
    let lies = plan.liars.iter().any(|liar| liar.host == place);
    let editor = (lies || fault::looks_inside(plan, place))
        .then(|| Box::new(Liar::new(plan, place, memory.clone())) as Box<dyn Editor>);
    let crafted = Crafted::new(plan, place);
    let kind = match host.kind {
        // What is made by hand has no stack, wherever it stands.
        _ if crafted.is_some() => HostKind::Attacker,
        plan::HostKind::Router | plan::HostKind::Nat => HostKind::Router,
        plan::HostKind::Host => HostKind::Host,
        plan::HostKind::Attacker => HostKind::Attacker,
    };
    let ike = if crafted.is_some() { Config::new(Vec::new()) } else { tunnel::ike(host) };
    Host::new(HostConfig {
        id: HostId(place),
        name: host.name.clone(),
        kind,
        ports: ports.collect(),
        interfaces,
        later: later(host),
        routes: host.routes.iter().map(route).collect(),
        ike,
        editor,
        policies: tunnel::policies(host),
        inside: tunnel::inside(host),
        settings: tunnel::settings(host),
        faults: fault::of_packets(plan, place, &memory),
        dooms: fault::of_host(plan, place, memories),
        queues: fault::queues(plan, place),
        pins: pins(plan, place),
        nat: host.nat.and_then(|nat| self::nat(host, nat)),
        drops_fragments: host.drops_ip_fragments,
        clock: fault::clock(plan, place, host),
        software: crafted.map(|crafted| Box::new(crafted) as Box<dyn Software>),
        seed: plan.seed,
    })
}

fn later(host: &plan::Host) -> Vec<(u16, (IpAddr, u8))> {
    let of = |(place, iface): (u16, &plan::Iface)| {
        iface.later.clone().into_iter().map(move |address| (place, address))
    };
    (0..).zip(&host.ifaces).flat_map(of).collect()
}

fn interface(links: &[Link], iface: &plan::Iface) -> Interface {
    let link = iface.link.and_then(|link| links.get(usize::from(link)));
    Interface {
        name: iface.name.clone(),
        addresses: iface.addresses.clone(),
        link: link.map(|link| link.id),
        mtu: link.map_or(Interface::MTU, |link| link.conditions.mtu),
    }
}

fn port(plan: &Plan, links: &[Link], host: u16, iface: u16, interface: &Interface) -> Option<Port> {
    let link = links.get(usize::from(interface.link?.0))?;
    link.port(HostId(host), iface, plan.seed)
}

fn nat(host: &plan::Host, nat: plan::Nat) -> Option<NatConfig> {
    let outside = host.ifaces.get(usize::from(nat.outside))?;
    let (address, _) = *outside.addresses.first()?;
    let behaviour = match nat.mapping {
        plan::Mapping::FullCone => Behaviour::FullCone,
        plan::Mapping::AddressRestricted => Behaviour::AddressRestricted,
        plan::Mapping::PortRestricted => Behaviour::PortRestricted,
        plan::Mapping::Symmetric => Behaviour::Symmetric,
    };
    Some(NatConfig { outside: nat.outside, address, behaviour, timeout: nat.timeout })
}

fn route(route: &plan::Route) -> Route {
    let (network, length): (IpAddr, u8) = route.to;
    Route { prefix: Prefix::new(network, length), via: Via::Neighbour(route.via) }
}

fn pins(plan: &Plan, place: u16) -> Vec<ikelab_host::Pin> {
    let concerned = (0..).zip(&plan.pins).filter(|(_, pin)| concerns(pin, usize::from(place)));
    let pin = |(index, pin): (u32, &plan::Pin)| ikelab_host::Pin {
        index,
        purpose: pin.purpose,
        direction_matters: pin.direction_matters,
        nth: pin.nth,
        offset: pin.offset,
        value: pin.value.clone(),
    };
    concerned.map(pin).collect()
}

/// What a host is told, and when.
type Agenda = Vec<(ikelab_ambient::Instant, Command)>;
