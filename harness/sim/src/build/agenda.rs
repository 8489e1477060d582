//! What each host is to do, and when.

use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_esp::Crafted;
use ikelab_host::{Change, Command, Marks, Move, Order, Ping, Send};
use ikelab_scenario::plan::{self, Action, ClearWhat, EspByHand, Plan};
use ikelab_trace::{HostId, LinkId};

use super::{Agenda, fault, tunnel};
use crate::liar;

/// What the host in a place is to do. Every host with tunnels begins with those that start by
/// themselves; at one moment, faults come before steps.
pub(super) fn of(plan: &Plan, place: u16) -> Agenda {
    let has_tunnels =
        plan.hosts.get(usize::from(place)).is_some_and(|host| !host.tunnels.is_empty());
    let start = Command { step: None, fault: None, order: Order::Ike(ikelab_ike::Command::Start) };
    let start = has_tunnels.then_some((Instant::ZERO, start));
    let actions = plan.agenda.iter().filter(|action| action.host == place);
    let faults = fault::of_links(plan, place);
    let machine = fault::of_machines(plan, place);
    let actions = actions.flat_map(|action| commands(plan, action));
    let neighbours = moving_neighbours(plan, place);
    start.into_iter().chain(faults).chain(machine).chain(neighbours).chain(actions).collect()
}

/// What the host in a place learns of others on its links that get another address.
fn moving_neighbours(plan: &Plan, place: u16) -> Agenda {
    let mut agenda = Vec::new();
    for action in plan.agenda.iter().filter(|action| action.host != place) {
        let plan::Command::Move(plan::Move { iface, from, to, .. }) = &action.command else {
            continue;
        };
        let moving = plan.hosts.get(usize::from(action.host));
        let moving = moving.and_then(|host| host.ifaces.get(usize::from(*iface)));
        let Some(link) = moving.and_then(|iface| iface.link) else { continue };
        let host = HostId(action.host);
        let change = Change::Readdressed { host, iface: *iface, from: *from, to: to.0 };
        let order = Order::Link { link: LinkId(link), change };
        agenda.push((action.at, Command { step: None, fault: None, order }));
    }
    agenda
}

/// An action as commands; the first of them bears its step.
fn commands(plan: &Plan, action: &Action) -> Agenda {
    let mut step = Some((action.step, action.text.clone()));
    let mut command =
        |after, order| (action.at + after, Command { step: step.take(), fault: None, order });
    if let plan::Command::Inject(injection) = &action.command {
        return match liar::inject(plan, action.step, injection) {
            Ok(packets) => {
                let order = |octets| Order::Inject(Ok(octets));
                packets.into_iter().map(|(after, octets)| command(after, order(octets))).collect()
            }
            Err(why) => vec![command(Duration::ZERO, Order::Inject(Err(why)))],
        };
    }
    orders(action).into_iter().map(|order| command(Duration::ZERO, order)).collect()
}

fn orders(action: &Action) -> Vec<Order> {
    use ikelab_ike::Command as Ike;
    match &action.command {
        plan::Command::Ping(ping) => vec![Order::Ping(flow(ping))],
        plan::Command::Send(flow) => vec![Order::Send(send(flow))],
        plan::Command::Expect(flow) => vec![Order::Expect(send(flow))],
        plan::Command::Up { child } => {
            let (tunnel, child) = parts(child);
            vec![Order::Ike(Ike::Up { tunnel, child: Some(child) })]
        }
        plan::Command::Down { tunnel } => vec![Order::Ike(Ike::Down { tunnel: tunnel.clone() })],
        plan::Command::RekeyIke { tunnel } => {
            vec![Order::Ike(Ike::RekeyIke { tunnel: tunnel.clone() })]
        }
        plan::Command::RekeyChild { child } => {
            let (tunnel, child) = parts(child);
            vec![Order::Ike(Ike::RekeyChild { tunnel: Some(tunnel), child })]
        }
        plan::Command::Clear(what) => clear(*what),
        plan::Command::Change { end, gone } => vec![tunnel::change(end, gone)],
        plan::Command::Move(to) => {
            vec![Order::Move(Move { iface: to.iface, from: to.from, to: to.to, via: to.via })]
        }
        plan::Command::Restart => vec![Order::Restart],
        plan::Command::Seal(packet) => vec![by_hand(packet)],
        plan::Command::Packet(octets) => vec![Order::Inject(Ok(octets.clone()))],
        plan::Command::Advance { child, sent, seen } => {
            vec![Order::Advance { policy: child.clone(), sent: *sent, seen: *seen }]
        }
        // Packets have times of their own.
        plan::Command::Inject(_) => Vec::new(),
        plan::Command::Note => vec![Order::Note],
    }
}

fn by_hand(packet: &EspByHand) -> Order {
    let crafted = Crafted {
        payload: packet.payload.clone(),
        next_header: packet.next_header,
        padding: packet.padding.clone(),
        pad_len: packet.pad_length,
        sequence: packet.sequence,
        forged: packet.forged,
        outer_ecn: packet.ecn,
        cut: packet.cut.into(),
    };
    Order::Craft { policy: packet.child.clone(), packet: Box::new(crafted) }
}

/// `site.net` is the Child SA `net` of the tunnel `site`.
fn parts(name: &str) -> (String, String) {
    let (tunnel, child) = name.split_once('.').unwrap_or((name, ""));
    (tunnel.to_owned(), child.to_owned())
}

fn clear(what: ClearWhat) -> Vec<Order> {
    let clear = |children| Order::Ike(ikelab_ike::Command::Clear { children });
    match what {
        ClearWhat::Ike => vec![clear(false)],
        ClearWhat::Child => vec![clear(true)],
        ClearWhat::All => vec![clear(true), clear(false)],
    }
}

fn flow(ping: &plan::Ping) -> Ping {
    Ping {
        flow: ping.flow,
        from: ping.from,
        to: ping.to,
        count: ping.count,
        every: ping.every,
        size: ping.size,
        extensions: ping.extensions.clone(),
    }
}

fn send(send: &plan::Send) -> Send {
    Send {
        flow: send.flow,
        transport: send.transport,
        from: send.from,
        to: send.to,
        size: send.size,
        octets: send.octets,
        every: send.every,
        marks: Marks {
            dscp_ecn: send.dscp_ecn,
            dont_fragment: send.dont_fragment,
            extensions: send.extensions.clone(),
        },
    }
}
