//! Mistakes planted in a good file: each is told at its line and column, and in the words that
//! the snapshots hold.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use ikelab_scenario::{Diagnostic, Scenario, Tables, parse};

const BASE: &str = include_str!("base.yaml");

fn read(text: &str) -> Result<Scenario, Vec<Diagnostic>> {
    static TABLES: OnceLock<Arc<Tables>> = OnceLock::new();
    parse("planted.yaml", text, TABLES.get_or_init(|| Arc::new(Tables::builtin())))
}

/// A name, a text of the base file, and what to put in its place. `«` and `»` stand around what the
/// diagnostic has to point at; they are not part of the file.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("unknown key", "tunnels:", "«tunels»:"),
    ("unknown key inside", "delay: 5ms", "«dealy»: 5ms"),
    ("key twice", "title: A file", "title: x\n«title»: A file"),
    ("no unit", "duration: 2m", "duration: «120»"),
    ("no such unit", "every: 1s", "every: «1x»"),
    ("wrong type", "tags: [test]", "tags: «test»"),
    ("mapping for a value", "host: R1, what: ike", "host: «[R1]», what: ike"),
    ("unknown host", "clear: {host: R1,", "clear: {host: «R3»,"),
    ("unknown interface", "ping: {from: R1.lan,", "ping: {from: R1.«lann»,"),
    ("unknown interface of a link", "[R1.wan, R2.wan]", "[R1.wan, R2.«wann»]"),
    ("unknown notify in a ladder", "N(COOKIE) as $c", "N(«COOKY») as $c"),
    ("unknown exchange in a ladder", "R1 -> R2 IKE_AUTH", "R1 -> R2 «IKE_AUHT»"),
    ("unknown payload in a ladder", "{SA, KE, Nr}", "{SA, «KEY», Nr}"),
    ("unknown host in a ladder", "& R2 -> R1", "& «R4» -> R1"),
    ("behind a parameter", "KE group=${want}, Ni}", "KE group=${want}, «Nx»}"),
    ("a parameter with a bad value", "KE group=${want}", "Ni, KE group=«${cookie}»"),
    ("unbound variable", "SA == $offer}", "SA == «$ofer»}"),
    ("bad time", "[0s] R1", "[«0»] R1"),
    ("margin trap", "    # a comment\n    [0s]", "      [0s] R1 -> R2 IKE_AUTH\n    «[»0s]"),
    ("unknown requirement", "[R7296-2.3-04]", "[«R7296-2.3-44»]"),
    ("unknown case", "[INIT-BASIC-01]", "[«INIT-BASIC-77»]"),
    ("step after the end", "at: 60s", "at: «600s»"),
    (
        "excluded twice",
        "- {want: ecp384, cookie: always}",
        "- {want: ecp384}\n    - «{»want: ecp384, cookie: always}",
    ),
    ("excludes what is not there", "{want: ecp384, cookie", "{want: «ecp385», cookie"),
    ("unknown algorithm", "aes256-sha256-${want}", "aes256-«sha257»-${want}"),
    ("unknown property", "no_cleartext(site.net)", "«no_clear»(site.net)"),
    ("unknown child", "R1.child(net)", "R1.child(«nett»)"),
    (
        "unknown kind of event",
        "\"count(R1.ike, state=established) <= 1\"",
        "\"count(events(R1, «ignored»)) <= 1\"",
    ),
    (
        "a flood without end",
        "clear: {host: R1, what: ike}",
        "inject: {from: R1, raw: ff, ends: R1 -> R2, count: «1000000»}",
    ),
    ("unknown state", "state == installed", "state == «instaled»"),
    ("not a condition", "\"count(R1.ike, state=established) <= 1\"", "«\"count(R1.ike)\"»"),
    ("unknown flow", "R1.lan -> R2.lan, pattern", "«R2.lan -> R1.lan», pattern"),
    (
        "send: two amounts",
        "clear: {host: R1, what: ike}",
        "send: {from: R1.lan, to: R2.lan, count: 5, bytes: «1MB»}",
    ),
    (
        "send: two speeds",
        "clear: {host: R1, what: ike}",
        "send: {from: R1.lan, to: R2.lan, every: 1s, rate: «1Mbit»}",
    ),
    (
        "send: no unit",
        "clear: {host: R1, what: ike}",
        "send: {from: R1.lan, to: R2.lan, bytes: «1000»}",
    ),
    (
        "send: no such rate",
        "clear: {host: R1, what: ike}",
        "send: {from: R1.lan, to: R2.lan, rate: «1MB»}",
    ),
    (
        "send: unknown transport",
        "clear: {host: R1, what: ike}",
        "send: {from: R1.lan, to: R2.lan, proto: «sctp»}",
    ),
    ("send: to itself", "clear: {host: R1, what: ike}", "send: {from: R1.lan, to: «R1.wan»}"),
    (
        "send: too small for UDP",
        "clear: {host: R1, what: ike}",
        "send: {from: R1.lan, to: R2.lan, size: «4»}",
    ),
    ("traffic: no bound", "pattern: \".!!!!\"", "latency_max: «30»"),
    (
        "traffic: no such flow of this kind",
        "R1.lan -> R2.lan, pattern: \".!!!!\"",
        "«R1.lan -> R2.lan», proto: tcp, lost: 0",
    ),
    ("replay window too small", "between: [192", "replay_window: «31», between: [192"),
    ("bad view", "\"sas(R1, 10s)\"", "«\"sas(R1)\"»"),
    ("not supported yet: property", "no_cleartext(site.net)", "«flowing»(R1, R2)"),
    (
        "a known issue without a reason",
        "pin:\n  -",
        "known_issues:\n  - «{»outcome: fail}\npin:\n  -",
    ),
    (
        "crash: a message of others",
        "pin:\n  -",
        "faults:\n  - {crash: R1, when: «R2 -> R2 IKE_AUTH req»}\npin:\n  -",
    ),
    ("crash: for", "pin:\n  -", "faults:\n  - {crash: R1, at: 1s, «for»: 2s}\npin:\n  -"),
    ("crash: nth of nothing", "pin:\n  -", "faults:\n  - {crash: R1, «nth»: 2}\npin:\n  -"),
    (
        "crash: a key of another fault",
        "pin:\n  -",
        "faults:\n  - {loss: 1%, link: wan, «restart_after»: 2s}\npin:\n  -",
    ),
    ("queue of nothing", "delay: 5ms", "«queue»: 5 packets, delay: 5ms"),
    ("queue in no unit", "delay: 5ms", "rate: 1Mbit, queue: «5», delay: 5ms"),
    ("rate in octets", "delay: 5ms", "rate: «1MB», delay: 5ms"),
    (
        "a share of packets without a link",
        "pin:\n  -",
        "faults:\n  - {duplicate: «10%»}\npin:\n  -",
    ),
    (
        "a message and a link",
        "pin:\n  -",
        "faults:\n  - {duplicate: «R1 -> R2 ESP», link: wan}\npin:\n  -",
    ),
    ("a link fault without its link", "pin:\n  -", "faults:\n  - «{»jitter: 5ms}\npin:\n  -"),
    ("clock: nothing happens", "pin:\n  -", "faults:\n  - {clock: «R1», at: 1s}\npin:\n  -"),
    (
        "clock: a speed that is none",
        "pin:\n  -",
        "faults:\n  - {clock: R1, speed: «fast»}\npin:\n  -",
    ),
    (
        "clock: a jump that is none",
        "pin:\n  -",
        "faults:\n  - {clock: R1, jump: «--1h»}\npin:\n  -",
    ),
    (
        "clock: a jump that lasts",
        "pin:\n  -",
        "faults:\n  - {clock: R1, jump: 1h, «for»: 2s}\npin:\n  -",
    ),
    ("restart: nobody", "clear: {host: R1, what: ike}", "restart: «R3»"),
    (
        "explores one stream",
        "pin:\n  -",
        "explore: {interleavings: «[R1 -> R2 IKE_AUTH req]»}\npin:\n  -",
    ),
    (
        "a stream of two senders",
        "pin:\n  -",
        "explore: {interleavings: [[R1 -> R2 ESP, «R2 -> R1 ESP»], R1 -> R2 ICMP]}\npin:\n  -",
    ),
    (
        "a slot shorter than the way",
        "pin:\n  -",
        "explore: {interleavings: [R1 -> R2 ESP, R2 -> R1 ESP], slot: «4ms»}\npin:\n  -",
    ),
    (
        "held until a message",
        "pin:\n  -",
        "faults:\n  - {hold: R1 -> R2 ESP, until: «R2 -> R1 ESP»}\npin:\n  -",
    ),
    ("a fault of no kind", "pin:\n  -", "faults:\n  - «{»nth: 1}\npin:\n  -"),
    (
        "an unknown payload in a fault",
        "pin:\n  -",
        "faults:\n  - {drop: \"R1 -> R2 IKE_AUTH req {«IDx»}\"}\npin:\n  -",
    ),
    (
        "an unknown edit",
        "pin:\n  -",
        "peers: {R1: {impl: builtin, behave: [{when: R1 -> R2 IKE_AUTH req, edit: «sett» mid = 7}]}}\npin:\n  -",
    ),
    (
        "a field that a payload has not",
        "pin:\n  -",
        "peers: {R1: {impl: builtin, behave: [{when: R1 -> R2 IKE_AUTH req, edit: set KE.«grup» = 7}]}}\npin:\n  -",
    ),
    (
        "an edit of what another says",
        "pin:\n  -",
        "peers: {R1: {impl: builtin, behave: [{when: R2 -> R1 IKE_AUTH resp, «edit»: set mid = 7}]}}\npin:\n  -",
    ),
    (
        "a reply from somebody else",
        "pin:\n  -",
        "peers: {R1: {impl: builtin, behave: [{when: R2 -> R1 IKE_AUTH resp, reply: «R2 -> R1 IKE_AUTH req»}]}}\npin:\n  -",
    ),
    (
        "a rule of two kinds",
        "pin:\n  -",
        "peers: {R1: {impl: builtin, behave: [«{»when: R1 -> R2 IKE_AUTH req, silence: true, raw: 00}]}}\npin:\n  -",
    ),
    (
        "a crafted peer that falls back on nothing",
        "pin:\n  -",
        "peers: {R1: {impl: crafted, behave: [{otherwise: «builtin»}]}}\npin:\n  -",
    ),
    ("idle detail", "pin:\n  -", "faults:\n  - {partition: [R1, R2], «nth»: 1}\npin:\n  -"),
    ("a fault of no link", "pin:\n  -", "faults:\n  - {mtu: 600, link: «lan»}\npin:\n  -"),
    ("a NAT's key on a router", "R2: {ifaces: {lan", "R2: {«mapping»: symmetric, ifaces: {lan"),
    (
        "an unknown kind of NAT",
        "  links:",
        "    N: {kind: nat, inside: 10.1.0.1/24, outside: 10.2.0.1/24, mapping: «half-cone»}\n  links:",
    ),
    ("a NAT without an outside", "  links:", "    N: «{»kind: nat, inside: 10.1.0.1/24}\n  links:"),
    (
        "a NAT whose outside is not there",
        "  links:",
        "    N: {kind: nat, ifaces: {a: 10.1.0.1/24}, outside: «b»}\n  links:",
    ),
    (
        "a NAT that remembers nothing",
        "  links:",
        "    N: {kind: nat, inside: 10.1.0.1/24, outside: 10.2.0.1/24, mapping_timeout: «0s»}\n  links:",
    ),
    ("a rebinding of a router", "pin:\n  -", "faults:\n  - {nat_rebind: «R1»}\npin:\n  -"),
    ("a link that is not there is down", "pin:\n  -", "faults:\n  - {link_down: «lan»}\npin:\n  -"),
    (
        "an address for what is no rebinding",
        "pin:\n  -",
        "faults:\n  - {link_down: wan, «address»: 10.0.0.9}\npin:\n  -",
    ),
    ("unknown parameter", "\"${cookie}\"", "\"«${cooky}»\""),
    ("broken syntax", "tags: [test]", "tags: [test«»\ntitle: x"),
    ("anchor", "title: A file", "title: &x «A» file"),
    ("a line with two messages", "{SA, KE, Nr}", "{SA, KE, Nr} «R1 -> R2»"),
    ("an address without a prefix", "lan: 192.168.1.1/24", "lan: «192.168.1.1»"),
    ("a network as an address", "wan: 10.0.0.1/24", "wan: «10.0.0.0/24»"),
    ("ends of two families", "wan: 10.0.0.2/24", "wan: \"2001:db8::2/64\""),
    ("a name with a blank", "  site:", "  «si te»:"),
    ("no proposal", "[\"aes256-sha256-${want}\"]", "«[»]"),
    ("a life of nothing", "lifetime: 1h", "lifetime: «0s»"),
    ("dead at once", "lifetime: 1h", "lifetime: 1h, dpd: «0s»"),
    ("no such word for off", "lifetime: 1h", "lifetime: 1h, dpd: «no»"),
    ("more jitter than time", "lifetime: 1h", "lifetime: 10s, rekey_jitter: 1m"),
    (
        "a fault after the end",
        "pin:\n  -",
        "faults:\n  - {at: «3m», partition: [R1, R2]}\npin:\n  -",
    ),
    (
        "a day that is none",
        "pin:\n  -",
        "known_issues:\n  - {outcome: fail, why: x, until: «2027-13-41»}\npin:\n  -",
    ),
    ("a message to itself", "R1 -> R2 IKE_AUTH", "«R1 -> R1» IKE_AUTH"),
    ("request in full", "IKE_AUTH req mid", "IKE_AUTH «request» mid"),
    ("an exchange in small letters", "R1 -> R2 IKE_AUTH", "R1 -> R2 «ike_auth»"),
    ("a tag of two words", "tags: [test]", "tags: [«my test»]"),
    ("too many seeds", "duration: 2m", "duration: 2m\nseeds: «1..10000000000»"),
    ("a title with a colon", "title: A file", "title: Rekey«»: A file"),
    ("a blank before a unit", "every: 1s", "every: «1 s»"),
    ("change: nothing", "clear: {host: R1, what: ike}", "change: «{»tunnel: site}"),
    (
        "change: unknown tunnel",
        "clear: {host: R1, what: ike}",
        "change: {tunnel: «sitte», ike: {dpd: 5s}}",
    ),
    (
        "change: unknown host",
        "clear: {host: R1, what: ike}",
        "change: {tunnel: site, host: «R3», ike: {dpd: 5s}}",
    ),
    (
        "change: an id of both",
        "clear: {host: R1, what: ike}",
        "change: {tunnel: site, «id»: a.example.org}",
    ),
    (
        "change: removes what is not there",
        "clear: {host: R1, what: ike}",
        "change: {tunnel: site, remove_child: «nett»}",
    ),
    (
        "change: changes what is not there",
        "clear: {host: R1, what: ike}",
        "change: {tunnel: site, change_child: {name: «nett», lifetime: 5m}}",
    ),
    (
        "change: adds what is there",
        "clear: {host: R1, what: ike}",
        "change: {tunnel: site, add_child: «{»name: net, between: [192.168.1.0/25, 192.168.2.0/25]}}",
    ),
    (
        "change: a word about the host",
        "clear: {host: R1, what: ike}",
        "change: {tunnel: site, ike: {«invalid_ike_spi»: true}}",
    ),
    ("change: no secret", "clear: {host: R1, what: ike}", "change: {tunnel: site, auth: «none»}"),
    (
        "change: another family",
        "clear: {host: R1, what: ike}",
        "change: {tunnel: site, host: R1, remote: «\"2001:db8::1\"»}",
    ),
    (
        "change: unknown key",
        "clear: {host: R1, what: ike}",
        "change: {tunnel: site, ike: {«dpdd»: 5s}}",
    ),
    (
        "move: unknown interface",
        "clear: {host: R1, what: ike}",
        "move: {host: R1, iface: «wann», to: 10.0.0.9}",
    ),
    (
        "move: no address",
        "clear: {host: R1, what: ike}",
        "move: {host: R1, iface: wan, to: «10.0.0»}",
    ),
    (
        "move: an address of another",
        "clear: {host: R1, what: ike}",
        "move: {host: R1, iface: wan, to: «10.0.0.2»}",
    ),
    (
        "move: another family",
        "clear: {host: R1, what: ike}",
        "move: {host: R1, iface: wan, to: «\"2001:db8::9/64\"»}",
    ),
    (
        "move: a neighbour out of reach",
        "clear: {host: R1, what: ike}",
        "move: {host: R1, iface: wan, to: 10.0.0.9/24, via: «10.1.0.1»}",
    ),
    ("narrow: no such word", "between: [192", "narrow: «maybe», between: [192"),
    (
        "childless: no such word",
        "{cookie: \"${cookie}\"}",
        "{cookie: \"${cookie}\", childless: «yes»}",
    ),
    ("remote: nowhere", "R2: {via: wan, ike", "R2: {via: wan, remote: «nowhere», ike"),
    (
        "peers: unknown preset",
        "pin:\n  -",
        "peers: {R1: {impl: builtin, preset: «moderm»}}\npin:\n  -",
    ),
    (
        "peers: unknown option",
        "pin:\n  -",
        "peers: {R1: {impl: builtin, options: {ike: {«dpdd»: 5s}}}}\npin:\n  -",
    ),
    (
        "peers: a crafted one with a preset",
        "pin:\n  -",
        "peers: {R1: {impl: crafted, «preset»: modern, behave: [{otherwise: silence}]}}\npin:\n  -",
    ),
    (
        "peers: unknown personality",
        "pin:\n  -",
        "peers: {R1: {impl: builtin, personality: «asa-lik»}}\npin:\n  -",
    ),
    (
        "two tunnels that differ in what is of the host",
        "pin:\n  -",
        "  two:\n    auth: {psk: b}\n    ends: {R1: {via: wan, id: a.example, ike: {half_open: {max: 5}}}, R2: {via: wan}}\n    children: [{name: x, between: [10.1.0.0/24, 10.2.0.0/24]}]\n  three:\n    auth: {psk: b}\n    ends: {R1: {via: wan, id: b.example, ike: {«half_open»: {max: 6}}}, R2: {via: wan}}\n    children: [{name: y, between: [10.3.0.0/24, 10.4.0.0/24]}]\npin:\n  -",
    ),
    ("no secret", "auth: {psk: \"a secret\"}", "preset: default"),
];

