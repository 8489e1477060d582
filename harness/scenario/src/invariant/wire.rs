//! What the ends said to each other about an SA: the request and the answer that name its SPIs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, PacketId, SaId, Suite};
use ikelab_wire::ike::{EspSpi, IkeSpi};
use ikelab_wire::payload::{Body, KeyExchange, Payload, Proposal, Transform};
use ikelab_wire::registry::{
    EncrId, EsnId, ExchangeType, IntegId, KeId, PrfId, Protocol, TransformType,
};

use crate::run::{IkeContent, Message, Run};

/// How many pairs of a request and an answer are looked at for one SA: a flood may have made many
/// that name the same SPIs.
const PAIRS_MAX: usize = 64;

/// An SA, by the SPIs of the initiator and the responder of the exchange that made it.
#[derive(Clone, Copy)]
pub(super) enum Of {
    Ike(SaId),
    Child(EspSpi, EspSpi),
}

/// Which request an answer is to: SPIs, exchange, message id, and who began the IKE SA.
type Slot = (u64, u64, u8, u32, bool);

/// Requests and answers that have an SA payload.
pub(super) struct Wire<'r> {
    asked: BTreeMap<Slot, Vec<Said<'r>>>,
    /// By protocol and the answerer's SPI.
    answered: BTreeMap<(u8, u64), Vec<Said<'r>>>,
    /// What arrived otherwise than it was sent: nobody knows what its reader read.
    altered: BTreeSet<PacketId>,
}

/// A message with an SA payload.
#[derive(Clone, Copy)]
struct Said<'r> {
    message: &'r Message,
    ike: &'r IkeContent,
    packet: PacketId,
    proposals: &'r [Proposal],
}

/// A request and its answer, both known to one end.
#[derive(Clone, Copy)]
pub(super) struct Pair<'r> {
    request: Said<'r>,
    answer: Said<'r>,
    /// What was accepted.
    chosen: &'r Proposal,
}

impl<'r> Wire<'r> {
    pub(super) fn of(run: &'r Run<'_>) -> Self {
        let mut wire =
            Self { asked: BTreeMap::new(), answered: BTreeMap::new(), altered: BTreeSet::new() };
        for record in &run.trace.records {
            let Fact::Sent(sent) = &record.fact else { continue };
            if sent.is_altered() {
                wire.altered.insert(record.packet(sent));
            }
        }
        for (message, ike) in run.conversation.ike().filter(|(_, ike)| ike.readable) {
            let Some(record) = run.trace.records.get(message.record) else { continue };
            let proposals = find(&ike.payloads, |body| match body {
                Body::Sa(sa) => Some(sa.proposals.as_slice()),
                _ => None,
            });
            let Some(proposals) = proposals else { continue };
            let packet = PacketId { host: record.host, seq: record.seq };
            wire.add(Said { message, ike, packet, proposals });
        }
        wire
    }

    fn add(&mut self, said: Said<'r>) {
        if !said.ike.is_response() {
            self.asked.entry(said.slot()).or_default().push(said);
            return;
        }
        if said.is_initial() {
            let spi = (Protocol::IKE.0, said.ike.header.responder_spi.0);
            self.answered.entry(spi).or_default().push(said);
        }
        for proposal in said.proposals {
            if let Some(spi) = number(&proposal.spi) {
                self.answered.entry((proposal.protocol.0, spi)).or_default().push(said);
            }
        }
    }

    /// The requests and answers that named an SA, as far as a host knows them at a time; what has
    /// reached it at this very time comes first, and then the newest request.
    pub(super) fn pairs(&self, of: Of, host: u16, at: Instant) -> Vec<Pair<'r>> {
        let (protocol, spi_i, spi_r) = match of {
            Of::Ike(sa) => (Protocol::IKE, sa.initiator.0, sa.responder.0),
            Of::Child(i, r) => (Protocol::ESP, u64::from(i.0), u64::from(r.0)),
        };
        let answers = self.answered.get(&(protocol.0, spi_r)).map_or(&[][..], Vec::as_slice);
        let mut pairs = Vec::new();
        for answer in answers.iter().filter(|answer| answer.is_known_to(host, at)) {
            let chosen = answer.proposals.iter().find(|proposal| {
                proposal.protocol == protocol
                    && (answer.is_initial() || number(&proposal.spi) == Some(spi_r))
            });
            let Some(chosen) = chosen else { continue };
            let requests = self.asked.get(&answer.slot()).map_or(&[][..], Vec::as_slice);
            let requests = requests
                .iter()
                .filter(|request| request.is_known_to(host, at) && request.names(protocol, spi_i));
            pairs.extend(requests.map(|request| Pair {
                request: *request,
                answer: *answer,
                chosen,
            }));
        }
        let altered = |said: &Said<'_>| self.altered.contains(&said.packet);
        if pairs.iter().any(|pair| altered(&pair.request) || altered(&pair.answer)) {
            return Vec::new();
        }
        pairs.sort_by_key(|pair| {
            let old = !pair.request.arrives(at) && !pair.answer.arrives(at);
            (old, Reverse(pair.asked()))
        });
        pairs.truncate(PAIRS_MAX);
        pairs
    }
}

