//! The life of a pair of IKE SAs over a bare cable: born, rekeyed, deleted.

mod common;

use core::time::Duration;

use common::{Cable, esp_proposals, ike_proposals, net};
use ikelab_ike::config::{Cookie, Lifetime};
use ikelab_ike::{Acquire, Command, Input};
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::registry::{KeId, NotifyType};

#[test]
fn four_messages_bring_up_an_ike_sa_and_a_child_sa() {
    let cable = Cable::up();
    let expected = [
        "R1 IKE_SA_INIT req 0",
        "R2 IKE_SA_INIT resp 0",
        "R1 IKE_AUTH req 1",
        "R2 IKE_AUTH resp 1",
    ];
    assert_eq!(cable.ladder(), expected);
    cable.assert_agree(1);
    assert_eq!((cable.count(0, Phase::Established), cable.count(1, Phase::Established)), (1, 1));
}

#[test]
fn the_same_seed_gives_the_same_octets_and_another_seed_others() {
    let octets = |seed| {
        let mut cable = Cable::new(seed, |_, _| {});
        cable.bring_up();
        cable.sent.into_iter().map(|message| message.octets).collect::<Vec<_>>()
    };
    assert_eq!(octets(7), octets(7));
    assert_ne!(octets(7), octets(8));
}

#[test]
fn every_suite_carries_the_whole_life() {
    let suites = [
        ("aes128-sha1-modp1536", "aes128-sha1"),
        ("aes256-sha256-modp2048", "aes256-sha256"),
        ("aes192-sha384-ecp384", "aes192-sha384"),
        ("aes256-sha512-ecp521", "aes256-sha512"),
        ("aes128gcm16-prfsha256-ecp256", "aes128gcm16"),
        ("aes256gcm16-prfsha512-x25519", "aes256gcm16-x25519"),
    ];
    for (ike, esp) in suites {
        let mut cable = Cable::new(3, |_, tunnel| {
            tunnel.proposals = ike_proposals(&[ike]);
            tunnel.children[0].proposals = esp_proposals(&[esp]);
        });
        cable.bring_up();
        cable.rekey_child(1);
        cable.run_for(Duration::from_secs(1));
        cable.rekey_ike(0);
        cable.run_for(Duration::from_secs(1));
        cable.assert_agree(1);
        assert_eq!(cable.count(0, Phase::Established), 1, "{ike}");
        assert_eq!(cable.count(1, Phase::Established), 1, "{ike}");
    }
}

#[test]
fn a_cookie_is_fetched_and_shown() {
    let mut cable = Cable::new(1, |end, tunnel| {
        if end == 1 {
            tunnel.cookie = Cookie::Always;
        }
    });
    cable.bring_up();
    assert_eq!(cable.ladder().len(), 6);
    assert_eq!(cable.ladder()[2], "R1 IKE_SA_INIT req 0");
}

#[test]
fn a_wrong_guess_at_the_group_is_corrected_also_beside_a_cookie() {
    for cookie in [Cookie::Never, Cookie::Always] {
        let mut cable = Cable::new(1, |end, tunnel| {
            tunnel.proposals = ike_proposals(&["aes256gcm16-prfsha256-x25519-ecp384"]);
            tunnel.cookie = cookie;
            if end == 1 {
                tunnel.proposals = ike_proposals(&["aes256gcm16-prfsha256-ecp384"]);
            }
        });
        cable.bring_up();
        let requests = cable.ladder().iter().filter(|line| *line == "R1 IKE_SA_INIT req 0").count();
        assert_eq!(requests, if cookie == Cookie::Always { 3 } else { 2 });
        let refused = |event: &IkeEvent| {
            matches!(event, IkeEvent::Refused { notify: NotifyType::INVALID_KE_PAYLOAD, .. })
        };
        assert!(cable.ends[1].said(refused));
        let ecp384 = |event: &IkeEvent| matches!(event, IkeEvent::Established(e) if e.suite.ke == Some(KeId(20)));
        assert!(cable.ends[0].said(ecp384));
    }
}

