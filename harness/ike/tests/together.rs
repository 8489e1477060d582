//! Two ends that begin at once: each has an IKE SA of its own making and one of the other's. The RFC
//! has no rule by which one of them is too many (§2.8 even warns of such rules), but what one end
//! keeps the other must keep, in every order in which the eight messages may arrive; and
//! INITIAL_CONTACT must not end what the peer knows well (§2.4).

mod common;

use core::time::Duration;
use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use common::Cable;
use ikelab_ike::Command;
use ikelab_trace::{IkeEvent, Phase};

/// Long enough for the rest of the messages to pass.
const LATE: Duration = Duration::from_millis(45);

/// Both begin at once, and of the messages that leave the marked ones are late.
fn begun_together(late: u32, apart: Duration, initial_contact: bool) -> Cable {
    let mut cable = Cable::new(1, |_, tunnel| tunnel.initial_contact = initial_contact);
    let count = Rc::new(Cell::new(0));
    cable.hand = Box::new(move |message| {
        let place = count.replace(count.get() + 1);
        if place < 8 && late >> place & 1 == 1 {
            message.at = message.at + LATE;
        }
        true
    });
    for end in 0..2 {
        cable.command(end, Command::Up { tunnel: "site".into(), child: None });
        if end == 0 {
            cable.run_for(apart);
        }
    }
    cable.run_for(Duration::from_secs(2));
    cable
}

fn check(cable: &Cable) {
    let sas = [0, 1].map(|end| cable.count(end, Phase::Established));
    assert_eq!(sas[0], sas[1], "{}", cable.ladder().join("\n"));
    assert!((1..=2).contains(&sas[0]), "{sas:?}\n{}", cable.ladder().join("\n"));
    cable.assert_agree(sas[0]);
}

#[test]
fn two_ends_that_begin_at_once_keep_the_same_in_every_order() {
    let mut kept = [0, 0];
    for initial_contact in [true, false] {
        for late in 0..1 << 8 {
            // A nanosecond apart there is an order between what would else be at one moment.
            for apart in [0, 1, 12_000_000] {
                let apart = Duration::from_nanos(apart);
                let cable = begun_together(late, apart, initial_contact);
                let ran = std::panic::catch_unwind(AssertUnwindSafe(|| check(&cable)));
                assert!(ran.is_ok(), "{late:08b} late, {apart:?} apart, {initial_contact}");
                kept[cable.ends[0].installed.len() - 1] += 1;
            }
        }
    }
    assert!(kept[1] > 0, "{kept:?}");
}

#[test]
fn what_began_at_once_lives_and_ends_as_any_other() {
    let mut cable = begun_together(0, Duration::ZERO, true);
    check(&cable);
    let count = cable.ends[0].installed.len();
    cable.rekey_child(0);
    cable.run_for(Duration::from_secs(5));
    cable.assert_agree(count);
    cable.rekey_ike(1);
    cable.run_for(Duration::from_secs(5));
    cable.assert_agree(count);
    cable.command(0, Command::Down { tunnel: "site".into() });
    cable.run_for(Duration::from_secs(300));
    cable.assert_agree(0);
    for end in 0..2 {
        assert_eq!(cable.count(end, Phase::Established), 0);
        assert_eq!(cable.ends[end].engine.deadline(), None);
    }
}

#[test]
fn an_attempt_that_nobody_has_answered_ends_when_the_peer_was_faster() {
    let mut cable = Cable::new(1, |_, _| {});
    cable.hand = Box::new(|message| message.from == 1);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_millis(100));
    cable.hand = Box::new(|_| true);
    cable.command(1, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(60));
    cable.assert_agree(1);
    for end in 0..2 {
        assert_eq!(cable.count(end, Phase::Established), 1);
        assert_eq!(cable.count(end, Phase::InitSent), 0);
        assert_eq!(cable.ends[end].failed, Vec::<String>::new());
    }
}

#[test]
fn a_peer_that_began_anew_is_believed() {
    // The same notify from a peer that has lost its memory ends what it has lost.
    let mut cable = Cable::up();
    cable.ends[0].restart(|_, _| {}, 0);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(1));
    cable.assert_agree(1);
    assert_eq!(cable.count(1, Phase::Established), 1);
    let reason = |event: &IkeEvent| matches!(event, IkeEvent::Phase { reason, .. } if reason == "initial contact");
    assert!(cable.ends[1].said(reason));
}
