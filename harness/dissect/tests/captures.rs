//! Capture files of every kind, whole and broken.

use ikelab_dissect::{Frames, KeyTable, LinkType, decode, ladder};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::simple_packet::SimplePacketBlock;
use pcap_file::{DataLink, Endianness};
use proptest::prelude::*;
use std::time::Duration;

/// A classic file with two frames: one octet at 1.5 s, two octets at 2 s.
fn classic(magic: u32, fraction: u32, big: bool) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut file = Vec::new();
    file.extend(word(magic));
    file.extend([half(2), half(4)].concat());
    file.extend([word(0), word(0), word(65_535), word(101)].concat());
    file.extend([word(1), word(fraction), word(1), word(1)].concat());
    file.extend([0x45]);
    file.extend([word(2), word(0), word(2), word(60)].concat());
    file.extend([0x46, 0x47]);
    file
}

fn pcapng(endianness: Endianness, resolution: InterfaceTsResolution) -> Vec<u8> {
    let mut writer = PcapNgWriter::with_endianness(Vec::new(), endianness).unwrap();
    let interface = |linktype, options| InterfaceDescriptionBlock { linktype, snaplen: 0, options };
    let resolution = InterfaceDescriptionOption::IfTsResol(resolution);
    writer.write_pcapng_block(interface(DataLink::ETHERNET, Vec::new())).unwrap();
    writer.write_pcapng_block(interface(DataLink::RAW, vec![resolution])).unwrap();
    for (interface_id, data) in [(1, &[0x45, 1, 2][..]), (0, &[0; 14][..])] {
        let packet = EnhancedPacketBlock {
            interface_id,
            timestamp: Duration::from_millis(1_795_000_000_250),
            original_len: 100,
            data: data.into(),
            options: Vec::new(),
        };
        writer.write_pcapng_block(packet).unwrap();
    }
    let simple = SimplePacketBlock { original_len: 3, data: vec![9, 8, 7].into() };
    writer.write_pcapng_block(simple).unwrap();
    writer.into_inner()
}

#[test]
fn classic_files_of_either_byte_order_and_both_units_are_read() {
    for (magic, fraction) in [(0xa1b2_c3d4, 500_000), (0xa1b2_3c4d, 500_000_000)] {
        for big in [false, true] {
            let file = classic(magic, fraction, big);
            let frames: Vec<_> = Frames::read(&file).map(Result::unwrap).collect();
            let [first, second] = frames.as_slice() else { panic!("{frames:?}") };
            assert_eq!((first.number, first.time_ns), (1, 1_500_000_000), "{magic:x} {big}");
            assert_eq!((first.link, first.octets), (LinkType::RAW, &[0x45][..]));
            assert_eq!((second.number, second.octets), (2, &[0x46, 0x47][..]));
            assert_eq!(second.length, 60, "it was longer than what was captured");
        }
    }
}

#[test]
fn pcapng_of_either_byte_order_and_any_unit_is_read() {
    let binary = InterfaceTsResolution::new(true, 20).unwrap();
    for resolution in [InterfaceTsResolution::NANO, InterfaceTsResolution::MILLI, binary] {
        for endianness in [Endianness::Big, Endianness::Little] {
            let file = pcapng(endianness, resolution);
            let frames: Vec<_> = Frames::read(&file).map(Result::unwrap).collect();
            let [raw, ethernet, simple] = frames.as_slice() else { panic!("{frames:?}") };
            let expected = (1, 1_795_000_000_250_000_000, LinkType::RAW, &[0x45, 1, 2][..]);
            assert_eq!((raw.number, raw.time_ns, raw.link, raw.octets), expected);
            assert_eq!((ethernet.number, ethernet.link), (2, LinkType::ETHERNET));
            assert_eq!((simple.link, simple.octets), (LinkType::ETHERNET, &[9, 8, 7][..]));
        }
    }
}

#[test]
fn a_file_that_breaks_off_gives_what_stands_before_and_says_where() {
    let file = classic(0xa1b2_c3d4, 0, false);
    let short = Frames::read(&file[..file.len() - 1]).collect::<Vec<_>>();
    assert!(short[0].is_ok());
    let problem = short[1].as_ref().unwrap_err().to_string();
    assert_eq!(problem, "frame 2: offset 41: the record claims 2 octets, 1 are left");
    assert_eq!(short.len(), 2);

    let file = pcapng(Endianness::Little, InterfaceTsResolution::NANO);
    let short = Frames::read(&file[..file.len() - 4]).collect::<Vec<_>>();
    assert!(short[0].is_ok() && short[1].is_ok());
    let problem = short[2].as_ref().unwrap_err().to_string();
    assert!(problem.starts_with("frame 3: offset "), "{problem}");
    assert!(problem.ends_with("the block claims 20 octets, 16 are left"), "{problem}");
}

#[test]
fn what_is_no_capture_is_said_to_be_none() {
    for (file, words) in [
        (&b"hello"[..], "offset 0: 68656c6c begins neither pcap nor pcapng"),
        (b"", "offset 0: 0 octets are no capture"),
        (&[0xa1, 0xb2, 0xc3, 0xd4, 0], "offset 0: the pcap header has 5 of 24 octets"),
    ] {
        let decoded = decode(file, &KeyTable::default());
        assert_eq!(decoded.problems, [words]);
    }
}

#[test]
fn a_damaged_block_does_not_hide_those_behind_it() {
    let mut file = pcapng(Endianness::Little, InterfaceTsResolution::NANO);
    // the first packet's interface, behind a section header and two descriptions
    let place = file.windows(4).position(|octets| octets == [6, 0, 0, 0]).unwrap() + 8;
    file[place] = 77;
    let frames: Vec<_> = Frames::read(&file).collect();
    let problem = frames[0].as_ref().unwrap_err().to_string();
    assert!(problem.contains("interface 77, which was never described"), "{problem}");
    assert_eq!(frames[1].as_ref().unwrap().number, 2);
}

#[test]
fn a_link_layer_that_is_not_known_is_a_problem_of_its_frames_alone() {
    let mut file = classic(0xa1b2_c3d4, 0, false);
    file[20] = 105;
    let decoded = decode(&file, &KeyTable::default());
    assert_eq!(decoded.problems.len(), 2);
    assert_eq!(decoded.problems[0], "frame 1: link type 105 is not read");
}

/// A capture of a real daemon, for damaging.
const REAL: &[u8] =
    include_bytes!("../../../vectors/captures/pcap/fragmentation-cert-rsa/capture.pcap");
const IKE_KEYS: &str =
    include_str!("../../../vectors/captures/pcap/fragmentation-cert-rsa/ikev2_decryption_table");
const ESP_KEYS: &str = include_str!("../../../vectors/captures/pcap/fragmentation-cert-rsa/esp_sa");

proptest! {
    #[test]
    fn no_octets_make_the_reader_panic(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        let starts: [&[u8]; 3] = [&[], &REAL[..24], &[0x0a, 0x0d, 0x0d, 0x0a]];
        for start in starts {
            let _ = decode(&[start, &octets].concat(), &KeyTable::default());
        }
    }

    #[test]
    fn a_damaged_capture_is_read_on(damage in prop::collection::vec((24..REAL.len(), any::<u8>()), 1..20)) {
        let mut keys = KeyTable::default();
        keys.read_ike("ike", IKE_KEYS);
        keys.read_esp("esp", ESP_KEYS);
        let mut file = REAL.to_vec();
        for (place, octet) in damage {
            file[place] = octet;
        }
        let decoded = decode(&file, &keys);
        prop_assert!(decoded.messages.len() <= 16);
        let _ = ladder(&file, &keys);
    }
}
