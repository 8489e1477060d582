//! What becomes of packets at a host's end of a link, case by case.

use proptest::prelude::*;

use ikelab_wire::ip::IpPacket;
use ikelab_wire::registry::IpProtocol;

use super::*;
use crate::link::{Rate, Room};

const R1: HostId = HostId(0);
const R2: HostId = HostId(1);

fn ip(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn link(conditions: Conditions) -> Link {
    let end = |host: HostId, name: &str, last| Attachment {
        host,
        name: name.into(),
        iface: 1,
        addresses: vec![ip(last)],
        listens: false,
    };
    let attached = vec![end(R1, "R1", 1), end(R2, "R2", 2)];
    Link { id: LinkId(0), name: "wan".into(), attached, conditions }
}

fn port(conditions: Conditions, seed: u64) -> Port {
    link(conditions).port(R1, 1, seed).unwrap()
}

fn packet() -> Octets {
    vec![0x45; 100].into()
}

/// One packet a millisecond to R2.
fn fates(port: &mut Port, packets: u64) -> Vec<Vec<Fate>> {
    let at = |number| Instant::from_nanos(number * 1_000_000);
    (0..packets).map(|number| port.send(at(number), ip(2), &packet(), &[])).collect()
}

fn arrivals(fates: &[Vec<Fate>]) -> Vec<Instant> {
    let at = |fate: &Fate| match fate {
        Fate::Arrives { at, .. } => Some(*at),
        Fate::Lost { .. } => None,
    };
    fates.iter().flatten().filter_map(at).collect()
}

fn reason(fates: &[Fate]) -> &str {
    match fates {
        [Fate::Lost { reason }] => reason,
        _ => "arrives",
    }
}

fn rough() -> Conditions {
    Conditions {
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(20),
        loss: 0.2,
        duplicate: 0.1,
        reorder: 0.05,
        corrupt: 0.1,
        ..Conditions::default()
    }
}

#[test]
fn a_quiet_link_delivers_to_the_neighbour_after_its_delay() {
    let fates = port(Conditions::default(), 1).send(Instant::from_secs(1), ip(2), &packet(), &[]);
    let at = Instant::from_nanos(1_001_000_000);
    assert_eq!(fates, [Fate::Arrives { host: R2, iface: 1, at, altered: None }]);
}

#[test]
fn a_delay_of_nothing_is_a_nanosecond() {
    let mut port = port(Conditions { delay: Duration::ZERO, ..Conditions::default() }, 1);
    assert_eq!(arrivals(&fates(&mut port, 1)), [Instant::from_nanos(1)]);
}

#[test]
fn what_cannot_pass_is_lost_by_a_named_reason() {
    let send = |conditions, last| {
        let fates = port(conditions, 1).send(Instant::ZERO, ip(last), &packet(), &[]);
        reason(&fates).to_owned()
    };
    let quiet = Conditions::default;
    assert_eq!(send(quiet(), 9), "no such neighbour");
    assert_eq!(send(quiet(), 1), "no such neighbour", "nobody is its own neighbour");
    assert_eq!(send(Conditions { up: false, ..quiet() }, 2), "link is down");
    assert_eq!(send(Conditions { mtu: 99, ..quiet() }, 2), "larger than the MTU");
    assert_eq!(send(Conditions { mtu: 100, ..quiet() }, 2), "arrives");
    assert_eq!(send(Conditions { loss: 1.0, ..quiet() }, 2), "loss");
}

#[test]
fn a_rate_spaces_packets_and_a_full_queue_drops_them() {
    // 100 octets in 1 ms
    let rate = Rate { bits_per_second: 800_000, room: Room::Packets(1) };
    let mut port = port(Conditions { rate: Some(rate), ..Conditions::default() }, 1);
    let at_once: Vec<_> = (0..4).map(|_| port.send(Instant::ZERO, ip(2), &packet(), &[])).collect();
    let millis = |number: u64| Instant::from_nanos(number * 1_000_000);
    assert_eq!(arrivals(&at_once), [millis(2), millis(3)]);
    assert_eq!(reason(&at_once[2]), "queue is full");
    let later = port.send(millis(1), ip(2), &packet(), &[]);
    assert_eq!(arrivals(&[later]), [millis(4)], "what has left makes room");
}

#[test]
fn every_impairment_happens_about_as_often_as_it_should() {
    let fates = fates(&mut port(rough(), 3), 10_000);
    let lost = fates.iter().filter(|fates| reason(fates) == "loss").count();
    let twice = fates.iter().filter(|fates| fates.len() == 2).count();
    let altered = |fate: &&Fate| matches!(fate, Fate::Arrives { altered: Some(_), .. });
    let corrupt = fates.iter().flatten().filter(altered).count();
    assert!((1_900..2_100).contains(&lost), "{lost} lost");
    assert!((720..880).contains(&twice), "{twice} duplicated");
    assert!((790..970).contains(&corrupt), "{corrupt} corrupted");
}

#[test]
fn corruption_turns_exactly_one_bit() {
    let mut port = port(Conditions { corrupt: 1.0, ..Conditions::default() }, 1);
    for fate in fates(&mut port, 50).iter().flatten() {
        let Fate::Arrives { altered: Some(altered), .. } = fate else { panic!("{fate:?}") };
        let sent = packet();
        let turned = altered.iter().zip(sent.iter()).map(|(a, b)| (a ^ b).count_ones());
        assert_eq!(turned.sum::<u32>(), 1);
    }
}

#[test]
fn a_fault_does_to_one_packet_what_it_says() {
    let mut port = port(Conditions::default(), 1);
    let mut send = |harms: &[Harm]| port.send(Instant::ZERO, ip(2), &packet(), harms);
    assert_eq!(reason(&send(&[Harm::Drop])), "fault");
    let millis = |number: u64| Instant::from_nanos(number * 1_000_000);
    let delayed = send(&[Harm::Delay(Duration::from_millis(9))]);
    let twice = send(&[Harm::Duplicate]);
    assert_eq!(arrivals(&[delayed, twice]), [millis(10), millis(1), millis(1)]);
    let corrupt = send(&[Harm::Corrupt(3)]);
    let [Fate::Arrives { altered: Some(altered), .. }] = &corrupt[..] else { panic!() };
    let sent = packet();
    let turned = altered.iter().zip(sent.iter()).map(|(a, b)| (a ^ b).count_ones());
    assert_eq!(turned.sum::<u32>(), 3);
}

#[test]
fn what_is_held_leaves_when_it_may_and_those_behind_it_do_not_wait() {
    let mut port = port(Conditions::default(), 1);
    let millis = |number: u64| Instant::from_nanos(number * 1_000_000);
    let mut send = |at, harms: &[Harm]| port.send(millis(at), ip(2), &packet(), harms);
    let held = send(0, &[Harm::Hold(millis(7))]);
    let behind = send(1, &[]);
    let over = send(9, &[Harm::Hold(millis(7))]);
    assert_eq!(arrivals(&[held, behind, over]), [millis(8), millis(2), millis(10)]);
    assert_eq!(reason(&send(10, &[Harm::Hold(Instant::FAR)])), HELD);
}

#[test]
fn a_neighbour_that_is_cut_off_gets_nothing_until_it_is_back() {
    let mut port = port(Conditions::default(), 1);
    let send =
        |port: &mut Port| reason(&port.send(Instant::ZERO, ip(2), &packet(), &[])).to_owned();
    port.begin(3, Trouble::CutOff(HostId(9)));
    assert_eq!(send(&mut port), "arrives", "it is about somebody else");
    port.begin(4, Trouble::CutOff(R2));
    assert_eq!(send(&mut port), "partition");
    port.end(4);
    assert_eq!(send(&mut port), "arrives");
    assert!(port.met().iter().eq(&[4]));
}

#[test]
fn of_two_troubles_the_later_holds_and_when_it_is_over_the_earlier() {
    let mut port = port(Conditions { loss: 0.25, ..Conditions::default() }, 1);
    let mut loss = |change: &dyn Fn(&mut Port)| {
        change(&mut port);
        port.conditions.loss
    };
    assert_eq!(loss(&|port| port.begin(0, Trouble::Loss(0.5))), 0.5);
    assert_eq!(loss(&|port| port.begin(1, Trouble::Loss(1.0))), 1.0);
    assert_eq!(loss(&|port| port.begin(2, Trouble::Down)), 1.0);
    assert_eq!(loss(&|port| port.end(1)), 0.5);
    assert_eq!(loss(&|port| port.heal()), 0.5, "it is not over");
    assert_eq!(loss(&|port| port.end(0)), 0.0, "the network has healed");
    assert!(!port.conditions.up);
    assert_eq!(port.met().len(), 0, "nothing was sent");
}

#[test]
fn every_trouble_does_what_it_says() {
    let fares = |trouble| {
        let mut port = port(Conditions::default(), 1);
        port.begin(0, trouble);
        let fates = port.send(Instant::ZERO, ip(2), &packet(), &[]);
        let at =
            arrivals(std::slice::from_ref(&fates)).iter().map(|at| at.as_nanos() / 1_000).collect();
        (reason(&fates).to_owned(), at)
    };
    let (lost, arrives) = (
        |why: &str| (why.to_owned(), Vec::<u64>::new()),
        |at: &[u64]| ("arrives".to_owned(), at.to_vec()),
    );
    let millis = Duration::from_millis;
    let rate = Rate { bits_per_second: 800_000, room: Room::Packets(9) };
    assert_eq!(fares(Trouble::Delay(millis(7))), arrives(&[7_000]));
    assert_eq!(fares(Trouble::Rate(rate)), arrives(&[2_000]));
    assert_eq!(fares(Trouble::Loss(1.0)), lost("loss"));
    assert_eq!(fares(Trouble::Mtu(99)), lost("larger than the MTU"));
    assert_eq!(fares(Trouble::Down), lost("link is down"));
    assert_eq!(fares(Trouble::Duplicate(1.0)), arrives(&[1_000, 1_000]));
    assert!((1_001..41_000).contains(&fares(Trouble::Jitter(millis(40))).1[0]));
    assert!((1_001..3_000).contains(&fares(Trouble::Reorder(1.0)).1[0]));
    let mut port = port(Conditions::default(), 1);
    port.begin(0, Trouble::Corrupt(1.0));
    let fates = port.send(Instant::ZERO, ip(2), &packet(), &[]);
    assert!(matches!(fates[..], [Fate::Arrives { altered: Some(_), .. }]));
}

/// The same link with an attacker on it, who has the address that ends in 66.
fn tapped(conditions: Conditions, seed: u64) -> Port {
    let mut link = link(conditions);
    let ear = Attachment {
        host: HostId(2),
        name: "EVIL".into(),
        iface: 0,
        addresses: vec![ip(66)],
        listens: true,
    };
    link.attached.push(ear);
    link.port(R1, 1, seed).unwrap()
}

#[test]
fn an_attacker_hears_at_once_what_goes_on_the_link_whatever_becomes_of_it() {
    let now = Instant::from_secs(1);
    let hears = |conditions, to, harms: &[Harm]| {
        let mut port = tapped(conditions, 1);
        let fates = port.send(now, ip(to), &packet(), harms);
        let overheard = port.overhear(now, ip(to), &fates);
        let at = Instant::from_nanos(1_000_000_001);
        assert!(overheard.iter().all(|one| (one.host, one.iface, one.at) == (HostId(2), 0, at)));
        overheard.len()
    };
    let quiet = Conditions::default;
    assert_eq!(hears(quiet(), 2, &[]), 1);
    assert_eq!(hears(quiet(), 2, &[Harm::Drop]), 1, "it is lost further on");
    assert_eq!(hears(quiet(), 2, &[Harm::Duplicate]), 1, "it was sent once");
    assert_eq!(hears(Conditions { loss: 1.0, ..quiet() }, 2, &[]), 1);
    assert_eq!(hears(quiet(), 66, &[]), 0, "what is addressed to it is delivered to it");
    assert_eq!(hears(quiet(), 9, &[]), 0, "it was not sent");
    assert_eq!(hears(Conditions { up: false, ..quiet() }, 2, &[]), 0);
    assert_eq!(hears(Conditions { mtu: 99, ..quiet() }, 2, &[]), 0);
}

#[test]
fn an_attacker_that_is_cut_off_hears_nothing() {
    let mut port = tapped(Conditions::default(), 1);
    port.begin(0, Trouble::CutOff(HostId(2)));
    let fates = port.send(Instant::ZERO, ip(2), &packet(), &[]);
    assert_eq!((reason(&fates), port.overhear(Instant::ZERO, ip(2), &fates)), ("arrives", vec![]));
}

/// A packet that says this of ECN.
fn told(ecn: u8) -> Octets {
    let packet = IpPacket::new(ip(1), ip(2), IpProtocol::ESP, vec![7; 40]);
    IpPacket { dscp_ecn: 0xb8 | ecn, ..packet }.emit().into()
}

#[test]
fn a_congested_link_marks_what_can_show_it_and_loses_what_cannot() {
    let fates_of = |ecn, conditions, harms: &[Harm]| {
        port(conditions, 1).send(Instant::ZERO, ip(2), &told(ecn), harms)
    };
    let arrives = |altered: Option<Octets>| {
        vec![Fate::Arrives { host: R2, iface: 1, at: Instant::from_nanos(1_000_000), altered }]
    };
    let congested = || Conditions { mark: 1.0, ..Conditions::default() };
    assert_eq!(reason(&fates_of(0, congested(), &[])), "congestion");
    assert_eq!(fates_of(1, congested(), &[]), arrives(Some(told(3))));
    assert_eq!(fates_of(2, congested(), &[]), arrives(Some(told(3))));
    assert_eq!(fates_of(3, congested(), &[]), arrives(None), "it is marked already");
    // A box that marks what it should not: RFC 6040 §4.2 has the egress drop that.
    assert_eq!(fates_of(0, Conditions::default(), &[Harm::Mark]), arrives(Some(told(3))));
    assert_eq!(fates_of(2, Conditions::default(), &[]), arrives(None));
}

#[test]
fn an_ear_on_the_link_changes_no_fate() {
    let fates_of = |mut port: Port| {
        let at = |number: u64| Instant::from_nanos(number * 1_000_000);
        let send = |number: u64| {
            let fates = port.send(at(number), ip(2), &packet(), &[]);
            let _ = port.overhear(at(number), ip(2), &fates);
            fates
        };
        (0..200).map(send).collect::<Vec<_>>()
    };
    assert_eq!(fates_of(tapped(rough(), 4)), fates_of(port(rough(), 4)));
}

#[test]
fn packets_overtake_each_other_only_when_asked_to() {
    let overtaken = |reorder| {
        let conditions = Conditions { reorder, ..rough() };
        let arrivals = arrivals(&fates(&mut port(conditions, 5), 1_000));
        arrivals.windows(2).filter(|pair| pair[0] > pair[1]).count()
    };
    assert_eq!(overtaken(0.0), 0);
    assert!(overtaken(0.05) > 10);
}

#[test]
fn turning_one_knob_leaves_the_other_draws_alone() {
    let duplicated = |loss| -> Vec<usize> {
        let conditions = Conditions { loss, ..rough() };
        fates(&mut port(conditions, 7), 200).iter().map(Vec::len).collect()
    };
    let (none, some) = (duplicated(0.0), duplicated(1e-9));
    assert_eq!(none, some);
}

proptest! {
    #[test]
    fn packets_keep_their_order(seed: u64, gaps in proptest::collection::vec(0..5_000_000_u64, 1..60)) {
        let mut port = port(Conditions { reorder: 0.0, ..rough() }, seed);
        let mut now = Instant::ZERO;
        let mut last = Instant::ZERO;
        for gap in gaps {
            now = now + Duration::from_nanos(gap);
            for at in arrivals(&[port.send(now, ip(2), &packet(), &[])]) {
                prop_assert!(at > now, "a packet arrives after it is sent");
                prop_assert!(at >= last);
                last = at;
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_fates(seed: u64) {
        let run = |seed| fates(&mut port(rough(), seed), 40);
        prop_assert_eq!(run(seed), run(seed));
        prop_assert_ne!(run(seed), run(seed ^ 1));
    }

    #[test]
    fn one_direction_does_not_disturb_the_other(seed: u64, back in 0..50_usize) {
        let link = link(rough());
        let mut alone = link.port(R1, 1, seed).unwrap();
        let mut busy = link.port(R1, 1, seed).unwrap();
        let mut other = link.port(R2, 1, seed).unwrap();
        for _ in 0..back {
            other.send(Instant::ZERO, ip(1), &packet(), &[]);
        }
        prop_assert_eq!(fates(&mut alone, 20), fates(&mut busy, 20));
    }
}

#[test]
fn the_two_directions_have_chances_of_their_own() {
    let lost = |host, iface, to| -> Vec<bool> {
        let mut port = link(rough()).port(host, iface, 1).unwrap();
        let mut send = || port.send(Instant::ZERO, ip(to), &packet(), &[]);
        (0..100).map(|_| reason(&send()) == "loss").collect()
    };
    assert_ne!(lost(R1, 1, 2), lost(R2, 1, 1));
}
