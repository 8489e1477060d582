//! What the project's own first scenarios come to, once every name and default is filled in.

use std::sync::Arc;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_scenario::plan::{Command, EspMode, Fault, Plan, Route};
use ikelab_scenario::{Scenario, Tables, parse};
use ikelab_wire::registry::{KeId, TransformType};

const SITE: &str = include_str!("../../../scenarios/initial/site-to-site-ping-trigger.yaml");
const RETRY: &str = include_str!("../../../scenarios/initial/invalid-ke-retry.yaml");
const REKEY: &str = include_str!("../../../scenarios/rekey/ike-rekey-lifetime-120.yaml");
const SECOND: &str = include_str!("../../../scenarios/child/second-selector-new-child.yaml");

fn read(text: &str) -> Scenario {
    let found = parse("a.yaml", text, &Arc::new(Tables::builtin()));
    found.unwrap_or_else(|found| panic!("{}", found[0]))
}

/// The plan of the first cell.
fn plan(text: &str) -> Plan {
    let scenario = read(text);
    scenario.plan(&scenario.cells[0], *scenario.seeds.start())
}

#[test]
fn a_tunnel_implies_the_route_to_what_is_behind_the_peer() {
    let plan = plan(SITE);
    let route =
        |net: &str, via: &str| Route { to: (net.parse().unwrap(), 24), via: via.parse().unwrap() };
    assert_eq!(plan.hosts[0].routes, [route("192.168.2.0", "10.0.0.2")]);
    assert_eq!(plan.hosts[1].routes, [route("192.168.1.0", "10.0.0.1")]);
}

#[test]
fn a_route_of_the_file_comes_before_an_implied_one() {
    let loopback = "R1: {ifaces: {Loopback0: 192.168.1.1/24, wan: 10.0.0.1/24}";
    let text = SITE.replace(loopback, &format!("{loopback}, routes: [\"default via 10.0.0.9\"]"));
    assert_ne!(text, SITE);
    let plan = plan(&text);
    assert_eq!(plan.hosts[0].routes.len(), 1);
    assert_eq!(plan.hosts[0].routes[0].via.to_string(), "10.0.0.9");
}

#[test]
fn the_two_ends_of_a_tunnel_mirror_each_other() {
    let plan = plan(SITE);
    let (mine, theirs) = (&plan.hosts[0].tunnels[0], &plan.hosts[1].tunnels[0]);
    assert_eq!((mine.local, mine.remote), (theirs.remote, theirs.local));
    assert_eq!((&mine.id, &mine.expect_id), (&theirs.expect_id, &theirs.id));
    assert_eq!(mine.children[0].local, theirs.children[0].remote);
    assert_eq!(mine.psk.as_deref(), Some(b"cisco123".as_slice()));
    assert_eq!(mine.ike.ke_first, KeId::MODP_1536);
    assert_eq!(mine.ike.lifetime, Some(Duration::from_secs(86_400)));
    assert_eq!((mine.ike.dpd, mine.children[0].pfs), (None, None));
}

#[test]
fn the_preset_asks_for_transport_mode_between_the_endpoints_only() {
    assert_eq!(plan(SITE).hosts[0].tunnels[0].children[0].mode, EspMode::Tunnel);
    let text = SITE.replace("[192.168.1.0/24, 192.168.2.0/24]", "[10.0.0.1/32, 10.0.0.2/32]");
    assert_eq!(plan(&text).hosts[0].tunnels[0].children[0].mode, EspMode::Transport);
}

#[test]
fn a_share_of_a_lifetime_is_a_time() {
    let plan = plan(REKEY);
    let at = |host: usize| plan.hosts[host].tunnels[0].ike.rekey_at.unwrap();
    assert_eq!((at(0), at(1)), (Duration::from_secs(108), Duration::from_millis(116_400)));
}

