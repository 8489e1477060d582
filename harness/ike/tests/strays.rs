//! ESP with an SPI that nobody knows: INVALID_SPI over an IKE SA and outside of any, told and heard
//! (RFC 7296 §1.5, §2.4).

mod common;

use core::time::Duration;
use std::net::SocketAddr;

use common::Cable;
use ikelab_ike::{Command, Input};
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::ike::{EspSpi, Header, Message};
use ikelab_wire::payload::{Body, Notify};
use ikelab_wire::registry::{ExchangeType, NotifyType};

const SECOND: Duration = Duration::from_secs(1);

fn at(end: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(end + 1).unwrap()], 500))
}

/// An ESP packet with this SPI comes to an end.
fn stray(cable: &mut Cable, to: usize, spi: EspSpi) {
    cable.input(to, Input::UnknownSpi { local: at(to), remote: at(1 - to), spi });
}

fn telling() -> Cable {
    Cable::new(1, |_, tunnel| tunnel.options.invalid_spi = true)
}

fn liveness_asked(cable: &Cable, since: usize) -> usize {
    let asks = |m: &&common::Message| {
        let header = Header::parse(&m.octets).unwrap().header;
        header.exchange == ExchangeType::INFORMATIONAL && !header.flags.response()
    };
    cable.sent[since..].iter().filter(asks).count()
}

#[test]
fn a_child_sa_that_the_peer_has_lost_is_made_anew() {
    let mut cable = telling();
    cable.bring_up();
    // R2 loses its half, and R1 sends on.
    let (spi_in, child) = cable.ends[1].installed.pop_first().unwrap();
    let old = child.spi_out;
    let strange = EspSpi(spi_in.0 ^ 1);
    let header = cable.header(1, ExchangeType::INFORMATIONAL, false, 0);
    let notify = |spi: EspSpi| Notify::new(NotifyType::INVALID_SPI, &spi.0.to_be_bytes());
    let octets = cable.forge(1, &header, &[Body::Notify(notify(strange)).into()]);
    cable.inject(0, &octets);
    assert!(cable.ends[0].installed.contains_key(&old), "another SPI than that of ours");
    let header = cable.header(1, ExchangeType::INFORMATIONAL, false, 1);
    let octets = cable.forge(1, &header, &[Body::Notify(notify(spi_in)).into()]);
    cable.inject(0, &octets);
    assert!(!cable.ends[0].installed.contains_key(&old));
    cable.run_for(SECOND);
    cable.assert_agree(1);
}

#[test]
fn the_sender_is_told_over_the_ike_sa_and_only_where_that_is_wished() {
    for wished in [true, false] {
        let mut cable = Cable::new(1, |_, tunnel| tunnel.options.invalid_spi = wished);
        cable.bring_up();
        stray(&mut cable, 1, EspSpi(0xdead_beef));
        assert_eq!(cable.sent.len(), if wished { 5 } else { 4 });
        if wished {
            let message = &cable.sent[4];
            let payloads = cable.read(1, &message.octets);
            let [payload] = payloads.as_slice() else { panic!("{payloads:?}") };
            let Body::Notify(notify) = &payload.body else { panic!("{payload:?}") };
            assert_eq!(notify.notify_type, NotifyType::INVALID_SPI);
            assert_eq!(notify.data, [0xde, 0xad, 0xbe, 0xef]);
        }
    }
}

#[test]
fn packets_of_child_sas_that_were_just_removed_are_told_to_nobody() {
    let mut cable = telling();
    cable.bring_up();
    let old = *cable.ends[1].installed.keys().next().unwrap();
    cable.rekey_child(0);
    cable.run_for(SECOND);
    assert!(!cable.ends[1].installed.contains_key(&old));
    let sent = cable.sent.len();
    stray(&mut cable, 1, old);
    assert_eq!(cable.sent.len(), sent);
}

#[test]
fn without_an_ike_sa_one_message_in_the_clear_says_so_and_no_more_than_a_few() {
    let mut cable = telling();
    for spi in 0..100 {
        stray(&mut cable, 1, EspSpi(0x1000 + spi));
    }
    // Ten at once: what strangers are told is rationed.
    assert_eq!(cable.sent.len(), 10);
    let message = Message::parse(&cable.sent[0].octets).unwrap();
    let header = message.header;
    assert_eq!((header.initiator_spi.0, header.responder_spi.0, header.message_id), (0, 0, 0));
    assert!(header.flags.initiator() && !header.flags.response());
    assert_eq!(header.exchange, ExchangeType::INFORMATIONAL);
    assert!(matches!(&message.payloads[0].body, Body::Notify(n) if n.data == [0, 0, 0x10, 0]));
    // R1 has no IKE SA either. RFC 7296 §1.5: it must not answer.
    cable.run_for(SECOND);
    assert_eq!(cable.sent.len(), 10);
    assert!(cable.discarded(0).contains(&"unbelieved".to_owned()));
}

#[test]
fn a_stranger_who_says_invalid_spi_gets_no_more_than_a_sign_of_life_asked_for() {
    let mut cable = telling();
    cable.bring_up();
    let child = cable.ends[0].installed.values().next().unwrap();
    let spi_out = child.spi_out;
    let mut other = Cable::new(2, |_, tunnel| tunnel.options.invalid_spi = true);
    stray(&mut other, 1, spi_out);
    let hint = other.sent[0].octets.clone();
    let sent = cable.sent.len();
    for _ in 0..20 {
        cable.inject(0, &hint);
        cable.run_for(Duration::from_millis(100));
    }
    assert_eq!(liveness_asked(&cable, sent), 1, "once in a while");
    cable.assert_agree(1);
    assert_eq!(cable.count(0, Phase::Established), 1);
    // An SPI that R1 does not send with says nothing.
    stray(&mut other, 1, EspSpi(spi_out.0 ^ 1));
    let sent = cable.sent.len();
    cable.run_for(Duration::from_secs(20));
    cable.inject(0, &other.sent[1].octets.clone());
    assert_eq!(liveness_asked(&cable, sent), 0);
    let said = |event: &IkeEvent| matches!(event, IkeEvent::Discarded { reason, .. } if reason == "unbelieved");
    assert!(cable.ends[0].said(said));
    cable.command(0, Command::Down { tunnel: "site".into() });
    cable.run_for(SECOND);
    cable.assert_agree(0);
}
