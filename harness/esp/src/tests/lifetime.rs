//! The ages of an SA, by octets, by packets and by sequence numbers.

use super::{GCM, SaConfig, config_a, delivered, gateways, reason, receive, request, sealed, send};
use crate::{Lifetime, Output, Volume};

fn expired(out: &[Output]) -> Vec<bool> {
    let hard = |output: &Output| match output {
        Output::Expire { spi_in, hard } => {
            assert_eq!(*spi_in, config_a(1, GCM).spi_in);
            Some(*hard)
        }
        _ => None,
    };
    out.iter().filter_map(hard).collect()
}

fn volume(octets: Option<u64>, packets: Option<u64>) -> Volume {
    Volume { octets, packets }
}

fn living(soft: Volume, hard: Volume) -> SaConfig {
    SaConfig { lifetime: Lifetime { soft, hard }, ..config_a(1, GCM) }
}

#[test]
fn packets_age_an_sa_softly_once_and_then_hard_once() {
    let (mut near, _) = gateways(living(volume(None, Some(2)), volume(None, Some(4))));
    let told: Vec<_> = (0..6).map(|_| expired(&send(&mut near, &request()))).collect();
    assert_eq!(told, [vec![], vec![false], vec![], vec![true], vec![], vec![]]);
    assert_eq!(reason(&send(&mut near, &request())), Some("lifetime over"));
    assert_eq!(near.counters().sealed, 4);
}

#[test]
fn octets_are_those_of_the_inner_packet() {
    let len = request().len() as u64;
    for (limit, expected) in [(2 * len, 2), (2 * len + 1, 3), (2 * len - 1, 2)] {
        let (mut near, _) = gateways(living(volume(Some(limit), None), Volume::default()));
        let aged = (1..10).find(|_| !expired(&send(&mut near, &request())).is_empty());
        assert_eq!(aged, Some(expected), "{limit}");
    }
}

#[test]
fn what_comes_in_ages_an_sa_too_and_forged_packets_do_not() {
    let (mut near, mut far) = gateways(config_a(1, GCM));
    let back = super::ping("192.168.2.1", "192.168.1.1", 8);
    let mut aging = gateways(living(volume(None, Some(1)), volume(None, Some(2)))).0;
    let packets = [0; 3].map(|_| sealed(&send(&mut far, &back)).unwrap());
    let mut forged = packets[0].clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(expired(&receive(&mut aging, &forged)), [false; 0]);
    assert_eq!(expired(&receive(&mut aging, &packets[0])), [false]);
    let last = receive(&mut aging, &packets[1]);
    assert_eq!((expired(&last), delivered(&last)), (vec![true], Some(back)));
    assert_eq!(reason(&receive(&mut aging, &packets[2])), Some("lifetime over"));
    assert_eq!(reason(&send(&mut aging, &request())), Some("lifetime over"), "both directions");
    assert!(sealed(&send(&mut near, &request())).is_some());
}

#[test]
fn an_sa_is_to_be_replaced_long_before_its_sequence_numbers_end_and_goes_when_they_have() {
    let spi = config_a(1, GCM).spi_in;
    for (esn, last) in [(false, u64::from(u32::MAX)), (true, u64::MAX)] {
        let (mut near, _) = gateways(SaConfig { esn, ..config_a(1, GCM) });
        near.advance(spi, last - last / 8 - 2, 0);
        let told: Vec<_> = (0..3).map(|_| expired(&send(&mut near, &request()))).collect();
        assert_eq!(told, [vec![], vec![false], vec![]]);
        near.advance(spi, last - 1, 0);
        assert!(sealed(&send(&mut near, &request())).is_some());
        let told: Vec<_> = (0..2).map(|_| expired(&send(&mut near, &request()))).collect();
        assert_eq!(told, [vec![true], vec![]]);
        assert_eq!(reason(&send(&mut near, &request())), Some("sequence numbers used up"));
    }
}

#[test]
fn counters_are_never_moved_back() {
    let (mut near, _) = gateways(config_a(1, GCM));
    let spi = config_a(1, GCM).spi_in;
    near.advance(spi, 10, 10);
    near.advance(spi, 5, 5);
    let child = near.sad.get_mut(spi).unwrap();
    assert_eq!((child.sent, child.window.top()), (10, 10));
}
