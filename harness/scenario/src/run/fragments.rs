//! Fragments of IKE messages (RFC 7383): each is a packet of its own, and the message has arrived
//! when the last of them has.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_wire::ike::Header;
use ikelab_wire::registry::PayloadType;

/// A fragment as everybody on the way can read it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FragmentContent {
    /// The header of its message.
    pub header: Header,
    /// Its number, from 1.
    pub number: u16,
    /// How many there are.
    pub total: u16,
    /// Where its SKF payload begins.
    pub skf_at: usize,
    /// Whether somebody with the keys can read it.
    pub readable: bool,
    /// The whole datagram, from the header on.
    pub octets: Vec<u8>,
}

impl FragmentContent {
    /// Reads a datagram; none for what is no fragment.
    pub(super) fn parse(port: u16, datagram: &[u8]) -> Option<Self> {
        // RFC 7296 §3.1: on port 4500, four zeros come first.
        Self::of_message(if port == 4500 { datagram.strip_prefix(&[0; 4])? } else { datagram })
    }

    /// Reads an IKE message; none for what is no fragment.
    pub(crate) fn of_message(octets: &[u8]) -> Option<Self> {
        let raw = Header::parse(octets).ok()?;
        let skf_at = skf_at(raw.next_payload, octets)?;
        // RFC 7383 §2.5: the generic header, then number and total.
        let word = |at: usize| {
            let word: [u8; 2] = octets.get(skf_at + at..)?.first_chunk().copied()?;
            Some(u16::from_be_bytes(word))
        };
        let (number, total) = (word(4)?, word(6)?);
        let octets = octets.to_vec();
        Some(Self { header: raw.header, number, total, skf_at, readable: true, octets })
    }

    /// Whether a receiver may put it together with others.
    pub(super) fn counts(&self) -> bool {
        self.readable && self.number > 0 && self.number <= self.total
    }
}

/// Where the SKF payload begins; payloads in the clear may stand before it.
fn skf_at(first: PayloadType, octets: &[u8]) -> Option<usize> {
    let (mut next, mut at) = (first, Header::LENGTH);
    while next != PayloadType::SKF {
        let [following, _, high, low] = *octets.get(at..)?.first_chunk()?;
        if matches!(next, PayloadType::NO_NEXT | PayloadType::SK) {
            return None;
        }
        (next, at) =
            (PayloadType(following), at + usize::from(u16::from_be_bytes([high, low])).max(4));
    }
    Some(at)
}

type Key = (SocketAddr, SocketAddr, u64, u32, bool, u16);

/// When the fragments of each message arrived.
#[derive(Default)]
pub(super) struct Arrivals {
    of: BTreeMap<Key, BTreeMap<u16, Instant>>,
}

impl Arrivals {
    /// Takes a fragment in. Gives when the whole message has arrived, if all of it has by now.
    pub(super) fn take(
        &mut self,
        (src, dst): (SocketAddr, SocketAddr),
        fragment: &FragmentContent,
        arrivals: &[Instant],
    ) -> Option<Instant> {
        let header = &fragment.header;
        let response = header.flags.response();
        let spi = header.initiator_spi.0;
        let key = (src, dst, spi, header.message_id, response, fragment.total);
        let known = self.of.entry(key).or_default();
        if let Some(at) = arrivals.iter().min() {
            known.entry(fragment.number).or_insert(*at);
        }
        let whole = known.len() == usize::from(fragment.total);
        whole.then(|| known.values().max().copied()).flatten()
    }
}
