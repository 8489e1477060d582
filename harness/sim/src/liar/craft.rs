//! Messages made by hand: what they do not say follows from the message that they answer.

use std::net::IpAddr;

use ikelab_ambient::{Entropy, Purpose, Seeded, Value as Chance};
use ikelab_ike::Signer;
use ikelab_scenario::plan::{Base, Craft, CraftPayload};
use ikelab_wire::ike::{Flags, Header, IkeSpi, Version};
use ikelab_wire::payload::{
    Authentication, Body, Delete, Identification, KeyExchange, Nonce, Notify, Payload, Proposal,
    SecurityAssociation, SelectorRange, TrafficSelector, TrafficSelectors, Transform,
};
use ikelab_wire::registry::{AuthMethod, KeId, NotifyType, PayloadType, Protocol, TransformType};

use super::edit::{number, set_field};
use super::form::{Form, Piece, Sealed, find};
use super::mutate;

/// Octets of a nonce that says nothing else.
const NONCE: usize = 32;
/// A group that nobody offers any more: what an answer chooses that was not offered.
const UNOFFERED: &str = "3des-md5-modp768";

/// Makes messages.
pub(super) struct Maker<'a> {
    pub(super) entropy: &'a mut Seeded,
    /// What is answered, if something is.
    pub(super) heard: Option<(&'a Header, &'a [Payload])>,
    /// The header of the message in whose place it is said, if there is one.
    pub(super) meant: Option<&'a Header>,
    /// Our address and the peer's.
    pub(super) ends: (IpAddr, IpAddr),
    /// The datagrams of the last message that went out in fragments.
    pub(super) spoken: &'a [Vec<u8>],
    /// What AUTH is made with, where the message has one.
    pub(super) signer: Option<&'a Signer>,
}

