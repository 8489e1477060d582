//! What `check` warns about: mistakes that only show later, or only sometimes (language.md §11).

pub(crate) mod barred;
mod size;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_wire::payload::{Proposal, SelectorRange};
use ikelab_wire::registry::{IpProtocol, TransformType};

use crate::plan::{Child, End, Ike, VirtualIp};
use crate::read::nat;
use crate::read::world::{EndNow, World};
use crate::reader::{Cx, host_bits};
use crate::source::Span;
use crate::step::Steps;

pub(crate) fn check(cx: &Cx<'_>, world: &World, steps: &Steps, until: Instant) {
    check_flows(cx, steps, until);
    check_overlaps(cx, world);
    check_places(cx, world);
    for tunnel in &world.tunnels {
        let end = |place: u16| {
            let host = world.hosts.get(usize::from(place))?;
            host.tunnels.iter().find(|end| end.tunnel == tunnel.name)
        };
        let (Some(one), Some(other)) = (end(tunnel.ends[0]), end(tunnel.ends[1])) else { continue };
        let span = tunnel.span;
        check_ike(cx, span, until, one, other);
        for (place, end) in tunnel.ends.into_iter().zip([one, other]) {
            check_size(cx, span, world, end);
            check_routes(cx, world, span, place, end);
        }
        let nats = [(0, 1), (1, 0)].map(|(here, there)| {
            !nat::hiding(world, tunnel.ends[here], tunnel.ends[there]).is_empty()
        });
        check_nat(cx, span, nats, [one, other]);
        for (mine, theirs) in one.children.iter().zip(&other.children) {
            check_child(cx, span, until, mine, theirs);
        }
    }
}

/// L10: an end that looks for its peer where the peer is not, once all steps are done.
fn check_places(cx: &Cx<'_>, world: &World) {
    for tunnel in &world.tunnels {
        for (here, there) in [(0, 1), (1, 0)] {
            let (end, peer) = (&tunnel.now[here].end, &tunnel.now[there].end);
            if end.remote.is_unspecified() || end.remote == peer.local {
                continue;
            }
            let name =
                |side: usize| world.host_names().nth(tunnel.ends[side].into()).unwrap_or("?");
            let message = format!(
                "L10: {} looks for {} of `{}` at {}, which is at {} in the end",
                name(here),
                name(there),
                tunnel.name,
                end.remote,
                peer.local
            );
            let label = format!("say `remote: any` at {}, or `change` its `remote`", name(here));
            cx.warning(tunnel.span, message, label);
        }
    }
}

/// L9: the first child that has a packet takes it; another that has it too never sees it.
fn check_overlaps(cx: &Cx<'_>, world: &World) {
    let mut ends: BTreeMap<u16, Vec<(&EndNow, &str)>> = BTreeMap::new();
    for tunnel in &world.tunnels {
        for (host, end) in tunnel.ends.into_iter().zip(&tunnel.now) {
            if end.end.virtual_ip == VirtualIp::None {
                ends.entry(host).or_default().push((end, &tunnel.name));
            }
        }
    }
    for (host, ends) in ends {
        let host = world.host_names().nth(usize::from(host)).unwrap_or("?");
        let of = |(end, tunnel): &(&'_ EndNow, &'_ str)| {
            let children = end.end.children.clone().into_iter().zip(end.children.clone());
            let tunnel = (*tunnel).to_owned();
            children
                .map(move |(child, draft)| (format!("{tunnel}.{}", child.name), child, draft.span))
        };
        let children: Vec<(String, Child, Span)> =
            ends.iter().flat_map(of).take(CHILDREN_MAX).collect();
        for (place, (name, child, span)) in children.iter().enumerate() {
            let first = children.iter().take(place).find(|(_, other, _)| {
                meets(&other.local, &child.local) && meets(&other.remote, &child.remote)
            });
            if let Some((first, _, _)) = first {
                let message =
                    format!("L9: the networks of `{first}` and `{name}` overlap at {host}");
                cx.warning(*span, message, format!("packets of both go to `{first}`, the first"));
            }
        }
    }
}

/// Each is compared with each: more than so many are no scenario to be read by people.
const CHILDREN_MAX: usize = 500;

fn meets(some: &[SelectorRange], others: &[SelectorRange]) -> bool {
    some.iter().any(|one| others.iter().any(|other| overlap(one, other)))
}

/// L11: what a flow would still send when the run is over is never sent.
fn check_flows(cx: &Cx<'_>, steps: &Steps, until: Instant) {
    for action in &steps.agenda {
        let Some((messages, takes)) = action.command.pace() else { continue };
        let last = action.at + takes;
        let place = usize::try_from(action.step).ok().and_then(|step| steps.times.get(step));
        let Some((_, span, _)) = place.filter(|_| last >= until) else { continue };
        let message =
            format!("L11: the run is over at {until}s, and this flow sends until {last}s");
        let label = format!("it has {messages} messages: send fewer, or give the run a `duration`");
        cx.warning(*span, message, label);
    }
}

