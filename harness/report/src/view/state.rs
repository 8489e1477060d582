//! The SAs of a host, folded from what it said until a moment.

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_trace::{
    ChildInstalled, Dropped, EspEvent, Established, Fact, HostEvent, HostId, IkeEvent, Phase, Role,
    SaId, Trace, Withheld,
};
use ikelab_wire::ike::{EspSpi, IkeSpi};

/// The SAs of a host.
#[derive(Debug, Default)]
pub(super) struct State<'a> {
    pub(super) ike: Vec<IkeSa<'a>>,
    pub(super) children: Vec<Child<'a>>,
    /// Inbound packets that ESP and policy dropped, by the SA that is there, if it is, and reason.
    pub(super) dropped: BTreeMap<(Option<EspSpi>, Dropped), u64>,
    /// Outbound packets that they dropped, by the SA that would have carried them.
    pub(super) withheld: BTreeMap<(Option<EspSpi>, Withheld), u64>,
}

#[derive(Debug)]
pub(super) struct IkeSa<'a> {
    pub(super) id: SaId,
    pub(super) phase: Phase,
    /// When it came into that phase.
    pub(super) since: Instant,
    pub(super) up: Option<&'a Established>,
}

#[derive(Debug)]
pub(super) struct Child<'a> {
    pub(super) installed: &'a ChildInstalled,
    pub(super) at: Instant,
    pub(super) parent: SaId,
    pub(super) inbound: Traffic,
    pub(super) outbound: Traffic,
}

/// What went through an SA.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Traffic {
    pub(super) packets: u64,
    pub(super) octets: u64,
    pub(super) last_sequence: u64,
}

impl<'a> State<'a> {
    pub(super) fn at(trace: &'a Trace, host: HostId, at: Instant) -> Self {
        let mut state = Self::default();
        let records = trace.records.iter().filter(|record| record.host == host && record.at <= at);
        for record in records {
            match &record.fact {
                Fact::Ike(event) => state.ike_event(record.at, event),
                Fact::Esp(event) => state.esp_event(event),
                // A machine that goes down loses all.
                Fact::Host(HostEvent::Down { .. }) => state = Self::default(),
                Fact::Host(
                    HostEvent::Up { .. } | HostEvent::Clock { .. } | HostEvent::Missed { .. },
                )
                | Fact::Sent(_)
                | Fact::Net(_)
                | Fact::App(_)
                | Fact::Step { .. } => {}
            }
        }
        state
    }

    fn ike_event(&mut self, at: Instant, event: &'a IkeEvent) {
        match event {
            IkeEvent::Phase { sa, to, .. } => self.phase(at, *sa, *to),
            IkeEvent::Established(up) => {
                let known = self.ike_sa(at, up.sa);
                known.up = Some(up);
            }
            IkeEvent::ChildInstalled(installed) => self.children.push(Child {
                installed,
                at,
                parent: installed.parent,
                inbound: Traffic::default(),
                outbound: Traffic::default(),
            }),
            IkeEvent::ChildMoved { spi_in, to } => {
                let moved =
                    self.children.iter_mut().filter(|child| child.installed.spi_in == *spi_in);
                moved.for_each(|child| child.parent = *to);
            }
            IkeEvent::ChildRemoved { spi_in, .. } => {
                self.children.retain(|child| child.installed.spi_in != *spi_in);
            }
            _ => {}
        }
    }

    fn phase(&mut self, at: Instant, id: SaId, to: Phase) {
        if to == Phase::Closed {
            self.ike.retain(|sa| !sa.id.is_same(id));
            return;
        }
        let sa = self.ike_sa(at, id);
        (sa.phase, sa.since) = (to, at);
    }

    /// The IKE SA with these SPIs; a new one if there is none.
    fn ike_sa(&mut self, at: Instant, id: SaId) -> &mut IkeSa<'a> {
        let place = self.ike.iter().position(|sa| sa.id.is_same(id)).unwrap_or_else(|| {
            self.ike.push(IkeSa { id, phase: Phase::Idle, since: at, up: None });
            self.ike.len() - 1
        });
        let sa = &mut self.ike[place];
        if id.responder != IkeSpi::NONE {
            sa.id = id;
        }
        sa
    }

    fn child_in(&mut self, spi: EspSpi) -> Option<&mut Child<'a>> {
        self.children.iter_mut().find(|child| child.installed.spi_in == spi)
    }

    fn child_out(&mut self, spi: EspSpi) -> Option<&mut Child<'a>> {
        self.children.iter_mut().find(|child| child.installed.spi_out == spi)
    }

    fn esp_event(&mut self, event: &EspEvent) {
        match event {
            EspEvent::Sealed { spi, sequence, octets } => {
                if let Some(child) = self.child_out(*spi) {
                    child.outbound.add(*sequence, *octets);
                }
            }
            EspEvent::Opened { spi, sequence, octets } => {
                if let Some(child) = self.child_in(*spi) {
                    child.inbound.add(*sequence, *octets);
                }
            }
            EspEvent::Dropped { spi, reason, .. } => {
                let spi = spi.filter(|spi| self.child_in(*spi).is_some());
                *self.dropped.entry((spi, *reason)).or_default() += 1;
            }
            EspEvent::Withheld { spi, reason, .. } => {
                let spi = spi.filter(|spi| self.child_out(*spi).is_some());
                *self.withheld.entry((spi, *reason)).or_default() += 1;
            }
            EspEvent::Advanced { spi_in, spi_out, sent, seen } => {
                if let Some(child) = self.child_out(*spi_out) {
                    child.outbound.last_sequence = *sent;
                }
                if let Some(child) = self.child_in(*spi_in) {
                    child.inbound.last_sequence = *seen;
                }
            }
            EspEvent::Acquired { .. } => {}
        }
    }
}

impl Traffic {
    fn add(&mut self, sequence: u64, octets: u32) {
        self.packets += 1;
        self.octets += u64::from(octets);
        self.last_sequence = sequence;
    }
}

/// `initiator` or `responder`.
pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Initiator => "initiator",
        Role::Responder => "responder",
    }
}