#[test]
fn the_file_without_a_mistake_is_good() {
    let scenario = read(BASE).map_err(|found| found[0].to_string()).unwrap();
    let cells: Vec<_> = scenario.cells.iter().map(|cell| cell.name.as_str()).collect();
    assert_eq!(
        cells,
        ["want=ecp256,cookie=never", "want=ecp256,cookie=always", "want=ecp384,cookie=never"]
    );
    assert_eq!(scenario.warnings, []);
}

/// A file with one mistake, and the line and column it is at, where that is marked.
fn plant(old: &str, new: &str) -> (String, Option<(usize, usize)>) {
    assert_eq!(BASE.matches(old).count(), 1, "{old:?} stands once in the base file");
    let marked = BASE.replacen(old, new, 1);
    let place = marked.find('«').map(|at| {
        let before = &marked[..at];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    });
    (marked.replace(['«', '»'], ""), place)
}

#[test]
fn every_mistake_is_told_where_it_is() {
    for (name, old, new) in MISTAKES {
        let (text, place) = plant(old, new);
        let found = read(&text).expect_err(name);
        let places: Vec<_> = found.iter().map(|one| (one.label.line, one.label.column)).collect();
        if let Some(place) = place
            && !new.contains("«»")
        {
            assert!(places.contains(&place), "{name}: at {places:?}, expected {place:?}");
        }
    }
}

