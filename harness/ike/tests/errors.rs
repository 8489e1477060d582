//! What is answered to what can't be right: each error notify in its place, and silence in its
//! (RFC 7296 §1.5, §2.3, §2.5, §2.21, §3.10.1).

mod common;

use core::time::Duration;

use common::{Cable, net};
use ikelab_crypto::{Prf, psk_auth};
use ikelab_ike::Command;
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::ike::{Header, Message};
use ikelab_wire::payload::{Body, Delete, Notify, Payload, Unknown, emit_chain};
use ikelab_wire::registry::{ExchangeType, NotifyType, PayloadType};

const SECOND: Duration = Duration::from_secs(1);

/// R2 waits for IKE_AUTH, and what R1 sends does not arrive.
fn half_open() -> Cable {
    let mut cable = Cable::new(1, |_, _| {});
    cable.hand = Box::new(|message| exchange(&message.octets) == ExchangeType::IKE_SA_INIT);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_millis(100));
    cable.hand = Box::new(|_| false);
    cable
}

fn exchange(octets: &[u8]) -> ExchangeType {
    Header::parse(octets).unwrap().header.exchange
}

fn unknown(critical: bool) -> Payload {
    let payload_type = PayloadType(129);
    Payload { critical, body: Body::Unknown(Unknown { payload_type, octets: vec![1] }) }
}

fn notify(kind: u16, data: &[u8]) -> Payload {
    Body::Notify(Notify::new(NotifyType(kind), data)).into()
}

/// The messages of an end since the `from`th.
fn since(cable: &Cable, end: usize, from: usize) -> Vec<Vec<u8>> {
    let fits = |m: &&common::Message| m.from == end;
    cable.sent[from..].iter().filter(fits).map(|m| m.octets.clone()).collect()
}

/// R2's only answer to a protected message, decrypted.
fn answer(cable: &mut Cable, octets: &[u8]) -> Vec<Payload> {
    let before = cable.sent.len();
    cable.inject(1, octets);
    let answers = since(cable, 1, before);
    assert_eq!(answers.len(), 1, "always one response");
    cable.read(1, &answers[0])
}

#[test]
fn an_unreadable_ike_auth_is_answered_with_invalid_syntax_alone() {
    let mut cable = half_open();
    let header = cable.header(0, ExchangeType::IKE_AUTH, false, 1);
    let sealer = cable.channel(0).0;
    let broken = sealer.seal_octets(&header, PayloadType::IDI, &[0, 0, 0, 3], &[9; 8]);
    assert_eq!(answer(&mut cable, &broken), [notify(7, &[])]);
    assert_eq!(cable.count(1, Phase::Established), 0);
}

#[test]
fn a_critical_unknown_payload_ends_ike_auth_and_nothing_later() {
    let mut cable = half_open();
    let header = cable.header(0, ExchangeType::IKE_AUTH, false, 1);
    let message = cable.forge(0, &header, &[unknown(true)]);
    assert_eq!(answer(&mut cable, &message), [notify(1, &[129])]);
    assert_eq!(cable.count(1, Phase::Established), 0);

    let mut cable = Cable::up();
    for (id, exchange) in [(2, ExchangeType::CREATE_CHILD_SA), (3, ExchangeType::INFORMATIONAL)] {
        let header = cable.header(0, exchange, false, id);
        let message = cable.forge(0, &header, &[unknown(true)]);
        assert_eq!(answer(&mut cable, &message), [notify(1, &[129])]);
    }
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 4);
    let message = cable.forge(0, &header, &[unknown(false)]);
    assert_eq!(answer(&mut cable, &message), []);
    assert_eq!((cable.count(1, Phase::Established), cable.ends[1].installed.len()), (1, 1));
}

#[test]
fn a_critical_unknown_payload_in_a_response_fails_the_exchange() {
    let mut cable = Cable::new(1, |_, _| {});
    cable.hand = Box::new(|message| message.from == 0 || exchange(&message.octets).0 != 35);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_millis(100));
    let header = cable.header(1, ExchangeType::IKE_AUTH, true, 1);
    let message = cable.forge(1, &header, &[unknown(true)]);
    cable.inject(0, &message);
    assert!(cable.ends[0].installed.is_empty());
    assert!(cable.ends[0].said(|event| matches!(event, IkeEvent::PeerMisbehaved { .. })));
}

