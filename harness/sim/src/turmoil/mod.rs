//! The turmoil driver: virtual hosts are turmoil's hosts, packets travel in its datagrams.
//!
//! Turmoil's own clock ticks idly; time is ours. It stands at the earliest event of all hosts, the
//! hosts that have one are woken, and one step of turmoil lets them act. Turmoil's links have no
//! latency, so a datagram that is sent in a step is received in the next at the latest, in which its
//! receiver may already act on it: a step is a moment of virtual time, and idle hours take none. The way of a
//! packet, with all that can go wrong, was decided by the sender's end of the link; how long it
//! takes is written on the datagram.

mod board;
mod datagram;
mod rack;

use std::rc::Rc;
use std::time::Duration;

use ::turmoil::{Builder, Sim};
use ikelab_ambient::Instant;

use crate::{Node, RunError, Station};
use board::Board;
use rack::Rack;

/// Each host is one of turmoil's while they are this few; above, hosts share racks, since a step
/// of turmoil costs the third power of its hosts.
const RACKS_MAX: usize = 12;

/// Drives the stations up to and with `until`.
pub(crate) fn drive<N: Node + 'static>(
    stations: Vec<Station<N>>,
    until: Instant,
) -> Result<Vec<Station<N>>, RunError> {
    let racks = stations.len().min(RACKS_MAX);
    drive_on(racks, stations, until)
}

/// Drives the stations on so many of turmoil's hosts.
fn drive_on<N: Node + 'static>(
    count: usize,
    stations: Vec<Station<N>>,
    until: Instant,
) -> Result<Vec<Station<N>>, RunError> {
    let board = Rc::new(Board::new(stations.len(), count));
    let racks = fill_racks(count, stations, &board);
    let mut sim = quiet_network();
    for (place, rack) in racks.iter().enumerate() {
        let rack = Rc::clone(rack);
        sim.host(rack_name(place), move || Rc::clone(&rack).serve());
    }
    board.set_addresses((0..count).map(|place| sim.lookup(rack_name(place))).collect());
    step(&mut sim, &board)?; // every socket is bound before anything is sent to it
    while let Some(now) = board.next().filter(|at| *at <= until) {
        board.begin(now);
        for (rack, _) in racks.iter().zip(0..).filter(|(_, place)| board.is_due(*place)) {
            rack.wake();
        }
        step(&mut sim, &board)?;
    }
    board.begin(board.now());
    step(&mut sim, &board)?; // what was sent last is received, or missed
    drop(sim);
    Ok(empty_racks(&racks))
}

/// A network of turmoil that does nothing of its own: no latency, no loss, no limits.
fn quiet_network() -> Sim<'static> {
    Builder::new()
        .epoch(std::time::UNIX_EPOCH)
        .rng_seed(0)
        .tick_duration(Duration::from_millis(1))
        .simulation_duration(Duration::MAX)
        .min_message_latency(Duration::ZERO)
        .max_message_latency(Duration::ZERO)
        .fail_rate(0.0)
        .udp_capacity(1 << 20)
        .build()
}

fn rack_name(place: usize) -> String {
    format!("rack-{place}")
}

fn step(sim: &mut Sim<'static>, board: &Board) -> Result<(), RunError> {
    let turmoil = |detail| RunError::Turmoil { at: board.now(), detail };
    sim.step().map_err(|error| turmoil(error.to_string()))?;
    board.take_failure().map_or(Ok(()), Err)?;
    board.check_deliveries().map_err(turmoil)
}

/// Deals the stations to the racks in turn.
fn fill_racks<N: Node>(
    count: usize,
    stations: Vec<Station<N>>,
    board: &Rc<Board>,
) -> Vec<Rc<Rack<N>>> {
    let mut shelves: Vec<Vec<Station<N>>> = (0..count).map(|_| Vec::new()).collect();
    for station in stations {
        let place = board.rack_of(station.host());
        shelves[place].push(station);
    }
    shelves.into_iter().map(|shelf| Rc::new(Rack::new(shelf, Rc::clone(board)))).collect()
}

fn empty_racks<N: Node>(racks: &[Rc<Rack<N>>]) -> Vec<Station<N>> {
    let mut stations: Vec<Station<N>> =
        racks.iter().flat_map(|rack| rack.take_stations()).collect();
    stations.sort_by_key(Station::host);
    stations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{Order, stations};

    #[test]
    fn it_does_not_matter_how_many_racks_the_hosts_stand_in() {
        let run = |racks| {
            let agenda = |_| vec![(Instant::ZERO, Order::Chatter(3, 6))];
            let done = drive_on(racks, stations(6, 1, agenda), Instant::from_secs(1)).unwrap();
            done.into_iter().map(|station| station.into_node().log).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(6));
        assert_eq!(run(1), run(4));
    }
}
