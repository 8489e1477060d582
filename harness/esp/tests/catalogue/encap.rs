//! ESP in UDP, RFC 3948.

use ikelab_ambient::Instant;
use ikelab_esp::{Dropped, SaConfig};
use ikelab_wire::ip::{
    IpPacket, IpView, KEEPALIVE, Udp, UdpPayload, UdpView, classify, repair_checksum, with_marker,
};
use ikelab_wire::registry::IpProtocol;

use super::support::{
    CBC, GCM, address, arrives, ends, fate, of_ipv6, over_ipv6, ping, ping_between, sa, seal,
    transport,
};

fn in_udp(config: SaConfig) -> SaConfig {
    SaConfig { encapsulated: true, ..config }
}

#[test]
fn esp_udp_01_the_layout_over_ipv4_and_ipv6() {
    for protection in [GCM, CBC] {
        let mut behind_nat = in_udp(sa(protection));
        behind_nat.remote.set_port(61_000);
        let mut over_six = over_ipv6(of_ipv6(behind_nat.clone()));
        over_six.remote.set_port(61_000);
        for (config, packet) in
            [(behind_nat, ping(8)), (over_six, ping_between("fd01::1", "fd02::1", 8))]
        {
            let sealed = seal(&mut ends(&config).0, &packet);
            let outer = IpView::parse(&sealed).unwrap();
            let udp = UdpView::parse(outer.payload()).unwrap();
            assert_eq!((udp.src_port, udp.dst_port), (4500, 61_000));
            assert_eq!(udp.checksum == 0, outer.src.is_ipv4(), "none over IPv4");
            assert!(udp.checksum_fits(outer.src, outer.dst));
            assert_eq!(udp.payload[..4], config.spi_out.to_octets(), "the SPI first, no marker");
            assert_eq!(udp.payload[4..8], [0, 0, 0, 1]);
            assert_eq!(outer.payload().len(), 8 + udp.payload.len());
        }
    }
}

#[test]
fn esp_udp_02_a_checksum_that_is_there_and_right_is_accepted() {
    let config = in_udp(sa(GCM));
    let (mut near, mut far) = ends(&config);
    let outer = IpPacket::parse(&seal(&mut near, &ping(8))).unwrap();
    let payload = UdpView::parse(&outer.payload).unwrap().payload.to_vec();
    let datagram = Udp { src_port: 4500, dst_port: 4500, payload }.emit(outer.src, outer.dst);
    assert_ne!(UdpView::parse(&datagram).unwrap().checksum, 0);
    let summed = IpPacket { payload: datagram, ..outer }.emit();
    assert_eq!(arrives(&mut far, &summed), Ok(ping(8)));
    assert_eq!(classify(&KEEPALIVE), UdpPayload::Keepalive);
}

#[test]
fn esp_udp_03_checksums_inside_are_repaired_in_transport_mode_and_absent_ones_stay_absent() {
    let (src, nat, dst) = (address("192.168.1.1"), address("192.168.1.77"), address("192.168.2.1"));
    let udp = Udp { src_port: 9, dst_port: 53, payload: b"query".to_vec() };
    let mut segment = [0x11; 31];
    repair_checksum(IpProtocol::TCP, src, dst, &mut segment);
    let mut expected = segment;
    repair_checksum(IpProtocol::TCP, nat, dst, &mut expected);
    assert_ne!(segment, expected);
    // A sender whose card was to compute the checksum has left half of it.
    let mut offloaded = segment;
    offloaded[16..18].fill(0xaa);
    let cases = [
        (IpProtocol::UDP, udp.emit(src, dst), udp.emit(nat, dst)),
        (IpProtocol::UDP, udp.emit_without_checksum(), udp.emit_without_checksum()),
        (IpProtocol::TCP, segment.to_vec(), expected.to_vec()),
        (IpProtocol::TCP, offloaded.to_vec(), expected.to_vec()),
    ];
    for (protocol, sent, delivered) in cases {
        let (mut near, mut far) = ends(&in_udp(transport(GCM)));
        let packet = IpPacket::new(src, dst, protocol, sent).emit();
        let sealed = IpPacket::parse(&seal(&mut near, &packet)).unwrap();
        let translated = IpPacket { src: nat, ..sealed }.emit();
        let arrived = arrives(&mut far, &translated).unwrap();
        assert_eq!(IpPacket::parse(&arrived).unwrap().payload, delivered, "{protocol}");
    }
}

#[test]
fn esp_udp_04_ten_thousand_datagrams_on_port_4500_are_told_apart() {
    let config = in_udp(sa(GCM));
    let (mut near, mut far) = ends(&config);
    let (mut ike, mut keepalives, mut malformed, mut delivered, mut junk) = (0, 0, 0, 0, 0);
    for round in 0..10_000_u32 {
        let payload = match round % 5 {
            0 => with_marker(&round.to_be_bytes()),
            1 => KEEPALIVE.to_vec(),
            2 => vec![0xff; 2 + round as usize % 6],
            3 => [&0x1234_0000_u32.to_be_bytes(), [round as u8; 40].as_slice()].concat(),
            _ => {
                let sealed = IpPacket::parse(&seal(&mut near, &ping(8))).unwrap();
                UdpView::parse(&sealed.payload).unwrap().payload.to_vec()
            }
        };
        match classify(&payload) {
            UdpPayload::Ike(message) => {
                assert_eq!(message, round.to_be_bytes());
                ike += 1;
            }
            UdpPayload::Keepalive => keepalives += 1,
            UdpPayload::Malformed => malformed += 1,
            UdpPayload::Esp(esp) => {
                let ends = (config.local.ip(), config.remote.ip());
                let outer = IpPacket::new(ends.0, ends.1, IpProtocol::UDP, Vec::new()).emit();
                let mut out = Vec::new();
                far.inbound(Instant::ZERO, &IpView::parse(&outer).unwrap(), esp, &mut out);
                match fate(&out) {
                    Ok(packet) => {
                        assert_eq!(packet, ping(8));
                        delivered += 1;
                    }
                    Err(_) => junk += 1,
                }
            }
        }
    }
    assert_eq!((ike, keepalives, malformed, delivered, junk), (2000, 2000, 2000, 2000, 2000));
    assert_eq!(far.counters().dropped(Dropped::UnknownSpi), 2000);
    assert_eq!(far.counters().opened, 2000);
}