#[test]
fn invalid_syntax_ends_the_ike_sa_on_both_sides() {
    for exchange in [ExchangeType::INFORMATIONAL, ExchangeType::CREATE_CHILD_SA] {
        let mut cable = Cable::up();
        let header = cable.header(0, exchange, false, 2);
        let sealer = cable.channel(0).0;
        let broken = sealer.seal_octets(&header, PayloadType::NOTIFY, &[0, 0, 0, 9], &[9; 8]);
        assert_eq!(answer(&mut cable, &broken), [notify(7, &[])]);
        assert!(cable.ends[1].installed.is_empty());

        // The same from the side that is told.
        let mut cable = Cable::up();
        cable.hand = Box::new(|message| message.from == 0);
        cable.command(0, Command::Clear { children: true });
        let header = cable.header(1, ExchangeType::INFORMATIONAL, true, 2);
        let message = cable.forge(1, &header, &[notify(7, &[])]);
        cable.inject(0, &message);
        assert_eq!(cable.count(0, Phase::Established), 0);
    }
    // A request without what it needs.
    let mut cable = Cable::up();
    let header = cable.header(0, ExchangeType::CREATE_CHILD_SA, false, 2);
    let message = cable.forge(0, &header, &[]);
    assert_eq!(answer(&mut cable, &message), [notify(7, &[])]);
    assert!(cable.ends[1].installed.is_empty());
}

#[test]
fn an_unknown_exchange_is_dropped_and_the_next_request_is_served() {
    let mut cable = Cable::up();
    for strange in [33, 35, 38, 240] {
        let header = cable.header(0, ExchangeType(strange), false, 2);
        let message = cable.forge(0, &header, &[]);
        cable.inject(1, &message);
    }
    assert_eq!(cable.discarded(1), ["unknown exchange"; 4]);
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 2);
    let message = cable.forge(0, &header, &[]);
    assert_eq!(answer(&mut cable, &message), []);
}

#[test]
fn a_request_over_an_unknown_ike_sa_gets_invalid_ike_spi_and_a_response_nothing() {
    let mut cable = Cable::configured(1, |_, config| config.invalid_ike_spi = true);
    cable.bring_up();
    let mut header = cable.header(0, ExchangeType::INFORMATIONAL, false, 77);
    header.responder_spi.0 ^= 1;
    let request = cable.forge(0, &header, &[]);
    cable.inject(1, &request);
    let answers = since(&cable, 1, 4);
    let said = Message::parse(&answers[0]).unwrap();
    assert_eq!(said.payloads, [notify(4, &[])]);
    assert_eq!(said.header.initiator_spi, header.initiator_spi);
    assert_eq!(said.header.responder_spi, header.responder_spi);
    assert_eq!((said.header.message_id, said.header.exchange), (77, header.exchange));
    assert!(said.header.flags.response() && !said.header.flags.initiator());
    // What we say is a response, and so is not answered: no loop.
    cable.inject(0, &answers[0]);
    assert_eq!(since(&cable, 0, 4), Vec::<Vec<u8>>::new());
    // A hundred strangers in a second hear little of us.
    for _ in 0..100 {
        cable.inject(1, &request);
    }
    assert_eq!(since(&cable, 1, 4).len(), 10);
    cable.run_for(SECOND);
    cable.inject(1, &request);
    cable.inject(1, &request);
    assert_eq!(since(&cable, 1, 4).len(), 11);
}

#[test]
fn invalid_ike_spi_is_not_said_unless_it_is_wished() {
    let mut cable = Cable::up();
    let mut header = cable.header(0, ExchangeType::INFORMATIONAL, false, 77);
    header.responder_spi.0 ^= 1;
    let request = cable.forge(0, &header, &[]);
    cable.inject(1, &request);
    assert_eq!(cable.discarded(1), ["unknown SPI"]);
    assert!(since(&cable, 1, 4).is_empty());
}

