//! The law about keys sees every key of every SA: whichever is another than it has to be, in the
//! log of whichever end, the run fails.

use std::sync::Arc;

use ikelab_scenario::{Cell, Outcome, Scenario, Tables, parse};
use ikelab_sim::{Driver, run};
use ikelab_trace::{Fact, IkeEvent, Octets, Trace};

/// Each end replaces the Child SA and the IKE SA, with a key exchange of their own and without one.
const TWO_ENDS: &str = r#"
ikelab: 1
name: keys
duration: 60s
net:
  hosts:
    R1: {ifaces: {lan: 192.168.1.1/24, wan: 10.0.0.1/24}}
    R2: {ifaces: {lan: 192.168.2.1/24, wan: 10.0.0.2/24}}
  links:
    wan: {between: [R1.wan, R2.wan], delay: 5ms}
tunnels:
  site:
    auth: {psk: "keys"}
    ike: {proposals: [IKE]}
    ends: {R1: {via: wan}, R2: {via: wan}}
    children:
      - {name: net, between: [192.168.1.0/24, 192.168.2.0/24], start: at-start, proposals: [ESP]}
steps:
  - {at: 10s, rekey: {host: R2, child: net}}
  - {at: 20s, rekey: {host: R2, ike: site}}
  - {at: 30s, rekey: {host: R1, child: net}}
  - {at: 40s, rekey: {host: R1, ike: site}}
expect: {always: ["no_cleartext(site.net)"]}
"#;

const LAW: &str = "keys are derived as RFC 7296";

fn ran(ike: &str, esp: &str) -> (Scenario, Trace) {
    let text = TWO_ENDS.replace("IKE", ike).replace("ESP", esp);
    let scenario = parse("keys.yaml", &text, &Arc::new(Tables::builtin()))
        .unwrap_or_else(|found| panic!("{found:#?}"));
    let trace = run(&scenario.plan(&scenario.cells[0], 7), Driver::Direct).unwrap().trace;
    (scenario, trace)
}

/// What the law about keys says of a trace.
fn law(scenario: &Scenario, cell: &Cell, trace: &Trace) -> Option<String> {
    let findings = scenario.judge(cell, trace).findings;
    let law = findings.into_iter().find(|finding| finding.message.contains(LAW))?;
    assert_eq!(law.outcome, Outcome::Fail);
    Some(law.message)
}

/// Every key that a record logs.
fn keys(fact: &mut Fact) -> Vec<&mut Octets> {
    let all = match fact {
        Fact::Ike(IkeEvent::Keys(keys)) => vec![
            &mut keys.sk_d,
            &mut keys.sk_ai,
            &mut keys.sk_ar,
            &mut keys.sk_ei,
            &mut keys.sk_er,
            &mut keys.sk_pi,
            &mut keys.sk_pr,
        ],
        Fact::Ike(IkeEvent::ChildInstalled(child)) => {
            let keys = &mut child.keys;
            vec![&mut keys.encr_out, &mut keys.integ_out, &mut keys.encr_in, &mut keys.integ_in]
        }
        _ => Vec::new(),
    };
    all.into_iter().filter(|key| !key.is_empty()).collect()
}

#[test]
fn a_key_that_is_another_in_one_log_is_told() {
    for (ike, esp, expected) in [
        // Seven keys of three IKE SAs, four of three Child SAs, at two ends.
        ("aes128-sha256-x25519", "aes128-sha256-x25519", 2 * 3 * (7 + 4)),
        ("aes256gcm16-prfsha384-x25519", "aes256gcm16", 2 * 3 * (5 + 2)),
        ("aes128-aesxcbc-prfaesxcbc-ecp256", "chacha20poly1305-ecp256", 2 * 3 * (7 + 2)),
    ] {
        let (scenario, trace) = ran(ike, esp);
        let cell = &scenario.cells[0];
        assert_eq!(law(&scenario, cell, &trace), None, "{ike}");
        let mut seen = 0;
        for place in 0..trace.records.len() {
            for key in 0..keys(&mut trace.records[place].fact.clone()).len() {
                let mut other = trace.clone();
                let record = &mut other.records[place];
                let octets = keys(&mut record.fact).swap_remove(key);
                let mut changed = octets.to_vec();
                changed[0] ^= 1;
                *octets = changed.into();
                let (who, at) = (&trace.hosts[usize::from(record.host.0)].name, record.at);
                let told = law(&scenario, cell, &other).unwrap_or_default();
                let (begin, end) = (format!("{who}'s "), format!(" at {at}s: "));
                assert!(told.starts_with(&begin) && told.contains(&end), "{at} {who}: {told:?}");
                seen += 1;
            }
        }
        assert_eq!(seen, expected, "{ike}");
    }
}

#[test]
fn a_secret_that_nobody_computed_or_that_two_ends_do_not_share_is_told() {
    let (scenario, trace) = ran("aes128-sha256-x25519", "aes128-sha256-x25519");
    let cell = &scenario.cells[0];
    let is_secret = |fact: &Fact| matches!(fact, Fact::Ike(IkeEvent::SharedSecret(_)));
    let places = (0..trace.records.len()).filter(|place| is_secret(&trace.records[*place].fact));
    let places: Vec<usize> = places.collect();
    assert_eq!(places.len(), 2 * 5, "two ends, a first exchange and four more");
    for place in places {
        let mut without = trace.clone();
        without.records.remove(place);
        let told = law(&scenario, cell, &without).unwrap_or_default();
        assert!(told.contains("no secret of its public values"), "{told:?}");
        let mut other = trace.clone();
        if let Fact::Ike(IkeEvent::SharedSecret(logged)) = &mut other.records[place].fact {
            logged.secret = vec![7; 32].into();
        }
        assert!(law(&scenario, cell, &other).is_some());
    }
}
