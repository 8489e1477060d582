//! IP packets in, one after the other; what they carry out.

use std::net::SocketAddr;

use crate::defragment::Defragmenter;
use crate::esp::{EspPacket, EspReader};
use crate::ike::{IkeFragment, IkeMessage, IkeReader};
use crate::ip::{Ip, upper};
use crate::keys::KeyTable;
use crate::{Problem, words};

const UDP: u8 = 17;
const ESP: u8 = 50;
const UDP_HEADER: usize = 8;
/// RFC 7296 §2: IKE over UDP.
const PORT_IKE: u16 = 500;
/// RFC 3947 §4: IKE and ESP share it.
const PORT_NAT: u16 = 4500;
/// RFC 3948 §2.2: it stands where ESP would have its SPI.
const NON_ESP_MARKER: [u8; 4] = [0; 4];
/// RFC 3948 §2.3.
const KEEPALIVE: [u8; 1] = [0xff];

/// A whole IP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// A number to know it by: that of its frame in a capture, from 1.
    pub frame: u32,
    /// When it was seen, in nanoseconds.
    pub time_ns: u64,
    /// The packet, IP header first.
    pub octets: &'a [u8],
}

/// What a packet turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dissected {
    /// An IKE message, whole.
    Ike(IkeMessage),
    /// A fragment of an IKE message of which others are still to come.
    Fragment(IkeFragment),
    /// An ESP packet.
    Esp(EspPacket),
    /// A NAT keepalive, RFC 3948 §2.3.
    Keepalive(Keepalive),
    /// A packet that is neither IKE nor ESP.
    Clear(Clear),
    /// What could not be read; what could be read of the same packet follows it.
    Problem(Problem),
}

/// A NAT keepalive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keepalive {
    /// The frame it came in.
    pub frame: u32,
    /// The time of that frame.
    pub time_ns: u64,
    /// Who sent it.
    pub src: SocketAddr,
    /// Whom to.
    pub dst: SocketAddr,
}

/// A packet that is neither IKE nor ESP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clear {
    /// The frame it came in.
    pub frame: u32,
    /// The time of that frame.
    pub time_ns: u64,
    /// The packet in a few words.
    pub words: String,
}

/// Which frame something stands in, and between whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) frame: u32,
    pub(crate) time_ns: u64,
    pub(crate) src: SocketAddr,
    pub(crate) dst: SocketAddr,
}

/// Reads packets in the order of a capture and keeps what it has to remember between them.
#[derive(Debug)]
pub struct Dissector {
    ike: IkeReader,
    esp: EspReader,
    defragmenter: Defragmenter,
}

impl Dissector {
    /// A dissector with these keys.
    #[must_use]
    pub fn new(keys: &KeyTable) -> Self {
        Self {
            ike: IkeReader::new(keys),
            esp: EspReader::new(keys),
            defragmenter: Defragmenter::default(),
        }
    }

    /// Reads the next packet. A part of a fragmented packet gives nothing until the last comes.
    pub fn feed(&mut self, packet: Packet<'_>) -> Vec<Dissected> {
        let mut out = Vec::new();
        let Packet { frame, time_ns, octets } = packet;
        let ip = match Ip::parse(octets) {
            Ok(ip) => ip,
            Err(what) => {
                out.push(Dissected::Problem(Problem::frame(frame, what)));
                return out;
            }
        };
        if ip.missing > 0 {
            let what = format!("{} octets are missing at the end of the packet", ip.missing);
            out.push(Dissected::Problem(Problem::frame(frame, what)));
        }
        let (src, dst) = (SocketAddr::new(ip.src, 0), SocketAddr::new(ip.dst, 0));
        let place = Place { frame, time_ns, src, dst };
        match ip.fragment {
            None => self.read(place, ip.protocol, ip.payload, &mut out),
            Some(part) => {
                if let Some((protocol, payload)) = self.defragmenter.add(&ip, part) {
                    match whole(&ip, protocol, &payload) {
                        Ok((protocol, payload)) => self.read(place, protocol, payload, &mut out),
                        Err(what) => out.push(Dissected::Problem(Problem::frame(frame, what))),
                    }
                }
            }
        }
        out
    }

