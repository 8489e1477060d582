//! The bare driver: the station with the earliest event runs, and its packets are handed over.

use std::collections::BTreeSet;

use ikelab_ambient::Instant;

use crate::{Node, RunError, Station};

/// Drives the stations up to and with `until`.
pub(crate) fn drive<N: Node>(
    mut stations: Vec<Station<N>>,
    until: Instant,
) -> Result<Vec<Station<N>>, RunError> {
    let mut wheel = Wheel::default();
    for (place, station) in stations.iter().enumerate() {
        wheel.set(place, station.due());
    }
    let mut out = Vec::new();
    while let Some((now, place)) = wheel.first().filter(|(at, _)| *at <= until) {
        stations[place].run(now, &mut out)?;
        wheel.set(place, stations[place].due());
        for frame in out.drain(..) {
            let to = usize::from(frame.to.0);
            stations[to].expect(frame);
            wheel.set(to, stations[to].due());
        }
    }
    Ok(stations)
}

/// When which station is due.
#[derive(Default)]
struct Wheel {
    order: BTreeSet<(Instant, usize)>,
    due: Vec<Option<Instant>>,
}

impl Wheel {
    fn first(&self) -> Option<(Instant, usize)> {
        self.order.first().copied()
    }

    fn set(&mut self, place: usize, due: Option<Instant>) {
        if place >= self.due.len() {
            self.due.resize(place + 1, None);
        }
        let before = std::mem::replace(&mut self.due[place], due);
        if before == due {
            return;
        }
        if let Some(at) = before {
            self.order.remove(&(at, place));
        }
        if let Some(at) = due {
            self.order.insert((at, place));
        }
    }
}
