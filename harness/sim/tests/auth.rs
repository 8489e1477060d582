//! The law about AUTH sees all that AUTH is made of: whichever is another than it was, the end that
//! proved itself with it is named.

use std::sync::Arc;

use ikelab_scenario::{Outcome, Scenario, Tables, parse};
use ikelab_sim::{Driver, run};
use ikelab_trace::{Fact, Fate, IkeEvent, Octets, Record, Trace};
use ikelab_wire::registry::ExchangeType;

/// R2 asks for a cookie.
const TWO_ENDS: &str = r#"
ikelab: 1
name: auth
net:
  hosts:
    R1: {ifaces: {lan: 192.168.1.1/24, wan: 10.0.0.1/24}}
    R2: {ifaces: {lan: 192.168.2.1/24, wan: 10.0.0.2/24}}
  links:
    wan: {between: [R1.wan, R2.wan], delay: 5ms}
tunnels:
  site:
    ike: {proposals: [IKE], cookie: always}
    ends:
      R1: {via: wan, id: one.example, auth: {psk: "KEY OF R1"}}
      R2: {via: wan, auth: {psk: "KEY OF R2"}}
    children:
      - {name: net, between: [192.168.1.0/24, 192.168.2.0/24], start: at-start}
steps:
  - {at: 10s, note: "it is up"}
expect: {always: ["no_cleartext(site.net)"]}
"#;

const LAW: &str = "AUTH is made as RFC 7296";
const SUITES: [&str; 3] =
    ["aes128-sha256-x25519", "aes256gcm16-prfsha384-x25519", "aes128-aesxcbc-prfaesxcbc-ecp256"];
/// In an IPv4 packet with a UDP datagram.
const IKE_AT: usize = 28;
const EXCHANGE_AT: usize = IKE_AT + 18;

fn scenario(ike: &str, [one, other]: [&str; 2]) -> Scenario {
    let text = TWO_ENDS.replace("KEY OF R1", one).replace("KEY OF R2", other).replace("IKE", ike);
    parse("auth.yaml", &text, &Arc::new(Tables::builtin()))
        .unwrap_or_else(|found| panic!("{found:#?}"))
}

fn ran(scenario: &Scenario) -> Trace {
    run(&scenario.plan(&scenario.cells[0], 7), Driver::Direct).unwrap().trace
}

/// Whose AUTH is not what it has to be.
fn told(scenario: &Scenario, trace: &Trace) -> Option<String> {
    let findings = scenario.judge(&scenario.cells[0], trace).findings;
    let law = findings.into_iter().find(|finding| finding.message.contains(LAW))?;
    assert_eq!(law.outcome, Outcome::Fail);
    let (who, _) = law.message.split_once("'s AUTH in IKE SA ").expect("it names an end");
    Some(who.to_owned())
}

/// The trace with something else in one record.
fn with(trace: &Trace, place: usize, change: impl FnOnce(&mut Record)) -> Trace {
    let mut other = trace.clone();
    change(&mut other.records[place]);
    other
}

fn flip(octets: &mut Octets, at: usize) {
    let mut changed = octets.to_vec();
    changed[at] ^= 1;
    *octets = changed.into();
}

/// The places of the four messages of IKE_SA_INIT: without a cookie, what asks for it, with it, and
/// its answer.
fn first_messages(trace: &Trace) -> [usize; 4] {
    let is_first = |record: &Record| match &record.fact {
        Fact::Sent(sent) => sent.octets.get(EXCHANGE_AT) == Some(&ExchangeType::IKE_SA_INIT.0),
        _ => false,
    };
    let places = (0..trace.records.len()).filter(|place| is_first(&trace.records[*place]));
    places.collect::<Vec<_>>().try_into().expect("four messages")
}

#[test]
fn a_first_message_that_is_another_is_told() {
    for ike in SUITES {
        let scenario = scenario(ike, ["keys", "keys"]);
        let trace = ran(&scenario);
        assert_eq!(told(&scenario, &trace), None, "{ike}");
        let places = first_messages(&trace);
        for (place, expected) in places.into_iter().zip([None, None, Some("R1"), Some("R2")]) {
            // The last octet is of a vendor id: nothing else comes of it.
            let other = with(&trace, place, |record| {
                let Fact::Sent(sent) = &mut record.fact else { unreachable!() };
                let last = sent.octets.len() - 1;
                flip(&mut sent.octets, last);
            });
            assert_eq!(told(&scenario, &other).as_deref(), expected, "{ike}, record {place}");
        }
        let mut without = trace.clone();
        without.records.remove(places[2]);
        // R2 answered a request that nobody saw: of what it signed, the nonce is the same.
        assert_eq!(told(&scenario, &without).as_deref(), Some("R1"), "{ike}: no cookie");
    }
}

#[test]
fn a_key_for_its_identity_that_is_another_is_told() {
    for ike in SUITES {
        let scenario = scenario(ike, ["keys", "keys"]);
        let trace = ran(&scenario);
        let mut seen = 0;
        for place in 0..trace.records.len() {
            let Fact::Ike(IkeEvent::Keys(_)) = &trace.records[place].fact else { continue };
            let host = trace.records[place].host;
            let name = trace.hosts[usize::from(host.0)].name.clone();
            for by_initiator in [true, false] {
                let other = with(&trace, place, |record| {
                    let Fact::Ike(IkeEvent::Keys(keys)) = &mut record.fact else { unreachable!() };
                    flip(if by_initiator { &mut keys.sk_pi } else { &mut keys.sk_pr }, 0);
                });
                let own = by_initiator == (name == "R1");
                assert_eq!(told(&scenario, &other), own.then(|| name.clone()), "{ike}: {name}");
                seen += 1;
            }
        }
        assert_eq!(seen, 4);
    }
}

#[test]
fn each_end_proves_its_own_key() {
    let [same, two] = [["one", "one"], ["one", "two"]].map(|keys| scenario(SUITES[0], keys));
    // R2 takes no AUTH made with another key; R1 made it well.
    assert_eq!(told(&two, &ran(&two)), None);
    let trace = ran(&same);
    assert_eq!(told(&same, &trace), None);
    assert_eq!(told(&two, &trace).as_deref(), Some("R2"));
    let other = scenario(SUITES[0], ["on", "one"]);
    assert_eq!(told(&other, &trace).as_deref(), Some("R1"));
}

#[test]
fn nobody_says_what_an_end_read_of_a_damaged_message() {
    let scenario = scenario(SUITES[0], ["keys", "keys"]);
    let trace = ran(&scenario);
    let [.., answer] = first_messages(&trace);
    let other = with(&trace, answer, |record| {
        let Fact::Sent(sent) = &mut record.fact else { unreachable!() };
        let last = sent.octets.len() - 1;
        flip(&mut sent.octets, last);
        for fate in &mut sent.fates {
            let Fate::Arrives { altered, .. } = fate else { unreachable!() };
            *altered = Some(sent.octets.clone());
        }
    });
    assert_eq!(told(&scenario, &other), None);
}
