//! Runs that a test makes up.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_scenario::{Scenario, Tables, Verdict, parse};
use ikelab_trace::{
    Fact, Fate, HostId, HostInfo, IfaceInfo, LinkId, LinkInfo, Origin, Record, Sent, Trace,
};
use ikelab_wire::ike::{Flags, Header, IkeSpi, Message, Version};
use ikelab_wire::ip::{IpPacket, Udp};
use ikelab_wire::payload::{Body, KeyExchange, Nonce, Payload, Proposal, SecurityAssociation};
use ikelab_wire::registry::{ExchangeType, IpProtocol, KeId, Protocol};

/// A scenario with an `expect:` section of the test's own.
pub(crate) fn scenario(expect: &str) -> Scenario {
    static TABLES: OnceLock<Arc<Tables>> = OnceLock::new();
    let text = format!(
        "ikelab: 1
name: made-up
covers: [R7296-2.3-04]
duration: 2m
net:
  hosts:
    R1: {{ifaces: {{lan: 192.168.1.1/24, wan: 10.0.0.1/24}}}}
    R2: {{ifaces: {{lan: 192.168.2.1/24, wan: 10.0.0.2/24}}}}
  links:
    wan: {{between: [R1.wan, R2.wan]}}
tunnels:
  site:
    auth: {{psk: \"a secret\"}}
    ends: {{R1: {{via: wan}}, R2: {{via: wan}}}}
    children:
      - {{name: net, between: [192.168.1.0/24, 192.168.2.0/24]}}
steps:
  - at: 0s
    ping: {{from: R1.lan, to: R2.lan, count: 3}}
expect:
{expect}"
    );
    let found = parse("made-up.yaml", &text, TABLES.get_or_init(|| Arc::new(Tables::builtin())));
    found.unwrap_or_else(|found| panic!("{}", found[0]))
}

pub(crate) const R1: u16 = 0;
pub(crate) const R2: u16 = 1;

/// A run that a test tells.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) records: Vec<Record>,
}

impl Story {
    pub(crate) fn fact(mut self, at_ms: u64, host: u16, fact: Fact) -> Self {
        let at = Instant::from_nanos(at_ms * 1_000_000);
        let seq = self.records.len() as u64;
        self.records.push(Record { at, host: HostId(host), seq, fact });
        self
    }

    pub(crate) fn packet(self, at_ms: u64, from: u16, packet: &IpPacket, lost: bool) -> Self {
        let arrival = Instant::from_nanos(at_ms * 1_000_000) + Duration::from_millis(1);
        let fate = if lost {
            Fate::Lost { reason: "loss".into() }
        } else {
            Fate::Arrives { host: HostId(1 - from), iface: 1, at: arrival, altered: None }
        };
        let sent = Sent {
            link: LinkId(0),
            octets: packet.emit().into(),
            fates: vec![fate],
            origin: Origin::Here,
            overheard: Vec::new(),
        };
        self.fact(at_ms, from, Fact::Sent(sent))
    }

    pub(crate) fn ike_octets(self, at_ms: u64, from: u16, octets: Vec<u8>, lost: bool) -> Self {
        let (src, dst) = ends(from, 1);
        let udp = Udp { src_port: 500, dst_port: 500, payload: octets }.emit(src, dst);
        self.packet(at_ms, from, &ip(src, dst, IpProtocol::UDP, udp), lost)
    }

    pub(crate) fn ike(self, at_ms: u64, from: u16, message: &Message) -> Self {
        self.ike_octets(at_ms, from, message.emit(), false)
    }

    pub(crate) fn lost(self, at_ms: u64, from: u16, message: &Message) -> Self {
        self.ike_octets(at_ms, from, message.emit(), true)
    }

    pub(crate) fn trace(self) -> Trace {
        let host = |name: &str, lan: [u8; 4], wan: [u8; 4]| HostInfo {
            name: name.to_owned(),
            ifaces: vec![iface("lan", lan, None), iface("wan", wan, Some(LinkId(0)))],
        };
        Trace {
            hosts: vec![
                host("R1", [192, 168, 1, 1], [10, 0, 0, 1]),
                host("R2", [192, 168, 2, 1], [10, 0, 0, 2]),
            ],
            links: vec![LinkInfo { name: "wan".to_owned() }],
            records: self.records,
        }
    }

    pub(crate) fn judge(self, expect: &str) -> Verdict {
        let scenario = scenario(expect);
        scenario.judge(&scenario.cells[0], &self.trace())
    }
}

pub(crate) fn iface(name: &str, address: [u8; 4], link: Option<LinkId>) -> IfaceInfo {
    IfaceInfo { name: name.to_owned(), addresses: vec![(IpAddr::from(address), 24)], link }
}

/// Source and destination on the WAN (1) or between the LANs (0).
pub(crate) fn ends(from: u16, iface: usize) -> (IpAddr, IpAddr) {
    let all = [[[192, 168, 1, 1], [10, 0, 0, 1]], [[192, 168, 2, 1], [10, 0, 0, 2]]];
    let place = usize::from(from);
    (IpAddr::from(all[place][iface]), IpAddr::from(all[1 - place][iface]))
}

pub(crate) fn ip(src: IpAddr, dst: IpAddr, protocol: IpProtocol, payload: Vec<u8>) -> IpPacket {
    IpPacket {
        src,
        dst,
        protocol,
        ttl: 64,
        dscp_ecn: 0,
        dont_fragment: false,
        identification: 0,
        fragment: None,
        payload,
    }
}

pub(crate) fn message(
    exchange: ExchangeType,
    id: u32,
    response: bool,
    payloads: Vec<Body>,
) -> Message {
    let flags = if response { Flags::RESPONSE } else { Flags::INITIATOR };
    let header = Header {
        initiator_spi: IkeSpi(1),
        responder_spi: IkeSpi(if response { 2 } else { 0 }),
        version: Version::IKEV2,
        exchange,
        flags,
        message_id: id,
    };
    Message { header, payloads: payloads.into_iter().map(Payload::from).collect() }
}

pub(crate) fn offer(text: &str) -> Body {
    Body::Sa(SecurityAssociation {
        proposals: vec![Proposal::from_text(text, Protocol::IKE, 1).unwrap()],
    })
}

pub(crate) fn ke(group: KeId) -> Body {
    Body::Ke(KeyExchange { group, data: vec![7; 32] })
}

pub(crate) fn nonce() -> Body {
    Body::Nonce(Nonce(vec![9; 32]))
}
