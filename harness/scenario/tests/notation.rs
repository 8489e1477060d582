//! What ladders and conditions can say beyond whole IKE messages: fragments, what packets carry,
//! octets of payloads, members of a set, and times of faults.

mod story;

use std::sync::Arc;

use ikelab_scenario::{Outcome, Tables, parse};
use ikelab_trace::{ChildInstalled, ChildKeysLogged, EspMode, Fact, IkeEvent, Octets, Phase, Role};
use ikelab_trace::{SaId, Suite};
use ikelab_wire::ike::{EspSpi, Header, IkeSpi};
use ikelab_wire::payload::{Body, EncryptedFragment, Notify};
use ikelab_wire::registry::{
    EncrId, ExchangeType, IpProtocol, KeId, NotifyType, PayloadType, Protocol,
};
use story::{R1, Story, ends, ip, ke, message, nonce, offer};

/// What the expectations come to, without the laws of every run.
#[track_caller]
fn judged(story: Story, expect: &str, outcome: Outcome) {
    let verdict = story.judge(expect);
    let own = verdict.findings.iter().filter(|finding| finding.code != "E-INVARIANT");
    let told: Vec<_> = own.clone().map(|finding| finding.message.clone()).collect();
    let worst = own.map(|finding| finding.outcome).max().unwrap_or(Outcome::Pass);
    assert_eq!(worst, outcome, "{expect}: {told:?}");
}

fn fragment(number: u16, total: u16) -> Vec<u8> {
    let body = Body::Skf(EncryptedFragment {
        first: PayloadType(if number == 1 { 35 } else { 0 }),
        number,
        total,
        octets: vec![number.to_be_bytes()[1]; 40],
    });
    message(ExchangeType::IKE_AUTH, 1, false, vec![body]).emit()
}

#[test]
fn fragments_are_lines_of_their_own_where_the_ladder_names_one() {
    let story = || {
        Story::default().ike_octets(0, R1, fragment(1, 2), false).ike_octets(
            0,
            R1,
            fragment(2, 2),
            true,
        )
    };
    for (lines, outcome) in [
        (
            "R1 -> R2 IKE_AUTH req frag=1\n    ...\n    R1 -x R2 IKE_AUTH frag=2/2\n    ...",
            Outcome::Pass,
        ),
        ("R1 -> R2 IKE_AUTH req mid=1 frag=1\n    ...", Outcome::Pass),
        ("R1 -> R2 IKE_AUTH req frag=1/3\n    ...", Outcome::Fail),
        (
            "R1 -> R2 IKE_AUTH req frag=1\n    ...\n    R1 -> R2 IKE_AUTH frag=2\n    ...",
            Outcome::Fail,
        ),
        ("...\n    R1 -x R2 IKE_AUTH req frag=3\n    ...", Outcome::Fail),
    ] {
        judged(story(), &format!("  ladder: |\n    {lines}\n"), outcome);
    }
    let rows = "  statistics:\n    R1: {fragment: {tx_req: 2}}\n    R2: {fragment: {rx_req: 1}}\n";
    judged(story(), rows, Outcome::Pass);
}

#[test]
fn what_an_open_packet_carries_can_be_named() {
    let (src, dst) = ends(R1, 1);
    let ping = ip(src, dst, IpProtocol::ICMP, vec![8, 0, 0, 0, 0, 1, 0, 1]);
    let dns = ip(src, dst, IpProtocol::UDP, vec![0x10, 0, 0, 53, 0, 8, 0, 0]);
    let story = || Story::default().packet(0, R1, &ping, false).packet(1, R1, &dns, false);
    for (lines, outcome) in [
        ("R1 -> R2 ICMP {ICMP type=8 code=0}\n    R1 -> R2 PLAIN {UDP port=53}", Outcome::Pass),
        ("R1 -> R2 ICMP {!UDP}\n    R1 -> R2 PLAIN {UDP len=28 dst=10.0.0.2}", Outcome::Pass),
        ("R1 -> R2 ICMP {ICMP type=3}\n    ...", Outcome::Fail),
        ("R1 -> R2 ICMP\n    R1 -> R2 PLAIN {TCP}", Outcome::Fail),
        ("R1 -> R2 ICMP\n    R1 -> R2 PLAIN {UDP port=54}", Outcome::Fail),
        ("R1 -> R2 ICMP\n    R1 -> R2 PLAIN {!UDP}", Outcome::Fail),
    ] {
        let expect = format!("  ladder_scope: [icmp, plain]\n  ladder: |\n    {lines}\n");
        judged(story(), &expect, outcome);
    }
}

#[test]
fn an_esp_packet_belongs_to_the_child_that_its_sender_installed() {
    let none = || Octets::from(Vec::new());
    let (local, remote) = ends(R1, 1);
    let suite =
        Suite { encr: EncrId::NULL, encr_bits: None, integ: None, prf: None, ke: None, esn: None };
    let keys =
        ChildKeysLogged { encr_out: none(), integ_out: none(), encr_in: none(), integ_in: none() };
    let installed = Fact::Ike(IkeEvent::ChildInstalled(Box::new(ChildInstalled {
        child: "net".to_owned(),
        tunnel: "site".to_owned(),
        parent: SaId { initiator: IkeSpi(1), responder: IkeSpi(2) },
        role: Role::Initiator,
        spi_in: EspSpi(0xa),
        spi_out: EspSpi(0xb),
        suite,
        mode: EspMode::Tunnel,
        local: (local, 500).into(),
        remote: (remote, 500).into(),
        encapsulated: false,
        local_ts: Vec::new(),
        remote_ts: Vec::new(),
        keys,
        rekey_at: None,
        expires_at: None,
        replaces: None,
    })));
    let esp = |spi: u32| {
        let octets = [spi.to_be_bytes(), 1_u32.to_be_bytes(), [0; 4]].concat();
        ip(local, remote, IpProtocol::ESP, octets)
    };
    let expect = "  ladder_scope: [esp]\n  ladder: |\n    R1 -> R2 ESP seq=1 child=net\n";
    let story =
        |spi| Story::default().fact(0, R1, installed.clone()).packet(1, R1, &esp(spi), false);
    judged(story(0xb), expect, Outcome::Pass);
    judged(story(0xc), expect, Outcome::Fail);
}

