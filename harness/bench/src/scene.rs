//! What is timed through the whole simulator: plans, made ready before the clock runs.

use std::sync::Arc;

use ikelab_scenario::plan::Plan;
use ikelab_scenario::{Tables, parse};
use ikelab_trace::{Fact, IkeEvent, Phase, Trace};

/// Two routers bring one tunnel up, with the suite of the straight line, and rest.
const HANDSHAKE: &str = "\
ikelab: 1
name: bench-handshake
title: One handshake
duration: 1s
net:
  hosts:
    R1: {ifaces: {wan: 10.0.0.1/24, lan: 192.168.1.1/24}}
    R2: {ifaces: {wan: 10.0.0.2/24, lan: 192.168.2.1/24}}
  links:
    wan: {between: [R1.wan, R2.wan], delay: 5ms}
tunnels:
  site:
    auth: {psk: \"cisco123\"}
    ike: {proposals: [aes256gcm16-prfsha256-x25519]}
    ends: {R1: {via: wan}, R2: {via: wan}}
    children:
      - name: net
        between: [192.168.1.0/24, 192.168.2.0/24]
        proposals: [aes256gcm16]
        start: manual
steps:
  - at: 0s
    up: site.net
expect:
  ladder: \"...\"
";

/// The project's own scenario, of which a day is run.
const LIFETIME: &str = include_str!("../../../scenarios/rekey/ike-rekey-lifetime-120.yaml");

/// One handshake.
#[must_use]
pub fn handshake(seed: u64) -> Plan {
    plan("bench-handshake.yaml", HANDSHAKE, seed)
}

/// The scenario with a lifetime of 120 s, for 24 hours.
///
/// # Panics
/// When the scenario no longer has the duration that is replaced here.
#[must_use]
pub fn a_day_of_rekeying() -> Plan {
    let day = LIFETIME.replace("duration: 10m", "duration: 24h");
    assert_ne!(day, LIFETIME, "the scenario says `duration: 10m`");
    plan("ike-rekey-lifetime-120.yaml", &day, 1)
}

fn plan(path: &str, text: &str, seed: u64) -> Plan {
    let scenario = parse(path, text, &Arc::new(Tables::builtin())).unwrap_or_else(|mistakes| {
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", told.join("\n"))
    });
    scenario.plan(&scenario.cells[0], seed)
}

/// How many IKE SAs came up, counted at both ends.
#[must_use]
pub fn established(trace: &Trace) -> usize {
    let up =
        |fact: &Fact| matches!(fact, Fact::Ike(IkeEvent::Phase { to: Phase::Established, .. }));
    trace.records.iter().filter(|record| up(&record.fact)).count()
}

#[cfg(test)]
mod tests {
    use ikelab_sim::{Driver, run};

    use super::*;

    #[test]
    fn what_is_timed_is_one_handshake_with_a_child_sa() {
        for driver in [Driver::Direct, Driver::Turmoil] {
            let trace = run(&handshake(1), driver).unwrap().trace;
            assert_eq!(established(&trace), 2);
            let child = |fact: &Fact| matches!(fact, Fact::Ike(IkeEvent::ChildInstalled(_)));
            assert_eq!(trace.records.iter().filter(|record| child(&record.fact)).count(), 2);
        }
    }

    #[test]
    fn a_day_has_eight_hundred_rekeys() {
        let trace = run(&a_day_of_rekeying(), Driver::Direct).unwrap().trace;
        assert!(established(&trace) > 2 * 790);
    }
}
