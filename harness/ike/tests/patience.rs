//! Waiting for answers: repeating, giving up, trying again, and what counts as a sign of life
//! (RFC 7296 §2.1, §2.4).

mod common;

use core::time::Duration;

use common::{Cable, net};
use ikelab_ambient::Instant;
use ikelab_ike::config::Retransmit;
use ikelab_ike::{Command, Input};
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::ike::{self, Header, IkeSpi};
use ikelab_wire::payload::{Body, Notify};
use ikelab_wire::registry::{ExchangeType, NotifyType};

const SECOND: Duration = Duration::from_secs(1);

fn up() -> Command {
    Command::Up { tunnel: "site".into(), child: None }
}

fn few_tries() -> Retransmit {
    Retransmit { tries: 3, ..Retransmit::default() }
}

#[test]
fn jitter_makes_waits_longer_and_unlike() {
    let gaps = |seed, jitter| {
        let mut cable = Cable::new(seed, |_, tunnel| tunnel.options.retransmit_jitter = jitter);
        cable.hand = Box::new(|_| false);
        cable.command(0, up());
        cable.run_for(Duration::from_secs(400));
        assert!(cable.sent.iter().all(|message| message.octets == cable.sent[0].octets));
        let times: Vec<Instant> = cable.sent.iter().map(|message| message.at).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    };
    let (exact, one, other) = (gaps(1, 0.0), gaps(1, 0.5), gaps(2, 0.5));
    assert_ne!(one, other);
    assert_eq!(one.len(), 11);
    for (gap, exact) in one.iter().zip(&exact) {
        assert!(gap >= exact && *gap <= exact.mul_f64(1.5), "{gap:?} after {exact:?}");
    }
}

#[test]
fn a_responder_says_nothing_on_its_own() {
    let mut cable = Cable::new(1, |_, _| {});
    cable.hand = Box::new(|message| message.from == 0);
    cable.command(0, up());
    cable.run_for(Duration::from_secs(10));
    let count = |from| cable.sent.iter().filter(|message| message.from == from).count();
    assert_eq!((count(0), count(1)), (5, 5), "one answer to each copy, all the same");
    let answers = cable.sent.iter().filter(|message| message.from == 1);
    assert_eq!(
        answers.map(|message| &message.octets).collect::<std::collections::BTreeSet<_>>().len(),
        1
    );
}

#[test]
fn half_open_ike_sas_end_by_themselves() {
    let mut cable = Cable::new(1, |_, _| {});
    cable.hand =
        Box::new(|message| Header::parse(&message.octets).unwrap().header.exchange.0 == 34);
    cable.command(0, up());
    cable.run_for(SECOND);
    assert_eq!(cable.count(1, Phase::InitResponded), 1);
    cable.run_for(Duration::from_secs(30));
    assert_eq!(cable.count(1, Phase::InitResponded), 0);
    assert_eq!(cable.ends[1].engine.deadline(), None);
}

#[test]
fn no_stranger_ends_an_attempt() {
    let good = Cable::up().sent[1].octets.clone();
    let mut cable = Cable::new(1, |_, _| {});
    cable.command(0, up());
    let mut bad: Vec<Vec<u8>> = Vec::new();
    // Cut short anywhere; and with a wrong next payload, version, exchange, message id, length, or
    // key length.
    bad.extend((0..good.len()).step_by(3).map(|length| good[..length].to_vec()));
    for place in (16..=18).chain(20..28).chain([30, 31, 46, 51]) {
        let mut octets = good.clone();
        octets[place] ^= 0x41;
        bad.push(octets);
    }
    let header = Header::parse(&good).unwrap().header;
    for kind in [1, 4, 5, 7, 14, 17, 24, 43, 1_000, 16_999] {
        for data in [&[][..], &[0; 2], &[0xff; 65]] {
            let payloads = vec![Body::Notify(Notify::new(NotifyType(kind), data)).into()];
            bad.push(
                ike::Message { header: Header { responder_spi: IkeSpi::NONE, ..header }, payloads }
                    .emit(),
            );
        }
    }
    let mut zero = good.clone();
    zero[8..16].fill(0);
    bad.push(zero);
    for octets in &bad {
        cable.inject(0, octets);
        assert_eq!(cable.count(0, Phase::InitSent), 1, "{octets:02x?}");
    }
    cable.run_for(SECOND);
    cable.assert_agree(1);
}

#[test]
fn a_strangers_cookie_costs_an_attempt_and_not_the_tunnel() {
    let good = Cable::up().sent[1].octets.clone();
    let mut header = Header::parse(&good).unwrap().header;
    header.responder_spi = IkeSpi::NONE;
    let cookie = Notify::new(NotifyType::COOKIE, &[7; 8]);
    let forged = ike::Message { header, payloads: vec![Body::Notify(cookie).into()] }.emit();
    for retries in 0..2 {
        let mut cable = Cable::new(1, |_, tunnel| tunnel.options.retries = retries);
        cable.command(0, up());
        cable.inject(0, &forged);
        cable.run_for(SECOND);
        // The answer to the request without the cookie came first, and AUTH covers the other.
        assert_eq!(cable.ends[0].failed.len(), usize::from(retries == 0));
        cable.assert_agree(usize::from(retries > 0));
    }
}

#[test]
fn a_forged_answer_does_not_stop_the_repetition() {
    let mut cable = Cable::up();
    cable.hand = Box::new(|message| message.from == 0);
    cable.rekey_child(0);
    let header = cable.header(1, ExchangeType::CREATE_CHILD_SA, true, 2);
    let mut forged = cable.forge(1, &header, &[]);
    *forged.last_mut().unwrap() ^= 1;
    cable.inject(0, &forged);
    let wrong_id = cable.header(1, ExchangeType::CREATE_CHILD_SA, true, 3);
    let wrong_id = cable.forge(1, &wrong_id, &[]);
    cable.inject(0, &wrong_id);
    cable.run_for(SECOND);
    assert!(cable.ends[0].said(|event| matches!(event, IkeEvent::Retransmitted { .. })));
    cable.hand = Box::new(|_| true);
    cable.run_for(Duration::from_secs(10));
    cable.assert_agree(1);
}

