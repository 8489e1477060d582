//! Two gateways, what goes between them, and packets that no gateway would make.

use std::net::{IpAddr, SocketAddr};

use ikelab_ambient::{Instant, Seeded};
use ikelab_crypto::{Encr, EspCipher, Integ, Protection, Secret};
use ikelab_esp::{Action, Esp, EspMode, Lifetime, OuterPolicy, Output, Policy, SaConfig, SaKeys};
use ikelab_trace::EspEvent;
use ikelab_wire::esp::EspHeader;
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::{IcmpEcho, IcmpMessage, IpPacket, IpView, UdpPayload, UdpView, classify};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;

pub(crate) const GCM: Protection =
    Protection { encr: Encr::AesGcm16 { key_bits: 256 }, integ: None };
pub(crate) const CBC: Protection =
    Protection { encr: Encr::AesCbc { key_bits: 128 }, integ: Some(Integ::HmacSha256_128) };
pub(crate) const NULL: Protection =
    Protection { encr: Encr::Null, integ: Some(Integ::HmacSha256_128) };

/// A suite of each kind.
pub(crate) const SUITES: [Protection; 8] = [
    GCM,
    CBC,
    NULL,
    Protection { encr: Encr::AesGcm8 { key_bits: 128 }, integ: None },
    Protection { encr: Encr::AesCcm16 { key_bits: 128 }, integ: None },
    Protection { encr: Encr::ChaCha20Poly1305, integ: None },
    Protection { encr: Encr::AesCbc { key_bits: 256 }, integ: Some(Integ::HmacSha512_256) },
    Protection { encr: Encr::AesCtr { key_bits: 192 }, integ: Some(Integ::HmacSha1_96) },
];

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn net(text: &str) -> SelectorRange {
    let (prefix, length) = text.split_once('/').expect("prefix/length");
    SelectorRange::from_prefix(address(prefix), length.parse().expect("a length"))
}

/// The near end of a tunnel; what the tests do not speak of.
pub(crate) fn sa(protection: Protection) -> SaConfig {
    numbered(1, protection)
}

/// The near end of the `number`th Child SA, with keys of its own.
pub(crate) fn numbered(number: u8, protection: Protection) -> SaConfig {
    let key = |direction: u8, len: usize| {
        let octets = (0_u8..=255).cycle().map(|octet| octet ^ direction ^ number.rotate_left(4));
        Secret::from(octets.take(len).collect::<Vec<u8>>())
    };
    SaConfig {
        policy: "site.net".into(),
        spi_in: EspSpi(0xa000_0000 + u32::from(number)),
        spi_out: EspSpi(0xb000_0000 + u32::from(number)),
        local: SocketAddr::new(address("10.0.0.1"), 4500),
        remote: SocketAddr::new(address("10.0.0.2"), 4500),
        encapsulated: false,
        mode: EspMode::Tunnel,
        protection,
        keys: SaKeys {
            encr_out: key(1, protection.encr_key_len()),
            integ_out: key(2, protection.integ_key_len()),
            encr_in: key(3, protection.encr_key_len()),
            integ_in: key(4, protection.integ_key_len()),
        },
        local_ts: vec![net("192.168.1.0/24")],
        remote_ts: vec![net("192.168.2.0/24")],
        esn: false,
        replay_window: 64,
        non_first_fragments: true,
        send_at_once: true,
        replaces: None,
        outer: OuterPolicy::default(),
        refuses_tfc: false,
        lifetime: Lifetime::default(),
    }
}

/// The same in transport mode between two hosts.
pub(crate) fn transport(protection: Protection) -> SaConfig {
    SaConfig {
        mode: EspMode::Transport,
        local: SocketAddr::new(address("192.168.1.1"), 4500),
        remote: SocketAddr::new(address("192.168.2.1"), 4500),
        ..sa(protection)
    }
}

/// The same over IPv6.
pub(crate) fn over_ipv6(config: SaConfig) -> SaConfig {
    let ends = match config.mode {
        EspMode::Tunnel => ["[fd00::1]:4500", "[fd00::2]:4500"],
        EspMode::Transport => ["[fd01::1]:4500", "[fd02::1]:4500"],
    };
    let [local, remote] = ends.map(|end| end.parse().expect("an end"));
    SaConfig { local, remote, ..config }
}

/// The same for networks of IPv6.
pub(crate) fn of_ipv6(config: SaConfig) -> SaConfig {
    SaConfig { local_ts: vec![net("fd01::/64")], remote_ts: vec![net("fd02::/64")], ..config }
}

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

pub(crate) fn policy(config: &SaConfig) -> Policy {
    Policy {
        name: config.policy.clone(),
        local: config.local_ts.clone(),
        remote: config.remote_ts.clone(),
        action: Action::Protect,
        at_boundary: false,
    }
}

/// Both ends of an SA, the near one first.
pub(crate) fn ends(near: &SaConfig) -> (Esp, Esp) {
    let far = mirrored(near);
    let end = |config: &SaConfig| {
        let mut esp = Esp::new(vec![policy(config)]);
        assert!(esp.install(config.clone()));
        esp
    };
    (end(near), end(&far))
}

