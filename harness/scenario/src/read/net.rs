//! `net:` hosts with their interfaces, and the links between them.

use std::net::IpAddr;
use std::time::Duration;

use super::world::World;
use super::{clock, nat, rate};
use crate::plan::{Host, HostKind, Iface, Link, Route};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Shape, may, need};
use crate::text::Text;
use crate::yaml::{Kind, Node};

/// A link that says nothing: short, but not instantaneous, since nothing is.
const DELAY: Duration = Duration::from_millis(1);
/// Ethernet's.
const MTU: u16 = 1500;

/// `net:`.
pub(crate) static SHAPE: Shape = Shape::new(
    "net",
    "A small internet: hosts, and the links between them.",
    &[&[
        need("hosts", Form::Names(&shape::HOST, &Form::Shape(&HOST)), "The hosts, by name."),
        need("links", Form::Names(&shape::LINK, &Form::Shape(&LINK)), "The links, by name."),
    ]],
);

static HOST: Shape = Shape::new(
    "host",
    "A virtual host.",
    &[&[
        may("kind", Form::Words(&shape::words(&KINDS)), "What kind of machine it is.").or("router"),
        may(
            "ifaces",
            Form::Names(
                &shape::IFACE_NAME,
                &Form::Any(&[shape::PREFIX, Form::List(&shape::PREFIX)]),
            ),
            "Its interfaces: the name, the address and the length of the prefix, or a list of them.",
        ),
        may("routes", Form::List(&shape::ROUTE), "Routes beside the connected ones."),
        may("inside", shape::PREFIX, "The inside address of a NAT, on an interface `inside`."),
        may(
            "outside",
            Form::Any(&[shape::PREFIX, shape::IFACE_NAME]),
            "The outside address of a NAT, on an interface `outside`; beside `ifaces`, the name of \
             the outside interface.",
        ),
        may(
            "mapping",
            Form::Words(&shape::words(&nat::MAPPINGS)),
            "Mapping and filtering of a NAT.",
        )
        .or("port-restricted"),
        may(
            "mapping_timeout",
            shape::DURATION,
            "How long a UDP mapping of a NAT lives without a packet from inside.",
        )
        .or("5m"),
        may("drops_ip_fragments", Form::Boolean, "Whether it passes no IP fragments on.")
            .or("false"),
        may("clock", shape::SPEED, "How fast its clock runs, which its timers go by: 1.01.")
            .or("1"),
    ]],
);

static LINK: Shape = Shape::new(
    "link",
    "A link between interfaces, and what it does to packets.",
    &[&[
        need("between", Form::List(&shape::IFACE), "What hangs on it: two interfaces or more."),
        may("delay", shape::DURATION, "How long each packet takes.").or("1ms"),
        may("jitter", shape::DURATION, "Up to how much longer it takes, at random.").or("0s"),
        may("loss", shape::SHARE, "How likely a packet is lost.").or("0"),
        may("duplicate", shape::SHARE, "How likely a packet arrives twice.").or("0"),
        may("reorder", shape::SHARE, "How likely a packet is overtaken by later ones.").or("0"),
        may("corrupt", shape::SHARE, "How likely one bit of a packet is turned over.").or("0"),
        may(
            "mark",
            shape::SHARE,
            "How likely a packet meets congestion: it is marked CE, and lost where it is not ECN-capable.",
        )
        .or("0"),
        may("rate", shape::RATE, "How fast packets leave at each end: 10Mbit.").or("at once"),
        may("queue", shape::ROOM, "What may wait at each end for that; more is lost.")
            .or("100 packets"),
        may("mtu", Form::Integer(576, 65_535), "Octets of the largest IP packet.").or("1500"),
        may("drops_ip_fragments", Form::Boolean, "Whether it loses every IP fragment.").or("false"),
    ]],
);

const KINDS: [(&str, HostKind); 4] = [
    ("router", HostKind::Router),
    ("host", HostKind::Host),
    ("nat", HostKind::Nat),
    ("attacker", HostKind::Attacker),
];

pub(crate) fn read(cx: &Cx<'_>, node: &Node) -> World {
    let mut world = World::default();
    let Some(fields) = Fields::of(cx, node, &SHAPE) else { return world };
    let hosts = fields.need("hosts").and_then(|node| cx.map(node, "hosts")).unwrap_or_default();
    for (name, node) in hosts {
        cx.name("host", name);
        world.hosts.extend(host(cx, name, node));
    }
    let links = fields.need("links").and_then(|node| cx.map(node, "links")).unwrap_or_default();
    for (place, (name, node)) in (0_u16..).zip(links) {
        cx.name("link", name);
        if let Some(link) = link(cx, &mut world, place, name, node) {
            world.links.push(link);
        }
    }
    world
}