#[test]
fn a_lifetime_rekeys_the_ike_sa_moves_the_child_and_deletes_the_old() {
    let mut cable = Cable::new(1, |end, tunnel| {
        let soft = Duration::from_secs([108, 116][end]);
        let hard = Some(Duration::from_secs(120));
        tunnel.lifetime = Lifetime { soft: Some(soft), jitter: Duration::ZERO, hard };
    });
    cable.bring_up();
    cable.run_until(ikelab_ambient::Instant::from_secs(600));
    cable.assert_agree(1);
    assert_eq!(
        cable.ladder()[4..8],
        [
            "R1 CREATE_CHILD_SA req 2",
            "R2 CREATE_CHILD_SA resp 2",
            "R1 INFORMATIONAL req 3",
            "R2 INFORMATIONAL resp 3"
        ]
    );
    assert!(cable.ends[0].said(|event| matches!(event, IkeEvent::ChildMoved { .. })));
    for end in 0..2 {
        assert_eq!(cable.count(end, Phase::Established), 1);
    }
    let rekeys = cable.ladder().iter().filter(|line| line.contains("CREATE_CHILD_SA req")).count();
    assert_eq!(rekeys, 5, "at 108, 216, … 540 s");
}

#[test]
fn a_child_lifetime_replaces_the_child_and_deletes_the_old() {
    let mut cable = Cable::new(1, |_, tunnel| {
        let soft = Some(Duration::from_secs(60));
        tunnel.children[0].lifetime =
            Lifetime { soft, jitter: Duration::from_secs(6), hard: Some(Duration::from_secs(70)) };
    });
    cable.bring_up();
    let first = *cable.ends[0].installed.keys().next().unwrap();
    cable.run_until(ikelab_ambient::Instant::from_secs(1_000));
    cable.assert_agree(1);
    assert!(!cable.ends[0].installed.contains_key(&first));
}

#[test]
fn a_second_child_comes_over_the_same_ike_sa_with_its_packet_first() {
    let mut cable = Cable::new(1, |end, tunnel| {
        let mut second = tunnel.children[0].clone();
        second.name = "net2".into();
        second.local = vec![net(["172.16.1.0/24", "172.16.2.0/24"][end])];
        second.remote = vec![net(["172.16.2.0/24", "172.16.1.0/24"][end])];
        tunnel.children.push(second);
    });
    cable.bring_up();
    let acquire = Acquire {
        child: "site.net2".into(),
        local: net("172.16.1.1/32"),
        remote: net("172.16.2.1/32"),
    };
    cable.input(0, Input::Acquire(acquire));
    cable.run_for(Duration::from_secs(1));
    cable.assert_agree(2);
    let ranges: Vec<String> = cable.ends[1]
        .installed
        .values()
        .flat_map(|child| &child.remote_ts)
        .map(ToString::to_string)
        .collect();
    assert!(ranges.contains(&"172.16.1.0/24".to_owned()), "{ranges:?}");
    assert_eq!(cable.count(0, Phase::Established), 1);
}

#[test]
fn pfs_takes_a_fresh_exchange_and_follows_the_peers_group() {
    let mut cable = Cable::new(1, |end, tunnel| {
        let text = ["aes256gcm16-x25519-ecp256", "aes256gcm16-ecp256"][end];
        tunnel.children[0].proposals = esp_proposals(&[text]);
    });
    cable.bring_up();
    cable.rekey_child(0);
    cable.run_for(Duration::from_secs(1));
    cable.assert_agree(1);
    let group = |event: &IkeEvent| matches!(event, IkeEvent::ChildInstalled(child) if child.suite.ke == Some(KeId(19)));
    assert!(cable.ends[0].said(group) && cable.ends[1].said(group));
}

#[test]
fn a_cleared_ike_sa_takes_its_children_along() {
    let mut cable = Cable::up();
    cable.command(0, Command::Clear { children: false });
    cable.run_for(Duration::from_secs(1));
    cable.assert_agree(0);
    assert_eq!(cable.ladder()[4..], ["R1 INFORMATIONAL req 2", "R2 INFORMATIONAL resp 2"]);
    cable.run_for(Duration::from_secs(1_000));
    assert_eq!(cable.ends[0].engine.deadline(), None, "nothing is left that wants to wake up");
    assert_eq!(cable.ends[1].engine.deadline(), None);
}

