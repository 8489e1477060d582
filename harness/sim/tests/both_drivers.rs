//! The same plan gives the same trace on both drivers, and its tunnels work.

use std::sync::Arc;

use ikelab_ambient::Instant;
use ikelab_scenario::plan::Plan;
use ikelab_scenario::{Tables, parse};
use ikelab_sim::{Driver, RunResult, run};
use ikelab_trace::{AppEvent, EspEvent, Fact, Fate, HostEvent, HostId, IkeEvent, Record, Trace};

/// Two routers, PSK; a ping from network to network brings the tunnel up.
const SITE_TO_SITE: &str = r#"
ikelab: 1
name: site-to-site
duration: 2m
net:
  hosts:
    R1: {ifaces: {Loopback0: 192.168.1.1/24, wan: 10.0.0.1/24}}
    R2: {ifaces: {Loopback0: 192.168.2.1/24, wan: 10.0.0.2/24}}
  links:
    wan: {between: [R1.wan, R2.wan], delay: 5msLINK}
tunnels:
  site:
    auth: {psk: "cisco123"}
    ends:
      R1: {via: wan}
      R2: {via: wan}
    children:
      - {name: net, between: [192.168.1.0/24, 192.168.2.0/24]}
pin:
  - {what: R1.IKE_SA_INIT.spi, value: "f7ffcf9cf569bfc2"}
  - {what: R2.CREATE_CHILD_SA.nonce, value: "00"}
steps:
  - at: 0s
    ping: {from: R1.Loopback0, to: R2.Loopback0, count: COUNT, every: 2s, size: SIZE}
  - at: 60s
    clear: {host: R1, what: ike}
expect: {always: ["no_cleartext(site.net)"]}
"#;

fn plan(link: &str, count: u32, size: u16, seed: u64) -> Plan {
    let text = SITE_TO_SITE
        .replace("LINK", link)
        .replace("COUNT", &count.to_string())
        .replace("SIZE", &size.to_string());
    let scenario = parse("site-to-site.yaml", &text, &Arc::new(Tables::builtin()))
        .unwrap_or_else(|found| panic!("{found:#?}"));
    scenario.plan(&scenario.cells[0], seed)
}

fn run_on_both(plan: &Plan) -> RunResult {
    let direct = run(plan, Driver::Direct).unwrap();
    let turmoil = run(plan, Driver::Turmoil).unwrap();
    assert_eq!(direct.trace.digest(), turmoil.trace.digest());
    assert_eq!(direct, turmoil);
    direct
}

/// A letter for each request: `!` answered, `.` not.
fn pattern(trace: &Trace, count: u32) -> String {
    let answered = |request| {
        trace.records.iter().any(|record| {
            matches!(&record.fact, Fact::App(AppEvent::PingAnswered { request: at, .. }) if *at == request)
        })
    };
    (0..count).map(|request| if answered(request) { '!' } else { '.' }).collect()
}

fn count(trace: &Trace, is_meant: impl Fn(&Fact) -> bool) -> usize {
    trace.records.iter().filter(|record| is_meant(&record.fact)).count()
}

#[test]
fn a_ping_brings_the_tunnel_up_and_only_the_first_request_is_lost() {
    let RunResult { trace, unused_pins, .. } = run_on_both(&plan("", 5, 56, 1));
    assert_eq!(pattern(&trace, 5), ".!!!!", "{:#?}", trace.records);
    let established = |fact: &Fact| matches!(fact, Fact::Ike(IkeEvent::Established(_)));
    assert_eq!(count(&trace, established), 2);
    let sealed = |fact: &Fact| matches!(fact, Fact::Esp(EspEvent::Sealed { .. }));
    assert_eq!(count(&trace, sealed), 8, "four requests and four replies");
    let dropped = |fact: &Fact| matches!(fact, Fact::Net(_) | Fact::Esp(EspEvent::Dropped { .. }));
    assert_eq!(count(&trace, dropped), 0);
    assert_eq!(unused_pins, [1], "nothing was rekeyed");
}

#[test]
fn packets_larger_than_the_mtu_arrive_in_pieces() {
    let trace = run_on_both(&plan("", 3, 4_000, 1)).trace;
    assert_eq!(pattern(&trace, 3), ".!!");
    let sent = |fact: &Fact| matches!(fact, Fact::Sent(_));
    let sealed = |fact: &Fact| matches!(fact, Fact::Esp(EspEvent::Sealed { .. }));
    assert_eq!(count(&trace, sealed), 4);
    assert!(count(&trace, sent) > 4 * 3);
}