#[test]
fn the_words_for_every_mistake_are_as_they_were() {
    let mut all = String::new();
    for (name, old, new) in MISTAKES {
        let found = read(&plant(old, new).0).expect_err(name);
        writeln!(all, "# {name}").unwrap();
        found.iter().for_each(|one| write!(all, "{one}").unwrap());
        writeln!(all).unwrap();
    }
    insta::assert_snapshot!("mistakes", all);
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let text = BASE
        .replace("duration: 2m", "duration: 120")
        .replace("IKE_AUTH req", "IKE_AUHT req")
        .replace("clear: {host: R1", "clear: {host: R9");
    let lines: Vec<_> = read(&text).unwrap_err().iter().map(|one| one.label.line).collect();
    assert_eq!(lines, [7, 39, 48]);
}

#[test]
fn of_a_mistake_and_what_follows_from_it_the_mistake_is_told() {
    for (old, new, line) in [
        ("R1: {via: wan, id", "R1: {via: wam, id", 27),
        ("R1.child(net).state == installed", "R1.child(net).stat == installed", 59),
        ("ping: {from: R1.lan", "ping: {from: R1.lam", 37),
        ("192.168.2.0/24]}", "192.168.2.0/33]}", 30),
    ] {
        let found = read(&plant(old, new).0).expect_err(new);
        let lines: Vec<_> = found.iter().map(|one| one.label.line).collect();
        assert_eq!(lines, [line], "{new}: {}", found[0]);
    }
}

