//! The replay window moves only with packets whose integrity is right (RFC 4303 §3.4.3): a packet
//! is a replay only of one that was accepted, and too old only beside a later one that was.

use std::collections::{BTreeMap, BTreeSet};

use ikelab_trace::{Dropped, EspEvent, Fact};

use crate::property::Violation;
use crate::run::Run;

pub(super) fn moves_with_good_packets(run: &Run<'_>) -> Option<Violation> {
    // By host and SPI: the low halves of the sequence numbers that were accepted.
    let mut accepted: BTreeMap<(u16, u32), BTreeSet<u64>> = BTreeMap::new();
    for record in &run.trace.records {
        let host = record.host.0;
        match &record.fact {
            Fact::Esp(EspEvent::Opened { spi, sequence, .. }) => {
                accepted.entry((host, spi.0)).or_default().insert(*sequence);
            }
            // What was moved on by hand is as good as seen.
            Fact::Esp(EspEvent::Advanced { spi_in, seen, .. }) if *seen > 0 => {
                accepted.entry((host, spi_in.0)).or_default().insert(*seen);
            }
            Fact::Esp(EspEvent::Dropped {
                spi: Some(spi), sequence: Some(number), reason, ..
            }) => {
                let known = accepted.get(&(host, spi.0));
                let had = |meets: &dyn Fn(u64) -> bool| {
                    known.is_some_and(|known| known.iter().any(|had| meets(*had)))
                };
                let number = u64::from(*number);
                let wrong = match reason {
                    Dropped::Replayed => !had(&|had| had & 0xffff_ffff == number),
                    // 0 is before the first that is ever sent (RFC 4303 §2.2).
                    Dropped::TooOld => number != 0 && !had(&|had| had > number),
                    _ => false,
                };
                if wrong {
                    let who = run.name(host);
                    let what = format!("{who} calls ESP {spi} seq {number} {reason}, and had none");
                    return Some(Violation::new(record.at, what));
                }
            }
            _ => {}
        }
    }
    None
}