#[test]
fn an_unprotected_error_changes_nothing() {
    let mut cable = Cable::up();
    cable.hand = Box::new(|message| message.from == 0);
    cable.rekey_child(0);
    for kind in [4, 5, 7, 9, 11, 24] {
        let header = cable.header(1, ExchangeType::CREATE_CHILD_SA, true, 2);
        let octets = Message { header, payloads: vec![notify(kind, &[])] }.emit();
        cable.inject(0, &octets);
    }
    assert_eq!(cable.discarded(0), ["unprotected"; 6]);
    assert_eq!((cable.count(0, Phase::Established), cable.ends[0].installed.len()), (1, 1));
}

#[test]
fn a_higher_major_version_is_told_ours_not_too_often_and_a_lower_one_nothing() {
    let first = Cable::up().sent[0].octets.clone();
    let mut cable = Cable::new(1, |_, _| {});
    for version in [0x00, 0x10, 0x1f] {
        let mut octets = first.clone();
        octets[17] = version;
        cable.inject(1, &octets);
    }
    assert!(cable.sent.is_empty());
    let mut octets = first.clone();
    octets[17] = 0x30;
    for _ in 0..100 {
        cable.inject(1, &octets);
    }
    assert_eq!(cable.sent.len(), 10);
    let said = Message::parse(&cable.sent[0].octets).unwrap();
    assert_eq!(said.payloads, [notify(5, &[])]);
    assert_eq!((said.header.version.major, said.header.version.minor), (2, 0));
    assert!(said.header.flags.response());
    assert_eq!(said.header.initiator_spi, Header::parse(&first).unwrap().header.initiator_spi);
    // A higher minor version is none of our business.
    octets[17] = 0x2f;
    cable.inject(1, &octets);
    assert_eq!(cable.sent.len(), 11);
    assert_eq!(cable.count(1, Phase::InitResponded), 1);
}

#[test]
fn a_first_request_that_no_initiator_sends_leaves_no_trace() {
    let first = Cable::up().sent[0].octets.clone();
    let mut cable = Cable::new(1, |_, _| {});
    let change = |place: usize, octets: &[u8]| {
        let mut changed = first.clone();
        changed[place..place + octets.len()].copy_from_slice(octets);
        changed
    };
    for octets in [
        change(0, &[0; 8]),     // no initiator SPI
        change(23, &[1]),       // message id 1
        change(20, &[0xff; 4]), // message id 2^32 - 1
        change(19, &[0]),       // no Initiator flag
    ] {
        cable.inject(1, &octets);
    }
    assert_eq!(cable.discarded(1), ["bad first request"; 4]);
    let mut response = first.clone();
    response[19] |= 0x20;
    cable.inject(1, &response);
    assert!(cable.sent.is_empty());
    assert_eq!(cable.ends[1].engine.deadline(), None);
}

/// INVALID_SYNTAX is for what was authentic (RFC 7296 §3.10.1): in the clear there is silence.
#[test]
fn a_first_request_without_what_it_needs_is_not_answered() {
    let first = Message::parse(&Cable::up().sent[0].octets).unwrap();
    let mut cable = Cable::new(1, |_, _| {});
    for place in 0..3 {
        let mut message = first.clone();
        message.payloads.remove(place);
        cable.inject(1, &message.emit());
    }
    assert_eq!(cable.discarded(1), ["invalid first request"; 3]);
    assert!(cable.sent.is_empty());
    assert_eq!(cable.ends[1].engine.deadline(), None);
}

#[test]
fn a_request_beyond_the_window_is_told_of_once_in_a_request_of_its_own() {
    let mut cable = Cable::new(1, |_, tunnel| tunnel.options.invalid_message_id = true);
    cable.bring_up();
    for id in [3, 12, 3] {
        let header = cable.header(0, ExchangeType::INFORMATIONAL, false, id);
        let mut message = cable.forge(0, &header, &[]);
        cable.inject(1, &message);
        *message.last_mut().unwrap() ^= 1;
        cable.inject(1, &message);
    }
    // An old request come late is nothing to speak of.
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 0);
    let old = cable.forge(0, &header, &[]);
    cable.inject(1, &old);
    let said = since(&cable, 1, 4);
    assert_eq!(said.len(), 1);
    assert!(!Header::parse(&said[0]).unwrap().header.flags.response());
    assert_eq!(cable.read(1, &said[0]), [notify(9, &[0, 0, 0, 3])]);
    cable.run_for(SECOND);
    assert_eq!(cable.ladder().last().unwrap(), "R1 INFORMATIONAL resp 0");
    assert_eq!(cable.count(0, Phase::Established), 1);
}