#[test]
fn what_stands_beside_a_mistake_is_read_too() {
    let text = BASE
        .replace("R1: {via: wan, id", "R1: {via: wam, id")
        .replace("192.168.2.0/24]}", "192.168.2.0/33], start: now}")
        .replace("t: 10s, check: \"R1.child(net).state", "t: 10, check: \"R1.ike.stat")
        .replace("pattern: \".!!!!\"", "lost: \"=> 0\"");
    let lines: Vec<_> = read(&text).unwrap_err().iter().map(|one| one.label.line).collect();
    assert_eq!(lines, [27, 30, 30, 59, 59, 61]);
}

#[test]
fn one_address_is_one_host_s_on_a_link() {
    let text = BASE.replace("wan: 10.0.0.2/24", "wan: 10.0.0.1/24");
    let found = read(&text).unwrap_err();
    assert_eq!(found[0].message, "`R2.wan` has 10.0.0.1, and so has R1");
}

#[test]
fn what_cannot_come_about_is_warned_of() {
    for (old, new, warning) in [
        (
            "lifetime: 1h",
            "lifetime: 10s, rekey_at: 20s",
            "L3: the IKE SA of `site` would be replaced after 20s, and ends after 10s",
        ),
        (
            "- {name: net,",
            "- {packets: 5, packets_soft: 9, name: net,",
            "L3: `packets_soft` of child `net` is above `packets`",
        ),
        ("192.168.2.0/24]}", "192.168.2.1/24]}", "selector `192.168.2.1/24` names a host"),
        (
            "wan: 10.0.0.2/24",
            "wan: 10.9.0.2/24",
            "L12: R1 has no route to 10.9.0.2, its peer in `site`",
        ),
        (
            "[192.168.1.0/24, 192.168.2.0/24]",
            "[192.168.1.0/24, \"fd00::/8\"]",
            "the sides are of two families",
        ),
        ("  want: [", "  idle: [a, b]\n  want: [", "the parameter `idle` is used nowhere"),
    ] {
        let found = warned(&plant(old, new).0);
        assert!(found.iter().any(|one| one == warning), "{new}: {found:?}");
    }
}