#[test]
fn a_cell_has_its_own_proposals() {
    let scenario = read(RETRY);
    assert_eq!(scenario.cells.len(), 15);
    let cell = scenario.cell("want=modp2048,cookie=always,responder=builtin").unwrap();
    let plan = scenario.plan(cell, 1);
    let groups = |host: usize| -> Vec<u16> {
        let proposal = &plan.hosts[host].tunnels[0].ike.proposals[0];
        proposal.of_type(TransformType::KE).map(|group| group.id).collect()
    };
    assert_eq!(groups(0), [KeId::CURVE25519.0, KeId::MODP_2048.0]);
    assert_eq!(groups(1), [KeId::MODP_2048.0]);
    let daemons: Vec<_> = scenario.cells.iter().filter(|cell| cell.unsupported.is_some()).collect();
    assert_eq!(daemons.len(), 9, "two daemons, of which one has no cell with cookies");
}

#[test]
fn both_ends_are_told_of_a_child_that_a_step_adds() {
    let plan = plan(SECOND);
    let added: Vec<_> = plan
        .agenda
        .iter()
        .filter_map(|action| match &action.command {
            Command::Change { end, .. } => Some((action.at, action.host, &end.children[1])),
            _ => None,
        })
        .collect();
    let [(at, 0, mine), (_, 1, theirs)] = added.as_slice() else { panic!("{added:?}") };
    assert_eq!(*at, Instant::from_secs(30));
    assert_eq!((&mine.local, &mine.remote), (&theirs.remote, &theirs.local));
    assert!(plan.hosts[0].routes.iter().any(|route| route.to.0.to_string() == "172.16.2.0"));
}

#[test]
fn a_run_without_a_duration_ends_a_while_after_its_last_stated_time() {
    // Five requests from 31 s on, a check at 40 s, and half a minute.
    assert_eq!(plan(SECOND).until, Instant::from_secs(70));
}

#[test]
fn a_pinned_spi_decides_the_first_draw_of_its_host() {
    let plan = plan(SITE);
    let pins: Vec<_> = plan.pins.iter().map(|pin| (pin.host, pin.nth, pin.value.len())).collect();
    assert_eq!(pins, [(Some(0), Some(0), 8), (Some(1), Some(0), 8)]);
}

#[test]
fn seeds_follow_from_the_name_or_from_the_file() {
    let scenario = read(SITE);
    assert_eq!(scenario.seeds.clone().count(), 1);
    assert_ne!(scenario.seeds, read(REKEY).seeds);
    assert_eq!(read(&SITE.replace("duration: 2m", "duration: 2m\nseeds: 1..200")).seeds, 1..=200);
}

/// Each kind of trouble with machines and links that a storm may have.
const STORM: &str = "
faults:
  - {crash: R1, at: 1s, restart_after: 1s}
  - {clock: R1, jump: 1h, at: 1s}
  - {rate: 1Mbit, link: wan, at: 1s}
  - {jitter: 1ms, link: wan, at: 1s}
  - {delay: 1ms, link: wan, at: 1s}
steps:
";

#[test]
fn a_swarm_switches_each_kind_of_trouble_off_for_some_seeds() {
    let text = SITE.replace("delay: 5ms", "delay: 5ms, rate: 1Mbit, corrupt: 1%");
    let text = text.replace("\nsteps:\n", STORM);
    let scenario = read(&text);
    let kinds = ["clock", "crash", "delay", "jitter", "link corrupt", "link rate", "rate"];
    let mut counts = [0; 7];
    for seed in 0..64 {
        let mut plan = scenario.plan(&scenario.cells[0], seed);
        let off = plan.swarm();
        for (kind, count) in kinds.iter().zip(&mut counts) {
            let is_off = off.iter().any(|off| off == kind);
            *count += u32::from(is_off);
            let fault = plan.faults.iter().find(|fault| fault.kind.name() == *kind);
            assert_eq!(fault.map(Fault::is_off), fault.map(|_| is_off), "{kind}");
        }
        let link = &plan.links[0];
        assert_eq!(link.rate.is_none(), off.contains(&"link rate".to_owned()));
        assert_eq!(link.corrupt == 0.0, off.contains(&"link corrupt".to_owned()));
    }
    assert!(counts.iter().all(|count| (16..48).contains(count)), "{counts:?}");
}
