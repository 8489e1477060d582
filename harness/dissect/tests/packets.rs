//! Packets of every kind, made here and read by the dissector.

use std::net::{IpAddr, Ipv4Addr};

use ikelab_crypto::{Encr, EspCipher, Integ, Protection};
use ikelab_dissect::keys::{Algorithms, EspKeys};
use ikelab_dissect::{Dissected, Dissector, EspPacket, Icv, KeyTable, Packet};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::{IcmpEcho, IcmpMessage, IpPacket, Udp};
use ikelab_wire::registry::IpProtocol;

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const C: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3));
const CBC: Encr = Encr::AesCbc { key_bits: 128 };
const GCM: Encr = Encr::AesGcm16 { key_bits: 128 };

fn keys(src: Option<IpAddr>, encr: Encr, integ: Option<Integ>, octet: u8) -> EspKeys {
    EspKeys {
        src,
        dst: None,
        spi: Some(EspSpi(0xc000_0001)),
        algorithms: Algorithms::new(encr, integ).unwrap(),
        encr: vec![octet; encr.key_len()],
        integ: vec![octet; integ.map_or(0, Integ::key_len)],
        esn: None,
    }
}

fn table(keys: &[EspKeys]) -> KeyTable {
    let mut table = KeyTable::default();
    for keys in keys {
        table.add_esp(keys.clone()).unwrap();
    }
    table
}

/// An ESP packet around a ping.
fn sealed(keys: &EspKeys, sequence: u64) -> Vec<u8> {
    let integ = match keys.algorithms.check {
        ikelab_dissect::keys::Check::Integ(integ) => Some(integ),
        _ => None,
    };
    let protection = Protection { encr: keys.algorithms.encr, integ };
    let cipher = EspCipher::new(protection, &keys.encr, &keys.integ);
    let [h0, h1, h2, h3, low @ ..] = sequence.to_be_bytes();
    let high = u32::from_be_bytes([h0, h1, h2, h3]);
    let mut packet = keys.spi.unwrap().to_octets().to_vec();
    packet.extend(low);
    packet.extend(vec![7; cipher.iv_len()]);
    packet.extend(ping());
    cipher.pad(&mut packet, 0, 4);
    cipher.seal(&mut packet, 0, (keys.esn == Some(true)).then_some(high));
    packet
}

fn ping() -> Vec<u8> {
    let echo = IcmpEcho { reply: false, identifier: 1, sequence: 1, data: vec![0; 8] };
    let src = Ipv4Addr::new(192, 168, 1, 1).into();
    let dst = Ipv4Addr::new(192, 168, 2, 1).into();
    IcmpMessage::Echo(echo).to_packet(src, dst).emit()
}

fn esp_packet(src: IpAddr, esp: Vec<u8>) -> Vec<u8> {
    IpPacket::new(src, B, IpProtocol::ESP, esp).emit()
}

fn udp_packet(ports: (u16, u16), payload: Vec<u8>) -> Vec<u8> {
    let udp = Udp { src_port: ports.0, dst_port: ports.1, payload };
    IpPacket::new(A, B, IpProtocol::UDP, udp.emit(A, B)).emit()
}

fn feed(dissector: &mut Dissector, octets: &[u8]) -> Vec<Dissected> {
    dissector.feed(Packet { frame: 1, time_ns: 0, octets })
}

fn esp(dissector: &mut Dissector, octets: &[u8]) -> EspPacket {
    match feed(dissector, octets).pop() {
        Some(Dissected::Esp(packet)) => packet,
        other => panic!("{other:?}"),
    }
}

#[test]
fn extended_sequence_numbers_are_found_out_and_followed_over_the_turn() {
    for (encr, integ) in [(GCM, None), (CBC, Some(Integ::HmacSha256_128))] {
        let keys = EspKeys { esn: Some(true), ..keys(None, encr, integ, 1) };
        let unknown = EspKeys { esn: None, ..keys.clone() };
        let mut dissector = Dissector::new(&table(&[unknown]));
        for sequence in [1, 0xffff_fffe, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, 0xffff_fff0] {
            let read = esp(&mut dissector, &esp_packet(A, sealed(&keys, sequence)));
            assert_eq!((read.icv, read.sequence), (Icv::Good, sequence));
        }
    }
}

