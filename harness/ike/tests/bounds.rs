//! What has to end, and what has to stay as it was: corrections without end, a peer that never has
//! time, window sizes, crossing deletes, and who may send first on a rekeyed pair.

mod common;

use core::time::Duration;

use common::{Cable, esp_proposals};
use ikelab_ike::Command;
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::ike::{Flags, Header, IkeSpi, Message};
use ikelab_wire::payload::{Body, Notify, Payload};
use ikelab_wire::registry::{ExchangeType, NotifyType};

const SECOND: Duration = Duration::from_secs(1);

/// Groups 31 and 19 in turn.
fn other_group(turn: usize) -> Notify {
    let group: u16 = if turn.is_multiple_of(2) { 19 } else { 31 };
    Notify::new(NotifyType::INVALID_KE_PAYLOAD, &group.to_be_bytes())
}

/// The header of R1's last message, if that is a request of this exchange.
fn last_request(cable: &Cable, from: usize, exchange: ExchangeType) -> Option<Header> {
    let new = cable.sent[from..].iter().rev().find(|message| message.from == 0)?;
    let header = Header::parse(&new.octets).unwrap().header;
    (header.exchange == exchange && !header.flags.response()).then_some(header)
}

/// Answers R1's CREATE_CHILD_SA requests with this notify as long as there are any; says how many
/// there were.
fn declined(cable: &mut Cable, notify: impl Fn(usize) -> Notify) -> usize {
    let mut from = cable.sent.len() - 1;
    for turn in 0..100 {
        let Some(asked) = last_request(cable, from, ExchangeType::CREATE_CHILD_SA) else {
            return turn;
        };
        from = cable.sent.len();
        let header = cable.header(1, ExchangeType::CREATE_CHILD_SA, true, asked.message_id);
        let octets = cable.forge(1, &header, &[Body::Notify(notify(turn)).into()]);
        cable.inject(0, &octets);
        if cable.sent.len() == from {
            cable.run_for(Duration::from_secs(80));
        }
    }
    panic!("there is no end of it");
}

#[test]
fn a_responder_that_wants_another_group_each_time_does_not_keep_a_rekeying_going() {
    let change = |_: usize, tunnel: &mut ikelab_ike::config::Tunnel| {
        tunnel.children[0].proposals = esp_proposals(&["aes256gcm16-x25519-ecp256"]);
    };
    let begin: [fn(&mut Cable); 2] = [|cable| cable.rekey_child(0), |cable| cable.rekey_ike(0)];
    for begin in begin {
        let mut cable = Cable::new(1, change);
        cable.bring_up();
        cable.hand = Box::new(|message| message.from == 1);
        begin(&mut cable);
        assert_eq!(declined(&mut cable, other_group), 4, "one request and three corrections");
        assert_eq!(cable.count(0, Phase::Established), 1);
    }
}

#[test]
fn a_stranger_who_wants_another_group_each_time_does_not_keep_the_first_exchange_going() {
    let mut cable = Cable::new(1, |_, _| {});
    cable.hand = Box::new(|_| false);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    for turn in 0..50 {
        let asked = Header::parse(&cable.sent[0].octets).unwrap().header;
        let header = Header { responder_spi: IkeSpi::NONE, flags: Flags::RESPONSE, ..asked };
        let payloads = vec![Body::Notify(other_group(turn)).into()];
        cable.inject(0, &Message { header, payloads }.emit());
    }
    assert_eq!(cable.sent.len(), 9, "one request and eight corrections");
}

#[test]
fn a_peer_that_never_has_time_loses_its_ike_sa() {
    let mut cable = Cable::up();
    cable.hand = Box::new(|message| message.from == 1);
    cable.rekey_child(0);
    let busy = |_| Notify::new(NotifyType::TEMPORARY_FAILURE, &[]);
    assert_eq!(declined(&mut cable, busy), 9, "RFC 7296 §2.25: minutes, not for ever");
    let last = cable.sent.last().unwrap();
    let payloads = cable.read(0, &last.octets);
    assert!(matches!(&payloads[0].body, Body::Delete(_)), "{payloads:?}");
}

#[test]
fn window_sizes_are_said_where_they_say_something_and_go_over_to_a_rekeyed_ike_sa() {
    let says = |cable: &Cable, place: usize| {
        let message = &cable.sent[place];
        let payloads = cable.read(message.from, &message.octets);
        let size = |p: &Payload| matches!(&p.body, Body::Notify(n) if n.notify_type == NotifyType::SET_WINDOW_SIZE);
        payloads.iter().any(size)
    };
    for window in [1, 3] {
        let mut cable = Cable::new(1, |_, tunnel| tunnel.window = window);
        cable.bring_up();
        assert_eq!([says(&cable, 2), says(&cable, 3)], [window > 1; 2]);
        cable.rekey_ike(0);
        cable.run_for(SECOND);
        for end in &cable.ends {
            let sizes = end.events.iter().filter_map(|(_, event)| match event {
                IkeEvent::Established(up) => Some((up.window_ours, up.window_peers)),
                _ => None,
            });
            assert_eq!(sizes.into_iter().next_back(), Some((window, window)), "RFC 7296 §1.3.2");
        }
    }
}

#[test]
fn deletes_that_cross_are_answered_without_a_delete() {
    let mut cable = Cable::up();
    for end in 0..2 {
        cable.command(end, Command::Clear { children: true });
    }
    cable.run_for(SECOND);
    cable.assert_agree(0);
    let answers = cable.sent[4..]
        .iter()
        .filter(|message| Header::parse(&message.octets).unwrap().header.flags.response());
    let answers: Vec<_> =
        answers.map(|message| cable.read(message.from, &message.octets)).collect();
    assert_eq!(answers, [vec![], vec![]], "RFC 7296 §1.4.1: both have named theirs already");
}

