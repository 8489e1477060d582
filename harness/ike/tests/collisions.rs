//! Exchanges that cross: every pair of what the two ends can want at once, with every single
//! message lost or late, and many nonces. However it goes, both ends end up agreeing
//! (RFC 7296 §2.8.1, §2.8.2, §2.25).

mod common;

use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;

use common::Cable;
use ikelab_ike::Command;
use ikelab_ike::config::Childless;
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::registry::NotifyType;
use proptest::prelude::*;

/// What an end wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Nothing,
    RekeyChild,
    RekeyIke,
    DeleteChild,
    DeleteIke,
}

const OPS: [Op; 5] = [Op::Nothing, Op::RekeyChild, Op::RekeyIke, Op::DeleteChild, Op::DeleteIke];

impl Op {
    fn run(self, cable: &mut Cable, end: usize) {
        match self {
            Self::Nothing => {}
            Self::RekeyChild => cable.rekey_child(end),
            Self::RekeyIke => cable.rekey_ike(end),
            Self::DeleteChild => cable.command(end, Command::Clear { children: true }),
            Self::DeleteIke => cable.command(end, Command::Clear { children: false }),
        }
    }
}

/// What happens to one message, counted from the moment at which both act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Lost,
    Late,
}

fn crossed(seed: u64, ops: [Op; 2], fate: Option<(usize, Fate)>) -> Cable {
    let mut cable = Cable::new(seed, |_, _| {});
    cable.bring_up();
    let count = Rc::new(Cell::new(0));
    cable.hand = Box::new(move |message| {
        let place = count.replace(count.get() + 1);
        match fate {
            Some((hit, Fate::Lost)) if hit == place => false,
            Some((hit, Fate::Late)) if hit == place => {
                message.at = message.at + Duration::from_millis(37);
                true
            }
            _ => true,
        }
    });
    for (end, op) in ops.into_iter().enumerate() {
        op.run(&mut cable, end);
    }
    cable.run_for(Duration::from_secs(400));
    cable
}

/// Both ends agree, one IKE SA at most is left, and nothing that was not deleted is gone.
fn check(cable: &Cable, ops: [Op; 2]) {
    let ike_deleted = ops.contains(&Op::DeleteIke);
    let child_deleted = ike_deleted || ops.contains(&Op::DeleteChild);
    let left = cable.ends[0].installed.len();
    cable.assert_agree(left);
    assert!(left <= 1, "one pair at most:\n{}", cable.ladder().join("\n"));
    if !child_deleted {
        assert_eq!(left, 1, "nobody deleted it:\n{}", cable.ladder().join("\n"));
    }
    let sas = [0, 1].map(|end| cable.count(end, Phase::Established));
    assert_eq!(sas[0], sas[1], "{}", cable.ladder().join("\n"));
    assert_eq!(sas[0], usize::from(!ike_deleted), "{}", cable.ladder().join("\n"));
    for end in 0..2 {
        for lingering in [Phase::Replaced, Phase::Deleting] {
            assert_eq!(cable.count(end, lingering), 0, "{}", cable.ladder().join("\n"));
        }
    }
}

#[test]
fn whatever_crosses_both_ends_agree_in_the_end() {
    let fates = (0..10).flat_map(|place| [Some((place, Fate::Lost)), Some((place, Fate::Late))]);
    for fate in std::iter::once(None).chain(fates) {
        for one in OPS {
            for other in OPS {
                for seed in 1..=3 {
                    let cable = crossed(seed, [one, other], fate);
                    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        check(&cable, [one, other]);
                    }));
                    assert!(ran.is_ok(), "{one:?} against {other:?}, {fate:?}, seed {seed}");
                }
            }
        }
    }
}

/// Whose exchange has the lowest of the nonces, read off the wire with the keys and compared here.
fn lowest_nonce_is_of(cable: &Cable) -> usize {
    let keys = cable.ends[0].events.iter().find_map(|(_, event)| match event {
        IkeEvent::Keys(keys) => Some(keys),
        _ => None,
    });
    let keys = keys.unwrap();
    let encr = ikelab_crypto::Encr::from_transform(keys.suite.encr, keys.suite.encr_bits).unwrap();
    let protection = ikelab_crypto::Protection { encr, integ: None };
    let sealers =
        [&keys.sk_ei, &keys.sk_er].map(|sk_e| ikelab_crypto::Sealer::new(protection, sk_e, &[]));
    let of_it = |message: &&common::Message| {
        let header = ikelab_wire::ike::Header::parse(&message.octets).unwrap().header;
        header.initiator_spi == keys.sa.initiator
    };
    let nonces = cable.sent[4..].iter().filter(of_it).filter_map(|message| {
        let opened = sealers[message.from].open(&message.octets).unwrap();
        let payloads = ikelab_wire::payload::parse_chain(opened.first, &opened.plaintext).unwrap();
        let nonce = payloads.into_iter().find_map(|payload| match payload.body {
            ikelab_wire::payload::Body::Nonce(nonce) => Some(nonce.0),
            _ => None,
        })?;
        let header = ikelab_wire::ike::Header::parse(&message.octets).unwrap().header;
        let asked = if header.flags.response() { 1 - message.from } else { message.from };
        Some((nonce, asked))
    });
    nonces.min().unwrap().1
}

