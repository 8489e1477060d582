//! What each host has after a record of the trace, folded from what the hosts tell.

use ikelab_ambient::Instant;
use ikelab_trace::{
    Addressees, ChildInstalled, EspEvent, Fact, HostEvent, IkeEvent, Phase, Record, SaId, Trace,
};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::registry::IpProtocol;

/// All hosts after a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) at: Instant,
    pub(crate) hosts: Vec<HostState>,
}

/// One host.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostState {
    /// Live IKE SAs in the order of their beginning.
    pub(crate) ike: Vec<IkeState>,
    /// IKE SAs that were and are no more.
    pub(crate) gone: Vec<SaId>,
    /// Child SAs in the order of their installation.
    pub(crate) children: Vec<ChildState>,
    /// When what of IKE was ignored, and the name of the reason.
    pub(crate) discarded: Vec<(Instant, String)>,
    /// The same of ESP and of packets that should have been ESP.
    pub(crate) dropped: Vec<(Instant, String)>,
    /// And what they did not let out.
    pub(crate) withheld: Vec<(Instant, String)>,
}

/// A live IKE SA.
#[derive(Clone, Debug)]
pub(crate) struct IkeState {
    pub(crate) sa: SaId,
    pub(crate) phase: Phase,
    /// Place of the peer, once the SA is established.
    pub(crate) peer: Option<u16>,
    /// Fragments of messages that are not whole, and their octets.
    pub(crate) fragments: (u32, u32),
}

/// An installed Child SA.
#[derive(Clone, Debug)]
pub(crate) struct ChildState {
    pub(crate) child: String,
    pub(crate) spi_in: EspSpi,
    pub(crate) spi_out: EspSpi,
    pub(crate) parent: SaId,
}

impl HostState {
    /// A live IKE SA.
    pub(crate) fn ike_sa(&self, sa: SaId) -> Option<&IkeState> {
        self.ike.iter().find(|known| known.sa.is_same(sa))
    }

    /// A live IKE SA, which may begin here; its SPIs are known as far as they are now.
    fn begun(&mut self, sa: SaId, phase: Phase) -> &mut IkeState {
        let place = self.ike.iter().position(|known| known.sa.is_same(sa));
        let place = place.unwrap_or_else(|| {
            self.ike.push(IkeState { sa, phase, peer: None, fragments: (0, 0) });
            self.ike.len() - 1
        });
        let known = &mut self.ike[place];
        known.sa = sa;
        known
    }

    /// The newest installed Child SA of a name such as `site.net`.
    pub(crate) fn child(&self, name: &str) -> Option<&ChildState> {
        self.children.iter().rev().find(|known| known.child == name)
    }

    /// The host went down: nothing that it had is there any more.
    fn forget(&mut self) {
        self.gone.extend(self.ike.drain(..).map(|ike| ike.sa));
        self.children.clear();
    }
}

/// Walks a trace and keeps the state.
pub(crate) struct Fold<'a> {
    trace: &'a Trace,
    addressees: Addressees<'a>,
    next: usize,
    pub(crate) state: State,
}

impl<'a> Fold<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Self {
        let hosts = vec![HostState::default(); trace.hosts.len()];
        let addressees = Addressees::new(trace);
        Self { trace, addressees, next: 0, state: State { at: Instant::ZERO, hosts } }
    }

    /// How many records lie behind.
    pub(crate) fn done(&self) -> usize {
        self.next
    }

    /// Takes the next record in; gives it, or none at the end.
    pub(crate) fn step(&mut self) -> Option<&'a Record> {
        let record = self.trace.records.get(self.next)?;
        self.next += 1;
        self.state.at = record.at;
        let Some(host) = self.state.hosts.get_mut(usize::from(record.host.0)) else {
            return Some(record);
        };
        match &record.fact {
            Fact::Ike(event) => take(host, event, record.at, &self.addressees),
            Fact::Esp(EspEvent::Dropped { reason, .. }) => {
                host.dropped.push((record.at, reason.word().to_owned()));
            }
            Fact::Esp(EspEvent::Withheld { reason, .. }) => {
                host.withheld.push((record.at, reason.word().to_owned()));
            }
            Fact::Host(HostEvent::Down { .. }) => host.forget(),
            _ => {}
        }
        Some(record)
    }

    /// Takes in everything up to a time, and that time's records too.
    pub(crate) fn run_to(&mut self, at: Instant) {
        while self.trace.records.get(self.next).is_some_and(|record| record.at <= at) {
            self.step();
        }
        self.state.at = at;
    }
}

fn take(host: &mut HostState, event: &IkeEvent, at: Instant, addressees: &Addressees<'_>) {
    match event {
        IkeEvent::Phase { sa, to: Phase::Closed, .. } => {
            let gone = host.ike.extract_if(.., |known| known.sa.is_same(*sa));
            host.gone.extend(gone.map(|known| known.sa));
        }
        IkeEvent::Phase { sa, to, .. } => host.begun(*sa, *to).phase = *to,
        IkeEvent::Established(up) => {
            let udp = IpProtocol::UDP.0;
            let peer = addressees.of(at, udp, up.remote).map(|host| host.0);
            host.begun(up.sa, Phase::Established).peer = peer;
        }
        IkeEvent::ChildInstalled(child) => host.children.push(installed(child)),
        IkeEvent::ChildMoved { spi_in, to } => {
            for child in host.children.iter_mut().filter(|child| child.spi_in == *spi_in) {
                child.parent = *to;
            }
        }
        IkeEvent::ChildRemoved { spi_in, .. } => {
            host.children.retain(|child| child.spi_in != *spi_in);
        }
        IkeEvent::Reassembly { sa, fragments, octets } => {
            let mut known = host.ike.iter_mut();
            if let Some(ike) = known.find(|known| known.sa.is_same(*sa)) {
                ike.fragments = (*fragments, *octets);
            }
        }
        IkeEvent::Discarded { reason, .. } => host.discarded.push((at, in_one_word(reason))),
        IkeEvent::Keys(_)
        | IkeEvent::SharedSecret(_)
        | IkeEvent::Retransmitted { .. }
        | IkeEvent::AnsweredAgain { .. }
        | IkeEvent::Lied { .. }
        | IkeEvent::Timer { .. }
        | IkeEvent::Refused { .. }
        | IkeEvent::PeerMisbehaved { .. }
        | IkeEvent::AddressLeased { .. }
        | IkeEvent::AddressReleased { .. }
        | IkeEvent::Silenced { .. }
        | IkeEvent::Computed { .. }
        | IkeEvent::Remembers { .. }
        | IkeEvent::PeerRefused { .. } => {}
    }
}

/// The name of a reason as scenarios write it: `unknown_spi`, `bad_icv`.
pub(crate) fn in_one_word(reason: &str) -> String {
    let sign = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    reason.chars().map(sign).collect()
}

fn installed(child: &ChildInstalled) -> ChildState {
    // The engines know a child as `site.net`; one that says `net` is given its tunnel's name.
    let name = if child.child.contains('.') {
        child.child.clone()
    } else {
        format!("{}.{}", child.tunnel, child.child)
    };
    ChildState { child: name, spi_in: child.spi_in, spi_out: child.spi_out, parent: child.parent }
}