#[test]
fn a_cleared_child_leaves_the_ike_sa() {
    let mut cable = Cable::up();
    cable.command(1, Command::Clear { children: true });
    cable.run_for(Duration::from_secs(1));
    cable.assert_agree(0);
    assert_eq!(cable.ladder()[4..], ["R2 INFORMATIONAL req 0", "R1 INFORMATIONAL resp 0"]);
    assert_eq!(cable.count(0, Phase::Established), 1);
}

#[test]
fn a_wrong_key_is_an_authentication_failure_and_nothing_is_left() {
    let mut cable = Cable::new(1, |end, tunnel| {
        if end == 0 {
            tunnel.psk = Some(b"wrong".to_vec());
        }
    });
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(1));
    cable.assert_agree(0);
    assert_eq!(cable.ends[0].failed, ["site.net"]);
    let refused = |event: &IkeEvent| {
        matches!(event, IkeEvent::PeerRefused { notify: NotifyType::AUTHENTICATION_FAILED, .. })
    };
    assert!(cable.ends[0].said(refused));
    cable.run_for(Duration::from_secs(1_000));
    assert_eq!((cable.count(0, Phase::Established), cable.count(1, Phase::Established)), (0, 0));
}

#[test]
fn a_responder_that_is_not_who_was_asked_for_refuses() {
    let mut cable = Cable::new(1, |end, tunnel| {
        if end == 0 {
            tunnel.remote_id = ikelab_wire::payload::Identification::from_text("somebody.else");
        }
    });
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(1));
    cable.assert_agree(0);
    let refused = |event: &IkeEvent| {
        matches!(event, IkeEvent::Refused { notify: NotifyType::AUTHENTICATION_FAILED, .. })
    };
    assert!(cable.ends[1].said(refused), "IDr names another");
    assert_eq!((cable.count(0, Phase::Established), cable.count(1, Phase::Established)), (0, 0));
}

#[test]
fn a_declined_child_leaves_the_ike_sa() {
    let mut cable = Cable::new(1, |end, tunnel| {
        if end == 1 {
            tunnel.children[0].proposals = esp_proposals(&["aes128-sha256"]);
        }
    });
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(1));
    cable.assert_agree(0);
    assert_eq!(cable.ends[0].failed, ["site.net"]);
    assert_eq!((cable.count(0, Phase::Established), cable.count(1, Phase::Established)), (1, 1));
}

#[test]
fn a_dead_peer_is_noticed_by_the_question_for_a_sign_of_life() {
    let mut cable = Cable::new(1, |end, tunnel| {
        tunnel.liveness = (end == 0).then(|| Duration::from_secs(30));
    });
    cable.bring_up();
    cable.run_for(Duration::from_secs(100));
    assert_eq!(cable.ladder()[4..6], ["R1 INFORMATIONAL req 2", "R2 INFORMATIONAL resp 2"]);
    cable.hand = Box::new(|message| message.from == 0);
    cable.run_for(Duration::from_secs(600));
    assert_eq!(cable.count(0, Phase::Established), 0);
    assert!(cable.ends[0].installed.is_empty());
}

#[test]
fn nobody_there_ends_after_a_dozen_tries() {
    let mut cable = Cable::new(1, |_, _| {});
    cable.hand = Box::new(|_| false);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(1_000));
    assert_eq!(cable.sent.len(), 12);
    assert!(cable.sent.iter().all(|message| message.octets == cable.sent[0].octets));
    assert_eq!(cable.ends[0].failed, ["site.net"]);
    assert_eq!(cable.ends[0].engine.deadline(), None);
}

#[test]
fn two_that_begin_at_once_end_with_working_tunnels_on_both_sides() {
    let mut cable = Cable::new(1, |_, _| {});
    for end in 0..2 {
        cable.command(end, Command::Up { tunnel: "site".into(), child: None });
    }
    cable.run_for(Duration::from_secs(5));
    cable.assert_agree(2);
}
