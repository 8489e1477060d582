//! IKE messages: SK payloads opened, SKF payloads collected into the message they are parts of.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ikelab_crypto::{OpenError, Opened};
use ikelab_wire::ike::{Header, IkeSpi, RawHeader};
use ikelab_wire::payload::{Body, Payload};
use ikelab_wire::registry::PayloadType;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Problem;
use crate::chain::Chain;
use crate::dissector::{Dissected, Place};
use crate::keys::KeyTable;
use crate::sealed::MessageOpener;

mod collect;

use collect::{Collector, Part, SetKey};

/// What is known of an integrity check value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Icv {
    /// It is that of the octets.
    Good,
    /// It is not.
    Bad,
    /// There is none, or no key or no algorithm to check it with.
    Unknown,
}

impl Icv {
    /// `good`, `bad` or `unknown`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }
}

/// An IKE message as an observer with the keys reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IkeMessage {
    /// The frame it came in; the last one for a message in fragments.
    pub frame: u32,
    /// The time of that frame.
    pub time_ns: u64,
    /// Who sent it.
    pub src: SocketAddr,
    /// Whom to.
    pub dst: SocketAddr,
    /// Its header.
    pub header: Header,
    /// The length that its header tells.
    pub length: u32,
    /// Whether it has an SK payload, or came in SKF payloads.
    pub protected: bool,
    /// Whether its integrity check value is right: all of them, for a message in fragments.
    pub icv: Icv,
    /// Its payloads: those inside the SK payload where it could be opened, and those outside
    /// where it could not.
    pub payloads: Vec<Payload>,
    /// The octets that were sealed, and the type of the first payload in them, where the integrity
    /// check value is right.
    pub inner: Option<(PayloadType, Vec<u8>)>,
    /// What stands beside an SK payload that was opened, in the clear: nobody vouches for it.
    pub outside: Vec<Payload>,
    /// Number and total of the fragment it came in, for a message in fragments.
    pub fragment: Option<(u16, u16)>,
    /// The frames of its other fragments.
    pub earlier_frames: Vec<u32>,
    /// The octets of the message; of its last fragment, for a message in fragments.
    pub octets: Vec<u8>,
}

/// A fragment of an IKE message of which others are still to come, RFC 7383.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IkeFragment {
    /// The frame it came in.
    pub frame: u32,
    /// The time of that frame.
    pub time_ns: u64,
    /// Who sent it.
    pub src: SocketAddr,
    /// Whom to.
    pub dst: SocketAddr,
    /// Its header.
    pub header: Header,
    /// Whether its own integrity check value is right.
    pub icv: Icv,
    /// Its number, from 1.
    pub number: u16,
    /// How many there are.
    pub total: u16,
}

/// Opens what either end of an IKE SA sends.
#[derive(Debug)]
struct Ends {
    initiator: MessageOpener,
    responder: MessageOpener,
}

/// Reads IKE messages, one after the other.
#[derive(Debug)]
pub(crate) struct IkeReader {
    openers: BTreeMap<(IkeSpi, IkeSpi), Vec<Ends>>,
    collector: Collector,
}

/// What came of opening a sealed payload.
struct Opening {
    icv: Icv,
    opened: Option<Opened>,
}

/// One message while it is read, and what turns out to be wrong with it.
struct Reading<'a> {
    place: Place,
    raw: RawHeader,
    octets: &'a [u8],
    flaws: Vec<String>,
}

impl IkeReader {
    pub(crate) fn new(keys: &KeyTable) -> Self {
        let mut openers: BTreeMap<_, Vec<Ends>> = BTreeMap::new();
        for sa in keys.ike() {
            let ends = Ends {
                initiator: MessageOpener::new(sa.algorithms, &sa.sk_ei, &sa.sk_ai),
                responder: MessageOpener::new(sa.algorithms, &sa.sk_er, &sa.sk_ar),
            };
            openers.entry((sa.initiator_spi, sa.responder_spi)).or_default().push(ends);
        }
        Self { openers, collector: Collector::default() }
    }