#[test]
fn an_attempt_is_made_again_as_often_as_is_wished() {
    let mut cable = Cable::new(1, |_, tunnel| {
        (tunnel.retransmit, tunnel.options.retries) = (few_tries(), 2);
    });
    cable.hand = Box::new(|_| false);
    cable.command(0, up());
    cable.run_for(Duration::from_secs(100));
    assert_eq!(cable.sent.len(), 9);
    let mut spis: Vec<&[u8]> = cable.sent.iter().map(|message| &message.octets[..8]).collect();
    spis.dedup();
    assert_eq!(spis.len(), 3, "each attempt is a new IKE SA");
    assert_eq!(cable.ends[0].failed, ["site.net"]);
    assert_eq!(cable.ends[0].engine.deadline(), None);
}

#[test]
fn a_second_attempt_brings_up_what_the_first_was_for() {
    for lost in [34, 35] {
        let mut cable = Cable::new(1, |_, tunnel| {
            (tunnel.retransmit, tunnel.options.retries) = (few_tries(), 1);
        });
        let end = Instant::from_secs(3);
        cable.hand = Box::new(move |message| {
            message.at >= end || Header::parse(&message.octets).unwrap().header.exchange.0 != lost
        });
        cable.command(0, up());
        cable.run_for(Duration::from_secs(20));
        cable.assert_agree(1);
        assert!(cable.ends[0].failed.is_empty());
    }
}

#[test]
fn who_waits_for_a_child_sa_hears_that_the_peer_is_gone() {
    let mut cable = Cable::new(1, |_, tunnel| {
        tunnel.retransmit = few_tries();
        let mut more = tunnel.children[0].clone();
        (more.name, more.local, more.remote) =
            ("more".into(), vec![net("10.1.0.0/16")], vec![net("10.1.0.0/16")]);
        tunnel.children.push(more);
    });
    cable.bring_up();
    cable.hand = Box::new(|_| false);
    cable.command(0, Command::Up { tunnel: "site".into(), child: Some("more".into()) });
    cable.run_for(Duration::from_secs(60));
    assert_eq!(cable.ends[0].failed, ["site.more"]);
    assert!(cable.ends[0].installed.is_empty());
}

#[test]
fn an_answer_after_the_end_wakes_nobody() {
    let mut cable = Cable::new(1, |_, tunnel| tunnel.retransmit = few_tries());
    cable.bring_up();
    cable.hand = Box::new(|_| false);
    cable.command(0, Command::Clear { children: true });
    let header = cable.header(1, ExchangeType::INFORMATIONAL, true, 2);
    let answer = cable.forge(1, &header, &[]);
    cable.run_for(Duration::from_secs(60));
    cable.inject(0, &answer);
    assert_eq!(cable.discarded(0), ["unknown SPI"]);
    assert_eq!(cable.count(0, Phase::Established), 0);
}

#[test]
fn a_dead_peer_is_called_again_where_that_is_wished() {
    for restart in [false, true] {
        let mut cable = Cable::new(1, |end, tunnel| {
            tunnel.retransmit = few_tries();
            tunnel.liveness = (end == 0).then(|| Duration::from_secs(10));
            (tunnel.options.restart, tunnel.options.retries) = (restart, 3);
        });
        cable.bring_up();
        let heals = Instant::from_secs(20);
        cable.hand = Box::new(move |message| message.at >= heals);
        cable.run_for(Duration::from_secs(60));
        assert_eq!(cable.ends[0].installed.len(), usize::from(restart));
        let died = |event: &IkeEvent| matches!(event, IkeEvent::ChildRemoved { reason, .. } if reason == "the peer does not answer");
        assert!(cable.ends[0].said(died));
    }
}

#[test]
fn packets_on_a_child_sa_are_signs_of_life() {
    let mut cable = Cable::new(1, |end, tunnel| {
        tunnel.liveness = (end == 0).then(|| Duration::from_secs(30));
    });
    cable.bring_up();
    let spi_in = *cable.ends[0].installed.keys().next().unwrap();
    for _ in 0..20 {
        cable.run_for(Duration::from_secs(10));
        cable.input(0, Input::Alive { spi_in });
    }
    assert_eq!(cable.sent.len(), 4, "nobody asks while packets come");
    let last = cable.now;
    cable.run_for(Duration::from_secs(31));
    let asked = cable.sent.iter().find(|message| message.at > last).unwrap();
    assert_eq!(asked.at, last + Duration::from_secs(30) + common::DELAY);
    // Packets of an SA that nobody knows are not.
    cable.run_for(Duration::from_secs(20));
    let before = cable.sent.len();
    cable.input(0, Input::Alive { spi_in: ike::EspSpi(7) });
    cable.run_for(Duration::from_secs(15));
    assert!(cable.sent.len() > before);
}

#[test]
fn initial_contact_counts_in_ike_auth_and_nowhere_else() {
    let mut cable = Cable::up();
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 2);
    let notify = Notify::new(NotifyType::INITIAL_CONTACT, &[]);
    let message = cable.forge(0, &header, &[Body::Notify(notify).into()]);
    cable.run_for(SECOND);
    cable.inject(1, &message);
    assert_eq!((cable.count(1, Phase::Established), cable.ends[1].installed.len()), (1, 1));
}