fn check_ike(cx: &Cx<'_>, span: Span, until: Instant, one: &End, other: &End) {
    if !meet(&one.ike.proposals, &other.ike.proposals) {
        let message = format!("L1: the IKE proposals of `{}` can't meet", one.tunnel);
        cx.warning(span, message, "IKE_SA_INIT will be refused");
    }
    let (mine, theirs) = (one.ike.rekey_at, other.ike.rekey_at);
    let life = |end: &End| end.ike.lifetime.is_some_and(|life| Instant::ZERO + life <= until);
    let jitter = one.ike.rekey_jitter.max(other.ike.rekey_jitter);
    if jitter.is_zero() && mine == theirs && mine.is_some_and(|at| Instant::ZERO + at <= until) {
        let message = format!("L2: both ends of `{}` replace the IKE SA at once", one.tunnel);
        cx.warning(span, message, "give them `rekey_at` apart or a `rekey_jitter`, or mean it");
    }
    if mine.is_none() && theirs.is_none() && (life(one) || life(other)) {
        let message = format!("L3: no end of `{}` replaces the IKE SA", one.tunnel);
        cx.warning(span, message, "the tunnel ends with its lifetime");
    }
    for Ike { rekey_at, rekey_jitter, lifetime, .. } in [&one.ike, &other.ike] {
        let what = format!("the IKE SA of `{}`", one.tunnel);
        check_rekey(cx, span, &what, *rekey_at, *rekey_jitter, *lifetime);
    }
}

/// An SA is replaced before it ends, and not as soon as it is there.
fn check_rekey(
    cx: &Cx<'_>,
    span: Span,
    what: &str,
    rekey_at: Option<Duration>,
    jitter: Duration,
    lifetime: Option<Duration>,
) {
    let Some(at) = rekey_at else { return };
    if let Some(life) = lifetime.filter(|life| *life <= at) {
        let (at, life) = (at.as_secs_f64(), life.as_secs_f64());
        let message = format!("L3: {what} would be replaced after {at}s, and ends after {life}s");
        cx.warning(span, message, "it ends first");
    }
    if jitter >= at && !jitter.is_zero() {
        let (at, jitter) = (at.as_secs_f64(), jitter.as_secs_f64());
        let message = format!("{what} is replaced up to {jitter}s earlier than after {at}s");
        cx.error(span, message, "expected a `rekey_jitter` below `rekey_at`: it never ends");
    }
}

/// L12: packets to the peer have nowhere to go.
fn check_routes(cx: &Cx<'_>, world: &World, span: Span, place: u16, end: &End) {
    let Some(host) = world.hosts.get(usize::from(place)) else { return };
    let to = end.remote;
    let has = |network: IpAddr, length: u8| {
        network.is_ipv4() == to.is_ipv4() && masked(network, length) == masked(to, length)
    };
    let connected = host.ifaces.iter().flat_map(|iface| &iface.addresses);
    let known = connected.into_iter().any(|(own, length)| has(*own, *length))
        || host.routes.iter().any(|route| has(route.to.0, route.to.1));
    if !known && !to.is_unspecified() {
        let message =
            format!("L12: {} has no route to {to}, its peer in `{}`", host.name, end.tunnel);
        cx.warning(span, message, "say `routes: [\"default via ..\"]` for the host");
    }
}

/// The prefix of an address.
fn masked(address: IpAddr, length: u8) -> u128 {
    let bits = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    bits - host_bits(address, length)
}

/// The end behind the NAT is the one that has to notice: the other cannot reach it any more.
fn check_nat(cx: &Cx<'_>, span: Span, nats: [bool; 2], ends: [&End; 2]) {
    for end in nats.into_iter().zip(ends).filter(|(nat, _)| *nat).map(|(_, end)| end) {
        if end.ike.dpd.is_none() {
            let message = format!("L5: a NAT is on the way of `{}` and DPD is off", end.tunnel);
            cx.warning(
                span,
                message,
                "a changed mapping leaves a dead tunnel: set `ike: {dpd: 30s}`",
            );
        }
    }
}

/// L4: IP fragments are dropped on many paths. IKE_SA_INIT can't be fragmented by IKE.
fn check_size(cx: &Cx<'_>, span: Span, world: &World, end: &End) {
    let Some(mtu) = world.links.iter().map(|link| usize::from(link.mtu)).min() else { return };
    let (init, auth) = (size::of_init(end), size::of_auth(end));
    let tell = |exchange: &str, octets: usize, label: &str| {
        let message = format!(
            "L4: {exchange} of `{}` takes about {octets} octets, and a link passes {mtu}",
            end.tunnel
        );
        cx.warning(span, message, label);
    };
    if init > mtu {
        tell("IKE_SA_INIT", init, "it becomes IP fragments: offer less, or smaller groups");
    } else if auth > mtu && end.ike.fragmentation.is_none() {
        tell("IKE_AUTH", auth, "it becomes IP fragments: set `fragmentation`");
    }
}

