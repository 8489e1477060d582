//! Laws that hold for every message and every string of octets.

use ikelab_wire::ike::{Header, Message};
use ikelab_wire::ip::{IcmpMessage, IpPacket, IpView, Udp, UdpView, classify, decrement_ttl};
use ikelab_wire::payload::{Proposal, parse_chain};
use ikelab_wire::registry::{PayloadType, Protocol};
use ikelab_wire::{notation, testing};
use proptest::prelude::*;
use proptest::sample::Index;

proptest! {
    #[test]
    fn what_is_emitted_parses_back(message in testing::message()) {
        prop_assert_eq!(Message::parse(&message.emit()), Ok(message));
    }

    #[test]
    fn what_parses_after_a_change_is_stable(
        message in testing::message(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut octets = message.emit();
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if let Ok(parsed) = Message::parse(&octets) {
            tell(&parsed);
            // Reserved octets are not kept, and everything else is.
            prop_assert_eq!(parsed.emit().len(), octets.len());
            prop_assert_eq!(Message::parse(&parsed.emit()), Ok(parsed));
        }
    }

    #[test]
    fn a_message_cut_at_any_length_is_an_error(message in testing::message()) {
        let octets = message.emit();
        for length in 0..octets.len() {
            prop_assert!(Message::parse(&octets[..length]).is_err());
        }
    }

    #[test]
    fn a_cut_message_that_owns_up_to_its_length_breaks_nothing(message in testing::message()) {
        let octets = message.emit();
        for length in Header::LENGTH..octets.len() {
            let mut cut = octets[..length].to_vec();
            cut[24..28].copy_from_slice(&u32::try_from(length).expect("short").to_be_bytes());
            if let Ok(parsed) = Message::parse(&cut) {
                prop_assert_eq!(parsed.emit().len(), length);
            }
        }
    }

    #[test]
    fn any_octets_are_a_chain_or_an_error_within_them(
        first in any::<u8>(),
        octets in testing::octets(200),
    ) {
        match parse_chain(PayloadType(first), &octets) {
            Ok(payloads) => payloads.iter().for_each(|payload| drop(notation::details(payload))),
            Err(error) => prop_assert!(error.at <= octets.len(), "{}", error),
        }
    }

    #[test]
    fn any_body_of_any_type_is_read_or_refused(
        first in 33..=54u8,
        body in testing::octets(100),
    ) {
        let length = u16::try_from(4 + body.len()).expect("short").to_be_bytes();
        let chain = [&[0, 0], length.as_slice(), &body].concat();
        if let Ok(payloads) = parse_chain(PayloadType(first), &chain) {
            prop_assert_eq!(payloads.len(), 1);
        }
    }

    #[test]
    fn any_octets_are_a_packet_or_an_error(octets in testing::octets(100)) {
        visit(&octets);
    }

    #[test]
    fn a_packet_cut_or_changed_anywhere_breaks_nothing(
        packet in testing::ip_packet(),
        at in any::<Index>(),
        octet in any::<u8>(),
    ) {
        let mut octets = packet.emit();
        for length in 0..octets.len() {
            prop_assert!(IpView::parse(&octets[..length]).is_err());
        }
        let at = at.index(octets.len());
        octets[at] = octet;
        visit(&octets);
    }

    #[test]
    fn a_packet_parses_back(packet in testing::ip_packet()) {
        prop_assert_eq!(IpPacket::parse(&packet.emit()), Ok(packet));
    }

    #[test]
    fn a_router_keeps_a_packet_but_for_its_ttl(packet in testing::ip_packet()) {
        let mut octets = packet.emit();
        match decrement_ttl(&mut octets) {
            Some(ttl) => {
                prop_assert_eq!(ttl, packet.ttl - 1);
                prop_assert_eq!(IpPacket::parse(&octets), Ok(IpPacket { ttl, ..packet }));
            }
            None => prop_assert!(packet.ttl <= 1),
        }
    }

    #[test]
    fn any_text_is_a_proposal_or_an_error_within_it(text in "[a-z0-9_:-]{0,40}") {
        for protocol in [Protocol::IKE, Protocol::ESP, Protocol::AH] {
            match Proposal::from_text(&text, protocol, 1) {
                Ok(proposal) => {
                    let again = Proposal::from_text(&proposal.to_text(), protocol, 1);
                    prop_assert_eq!(again, Ok(proposal));
                }
                Err(error) => prop_assert!(error.at <= text.len()),
            }
        }
    }
}

/// Everything that can be said of a message is said without a panic.
fn tell(message: &Message) {
    let _ = message.to_string();
    message.payloads.iter().for_each(|payload| drop(notation::details(payload)));
}

/// Every reader of IP looks at these octets.
fn visit(octets: &[u8]) {
    let _ = classify(octets);
    let _ = UdpView::parse(octets);
    let _ = decrement_ttl(&mut octets.to_vec());
    if let Ok(view) = IpView::parse(octets) {
        let _ = (view.ports(), view.icmp_type_code());
        let _ = Udp::parse(view.src, view.dst, view.payload());
        let _ = IcmpMessage::parse(view.src, view.dst, view.payload());
    }
}
