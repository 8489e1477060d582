//! Faults: for single packets, which the sender knows beforehand, and of links, at their times.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_host::{Change, Clock, Command, Jump, Order, Speed};
use ikelab_net::{Fault, Harm, Insight, Kind, Queue, Trouble, Victims};
use ikelab_scenario::plan::{self, Carries, FaultKind, Packets, Plan, When};
use ikelab_trace::{HostId, LinkId};

use super::Agenda;
use crate::liar::{Eyes, Memory};

/// The faults that wait for packets which the host in a place sends.
pub(super) fn of_packets(plan: &Plan, place: u16, memory: &Memory) -> Vec<Fault> {
    let fault = |(index, fault): (u32, &plan::Fault)| match &fault.kind {
        FaultKind::Packets { which, nth, harm } if which.place == place => Some(Fault {
            index,
            victims: victims(plan, which, memory),
            nth: *nth,
            from: fault.at,
            until: fault.until,
            harm: self::harm(*harm),
        }),
        FaultKind::Crash { when: Some(When { which, nth }), restart_after, .. }
            if which.from == place && which.place == place =>
        {
            Some(Fault {
                index,
                victims: victims(plan, which, memory),
                nth: *nth,
                from: fault.at,
                until: fault.until,
                harm: Harm::Crash(*restart_after),
            })
        }
        FaultKind::Packets { .. }
        | FaultKind::Crash { .. }
        | FaultKind::Link { .. }
        | FaultKind::Clock { .. }
        | FaultKind::NatRebind { .. }
        | FaultKind::Partition { .. } => None,
    };
    (0..).zip(&plan.faults).filter_map(fault).collect()
}

/// The faults that wait for packets which the host in a place gets; `memories` are those of all
/// hosts, since it is the sender who knows what is inside.
pub(super) fn of_host(plan: &Plan, place: u16, memories: &[Memory]) -> Vec<Fault> {
    let fault = |(index, fault): (u32, &plan::Fault)| {
        let FaultKind::Crash { when: Some(When { which, nth }), restart_after, .. } = &fault.kind
        else {
            return None;
        };
        let memory = memories.get(usize::from(which.from))?;
        (which.to == place && which.place == place).then(|| Fault {
            index,
            victims: victims(plan, which, memory),
            nth: *nth,
            from: fault.at,
            until: fault.until,
            harm: Harm::Crash(*restart_after),
        })
    };
    (0..).zip(&plan.faults).filter_map(fault).collect()
}

/// Whether a fault has to know what the host in a place says in the clear.
pub(super) fn looks_inside(plan: &Plan, place: u16) -> bool {
    let inside = |fault: &plan::Fault| match &fault.kind {
        FaultKind::Packets { which, .. }
        | FaultKind::Crash { when: Some(When { which, .. }), .. } => {
            which.from == place && which.also.is_some()
        }
        FaultKind::Crash { when: None, .. }
        | FaultKind::Link { .. }
        | FaultKind::Clock { .. }
        | FaultKind::NatRebind { .. }
        | FaultKind::Partition { .. } => false,
    };
    plan.faults.iter().any(inside)
}

/// The queues in which packets wait that the host in a place sends.
pub(super) fn queues(plan: &Plan, place: u16) -> Vec<Queue> {
    let own = plan.queues.iter().filter(|queue| queue.from == place);
    let queue = |queue: &plan::Queue| {
        let which = queue.which.iter().map(|which| seeming(plan, which));
        Queue::new(which.collect(), queue.releases.clone(), queue.rest)
    };
    own.map(queue).collect()
}

/// What the host in a place is told about the faults of its links, and when.
pub(super) fn of_links(plan: &Plan, place: u16) -> Agenda {
    let links = || 0..u16::try_from(plan.links.len()).unwrap_or(u16::MAX);
    let faults = (0..).zip(&plan.faults).flat_map(|(index, fault)| {
        let troubles = troubles(plan, place, &fault.kind);
        let links: BTreeSet<u16> = troubles.iter().map(|(link, _)| *link).collect();
        let begin = troubles
            .into_iter()
            .map(move |(link, trouble)| (fault.at, link, Change::Begin { fault: index, trouble }));
        let end =
            links.into_iter().map(move |link| (fault.until, link, Change::End { fault: index }));
        begin.chain(end.filter(|(until, ..)| *until < Instant::FAR))
    });
    let heal =
        plan.heal.into_iter().flat_map(|at| links().map(move |link| (at, link, Change::Heal)));
    let command = |(at, link, change): (Instant, u16, Change)| {
        let order = Order::Link { link: LinkId(link), change };
        (at, Command { step: None, fault: None, order })
    };
    faults.chain(heal).map(command).collect()
}