fn check_child(cx: &Cx<'_>, span: Span, until: Instant, mine: &Child, theirs: &Child) {
    let soon = |at| Instant::ZERO + at <= until;
    if !meet(&mine.proposals, &theirs.proposals) {
        let message = format!("L1: the proposals of child `{}` can't meet", mine.name);
        cx.warning(span, message, "the Child SA will be refused");
    }
    // Networks that could not be read have been told of.
    let sides = [&mine.local, &mine.remote, &theirs.local, &theirs.remote];
    let known = sides.into_iter().all(|side| !side.is_empty());
    let meet_there = meets(&mine.local, &theirs.remote) && meets(&mine.remote, &theirs.local);
    if known && !meet_there {
        let message = format!("L1: the selectors of the ends of child `{}` can't meet", mine.name);
        cx.warning(span, message, "TS_UNACCEPTABLE: the ends have no address in common");
    }
    let ends = mine.lifetime.into_iter().chain(theirs.lifetime).min();
    if mine.rekey_at.is_none() && theirs.rekey_at.is_none() && ends.is_some_and(soon) {
        let message = format!("L3: no end replaces child `{}`", mine.name);
        cx.warning(span, message, "it ends with its lifetime, and packets wait for another");
    }
    if mine.pfs != theirs.pfs {
        let message = format!("L1: the ends of child `{}` differ in `pfs`", mine.name);
        cx.warning(span, message, "IKE_AUTH hides it, the first rekey fails");
    }
    for Child { rekey_at, rekey_jitter, lifetime, .. } in [mine, theirs] {
        let what = format!("child `{}`", mine.name);
        check_rekey(cx, span, &what, *rekey_at, *rekey_jitter, *lifetime);
    }
    for child in [mine, theirs] {
        check_amount(cx, span, child, "packets", (child.packets_soft, child.packets));
        check_amount(cx, span, child, "volume", (child.volume_soft, child.volume));
    }
    let jitter = mine.rekey_jitter.max(theirs.rekey_jitter);
    if jitter.is_zero() && mine.rekey_at.is_some_and(soon) && mine.rekey_at == theirs.rekey_at {
        let message = format!("L2: both ends replace child `{}` at once", mine.name);
        cx.warning(span, message, "give them `rekey_at` apart or a `rekey_jitter`, or mean it");
    }
}

/// A child is replaced before it has carried all that it may.
fn check_amount(
    cx: &Cx<'_>,
    span: Span,
    child: &Child,
    what: &str,
    (soft, hard): (Option<u64>, Option<u64>),
) {
    if let (Some(soft), Some(hard)) = (soft, hard)
        && soft > hard
    {
        let message = format!("L3: `{what}_soft` of child `{}` is above `{what}`", child.name);
        cx.warning(span, message, format!("{soft} comes after {hard}: it ends first"));
    }
}

/// Whether two selectors have a packet in common.
fn overlap(one: &SelectorRange, other: &SelectorRange) -> bool {
    let addresses = one.start <= other.end && other.start <= one.end;
    let any = |protocol| protocol == IpProtocol::ANY;
    let protocols = one.protocol == other.protocol || any(one.protocol) || any(other.protocol);
    // OPAQUE, from 65535 to 0, is within all ports only.
    let ports = one.start_port <= other.end_port && other.start_port <= one.end_port;
    let same = (one.start_port, one.end_port) == (other.start_port, other.end_port);
    let family = one.start.is_ipv4() == other.start.is_ipv4();
    family && addresses && protocols && (ports || same)
}

/// Whether some proposal of the one has, for every type, a transform that one of the other has.
fn meet(one: &[Proposal], other: &[Proposal]) -> bool {
    let kinds = [
        TransformType::ENCR,
        TransformType::PRF,
        TransformType::INTEG,
        TransformType::KE,
        TransformType::ESN,
    ];
    let agree = |mine: &Proposal, theirs: &Proposal| {
        kinds.into_iter().all(|kind| {
            let (mut left, right): (_, Vec<_>) =
                (mine.of_type(kind), theirs.of_type(kind).collect());
            let none = mine.of_type(kind).next().is_none();
            (none && right.is_empty()) || left.any(|transform| right.contains(&transform))
        })
    };
    one.iter().any(|mine| other.iter().any(|theirs| agree(mine, theirs)))
}