#[test]
fn the_responder_of_a_rekeying_waits_with_sending_and_its_initiator_does_not() {
    let mut cable = Cable::up();
    let at_once = |cable: &Cable, end: usize| {
        let one = cable.ends[end].installed.values().next().unwrap();
        (one.replaces.is_some(), one.send_at_once)
    };
    assert_eq!([at_once(&cable, 0), at_once(&cable, 1)], [(false, true); 2]);
    cable.rekey_child(0);
    cable.run_for(SECOND);
    assert_eq!([at_once(&cable, 0), at_once(&cable, 1)], [(true, true), (true, false)]);
}

/// The notifies with which an end refused.
fn refusals(cable: &Cable, end: usize) -> Vec<NotifyType> {
    let refused = cable.ends[end].events.iter().filter_map(|(_, event)| match event {
        IkeEvent::Refused { notify, .. } => Some(*notify),
        _ => None,
    });
    refused.collect()
}

/// Lets all pass but R1's Deletes.
fn without_deletes(message: &mut common::Message) -> bool {
    let header = Header::parse(&message.octets).unwrap().header;
    message.from == 1 || header.flags.response() || header.exchange != ExchangeType::INFORMATIONAL
}

#[test]
fn a_peer_that_rekeys_a_child_sa_without_end_and_deletes_none_is_stopped() {
    let mut cable = Cable::new(1, |_, tunnel| {
        tunnel.options.children_max = Some(10);
        tunnel.window = 64;
    });
    cable.bring_up();
    cable.hand = Box::new(without_deletes);
    for _ in 0..40 {
        cable.rekey_child(0);
        cable.run_for(Duration::from_millis(30));
    }
    assert_eq!(cable.ends[1].installed.len(), 12, "one that stays, and eleven that are replaced");
    assert!(refusals(&cable, 1).contains(&NotifyType::TEMPORARY_FAILURE));
    // When the Deletes come through, it can go on.
    cable.hand = Box::new(|_| true);
    cable.run_for(Duration::from_secs(300));
    cable.assert_agree(1);
}

#[test]
fn a_peer_that_rekeys_the_ike_sa_without_end_is_stopped() {
    for deletes in [false, true] {
        let mut cable = Cable::up();
        cable.hand = if deletes { Box::new(|_| true) } else { Box::new(without_deletes) };
        let before = cable.ends[1].engine.entries();
        for _ in 0..200 {
            cable.rekey_ike(0);
            cable.run_for(Duration::from_millis(50));
        }
        let grown = cable.ends[1].engine.entries() - before;
        assert!(grown < 64 * 4, "{grown} entries more");
        assert!(refusals(&cable, 1).contains(&NotifyType::TEMPORARY_FAILURE));
        cable.hand = Box::new(|_| true);
        cable.run_for(Duration::from_secs(600));
        cable.assert_agree(1);
        let made = |end: usize| cable.count(end, Phase::Established);
        assert_eq!((made(0), made(1)), (1, 1), "it goes on with what there is");
        cable.rekey_ike(0);
        cable.run_for(Duration::from_secs(10));
        cable.assert_agree(1);
    }
}

/// R1 comes up `times` times, each time as if it had never been there; it keeps its keys.
fn comes_anew(
    cable: &mut Cable,
    times: usize,
    change: impl Fn(usize, &mut ikelab_ike::config::Config) + Copy,
) {
    for _ in 0..times {
        cable.ends[0].restart(change, 0);
        cable.command(0, Command::Up { tunnel: "site".into(), child: None });
        cable.run_for(Duration::from_millis(100));
    }
}

#[test]
fn a_peer_that_comes_anew_without_end_keeps_so_many_ike_sas_and_no_more() {
    let change = |_: usize, config: &mut ikelab_ike::config::Config| {
        config.tunnels[0].initial_contact = false;
    };
    let mut cable = Cable::configured(1, change);
    comes_anew(&mut cable, 300, change);
    assert_eq!(cable.ends[1].installed.len(), 128, "64 that stay, and 64 whose Delete is open");
    assert!(cable.ends[1].engine.entries() < 128 * 5 + 50, "{}", cable.ends[1].engine.entries());
    // The newest is among those that stay.
    let newest = cable.ends[0].installed.values().next().unwrap();
    assert!(cable.ends[1].installed.contains_key(&newest.spi_out));
    cable.run_for(SECOND * 400);
    assert_eq!(cable.ends[1].installed.len(), 64);
}

#[test]
fn who_fails_to_prove_who_it_is_counts_as_half_open_until_it_is_forgotten() {
    let stranger = |end: usize, config: &mut ikelab_ike::config::Config| {
        config.half_open_max = 10;
        config.tunnels[0].options.retries = 0;
        if end == 0 {
            config.tunnels[0].psk = b"guessed".to_vec().into();
        }
    };
    let mut cable = Cable::configured(1, stranger);
    comes_anew(&mut cable, 40, stranger);
    assert!(cable.ends[1].engine.entries() < 10 * 5 + 10, "{}", cable.ends[1].engine.entries());
    assert!(cable.discarded(1).contains(&"half-open limit".to_owned()), "{:?}", cable.discarded(1));
    // And who has the keys finds room when they are gone.
    cable.run_for(SECOND * 200);
    let honest = |_: usize, _: &mut ikelab_ike::config::Config| {};
    comes_anew(&mut cable, 1, honest);
    assert_eq!(cable.ends[1].installed.len(), 1);
}
