//! Files made of several, and deviations that are known.

mod story;

use std::collections::BTreeMap;
use std::sync::Arc;

use ikelab_scenario::{Diagnostic, Outcome, Scenario, Surroundings, Tables, parse_in};
use story::Story;

const MAIN: &str = "ikelab: 1
name: made-of-parts
include: [parts/net.yaml, parts/tunnel.yaml]
duration: 2m
tunnels: {site: {ike: {lifetime: 90s, rekey_jitter: 1s}}}
steps: [{at: 0s, ping: {from: R1.lan, to: R2.lan, count: 3}}]
expect:
  snapshot: [ladder]
";

const NET: &str = "net:
  hosts:
    R1: {ifaces: {lan: 192.168.1.1/24, wan: 10.0.0.1/24}}
    R2: {ifaces: {lan: 192.168.2.1/24, wan: 10.0.0.2/24}}
  links: {wan: {between: [R1.wan, R2.wan]}}
steps: [{note: replaced}]
";

const TUNNEL: &str = "tunnels:
  site:
    auth: {psk: \"a secret\"}
    ike: {lifetime: 1h, dpd: 20s}
    ends: {R1: {via: wan}, R2: {via: wan}}
    children: [{name: net, between: [192.168.1.0/24, 192.168.2.0/24]}]
";

fn read(files: &[(&str, &str)], today: Option<&str>) -> Result<Scenario, Vec<Diagnostic>> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let load = |path: &str| {
        files.get(path).map(|text| (*text).to_owned()).ok_or_else(|| "there is no such file".into())
    };
    let around = Surroundings { load: &load, today };
    let main = files.get("dir/main.yaml").copied().unwrap_or(MAIN);
    parse_in("dir/main.yaml", main, &Arc::new(Tables::builtin()), &around)
}

fn parts<'a>(main: &'a str, net: &'a str, tunnel: &'a str) -> [(&'a str, &'a str); 3] {
    [("dir/main.yaml", main), ("dir/parts/net.yaml", net), ("dir/parts/tunnel.yaml", tunnel)]
}

/// Path, line, column and message of each mistake.
fn mistakes(files: &[(&str, &str)]) -> Vec<(String, usize, usize, String)> {
    let found = read(files, None).unwrap_err();
    let of = |one: &Diagnostic| {
        (one.path.clone(), one.label.line, one.label.column, one.message.clone())
    };
    found.iter().map(of).collect()
}

#[test]
fn mappings_are_merged_key_by_key_and_the_rest_is_replaced() {
    let scenario =
        read(&parts(MAIN, NET, TUNNEL), None).unwrap_or_else(|found| panic!("{}", found[0]));
    let plan = scenario.plan(&scenario.cells[0], 1);
    let ike = &plan.hosts[0].tunnels[0].ike;
    assert_eq!(ike.lifetime.unwrap().as_secs(), 90, "the including file wins");
    assert_eq!(ike.dpd.unwrap().as_secs(), 20, "what it does not say stays");
    assert_eq!(plan.agenda.len(), 1, "a list is replaced");
    let names: Vec<_> = plan.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["R1", "R2"]);
}

#[test]
fn a_mistake_in_an_included_file_is_told_there() {
    let net = NET.replace("R2.wan]", "R2.wann]");
    assert_eq!(
        mistakes(&parts(MAIN, &net, TUNNEL)),
        [("dir/parts/net.yaml".to_owned(), 5, 38, "host `R2` has no interface `wann`".to_owned())]
    );
    let tunnel = TUNNEL.replace("dpd: 20s", "dpd: 20");
    let found = mistakes(&parts(MAIN, NET, &tunnel));
    assert_eq!((found[0].0.as_str(), found[0].1, found[0].2), ("dir/parts/tunnel.yaml", 4, 30));
    let broken = format!("{TUNNEL}  - x\n");
    assert_eq!(mistakes(&parts(MAIN, NET, &broken))[0].0, "dir/parts/tunnel.yaml");
    // In the including file, places are as they were.
    let main = MAIN.replace("count: 3", "count: x");
    assert_eq!(mistakes(&parts(&main, NET, TUNNEL))[0].1, 6);
}

