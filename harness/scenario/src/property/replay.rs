//! `replay_protected(child)`: of an ESP packet that reaches its receiver more than once, one copy
//! is accepted at most, and each other copy is dropped and told (RFC 4303 §3.4.3).

use std::collections::{BTreeMap, BTreeSet};

use ikelab_ambient::Instant;
use ikelab_trace::{EspEvent, Fact, Fate, HostId, IkeEvent, Lives, PacketId, Trace};
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::IpProtocol;

use super::{Arg, Violation};
use crate::run::Run;

/// Receiver, SPI, sequence number.
type Key = (u16, u32, u32);

/// What became of the copies of a packet.
#[derive(Default)]
struct Copies {
    arrived: u32,
    accepted: u32,
    told: u32,
    last: Instant,
}

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Child(name)] = args else { return None };
    let inbound = inbound(run, name);
    let lives = Lives::of(run.trace);
    let end = run.trace.records.last()?.at;
    let mut packets: BTreeMap<Key, Copies> = BTreeMap::new();
    // Of which a copy was altered before somebody passed it on: what is wrong about it nobody knows.
    let mut spoilt: BTreeSet<PacketId> = BTreeSet::new();
    for record in &run.trace.records {
        let host = record.host.0;
        match &record.fact {
            Fact::Sent(sent) => {
                let packet = record.packet(sent);
                if spoilt.contains(&packet) {
                    continue;
                }
                if sent.is_altered() {
                    spoilt.insert(packet);
                }
                for (key, at) in arrivals(run.trace, &sent.octets, &sent.fates) {
                    if lives.is_down(HostId(key.0), at) {
                        continue;
                    }
                    if inbound.contains(&(key.0, key.1)) && at < end {
                        let copies = packets.entry(key).or_default();
                        copies.arrived += 1;
                        copies.last = copies.last.max(at);
                    }
                }
            }
            Fact::Esp(EspEvent::Opened { spi, sequence, .. }) => {
                #[expect(clippy::cast_possible_truncation, reason = "32 bits are on the wire")]
                let copies = packets.entry((host, spi.0, *sequence as u32)).or_default();
                copies.accepted += 1;
                if copies.accepted > 1 && inbound.contains(&(host, spi.0)) {
                    let who = run.name(host);
                    let what = format!("{who} accepted ESP {spi} seq {sequence} twice");
                    return Some(Violation::new(record.at, what));
                }
            }
            Fact::Esp(EspEvent::Dropped { spi: Some(spi), sequence: Some(sequence), .. }) => {
                packets.entry((host, spi.0, *sequence)).or_default().told += 1;
            }
            _ => {}
        }
    }
    let silent = packets.iter().find(|(_, copies)| copies.arrived > copies.accepted + copies.told);
    silent.map(|((host, spi, sequence), copies)| {
        let who = run.name(*host);
        let what = format!(
            "{who} got ESP {spi:08x} seq {sequence} {} times, accepted {} and told of {}",
            copies.arrived, copies.accepted, copies.told
        );
        Violation::new(copies.last, what)
    })
}

/// Receiver and SPI of every inbound SA of the child.
fn inbound(run: &Run<'_>, name: &str) -> BTreeSet<(u16, u32)> {
    let of = |record: &ikelab_trace::Record| match &record.fact {
        Fact::Ike(IkeEvent::ChildInstalled(child))
            if child.child == name || format!("{}.{}", child.tunnel, child.child) == name =>
        {
            Some((record.host.0, child.spi_in.0))
        }
        _ => None,
    };
    run.trace.records.iter().filter_map(of).collect()
}

/// The arrivals of an ESP packet at the host that it is addressed to, octets unaltered.
fn arrivals(trace: &Trace, octets: &[u8], fates: &[Fate]) -> Vec<(Key, Instant)> {
    let Some((to, spi, sequence)) = esp(trace, octets) else { return Vec::new() };
    let arrival = |fate: &Fate| match fate {
        Fate::Arrives { host, at, altered: None, .. } if host.0 == to => {
            Some(((to, spi, sequence), *at))
        }
        Fate::Arrives { .. } | Fate::Lost { .. } => None,
    };
    fates.iter().filter_map(arrival).collect()
}

fn esp(trace: &Trace, octets: &[u8]) -> Option<Key> {
    let view = IpView::parse(octets).ok()?;
    let to = trace.owner(view.dst)?.0;
    let esp = match (view.protocol, view.ports()) {
        (IpProtocol::ESP, _) => view.payload(),
        (IpProtocol::UDP, Some((4500, _) | (_, 4500))) => view.payload().get(8..)?,
        _ => return None,
    };
    let word = |at: usize| Some(u32::from_be_bytes(esp.get(at..at + 4)?.try_into().ok()?));
    // RFC 3948 §2.2: four zeros are IKE.
    let spi = word(0).filter(|spi| *spi != 0)?;
    Some((to, spi, word(4)?))
}