fn host(cx: &Cx<'_>, name: &Text, node: &Node) -> Option<Host> {
    let fields = Fields::named(cx, node, &name.value, &HOST)?;
    let kind = fields.choice("kind", &KINDS).unwrap_or(HostKind::Router);
    let mut ifaces = Vec::new();
    let all = fields.get("ifaces").and_then(|node| cx.map(node, "ifaces")).unwrap_or_default();
    for (name, node) in all {
        let texts = match &node.kind {
            Kind::List(_) => cx.texts(node, &name.value),
            Kind::Scalar(_) | Kind::Map(_) => cx.text(node, &name.value).into_iter().collect(),
        };
        cx.name("interface", name);
        let addresses = texts.into_iter().filter_map(|text| cx.address(text)).collect();
        ifaces.push(Iface { name: name.value.clone(), addresses, later: Vec::new(), link: None });
    }
    let nat = nat::read(cx, &fields, kind, &mut ifaces);
    if ifaces.is_empty() {
        cx.error(fields.span, format!("host `{}` has no interface", name.value), "");
    }
    let routes = fields.get("routes").map(|node| cx.texts(node, "routes")).unwrap_or_default();
    let routes = routes.into_iter().filter_map(|text| route(cx, text)).collect();
    Some(Host {
        name: name.value.clone(),
        kind,
        ifaces,
        routes,
        nat,
        drops_ip_fragments: fields.boolean("drops_ip_fragments").unwrap_or(false),
        clock: clock::speed(cx, &fields, "clock").unwrap_or(clock::TRUE),
        tunnels: Vec::new(),
        policies: Vec::new(),
    })
}

/// `default via 10.1.0.1`, `10.0.0.0/8 via 10.1.0.1`.
fn route(cx: &Cx<'_>, text: &Text) -> Option<Route> {
    let parse = || {
        let (to, via) = text.value.split_once(" via ")?;
        let via: IpAddr = via.trim().parse().ok()?;
        let to = match to.trim() {
            "default" if via.is_ipv4() => (IpAddr::from([0; 4]), 0),
            "default" => (IpAddr::from([0; 16]), 0),
            to => crate::reader::parse_prefix(to)?,
        };
        Some(Route { to, via })
    };
    let route = parse();
    if route.is_none() {
        let label = "expected `default via 10.1.0.1` or `10.0.0.0/8 via 10.1.0.1`";
        cx.error(text.span, format!("route `{}`", text.value), label);
    }
    route
}

fn link(cx: &Cx<'_>, world: &mut World, place: u16, name: &Text, node: &Node) -> Option<Link> {
    let fields = Fields::named(cx, node, &name.value, &LINK)?;
    let node = fields.need("between");
    let ends = node.map(|node| cx.texts(node, "between")).unwrap_or_default();
    let written = matches!(node.map(|node| &node.kind), Some(Kind::List(all)) if all.len() > 1);
    if ends.len() < 2 && !written {
        cx.error(fields.span, format!("link `{}` has fewer than two ends", name.value), "");
    }
    let mut attached = Vec::new();
    for text in ends {
        let Some((host, iface)) = world.iface(cx, &text.value, text.span) else { continue };
        let slot = world
            .hosts
            .get_mut(usize::from(host))
            .and_then(|host| host.ifaces.get_mut(usize::from(iface)))?;
        if slot.link.is_some() {
            cx.error(text.span, format!("`{}` is attached to a link already", text.value), "");
        }
        slot.link = Some(place);
        let own = slot.addresses.clone();
        let taken = |(host, iface): &(u16, u16)| {
            let other = world.hosts.get(usize::from(*host))?;
            let all = &other.ifaces.get(usize::from(*iface))?.addresses;
            let same = all.iter().find(|(at, _)| own.iter().any(|(own, _)| own == at))?;
            Some((other.name.clone(), same.0))
        };
        if let Some((other, address)) = attached.iter().find_map(taken) {
            let message = format!("`{}` has {address}, and so has {other}", text.value);
            cx.error(text.span, message, "an address is one host's on a link");
        }
        attached.push((host, iface));
    }
    let share = |key| fields.get(key).and_then(|node| cx.probability(node, key)).unwrap_or(0.0);
    let delay = fields.duration("delay").unwrap_or(DELAY);
    if delay.is_zero()
        && let Some(node) = fields.get("delay")
    {
        cx.error(node.span, "a link without delay", "nothing is instantaneous: 1us at least");
    }
    Some(Link {
        name: name.value.clone(),
        attached,
        delay,
        jitter: fields.duration("jitter").unwrap_or_default(),
        loss: share("loss"),
        duplicate: share("duplicate"),
        reorder: share("reorder"),
        corrupt: share("corrupt"),
        mark: share("mark"),
        rate: rate::read(cx, &fields, None),
        mtu: fields
            .integer("mtu", 576, 65_535)
            .and_then(|mtu| u16::try_from(mtu).ok())
            .unwrap_or(MTU),
        drops_ip_fragments: fields.boolean("drops_ip_fragments").unwrap_or(false),
    })
}