#[test]
fn one_spi_between_several_pairs_of_addresses_has_several_keys() {
    let first = keys(Some(A), GCM, None, 1);
    let second = keys(Some(C), GCM, None, 2);
    let mut dissector = Dissector::new(&table(&[first.clone(), second.clone()]));
    for (src, keys) in [(A, &first), (C, &second)] {
        let read = esp(&mut dissector, &esp_packet(src, sealed(keys, 1)));
        assert_eq!(read.icv, Icv::Good);
        assert_eq!(read.inner.unwrap().words, "ICMP echo-request 192.168.1.1 > 192.168.2.1");
    }
    let moved = esp(&mut dissector, &esp_packet(C, sealed(&first, 2)));
    assert_eq!(moved.icv, Icv::Good, "behind a NAT the keys are those of the SPI");
}

#[test]
fn a_forged_packet_is_bad_and_one_of_no_known_sa_is_unknown() {
    let known = keys(None, CBC, Some(Integ::HmacSha1_96), 1);
    let mut dissector = Dissector::new(&table(std::slice::from_ref(&known)));
    let mut forged = sealed(&known, 1);
    *forged.last_mut().unwrap() ^= 1;
    let read = esp(&mut dissector, &esp_packet(A, forged));
    assert_eq!((read.icv, read.inner), (Icv::Bad, None));
    let other = EspKeys { spi: Some(EspSpi(9)), ..known };
    let read = esp(&mut dissector, &esp_packet(A, sealed(&other, 1)));
    assert_eq!((read.icv, read.inner, read.spi), (Icv::Unknown, None, EspSpi(9)));
}

#[test]
fn port_4500_carries_keepalives_esp_and_ike_behind_its_marker() {
    let known = keys(None, GCM, None, 1);
    let mut dissector = Dissector::new(&table(std::slice::from_ref(&known)));
    let keepalive = feed(&mut dissector, &udp_packet((4500, 4500), vec![0xff]));
    assert!(matches!(keepalive.as_slice(), [Dissected::Keepalive(_)]), "{keepalive:?}");
    let read = esp(&mut dissector, &udp_packet((4500, 61_000), sealed(&known, 5)));
    assert_eq!((read.icv, read.sequence, read.dst.port()), (Icv::Good, 5, 61_000));
    let request = init_request();
    let marked = [&[0; 4][..], &request].concat();
    for (ports, payload) in
        [((500, 500), &request), ((4500, 4500), &marked), ((9_000, 9_001), &request)]
    {
        let read = feed(&mut dissector, &udp_packet(ports, payload.clone()));
        assert!(matches!(read.as_slice(), [Dissected::Ike(_)]), "{ports:?} {read:?}");
    }
}

/// A header and a nonce.
fn init_request() -> Vec<u8> {
    let mut message = vec![1; 8];
    message.extend([0; 8]);
    message.extend([40, 0x20, 34, 0x08, 0, 0, 0, 0, 0, 0, 0, 36]);
    message.extend([0, 0, 0, 8, 1, 2, 3, 4]);
    message
}

#[test]
fn a_message_in_ip_fragments_is_read_at_the_last_of_them() {
    let whole = udp_packet((500, 500), init_request());
    let (header, payload) = whole.split_at(20);
    let mut parts = Vec::new();
    for (offset, more) in [(24, false), (0, true), (8, true), (16, true)] {
        let end = if more { offset + 8 } else { payload.len() };
        let mut part = header.to_vec();
        part.extend(&payload[offset..end]);
        let length = u16::try_from(part.len()).unwrap();
        part[2..4].copy_from_slice(&length.to_be_bytes());
        let flags = u16::try_from(offset / 8).unwrap() | if more { 0x2000 } else { 0 };
        part[6..8].copy_from_slice(&flags.to_be_bytes());
        parts.push(part);
    }
    let mut dissector = Dissector::new(&KeyTable::default());
    for part in &parts[..3] {
        assert_eq!(feed(&mut dissector, part), []);
    }
    let read = feed(&mut dissector, &parts[3]);
    assert!(matches!(read.as_slice(), [Dissected::Ike(_)]), "{read:?}");
}

#[test]
fn a_message_that_the_capture_cut_is_read_as_far_as_it_goes() {
    let packet = udp_packet((500, 500), init_request());
    let read = feed(&mut Dissector::new(&KeyTable::default()), &packet[..packet.len() - 4]);
    let [
        Dissected::Problem(cut),
        Dissected::Problem(short),
        Dissected::Problem(chain),
        Dissected::Ike(message),
    ] = read.as_slice()
    else {
        panic!("{read:?}")
    };
    assert_eq!(cut.what, "4 octets are missing at the end of the packet");
    assert_eq!(short.what, "IKE: the header tells of 36 octets, 32 are there");
    assert_eq!(chain.what, "IKE: payload NONCE at 0 does not fit in 4 octets");
    assert_eq!(message.header.exchange.0, 34);
}
