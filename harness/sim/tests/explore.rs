//! Every order of delivery that can happen is run once, whoever drives.

use std::collections::BTreeSet;
use std::sync::Arc;

use ikelab_scenario::plan::{Explore, Plan};
use ikelab_scenario::{Tables, parse};
use ikelab_sim::{Driver, FollowError, Orders, follow};

/// Two hosts that ping each other: an order is how two requests and two replies are delivered.
const CROSSING_PINGS: &str = "
ikelab: 1
name: crossing-pings
duration: 5s
net:
  hosts:
    R1: {ifaces: {wan: 10.0.0.1/24}}
    R2: {ifaces: {wan: 10.0.0.2/24}}
  links:
    wan: {between: [R1.wan, R2.wan], delay: 5ms}
FAULTS
explore:
  interleavings: [R1 -> R2 ICMP, R2 -> R1 ICMP]
steps:
  - at: 1s
    ping: {from: R1.wan, to: R2.wan, count: 1}
  - at: 1s
    ping: {from: R2.wan, to: R1.wan, count: 1}
expect: {traffic: [{flow: R1.wan -> R2.wan, lost: 0}]}
";

fn plan(faults: &str) -> (Plan, Explore) {
    let text = CROSSING_PINGS.replace("FAULTS", faults);
    let scenario = parse("crossing.yaml", &text, &Arc::new(Tables::builtin()))
        .unwrap_or_else(|found| panic!("{found:#?}"));
    let cell = &scenario.cells[0];
    (scenario.plan(cell, 1), cell.explore.clone().expect("it explores"))
}

/// The names of the orders with the digests of their traces, and how many merges are impossible.
fn orders(plan: &Plan, explore: &Explore, driver: Driver) -> (Vec<(String, String)>, u128) {
    let mut orders = Orders::new(plan, explore, driver);
    let mut found = Vec::new();
    for next in orders.by_ref() {
        let (order, run) = next.expect("it runs");
        found.push((order.to_string(), run.trace.digest()));
    }
    (found, orders.impossible())
}

#[test]
fn a_reply_comes_after_its_request_and_every_other_merge_is_run_once() {
    let (plan, explore) = plan("");
    let (found, impossible) = orders(&plan, &explore, Driver::Direct);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    // Of the six merges of aa and bb, two would deliver a reply before its request.
    assert_eq!(names, ["abba", "abab", "baab", "baba"]);
    assert_eq!(impossible, 2);
    let digests: BTreeSet<_> = found.iter().map(|(_, digest)| digest).collect();
    assert_eq!(digests.len(), 4, "each order is another run");
}

#[test]
fn the_orders_do_not_depend_on_the_driver_and_each_can_be_run_again_by_its_name() {
    let (plan, explore) = plan("");
    let (found, _) = orders(&plan, &explore, Driver::Direct);
    assert_eq!(found, orders(&plan, &explore, Driver::Turmoil).0);
    for (name, digest) in found {
        let (order, run) = follow(&plan, &explore, Driver::Direct, &name).expect("it is an order");
        assert_eq!((order.to_string(), run.trace.digest()), (name, digest));
    }
    assert_eq!(follow(&plan, &explore, Driver::Direct, "a").unwrap().0.to_string(), "abba");
    for (name, turn) in [("aab", 1), ("abac", 3), ("ababa", 4)] {
        match follow(&plan, &explore, Driver::Direct, name) {
            Err(FollowError::NoSuchTurn { turn: found, .. }) => assert_eq!(found, turn, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_lost_message_takes_no_turn() {
    let (plan, explore) = plan("faults: [{drop: R1 -> R2 ICMP, nth: 1}]");
    let (found, _) = orders(&plan, &explore, Driver::Direct);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ba"], "R2's request, and R1's reply");
}

#[test]
fn in_every_order_packets_arrive_in_it() {
    let (plan, explore) = plan("");
    for next in Orders::new(&plan, &explore, Driver::Direct) {
        let (order, run) = next.unwrap();
        let mut arrivals: Vec<_> = run
            .trace
            .records
            .iter()
            .filter_map(|record| match &record.fact {
                ikelab_trace::Fact::Sent(sent) => match sent.fates.as_slice() {
                    [ikelab_trace::Fate::Arrives { at, .. }] => Some((*at, record.host.0)),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        arrivals.sort_unstable();
        let came: String =
            arrivals.iter().map(|(_, host)| if *host == 0 { 'a' } else { 'b' }).collect();
        assert_eq!(came, order.to_string());
    }
}

#[test]
fn what_was_not_followed_is_counted() {
    let (plan, explore) = plan("");
    let mut orders = Orders::new(&plan, &explore, Driver::Direct);
    assert!(orders.next().is_some());
    assert!(orders.open() > 0, "there is more");
    assert_eq!(orders.by_ref().count(), 3);
    assert_eq!(orders.open(), 0);
}