impl<'r> Pair<'r> {
    pub(super) fn exchange(&self) -> ExchangeType {
        self.answer.ike.header.exchange
    }

    /// The IKE SA that carried it.
    pub(super) fn carrier(&self) -> SaId {
        let header = &self.answer.ike.header;
        SaId { initiator: header.initiator_spi, responder: header.responder_spi }
    }

    /// The place of the request in the order of what was sent.
    pub(super) fn asked(&self) -> usize {
        self.request.message.record
    }

    /// Whether a host is the one that asked.
    pub(super) fn is_asked_by(&self, host: u16) -> bool {
        self.request.message.from == host
    }

    /// Whether a host is the one that answered.
    pub(super) fn is_answered_by(&self, host: u16) -> bool {
        self.answer.message.from == host
    }

    /// The request and the answer, as they were sent.
    pub(super) fn octets(&self) -> (&'r [u8], &'r [u8]) {
        (&self.request.ike.octets, &self.answer.ike.octets)
    }

    /// Ni and Nr.
    pub(super) fn nonces(&self) -> Option<(&'r [u8], &'r [u8])> {
        Some((self.request.nonce()?, self.answer.nonce()?))
    }

    /// The method, and the public values of the initiator and of the responder.
    pub(super) fn public_values(&self) -> Option<(u16, &'r [u8], &'r [u8])> {
        let (i, r) = (self.request.ke()?, self.answer.ke()?);
        (i.group == r.group).then_some((r.group.0, i.data.as_slice(), r.data.as_slice()))
    }

    /// The algorithms that were accepted.
    pub(super) fn suite(&self) -> Suite {
        let first = |kind| self.chosen.of_type(kind).next();
        let id = |kind| first(kind).map(|transform| transform.id);
        // 0 is NONE, but for ENCR and ESN.
        let some = |kind| id(kind).filter(|id| *id != 0);
        Suite {
            encr: EncrId(id(TransformType::ENCR).unwrap_or_default()),
            encr_bits: first(TransformType::ENCR).and_then(Transform::key_length),
            integ: some(TransformType::INTEG).map(IntegId),
            prf: some(TransformType::PRF).map(PrfId),
            ke: some(TransformType::KE).map(KeId),
            esn: id(TransformType::ESN).map(EsnId),
        }
    }
}

impl<'r> Said<'r> {
    fn is_initial(&self) -> bool {
        self.ike.header.exchange == ExchangeType::IKE_SA_INIT
    }

    /// The slot of a request; of an answer, that of the request which it answers.
    fn slot(&self) -> Slot {
        let header = &self.ike.header;
        let responder = if self.is_initial() { IkeSpi::NONE } else { header.responder_spi };
        let began = header.flags.initiator() != self.ike.is_response();
        (header.initiator_spi.0, responder.0, header.exchange.0, header.message_id, began)
    }

    /// Whether a request asks for an SA with this SPI.
    fn names(&self, protocol: Protocol, spi: u64) -> bool {
        if self.is_initial() {
            return protocol == Protocol::IKE && self.ike.header.initiator_spi.0 == spi;
        }
        let named = |one: &Proposal| one.protocol == protocol && number(&one.spi) == Some(spi);
        self.proposals.iter().any(named)
    }

    /// Whether a host sent it, or has got it.
    fn is_known_to(&self, host: u16, at: Instant) -> bool {
        let message = self.message;
        let got = message.to == Some(host) && message.arrivals.iter().any(|arrival| *arrival <= at);
        message.from == host || got
    }

    fn arrives(&self, at: Instant) -> bool {
        self.message.arrivals.contains(&at)
    }

    fn nonce(&self) -> Option<&'r [u8]> {
        find(&self.ike.payloads, |body| match body {
            Body::Nonce(nonce) => Some(nonce.0.as_slice()),
            _ => None,
        })
    }

    fn ke(&self) -> Option<&'r KeyExchange> {
        find(&self.ike.payloads, |body| match body {
            Body::Ke(ke) => Some(ke),
            _ => None,
        })
    }
}

fn find<'r, T>(payloads: &'r [Payload], of: impl Fn(&'r Body) -> Option<T>) -> Option<T> {
    payloads.iter().find_map(|payload| of(&payload.body))
}

/// An SPI of four or eight octets as a number.
fn number(spi: &[u8]) -> Option<u64> {
    let esp = || EspSpi::from_octets(spi).map(|spi| u64::from(spi.0));
    IkeSpi::from_octets(spi).map(|spi| spi.0).or_else(esp)
}