fn cookie(data: &[u8]) -> ikelab_wire::ike::Message {
    let notify = Notify {
        protocol: Protocol::NONE,
        spi: Vec::new(),
        notify_type: NotifyType::COOKIE,
        data: data.to_vec(),
    };
    let bodies = vec![Body::Notify(notify), offer("aes256-sha256-x25519"), nonce()];
    message(ExchangeType::IKE_SA_INIT, 0, false, bodies)
}

#[test]
fn octets_of_a_payload_are_compared() {
    for (item, outcome) in [
        ("N(COOKIE) hex=0102", Outcome::Pass),
        ("N(COOKIE) hex=0x0102 len=2, Ni hex=09*32", Outcome::Pass),
        ("N(COOKIE) hex=0103", Outcome::Fail),
        ("Ni hex=09*31", Outcome::Fail),
    ] {
        let expect = format!("  ladder: |\n    R1 -> R2 IKE_SA_INIT req {{{item}}}\n");
        judged(Story::default().ike(0, R1, &cookie(&[1, 2])), &expect, outcome);
    }
}

#[test]
fn a_value_may_be_one_of_some_or_between_two() {
    let sa = SaId { initiator: IkeSpi(1), responder: IkeSpi(2) };
    let phase = |to| Fact::Ike(IkeEvent::Phase { sa, from: Phase::Idle, to, reason: "".into() });
    let init = message(
        ExchangeType::IKE_SA_INIT,
        0,
        false,
        vec![offer("aes256-sha256-x25519"), ke(KeId::CURVE25519), nonce()],
    );
    let story = || Story::default().ike(0, R1, &init).fact(1, R1, phase(Phase::Established));
    for (check, outcome) in [
        ("count(R1.ike) in 1..2", Outcome::Pass),
        ("count(R1.ike) in 2..3", Outcome::Fail),
        ("count(R1.ike) in [0, 1]", Outcome::Pass),
        ("R1.ike($A).state in [replaced, established]", Outcome::Pass),
        ("R1.ike($A).state in [replaced, deleting]", Outcome::Fail),
        ("not count(R1.ike) in 2..3", Outcome::Pass),
    ] {
        let expect = format!(
            "  ladder: |\n    R1 -> R2 IKE_SA_INIT req ike=$A\n  at: [{{t: 1s, check: '{check}'}}]\n"
        );
        judged(story(), &expect, outcome);
    }
}

/// A made-up scenario with faults.
fn with_faults(faults: &str, expect: &str) -> ikelab_scenario::Scenario {
    let base = story::scenario("  snapshot: [ladder]\n").source.text.clone();
    let text = base.replace("steps:\n", &format!("faults:\n{faults}steps:\n"));
    let found = parse("a.yaml", &format!("{text}{expect}"), &Arc::new(Tables::builtin()));
    found.unwrap_or_else(|found| panic!("{}", found[0]))
}

#[test]
fn a_condition_may_come_to_hold_after_a_fault() {
    let sa = SaId { initiator: IkeSpi(1), responder: IkeSpi(2) };
    let closed = |at| {
        let up = Fact::Ike(IkeEvent::Phase {
            sa,
            from: Phase::Idle,
            to: Phase::Established,
            reason: "".into(),
        });
        let down = Fact::Ike(IkeEvent::Phase {
            sa,
            from: Phase::Established,
            to: Phase::Closed,
            reason: "".into(),
        });
        let init = cookie(&[1]);
        Story::default().fact(2, R1, up).ike(1_000, R1, &init).fact(at, R1, down).trace()
    };
    let drop = "  - {drop: \"R1 -> R2 IKE_SA_INIT req\", nth: 1}\n";
    let partition = "  - {partition: [R1, R2], at: 5s, for: 20s}\n";
    for (faults, name, at, outcome) in [
        (drop, "drop", 10_000, Outcome::Pass),
        (drop, "drop", 12_000, Outcome::Fail),
        (partition, "partition", 35_000, Outcome::Pass),
        (partition, "partition", 36_000, Outcome::Fail),
        ("  - {drop: \"R2 -> R1 IKE_AUTH req\"}\n", "drop", 10_000, Outcome::Inconclusive),
    ] {
        let expect = format!(
            "  eventually: [{{check: 'count(R1.ike) == 0', after: fault({name}), within: 10s}}]\n"
        );
        // The state before the first record of an SA counts too: the SA is there from 2 ms on.
        let scenario = with_faults(faults, &expect);
        let verdict = scenario.judge(&scenario.cells[0], &closed(at));
        let own = verdict.findings.iter().filter(|finding| finding.code != "E-INVARIANT");
        let worst = own.map(|finding| finding.outcome).max().unwrap_or(Outcome::Pass);
        assert_eq!(worst, outcome, "{faults} {at}");
    }
}

#[test]
fn the_header_of_a_fragment_is_where_the_rfc_puts_it() {
    let octets = fragment(2, 3);
    assert_eq!(octets[16], PayloadType::SKF.0);
    assert_eq!(octets[Header::LENGTH + 4..Header::LENGTH + 8], [0, 2, 0, 3]);
}
