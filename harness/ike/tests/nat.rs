//! NATs between two ends: found, passed through, held open, and followed when they change their
//! mind (RFC 7296 §2.23, RFC 3948).

mod common;

use core::time::Duration;
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use common::{Cable, Message};
use ikelab_ike::{Command, Input};
use ikelab_wire::registry::ExchangeType;

const SECOND: Duration = Duration::from_secs(1);
/// What R2 sees of R1 through a NAT.
const OUTSIDE: &str = "10.9.9.9";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// R1 behind a NAT that adds this to each port; changing it is a new mapping.
fn behind_nat(change: impl Fn(usize, &mut ikelab_ike::config::Tunnel)) -> (Cable, Rc<Cell<u16>>) {
    let mut cable = Cable::new(1, |end, tunnel| {
        if end == 1 {
            tunnel.remote = address("0.0.0.0");
        }
        change(end, tunnel);
    });
    let shift = Rc::new(Cell::new(1_000));
    let mapping = Rc::clone(&shift);
    cable.hand = Box::new(move |message| translate(message, mapping.get()));
    (cable, shift)
}

fn translate(message: &mut Message, shift: u16) -> bool {
    if message.from == 0 {
        message.local = SocketAddr::new(address(OUTSIDE), message.local.port() + shift);
        return true;
    }
    let inside = message.remote.port().checked_sub(shift).filter(|port| [500, 4500].contains(port));
    let fits = message.remote.ip() == address(OUTSIDE);
    message.remote = SocketAddr::new(address("10.0.0.1"), inside.unwrap_or(0));
    fits && inside.is_some()
}

fn remote_of_child(cable: &Cable, end: usize) -> SocketAddr {
    cable.ends[end].installed.values().next().unwrap().remote
}

fn last_from(cable: &Cable, end: usize) -> &Message {
    cable.sent.iter().rev().find(|message| message.from == end).unwrap()
}

#[test]
fn behind_a_nat_all_goes_over_port_4500_and_in_udp() {
    let (mut cable, _) = behind_nat(|_, _| {});
    cable.bring_up();
    cable.assert_agree(1);
    let ports: Vec<u16> = cable.sent.iter().map(|message| message.local.port()).collect();
    assert_eq!(ports, [1_500, 500, 5_500, 4_500]);
    for end in &cable.ends {
        assert!(end.installed.values().all(|child| child.encapsulated));
    }
    assert_eq!(remote_of_child(&cable, 1), SocketAddr::new(address(OUTSIDE), 5_500));
    assert_eq!(remote_of_child(&cable, 0), SocketAddr::new(address("10.0.0.2"), 4_500));
}

#[test]
fn without_a_nat_nothing_moves_to_port_4500() {
    let cable = Cable::up();
    assert!(cable.sent.iter().all(|message| message.local.port() == 500));
    assert!(cable.ends.iter().all(|end| end.installed.values().all(|child| !child.encapsulated)));
}

#[test]
fn a_responder_behind_a_static_nat_is_reached_too() {
    let mut cable = Cable::new(1, |end, tunnel| {
        if end == 0 {
            tunnel.remote = address("10.8.8.8");
        }
    });
    cable.hand = Box::new(|message| {
        if message.from == 0 {
            message.remote.set_ip(address("10.0.0.2"));
        } else {
            message.local.set_ip(address("10.8.8.8"));
        }
        true
    });
    cable.bring_up();
    cable.assert_agree(1);
    assert_eq!(last_from(&cable, 0).local.port(), 4_500);
    assert!(cable.ends.iter().all(|end| end.installed.values().all(|child| child.encapsulated)));
}

#[test]
fn a_new_mapping_is_followed_after_a_new_authentic_request() {
    let (mut cable, shift) = behind_nat(|_, _| {});
    cable.bring_up();
    let old = remote_of_child(&cable, 1);
    let repeated = cable.sent[2].octets.clone();
    shift.set(2_000);
    // Neither what anybody can send nor what was sent before moves anything.
    let stranger = SocketAddr::new(address("10.7.7.7"), 77);
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 2);
    let mut forged = cable.forge(0, &header, &[]);
    *forged.last_mut().unwrap() ^= 1;
    for octets in [&repeated, &forged] {
        cable.inject_from(stranger, 1, octets);
        assert_eq!(remote_of_child(&cable, 1), old);
    }
    cable.rekey_child(0);
    cable.run_for(SECOND);
    cable.assert_agree(1);
    let new = SocketAddr::new(address(OUTSIDE), 6_500);
    assert_eq!(remote_of_child(&cable, 1), new);
    // What R2 begins reaches R1 through the new mapping.
    cable.command(1, Command::Clear { children: true });
    cable.run_for(SECOND);
    cable.assert_agree(0);
}

