//! Stories about the engine, and the two gateways that most of them are told of.

mod captures;
mod choice;
mod extensions;
mod fragments;
mod lifetime;
mod outer;
mod path_mtu;
mod policy;
mod reasons;
mod rfc3602;
mod sealing;
mod shape;

use std::net::{IpAddr, SocketAddr};

use ikelab_ambient::{Instant, Seeded};
use ikelab_crypto::{Encr, Integ, Protection, Secret};
use ikelab_trace::{EspEvent, EspMode};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::{IcmpEcho, IcmpMessage, IpPacket, IpView, UdpPayload, UdpView, classify};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;

use crate::{Action, Esp, Output, Policy, SaConfig, SaKeys};

pub(crate) const GCM: Protection =
    Protection { encr: Encr::AesGcm16 { key_bits: 256 }, integ: None };
pub(crate) const CBC: Protection =
    Protection { encr: Encr::AesCbc { key_bits: 128 }, integ: Some(Integ::HmacSha256_128) };

/// Every kind of suite: AEADs of each family and tag length, and ciphers beside a MAC.
pub(crate) const SUITES: [Protection; 9] = [
    GCM,
    CBC,
    Protection { encr: Encr::AesGcm8 { key_bits: 128 }, integ: None },
    Protection { encr: Encr::AesCcm12 { key_bits: 192 }, integ: None },
    Protection { encr: Encr::ChaCha20Poly1305, integ: None },
    Protection { encr: Encr::AesCbc { key_bits: 256 }, integ: Some(Integ::HmacSha512_256) },
    Protection { encr: Encr::AesCbc { key_bits: 192 }, integ: Some(Integ::HmacSha1_96) },
    Protection { encr: Encr::AesCtr { key_bits: 128 }, integ: Some(Integ::HmacSha384_192) },
    Protection { encr: Encr::Null, integ: Some(Integ::HmacSha256_128) },
];

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn net(text: &str) -> SelectorRange {
    let (prefix, length) = text.split_once('/').expect("prefix/length");
    SelectorRange::from_prefix(address(prefix), length.parse().expect("a length"))
}

pub(crate) fn policy(name: &str, local: &str, remote: &str, action: Action) -> Policy {
    Policy {
        name: name.into(),
        local: vec![net(local)],
        remote: vec![net(remote)],
        action,
        at_boundary: false,
    }
}

/// The policy of the gateway before 192.168.1.0/24.
pub(crate) fn policy_a() -> Policy {
    policy("site.net", "192.168.1.0/24", "192.168.2.0/24", Action::Protect)
}

fn key(number: u32, direction: u8, len: usize) -> Secret {
    let octets: Vec<u8> =
        (0_u8..=255).cycle().map(|octet| octet ^ direction ^ number as u8).take(len).collect();
    Secret::from(octets)
}

/// The `number`th Child SA of the gateway before 192.168.1.0/24, with keys of its own.
pub(crate) fn config_a(number: u32, protection: Protection) -> SaConfig {
    SaConfig {
        policy: "site.net".into(),
        spi_in: EspSpi(0xa000_0000 + number),
        spi_out: EspSpi(0xb000_0000 + number),
        local: SocketAddr::new(address("10.0.0.1"), 4500),
        remote: SocketAddr::new(address("10.0.0.2"), 4500),
        encapsulated: false,
        mode: EspMode::Tunnel,
        protection,
        keys: SaKeys {
            encr_out: key(number, 1, protection.encr_key_len()),
            integ_out: key(number, 2, protection.integ_key_len()),
            encr_in: key(number, 3, protection.encr_key_len()),
            integ_in: key(number, 4, protection.integ_key_len()),
        },
        local_ts: vec![net("192.168.1.0/24")],
        remote_ts: vec![net("192.168.2.0/24")],
        esn: false,
        replay_window: 64,
        non_first_fragments: true,
        send_at_once: true,
        replaces: None,
        outer: crate::OuterPolicy::default(),
        refuses_tfc: false,
        lifetime: crate::Lifetime::default(),
    }
}

