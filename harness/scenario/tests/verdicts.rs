//! Runs that a test makes up, and what the judge says of them.

mod story;

use std::net::SocketAddr;
use std::sync::Arc;

use ikelab_scenario::{Outcome, Tables, Verdict, parse};
use ikelab_trace::{AppEvent, EspEvent, Fact, IkeEvent, Phase, SaId};
use ikelab_wire::ike::{IkeSpi, Message};
use ikelab_wire::payload::Body;
use ikelab_wire::payload::Notify;
use ikelab_wire::registry::{ExchangeType, IpProtocol, KeId, NotifyType, Protocol};
use story::{R1, R2, Story, ends, ip, ke, message, nonce, offer, scenario};

fn init(offered: &str, group: KeId) -> Message {
    message(ExchangeType::IKE_SA_INIT, 0, false, vec![offer(offered), ke(group), nonce()])
}

fn refusal() -> Message {
    let notify = Notify {
        protocol: Protocol::NONE,
        spi: Vec::new(),
        notify_type: NotifyType::INVALID_KE_PAYLOAD,
        data: vec![0, 19],
    };
    message(ExchangeType::IKE_SA_INIT, 0, true, vec![Body::Notify(notify)])
}

const BOTH: &str = "aes256-sha256-x25519-ecp256";

/// The first finding's code and message.
fn first(verdict: &Verdict) -> (&str, &str) {
    let finding = verdict.findings.first().expect("a finding");
    (finding.code, &finding.message)
}

const ANY: &str = "  snapshot: [ladder]\n";

#[test]
fn a_run_that_is_as_the_ladder_says_passes() {
    let story = Story::default()
        .ike(0, R1, &init(BOTH, KeId::CURVE25519))
        .ike(2, R2, &refusal())
        .ike(4, R1, &init(BOTH, KeId::ECP_256));
    let verdict = story.judge(
        "  ladder: |
    [0s] R1 -> R2 IKE_SA_INIT req mid=0 ike=$A {SA as $offer, KE group=x25519, Ni as $ni}
    R2 -> R1 IKE_SA_INIT resp {= N(INVALID_KE_PAYLOAD) group=ecp256}
    [+2ms] R1 -> R2 IKE_SA_INIT req {SA == $offer, KE group=ecp256, Ni == $ni, !N(COOKIE)}
  never:
    - \"count(sent(R1, IKE_SA_INIT)) > 2\"
    - R2 -> R1 IKE_AUTH
  statistics:
    R1: {IKE_SA_INIT: {tx_req: 2, rx_resp: 1}, N(INVALID_KE_PAYLOAD): {rx_resp: 1}}
",
    );
    assert_eq!(verdict.findings, []);
    assert_eq!(verdict.outcome, Outcome::Pass);
}

#[test]
fn an_offer_that_changed_is_told_with_both_places() {
    let story = Story::default()
        .ike(0, R1, &init(BOTH, KeId::CURVE25519))
        .ike(2, R2, &refusal())
        .ike(4, R1, &init("aes256-sha256-ecp256", KeId::ECP_256));
    let verdict = story.judge(
        "  ladder: |
    R1 -> R2 IKE_SA_INIT req {SA as $offer, KE group=x25519}
    R2 -> R1 IKE_SA_INIT resp
    R1 -> R2 IKE_SA_INIT req {SA == $offer, KE group=ecp256}
",
    );
    assert_eq!(verdict.outcome, Outcome::Fail);
    insta::assert_snapshot!("offer_changed", verdict.findings[0]);
}

