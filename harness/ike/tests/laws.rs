//! Laws of two engines on a bad cable: messages lost, late, out of order, doubled and corrupted, and
//! ends that forget everything; then the cable heals, and what must hold is checked.
//!
//! `LAWS_CASES=10000 cargo test -p ikelab-ike --test laws` is the long run. A schedule that fails is
//! shrunk, and kept by proptest in a file beside this one.

mod common;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use common::{Cable, Message};
use ikelab_ike::Command;
use ikelab_ike::config::{Childless, Config, Cookie};
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::ike::Header;
use ikelab_wire::registry::ExchangeType;
use proptest::prelude::*;

/// Something that somebody does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Up,
    RekeyChild,
    RekeyIke,
    ClearChildren,
    ClearIke,
    /// An end forgets everything.
    Restart,
    /// A message that was sent before comes again.
    Again(usize),
    /// The same with one bit changed.
    Corrupt(usize, usize),
}

/// When, at which end, and what.
type Schedule = Vec<(u64, usize, Deed)>;

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        2 => Just(Deed::Up),
        4 => Just(Deed::RekeyChild),
        4 => Just(Deed::RekeyIke),
        1 => Just(Deed::ClearChildren),
        1 => Just(Deed::ClearIke),
        1 => Just(Deed::Restart),
        3 => any::<usize>().prop_map(Deed::Again),
        3 => any::<(usize, usize)>().prop_map(|(place, bit)| Deed::Corrupt(place, bit)),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    prop::collection::vec((0_u64..20_000, 0_usize..2, deed()), 1..12)
}

fn configure(seed: u64) -> impl Fn(usize, &mut Config) {
    move |_, config| {
        let tunnel = &mut config.tunnels[0];
        tunnel.liveness = Some(Duration::from_secs(60));
        tunnel.window = if seed.is_multiple_of(2) { 1 } else { 3 };
        tunnel.options.fragmentation = seed.is_multiple_of(3).then_some(200);
        tunnel.options.retries = u32::try_from(seed % 4).unwrap();
        tunnel.options.invalid_spi = seed.is_multiple_of(5);
        tunnel.options.invalid_message_id = seed.is_multiple_of(4);
        tunnel.options.childless = if seed % 7 < 2 { Childless::Allow } else { Childless::Never };
        tunnel.cookie = if seed % 5 < 2 { Cookie::Always } else { Cookie::Never };
        config.invalid_ike_spi = seed.is_multiple_of(6);
    }
}

fn act(cable: &mut Cable, seed: u64, end: usize, deed: Deed) {
    let pick = |cable: &Cable, place: usize| {
        let sent = &cable.sent;
        (!sent.is_empty()).then(|| sent[place % sent.len()].clone())
    };
    let deliver = |cable: &mut Cable, message: &Message, octets: &[u8]| {
        cable.inject_from(message.local, 1 - message.from, octets);
    };
    match deed {
        Deed::Up => cable.command(end, Command::Up { tunnel: "site".into(), child: None }),
        Deed::RekeyChild => cable.rekey_child(end),
        Deed::RekeyIke => cable.rekey_ike(end),
        Deed::ClearChildren => cable.command(end, Command::Clear { children: true }),
        Deed::ClearIke => cable.command(end, Command::Clear { children: false }),
        Deed::Restart => cable.ends[end].restart(configure(seed), end),
        Deed::Again(place) => {
            if let Some(message) = pick(cable, place) {
                deliver(cable, &message, &message.octets);
            }
        }
        Deed::Corrupt(place, bit) => {
            if let Some(message) = pick(cable, place) {
                let mut octets = message.octets.clone();
                let bit = bit % (octets.len() * 8);
                octets[bit / 8] ^= 1 << (bit % 8);
                deliver(cable, &message, &octets);
            }
        }
    }
}