impl Maker<'_> {
    pub(super) fn random(&mut self, length: usize) -> Vec<u8> {
        let mut octets = vec![0; length];
        self.entropy.fill(Purpose::aside(Chance::Content), &mut octets);
        octets
    }

    /// A number below a bound; 0 when that is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        let drawn = self.entropy.below(Purpose::aside(Chance::Content), bound);
        usize::try_from(drawn).unwrap_or(0)
    }

    /// As many messages as are to be said, each with chances of its own.
    pub(super) fn messages(&mut self, craft: &Craft, protected: bool) -> Result<Vec<Form>, String> {
        (0..craft.times).map(|_| self.message(craft, protected)).collect()
    }

    /// A message; sealed where there are keys.
    pub(super) fn message(&mut self, craft: &Craft, protected: bool) -> Result<Form, String> {
        let header = self.header(craft);
        let payloads: Result<Vec<Piece>, String> =
            craft.payloads.iter().map(|payload| self.payload(payload)).collect();
        let sealed = protected.then(|| Sealed {
            before: Vec::new(),
            sk: Piece::new(PayloadType::SK, Vec::new()),
            after: Vec::new(),
            pad_length: None,
        });
        let mut form = Form::new(header, payloads?, sealed);
        if let Some(meant) = self.meant {
            form.take_ids(meant);
        }
        for (field, value) in &craft.header {
            form.set_header(*field, number(value, form.header_field(*field))?);
        }
        mutate::mutate(&mut form, craft.mutations, self);
        Ok(form)
    }

    /// The header: the SPIs and the message id of what is answered, and its flags turned round.
    fn header(&mut self, craft: &Craft) -> Header {
        let heard = self.heard.map(|(header, _)| *header);
        let was_response = heard.is_some_and(|header| header.flags.response());
        let response = craft.response.unwrap_or(heard.is_some() && !was_response);
        let by_initiator = match heard {
            Some(header) => !header.flags.initiator(),
            None => !response,
        };
        let mut flags = if by_initiator { Flags::INITIATOR } else { Flags::NONE };
        if response {
            flags = flags | Flags::RESPONSE;
        }
        let first_answer = craft.exchange == ikelab_wire::registry::ExchangeType::IKE_SA_INIT
            && response
            && craft.payloads.iter().any(|payload| payload.kind == PayloadType::SA);
        let mut spi = || IkeSpi::from_octets(&self.random(8)).unwrap_or(IkeSpi(1));
        let responder_spi = match heard.map(|header| header.responder_spi) {
            Some(known) if known != IkeSpi::NONE => known,
            _ if first_answer => spi(),
            _ => IkeSpi::NONE,
        };
        Header {
            initiator_spi: heard.map_or_else(&mut spi, |header| header.initiator_spi),
            responder_spi,
            version: Version::IKEV2,
            exchange: craft.exchange,
            flags,
            message_id: heard.map_or(0, |header| header.message_id),
        }
    }

    /// A payload.
    pub(super) fn payload(&mut self, made: &CraftPayload) -> Result<Piece, String> {
        let mut piece = match (&made.base, self.body(made)) {
            (Base::Echo, _) => self.echo(made)?,
            (_, Some(body)) => Piece::of(&body.into()),
            (_, None) => Piece::new(made.kind, vec![0; fixed_len(made.kind)]),
        };
        for (field, value) in &made.sets {
            set_field(&mut piece, field, value, self)?;
        }
        Ok(piece)
    }

    /// The payload of a type in the message that is answered.
    fn echo(&self, made: &CraftPayload) -> Result<Piece, String> {
        let heard = self.heard.map(|(_, payloads)| payloads).unwrap_or_default();
        let mut pieces = heard.iter().map(Piece::of);
        let found = pieces.find(|piece| {
            piece.kind == made.kind && (made.arg.is_none() || made.arg == piece.arg())
        });
        found.ok_or_else(|| format!("there is no payload {} to echo", made.kind))
    }

    /// What a payload begins as; nothing where its octets have to be said.
    fn body(&mut self, made: &CraftPayload) -> Option<Body> {
        let protocol = Protocol(u8::try_from(made.arg.unwrap_or(0)).unwrap_or(0));
        let selectors = |ranges: Vec<SelectorRange>| TrafficSelectors {
            selectors: ranges.into_iter().map(TrafficSelector::Range).collect(),
        };
        let (ours, theirs) = self.ends;
        let host = |address: IpAddr| {
            SelectorRange::from_prefix(address, if address.is_ipv4() { 32 } else { 128 })
        };
        Some(match made.kind {
            PayloadType::SA => Body::Sa(SecurityAssociation { proposals: self.proposals(made) }),
            PayloadType::KE => {
                let group = self.group();
                let data = self.random(public_len(group));
                Body::Ke(KeyExchange { group, data })
            }
            PayloadType::NONCE => Body::Nonce(Nonce(self.random(NONCE))),
            PayloadType::NOTIFY => {
                Body::Notify(Notify::new(NotifyType(made.arg.unwrap_or(0)), &[]))
            }
            PayloadType::DELETE => {
                Body::Delete(Delete { protocol, spis: Vec::new(), ..Delete::ike() })
            }
            PayloadType::IDI | PayloadType::IDR => {
                let id = match &made.base {
                    Base::Id(id) => id.clone(),
                    _ => Identification::from_text(&ours.to_string()),
                };
                if made.kind == PayloadType::IDI { Body::IdI(id) } else { Body::IdR(id) }
            }
            PayloadType::AUTH => {
                let data = self.random(NONCE);
                Body::Auth(Authentication { method: AuthMethod(2), data })
            }
            PayloadType::TSI | PayloadType::TSR => {
                let i = made.kind == PayloadType::TSI;
                let ranges = match &made.base {
                    Base::Selectors(ranges) => ranges.clone(),
                    _ => vec![host(if i { ours } else { theirs })],
                };
                if i { Body::TsI(selectors(ranges)) } else { Body::TsR(selectors(ranges)) }
            }
            _ => return None,
        })
    }

    fn offered(&self) -> Option<&SecurityAssociation> {
        match find(self.heard?.1, PayloadType::SA) {
            Some(Body::Sa(sa)) => Some(sa),
            _ => None,
        }
    }

    /// The group of the KE payload that was heard, or of what was offered first.
    fn group(&self) -> KeId {
        let ke = self.heard.and_then(|(_, payloads)| find(payloads, PayloadType::KE));
        match ke {
            Some(Body::Ke(ke)) => ke.group,
            _ => KeId(31),
        }
    }

    fn proposals(&self, made: &CraftPayload) -> Vec<Proposal> {
        let ike = u16::from(Protocol::IKE.0);
        let protocol = Protocol(u8::try_from(made.arg.unwrap_or(ike)).unwrap_or(1));
        let usual = |text: &str| Proposal::from_text(text, Protocol::IKE, 1).into_iter().collect();
        match &made.base {
            Base::Offer(all) => all.clone(),
            Base::Unoffered => usual(UNOFFERED),
            Base::Usual | Base::Id(_) | Base::Selectors(_) | Base::Echo => match self.offered() {
                Some(sa) => sa.proposals.first().map(chosen).into_iter().collect(),
                None if protocol == Protocol::IKE => usual("aes256-sha256-x25519"),
                None => Proposal::from_text("aes256-sha256", protocol, 1).into_iter().collect(),
            },
        }
    }
}

/// Of a proposal, the first transform of each type.
fn chosen(offer: &Proposal) -> Proposal {
    let mut kinds: Vec<TransformType> = Vec::new();
    let mut first = |transform: &&Transform| {
        let new = !kinds.contains(&transform.kind);
        kinds.push(transform.kind);
        new
    };
    let transforms = offer.transforms.iter().filter(|t| first(t)).cloned().collect();
    Proposal { transforms, spi: Vec::new(), ..offer.clone() }
}

/// Octets before the data of a payload that begins as nothing in particular (RFC 7296 §3.6, §3.15,
/// §3.16).
fn fixed_len(kind: PayloadType) -> usize {
    match kind {
        PayloadType::CERT | PayloadType::CERTREQ => 1,
        PayloadType::CP => 4,
        PayloadType::EAP => 5,
        _ => 0,
    }
}

/// Octets of a public value, as far as the usual groups go (RFC 7296 Appendix B, RFC 3526,
/// RFC 5903, RFC 8031).
fn public_len(group: KeId) -> usize {
    match group.0 {
        1 => 96,
        2 => 128,
        5 => 192,
        15 => 384,
        16 => 512,
        17 => 768,
        18 => 1024,
        19 => 64,
        20 => 96,
        21 => 132,
        31 => 32,
        32 => 56,
        _ => 256,
    }
}
