//! A host's end of a link: what becomes of each packet that it sends.
//!
//! Everything about a packet's way is decided here, when it is sent: the state and the chance
//! belong to one direction, so neither the other direction nor the driver can disturb them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::{Fate, HostId, LinkId, Octets, Overheard};

use ikelab_wire::ip::{IpView, set_ecn};

use super::chance::Chance;
use super::line::Line;
use super::{Attachment, Conditions, Link, Trouble};
use crate::Harm;

/// Nothing is instantaneous: an effect comes later than its cause.
const MOMENT: Duration = Duration::from_nanos(1);
/// Reasons of losses that happen before a packet is on the link.
const NEVER_LEFT: [&str; 4] = [NO_NEIGHBOUR, LINK_DOWN, LARGER_THAN_MTU, QUEUE_FULL];
const NO_NEIGHBOUR: &str = "no such neighbour";
const LINK_DOWN: &str = "link is down";
const LARGER_THAN_MTU: &str = "larger than the MTU";
const QUEUE_FULL: &str = "queue is full";
/// RFC 3168 §5: what the ECN field says of a sender that doesn't know it, and of congestion.
const NOT_ECT: u8 = 0b00;
const CE: u8 = 0b11;
/// Why a packet is lost that is held for ever.
pub const HELD: &str = "held";

/// A host's end of a link.
#[derive(Clone, Debug)]
pub struct Port {
    link: LinkId,
    neighbours: Vec<Attachment>,
    /// How packets fare when nothing befalls the link.
    usual: Conditions,
    /// What befalls it now, in the order in which it began; each by the place of its fault.
    troubles: Vec<(u32, Trouble)>,
    /// How packets fare now.
    conditions: Conditions,
    /// The faults that packets have met.
    met: BTreeSet<u32>,
    chance: Chance,
    /// When the last packet that keeps its order arrives.
    last_arrival: Instant,
    /// Who waits, where there is a rate.
    line: Line,
}

impl Port {
    /// The end of `link` that belongs to an interface; none if it is not attached.
    pub(super) fn new(link: &Link, host: HostId, iface: u16, seed: u64) -> Option<Self> {
        let ours = |end: &Attachment| end.host == host && end.iface == iface;
        let own = link.attached.iter().find(|end| ours(end))?;
        Some(Self {
            link: link.id,
            neighbours: link.attached.iter().filter(|end| !ours(end)).cloned().collect(),
            usual: link.conditions.clone(),
            troubles: Vec::new(),
            conditions: link.conditions.clone(),
            met: BTreeSet::new(),
            chance: Chance::new(seed, &link.name, &own.name),
            last_arrival: Instant::ZERO,
            line: Line::default(),
        })
    }

    /// The link it belongs to.
    #[must_use]
    pub fn link(&self) -> LinkId {
        self.link
    }

    /// The longest packet that passes now.
    #[must_use]
    pub fn mtu(&self) -> u16 {
        self.conditions.mtu
    }

    /// Lets something befall the link that the fault in a place of the scenario brings. Of two that
    /// say different things, the later one holds.
    pub fn begin(&mut self, fault: u32, trouble: Trouble) {
        self.troubles.push((fault, trouble));
        self.reckon();
    }

    /// Lets a fault be over.
    pub fn end(&mut self, fault: u32) {
        self.troubles.retain(|(place, _)| *place != fault);
        self.reckon();
    }

    /// Leaves nothing to chance from here on.
    pub fn heal(&mut self) {
        self.usual.heal();
        self.reckon();
    }

    /// The places of the faults that packets have met.
    #[must_use]
    pub fn met(&self) -> &BTreeSet<u32> {
        &self.met
    }

    /// Notes that a packet for a neighbour has met what befalls the link.
    pub fn meet(&mut self, neighbour: IpAddr) {
        let Some((host, _)) = self.receiver(neighbour) else { return };
        let met = self.troubles.iter().filter(|(_, trouble)| trouble.concerns(host));
        self.met.extend(met.map(|(fault, _)| *fault));
    }

    /// How packets fare now, from what is usual and what befalls the link.
    fn reckon(&mut self) {
        self.conditions = self.usual.clone();
        for (_, trouble) in &self.troubles {
            trouble.apply(&mut self.conditions);
        }
    }

    /// A neighbour answers to another address now.
    pub fn readdress(&mut self, neighbour: (HostId, u16), from: IpAddr, to: IpAddr) {
        let meant = |end: &&mut Attachment| (end.host, end.iface) == neighbour;
        for end in self.neighbours.iter_mut().filter(meant) {
            end.addresses.iter_mut().filter(|own| **own == from).for_each(|own| *own = to);
        }
    }

    /// Whether nothing passes to a neighbour.
    fn is_cut_off(&self, neighbour: HostId) -> bool {
        self.troubles.iter().any(|(_, trouble)| *trouble == Trouble::CutOff(neighbour))
    }