fn storm(seed: u64, mut schedule: Schedule, fates: Vec<u8>) -> Cable {
    let mut cable = Cable::configured(seed, configure(seed));
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
    schedule.sort_by_key(|(at, _, _)| *at);
    for (at, end, deed) in schedule {
        cable.run_until(start + Duration::from_millis(at));
        act(&mut cable, seed, end, deed);
    }
    cable.run_for(Duration::from_secs(3_000));
    cable
}

/// What a message is, apart from its octets: sender, SPIs, exchange, direction, message id, and
/// which fragment.
type Name = (usize, u64, u64, u8, bool, u32, Vec<u8>);

fn name(message: &Message) -> Name {
    let header = Header::parse(&message.octets).unwrap().header;
    let (initiator, responder) = (header.initiator_spi.0, header.responder_spi.0);
    // SKF is payload 53; its number and total follow the generic header.
    let fragment = if message.octets[16] == 53 { message.octets[32..36].to_vec() } else { vec![] };
    let response = header.flags.response();
    (message.from, initiator, responder, header.exchange.0, response, header.message_id, fragment)
}

/// Whatever is sent twice is sent with the same octets; only a request for an IKE SA may be made
/// anew, with a cookie or another group (RFC 7296 §2.1, §2.6).
fn assert_repeated_alike(cable: &Cable) {
    let mut known: BTreeMap<Name, &[u8]> = BTreeMap::new();
    for message in &cable.sent {
        let name = name(message);
        // What is told outside of an IKE SA belongs to no window.
        let is_protected = [46, 53].contains(&message.octets[16]);
        if name.3 == ExchangeType::IKE_SA_INIT.0 || !is_protected {
            continue;
        }
        let first = known.entry(name.clone()).or_insert(&message.octets);
        assert_eq!(*first, message.octets.as_slice(), "{name:?}");
    }
}

/// Message ids of requests begin where they must and leave no gap (RFC 7296 §2.2).
fn assert_ids_run(cable: &Cable) {
    let mut ids: BTreeMap<(usize, u64), BTreeSet<u32>> = BTreeMap::new();
    for message in &cable.sent {
        let (from, initiator, responder, exchange, response, id, _) = name(message);
        if !response && exchange != ExchangeType::IKE_SA_INIT.0 && responder != 0 {
            ids.entry((from, initiator)).or_default().insert(id);
        }
    }
    for (sa, ids) in ids {
        let (first, last) = (ids.first().unwrap(), ids.last().unwrap());
        assert!(*first <= 2, "{sa:?} begins with {first}");
        assert_eq!(usize::try_from(last - first).unwrap() + 1, ids.len(), "{sa:?} {ids:?}");
    }
}

fn cases() -> u32 {
    std::env::var("LAWS_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn after_any_storm_both_ends_agree_or_both_are_closed(
        seed in 0_u64..10_000,
        schedule in schedule(),
        fates in prop::collection::vec(0_u8..12, 80),
    ) {
        let cable = storm(seed, schedule, fates);
        let left = cable.ends[0].installed.len();
        cable.assert_agree(left);
        let sas = [0, 1].map(|end| cable.count(end, Phase::Established));
        prop_assert_eq!(sas[0], sas[1], "\n{}", cable.ladder().join("\n"));
        for end in 0..2 {
            for lingering in [Phase::Replaced, Phase::Deleting, Phase::InitSent, Phase::AuthSent] {
                prop_assert_eq!(cable.count(end, lingering), 0);
            }
            if sas[0] == 0 {
                let waits = cable.ends[end].engine.deadline();
                prop_assert!(waits.is_none(), "a closed engine waits for nothing: {waits:?}");
            }
        }
        assert_repeated_alike(&cable);
        assert_ids_run(&cable);
        let mut spis = BTreeSet::new();
        for (_, event) in &cable.ends[0].events {
            if let IkeEvent::ChildInstalled(child) = event {
                prop_assert!(spis.insert(child.spi_in), "an SPI is used once");
            }
        }
    }
}