#[test]
fn a_new_mapping_is_followed_after_an_authentic_response() {
    let (mut cable, shift) = behind_nat(|_, _| {});
    cable.bring_up();
    // R2's request goes through the old mapping, and R1's answer through a new one.
    cable.rekey_child(1);
    assert_eq!(last_from(&cable, 1).remote, SocketAddr::new(address("10.0.0.1"), 4_500));
    shift.set(2_000);
    cable.run_for(SECOND);
    cable.assert_agree(1);
    assert_eq!(remote_of_child(&cable, 1), SocketAddr::new(address(OUTSIDE), 6_500));
}

#[test]
fn an_end_behind_a_nat_does_not_follow() {
    let (mut cable, _) = behind_nat(|_, _| {});
    cable.bring_up();
    let mut question = cable.header(1, ExchangeType::INFORMATIONAL, false, 0);
    question.message_id = 0;
    let octets = cable.forge(1, &question, &[]);
    cable.inject_from(SocketAddr::new(address("10.7.7.7"), 77), 0, &octets);
    // The answer goes to where the question came from (RFC 7296 2.11), and nothing else does.
    assert_eq!(last_from(&cable, 0).remote, SocketAddr::new(address("10.7.7.7"), 77));
    assert_eq!(remote_of_child(&cable, 0), SocketAddr::new(address("10.0.0.2"), 4_500));
    cable.rekey_child(0);
    assert_eq!(last_from(&cable, 0).remote, SocketAddr::new(address("10.0.0.2"), 4_500));
}

#[test]
fn an_end_behind_a_nat_does_not_follow_a_peer_behind_another_either() {
    let mut cable = Cable::new(1, |_, tunnel| tunnel.options.force_encapsulation = true);
    cable.bring_up();
    let header = cable.header(1, ExchangeType::INFORMATIONAL, false, 0);
    let octets = cable.forge(1, &header, &[]);
    cable.inject_from(SocketAddr::new(address("10.7.7.7"), 77), 0, &octets);
    assert_eq!(remote_of_child(&cable, 0), SocketAddr::new(address("10.0.0.2"), 4_500));
}

#[test]
fn without_a_nat_nobody_is_followed() {
    let mut cable = Cable::up();
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 2);
    let octets = cable.forge(0, &header, &[]);
    cable.inject_from(SocketAddr::new(address("10.7.7.7"), 77), 1, &octets);
    assert_eq!(remote_of_child(&cable, 1), SocketAddr::new(address("10.0.0.1"), 500));
}

#[test]
fn only_the_end_behind_the_nat_holds_it_open_while_it_has_nothing_to_say() {
    let keepalive = Some(Duration::from_secs(20));
    let (mut cable, _) = behind_nat(|_, tunnel| tunnel.options.keepalive = keepalive);
    cable.bring_up();
    cable.run_for(Duration::from_secs(50));
    assert_eq!(cable.ends[0].keepalives.len(), 2);
    cable.rekey_child(0);
    let spoke = cable.now + 2 * common::DELAY;
    cable.run_for(Duration::from_secs(21));
    // The Delete of the old pair was the last that was sent.
    assert_eq!(cable.ends[0].keepalives[2..], [spoke + Duration::from_secs(20)]);
    assert!(cable.ends[1].keepalives.is_empty());
    // What ESP sends in UDP holds the mapping as well.
    let spi_in = *cable.ends[0].installed.keys().next().expect("a Child SA");
    cable.run_for(Duration::from_secs(10));
    cable.input(0, Input::Spoke { spi_in });
    let (spoke, before) = (cable.now, cable.ends[0].keepalives.len());
    cable.run_for(Duration::from_secs(21));
    assert_eq!(cable.ends[0].keepalives[before..], [spoke + Duration::from_secs(20)]);

    let mut cable = Cable::new(1, |_, tunnel| tunnel.options.keepalive = keepalive);
    cable.bring_up();
    cable.run_for(Duration::from_secs(100));
    assert!(cable.ends.iter().all(|end| end.keepalives.is_empty()));
}

#[test]
fn either_end_can_have_esp_in_udp_by_pretending() {
    for pretender in 0..2 {
        let mut cable = Cable::new(1, |end, tunnel| {
            tunnel.options.force_encapsulation = end == pretender;
        });
        cable.bring_up();
        cable.assert_agree(1);
        assert_eq!(cable.sent[2].local.port(), 4_500);
        for end in &cable.ends {
            assert!(end.installed.values().all(|child| child.encapsulated));
        }
    }
}