#[test]
fn of_two_crossed_child_rekeys_the_lowest_nonce_loses() {
    let (mut losers, seeds) = ([0, 0], 24);
    for seed in 1..=seeds {
        let cable = crossed(seed, [Op::RekeyChild, Op::RekeyChild], None);
        check(&cable, [Op::RekeyChild, Op::RekeyChild]);
        let made = |end: usize| {
            cable.ends[end].events.iter().filter_map(|(_, event)| match event {
                IkeEvent::ChildInstalled(child) if child.replaces.is_some() => {
                    Some((**child).clone())
                }
                _ => None,
            })
        };
        assert_eq!((made(0).count(), made(1).count()), (2, 2), "both pairs were made");
        let survivor = cable.ends[0].installed.keys().next().unwrap();
        let survivor = made(0).find(|child| child.spi_in == *survivor).unwrap();
        let r1_made_it = survivor.role == ikelab_trace::Role::Initiator;
        assert_eq!(r1_made_it, lowest_nonce_is_of(&cable) == 1, "seed {seed}: RFC 7296 §2.8.1");
        losers[usize::from(r1_made_it)] += 1;
        // Four CREATE_CHILD_SA messages, and two Deletes with their answers.
        assert_eq!(cable.ladder().len(), 4 + 4 + 4, "{}", cable.ladder().join("\n"));
    }
    assert!(losers[0] > 0 && losers[1] > 0, "{losers:?} of {seeds}: nonces decide");
}

#[test]
fn of_two_crossed_ike_rekeys_the_lowest_nonce_loses() {
    let (mut losers, seeds) = ([0, 0], 24);
    for seed in 1..=seeds {
        let cable = crossed(seed, [Op::RekeyIke, Op::RekeyIke], None);
        check(&cable, [Op::RekeyIke, Op::RekeyIke]);
        let events = || cable.ends[0].events.iter().map(|(_, event)| event);
        let made = events().filter_map(|event| match event {
            IkeEvent::Established(up) if up.replaces.is_some() => Some((up.sa, up.role)),
            _ => None,
        });
        let closed = |sa| {
            events().any(|event| {
                matches!(event, IkeEvent::Phase { sa: other, to: Phase::Closed, .. } if *other == sa)
            })
        };
        assert_eq!(made.clone().count(), 2, "both were made");
        let (_, role) = made.clone().find(|(sa, _)| !closed(*sa)).unwrap();
        let r1_made_it = role == ikelab_trace::Role::Initiator;
        assert_eq!(r1_made_it, lowest_nonce_is_of(&cable) == 1, "seed {seed}: RFC 7296 §2.8.2");
        losers[usize::from(r1_made_it)] += 1;
    }
    assert!(losers[0] > 0 && losers[1] > 0, "{losers:?} of {seeds}: nonces decide");
}

#[test]
fn a_request_to_rekey_what_is_being_deleted_is_a_temporary_failure() {
    let cable = crossed(1, [Op::RekeyChild, Op::DeleteChild], None);
    let refused = |event: &IkeEvent| {
        matches!(event, IkeEvent::Refused { notify: NotifyType::TEMPORARY_FAILURE, .. })
    };
    assert!(cable.ends[1].said(refused));
}

#[test]
fn a_delete_over_an_ike_sa_that_may_own_the_child_sas_waits_until_that_is_decided() {
    let mut cable = Cable::up();
    let start = cable.now;
    let mut deletes = 0;
    cable.hand = Box::new(move |message| {
        let header = ikelab_wire::ike::Header::parse(&message.octets).unwrap().header;
        let response = header.flags.response();
        match (message.from, header.exchange.0, response, header.message_id) {
            // R2 answers the rekeying of the Child SA late, ...
            (1, 36, true, 2) => message.at = message.at + Duration::from_secs(1),
            // ... does not hear for a while that its own rekeying of the IKE SA is refused, ...
            (0, 36, true, 0) => return message.at > start + Duration::from_secs(5),
            // ... and misses the first Delete of the old IKE SA.
            (0, 37, false, 4) => {
                deletes += 1;
                return deletes > 1;
            }
            _ => {}
        }
        true
    });
    cable.rekey_child(0);
    cable.rekey_ike(0);
    cable.run_for(Duration::from_millis(20));
    cable.rekey_ike(1);
    cable.run_for(Duration::from_secs(60));
    assert!(cable.discarded(1).contains(&"undecided".to_owned()), "{}", cable.ladder().join("\n"));
    cable.assert_agree(1);
    assert_eq!((cable.count(0, Phase::Established), cable.count(1, Phase::Established)), (1, 1));
}

