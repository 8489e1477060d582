//! Which selectors a Child SA gets: one pair of addresses, the packet that asks, transport mode
//! through a NAT, and never less than what a rekeyed one had (RFC 7296 §2.9, §2.9.2, §2.23.1).

mod common;

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

use common::{Cable, net};
use ikelab_ike::config::{Narrow, Tunnel};
use ikelab_ike::{Acquire, Command, Input};
use ikelab_trace::{EspMode, IkeEvent, Phase};
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::{IpProtocol, NotifyType};

const SECOND: Duration = Duration::from_secs(1);

fn packet(address: &str, port: u16) -> SelectorRange {
    let host = net(&format!("{address}/32"));
    SelectorRange { protocol: IpProtocol::UDP, start_port: port, end_port: port, ..host }
}

fn ask(cable: &mut Cable, from: &str, to: &str) {
    let (local, remote) = (packet(from, 4_000), packet(to, 53));
    cable.input(0, Input::Acquire(Acquire { child: "site.net".into(), local, remote }));
    cable.run_for(SECOND);
}

fn refused(cable: &Cable, end: usize, wanted: NotifyType) -> bool {
    cable.ends[end].said(|e| matches!(e, IkeEvent::Refused { notify, .. } if *notify == wanted))
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn with_one_pair_a_sa_each_packet_between_other_hosts_gets_a_child_sa_of_its_own() {
    let mut cable = Cable::new(1, |end, tunnel| tunnel.options.single_pair = end == 1);
    ask(&mut cable, "192.168.1.5", "192.168.2.5");
    cable.assert_agree(1);
    let child = cable.ends[0].installed.values().next().unwrap();
    assert_eq!(child.local_ts, [net("192.168.1.5/32")]);
    assert_eq!(child.remote_ts, [net("192.168.2.5/32")]);
    ask(&mut cable, "192.168.1.5", "192.168.2.6");
    cable.assert_agree(2);
    // Another packet between the first two needs nothing new.
    ask(&mut cable, "192.168.1.5", "192.168.2.5");
    cable.assert_agree(2);
    // What is rekeyed keeps its pair.
    cable.rekey_child(1);
    cable.run_for(SECOND);
    cable.assert_agree(2);
    let lasts = cable.ends[0].installed.values().map(|child| child.remote_ts[0].start);
    let mut lasts: Vec<IpAddr> = lasts.collect();
    lasts.sort();
    assert_eq!(lasts, [address("192.168.2.5"), address("192.168.2.6")]);
}

#[test]
fn who_names_no_pair_is_told_that_one_is_needed() {
    let mut cable = Cable::new(1, |end, tunnel| tunnel.options.single_pair = end == 1);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(SECOND);
    assert!(refused(&cable, 1, NotifyType::SINGLE_PAIR_REQUIRED));
    cable.assert_agree(0);
    assert_eq!(cable.count(0, Phase::Established), 1);
    assert_eq!(cable.ends[0].failed, ["site.net"]);
}

#[test]
fn a_child_sa_that_the_peer_narrowed_away_from_a_packet_is_not_made_again_and_again() {
    // R2 has half of R1's side only, and the packet comes from the other half.
    let mut cable = Cable::new(1, |end, tunnel| {
        if end == 1 {
            tunnel.children[0].remote = vec![net("192.168.1.0/25")];
        }
    });
    for _ in 0..5 {
        ask(&mut cable, "192.168.1.200", "192.168.2.5");
    }
    cable.assert_agree(1);
    assert_eq!(cable.sent.len(), 4);
}

#[test]
fn a_rekeyed_child_sa_never_gets_less() {
    // The answering end's policy has shrunk: it declines. (In tunnel mode the old one would have been
    // deleted before.)
    let mut cable = Cable::new(1, |_, tunnel| tunnel.children[0].mode = EspMode::Transport);
    cable.bring_up();
    cable.configure(1, |tunnel| {
        tunnel.children[0].mode = EspMode::Transport;
        tunnel.children[0].remote = vec![net("192.168.1.0/25")];
    });
    let before: Vec<_> = cable.ends[0].installed.keys().copied().collect();
    cable.rekey_child(0);
    cable.run_for(SECOND);
    assert!(refused(&cable, 1, NotifyType::TS_UNACCEPTABLE));
    let after: Vec<_> = cable.ends[0].installed.keys().copied().collect();
    assert_eq!(before, after, "the old one lives on");
    cable.assert_agree(1);
}

#[test]
fn who_does_not_narrow_refuses_what_it_would_have_to_cut() {
    let mut cable = Cable::new(1, |end, tunnel| {
        tunnel.children[0].narrow = Narrow::Refuse;
        if end == 1 {
            tunnel.children[0].remote = vec![net("192.168.1.0/25")];
        }
    });
    ask(&mut cable, "192.168.1.7", "192.168.2.5");
    assert!(refused(&cable, 1, NotifyType::TS_UNACCEPTABLE));
    cable.assert_agree(0);
    // What is within policy is taken, and a packet that stands first is no cut.
    let mut whole = Cable::new(1, |_, tunnel| tunnel.children[0].narrow = Narrow::Refuse);
    ask(&mut whole, "192.168.1.7", "192.168.2.5");
    whole.assert_agree(1);
}

#[test]
fn who_does_not_narrow_deletes_what_the_peer_has_cut() {
    let mut cable = Cable::new(1, |end, tunnel| {
        tunnel.children[0].narrow = [Narrow::Refuse, Narrow::Allow][end];
        if end == 1 {
            tunnel.children[0].remote = vec![net("192.168.1.0/25")];
        }
    });
    ask(&mut cable, "192.168.1.7", "192.168.2.5");
    cable.assert_agree(0);
    assert!(refused(&cable, 0, NotifyType::TS_UNACCEPTABLE));
    assert_eq!(cable.ladder()[4..], ["R1 INFORMATIONAL req 2", "R2 INFORMATIONAL resp 2"]);
    assert_eq!(cable.count(0, Phase::Established), 1);
}

#[test]
fn who_takes_one_pair_of_selectors_takes_each_in_turn_and_keeps_it_when_it_is_replaced() {
    // As "one-child-per-selector-pair" of interop-regressions: three nets each, nine pairs.
    let nets =
        |site: u8| -> Vec<_> { (1..=3).map(|n| net(&format!("10.{site}.{n}.0/24"))).collect() };
    let mut cable = Cable::new(1, |end, tunnel| {
        let child = &mut tunnel.children[0];
        (child.local, child.remote) =
            ([nets(1), nets(2)][end].clone(), [nets(2), nets(1)][end].clone());
        if end == 1 {
            child.narrow = Narrow::One;
        }
    });
    for (count, (one, other)) in [(1, 1), (2, 3), (3, 2), (1, 2)].into_iter().enumerate() {
        ask(&mut cable, &format!("10.1.{one}.7"), &format!("10.2.{other}.7"));
        cable.assert_agree(count + 1);
        let pair = (vec![nets(1)[one - 1]], vec![nets(2)[other - 1]]);
        let has = |c: &ikelab_ike::ChildSa| (c.local_ts.clone(), c.remote_ts.clone()) == pair;
        assert!(cable.ends[0].installed.values().any(has), "{one} {other}");
    }
    let pairs = |cable: &Cable| {
        let mut all: Vec<_> =
            cable.ends[0].installed.values().map(|c| (c.local_ts[0], c.remote_ts[0])).collect();
        all.sort_by_key(|(l, r)| (l.start, r.start));
        all
    };
    let before = pairs(&cable);
    for end in [0, 1] {
        cable.rekey_child(end);
        cable.run_for(10 * SECOND);
        cable.assert_agree(4);
        assert_eq!(pairs(&cable), before, "{end}");
    }
    // A range that is wider than policy is not cut.
    let mut wide = Cable::new(1, |end, tunnel| {
        tunnel.children[0].narrow = [Narrow::Allow, Narrow::One][end];
        if end == 0 {
            tunnel.children[0].remote = vec![net("192.168.0.0/16")];
        }
    });
    ask(&mut wide, "192.168.1.7", "192.168.2.5");
    assert!(refused(&wide, 1, NotifyType::TS_UNACCEPTABLE));
}

/// R1 behind a NAT, R2 behind a static one: R1 knows R2 as 10.8.8.8, R2 knows R1 as 10.9.9.9.
fn two_nats(change: impl Fn(usize, &mut Tunnel)) -> Cable {
    let mut cable = Cable::new(1, |end, tunnel| {
        let child = &mut tunnel.children[0];
        child.mode = EspMode::Transport;
        (child.local, child.remote) = (vec![net("0.0.0.0/0")], vec![net("0.0.0.0/0")]);
        tunnel.remote = address(["10.8.8.8", "0.0.0.0"][end]);
        change(end, tunnel);
    });
    cable.hand = Box::new(|message| {
        if message.from == 0 {
            message.local = SocketAddr::new(address("10.9.9.9"), message.local.port() + 1_000);
            message.remote.set_ip(address("10.0.0.2"));
        } else {
            message.local.set_ip(address("10.8.8.8"));
            let port = message.remote.port() - 1_000;
            message.remote = SocketAddr::new(address("10.0.0.1"), port);
        }
        true
    });
    cable
}

#[test]
fn transport_mode_through_two_nats_has_at_each_end_the_addresses_that_it_sees() {
    let mut cable = two_nats(|_, _| {});
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(SECOND);
    for rekeyed_by in [None, Some(0), Some(1)] {
        if let Some(end) = rekeyed_by {
            cable.rekey_child(end);
            cable.run_for(SECOND);
        }
        let seen = |end: usize| {
            let installed = &cable.ends[end].installed;
            assert_eq!(installed.len(), 1, "{rekeyed_by:?}");
            let child = installed.values().next().unwrap();
            assert_eq!(child.mode, EspMode::Transport, "{rekeyed_by:?}");
            (child.local_ts.clone(), child.remote_ts.clone())
        };
        let host = |text: &str| vec![net(&format!("{text}/32"))];
        assert_eq!(seen(0), (host("10.0.0.1"), host("10.8.8.8")), "{rekeyed_by:?}");
        assert_eq!(seen(1), (host("10.0.0.2"), host("10.9.9.9")), "{rekeyed_by:?}");
    }
}

#[test]
fn without_a_policy_for_transport_mode_the_addresses_inside_are_what_counts() {
    let mut cable = two_nats(|end, tunnel| {
        if end == 1 {
            let child = &mut tunnel.children[0];
            child.mode = EspMode::Tunnel;
            (child.local, child.remote) = (vec![net("10.8.8.8/32")], vec![net("10.0.0.1/32")]);
        }
    });
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(SECOND);
    cable.assert_agree(1);
    let child = cable.ends[1].installed.values().next().unwrap();
    assert_eq!((child.mode, &child.remote_ts), (EspMode::Tunnel, &vec![net("10.0.0.1/32")]));
}