#[test]
fn unknown_notifies_mean_nothing_in_requests_and_failure_in_responses() {
    let mut cable = Cable::up();
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 2);
    let strange =
        [notify(1_000, &[1]), notify(16_383, &[]), notify(16_999, &[]), notify(65_535, &[])];
    let message = cable.forge(0, &header, &strange);
    assert_eq!(answer(&mut cable, &message), []);

    for (kind, failed) in [(1_000, true), (16_383, true)] {
        let mut cable = Cable::up();
        cable.hand = Box::new(|message| message.from == 0);
        cable.rekey_child(0);
        let header = cable.header(1, ExchangeType::CREATE_CHILD_SA, true, 2);
        let message = cable.forge(1, &header, &[notify(kind, &[])]);
        cable.inject(0, &message);
        let refused = |event: &IkeEvent| matches!(event, IkeEvent::PeerRefused { .. });
        assert_eq!(cable.ends[0].said(refused), failed);
        assert_eq!((cable.count(0, Phase::Established), cable.ends[0].installed.len()), (1, 1));
    }
}

#[test]
fn an_unknown_error_beside_all_that_was_asked_for_fails_the_request() {
    for kind in [1_000, 16_383] {
        // IKE_SA_INIT: nobody knows who said it, and the real answer is still taken.
        let mut cable = Cable::new(1, |_, _| {});
        cable.hand = Box::new(|message| message.from == 0);
        cable.command(0, Command::Up { tunnel: "site".into(), child: None });
        cable.run_for(Duration::from_millis(100));
        let mut answer = Message::parse(&cable.sent[1].octets).unwrap();
        answer.payloads.push(notify(kind, &[]));
        cable.inject(0, &answer.emit());
        assert_eq!(cable.discarded(0), ["unbelieved"]);
        assert_eq!(cable.count(0, Phase::InitSent), 1);
        cable.hand = Box::new(|_| true);
        cable.run_for(SECOND);
        cable.assert_agree(1);

        // IKE_AUTH: neither the Child SA nor the IKE SA, and the peer is told.
        let mut cable = Cable::new(1, |_, _| {});
        cable.hand = Box::new(|message| message.from == 0 || exchange(&message.octets).0 != 35);
        cable.command(0, Command::Up { tunnel: "site".into(), child: None });
        cable.run_for(Duration::from_millis(100));
        let mut payloads = cable.read(1, &cable.sent[3].octets);
        payloads.push(notify(kind, &[]));
        let header = cable.header(1, ExchangeType::IKE_AUTH, true, 1);
        let message = cable.forge(1, &header, &payloads);
        cable.hand = Box::new(|_| true);
        cable.inject(0, &message);
        let told = cable.read(0, &cable.sent.last().unwrap().octets);
        assert_eq!(told, [Body::Delete(Delete::ike()).into()]);
        cable.run_for(SECOND);
        assert_eq!(cable.ends[0].failed, ["site.net"]);
        assert_eq!([0, 1].map(|end| cable.count(end, Phase::Established)), [0, 0]);
        assert!(cable.ends.iter().all(|end| end.installed.is_empty()));

        // CREATE_CHILD_SA: what was there stays, and the peer's new pair goes.
        let mut cable = Cable::up();
        cable.hand = Box::new(|message| message.from == 0);
        cable.rekey_child(0);
        cable.run_for(Duration::from_millis(100));
        let mut payloads = cable.read(1, &cable.sent[5].octets);
        payloads.push(notify(kind, &[]));
        let header = cable.header(1, ExchangeType::CREATE_CHILD_SA, true, 2);
        let message = cable.forge(1, &header, &payloads);
        cable.hand = Box::new(|_| true);
        cable.inject(0, &message);
        cable.run_for(SECOND);
        cable.assert_agree(1);
        assert_eq!(cable.count(0, Phase::Established), 1);
    }
}