pub(crate) fn ping_between(src: &str, dst: &str, size: usize) -> Vec<u8> {
    let (src, dst) = (address(src), address(dst));
    let data = (0_u8..=255).cycle().take(size).collect();
    let echo = IcmpEcho { reply: false, identifier: 1, sequence: 1, data };
    IcmpMessage::Echo(echo).to_packet(src, dst).emit()
}

/// An echo request with this many octets of data from the near network to the far one.
pub(crate) fn ping(size: usize) -> Vec<u8> {
    ping_between("192.168.1.1", "192.168.2.1", size)
}

pub(crate) fn send(esp: &mut Esp, packet: &[u8]) -> Vec<Output> {
    let mut out = Vec::new();
    esp.outbound(Instant::ZERO, &mut Seeded::new(1, "esp"), packet.to_vec(), &mut out);
    out
}

/// The sealed form of a packet.
pub(crate) fn seal(esp: &mut Esp, packet: &[u8]) -> Vec<u8> {
    sealed(send(esp, packet)).expect("a sealed packet")
}

pub(crate) fn sealed(out: Vec<Output>) -> Option<Vec<u8>> {
    out.into_iter().find_map(|output| match output {
        Output::Transmit(packet) => Some(packet),
        _ => None,
    })
}

/// Does what a host does with a packet for it: finds the ESP in it.
pub(crate) fn receive(esp: &mut Esp, packet: &[u8]) -> Vec<Output> {
    let outer = IpView::parse(packet).expect("an outer packet");
    let octets = match outer.protocol {
        IpProtocol::UDP => {
            let udp = UdpView::parse(outer.payload()).expect("a datagram");
            assert!(udp.checksum_fits(outer.src, outer.dst));
            let UdpPayload::Esp(octets) = classify(udp.payload) else { panic!("not ESP in UDP") };
            octets
        }
        _ => outer.payload(),
    };
    let mut out = Vec::new();
    esp.inbound(Instant::ZERO, &outer, octets, &mut out);
    out
}

/// What becomes of a packet: what is delivered, or the reason for which nothing is.
pub(crate) fn fate(out: &[Output]) -> Result<Vec<u8>, String> {
    for output in out {
        match output {
            Output::Deliver(packet) => return Ok(packet.clone()),
            Output::Event(EspEvent::Dropped { reason, .. }) => return Err(reason.to_string()),
            Output::Event(EspEvent::Withheld { reason, .. }) => return Err(reason.to_string()),
            _ => {}
        }
    }
    panic!("neither delivered nor dropped: {out:?}")
}

/// The far end's verdict on a packet.
pub(crate) fn arrives(esp: &mut Esp, packet: &[u8]) -> Result<Vec<u8>, String> {
    fate(&receive(esp, packet))
}

/// Asserts that a packet is dropped for a reason, and delivers nothing.
#[track_caller]
pub(crate) fn refused(esp: &mut Esp, packet: &[u8], reason: &str) {
    assert_eq!(arrives(esp, packet), Err(reason.to_owned()));
}

/// The ESP packet that the near end of an SA would make of a sequence number and a plaintext with
/// its trailer.
pub(crate) fn esp_of(config: &SaConfig, sequence: u64, text: &[u8]) -> Vec<u8> {
    let cipher = EspCipher::new(config.protection, &config.keys.encr_out, &config.keys.integ_out);
    let mut packet = EspHeader { spi: config.spi_out, sequence: sequence as u32 }.emit().to_vec();
    packet.resize(cipher.payload_offset(), 7);
    packet.extend_from_slice(text);
    cipher.seal(&mut packet, 0, config.esn.then_some((sequence >> 32) as u32));
    packet
}

/// The same in an IP packet.
pub(crate) fn craft(config: &SaConfig, sequence: u64, text: &[u8]) -> Vec<u8> {
    in_ip(config, esp_of(config, sequence, text))
}

pub(crate) fn in_ip(config: &SaConfig, esp: Vec<u8>) -> Vec<u8> {
    IpPacket::new(config.local.ip(), config.remote.ip(), IpProtocol::ESP, esp).emit()
}

/// A packet with the least padding, pad length and next header.
pub(crate) fn with_trailer(config: &SaConfig, payload: &[u8], next_header: u8) -> Vec<u8> {
    let block = config.protection.encr.block_len().max(4);
    let pad = (payload.len() + 2).next_multiple_of(block) - (payload.len() + 2);
    let mut text = payload.to_vec();
    text.extend(1..=u8::try_from(pad).expect("short padding"));
    text.extend([pad as u8, next_header]);
    text
}

/// A ping that the near end gave this sequence number.
pub(crate) fn numbered_ping(config: &SaConfig, sequence: u64) -> Vec<u8> {
    craft(config, sequence, &with_trailer(config, &ping(8), 4))
}