#[test]
fn a_lost_message_needs_its_mark_and_a_repetition_its_count() {
    let story = || {
        Story::default().lost(0, R1, &init(BOTH, KeId::CURVE25519)).ike(
            2_000,
            R1,
            &init(BOTH, KeId::CURVE25519),
        )
    };
    for (lines, outcome) in [
        ("R1 -> R2 IKE_SA_INIT req x1..9", Outcome::Pass),
        ("R1 -> R2 IKE_SA_INIT req x2", Outcome::Pass),
        ("R1 -x R2 IKE_SA_INIT req\n    R1 -> R2 IKE_SA_INIT req", Outcome::Pass),
        ("R1 -> R2 IKE_SA_INIT req\n    R1 -> R2 IKE_SA_INIT req", Outcome::Fail),
        ("R1 -> R2 IKE_SA_INIT req", Outcome::Fail),
        ("R1 -> R2 IKE_SA_INIT req x3", Outcome::Fail),
        ("R1 -x R2 IKE_SA_INIT req x2", Outcome::Fail),
    ] {
        let verdict = story().judge(&format!("  ladder: |\n    {lines}\n"));
        assert_eq!(verdict.outcome, outcome, "{lines}");
    }
}

#[test]
fn what_is_beside_the_ladder_is_told_as_such() {
    let story = Story::default().ike(0, R1, &init(BOTH, KeId::CURVE25519)).ike(2, R2, &refusal());
    let more = story.judge("  ladder: |\n    R1 -> R2 IKE_SA_INIT req\n");
    assert_eq!(
        first(&more),
        ("E-LADDER", "R2 -> R1 IKE_SA_INIT resp 0 at 0.002s is not in the ladder")
    );
    let less = Story::default().judge("  ladder: |\n    R1 -> R2 IKE_SA_INIT req\n");
    assert_eq!(first(&less), ("E-LADDER", "line 22 never came"));
}

#[test]
fn cleartext_of_a_protected_flow_is_a_violation_that_nobody_wrote_down() {
    let (src, dst) = ends(R1, 0);
    let verdict = Story::default()
        .packet(5, R1, &ip(src, dst, IpProtocol::ICMP, vec![8; 16]), false)
        .judge(ANY);
    let (code, message) = first(&verdict);
    assert_eq!(code, "E-INVARIANT");
    assert!(message.starts_with("R1 sent 192.168.1.1 > 192.168.2.1 in the clear"), "{message}");
}

#[test]
fn every_broken_law_of_messages_is_found() {
    let request = init(BOTH, KeId::CURVE25519);
    let other = init("aes256-sha256-x25519", KeId::CURVE25519);
    let mut reserved = request.emit();
    reserved[19] |= 0x40;
    let mut critical = refusal();
    critical.payloads[0].critical = true;
    let info = |id| message(ExchangeType::INFORMATIONAL, id, false, Vec::new());
    for (story, law) in [
        (Story::default().ike(0, R2, &refusal()), "every response answers a request"),
        (
            Story::default().ike(0, R1, &request).ike(9, R1, &other),
            "what is sent again has the same octets",
        ),
        (Story::default().ike_octets(0, R1, reserved, false), "reserved fields are zero"),
        (
            Story::default().ike(0, R1, &request).ike(9, R2, &critical),
            "responses have no critical payload",
        ),
        (
            Story::default().ike(0, R1, &info(0)).ike(1, R1, &info(1)),
            "message ids count up, and a window of requests is open at most",
        ),
        (
            Story::default().ike(0, R1, &info(5)),
            "message ids count up, and a window of requests is open at most",
        ),
        (
            Story::default().ike_octets(0, R1, vec![1; 10], false),
            "what is sent on an IKE port is IKE, sealed as ESP is with the keys that were logged",
        ),
        (
            Story::default().packet(
                0,
                R1,
                &ip(ends(R1, 1).0, ends(R1, 1).1, IpProtocol::ESP, vec![0, 0, 1, 0, 0, 0, 0, 2, 5]),
                false,
            ),
            "ESP sequence numbers count from 1",
        ),
    ] {
        let verdict = story.judge(ANY);
        let broken: Vec<_> = verdict
            .expectations
            .iter()
            .filter(|one| one.kind == "invariant" && one.outcome == Outcome::Fail)
            .map(|one| one.text.as_str())
            .collect();
        assert_eq!(broken, [law]);
        assert_eq!(verdict.outcome, Outcome::Fail);
    }
}

fn phase(to: Phase) -> Fact {
    let sa = SaId { initiator: IkeSpi(1), responder: IkeSpi(2) };
    Fact::Ike(IkeEvent::Phase { sa, from: Phase::Idle, to, reason: "".into() })
}