/// What the host in a place is told about the faults of the machine itself.
pub(super) fn of_machines(plan: &Plan, place: u16) -> Agenda {
    let orders = (0..).zip(&plan.faults).filter_map(|(index, fault)| {
        let order = match &fault.kind {
            FaultKind::NatRebind { nat, address } if *nat == place => {
                Order::Rebind { address: *address }
            }
            FaultKind::Crash { host, when: None, restart_after } if *host == place => {
                Order::Crash { restart_after: *restart_after }
            }
            FaultKind::Clock { host, speed, jump } if *host == place => {
                Order::Clock { speed: speed.map(Speed::billionths), jump: jump.map(self::jump) }
            }
            FaultKind::NatRebind { .. }
            | FaultKind::Crash { .. }
            | FaultKind::Packets { .. }
            | FaultKind::Link { .. }
            | FaultKind::Clock { .. }
            | FaultKind::Partition { .. } => return None,
        };
        Some((fault.at, Command { step: None, fault: Some(index), order }))
    });
    // A clock that ran at another speed runs again as it did.
    let own = plan.hosts.get(usize::from(place)).map(|host| Speed::billionths(host.clock));
    let again = plan.faults.iter().filter_map(|fault| match &fault.kind {
        FaultKind::Clock { host, speed: Some(_), .. } if *host == place => {
            let order = Order::Clock { speed: own, jump: None };
            Some((fault.until, Command { step: None, fault: None, order }))
        }
        _ => None,
    });
    let again = again.filter(|(until, _)| *until < Instant::FAR);
    // Whoever is down when the network heals comes up.
    let start = |at| (at, Command { step: None, fault: None, order: Order::Start });
    orders.chain(again).chain(plan.heal.map(start)).collect()
}

/// The clock of the host in a place. It begins late enough to be set back as far as it will be.
pub(super) fn clock(plan: &Plan, place: u16, host: &plan::Host) -> Clock {
    let back = plan.faults.iter().filter_map(|fault| match &fault.kind {
        FaultKind::Clock { host, jump: Some(plan::Jump::Back(by)), .. } if *host == place => {
            Some(*by)
        }
        _ => None,
    });
    let first = back.fold(Duration::ZERO, Duration::saturating_add);
    Clock::new(first, Speed::billionths(host.clock))
}

fn jump(jump: plan::Jump) -> Jump {
    match jump {
        plan::Jump::Ahead(by) => Jump::Ahead(by),
        plan::Jump::Back(by) => Jump::Back(by),
    }
}

/// What a fault brings to the links of the host in a place, as long as it lasts.
fn troubles(plan: &Plan, place: u16, fault: &FaultKind) -> Vec<(u16, Trouble)> {
    match fault {
        FaultKind::Packets { .. }
        | FaultKind::NatRebind { .. }
        | FaultKind::Crash { .. }
        | FaultKind::Clock { .. } => Vec::new(),
        FaultKind::Link { link, trouble } => vec![(*link, self::trouble(*trouble))],
        FaultKind::Partition { hosts } => {
            let others = hosts.iter().filter(|host| **host != place && hosts.contains(&place));
            let links = 0..u16::try_from(plan.links.len()).unwrap_or(u16::MAX);
            let ways = others.flat_map(|host| {
                links.clone().map(move |link| (link, Trouble::CutOff(HostId(*host))))
            });
            ways.collect()
        }
    }
}

fn trouble(trouble: plan::Trouble) -> Trouble {
    match trouble {
        plan::Trouble::Delay(delay) => Trouble::Delay(delay),
        plan::Trouble::Jitter(jitter) => Trouble::Jitter(jitter),
        plan::Trouble::Loss(share) => Trouble::Loss(share),
        plan::Trouble::Duplicate(share) => Trouble::Duplicate(share),
        plan::Trouble::Reorder(share) => Trouble::Reorder(share),
        plan::Trouble::Corrupt(share) => Trouble::Corrupt(share),
        plan::Trouble::Mark(share) => Trouble::Mark(share),
        plan::Trouble::Rate(rate) => Trouble::Rate(super::rate(rate)),
        plan::Trouble::Mtu(mtu) => Trouble::Mtu(mtu),
        plan::Trouble::Down => Trouble::Down,
    }
}

/// The packets that a plan means, and who is asked about those that seem to be of them.
fn victims(plan: &Plan, which: &Packets, memory: &Memory) -> Victims {
    let eyes = which.also.clone().map(|matcher| Eyes { matcher, memory: memory.clone() });
    let insight = eyes.map(|eyes| Rc::new(eyes) as Rc<dyn Insight>);
    Victims { insight, ..seeming(plan, which) }
}

/// The packets that a plan means, as everybody can see them.
pub(crate) fn seeming(plan: &Plan, which: &Packets) -> Victims {
    let addresses = |host: u16| -> Vec<IpAddr> {
        let ifaces = plan.hosts.get(usize::from(host)).map_or(&[][..], |host| &host.ifaces);
        ifaces.iter().flat_map(plan::Iface::known).collect()
    };
    let kind = match which.what {
        Carries::Anything => Kind::Any,
        Carries::Ike { exchange, response, message_id } => {
            Kind::Ike { exchange: Some(exchange), response, message_id }
        }
        Carries::Esp => Kind::Esp,
        Carries::Keepalive => Kind::Keepalive,
        Carries::Icmp => Kind::Icmp,
        Carries::Plain => Kind::Plain,
    };
    // Behind NATs, the sender is known by their outside addresses.
    let mut src = addresses(which.from);
    if which.place != which.from {
        let nats = (0..).zip(&plan.hosts).filter(|(_, host)| host.nat.is_some());
        nats.for_each(|(nat, _)| src.extend(addresses(nat)));
    }
    Victims { src, dst: addresses(which.to), kind, insight: None }
}

fn harm(harm: plan::Harm) -> Harm {
    match harm {
        plan::Harm::Drop => Harm::Drop,
        plan::Harm::Delay(longer) => Harm::Delay(longer),
        plan::Harm::Duplicate => Harm::Duplicate,
        plan::Harm::Corrupt(bits) => Harm::Corrupt(bits),
        plan::Harm::Mark => Harm::Mark,
        plan::Harm::Hold(until) => Harm::Hold(until),
    }
}