    /// Decides what becomes of a packet for a neighbour: a fate for each copy of it. `harms` are
    /// the faults that a scenario has in mind for this very packet.
    pub fn send(
        &mut self,
        now: Instant,
        neighbour: IpAddr,
        octets: &Octets,
        harms: &[Harm],
    ) -> Vec<Fate> {
        self.meet(neighbour);
        let Some(to) = self.receiver(neighbour) else { return lost(NO_NEIGHBOUR) };
        if !self.conditions.up {
            return lost(LINK_DOWN);
        }
        if self.is_cut_off(to.0) {
            return lost("partition");
        }
        if octets.len() > usize::from(self.conditions.mtu) {
            return lost(LARGER_THAN_MTU);
        }
        if self.conditions.drops_fragments && is_fragment(octets) {
            return lost("IP fragment");
        }
        let Some(left) = self.leave(now, octets.len()) else { return lost(QUEUE_FULL) };
        if self.chance.loss.happens(self.conditions.loss) {
            return lost("loss");
        }
        if harms.contains(&Harm::Drop) {
            return lost("fault");
        }
        if harms.contains(&Harm::Hold(Instant::FAR)) {
            return lost(HELD);
        }
        let congested = self.chance.mark.happens(self.conditions.mark);
        if congested && !shows_congestion(octets) {
            return lost("congestion");
        }
        let marked = (congested || harms.contains(&Harm::Mark)).then(|| marked(octets));
        let again = harms.iter().filter(|harm| **harm == Harm::Duplicate).count();
        let again = again + usize::from(self.chance.duplicate.happens(self.conditions.duplicate));
        (0..=again).map(|_| self.arrive(left, to, (octets, marked.as_ref()), harms)).collect()
    }

    /// The copies of a packet with these fates that attackers on the link get: everything that went
    /// on the link, whatever becomes of it there, but for what is addressed to them. They stand
    /// beside the sender, so that their copy is the first; nothing of it is left to chance.
    #[must_use]
    pub fn overhear(&self, now: Instant, neighbour: IpAddr, fates: &[Fate]) -> Vec<Overheard> {
        let addressed = self.receiver(neighbour);
        if fates.iter().any(never_left) {
            return Vec::new();
        }
        let at = self.line.busy_until.max(now) + MOMENT;
        let ears = self.neighbours.iter().filter(|end| {
            let own = Some((end.host, end.iface));
            end.listens && own != addressed && !self.is_cut_off(end.host)
        });
        ears.map(|end| Overheard { host: end.host, iface: end.iface, at }).collect()
    }

    /// The interface that answers to an address, as Ethernet finds it, without asking.
    fn receiver(&self, address: IpAddr) -> Option<(HostId, u16)> {
        let end = self.neighbours.iter().find(|end| end.addresses.contains(&address))?;
        Some((end.host, end.iface))
    }

    /// When the packet's last bit is on the link; none if the queue has no room for it.
    fn leave(&mut self, now: Instant, octets: usize) -> Option<Instant> {
        let Some(rate) = self.conditions.rate else { return Some(now) };
        self.line.enter(now, rate, octets)
    }

    /// The fate of one copy that is not lost.
    fn arrive(
        &mut self,
        left: Instant,
        (host, iface): (HostId, u16),
        (octets, marked): (&Octets, Option<&Octets>),
        harms: &[Harm],
    ) -> Fate {
        let mut at = self.arrival(left);
        let mut bits = u32::from(self.chance.corrupt.happens(self.conditions.corrupt));
        for harm in harms {
            match harm {
                Harm::Delay(longer) => at = at + *longer,
                Harm::Corrupt(more) => bits = bits.saturating_add(*more),
                Harm::Hold(until) => at = at.max(*until + self.conditions.delay_least()),
                Harm::Drop | Harm::Duplicate | Harm::Mark | Harm::Crash(_) => {}
            }
        }
        let damaged = (bits > 0).then(|| self.flip(marked.unwrap_or(octets), bits));
        let altered = damaged.or_else(|| marked.filter(|marked| *marked != octets).cloned());
        Fate::Arrives { host, iface, at, altered }
    }

    /// The octets with so many bits turned over, each of them another one.
    fn flip(&mut self, octets: &[u8], bits: u32) -> Octets {
        let mut altered = octets.to_vec();
        let mut left = usize::try_from(bits).unwrap_or(usize::MAX).min(octets.len() * 8);
        while left > 0 {
            let bit = self.chance.corrupt.below(octets.len() * 8);
            let (place, mask) = (bit / 8, 0x80 >> (bit % 8));
            let (Some(now), Some(was)) = (altered.get_mut(place), octets.get(place)) else { break };
            if *now & mask == was & mask {
                *now ^= mask;
                left -= 1;
            }
        }
        altered.into()
    }

    /// When a copy arrives: behind those before it, unless it is one that is held back.
    fn arrival(&mut self, left: Instant) -> Instant {
        let Conditions { jitter, reorder, .. } = self.conditions;
        let way = self.conditions.delay_least() + self.chance.jitter.up_to(jitter);
        if self.chance.reorder.happens(reorder) {
            let held_back = self.conditions.delay_least() + jitter;
            return left + way + self.chance.reorder.up_to(held_back);
        }
        self.last_arrival = self.last_arrival.max(left + way);
        self.last_arrival
    }
}

fn lost(reason: &'static str) -> Vec<Fate> {
    vec![Fate::Lost { reason: reason.into() }]
}

fn is_fragment(octets: &[u8]) -> bool {
    IpView::parse(octets).is_ok_and(|packet| packet.fragment.is_some())
}

/// Whether a packet's sender knows what a mark of congestion means: it is ECN-capable, RFC 3168 §5.
fn shows_congestion(octets: &[u8]) -> bool {
    IpView::parse(octets).is_ok_and(|packet| packet.dscp_ecn & CE != NOT_ECT)
}

fn marked(octets: &[u8]) -> Octets {
    let mut marked = octets.to_vec();
    set_ecn(&mut marked, CE);
    marked.into()
}

/// True for a packet that was not put on the link at all.
fn never_left(fate: &Fate) -> bool {
    match fate {
        Fate::Arrives { .. } => false,
        Fate::Lost { reason } => NEVER_LEFT.contains(&reason.as_ref()),
    }
}

#[cfg(test)]
mod tests;