#[test]
fn hostile_files_are_refused() {
    let bomb = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\n".to_owned();
    for text in [
        "[".repeat(2_000_000),
        "- ".repeat(1_000_000),
        "{a: ".repeat(500_000),
        format!("[{}]", "a,".repeat(1_000_000)),
        "x".repeat(5 << 20),
        bomb,
        String::new(),
        "\u{0}".to_owned(),
        "ikelab: 1\n---\nikelab: 1\n".to_owned(),
    ] {
        assert!(!read(&text).unwrap_err().is_empty());
    }
}

#[test]
fn warnings_stop_no_run() {
    let text = BASE
        .replace("192.168.1.0/24, 192", "192.168.7.0/24, 192")
        .replace(
            "aes256-sha256-${want}\"], lifetime: 1h",
            "aes256-sha256-${want}\"], lifetime: 10s",
        )
        .replace(
            "{cookie: \"${cookie}\"}",
            "{cookie: \"${cookie}\", proposals: [aes128-sha1-modp1024]}",
        )
        .replace(", ike: {rekey_at: \"80%\"}", "");
    let scenario = read(&text).unwrap();
    let all: String = scenario.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("warnings", all);
}

#[test]
fn an_spi_of_zero_is_no_pin_and_a_flow_beyond_the_end_is_warned_of() {
    let zero = BASE.replace("f7ffcf9cf569bfc2", "0000000000000000");
    assert_eq!(read(&zero).unwrap_err()[0].message, "no engine chooses the SPI 0");
    let long = BASE.replace("count: 5,", "count: 121,");
    assert_eq!(
        warned(&long),
        ["L11: the run is over at 120.000s, and this flow sends until 120.000s"]
    );
    assert_eq!(warned(&BASE.replace("count: 5,", "count: 120,")), [""; 0]);
}