#[test]
fn conditions_are_looked_at_when_they_are_meant_to_hold() {
    let story = || {
        Story::default()
            .ike(0, R1, &init(BOTH, KeId::CURVE25519))
            .fact(10, R1, phase(Phase::Established))
            .fact(60_000, R1, phase(Phase::Closed))
            .fact(
                110_000,
                R2,
                Fact::Esp(EspEvent::Acquired { child: String::new(), packet: String::new() }),
            )
    };
    let ladder = "  ladder: |\n    R1 -> R2 IKE_SA_INIT req ike=$A\n";
    for (expect, outcome) in [
        ("always: ['count(R1.ike) <= 1']", Outcome::Pass),
        ("always: ['count(R1.ike, state=established) == 1']", Outcome::Fail),
        ("never: ['R1.ike($A).gone']", Outcome::Fail),
        ("never: ['R2.ike($A).gone']", Outcome::Pass),
        ("never: ['R1 -> R2 IKE_SA_INIT {N(COOKIE)}']", Outcome::Pass),
        ("never: ['R1 -> R2 IKE_SA_INIT {Ni}']", Outcome::Fail),
        ("eventually: [{check: 'R1.ike($A).gone', by: 60s}]", Outcome::Pass),
        ("eventually: [{check: 'R1.ike($A).gone', by: 59s}]", Outcome::Fail),
        (
            "eventually: [{check: 'R1.ike($A).gone', after: 'R1 -> R2 IKE_SA_INIT', within: 60s}]",
            Outcome::Pass,
        ),
        (
            "eventually: [{check: 'R1.ike($A).gone', after: 'R2 -> R1 IKE_SA_INIT', within: 60s}]",
            Outcome::Inconclusive,
        ),
        ("eventually: [{check: 'R1.ike($A).gone', within: 59s}]", Outcome::Fail),
        ("eventually: ['R2.ike($A).gone']", Outcome::Fail),
        ("at: [{t: 5ms, check: 'count(R1.ike) == 0'}]", Outcome::Pass),
        ("at: [{t: 10ms, check: 'count(R1.ike) == 0'}]", Outcome::Fail),
        (
            "at: [{t: 1s, check: 'R1.ike($A).state == established and not R1.ike($A).gone'}]",
            Outcome::Pass,
        ),
        ("always: ['rate(sent(R1), 1s) <= 1']", Outcome::Pass),
        ("always: ['R1.child(net).spi_in == R1.child(net).spi_in']", Outcome::Fail),
    ] {
        let verdict = story().judge(&format!("{ladder}  {expect}\n"));
        let found: Vec<_> = verdict.findings.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(verdict.outcome, outcome, "{expect}: {found:?}");
    }
}

#[test]
fn a_flow_is_told_request_by_request() {
    let (from, to) = ends(R1, 0);
    let sent = |request| Fact::App(AppEvent::PingSent { flow: 0, request, from, to });
    let story = || {
        Story::default()
            .fact(0, R1, sent(0))
            .fact(1_000, R1, sent(1))
            .fact(
                1_002,
                R1,
                Fact::App(AppEvent::PingAnswered { flow: 0, request: 1, rtt_ns: 2_000_000 }),
            )
            .fact(2_000, R1, sent(2))
            .fact(2_002, R1, Fact::App(AppEvent::PingUnreachable { flow: 0, request: 2 }))
    };
    for (expect, outcome) in [
        ("pattern: '.!U'", Outcome::Pass),
        ("pattern: '.!.'", Outcome::Fail),
        ("received: 1", Outcome::Pass),
        ("lost: '<= 1'", Outcome::Fail),
        ("lost: '<= 2'", Outcome::Pass),
    ] {
        let verdict =
            story().judge(&format!("  traffic: [{{flow: R1.lan -> R2.lan, {expect}}}]\n"));
        assert_eq!(verdict.outcome, outcome, "{expect}");
    }
}