/// What an end says of an IKE SA that it ends on its own account.
fn ended(cable: &Cable, end: usize, why: &str) -> usize {
    let fits = |event: &IkeEvent| matches!(event, IkeEvent::Phase { to: Phase::Closed, reason, .. } if reason == why);
    cable.ends[end].events.iter().filter(|(_, event)| fits(event)).count()
}

#[test]
fn an_ike_sa_that_lost_and_that_the_peer_never_heard_of_ends_by_itself() {
    let mut redundant = 0;
    for seed in 1..=8 {
        let mut cable = Cable::new(seed, |_, _| {});
        cable.bring_up();
        let start = cable.now;
        cable.hand = Box::new(move |message| {
            // R1's answer to R2's rekeying does not come through for a while.
            let header = ikelab_wire::ike::Header::parse(&message.octets).unwrap().header;
            let answer = (message.from, header.exchange.0) == (0, 36) && header.flags.response();
            !answer || message.at > start + Duration::from_secs(3)
        });
        cable.rekey_ike(0);
        cable.rekey_ike(1);
        cable.run_for(Duration::from_secs(300));
        check(&cable, [Op::RekeyIke, Op::RekeyIke]);
        redundant += ended(&cable, 0, "redundant, and the peer does not know it");
    }
    assert!((1..8).contains(&redundant), "{redundant} of 8: nonces decide");
}

#[test]
fn an_ike_sa_that_is_never_decided_on_ends_with_the_one_it_was_to_replace() {
    let mut cable = Cable::new(1, |_, tunnel| tunnel.window = 4);
    cable.bring_up();
    // R2 hears R1's rekeying, and R1 nothing of R2 until both have given up.
    let start = cable.now;
    cable.hand = Box::new(move |message| {
        let gone_by = Duration::from_secs(200);
        (message.from == 0 && message.at < start + Duration::from_millis(30))
            || message.at > start + gone_by
    });
    cable.rekey_ike(0);
    cable.rekey_ike(1);
    cable.run_for(Duration::from_secs(1_000));
    cable.assert_agree(0);
    for end in 0..2 {
        assert_eq!(cable.count(end, Phase::Established), 0, "{}", cable.ladder().join("\n"));
        assert_eq!(cable.ends[end].engine.deadline(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A storm: each end wants several things at any time while messages are lost, late and
    /// doubled; then the cable heals.
    #[test]
    fn after_a_storm_both_ends_agree_or_both_are_closed(
        seed in 0_u64..1_000,
        wants in prop::collection::vec((0_usize..2, 1_usize..4, 0_u64..20_000), 1..8),
        fates in prop::collection::vec(0_u8..10, 60),
    ) {
        let mut cable = Cable::new(seed, |_, tunnel| {
            tunnel.liveness = Some(Duration::from_secs(60));
            tunnel.window = if seed % 2 == 0 { 1 } else { 4 };
            tunnel.options.fragmentation = (seed % 3 == 0).then_some(160);
            tunnel.options.retransmit_jitter = if seed % 5 == 0 { 0.3 } else { 0.0 };
            tunnel.options.invalid_message_id = seed % 7 < 3;
            tunnel.options.force_encapsulation = seed % 11 < 3;
            tunnel.options.keepalive = (seed % 11 < 3).then(|| Duration::from_secs(20));
            tunnel.options.childless =
                if seed % 13 < 4 { Childless::Allow } else { Childless::Never };
        });
        cable.bring_up();
        let mut fates = fates.into_iter();
        cable.hand = Box::new(move |message| match fates.next() {
            Some(0 | 1) => false,
            Some(late @ 2..=4) => {
                message.at = message.at + Duration::from_millis(u64::from(late) * 150);
                true
            }
            _ => true,
        });
        let start = cable.now;
        let mut wants = wants;
        wants.sort_by_key(|(_, _, at)| *at);
        for (end, op, at) in wants {
            cable.run_until(start + Duration::from_millis(at));
            OPS[op].run(&mut cable, end);
        }
        cable.run_for(Duration::from_secs(2_000));
        let left = cable.ends[0].installed.len();
        cable.assert_agree(left);
        prop_assert!(left <= 1);
        let sas = [0, 1].map(|end| cable.count(end, Phase::Established));
        prop_assert_eq!(sas[0], sas[1]);
    }
}

#[test]
fn an_ike_sa_whose_answer_never_came_ends_with_the_one_that_it_was_to_replace() {
    let mut cable = Cable::new(1, |end, tunnel| {
        tunnel.retransmit.tries = 100;
        if end == 0 {
            tunnel.lifetime.hard = Some(Duration::from_secs(60));
        }
    });
    cable.bring_up();
    cable.hand = Box::new(|message| {
        let header = ikelab_wire::ike::Header::parse(&message.octets).unwrap().header;
        (message.from, header.exchange.0, header.flags.response()) != (0, 36, true)
    });
    cable.rekey_ike(1);
    cable.run_for(Duration::from_secs(300));
    assert_eq!(ended(&cable, 0, "the peer does not know it"), 1, "{}", cable.ladder().join("\n"));
    cable.assert_agree(0);
}
