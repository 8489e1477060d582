//! IKE SAs without a Child SA, RFC 6023.

mod common;

use core::time::Duration;

use common::Cable;
use ikelab_ike::Command;
use ikelab_ike::config::Childless;
use ikelab_trace::Phase;
use ikelab_wire::ike::{Header, Message};
use ikelab_wire::payload::{Body, Notify, Payload};
use ikelab_wire::registry::ExchangeType;

fn childless(ends: [bool; 2]) -> Cable {
    wishing(ends.map(|allow| if allow { Childless::Allow } else { Childless::Never }))
}

fn wishing(ends: [Childless; 2]) -> Cable {
    Cable::new(1, |end, tunnel| tunnel.options.childless = ends[end])
}

fn announces(octets: &[u8]) -> bool {
    let payloads = Message::parse(octets).unwrap().payloads;
    let said = |payload: &Payload| match &payload.body {
        // Type 16418, protocol 1, no SPI, no data.
        Body::Notify(Notify { protocol, spi, notify_type, data }) => {
            (protocol.0, spi.len(), notify_type.0, data.len()) == (1, 0, 16_418, 0)
        }
        _ => false,
    };
    payloads.iter().any(said)
}

#[test]
fn the_first_child_sa_comes_after_ike_auth_and_with_a_nonce_of_its_own() {
    let mut cable = childless([true, true]);
    cable.bring_up();
    cable.assert_agree(1);
    assert_eq!(cable.ladder()[3..5], ["R2 IKE_AUTH resp 1", "R1 CREATE_CHILD_SA req 2"]);
    assert!(!announces(&cable.sent[0].octets) && announces(&cable.sent[1].octets));
    for place in [2, 3] {
        let message = &cable.sent[place];
        let payloads = cable.read(message.from, &message.octets);
        let of_child = |p: &Payload| matches!(p.body, Body::Sa(_) | Body::TsI(_) | Body::TsR(_));
        assert!(!payloads.iter().any(of_child), "{payloads:?}");
    }
}

#[test]
fn with_a_peer_that_does_not_know_it_ike_auth_is_as_usual() {
    for ends in [[true, false], [false, true]] {
        let mut cable = childless(ends);
        cable.bring_up();
        cable.assert_agree(1);
        assert_eq!(cable.sent.len(), 4);
        assert_eq!(announces(&cable.sent[1].octets), ends[1]);
    }
}

#[test]
fn who_insists_on_it_waits_for_a_better_answer_and_gives_up() {
    let mut cable = wishing([Childless::Force, Childless::Never]);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(600));
    assert_eq!(cable.count(0, Phase::Closed), 1);
    assert_eq!(cable.ends[0].failed, ["site.net"]);
    let auth = |line: &String| line.contains("IKE_AUTH");
    assert!(!cable.ladder().iter().any(auth), "no IKE_AUTH follows");
    let agreed = wishing([Childless::Force, Childless::Allow]);
    let mut cable = agreed;
    cable.bring_up();
    cable.assert_agree(1);
}

#[test]
fn who_insists_on_it_makes_no_child_sa_in_ike_auth() {
    let mut cable = wishing([Childless::Never, Childless::Force]);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(1));
    assert!(announces(&cable.sent[1].octets));
    let answer = cable.read(1, &cable.sent[3].octets);
    // NO_ADDITIONAL_SAS is 35.
    let full = |p: &Payload| matches!(&p.body, Body::Notify(n) if n.notify_type.0 == 35);
    assert!(answer.iter().any(full) && answer.iter().any(|p| matches!(p.body, Body::Auth(_))));
    cable.assert_agree(0);
    assert_eq!(cable.count(0, Phase::Established), 1, "the IKE SA stays");
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(1));
    cable.assert_agree(1);
}

#[test]
fn a_child_sa_is_asked_for_whole_or_not_at_all_and_not_at_all_only_if_agreed() {
    // Which of SA, TSi and TSr are left out; and with whom that is good.
    for (left_out, supported, good) in [
        (["SA", "TSi", "TSr"].as_slice(), false, false),
        (["SA", "TSi", "TSr"].as_slice(), true, true),
        (["SA"].as_slice(), true, false),
        (["TSi"].as_slice(), true, false),
        (["TSi", "TSr"].as_slice(), true, false),
    ] {
        let mut cable = childless([false, supported]);
        let first = |octets: &[u8]| Header::parse(octets).unwrap().header.exchange.0 == 34;
        cable.hand = Box::new(move |message| first(&message.octets));
        cable.command(0, Command::Up { tunnel: "site".into(), child: None });
        cable.run_for(Duration::from_millis(100));
        let mut payloads = cable.read(0, &cable.sent[2].octets);
        payloads.retain(|payload| {
            let name = match payload.body {
                Body::Sa(_) => "SA",
                Body::TsI(_) => "TSi",
                Body::TsR(_) => "TSr",
                _ => return true,
            };
            !left_out.contains(&name)
        });
        let header = cable.header(0, ExchangeType::IKE_AUTH, false, 1);
        let message = cable.forge(0, &header, &payloads);
        cable.inject(1, &message);
        assert_eq!(cable.count(1, Phase::Established), usize::from(good), "{left_out:?}");
        let answer = cable.read(1, &cable.sent.last().unwrap().octets);
        let syntax = |p: &Payload| matches!(&p.body, Body::Notify(n) if n.notify_type.0 == 7);
        assert_eq!(answer.len() == 1 && syntax(&answer[0]), !good, "{answer:?}");
    }
}