#[test]
fn a_rough_link_changes_the_outcome_alike_on_both_drivers() {
    let rough = ", jitter: 40ms, loss: 20%, duplicate: 10%, reorder: 20%";
    let patterns: Vec<String> =
        (0..10).map(|seed| pattern(&run_on_both(&plan(rough, 20, 56, seed)).trace, 20)).collect();
    // Now and then five requests are lost in a row, and the tunnel stays down.
    let came_up = patterns.iter().filter(|pattern| pattern.contains('!')).count();
    assert!(came_up >= 8, "{patterns:#?}");
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let digest = |seed| run(&plan("", 5, 56, seed), Driver::Direct).unwrap().trace.digest();
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

/// What happens to the pings when the network does this.
fn pattern_with(faults: &str, pings: u32) -> (String, RunResult) {
    let text = SITE_TO_SITE.replace("LINK", "").replace("SIZE", "56");
    let text =
        text.replace("COUNT", &pings.to_string()).replace("steps:", &format!("{faults}\nsteps:"));
    let scenario = parse("faults.yaml", &text, &Arc::new(Tables::builtin()))
        .unwrap_or_else(|found| panic!("{found:#?}"));
    let result = run_on_both(&scenario.plan(&scenario.cells[0], 1));
    (pattern(&result.trace, pings), result)
}

#[test]
fn an_attacker_on_the_link_sees_every_packet_and_changes_nothing() {
    let evil = SITE_TO_SITE
        .replace("  links:", "    EVIL: {kind: attacker, ifaces: {wan: 10.0.0.66/24}}\n  links:")
        .replace("R2.wan]", "R2.wan, EVIL.wan]");
    let run = |text: &str| {
        let text = text.replace("LINK", ", loss: 10%").replace("SIZE", "56").replace("COUNT", "9");
        let scenario = parse("evil.yaml", &text, &Arc::new(Tables::builtin()))
            .unwrap_or_else(|found| panic!("{found:#?}"));
        run_on_both(&scenario.plan(&scenario.cells[0], 3)).trace
    };
    let (with, without) = (run(&evil), run(SITE_TO_SITE));
    let sent = |trace: &Trace| {
        let sent = |record: &Record| match &record.fact {
            Fact::Sent(sent) => Some((record.at, sent.fates.clone(), sent.overheard.len())),
            _ => None,
        };
        trace.records.iter().filter_map(sent).collect::<Vec<_>>()
    };
    let (with, without) = (sent(&with), sent(&without));
    assert!(with.iter().all(|(_, _, overheard)| *overheard == 1));
    assert!(without.iter().all(|(_, _, overheard)| *overheard == 0));
    let fates =
        |sent: Vec<_>| sent.into_iter().map(|(at, fates, _)| (at, fates)).collect::<Vec<_>>();
    assert_eq!(fates(with), fates(without));
}

#[test]
fn a_message_that_a_fault_drops_is_sent_again() {
    for message in ["R1 -> R2 IKE_SA_INIT req", "R2 -> R1 IKE_AUTH resp mid=1"] {
        let (pattern, result) = pattern_with(&format!("faults: [{{drop: {message}, nth: 1}}]"), 5);
        assert_eq!(pattern, "..!!!", "{message}: the second try comes after two seconds");
        let again = |fact: &Fact| matches!(fact, Fact::Ike(IkeEvent::Retransmitted { .. }));
        assert_eq!(count(&result.trace, again), 1);
        assert!(result.idle_faults.is_empty());
    }
}

#[test]
fn a_duplicate_of_an_esp_packet_is_known_as_a_replay() {
    let (pattern, result) = pattern_with("faults: [{duplicate: R1 -> R2 ESP, nth: 2}]", 5);
    assert_eq!(pattern, ".!!!!");
    let replayed = |fact: &Fact| match fact {
        Fact::Esp(EspEvent::Dropped { reason, .. }) => reason.name().contains("replay"),
        _ => false,
    };
    assert_eq!(count(&result.trace, replayed), 1);
}

#[test]
fn a_partition_lasts_as_long_as_it_says() {
    let (pattern, _) = pattern_with("faults: [{partition: [R1, R2], at: 3s, for: 4s}]", 6);
    assert_eq!(pattern, ".!..!!");
    let (pattern, _) = pattern_with("faults: [{loss: 100%, link: wan, at: 3s, for: 4s}]", 6);
    assert_eq!(pattern, ".!..!!");
}

#[test]
fn a_fault_that_met_nothing_is_named() {
    let (pattern, result) = pattern_with("faults: [{drop: R1 -> R2 CREATE_CHILD_SA req}]", 2);
    assert_eq!((pattern.as_str(), result.idle_faults), (".!", vec![0]));
}

/// The SPIs that a host gave out, IKE and ESP, in the order of their first use.
fn spis(trace: &Trace, host: &str) -> Vec<u64> {
    let host = trace.host(host).unwrap();
    let mut spis = Vec::new();
    for record in trace.records.iter().filter(|record| record.host == host) {
        match &record.fact {
            Fact::Ike(IkeEvent::Established(up)) => spis.push(up.sa.initiator.0),
            Fact::Ike(IkeEvent::ChildInstalled(child)) => spis.push(child.spi_in.0.into()),
            _ => {}
        }
    }
    spis
}

#[test]
fn a_host_that_crashed_comes_back_with_new_keys_and_without_its_flows() {
    let crash = "faults: [{crash: R1, at: 5s, restart_after: 3s}]";
    let step = "  - at: 20s\n    ping: {from: R1.Loopback0, to: R2.Loopback0, count: 2}\nexpect";
    let text = SITE_TO_SITE.replace("LINK", "").replace("SIZE", "56").replace("COUNT", "9");
    let text = text.replace("steps:", &format!("{crash}\nsteps:")).replace("expect", step);
    let text = text.replace("  - {what: R1.IKE_SA_INIT.spi, value: \"f7ffcf9cf569bfc2\"}\n", "");
    let scenario = parse("crash.yaml", &text, &Arc::new(Tables::builtin()))
        .unwrap_or_else(|found| panic!("{found:#?}"));
    let result = run_on_both(&scenario.plan(&scenario.cells[0], 1));
    assert!(result.idle_faults.is_empty());
    let requests = |flow: u32| {
        count(
            &result.trace,
            |fact| matches!(fact, Fact::App(AppEvent::PingSent { flow: at, .. }) if *at == flow),
        )
    };
    assert_eq!((requests(0), requests(1)), (3, 2), "0, 2 and 4 s; then nobody sends any more");
    let spis = spis(&result.trace, "R1");
    assert_eq!(spis.len(), 4, "{spis:x?}");
    assert!(spis.iter().all(|spi| spis.iter().filter(|other| *other == spi).count() == 1));
}

#[test]
fn a_crash_happens_with_the_message_that_it_names() {
    for (when, at) in [
        ("R1 -> R2 IKE_AUTH req", 10),
        ("R1 -> R2 IKE_AUTH req {N(INITIAL_CONTACT)}", 10),
        ("R2 -> R1 IKE_AUTH resp", 20),
        ("R2 -> R1 IKE_AUTH resp {SA}", 20),
    ] {
        let fault = format!("faults: [{{crash: R1, when: \"{when}\", nth: 1}}]");
        let (pattern, result) = pattern_with(&fault, 3);
        assert!(result.idle_faults.is_empty());
        let down = result.trace.records.iter().find(|record| matches!(record.fact, Fact::Host(_)));
        assert_eq!(down.unwrap().at, Instant::from_nanos(at * 1_000_000), "{when}");
        assert_eq!(pattern, "...");
        let later = result
            .trace
            .records
            .iter()
            .filter(|record| record.host == HostId(0) && record.at > down.unwrap().at);
        // At the end of a run each engine tells what it still remembers.
        let idle = |record: &Record| {
            let told = matches!(record.fact, Fact::Ike(IkeEvent::Remembers { .. }));
            told || matches!(record.fact, Fact::Net(_) | Fact::Host(_))
        };
        assert!(later.clone().count() > 0);
        let busy = later.clone().find(|record| !idle(record));
        assert!(busy.is_none(), "it does nothing any more, but {busy:?}");
    }
}

#[test]
fn a_crash_whose_message_never_came_is_named_and_so_is_one_of_a_host_that_is_down() {
    let faults = "faults: [{crash: R1, when: R2 -> R1 CREATE_CHILD_SA req}, {crash: R2, at: 9s}, \
                  {crash: R2, at: 10s}]";
    let (_, result) = pattern_with(faults, 2);
    assert_eq!(result.idle_faults, [0, 2]);
}

#[test]
fn a_rule_that_met_nothing_is_named_and_harm_beyond_a_message_cannot_be_done() {
    let liar = |rule: &str| {
        let peers = format!("peers: {{R1: {{impl: builtin, behave: [{{{rule}}}]}}}}");
        pattern_with(&peers, 2).1
    };
    let idle = liar("when: R1 -> R2 CREATE_CHILD_SA req, edit: flip-bit 0");
    assert_eq!(idle.idle_rules, [(0, 0)]);
    for (edit, can) in [
        ("[flip-bit 999999]", false),
        ("[truncate 9999]", false),
        ("[keep-icv, flip-bit 999999]", false),
        ("[keep-icv, flip-bit -999999]", false),
        ("[keep-icv, truncate 9999]", false),
        ("[keep-icv, flip-bit 400]", true),
        ("[truncate 60]", true),
    ] {
        let result = liar(&format!("when: R1 -> R2 IKE_AUTH req, edit: {edit}"));
        assert!(result.idle_rules.is_empty());
        let failed = |fact: &Fact| match fact {
            Fact::Ike(IkeEvent::Lied { failed, .. }) => !failed.is_empty(),
            _ => false,
        };
        assert_eq!(count(&result.trace, failed) == 0, can, "{edit}");
    }
}

#[test]
fn a_step_for_a_host_that_is_down_is_missed_and_told() {
    let (_, result) = pattern_with("faults: [{crash: R1, at: 50s, restart_after: 20s}]", 2);
    let missed = |fact: &Fact| matches!(fact, Fact::Host(HostEvent::Missed { index: 1, .. }));
    assert_eq!(count(&result.trace, missed), 1);
}

#[test]
fn a_link_fault_that_met_no_packet_is_named() {
    let after = "at: 90s, for: 5s";
    let faults = format!(
        "faults: [{{loss: 10%, link: wan, {after}}}, {{partition: [R1, R2], {after}}}, \
         {{link_down: wan, {after}}}, {{jitter: 1ms, link: wan, {after}}}, \
         {{rate: 1Mbit, link: wan, at: 1s, for: 2s}}, {{mtu: 1000, link: wan, {after}}}, \
         {{partition: [R1, R2], at: 60s, for: 1s}}]"
    );
    let (_, result) = pattern_with(&faults, 5);
    assert_eq!(result.idle_faults, [0, 1, 2, 3, 5]);
}

/// How the pings fare that are sent while something befalls the link: round-trip times in
/// milliseconds, and the result.
fn round_trips(trouble: &str) -> (Vec<u64>, RunResult) {
    let (_, result) = pattern_with(&format!("faults: [{{{trouble}, link: wan, at: 3s}}]"), 40);
    assert!(result.idle_faults.is_empty(), "{trouble}");
    let trip = |record: &Record| match &record.fact {
        Fact::App(AppEvent::PingAnswered { rtt_ns, .. }) => Some(rtt_ns / 1_000_000),
        _ => None,
    };
    (result.trace.records.iter().filter_map(trip).collect(), result)
}

#[test]
fn what_befalls_a_link_for_a_time_is_what_its_packets_meet() {
    let copies = |result: &RunResult| {
        let copies = |record: &Record| match &record.fact {
            Fact::Sent(sent) => sent.fates.len() - 1,
            _ => 0,
        };
        result.trace.records.iter().map(copies).sum::<usize>()
    };
    let altered = |result: &RunResult| {
        count(&result.trace, |fact| match fact {
            Fact::Sent(sent) => {
                sent.fates.iter().any(|fate| matches!(fate, Fate::Arrives { altered: Some(_), .. }))
            }
            _ => false,
        })
    };
    let (trips, quiet) = round_trips("delay: 20ms");
    assert_eq!((trips[0], trips[5], copies(&quiet), altered(&quiet)), (10, 40, 0, 0));
    let (trips, _) = round_trips("jitter: 40ms");
    assert!(trips.iter().max() > Some(&40) && trips.iter().min() == Some(&10), "{trips:?}");
    assert!(copies(&round_trips("duplicate: 50%").1) > 10);
    assert!(altered(&round_trips("corrupt: 50%").1) > 10);
    assert!(round_trips("reorder: 100%").0.iter().max() > Some(&10));
    assert!(round_trips("loss: 50%").0.len() < 35);
}

#[test]
fn a_slow_link_takes_its_time_for_every_octet_and_has_room_for_so_many() {
    // An ESP packet of 140 octets takes 140 ms at 8 kbit/s: there and back, and 5 ms each way.
    let sealed = |result: &RunResult| {
        let long = |record: &Record| match &record.fact {
            Fact::Sent(sent) if sent.octets.get(9) == Some(&50) => Some(sent.octets.len() as u64),
            _ => None,
        };
        result.trace.records.iter().find_map(long).unwrap()
    };
    let (trips, result) = round_trips("rate: 8kbit");
    assert_eq!(trips[5], 2 * (sealed(&result) + 5));
    // Requests of 500 octets every 10 ms are too much for 100 kbit/s; three of them may wait.
    let text = SITE_TO_SITE
        .replace("LINK", ", rate: 100kbit, queue: 3 packets")
        .replace("every: 2s", "every: 10ms")
        .replace("COUNT", "400")
        .replace("SIZE", "400");
    let scenario = parse("slow.yaml", &text, &Arc::new(Tables::builtin()))
        .unwrap_or_else(|found| panic!("{found:#?}"));
    let result = run_on_both(&scenario.plan(&scenario.cells[0], 1));
    let full = |fact: &Fact| match fact {
        Fact::Sent(sent) => sent
            .fates
            .iter()
            .any(|fate| matches!(fate, Fate::Lost { reason } if reason == "queue is full")),
        _ => false,
    };
    assert!(count(&result.trace, full) > 200, "three of four find no room");
}

#[test]
fn a_clock_that_runs_fast_or_is_set_moves_the_timers_of_its_host_and_no_other() {
    // What is lost at 0 s is sent again after the two seconds of whoever sent it.
    let again = |faults: &str| {
        let lost = "{drop: R1 -> R2 IKE_SA_INIT req, nth: 1}";
        let (_, result) = pattern_with(&format!("faults: [{lost}{faults}]"), 5);
        assert!(result.idle_faults.is_empty());
        let again =
            |record: &&Record| matches!(record.fact, Fact::Ike(IkeEvent::Retransmitted { .. }));
        result.trace.records.iter().find(again).unwrap().at.as_nanos() / 1_000_000
    };
    assert_eq!(again(""), 2_000);
    assert_eq!(again(", {clock: R1, speed: 1.25}"), 1_600);
    assert_eq!(again(", {clock: R2, speed: 1.25}"), 2_000);
    assert_eq!(again(", {clock: R1, speed: 2, for: 1s}"), 1_000);
    assert_eq!(again(", {clock: R1, speed: 2, for: 500ms}"), 1_500);
    assert_eq!(again(", {clock: R1, jump: 1h, at: 700ms}"), 700);
    assert_eq!(again(", {clock: R1, jump: -5s, at: 700ms}"), 7_000);
}

#[test]
fn when_the_network_heals_who_is_down_comes_up_and_clocks_run_right() {
    let faults = "faults: [{crash: R2, at: 5s}, {clock: R1, speed: 2}, \
                  {rate: 1kbit, link: wan, at: 6s}]";
    let text = SITE_TO_SITE.replace("LINK", "").replace("SIZE", "56").replace("COUNT", "3");
    let text = text.replace("steps:", &format!("{faults}\nsteps:"));
    let scenario = parse("heal.yaml", &text, &Arc::new(Tables::builtin()))
        .unwrap_or_else(|found| panic!("{found:#?}"));
    let mut plan = scenario.plan(&scenario.cells[0], 1);
    let heal = Instant::from_secs(20);
    plan.heal_at(heal);
    let result = run_on_both(&plan);
    let told = |host: u16, fact: Fact| {
        let here = |record: &&Record| (record.at, record.host) == (heal, HostId(host));
        result.trace.records.iter().filter(here).any(|record| record.fact == fact)
    };
    assert!(told(1, Fact::Host(HostEvent::Up { life: 1 })));
    let reads = Instant::from_secs(40);
    assert!(told(0, Fact::Host(HostEvent::Clock { reads, speed: 1_000_000_000 })));
}
