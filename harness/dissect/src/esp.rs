//! ESP packets: opened by SPI and addresses, with extended sequence numbers where they fit.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ikelab_crypto::Trailer;
use ikelab_wire::ike::EspSpi;

use crate::dissector::Place;
use crate::ike::Icv;
use crate::ip::Ip;
use crate::keys::{EspKeys, KeyTable};
use crate::sealed::PacketOpener;
use crate::words;

/// Next header values: RFC 4303 §2.6, RFC 9347.
const IPV4: u8 = 4;
const IPV6: u8 = 41;
const DUMMY: u8 = 59;

/// An ESP packet as an observer with the keys reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EspPacket {
    /// The frame it came in.
    pub frame: u32,
    /// The time of that frame.
    pub time_ns: u64,
    /// Who sent it; port 0 without UDP encapsulation.
    pub src: SocketAddr,
    /// Whom to; port 0 without UDP encapsulation.
    pub dst: SocketAddr,
    /// Its SPI.
    pub spi: EspSpi,
    /// Its sequence number; all of it where it is extended and the keys have shown the high half.
    pub sequence: u64,
    /// Whether its integrity check value is right.
    pub icv: Icv,
    /// What it carries, where that could be opened.
    pub inner: Option<Inner>,
    /// Octets of the whole ESP packet.
    pub length: usize,
}

/// What an ESP packet carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inner {
    /// The protocol of the payload: 4 or 41 for a packet in a tunnel.
    pub next_header: u8,
    /// The payload, without padding.
    pub payload: Vec<u8>,
    /// The payload in a few words.
    pub words: String,
}

#[derive(Debug)]
struct Sa {
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    esn: Option<bool>,
    opener: PacketOpener,
    /// The high half of the last sequence number that fitted.
    high: u32,
}

/// Reads ESP packets, one after the other.
#[derive(Debug)]
pub(crate) struct EspReader {
    sas: Vec<Sa>,
    by_spi: BTreeMap<EspSpi, Vec<usize>>,
    of_any_spi: Vec<usize>,
}

struct Opening {
    icv: Icv,
    inner: Option<Inner>,
    esn_high: Option<u32>,
}

impl EspReader {
    pub(crate) fn new(keys: &KeyTable) -> Self {
        let mut reader = Self { sas: Vec::new(), by_spi: BTreeMap::new(), of_any_spi: Vec::new() };
        for keys in keys.esp() {
            let place = reader.sas.len();
            reader.sas.push(Sa::new(keys));
            match keys.spi {
                Some(spi) => reader.by_spi.entry(spi).or_default().push(place),
                None => reader.of_any_spi.push(place),
            }
        }
        reader
    }

    /// Reads what stands behind IP, or behind UDP; `None` when there is no room for a header.
    pub(crate) fn read(&mut self, place: Place, octets: &[u8]) -> Option<EspPacket> {
        let spi = EspSpi::from_octets(octets.get(..4)?)?;
        let sequence = u32::from_be_bytes(octets.get(4..8)?.try_into().ok()?);
        let opening = self.open(place, spi, octets);
        let high = opening.esn_high.unwrap_or(0);
        Some(EspPacket {
            frame: place.frame,
            time_ns: place.time_ns,
            src: place.src,
            dst: place.dst,
            spi,
            sequence: u64::from(high) << 32 | u64::from(sequence),
            icv: opening.icv,
            inner: opening.inner,
            length: octets.len(),
        })
    }

    /// Tries the SAs with this SPI. Where the addresses are others, because of a NAT or because
    /// the SA has moved, only a good integrity check value counts.
    fn open(&mut self, place: Place, spi: EspSpi, packet: &[u8]) -> Opening {
        let mut best = Opening { icv: Icv::Unknown, inner: None, esn_high: None };
        let known = self.by_spi.get(&spi).into_iter().flatten().chain(&self.of_any_spi);
        for &at in known {
            let Some(sa) = self.sas.get_mut(at) else { continue };
            let opening = sa.open(place, packet);
            if opening.icv == Icv::Good {
                return opening;
            }
            if sa.is_between(place) && best.inner.is_none() {
                best = opening;
            }
        }
        best
    }
}

impl Sa {
    fn new(keys: &EspKeys) -> Self {
        let opener = PacketOpener::new(keys.algorithms, &keys.encr, &keys.integ);
        Self { src: keys.src, dst: keys.dst, esn: keys.esn, opener, high: 0 }
    }

    fn is_between(&self, place: Place) -> bool {
        self.src.is_none_or(|src| src == place.src.ip())
            && self.dst.is_none_or(|dst| dst == place.dst.ip())
    }

    fn open(&mut self, place: Place, packet: &[u8]) -> Opening {
        if !self.opener.checks() {
            let text = self.opener.open(packet, None).ok();
            let inner = text.and_then(|text| inner(place, &text)).filter(Inner::makes_sense);
            return Opening { icv: Icv::Unknown, inner, esn_high: None };
        }
        for esn_high in self.candidates() {
            let Ok(text) = self.opener.open(packet, esn_high) else { continue };
            self.esn = Some(esn_high.is_some());
            self.high = self.high.max(esn_high.unwrap_or(0));
            return Opening { icv: Icv::Good, inner: inner(place, &text), esn_high };
        }
        Opening { icv: Icv::Bad, inner: None, esn_high: None }
    }

    /// What the high half of the sequence number may be: `None` for one of 32 bits. The window of
    /// RFC 4303 §A2 reaches one subspace up or down from the last one.
    fn candidates(&self) -> Vec<Option<u32>> {
        let near = [self.high, self.high.saturating_add(1), self.high.saturating_sub(1), 0];
        let mut candidates: Vec<Option<u32>> = match self.esn {
            Some(false) => return vec![None],
            Some(true) => near.map(Some).to_vec(),
            None => [None].into_iter().chain(near.map(Some)).collect(),
        };
        let mut seen = Vec::with_capacity(candidates.len());
        candidates.retain(|high| {
            let new = !seen.contains(high);
            seen.push(*high);
            new
        });
        candidates
    }
}

impl Inner {
    /// Whether a payload that nobody vouches for was opened with the right key.
    fn makes_sense(&self) -> bool {
        !matches!(self.next_header, IPV4 | IPV6) || Ip::parse(&self.payload).is_ok()
    }
}

fn inner(place: Place, text: &[u8]) -> Option<Inner> {
    let trailer = Trailer::read(text).ok()?;
    let payload = text.get(..trailer.payload_len)?.to_vec();
    let words = match trailer.next_header {
        IPV4 | IPV6 => words::packet(&payload),
        DUMMY => "dummy".to_owned(),
        protocol if place.src.is_ipv6() => {
            words::behind_extensions(protocol, place.src.ip(), place.dst.ip(), &payload)
        }
        protocol => words::transport(protocol, place.src.ip(), place.dst.ip(), &payload),
    };
    Some(Inner { next_header: trailer.next_header, payload, words })
}
