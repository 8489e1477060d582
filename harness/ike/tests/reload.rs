//! A configuration that changes under a running engine, and an address that does.

mod common;

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

use common::{Cable, ike_proposals, net};
use ikelab_ike::Command;
use ikelab_ike::config::{Child, Lifetime, Tunnel};
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::payload::{Body, Payload};
use ikelab_wire::registry::{ExchangeType, NotifyType};

const SECOND: Duration = Duration::from_secs(1);

fn up() -> Command {
    Command::Up { tunnel: "site".into(), child: None }
}

/// Changes the configuration of both ends.
fn configure(cable: &mut Cable, change: impl Fn(&mut Tunnel)) {
    for end in 0..2 {
        cable.configure(end, &change);
    }
}

fn spis(cable: &Cable, end: usize) -> Vec<u32> {
    cable.ends[end].installed.keys().map(|spi| spi.0).collect()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn running_sas_stay_as_they_are_and_the_next_ones_follow_the_new_words() {
    let mut cable = Cable::up();
    let before = spis(&cable, 0);
    configure(&mut cable, |tunnel| {
        tunnel.psk = Some(b"another".to_vec());
        tunnel.proposals = ike_proposals(&["aes128-sha256-ecp256"]);
        tunnel.children[0].proposals = common::esp_proposals(&["aes128-sha256"]);
        tunnel.children[0].lifetime =
            Lifetime { hard: Some(Duration::from_secs(60)), ..Lifetime::default() };
    });
    cable.run_for(100 * SECOND);
    assert_eq!(spis(&cable, 0), before);
    assert_eq!(cable.sent.len(), 4, "nothing is said about it");
    cable.rekey_child(0);
    cable.run_for(SECOND);
    cable.assert_agree(1);
    assert!(cable.ends[0].installed.values().all(|child| child.protection.integ.is_some()));
    cable.rekey_ike(0);
    cable.run_for(SECOND);
    let suite = cable.ends[0].events.iter().rev().find_map(|(_, event)| match event {
        IkeEvent::Established(fact) => Some(fact.suite.clone()),
        _ => None,
    });
    assert!(suite.unwrap().integ.is_some(), "CBC and HMAC now");
    cable.run_for(100 * SECOND);
    cable.assert_agree(0);
}

#[test]
fn a_child_sa_that_policy_does_not_want_any_more_is_deleted() {
    for shrink in [true, false] {
        let mut cable = Cable::up();
        cable.configure(1, |tunnel| {
            if shrink {
                tunnel.children[0].local = vec![net("192.168.2.0/25")];
            } else {
                tunnel.children.clear();
            }
        });
        cable.run_for(SECOND);
        cable.assert_agree(0);
        assert_eq!(cable.ladder()[4..], ["R2 INFORMATIONAL req 0", "R1 INFORMATIONAL resp 0"]);
        assert_eq!(cable.count(1, Phase::Established), 1, "the IKE SA stays");
        cable.command(0, up());
        cable.run_for(SECOND);
        cable.assert_agree(usize::from(shrink));
    }
}

#[test]
fn wider_selectors_come_with_the_packet_that_needs_them() {
    let mut cable = Cable::up();
    let before = spis(&cable, 0);
    let wide = |end: usize| {
        move |tunnel: &mut Tunnel| {
            let child = &mut tunnel.children[0];
            let side = vec![net("192.168.0.0/16")];
            *(if end == 0 { &mut child.local } else { &mut child.remote }) = side;
        }
    };
    cable.configure(0, wide(0));
    cable.configure(1, wide(1));
    ask(&mut cable, "192.168.1.7");
    assert_eq!(spis(&cable, 0), before, "what it carries, it carries");
    ask(&mut cable, "192.168.9.7");
    cable.assert_agree(1);
    let child = cable.ends[0].installed.values().next().unwrap();
    assert_eq!(child.local_ts, [net("192.168.0.0/16")]);
}

fn ask(cable: &mut Cable, from: &str) {
    let acquire = ikelab_ike::Acquire {
        child: "site.net".into(),
        local: net(&format!("{from}/32")),
        remote: net("192.168.2.5/32"),
    };
    cable.input(0, ikelab_ike::Input::Acquire(acquire));
    cable.run_for(SECOND);
}

/// At each message of the first two exchanges and of both rekeyings, at either end or both: the
/// configuration is read again, unchanged; changed; without the child.
#[test]
fn a_reload_at_any_message_confuses_nobody() {
    let same = |_: &mut Tunnel| {};
    let other = |tunnel: &mut Tunnel| {
        tunnel.proposals = ike_proposals(&["aes128-sha256-ecp256"]);
        tunnel.psk = Some(b"another".to_vec());
        tunnel.children[0].proposals = common::esp_proposals(&["aes128-sha256"]);
    };
    let without = |tunnel: &mut Tunnel| tunnel.children.clear();
    let changes: [&dyn Fn(&mut Tunnel); 3] = [&same, &other, &without];
    for (kind, change) in changes.into_iter().enumerate() {
        for ends in [vec![0], vec![1], vec![0, 1]] {
            for moment in 0..12_u32 {
                let mut cable = Cable::new(u64::from(moment), |_, _| {});
                cable.command(0, up());
                let at = |message: u32| message * common::DELAY + common::DELAY / 2;
                if moment < 4 {
                    cable.run_for(at(moment));
                } else {
                    cable.run_for(SECOND);
                    if moment < 8 {
                        cable.rekey_child(0);
                    } else {
                        cable.rekey_ike(1);
                    }
                    cable.run_for(at(moment % 4));
                }
                for end in &ends {
                    cable.configure(*end, change);
                }
                // Long enough for a half-open SA to go, and for all to be repeated.
                cable.run_for(600 * SECOND);
                let [one, other] = [0, 1].map(|end| cable.ends[end].installed.len());
                let place = format!("{kind} {ends:?} {moment}:\n{}", cable.ladder().join("\n"));
                assert_eq!(one, other, "both know the same: {place}");
                cable.assert_agree(one);
                assert!(one <= 1, "{place}");
                if kind == 0 {
                    assert_eq!(one, 1, "{place}");
                }
                if kind == 2 {
                    assert_eq!(one, 0, "{place}");
                }
                for end in 0..2 {
                    let bad = |event: &IkeEvent| matches!(event, IkeEvent::PeerMisbehaved { .. });
                    let excused = kind == 1 && moment < 4;
                    assert!(excused || !cable.ends[end].said(bad), "{place}");
                }
                // Both have the same words: then a new beginning is a good one.
                for end in 0..2 {
                    cable.configure(end, change);
                }
                cable.command(0, Command::Clear { children: false });
                cable.run_for(SECOND);
                cable.command(0, up());
                cable.run_for(SECOND);
                cable.assert_agree(usize::from(kind != 2));
            }
        }
    }
}

/// CVE-2024-2357 of another program: the key goes between IKE_SA_INIT and IKE_AUTH.
#[test]
fn without_its_key_an_end_fails_in_peace() {
    for end in 0..2 {
        let mut cable = Cable::new(1, |_, _| {});
        cable.command(0, up());
        cable.run_for(common::DELAY / 2);
        cable.configure(end, |tunnel| tunnel.psk = None);
        cable.run_for(60 * SECOND);
        assert_eq!(cable.count(0, Phase::Established), 0);
        assert_eq!(cable.count(1, Phase::Established), 0);
        assert_eq!(cable.ends[0].failed, ["site.net"], "who waits is told");
        let refused = |event: &IkeEvent| {
            let failed = NotifyType::AUTHENTICATION_FAILED;
            matches!(event, IkeEvent::Refused { notify, .. } if *notify == failed)
        };
        assert!(cable.ends[end].said(refused));
        if end == 1 {
            // Asked once more, the responder says the same in the same octets.
            let (request, answer) = (cable.sent[2].octets.clone(), cable.sent[3].octets.clone());
            let mut again = Cable::new(1, |_, _| {});
            again.command(0, up());
            again.run_for(common::DELAY / 2);
            again.configure(1, |tunnel| tunnel.psk = None);
            again.run_for(4 * common::DELAY);
            again.inject(1, &request);
            assert_eq!(again.sent.last().unwrap().octets, answer);
        }
        // A running IKE SA does not need it.
        let mut cable = Cable::up();
        cable.configure(end, |tunnel| tunnel.psk = None);
        cable.rekey_ike(end);
        cable.rekey_child(1 - end);
        cable.run_for(SECOND);
        cable.assert_agree(1);
    }
}

#[test]
fn liveness_checks_follow_the_new_words_at_once() {
    let mut cable = Cable::up();
    cable.configure(0, |tunnel| tunnel.liveness = Some(10 * SECOND));
    cable.run_for(25 * SECOND);
    assert_eq!(cable.ladder().iter().filter(|line| *line == "R1 INFORMATIONAL req 2").count(), 1);
}

#[test]
fn a_child_that_is_added_is_made_and_one_that_comes_back_takes_its_old_place() {
    let mut cable = Cable::up();
    let second = |end: usize| {
        let sides = [net("192.168.11.0/24"), net("192.168.12.0/24")];
        let first = common::tunnel(end).children.remove(0);
        let (local, remote) = (vec![sides[end]], vec![sides[1 - end]]);
        Child { name: "net2".into(), local, remote, ..first }
    };
    for end in 0..2 {
        cable.configure(end, |tunnel| tunnel.children.push(second(end)));
    }
    let other = Command::Up { tunnel: "site".into(), child: Some("net2".into()) };
    cable.command(0, other);
    cable.run_for(SECOND);
    cable.assert_agree(2);
    for end in 0..2 {
        cable.configure(end, |tunnel| tunnel.children = vec![second(end)]);
    }
    cable.run_for(SECOND);
    cable.assert_agree(1);
    assert_eq!(cable.ends[0].installed.values().next().unwrap().child, "site.net2");
    for end in 0..2 {
        cable.configure(end, |tunnel| tunnel.children.push(second(end)));
    }
    cable.command(0, up());
    cable.run_for(SECOND);
    cable.assert_agree(2);
}

#[test]
fn a_response_goes_to_where_its_request_came_from() {
    // RFC 7296 2.11, without any NAT: a request from an address and a port that nobody knows.
    let mut cable = Cable::up();
    let elsewhere: SocketAddr = "10.7.7.7:40000".parse().unwrap();
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 2);
    let request = cable.forge(0, &header, &[]);
    for _ in 0..2 {
        cable.inject_from(elsewhere, 1, &request);
        let answer = cable.sent.last().unwrap();
        assert_eq!(answer.remote, elsewhere);
        assert_eq!(answer.local, "10.0.0.2:500".parse().unwrap());
    }
    // What R2 asks itself still goes to R1: without a NAT it follows nobody (2.23).
    cable.rekey_child(1);
    assert_eq!(cable.sent.last().unwrap().remote, "10.0.0.1:500".parse().unwrap());
}