#[test]
fn a_run_that_met_nothing_of_what_is_expected_is_open() {
    let none = [
        "  always: [make_before_break(site.net), retransmit_is_identical()]\n",
        "  never: [R2 -> R1 KEEPALIVE, \"esp_on_deleted_spi()\"]\n",
        "  ladder: \"? R1 -> R2 IKE_AUTH\"\n  always: [\"count(R1.ike) <= 1\"]\n",
    ];
    for expect in none {
        let verdict = Story::default().judge(expect);
        assert_eq!(verdict.outcome, Outcome::Inconclusive, "{expect}");
        assert_eq!(first(&verdict).0, "E-VACUOUS", "{expect}");
        let more = format!("{expect}  at: [{{t: 1s, check: \"count(R1.ike) == 0\"}}]\n");
        assert_eq!(Story::default().judge(&more).outcome, Outcome::Pass, "{more}");
    }
    let story = || Story::default().ike(0, R1, &init(BOTH, KeId::CURVE25519));
    assert_eq!(story().judge(none[1]).outcome, Outcome::Pass, "there was something to see");
}

#[test]
fn a_ladder_that_nothing_can_fail_is_a_mistake() {
    for ladder in ["    ...", "    ...\n    ? R1 -> R2 IKE_AUTH\n    R1 -> R2 IKE_SA_INIT x0..3"] {
        let text = scenario(ANY).source.text.replace("  snapshot: [ladder]", "  ladder: |\nLADDER");
        let text = text.replace("LADDER", ladder);
        let found = parse("dots.yaml", &text, &Arc::new(Tables::builtin())).unwrap_err();
        assert_eq!(found[0].message, "the ladder asks for no message", "{ladder}");
    }
}

#[test]
fn what_is_written_is_judged_of_a_liar_too() {
    let rule = "{when: R1 -> R2 INFORMATIONAL req, edit: set mid = 77}";
    let peers = format!("peers: {{R1: {{impl: builtin, behave: [{rule}]}}}}\n");
    let asked = message(ExchangeType::INFORMATIONAL, 77, false, Vec::new());
    let trace = Story::default().ike(0, R1, &asked).trace();
    for (expect, outcome) in
        [("  always: [msgid_in_window()]\n", Outcome::Fail), (ANY, Outcome::Pass)]
    {
        let text = format!("{}{peers}", scenario(expect).source.text);
        let liar = parse("liar.yaml", &text, &Arc::new(Tables::builtin())).unwrap();
        assert_eq!(liar.judge(&liar.cells[0], &trace).outcome, outcome, "{expect}");
    }
}

#[test]
fn a_scenario_that_exercises_shoulds_only_is_noted_where_another_program_would_fail() {
    let text = scenario(ANY)
        .source
        .text
        .replace("R7296-2.3-04", "R7296-2.5-14")
        .replace("  snapshot: [ladder]", "  ladder: R1 -> R2 IKE_AUTH");
    for (peers, outcome) in [("", Outcome::Fail), ("peers: {R2: strongswan}\n", Outcome::Note)] {
        let text = format!("{text}{peers}");
        let scenario = parse("should.yaml", &text, &Arc::new(Tables::builtin())).unwrap();
        // As if the program could play here.
        let mut cell = scenario.cells[0].clone();
        cell.unsupported = None;
        let verdict = scenario.judge(&cell, &Story::default().trace());
        assert_eq!(verdict.outcome, outcome, "{peers}");
    }
}

#[test]
fn addresses_are_those_of_the_scenario() {
    let plan = scenario(ANY).plan(&scenario(ANY).cells[0], 1);
    let trace = Story::default().trace();
    for (planned, told) in plan.hosts.iter().zip(&trace.hosts) {
        assert_eq!(planned.name, told.name);
        let planned: Vec<_> = planned.ifaces.iter().map(|iface| &iface.addresses).collect();
        let told: Vec<_> = told.ifaces.iter().map(|iface| &iface.addresses).collect();
        assert_eq!(planned, told);
    }
    assert_eq!(SocketAddr::new(ends(R1, 1).0, 500).to_string(), "10.0.0.1:500");
}