/// The messages of the warnings of a file.
fn warned(text: &str) -> Vec<String> {
    let scenario = read(text).unwrap_or_else(|found| panic!("{}", found[0]));
    scenario.warnings.iter().map(|one| one.message.clone()).collect()
}

/// Each lint: what makes it warn, and that the file does not without it.
#[test]
fn every_lint_warns_of_what_it_is_for() {
    assert_eq!(warned(BASE), [""; 0]);
    let ends = "R2: {via: wan, ike: {cookie: \"${cookie}\"}}";
    let of_r2 = |words: &str| format!("R2: {{via: wan, ike: {{cookie: never, {words}}}}}");
    let child = "- {name: net, between: [192.168.1.0/24, 192.168.2.0/24]}";
    let of_child = |words: &str| child.replace("24]}", &format!("24], {words}}}"));
    let proposals = "proposals: [\"aes256-sha256-${want}\"]";
    let cases: [(&str, &[(&str, String)]); 18] = [
        ("L1: the IKE proposals", &[(ends, of_r2("proposals: [aes128gcm16-prfsha256-x25519]"))]),
        ("L1: the proposals of child", &[(child, of_child("ends: {R2: {proposals: [aes128-sha1]}}"))]),
        ("L1: the ends of child `net` differ in `pfs`", &[(child, of_child("ends: {R2: {pfs: x25519}}"))]),
        ("L1: the selectors", &[(child, of_child("ends: {R2: {between: [192.168.7.0/24, 192.168.2.0/24]}}"))]),
        ("L2: both ends of `site`", &[("lifetime: 1h", "lifetime: 10s".to_owned()), (", ike: {rekey_at: \"80%\"}", String::new())]),
        ("L2: both ends replace child", &[(child, of_child("lifetime: 10s"))]),
        ("L3: no end of `site`", &[("lifetime: 1h", "lifetime: 10s, rekey_at: never".to_owned()), (", ike: {rekey_at: \"80%\"}", String::new())]),
        ("L3: no end replaces child", &[(child, of_child("lifetime: 10s, rekey_at: never"))]),
        ("L4: IKE_SA_INIT of", &[("delay: 5ms", "mtu: 576, delay: 5ms".to_owned()), (proposals, "proposals: [aes256-sha256-modp4096]".to_owned()), ("KE group=${want}, ", String::new())]),
        ("L4: IKE_AUTH of", &[("delay: 5ms", "mtu: 576, delay: 5ms".to_owned()), ("id: 10.0.0.1", format!("id: {}.example", "a".repeat(400)))]),
        ("L5: a NAT is on the way", &[("R1: {ifaces: {lan: 192.168.1.1/24, wan: 10.0.0.1/24}}", "R1: {ifaces: {lan: 192.168.1.1/24, wan: 10.9.0.1/24}, routes: [default via 10.9.0.2]}\n    N: {kind: nat, inside: 10.9.0.2/24, outside: 10.0.0.1/24}".to_owned()), ("wan: {between: [R1.wan, R2.wan]", "in: {between: [R1.wan, N.inside]}\n    wan: {between: [N.outside, R2.wan]".to_owned())]),
        ("L6: the peer's id is", &[(ends, format!("{}}}", of_r2("dpd: off").trim_end_matches('}')).replace("via: wan", "via: wan, expect_id: \"fqdn:r1.example\"").replace("dpd: off", "dpd: off}")), ("id: 10.0.0.1", "id: \"key-id:r1.example\"".to_owned())]),
        ("L6: `expect_id` is not", &[(ends, of_r2("dpd: off").replace("via: wan", "via: wan, expect_id: r3.example"))]),
        ("L7: this known issue", &[("pin:\n  -", "known_issues:\n  - {peer: strongswan, outcome: fail, why: x}\npin:\n  -".to_owned())]),
        ("L8: this preset offers", &[("auth: {psk", "preset: legacy\n    auth: {psk".to_owned()), ("proposals: [\"aes256-sha256-${want}\"], ", String::new()), ("KE group=${want}, ", String::new())]),
        ("L8: `aes256-sha256-modp1024` has", &[(proposals, "proposals: [aes256-sha256-modp1024]".to_owned()), ("KE group=${want}, ", String::new())]),
        ("L9: the networks of `site.net` and `site.net2`", &[(child, format!("{child}\n      - {{name: net2, between: [192.168.1.0/25, 192.168.0.0/16]}}"))]),
        (
            "L10: R2 looks for R1 of `site` at 10.0.0.1",
            &[(
                "clear: {host: R1, what: ike}",
                "move: {host: R1, iface: wan, to: 10.0.0.9}".to_owned(),
            )],
        ),
    ];
    for (lint, changes) in cases {
        let mut text = BASE.to_owned();
        for (old, new) in changes {
            assert_eq!(text.matches(old).count(), 1, "{lint}: {old:?}");
            text = text.replacen(old, new, 1);
        }
        // The matrix may have lost its use.
        let text = text.replace(
            "exclude:\n    - {want: ecp384, cookie: always}",
            "only:\n    - {want: ecp256, cookie: never}",
        );
        let found = warned(&text);
        assert!(found.iter().any(|one| one.starts_with(lint)), "{lint}: {found:?}");
    }
}

#[test]
fn a_message_beyond_the_mtu_and_an_old_preset_are_warned_of() {
    assert_eq!(warned(BASE), [""; 0]);
    let narrow = BASE.replace("delay: 5ms", "mtu: 576, delay: 5ms");
    let narrow = narrow.replace("aes256-sha256-${want}", "aes256-sha256-${want}-modp4096");
    let narrow = narrow.replace("lifetime: 1h", "ke_first: modp4096, lifetime: 1h");
    let found = warned(&narrow);
    assert!(
        found.iter().any(|one| one.starts_with("L4: IKE_SA_INIT of `site` takes")),
        "{found:?}"
    );
    let old = BASE.replace("auth: {psk", "preset: ios-15-defaults\n    auth: {psk");
    let own = warned(&old);
    assert_eq!(own, [""; 0], "the file's own proposals stand in place of the preset's");
}