    /// Says what still waited for its other parts when the packets ended.
    #[must_use]
    pub fn finish(self) -> Vec<Problem> {
        let mut problems = self.ike.finish();
        let unfinished = self.defragmenter.unfinished();
        if unfinished > 0 {
            problems.push(Problem::file(format!("{unfinished} IP packets lack fragments")));
        }
        problems
    }

    fn read(&mut self, place: Place, protocol: u8, payload: &[u8], out: &mut Vec<Dissected>) {
        match protocol {
            UDP => self.read_udp(place, payload, out),
            ESP => self.read_esp(place, payload, out),
            _ => out.push(clear(place, protocol, payload)),
        }
    }

    fn read_esp(&mut self, place: Place, payload: &[u8], out: &mut Vec<Dissected>) {
        out.push(match self.esp.read(place, payload) {
            Some(packet) => Dissected::Esp(packet),
            None => {
                let what = format!("ESP: {} octets are no packet", payload.len());
                Dissected::Problem(Problem::frame(place.frame, what))
            }
        });
    }

    fn read_udp(&mut self, place: Place, datagram: &[u8], out: &mut Vec<Dissected>) {
        let Some((src, dst, payload)) = udp(datagram) else {
            let what = format!("UDP: {} octets are no datagram", datagram.len());
            return out.push(Dissected::Problem(Problem::frame(place.frame, what)));
        };
        let Place { frame, time_ns, .. } = place;
        let place = Place {
            src: SocketAddr::new(place.src.ip(), src),
            dst: SocketAddr::new(place.dst.ip(), dst),
            ..place
        };
        let behind_marker = payload.strip_prefix(&NON_ESP_MARKER);
        let (nat, ike) = (src == PORT_NAT || dst == PORT_NAT, src == PORT_IKE || dst == PORT_IKE);
        match behind_marker {
            _ if is_ike(payload) => self.ike.read(place, payload, out),
            Some(message) if nat || is_ike(message) => self.ike.read(place, message, out),
            _ if (nat || ike) && payload == KEEPALIVE => {
                let Place { src, dst, .. } = place;
                out.push(Dissected::Keepalive(Keepalive { frame, time_ns, src, dst }));
            }
            _ if nat => self.read_esp(place, payload, out),
            _ if ike => self.ike.read(place, payload, out),
            _ => out.push(clear(place, UDP, datagram)),
        }
    }
}

/// What a packet that was made whole carries.
fn whole<'a>(ip: &Ip<'_>, protocol: u8, payload: &'a [u8]) -> Result<(u8, &'a [u8]), &'static str> {
    if ip.src.is_ipv4() { Ok((protocol, payload)) } else { upper(protocol, payload) }
}

/// Ports and payload of a UDP datagram.
fn udp(datagram: &[u8]) -> Option<(u16, u16, &[u8])> {
    let field = |at: usize| Some(u16::from_be_bytes(datagram.get(at..at + 2)?.try_into().ok()?));
    let (src, dst, length) = (field(0)?, field(2)?, usize::from(field(4)?));
    let payload = datagram.get(UDP_HEADER..)?;
    // A length of zero comes with segmentation offload, a longer one with a cut frame.
    let wanted = length.checked_sub(UDP_HEADER).unwrap_or(payload.len());
    Some((src, dst, payload.get(..wanted).unwrap_or(payload)))
}

/// Whether octets on any port are an IKEv2 message beyond doubt: a NAT may have changed both
/// ports, and some daemons can be told to use others.
fn is_ike(octets: &[u8]) -> bool {
    let length = octets.get(24..28).and_then(|field| field.try_into().ok()).map(u32::from_be_bytes);
    let header = octets.get(17..19);
    length.and_then(|length| usize::try_from(length).ok()) == Some(octets.len())
        && matches!(header, Some([0x20, 34..=44]))
        && octets.get(..8) != Some(&[0; 8])
}

fn clear(place: Place, protocol: u8, payload: &[u8]) -> Dissected {
    let words = words::transport(protocol, place.src.ip(), place.dst.ip(), payload);
    Dissected::Clear(Clear { frame: place.frame, time_ns: place.time_ns, words })
}