/// The same Child SA as the peer has it.
pub(crate) fn mirrored(config: &SaConfig) -> SaConfig {
    let SaKeys { encr_out, integ_out, encr_in, integ_in } = config.keys.clone();
    SaConfig {
        spi_in: config.spi_out,
        spi_out: config.spi_in,
        local: config.remote,
        remote: config.local,
        keys: SaKeys {
            encr_out: encr_in,
            integ_out: integ_in,
            encr_in: encr_out,
            integ_in: integ_out,
        },
        local_ts: config.remote_ts.clone(),
        remote_ts: config.local_ts.clone(),
        ..config.clone()
    }
}

/// Two gateways with this Child SA between them, the near one first.
pub(crate) fn gateways(config: SaConfig) -> (Esp, Esp) {
    let near =
        Policy { local: config.local_ts.clone(), remote: config.remote_ts.clone(), ..policy_a() };
    let far = Policy { local: near.remote.clone(), remote: near.local.clone(), ..near.clone() };
    let (mut a, mut b) = (Esp::new(vec![near]), Esp::new(vec![far]));
    b.install(mirrored(&config));
    a.install(config);
    (a, b)
}

/// An echo request with this many octets of data, as a host before a gateway sends it.
pub(crate) fn ping(src: &str, dst: &str, size: usize) -> Vec<u8> {
    let (src, dst) = (address(src), address(dst));
    let data = (0_u8..=255).cycle().take(size).collect();
    let echo = IcmpEcho { reply: false, identifier: 1, sequence: 1, data };
    let protocol = if src.is_ipv4() { IpProtocol::ICMP } else { IpProtocol::ICMPV6 };
    IpPacket::new(src, dst, protocol, IcmpMessage::Echo(echo).emit(src, dst)).emit()
}

/// From one network to the other.
pub(crate) fn request() -> Vec<u8> {
    ping("192.168.1.1", "192.168.2.1", 56)
}

pub(crate) fn send_at(esp: &mut Esp, now: Instant, packet: &[u8]) -> Vec<Output> {
    let mut out = Vec::new();
    esp.outbound(now, &mut Seeded::new(1, "esp"), packet.to_vec(), &mut out);
    out
}

pub(crate) fn send(esp: &mut Esp, packet: &[u8]) -> Vec<Output> {
    send_at(esp, Instant::ZERO, packet)
}

/// Does what a host does with a packet for it: finds the ESP in it.
pub(crate) fn receive(esp: &mut Esp, packet: &[u8]) -> Vec<Output> {
    let mut out = Vec::new();
    let outer = IpView::parse(packet).expect("an outer packet");
    let udp;
    let octets = if outer.protocol == IpProtocol::UDP {
        udp = UdpView::parse(outer.payload()).expect("a datagram");
        assert!(udp.checksum_fits(outer.src, outer.dst));
        let UdpPayload::Esp(octets) = classify(udp.payload) else { panic!("not ESP in UDP") };
        octets
    } else {
        assert_eq!(outer.protocol, IpProtocol::ESP);
        outer.payload()
    };
    esp.inbound(Instant::ZERO, &outer, octets, &mut out);
    out
}

/// The sealed packet among the outputs.
pub(crate) fn sealed(outputs: &[Output]) -> Option<Vec<u8>> {
    outputs.iter().find_map(|output| match output {
        Output::Transmit(packet) => Some(packet.clone()),
        _ => None,
    })
}

/// The opened packet among the outputs.
pub(crate) fn delivered(outputs: &[Output]) -> Option<Vec<u8>> {
    outputs.iter().find_map(|output| match output {
        Output::Deliver(packet) => Some(packet.clone()),
        _ => None,
    })
}

/// The name of the reason for which a packet was dropped, either way.
pub(crate) fn reason(outputs: &[Output]) -> Option<&str> {
    outputs.iter().find_map(|output| match output {
        Output::Event(EspEvent::Dropped { reason, .. }) => Some(reason.name()),
        Output::Event(EspEvent::Withheld { reason, .. }) => Some(reason.name()),
        _ => None,
    })
}

/// The inbound SPI of the far end that a sealed packet is for.
pub(crate) fn spi_of(packet: &[u8]) -> EspSpi {
    let outer = IpView::parse(packet).expect("an outer packet");
    EspSpi::from_octets(&outer.payload()[..4]).expect("four octets")
}
