//! What happened to single packets of a run, as faults that do the same again: the losses of chance
//! as drops, the turns of an order as holds. Each is an entry for `faults:`.

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_scenario::plan::{Carries, Explore, Packets, Plan};
use ikelab_trace::{Fact, Fate, Trace};
use ikelab_wire::registry::ExchangeType;

use crate::{Order, build};

/// The exchanges that a pattern can name.
const EXCHANGES: [(&str, ExchangeType); 4] = [
    ("IKE_SA_INIT", ExchangeType::IKE_SA_INIT),
    ("IKE_AUTH", ExchangeType::IKE_AUTH),
    ("CREATE_CHILD_SA", ExchangeType::CREATE_CHILD_SA),
    ("INFORMATIONAL", ExchangeType::INFORMATIONAL),
];

/// The packets that links lost by chance, as drops: `{drop: R1 -> R2 IKE_AUTH req, nth: 2}`.
#[must_use]
pub fn losses(plan: &Plan, trace: &Trace) -> Vec<String> {
    let mut met: BTreeMap<String, u32> = BTreeMap::new();
    let mut drops = Vec::new();
    let patterns: Vec<_> = patterns(plan)
        .into_iter()
        .map(|(words, which)| (words, which.from, build::seeming(plan, &which)))
        .collect();
    for record in &trace.records {
        let Fact::Sent(sent) = &record.fact else { continue };
        let of = |(_, from, victims): &&(String, u16, ikelab_net::Victims)| {
            *from == record.host.0 && victims.seem(&sent.octets)
        };
        let Some((words, ..)) = patterns.iter().find(of) else { continue };
        let count = met.entry(words.clone()).or_default();
        *count += 1;
        let by_chance = |fate: &Fate| matches!(fate, Fate::Lost { reason } if reason == "loss");
        if sent.fates.iter().all(by_chance) {
            drops.push(format!("{{drop: {words}, nth: {count}}}"));
        }
    }
    drops
}

/// Every kind of packet between two hosts that a pattern can tell from the others.
fn patterns(plan: &Plan) -> Vec<(String, Packets)> {
    let mut all = Vec::new();
    let hosts = || (0_u16..).zip(&plan.hosts);
    for (from, sender) in hosts() {
        for (to, receiver) in hosts().filter(|(to, _)| *to != from) {
            let mut add = |words: &str, what| {
                let words = format!("{} -> {} {words}", sender.name, receiver.name);
                all.push((words, Packets { from, place: from, to, what, also: None }));
            };
            for (name, exchange) in EXCHANGES {
                for (side, response) in [("req", Some(false)), ("resp", Some(true))] {
                    let what = Carries::Ike { exchange, response, message_id: None };
                    add(&format!("{name} {side}"), what);
                }
            }
            add("ESP", Carries::Esp);
            add("ICMP", Carries::Icmp);
            add("PLAIN", Carries::Plain);
        }
    }
    all
}

/// The turns of an order, as holds: `{hold: R1 -> R2 CREATE_CHILD_SA req, nth: 1, until: 10.1s}`.
/// The trace is that of the order's run.
#[must_use]
pub fn holds(plan: &Plan, explore: &Explore, order: &Order, trace: &Trace) -> Vec<String> {
    let mut holds = Vec::new();
    for (place, stream) in explore.streams.iter().enumerate() {
        let turns: BTreeMap<usize, Instant> = order
            .0
            .iter()
            .filter(|delivery| delivery.stream == place)
            .map(|delivery| (delivery.place, delivery.at))
            .collect();
        let victims: Vec<_> =
            stream.which.iter().map(|which| build::seeming(plan, which)).collect();
        let mut of_stream = 0;
        let mut of_pattern = vec![0_u32; victims.len()];
        for record in trace.records.iter().filter(|record| record.host.0 == stream.from) {
            let Fact::Sent(sent) = &record.fact else { continue };
            let Some(pattern) = victims.iter().position(|one| one.seem(&sent.octets)) else {
                continue;
            };
            of_pattern[pattern] += 1;
            if let Some(at) = turns.get(&of_stream) {
                let (words, nth) = (&stream.patterns[pattern], of_pattern[pattern]);
                let entry = format!("{{hold: \"{words}\", nth: {nth}, until: {}}}", exact(*at));
                holds.push((*at, entry));
            }
            of_stream += 1;
        }
    }
    holds.sort();
    holds.into_iter().map(|(_, entry)| entry).collect()
}

/// A moment to the nanosecond, as a duration of the language.
fn exact(at: Instant) -> String {
    let nanos = at.as_nanos();
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_to_the_nanosecond() {
        let written = |nanos| exact(Instant::from_nanos(nanos));
        assert_eq!(written(10_000_000_000), "10s");
        assert_eq!(written(10_203_000_003), "10.203000003s");
        assert_eq!(written(500_000_000), "0.5s");
    }
}
