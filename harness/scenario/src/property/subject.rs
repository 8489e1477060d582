//! What each property speaks of, and whether a run met any of it: a property holds of nothing, and
//! that it does shows nothing.

use std::net::IpAddr;

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, IkeEvent};
use ikelab_wire::payload::SelectorRange;

use super::{Arg, collision, deleted_spi, pairs};
use crate::plan::Command;
use crate::run::{Content, Run, exchanges, rekeys};

/// Packets that a child protects: sent on it, or asked for by a step.
pub(super) fn traffic(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Child(name)] = args else { return true };
    let has = |ranges: &[SelectorRange], address: IpAddr| {
        ranges.iter().any(|range| range.contains(address))
    };
    let policies = run.configured();
    let meant = |from: IpAddr, to: IpAddr| {
        policies.iter().any(|one| {
            format!("{}.{}", one.tunnel, one.child.name) == *name
                && has(&one.child.local, from)
                && has(&one.child.remote, to)
        })
    };
    esp_of(run, args)
        || run.agenda.iter().any(|action| match &action.command {
            Command::Ping(ping) => meant(ping.from, ping.to),
            Command::Send(send) => meant(send.from.ip(), send.to.ip()),
            _ => false,
        })
}

/// IKE SAs of a tunnel that came up.
pub(super) fn tunnel(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Tunnel(name)] = args else { return true };
    run.trace.records.iter().any(|record| match &record.fact {
        Fact::Ike(IkeEvent::Established(up)) => up.tunnel == *name,
        _ => false,
    })
}

/// IKE messages.
pub(super) fn ike(run: &Run<'_>, _: &[Arg]) -> bool {
    run.conversation.ike().next().is_some()
}

/// Messages that were sent again.
pub(super) fn repetition(run: &Run<'_>, _: &[Arg]) -> bool {
    run.conversation.messages.iter().any(|message| message.repeated)
}

/// ESP from one host to another.
pub(super) fn esp_between(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Host(from), Arg::Host(to)] = args else { return true };
    run.conversation.messages.iter().any(|message| {
        matches!(message.content, Content::Esp { .. })
            && (message.from, message.to) == (*from, Some(*to))
    })
}

/// ESP of a child.
pub(super) fn esp_of(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Child(name)] = args else { return true };
    run.conversation.messages.iter().any(|message| message.child.as_ref() == Some(name))
}

/// Packets that reached a host.
pub(super) fn packet_to(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Host(host)] = args else { return true };
    let mut messages = run.conversation.messages.iter();
    messages.any(|message| message.to == Some(*host) && !message.is_lost())
}

/// IKE messages that reached a host.
pub(super) fn ike_to(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Host(host), ..] = args else { return true };
    run.conversation.ike().any(|(message, _)| message.to == Some(*host) && !message.is_lost())
}

/// IKE messages of a host.
pub(super) fn ike_from(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Host(host), ..] = args else { return true };
    run.conversation.ike().any(|(message, _)| message.from == *host)
}

/// Fragments of a host.
pub(super) fn fragment_from(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Host(host)] = args else { return true };
    let mut messages = run.conversation.messages.iter();
    messages.any(|one| one.from == *host && matches!(one.content, Content::Fragment(_)))
}

/// SAs whose deletion was acknowledged.
pub(super) fn deletion(run: &Run<'_>, _: &[Arg]) -> bool {
    !deleted_spi::gone(run).is_empty()
}

/// SAs of a child.
pub(super) fn child(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Child(name), ..] = args else { return true };
    !pairs::spis_of(run, name).is_empty()
}

/// More than one SA of a child at one host.
pub(super) fn replacement(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Child(name)] = args else { return true };
    let hosts: Vec<u16> = pairs::spis_of(run, name).into_iter().map(|(host, _)| host).collect();
    hosts.windows(2).any(|two| two[0] == two[1])
}

/// SAs that were replaced.
pub(super) fn rekey(run: &Run<'_>, _: &[Arg]) -> bool {
    !rekeys(&exchanges(&run.conversation)).is_empty()
}

/// Rekeys of a child that crossed.
pub(super) fn collision(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Child(name)] = args else { return true };
    collision::happened(run, name)
}

/// Packets before the quiet.
pub(super) fn packet_before(run: &Run<'_>, args: &[Arg]) -> bool {
    let [Arg::Span(after)] = args else { return true };
    let from = Instant::ZERO + *after;
    run.conversation.messages.iter().any(|message| message.at < from)
}
