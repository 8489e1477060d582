//! The choice of a driver.

use ikelab_ambient::Instant;

use crate::{Node, RunError, Station, direct, turmoil};

/// Who drives a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Driver {
    /// A bare event wheel.
    Direct,
    /// Hosts of turmoil, whose datagrams carry whole IP packets.
    #[default]
    Turmoil,
}

/// Drives the stations, whose places are their hosts' numbers, up to and with `until`.
///
/// # Errors
/// When a node panics or gets stuck, or turmoil does not do its part.
pub fn drive<N: Node + 'static>(
    driver: Driver,
    stations: Vec<Station<N>>,
    until: Instant,
) -> Result<Vec<N>, RunError> {
    let in_place = stations.iter().zip(0..).all(|(station, place)| station.host().0 == place);
    assert!(in_place, "a station stands in the place of its host's number");
    let stations = match driver {
        Driver::Direct => direct::drive(stations, until)?,
        Driver::Turmoil => turmoil::drive(stations, until)?,
    };
    Ok(stations.into_iter().map(Station::into_node).collect())
}

#[cfg(test)]
mod tests {
    use ikelab_trace::HostId;
    use proptest::prelude::*;

    use super::*;
    use crate::toy::{Order, Toy, stations};

    const BOTH: [Driver; 2] = [Driver::Direct, Driver::Turmoil];

    fn logs(toys: Vec<Toy>) -> Vec<Vec<(Instant, String)>> {
        toys.into_iter().map(|toy| toy.log).collect()
    }

    fn millis(number: u64) -> Instant {
        Instant::from_nanos(number * 1_000_000)
    }

    fn chatter(place: u16) -> Vec<(Instant, Order)> {
        let first = millis(u64::from(place % 3));
        vec![(millis(20), Order::Chatter(1, 3)), (first, Order::Chatter(2, 4))]
    }

    #[test]
    fn at_one_moment_commands_come_first_then_packets_in_order_then_the_deadline() {
        for driver in BOTH {
            let toys = drive(driver, stations(4, 1, chatter), millis(100)).unwrap();
            for log in logs(toys) {
                let kind = |text: &str| {
                    ["Command", "Frame", "Deadline"].iter().position(|name| text.starts_with(name))
                };
                let rank = |(at, text): &(Instant, String)| (*at, kind(text));
                // A deadline that a deadline or a packet of this moment asks for comes after them.
                assert!(log.iter().map(rank).is_sorted(), "{driver:?}: {log:?}");
            }
        }
    }

    #[test]
    fn the_run_ends_with_what_happens_at_its_last_moment() {
        for driver in BOTH {
            let agenda = |_| (5..8).map(|at| (millis(at), Order::Chatter(0, 0))).collect();
            let toys = drive(driver, stations(2, 1, agenda), millis(6)).unwrap();
            let times: Vec<_> = toys[0].log.iter().map(|(at, _)| *at).collect();
            assert_eq!(times, [millis(5), millis(6)], "{driver:?}");
        }
    }

    #[test]
    fn a_day_in_which_nothing_happens_costs_nothing() {
        let day = Instant::from_secs(86_400);
        let agenda = |_| vec![(Instant::ZERO, Order::Chatter(1, 0)), (day, Order::Chatter(1, 0))];
        for driver in BOTH {
            let toys = drive(driver, stations(2, 1, agenda), Instant::FAR).unwrap();
            assert!(toys[0].log.last().unwrap().0 > day);
        }
    }

    #[test]
    fn a_panic_is_an_error_of_the_run() {
        let agenda = |place| vec![(millis(3), Order::Panic)].split_off(usize::from(place != 1));
        for driver in BOTH {
            let error = drive(driver, stations(3, 1, agenda), millis(9)).err();
            let host = HostId(1);
            let message = "told to".into();
            assert_eq!(error, Some(RunError::Panicked { host, at: millis(3), message }));
        }
    }

    #[test]
    fn a_node_that_goes_round_in_circles_is_an_error_of_the_run() {
        let agenda = |place| vec![(millis(3), Order::Spin)].split_off(usize::from(place != 1));
        for driver in BOTH {
            let error = drive(driver, stations(2, 1, agenda), millis(9)).err();
            assert_eq!(error, Some(RunError::Stuck { host: HostId(1), at: millis(3) }));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_driver_gives_every_node_the_same_inputs(seed: u64, toys in 2..30_u16) {
            let run = |driver| logs(drive(driver, stations(toys, seed, chatter), millis(200)).unwrap());
            let direct = run(Driver::Direct);
            prop_assert!(direct.iter().flatten().count() > usize::from(toys) * 2);
            prop_assert_eq!(direct, run(Driver::Turmoil));
        }
    }
}
