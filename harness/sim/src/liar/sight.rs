//! A packet as a pattern sees it while the run goes on.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ikelab_ambient::Instant;
use ikelab_net::Insight;
use ikelab_scenario::plan::{Matcher, Plan};
use ikelab_scenario::run::{Content, IkeContent, Message};
use ikelab_wire::ike::{EspSpi, Header, Message as IkeMessage};
use ikelab_wire::ip::{IpView, UdpPayload, classify};
use ikelab_wire::payload::{Body, Payload};
use ikelab_wire::registry::IpProtocol;

use super::Memory;

/// Octets of a UDP header.
const UDP_HEADER: usize = 8;

/// Whose addresses are whose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners(BTreeMap<IpAddr, u16>);

impl Owners {
    pub(crate) fn of(plan: &Plan) -> Self {
        let addresses = (0..).zip(&plan.hosts).flat_map(|(place, host)| {
            let addresses = host.ifaces.iter().flat_map(ikelab_scenario::plan::Iface::known);
            addresses.map(move |address| (address, place))
        });
        Self(addresses.collect())
    }

    /// The place of the host that has an address.
    pub(crate) fn owner(&self, address: IpAddr) -> Option<u16> {
        self.0.get(&address).copied()
    }
}

/// A fault's eyes: the packet, and what the host that sends it has said.
#[derive(Debug)]
pub(crate) struct Eyes {
    pub(crate) matcher: Matcher,
    pub(crate) memory: Memory,
}

impl Insight for Eyes {
    fn is_meant(&self, now: Instant, octets: &[u8]) -> bool {
        let Ok(view) = IpView::parse(octets) else { return false };
        // The addresses have been looked at already, before a NAT box could change them.
        let (from, to) = self.matcher.ends();
        let content = content(&view, &self.memory);
        let (src, dst) = view.ports().unwrap_or((0, 0));
        let ends = (SocketAddr::new(view.src, src), SocketAddr::new(view.dst, dst));
        self.matcher.meets(&message(now, (from, Some(to)), ends, content))
    }
}

/// A message for a pattern.
pub(crate) fn message(
    at: Instant,
    (from, to): (u16, Option<u16>),
    (src, dst): (SocketAddr, SocketAddr),
    content: Content,
) -> Message {
    Message {
        record: 0,
        at,
        from,
        to,
        src,
        dst,
        arrivals: Vec::new(),
        dscp_ecn: 0,
        repeated: false,
        life: 0,
        carried: None,
        child: None,
        content,
    }
}

/// What a packet is.
pub(crate) fn content(view: &IpView<'_>, memory: &Memory) -> Content {
    match view.protocol {
        IpProtocol::ESP => esp(view.payload(), false),
        IpProtocol::ICMP | IpProtocol::ICMPV6 => Content::Icmp,
        IpProtocol::UDP => {
            let payload = view.payload().get(UDP_HEADER..).unwrap_or_default();
            match view.ports() {
                Some((500, _) | (_, 500)) => ike(payload, memory),
                Some((4500, _) | (_, 4500)) => match classify(payload) {
                    UdpPayload::Ike(message) => ike(message, memory),
                    UdpPayload::Esp(octets) => esp(octets, true),
                    UdpPayload::Keepalive => Content::Keepalive,
                    UdpPayload::Malformed => Content::Garbled("neither IKE nor ESP".to_owned()),
                },
                _ => Content::Plain,
            }
        }
        _ => Content::Plain,
    }
}

fn esp(octets: &[u8], encapsulated: bool) -> Content {
    let word = |at: usize| {
        let octets = octets.get(at..at + 4)?;
        octets.try_into().ok().map(u32::from_be_bytes)
    };
    match word(0).zip(word(4)) {
        Some((spi, sequence)) => Content::Esp {
            spi: EspSpi(spi),
            sequence: sequence.into(),
            encapsulated,
            opened: false,
            octets: octets.to_vec(),
        },
        None => Content::Garbled("no ESP".to_owned()),
    }
}

fn ike(octets: &[u8], memory: &Memory) -> Content {
    let Ok(raw) = Header::parse(octets) else {
        return Content::Garbled("no IKE header".to_owned());
    };
    let outer = IkeMessage::parse(octets).map(|message| message.payloads);
    let sealed = |payload: &Payload| matches!(payload.body, Body::Sk(_) | Body::Skf(_));
    let is_sealed = outer.as_ref().is_ok_and(|payloads| payloads.iter().any(sealed));
    let fragment = outer.as_ref().ok().and_then(|payloads| {
        payloads.iter().find_map(|payload| match &payload.body {
            Body::Skf(fragment) => Some(fragment.number),
            _ => None,
        })
    });
    let inside = memory.inside(octets);
    let readable = inside.is_some() || (outer.is_ok() && !is_sealed);
    let mut outer = outer.unwrap_or_default();
    let (payloads, outside) = match inside {
        Some(payloads) => {
            outer.retain(|payload| !sealed(payload));
            (payloads.to_vec(), outer)
        }
        None => (outer, Vec::new()),
    };
    ike_content(raw.header, (payloads, outside), readable, octets.to_vec(), fragment)
}

/// An IKE message for a pattern.
pub(crate) fn ike_content(
    header: Header,
    (payloads, outside): (Vec<Payload>, Vec<Payload>),
    readable: bool,
    octets: Vec<u8>,
    fragment: Option<u16>,
) -> Content {
    let inner = None;
    let ike = IkeContent { header, payloads, outside, readable, octets, inner, fragment };
    Content::Ike(Box::new(ike))
}