#[test]
fn what_can_not_be_included_is_told_where_it_is_named() {
    let main = MAIN.replace("parts/tunnel.yaml", "parts/none.yaml");
    let found = mistakes(&parts(&main, NET, TUNNEL));
    assert_eq!(found[0].3, "`dir/parts/none.yaml` can't be read");
    assert_eq!((found[0].1, found[0].2), (3, 27));
    let again = format!("include: [../main.yaml]\n{NET}");
    let found = mistakes(&parts(MAIN, &again, TUNNEL));
    assert_eq!(
        (found[0].0.as_str(), found[0].3.as_str()),
        ("dir/parts/net.yaml", "a file includes itself")
    );
    let named = format!("name: x\n{NET}");
    assert_eq!(mistakes(&parts(MAIN, &named, TUNNEL))[0].3, "an included file has no `name`");
    let odd = format!("tunels: {{}}\n{NET}");
    assert_eq!(
        mistakes(&parts(MAIN, &odd, TUNNEL))[0].3,
        "unknown key `tunels` in an included file"
    );
}

#[test]
fn files_include_files_up_to_a_depth() {
    let mut files = vec![(
        "dir/main.yaml".to_owned(),
        MAIN.replace("parts/net.yaml, parts/tunnel.yaml", "0.yaml"),
    )];
    let mut chain = |length: usize| {
        files.truncate(1);
        for place in 0..length {
            files.push((format!("dir/{place}.yaml"), format!("include: [{}.yaml]\n", place + 1)));
        }
        files.push((format!("dir/{length}.yaml"), format!("{NET}{TUNNEL}")));
        let all: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        read(&all, None).is_ok()
    };
    assert!(chain(7));
    assert!(!chain(8));
}

fn with_issue(entry: &str, today: Option<&str>) -> Scenario {
    let main = format!("{MAIN}known_issues:\n  - {entry}\n");
    let main = main.replace("  snapshot: [ladder]", "  ladder: R1 -> R2 IKE_AUTH");
    read(&parts(&main, NET, TUNNEL), today).unwrap_or_else(|found| panic!("{}", found[0]))
}

fn outcome(scenario: &Scenario) -> (Outcome, Option<String>) {
    let verdict = scenario.judge(&scenario.cells[0], &Story::default().trace());
    (verdict.outcome, verdict.reason)
}

#[test]
fn a_failure_that_is_known_is_a_note_until_it_expires() {
    let entry = "{outcome: fail, why: it is broken, ref: \"a#1\", until: 2027-01-31}";
    let known = (Outcome::Note, Some("known: it is broken (a#1)".to_owned()));
    assert_eq!(outcome(&with_issue(entry, None)), known);
    assert_eq!(outcome(&with_issue(entry, Some("2027-01-30"))), known);
    let over = with_issue(entry, Some("2027-01-31"));
    assert_eq!(outcome(&over).0, Outcome::Fail);
    assert!(over.warnings.iter().any(|one| one.message == "this known issue has expired"));
    let entry = "{outcome: fail, why: x, until: 0.0.1}";
    assert_eq!(outcome(&with_issue(entry, None)).0, Outcome::Fail);
    let entry = "{outcome: inconclusive, why: x}";
    assert_eq!(outcome(&with_issue(entry, None)).0, Outcome::Fail);
}

#[test]
fn an_entry_that_is_not_needed_any_more_fails() {
    let main = format!("{MAIN}known_issues:\n  - {{outcome: fail, why: it is broken}}\n");
    let scenario = read(&parts(&main, NET, TUNNEL), None).unwrap();
    let verdict = scenario.judge(&scenario.cells[0], &Story::default().trace());
    assert_eq!(verdict.outcome, Outcome::Fail);
    let finding = verdict.findings.last().unwrap();
    let label = finding.label.as_ref().unwrap();
    assert_eq!(
        (finding.code, label.line, label.text.as_str()),
        ("E-KNOWN", 10, "remove this entry")
    );
}

#[test]
fn an_entry_that_is_about_no_cell_is_told() {
    let message = "L7: this known issue is about no cell of the scenario";
    let told = |scenario: &Scenario| scenario.warnings.iter().any(|one| one.message == message);
    assert!(told(&with_issue("{peer: strongswan <6.0.0, outcome: fail, why: x}", None)));
    assert!(!told(&with_issue("{peer: builtin, outcome: fail, why: x}", None)));
    assert!(told(&with_issue("{peer: builtin >900, outcome: fail, why: x}", None)));
}
