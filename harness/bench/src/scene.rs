//! What is timed through the whole simulator: plans, made ready before the clock runs.

use std::sync::Arc;

use ikelab_scenario::plan::Plan;
use ikelab_scenario::{Tables, parse};
use ikelab_trace::{EspEvent, Fact, IkeEvent, Phase, Trace};

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
  always: [spi_unique()]
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

/// A TCP connection between two hosts behind gateways.
const BULK: &str = "\
ikelab: 1
name: bench-bulk
title: Four megabytes over TCP through two gateways
duration: 10s
net:
  hosts:
    A: {kind: host, ifaces: {lan: 192.168.1.10/24}, routes: [default via 192.168.1.1]}
    G1: {ifaces: {lan: 192.168.1.1/24, wan: 10.0.0.1/24}, routes: [192.168.2.0/24 via 10.0.0.2]}
    G2: {ifaces: {lan: 192.168.2.1/24, wan: 10.0.0.2/24}, routes: [192.168.1.0/24 via 10.0.0.1]}
    B: {kind: host, ifaces: {lan: 192.168.2.10/24}, routes: [default via 192.168.2.1]}
  links:
    left: {between: [A.lan, G1.lan], delay: 1us, mtu: 1400}
    wan: {between: [G1.wan, G2.wan], delay: 10us, mtu: 1500}
    right: {between: [B.lan, G2.lan], delay: 1us, mtu: 1400}
steps:
  - {at: 1s, send: {from: A.lan, to: B.lan, proto: tcp, bytes: 4MB}}
expect:
  traffic:
    - {flow: A.lan -> B.lan, received: '== 4MB'}
";

/// What protects it, with the suite that is timed elsewhere packet by packet.
const TUNNEL: &str = "\
tunnels:
  site:
    auth: {psk: \"cisco123\"}
    ends: {G1: {via: wan}, G2: {via: wan}}
    children:
      - name: net
        between: [192.168.1.0/24, 192.168.2.0/24]
        proposals: [aes256gcm16]
        start: at-start
";

/// A bulk transfer, protected or not.
#[must_use]
pub fn bulk(protected: bool) -> Plan {
    let tunnel = if protected { TUNNEL } else { "" };
    plan("bench-bulk.yaml", &format!("{BULK}{tunnel}"), 1)
}

/// How many frames hosts put on links.
#[must_use]
pub fn frames(trace: &Trace) -> usize {
    trace.records.iter().filter(|record| matches!(record.fact, Fact::Sent(_))).count()
}

/// Octets of the packets that were sealed.
#[must_use]
pub fn sealed(trace: &Trace) -> Vec<usize> {
    let octets = trace.records.iter().filter_map(|record| match &record.fact {
        Fact::Esp(EspEvent::Sealed { octets, .. }) => usize::try_from(*octets).ok(),
        _ => None,
    });
    octets.collect()
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
    fn a_bulk_transfer_takes_four_megabytes_there_sealed_or_not() {
        let sealed_octets = |protected| {
            let trace = run(&bulk(protected), Driver::Direct).unwrap().trace;
            assert!(frames(&trace) > 3 * 2900, "three links");
            sealed(&trace).iter().sum::<usize>()
        };
        assert!(sealed_octets(true) > 4_000_000);
        assert_eq!(sealed_octets(false), 0);
    }

    #[test]
    fn a_day_has_eight_hundred_rekeys() {
        let trace = run(&a_day_of_rekeying(), Driver::Direct).unwrap().trace;
        assert!(established(&trace) > 2 * 790);
    }
}
