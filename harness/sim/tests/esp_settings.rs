//! What a scenario says about ESP, seen on the wire: the outer header, the number of packets of an
//! SA, the replay window, and what becomes of a link that lost its room.

use std::sync::Arc;

use ikelab_scenario::{Tables, parse};
use ikelab_sim::{Driver, run};
use ikelab_trace::{EspEvent, Fact, FlowSummary, IkeEvent, Trace};
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::{EsnId, IpProtocol};

/// Two gateways, and a flow of datagrams from behind the one to behind the other.
const GATEWAYS: &str = r#"
ikelab: 1
name: esp-settings
duration: 30s
net:
  hosts:
    G1: {ifaces: {lan: 192.168.1.1/24, wan: 10.0.0.1/24}}
    G2: {ifaces: {lan: 192.168.2.1/24, wan: 10.0.0.2/24}}
  links:
    wan: {between: [G1.wan, G2.wan], delay: 5ms}
tunnels:
  site:
    auth: {psk: "settings"}
    ends: {G1: {via: wan}, G2: {via: wan}}
    children:
      - {name: net, between: [192.168.1.0/24, 192.168.2.0/24], start: at-start, CHILD}
faults: [FAULTS]
steps:
  - at: 1s
    send: {from: G1.lan, to: G2.lan, SEND}
expect: {always: ["no_cleartext(site.net)"]}
"#;

fn trace(child: &str, faults: &str, send: &str) -> Trace {
    let text = GATEWAYS.replace("CHILD", child).replace("FAULTS", faults).replace("SEND", send);
    let scenario = parse("esp-settings.yaml", &text, &Arc::new(Tables::builtin()))
        .unwrap_or_else(|found| panic!("{found:#?}"));
    let plan = scenario.plan(&scenario.cells[0], 7);
    let direct = run(&plan, Driver::Direct).unwrap();
    assert_eq!(direct, run(&plan, Driver::Turmoil).unwrap(), "the driver decides nothing");
    direct.trace
}

/// The outer headers of the ESP packets that G1 sent.
fn outer(trace: &Trace) -> Vec<(u8, bool)> {
    let sent = trace.records.iter().filter(|record| record.host.0 == 0);
    let packets = sent.filter_map(|record| match &record.fact {
        Fact::Sent(sent) => {
            IpView::parse(&sent.octets).ok().filter(|packet| packet.protocol == IpProtocol::ESP)
        }
        _ => None,
    });
    packets.map(|packet| (packet.dscp_ecn, packet.dont_fragment)).collect()
}

fn esp_drops(trace: &Trace) -> Vec<&str> {
    let dropped = |fact| match fact {
        &Fact::Esp(EspEvent::Dropped { reason, .. }) => Some(reason.name()),
        _ => None,
    };
    trace.records.iter().filter_map(|record| dropped(&record.fact)).collect()
}

fn only_flow(trace: &Trace) -> FlowSummary {
    let mut flows = FlowSummary::all(trace);
    assert_eq!(flows.len(), 1);
    flows.remove(0)
}

#[test]
fn dscp_is_copied_or_set_and_ecn_is_always_copied() {
    // RFC 4301 §5.1.2 and RFC 6040 §4.1: 46 is EF, and ECT(0) is 0b10.
    let send = "count: 1, dscp: 46, ecn: ect0";
    assert_eq!(outer(&trace("dscp: copy", "", send)), [(46 << 2 | 0b10, false)]);
    assert_eq!(outer(&trace("dscp: 10", "", send)), [(10 << 2 | 0b10, false)]);
}

#[test]
fn the_df_bit_is_copied_set_or_cleared() {
    for (child, df, expected) in
        [("copy", false, false), ("copy", true, true), ("set", false, true), ("clear", true, false)]
    {
        let met = outer(&trace(&format!("df: {child}"), "", &format!("count: 1, df: {df}")));
        assert_eq!(met, [(0, expected)], "df: {child} with {df} inside");
    }
}

#[test]
fn congestion_marks_reach_the_inner_header() {
    let trace = trace("dscp: copy", "", "count: 1, ecn: ce");
    assert_eq!(only_flow(&trace).pattern, "!");
}

#[test]
fn an_sa_carries_its_packets_and_is_replaced_before_the_last_of_them() {
    let trace = trace("packets: 100", "", "count: 500, every: 10ms");
    assert_eq!(only_flow(&trace).received, 500);
    let mut carried = std::collections::BTreeMap::<_, u32>::new();
    for record in trace.records.iter().filter(|record| record.host.0 == 0) {
        if let Fact::Esp(EspEvent::Sealed { spi, .. }) = &record.fact {
            *carried.entry(*spi).or_default() += 1;
        }
    }
    assert_eq!(carried.values().sum::<u32>(), 500);
    assert!(carried.values().all(|packets| (1..100).contains(packets)), "{carried:?}");
    assert!(carried.len() >= 5, "{carried:?}");
}

#[test]
fn packets_that_wait_too_long_are_left_of_a_small_window_and_within_a_large_one() {
    let late = "{delay: \"G1 -> G2 ESP\", nth: 1, by: 500ms}";
    let send = "size: 100, count: 60, every: 10ms";
    let small = trace("replay_window: 32", late, send);
    assert_eq!(esp_drops(&small), ["left of the replay window"]);
    assert_eq!(only_flow(&small).lost(), 1);
    for large in ["replay_window: 128", "replay_window: 4096", "replay_window: 0"] {
        let large = trace(large, late, send);
        assert_eq!(esp_drops(&large), [""; 0]);
        assert_eq!(only_flow(&large).reordered, 1);
    }
}

#[test]
fn extended_sequence_numbers_are_negotiated_and_carry_the_flow() {
    let trace = trace("esn: true", "", "count: 5");
    let esn = trace.records.iter().any(|record| {
        matches!(&record.fact, Fact::Ike(IkeEvent::ChildInstalled(child)) if child.suite.esn == Some(EsnId::ESN))
    });
    assert!(esn, "both ends want it");
    assert_eq!(only_flow(&trace).pattern, "!!!!!");
}

#[test]
fn changed_and_repeated_packets_are_dropped_by_name() {
    let faults = "{corrupt: \"G1 -> G2 ESP\", nth: 2}, {duplicate: \"G1 -> G2 ESP\", nth: 3}";
    let trace = trace("replay_window: 64", faults, "size: 100, count: 4, every: 100ms");
    assert_eq!(only_flow(&trace).pattern, "!.!!");
    let mut drops = esp_drops(&trace);
    drops.sort_unstable();
    assert_eq!(drops.len(), 2, "{drops:?}");
    assert!(drops.contains(&"replayed"), "{drops:?}");
}

#[test]
fn a_packet_that_is_too_long_for_the_own_link_takes_no_sequence_number() {
    // RFC 4303 §2.2: the number grows by one with each packet that is sent.
    let trace = trace("df: copy", "", "proto: tcp, bytes: 50kB");
    let mut sealed = Vec::new();
    for record in trace.records.iter().filter(|record| record.host.0 == 0) {
        if let Fact::Esp(EspEvent::Sealed { sequence, .. }) = &record.fact {
            sealed.push(*sequence);
        }
    }
    assert_eq!(sealed, (1..=sealed.len() as u64).collect::<Vec<_>>());
    assert_eq!(sealed.len(), outer(&trace).len(), "and all that was sealed was sent");
    assert_eq!(only_flow(&trace).octets, 50_000);
}