    /// Reads what stands behind UDP, and behind the non-ESP marker where there is one.
    pub(crate) fn read(&mut self, place: Place, octets: &[u8], out: &mut Vec<Dissected>) {
        let problem =
            |what| Dissected::Problem(Problem::frame(place.frame, format!("IKE: {what}")));
        let raw = match Header::parse(octets) {
            Ok(raw) => raw,
            Err(why) => return out.push(problem(why.what.into_owned())),
        };
        let mut reading = Reading::new(place, raw, octets);
        let dissected = self.read_message(&mut reading);
        out.extend(reading.flaws.into_iter().map(problem));
        out.push(dissected);
    }

    /// Says which messages never became whole.
    pub(crate) fn finish(self) -> Vec<Problem> {
        self.collector.finish()
    }

    fn read_message(&mut self, reading: &mut Reading<'_>) -> Dissected {
        let major = reading.raw.header.version.major;
        if major != 2 {
            reading.flaws.push(format!("major version {major}, read as if it were 2"));
            let payloads = reading.chain_of_any_version().payloads;
            return Dissected::Ike(reading.message(Icv::Unknown, payloads));
        }
        let chain = reading.chain();
        match chain.sealed_at {
            None => Dissected::Ike(reading.message(Icv::Unknown, chain.payloads)),
            Some(at) => self.read_sealed(reading, chain.payloads, Header::LENGTH + at),
        }
    }

    fn read_sealed(
        &mut self,
        reading: &mut Reading<'_>,
        outer: Vec<Payload>,
        sealed_at: usize,
    ) -> Dissected {
        let opening = self.open(reading, sealed_at);
        let outside = outer.len().saturating_sub(1);
        if outside > 0 {
            reading.flaws.push(format!("{outside} payloads stand outside of SK"));
        }
        let fragment = outer.iter().find_map(|payload| match &payload.body {
            Body::Skf(fragment) => Some((fragment.number, fragment.total)),
            _ => None,
        });
        if let Some(fragment) = fragment {
            return self.read_fragment(reading, outer, opening, fragment);
        }
        let inner = opening.opened.map(|opened| (opened.first, opened.plaintext));
        let chain = inner.as_ref().map(|(first, plaintext)| Chain::read(*first, plaintext));
        let mut outside = outer.clone();
        outside.retain(|payload| !is_sealed(payload));
        let payloads = reading.choose(opening.icv, outer, chain);
        if payloads.iter().any(is_sealed) {
            outside.clear();
        }
        let inner = inner.filter(|_| opening.icv == Icv::Good);
        let message = reading.message(opening.icv, payloads);
        Dissected::Ike(IkeMessage { protected: true, inner, outside, ..message })
    }

    fn read_fragment(
        &mut self,
        reading: &mut Reading<'_>,
        outer: Vec<Payload>,
        Opening { icv, opened }: Opening,
        (number, total): (u16, u16),
    ) -> Dissected {
        let impossible = number == 0 || number > total;
        if impossible {
            reading.flaws.push(format!("fragment {number} of {total}"));
        }
        // RFC 7383 §2.5.3: what is in the clear stands before the first.
        let misplaced = number > 1 && outer.len() > 1;
        let padded_wrong = icv == Icv::Good && opened.is_none();
        if impossible || misplaced || padded_wrong || icv == Icv::Bad {
            // RFC 7383 §2.6: it does not count, and the message waits for a good one.
            return reading.fragment(icv, number, total);
        }
        let mut outside = outer.clone();
        outside.retain(|payload| !is_sealed(payload));
        let part = Part { frame: reading.place.frame, icv, opened, outside };
        let key = SetKey::of(&reading.raw.header);
        let Some(whole) = self.collector.add(key, number, total, part) else {
            return reading.fragment(icv, number, total);
        };
        let inner = whole.plaintext;
        let chain = inner.as_ref().map(|(first, plaintext)| Chain::read(*first, plaintext));
        let payloads = reading.choose(whole.icv, outer, chain);
        let inner = inner.filter(|_| whole.icv == Icv::Good);
        Dissected::Ike(IkeMessage {
            protected: true,
            inner,
            outside: if payloads.iter().any(is_sealed) { Vec::new() } else { whole.outside },
            fragment: Some((number, total)),
            earlier_frames: whole.earlier_frames,
            ..reading.message(whole.icv, payloads)
        })
    }