/// R1 moves from 10.0.0.1 to 10.0.0.9; messages to the old address get lost.
fn moves(cable: &mut Cable) {
    let old = address("10.0.0.1");
    cable.hand = Box::new(move |message| message.remote.ip() != old);
    cable.command(0, Command::Moved { from: old, to: address("10.0.0.9") });
}

#[test]
fn an_ike_sa_whose_address_is_gone_is_deleted_from_the_new_one() {
    let mut cable = Cable::up();
    moves(&mut cable);
    cable.run_for(SECOND);
    cable.assert_agree(0);
    let delete = &cable.sent[4];
    assert_eq!(delete.local, "10.0.0.9:500".parse().unwrap());
    let gone = |p: &Payload| matches!(&p.body, Body::Delete(d) if d.protocol.0 == 1);
    assert!(cable.read(0, &delete.octets).iter().any(gone));
    assert_eq!(cable.sent[5].remote, delete.local, "the answer finds it");
    for end in 0..2 {
        assert_eq!(cable.count(end, Phase::Established), 0);
    }
}

#[test]
fn from_its_new_address_it_begins_anew_where_the_peer_takes_anybody() {
    for moment in 0..5_u32 {
        let mut cable = Cable::new(1, |end, tunnel| {
            tunnel.children[0].at_start = end == 0;
            if end == 1 {
                tunnel.remote = address("0.0.0.0");
            }
        });
        cable.command(0, Command::Start);
        cable.run_for(moment * common::DELAY + common::DELAY / 2);
        moves(&mut cable);
        cable.run_for(120 * SECOND);
        assert_eq!(cable.ends[0].installed.len(), 1, "{moment}");
        assert!(cable.ends[0].installed.values().all(|c| c.local.ip() == address("10.0.0.9")));
        // What R2 made for the old address and R1 never heard of is replaced by INITIAL_CONTACT.
        cable.assert_agree(1);
    }
}

#[test]
fn behind_a_nat_the_peer_follows() {
    let mut cable = Cable::new(1, |end, tunnel| {
        if end == 0 {
            tunnel.options.force_encapsulation = true;
        }
    });
    cable.bring_up();
    moves(&mut cable);
    cable.run_for(SECOND);
    cable.assert_agree(1);
    let at = |end: usize| {
        *cable.ends[end].installed.values().next().map(|c| (c.local, c.remote)).as_ref().unwrap()
    };
    assert_eq!(at(0).0, "10.0.0.9:4500".parse().unwrap());
    assert_eq!(at(1).1, "10.0.0.9:4500".parse().unwrap());
    assert_eq!(cable.ladder()[4..], ["R1 INFORMATIONAL req 2", "R2 INFORMATIONAL resp 2"]);
}