#[test]
fn auth_covers_the_octets_of_the_identity_that_mean_nothing_yet() {
    for (covered, good) in [(true, true), (false, false)] {
        let mut cable = half_open();
        let auth = cable.sent.iter().find(|m| exchange(&m.octets).0 == 35).unwrap().octets.clone();
        let mut payloads = cable.read(0, &auth);
        let Body::IdI(id) = &payloads[0].body else { panic!("IDi is the first") };
        let mut id_body = id.body_octets();
        id_body[1..4].copy_from_slice(&[7, 7, 7]);
        if covered {
            let answer = Message::parse(&cable.sent[1].octets).unwrap();
            let nonce = answer.payloads.iter().find_map(|payload| match &payload.body {
                Body::Nonce(nonce) => Some(nonce.0.clone()),
                _ => None,
            });
            let sk_pi = cable.ends[0].events.iter().find_map(|(_, event)| match event {
                IkeEvent::Keys(keys) => Some(keys.sk_pi.clone()),
                _ => None,
            });
            let maced = Prf::HmacSha256.digest(&sk_pi.unwrap(), &[&id_body]);
            let parts = [cable.sent[0].octets.as_slice(), &nonce.unwrap(), &maced];
            let value = psk_auth(Prf::HmacSha256, b"cisco123", &parts);
            for payload in &mut payloads {
                if let Body::Auth(auth) = &mut payload.body {
                    auth.data.clone_from(&value);
                }
            }
        }
        let (first, mut inner) = emit_chain(&payloads);
        inner[4..4 + id_body.len()].copy_from_slice(&id_body);
        let header = cable.header(0, ExchangeType::IKE_AUTH, false, 1);
        let message = cable.channel(0).0.seal_octets(&header, first, &inner, &[9; 8]);
        let answered = answer(&mut cable, &message);
        assert_eq!(answered == [notify(24, &[])], !good);
        assert_eq!(cable.ends[1].installed.len(), usize::from(good));
    }
}

/// R2 with two children, R1 with a wide and a narrow one.
fn two_children(change: impl Fn(usize, &mut ikelab_ike::config::Tunnel)) -> Cable {
    let mut cable = Cable::new(1, |end, tunnel| {
        let mut second = tunnel.children[0].clone();
        second.name = "more".into();
        let mine = [net("10.1.0.0/16"), net("10.2.0.0/16")];
        (second.local, second.remote) = (vec![mine[end]], vec![mine[1 - end]]);
        tunnel.children.push(second);
        change(end, tunnel);
    });
    cable.bring_up();
    cable
}

#[test]
fn no_more_child_sas_than_allowed_and_rekeying_is_no_more() {
    let mut cable = two_children(|_, tunnel| tunnel.options.children_max = Some(1));
    cable.command(0, Command::Up { tunnel: "site".into(), child: Some("more".into()) });
    cable.run_for(SECOND);
    assert_eq!(cable.ends[0].failed, ["site.more"]);
    let refused = |event: &IkeEvent| {
        matches!(event, IkeEvent::Refused { notify: NotifyType::NO_ADDITIONAL_SAS, .. })
    };
    assert!(cable.ends[1].said(refused));
    cable.rekey_child(0);
    cable.run_for(SECOND);
    cable.assert_agree(1);
    assert_eq!(cable.count(0, Phase::Established), 1);
}

#[test]
fn that_other_selectors_are_possible_is_said_where_it_is_so() {
    for wide in [false, true] {
        let mut cable = two_children(|end, tunnel| {
            tunnel.options.additional_ts = true;
            if end == 0 && wide {
                tunnel.children[0].local = vec![net("0.0.0.0/0")];
                tunnel.children[0].remote = vec![net("0.0.0.0/0")];
            }
        });
        cable.run_for(SECOND);
        cable.assert_agree(1);
        let said = cable.read(1, &cable.sent[3].octets);
        assert_eq!(said.contains(&notify(16_386, &[])), wide, "{said:?}");
    }
}