    /// Opens a message with the keys of its SPIs; the initiator flag says whose.
    fn open(&self, reading: &mut Reading<'_>, sealed_at: usize) -> Opening {
        let header = &reading.raw.header;
        let spis = (header.initiator_spi, header.responder_spi);
        let mut opening = Opening { icv: Icv::Unknown, opened: None };
        for ends in self.openers.get(&spis).into_iter().flatten() {
            let opener = if header.flags.initiator() { &ends.initiator } else { &ends.responder };
            match (opener.open(reading.octets, sealed_at), opener.checks()) {
                (Ok(opened), true) => return Opening { icv: Icv::Good, opened: Some(opened) },
                (Ok(opened), false) => opening.opened = Some(opened),
                // Padding is looked at only behind a good integrity check value.
                (Err(why @ OpenError::BadPadding), true) => {
                    reading.flaws.push(why.to_string());
                    return Opening { icv: Icv::Good, opened: None };
                }
                (Err(why), true) => {
                    opening.icv = Icv::Bad;
                    if why != OpenError::BadIcv {
                        reading.flaws.push(why.to_string());
                    }
                }
                (Err(_), false) => {}
            }
        }
        opening
    }
}

impl<'a> Reading<'a> {
    fn new(place: Place, raw: RawHeader, octets: &'a [u8]) -> Self {
        let length = usize::try_from(raw.length).unwrap_or(usize::MAX);
        let there = octets.len();
        let mut flaws = Vec::new();
        if length != there {
            flaws.push(format!("the header tells of {length} octets, {there} are there"));
        }
        let octets = octets.get(..length.max(Header::LENGTH)).unwrap_or(octets);
        Self { place, raw, octets, flaws }
    }

    /// The payloads that stand outside of SK; what is wrong with them is noted.
    fn chain(&mut self) -> Chain {
        let mut chain = self.chain_of_any_version();
        self.flaws.append(&mut chain.flaws);
        chain
    }

    /// A chain of payloads has looked the same since ISAKMP (RFC 2408 §3.2).
    fn chain_of_any_version(&self) -> Chain {
        let behind = self.octets.get(Header::LENGTH..).unwrap_or_default();
        Chain::read(self.raw.next_payload, behind)
    }

    /// The payloads inside where they were opened. What could not be checked and makes no sense
    /// was opened with a wrong key, and stays outside.
    fn choose(&mut self, icv: Icv, outer: Vec<Payload>, inner: Option<Chain>) -> Vec<Payload> {
        match (icv, inner) {
            (Icv::Good, Some(inner)) => {
                self.flaws.extend(inner.flaws.iter().map(|flaw| format!("in SK, {flaw}")));
                inner.payloads
            }
            (Icv::Unknown, Some(inner)) if inner.flaws.is_empty() => inner.payloads,
            (Icv::Good | Icv::Bad | Icv::Unknown, _) => outer,
        }
    }

    fn message(&self, icv: Icv, payloads: Vec<Payload>) -> IkeMessage {
        let Place { frame, time_ns, src, dst } = self.place;
        IkeMessage {
            frame,
            time_ns,
            src,
            dst,
            header: self.raw.header,
            length: self.raw.length,
            protected: false,
            icv,
            payloads,
            inner: None,
            outside: Vec::new(),
            fragment: None,
            earlier_frames: Vec::new(),
            octets: self.octets.to_vec(),
        }
    }

    fn fragment(&self, icv: Icv, number: u16, total: u16) -> Dissected {
        let Place { frame, time_ns, src, dst } = self.place;
        let header = self.raw.header;
        Dissected::Fragment(IkeFragment { frame, time_ns, src, dst, header, icv, number, total })
    }
}

/// Whether a payload holds others, sealed.
fn is_sealed(payload: &Payload) -> bool {
    matches!(payload.body, Body::Sk(_) | Body::Skf(_))
}
