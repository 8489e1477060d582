//! The property library: a run that keeps each property, and one that breaks it.

mod story;

use ikelab_ambient::Instant;
use ikelab_scenario::Outcome;
use ikelab_trace::{
    ChildInstalled, ChildKeysLogged, Costly, Dropped, EspEvent, EspMode, Fact, Fate, HostEvent,
    IkeEvent, Octets, Phase, Role, SaId, Suite,
};
use ikelab_wire::ike::{EspSpi, IkeSpi};
use ikelab_wire::payload::{Body, Delete, Nonce, Notify, Proposal, SecurityAssociation};
use ikelab_wire::registry::{EncrId, ExchangeType, IpProtocol, NotifyType, Protocol};
use story::{R1, R2, Story, ends, ip, message};

const SA: SaId = SaId { initiator: IkeSpi(1), responder: IkeSpi(2) };

/// What the expectations come to, without the laws of every run.
fn outcome(story: Story, expect: &str) -> (Outcome, Vec<String>) {
    let verdict = story.judge(&format!("  snapshot: [ladder]\n  {expect}\n"));
    let own = verdict.findings.iter().filter(|finding| finding.code != "E-INVARIANT");
    let told: Vec<_> = own.clone().map(|finding| finding.message.clone()).collect();
    (own.map(|finding| finding.outcome).max().unwrap_or(Outcome::Pass), told)
}

#[track_caller]
fn holds(story: Story, expect: &str) {
    let (outcome, told) = outcome(story, expect);
    assert_eq!(outcome, Outcome::Pass, "{expect}: {told:?}");
}

#[track_caller]
fn breaks(story: Story, expect: &str, what: &str) {
    let (outcome, told) = outcome(story, expect);
    assert_eq!(outcome, Outcome::Fail, "{expect}");
    assert_eq!(told, [what]);
}

fn installed(spi_in: u32, spi_out: u32) -> Fact {
    let empty = || Octets::from(Vec::new());
    let (local, remote) = ends(R1, 1);
    Fact::Ike(IkeEvent::ChildInstalled(Box::new(ChildInstalled {
        child: "site.net".to_owned(),
        tunnel: "site".to_owned(),
        parent: SA,
        role: Role::Initiator,
        spi_in: EspSpi(spi_in),
        spi_out: EspSpi(spi_out),
        suite: Suite {
            encr: EncrId::NULL,
            encr_bits: None,
            integ: None,
            prf: None,
            ke: None,
            esn: None,
        },
        mode: EspMode::Tunnel,
        local: (local, 500).into(),
        remote: (remote, 500).into(),
        encapsulated: false,
        local_ts: Vec::new(),
        remote_ts: Vec::new(),
        keys: ChildKeysLogged {
            encr_out: empty(),
            integ_out: empty(),
            encr_in: empty(),
            integ_in: empty(),
        },
        rekey_at: None,
        expires_at: None,
        replaces: None,
    })))
}

fn removed(spi_in: u32, spi_out: u32) -> Fact {
    Fact::Ike(IkeEvent::ChildRemoved {
        spi_in: EspSpi(spi_in),
        spi_out: EspSpi(spi_out),
        reason: "".into(),
    })
}

/// An ESP packet of `from` on an SPI of the other end.
fn esp(story: Story, at_ms: u64, from: u16, spi: u32, sequence: u32) -> Story {
    let (src, dst) = ends(from, 1);
    let octets = [spi.to_be_bytes(), sequence.to_be_bytes(), [0; 4]].concat();
    story.packet(at_ms, from, &ip(src, dst, IpProtocol::ESP, octets), false)
}

fn delete(id: u32, response: bool, spi: u32) -> ikelab_wire::ike::Message {
    let spis = vec![spi.to_be_bytes().to_vec()];
    let body = Body::Delete(Delete { protocol: Protocol::ESP, spi_size: 4, spis });
    message(ExchangeType::INFORMATIONAL, id, response, vec![body])
}

fn delete_ike(id: u32) -> ikelab_wire::ike::Message {
    message(ExchangeType::INFORMATIONAL, id, false, vec![Body::Delete(Delete::ike())])
}

fn done(id: u32) -> ikelab_wire::ike::Message {
    message(ExchangeType::INFORMATIONAL, id, true, Vec::new())
}

/// A rekey of the Child SA with this SPI: a request, or, with none, a response.
fn rekey(id: u32, old: Option<u32>, new: u32, nonce: u8) -> ikelab_wire::ike::Message {
    let mut proposal = Proposal::from_text("aes128-sha1", Protocol::ESP, 1).unwrap();
    proposal.spi = new.to_be_bytes().to_vec();
    let mut bodies = vec![
        Body::Sa(SecurityAssociation { proposals: vec![proposal] }),
        Body::Nonce(Nonce(vec![nonce; 32])),
    ];
    bodies.extend(old.map(|spi| {
        Body::Notify(Notify {
            protocol: Protocol::ESP,
            spi: spi.to_be_bytes().to_vec(),
            notify_type: NotifyType::REKEY_SA,
            data: Vec::new(),
        })
    }));
    message(ExchangeType::CREATE_CHILD_SA, id, old.is_none(), bodies)
}

/// Something late, so that the run does not end with what matters.
fn and_then(story: Story) -> Story {
    story.fact(100_000, R1, Fact::Step { index: 9, text: "late".to_owned() })
}

#[test]
fn esp_on_an_spi_that_is_gone_is_found_once_the_grace_is_over() {
    let expect = "never: [esp_on_deleted_spi(grace=1s)]";
    // R1 receives on a, R2 on b; R1 deletes the pair at 10 s, acknowledged at 10.003 s.
    let story = || {
        let story =
            Story::default().fact(0, R1, installed(0xa, 0xb)).fact(0, R2, installed(0xb, 0xa));
        let story = esp(story, 5_000, R2, 0xa, 1);
        story.ike(10_000, R1, &delete(2, false, 0xa)).ike(10_002, R2, &delete(2, true, 0xb))
    };
    holds(esp(story(), 11_003, R2, 0xa, 2), expect);
    let what = "R2 sent ESP 0000000a seq 2, and 0000000a is gone since 10.003s";
    breaks(esp(story(), 11_004, R2, 0xa, 2), expect, what);
    let what = "R1 sent ESP 0000000b seq 1, and 0000000b is gone since 10.003s";
    breaks(esp(story(), 11_004, R1, 0xb, 1), expect, what);
    // Another SA of the same receiver lives.
    holds(esp(story(), 11_004, R2, 0xc, 1), expect);
}

#[test]
fn a_deleted_ike_sa_takes_its_spis_along() {
    let story = Story::default().fact(0, R1, installed(0xa, 0xb)).fact(0, R2, installed(0xb, 0xa));
    let story = story.ike(10_000, R1, &delete_ike(2)).ike(10_002, R2, &done(2));
    let what = "R1 sent ESP 0000000b seq 1, and 0000000b is gone since 10.003s";
    breaks(esp(story, 10_004, R1, 0xb, 1), "never: [esp_on_deleted_spi()]", what);
}

#[test]
fn a_gap_between_two_child_sas_breaks_what_was_made_before() {
    let expect = "always: [make_before_break(net)]";
    let story = || Story::default().fact(0, R1, installed(0xa, 0xb));
    let made = story().fact(50, R1, installed(0xc, 0xd)).fact(60, R1, removed(0xa, 0xb));
    holds(made.fact(99, R1, removed(0xc, 0xd)), expect);
    let broken = story().fact(50, R1, removed(0xa, 0xb)).fact(60, R1, installed(0xc, 0xd));
    breaks(broken, expect, "R1 had no SA for site.net from 0.050s on");
}

#[test]
fn the_end_that_replaced_an_sa_deletes_it() {
    let expect = "always: [old_sa_deleted(within=2s)]";
    let story = || {
        let story = Story::default().ike(10_000, R1, &rekey(2, Some(0xa), 0xc, 5));
        story.ike(10_002, R2, &rekey(2, None, 0xd, 6))
    };
    holds(and_then(story().ike(10_100, R1, &delete(3, false, 0xa))), expect);
    let what = "R1 replaced Child SA 0000000a at 10.003s and has not deleted it";
    breaks(and_then(story()), expect, what);
    // Too late, another SA, or by the other end.
    breaks(and_then(story().ike(12_100, R1, &delete(3, false, 0xa))), expect, what);
    breaks(and_then(story().ike(10_100, R1, &delete(3, false, 0xc))), expect, what);
    breaks(and_then(story().ike(10_100, R2, &delete(0, false, 0xb))), expect, what);
    // With the IKE SA, all goes.
    holds(and_then(story().ike(10_100, R2, &delete_ike(0))), expect);
}

#[test]
fn of_two_rekeys_that_crossed_the_one_with_the_lowest_nonce_deletes_nothing_old() {
    let expect = "always: [old_sa_deleted(within=2s)]";
    // Made at first: a at R1, b at R2. Both replace it at 10 s; R2's rekey has the lowest nonce.
    let story = |deleter: u16, spi: u32| {
        let story = Story::default()
            .ike(0, R1, &rekey(1, Some(0x1), 0xa, 9))
            .ike(2, R2, &rekey(1, None, 0xb, 9))
            .ike(100, R1, &delete(2, false, 0x1))
            .ike(10_000, R1, &rekey(3, Some(0xa), 0xc, 5))
            .ike(10_000, R2, &rekey(0, Some(0xb), 0xe, 1))
            .ike(10_002, R2, &rekey(3, None, 0xd, 6))
            .ike(10_002, R1, &rekey(0, None, 0xf, 7));
        and_then(story.ike(10_100, deleter, &delete(4, false, spi)))
    };
    holds(story(R1, 0xa), expect);
    let what = "R1 replaced Child SA 0000000a at 10.003s and has not deleted it";
    breaks(story(R2, 0xb), expect, what);
}

fn opened(spi: u32, sequence: u64) -> Fact {
    Fact::Esp(EspEvent::Opened { spi: EspSpi(spi), sequence, octets: 84 })
}

fn replayed(spi: u32, sequence: u32) -> Fact {
    Fact::Esp(EspEvent::Dropped {
        spi: Some(EspSpi(spi)),
        sequence: Some(sequence),
        ends: None,
        reason: Dropped::Replayed,
        detail: String::new(),
    })
}

/// The last packet of a story arrives once more.
fn twice(mut story: Story) -> Story {
    if let Some(Fact::Sent(sent)) = story.records.last_mut().map(|record| &mut record.fact) {
        let copy: Fate = sent.fates[0].clone();
        sent.fates.push(copy);
    }
    story
}

#[test]
fn the_second_copy_of_an_esp_packet_is_dropped_and_told() {
    let expect = "always: [replay_protected(site.net)]";
    let story = || twice(esp(Story::default().fact(0, R2, installed(0xb, 0xa)), 10, R1, 0xb, 1));
    holds(and_then(story().fact(11, R2, opened(0xb, 1)).fact(11, R2, replayed(0xb, 1))), expect);
    breaks(
        and_then(story().fact(11, R2, opened(0xb, 1)).fact(11, R2, opened(0xb, 1))),
        expect,
        "R2 accepted ESP 0000000b seq 1 twice",
    );
    breaks(
        and_then(story().fact(11, R2, opened(0xb, 1))),
        expect,
        "R2 got ESP 0000000b seq 1 2 times, accepted 1 and told of 0",
    );
}

fn phase(sa: u64, to: Phase) -> Fact {
    let sa = SaId { initiator: IkeSpi(sa), responder: IkeSpi(2) };
    Fact::Ike(IkeEvent::Phase { sa, from: Phase::Idle, to, reason: "".into() })
}

#[test]
fn what_a_host_may_have_is_counted_at_every_moment() {
    let story = || {
        Story::default()
            .fact(0, R2, phase(1, Phase::InitResponded))
            .fact(1, R2, phase(2, Phase::InitResponded))
            .fact(2, R2, phase(1, Phase::Established))
            .fact(2, R2, installed(0xa, 0xb))
            .fact(3, R2, phase(2, Phase::Closed))
    };
    for (what, most) in [("half_open", 2), ("ike", 2), ("sas", 3)] {
        holds(story(), &format!("always: [\"bounded({what}, {most})\"]"));
        let (outcome, told) =
            outcome(story(), &format!("always: [\"bounded({what}, {})\"]", most - 1));
        assert_eq!(outcome, Outcome::Fail, "{what}: {told:?}");
    }
    let asks = || {
        let probe = |id| message(ExchangeType::INFORMATIONAL, id, false, Vec::new());
        Story::default().ike(0, R1, &probe(0)).ike(1, R1, &probe(1)).ike(5, R2, &done(0))
    };
    holds(asks(), "always: [\"bounded(requests, 2)\"]");
    breaks(asks(), "always: [\"bounded(requests, 1)\"]", "R1 has 2 requests open");
}

#[test]
fn silence_is_broken_by_anything_but_a_keepalive() {
    let expect = "always: [quiet_after(60s)]";
    let probe = message(ExchangeType::INFORMATIONAL, 0, false, Vec::new());
    holds(Story::default().ike(59_999, R1, &probe), expect);
    let what = "R1 sent INFORMATIONAL req 0 after 60.000s";
    breaks(Story::default().ike(60_000, R1, &probe), expect, what);
}

#[test]
fn an_offence_stands_under_never_and_a_law_under_always() {
    use ikelab_scenario::{Tables, parse};
    let text = story::scenario("  snapshot: [ladder]\n").source.text.clone();
    for (expect, place) in [
        ("always: [esp_on_deleted_spi()]", "write it under `never:`"),
        ("never: [\"bounded(sas, 2)\"]", "write it under `always:`"),
        (
            "always: [\"bounded(sheep, 2)\"]",
            "expected one of: sas, ike, half_open, requests, fragments, fragment_octets",
        ),
        ("always: [quiet_after(60)]", "write a number and a unit: 500ms, 120s, 1h30m"),
        ("always: [quiet_after()]", "expected quiet_after(t)"),
        ("always: [\"quiet_after(1s, 2s)\"]", "expected quiet_after(t)"),
    ] {
        let text = format!("{text}  {expect}\n");
        let found = parse("a.yaml", &text, &std::sync::Arc::new(Tables::builtin())).unwrap_err();
        assert_eq!(found[0].label.text, place, "{expect}");
    }
}

/// The laws that a run breaks.
fn broken(story: Story) -> Vec<String> {
    let verdict = story.judge("  snapshot: [ladder]\n");
    let laws = verdict.expectations.iter();
    let broken = laws.filter(|one| one.kind == "invariant" && one.outcome == Outcome::Fail);
    broken.map(|one| one.text.clone()).collect()
}

#[test]
fn laws_of_sas_and_of_their_ends_are_kept_or_told() {
    let none: [&str; 0] = [];
    let live = || {
        Story::default()
            .fact(0, R1, phase(1, Phase::Established))
            .fact(0, R1, installed(0xa, 0xb))
            .fact(0, R2, phase(1, Phase::Established))
            .fact(0, R2, installed(0xb, 0xa))
    };
    assert_eq!(broken(and_then(live())), none);
    let orphan = live().fact(5, R1, phase(1, Phase::Closed));
    assert_eq!(broken(orphan), ["every Child SA has its IKE SA"]);
    let gone = || live().fact(5, R1, phase(1, Phase::Closed)).fact(5, R1, removed(0xa, 0xb));
    assert_eq!(broken(gone()), none);
    let timer = |story: Story| {
        let timer = IkeEvent::Timer { sa: SA, timer: "rekey ike".into() };
        story.fact(6, R1, Fact::Ike(timer))
    };
    assert_eq!(broken(timer(gone())), ["nothing is left of an SA that is closed"]);
    assert_eq!(broken(timer(live())), none);
    let late = gone().fact(6, R1, opened(0xa, 1));
    assert_eq!(broken(late), ["nothing is left of an SA that is closed"]);
    let untold = || live().fact(5, R2, removed(0xb, 0xa));
    assert_eq!(broken(and_then(untold())), ["an end that gives up a Child SA tells its peer"]);
    let asked = || live().ike(4, R1, &delete(0, false, 0xa));
    let told = asked().fact(5, R2, removed(0xb, 0xa)).ike(5, R2, &delete(0, true, 0xb));
    assert_eq!(broken(and_then(told)), none);
    let replay = || live().fact(6, R1, replayed(0xa, 7));
    assert_eq!(broken(replay()), ["the replay window moves with good packets only"]);
    let known = live().fact(5, R1, opened(0xa, 7)).fact(6, R1, replayed(0xa, 7));
    assert_eq!(broken(known), none);
}

fn down() -> Fact {
    Fact::Host(HostEvent::Down { with_packet: false })
}

fn up() -> Fact {
    Fact::Host(HostEvent::Up { life: 1 })
}

#[test]
fn a_machine_that_went_down_has_nothing_left() {
    let expect = "at: [{t: 1s, check: \"count(R1.children) == 0\"}]";
    let story = || Story::default().fact(1, R1, installed(0x11, 0x22));
    assert_eq!(outcome(story(), expect).0, Outcome::Fail);
    holds(story().fact(2, R1, down()), expect);
}

#[test]
fn a_former_life_uses_up_no_spi_and_is_no_break() {
    let again = |story: Story| story.fact(5, R1, installed(0x11, 0x22));
    let begin = || Story::default().fact(1, R1, installed(0x11, 0x22));
    breaks(again(begin()), "always: [spi_unique()]", "R1 uses inbound SPI 00000011 again");
    holds(again(begin().fact(2, R1, down())), "always: [spi_unique()]");
    holds(again(begin().fact(2, R1, down())), "always: [make_before_break(site.net)]");
}

#[test]
fn what_comes_to_a_machine_that_is_down_has_not_arrived() {
    let request = || message(ExchangeType::INFORMATIONAL, 0, false, Vec::new());
    let expect = "never: [\"R2 -x R1 INFORMATIONAL req\"]";
    let story = |request_at| {
        let story = Story::default().fact(10, R1, down());
        story.ike(request_at, R2, &request())
    };
    holds(story(8), expect);
    assert_eq!(outcome(story(10), expect).0, Outcome::Fail);
    let story = Story::default().fact(10, R1, down()).fact(20, R1, up());
    holds(story.ike(19, R2, &request()), expect);
}

#[test]
fn an_answer_of_another_life_may_be_another_answer() {
    let ask = || message(ExchangeType::IKE_SA_INIT, 0, false, vec![story::nonce()]);
    let answer = |octet| {
        let body = Body::Nonce(Nonce(vec![octet; 32]));
        message(ExchangeType::IKE_SA_INIT, 0, true, vec![body])
    };
    let begin = || Story::default().ike(1, R1, &ask()).ike(3, R2, &answer(1)).ike(10, R1, &ask());
    let expect = "always: [retransmit_is_identical()]";
    assert_eq!(outcome(begin().ike(12, R2, &answer(2)), expect).0, Outcome::Fail);
    let again = Story::default().ike(1, R1, &ask()).ike(3, R2, &answer(1));
    let again = again.fact(5, R2, down()).fact(6, R2, up()).ike(10, R1, &ask());
    holds(again.ike(12, R2, &answer(2)), expect);
}

#[test]
fn a_cookie_counts_though_an_earlier_answer_comes_after_it() {
    let expect = "always: [retransmit_is_identical()]";
    let first = |nonce| {
        let body = Body::Nonce(Nonce(vec![nonce; 32]));
        message(ExchangeType::IKE_SA_INIT, 0, false, vec![body])
    };
    let said = |kind| {
        let body = Body::Notify(Notify::new(kind, &[7; 8]));
        let mut said = message(ExchangeType::IKE_SA_INIT, 0, true, vec![body]);
        said.header.responder_spi = IkeSpi::NONE;
        said
    };
    // What R2 says at 2 ms arrives at 9 ms; at 5 ms the request is another, with the cookie or without.
    let story = |cookie: Option<NotifyType>| {
        let mut story = Story::default().ike(0, R1, &first(1));
        story = story.ike(2, R2, &said(NotifyType::NO_PROPOSAL_CHOSEN));
        if let Some(Fact::Sent(sent)) = story.records.last_mut().map(|record| &mut record.fact)
            && let Some(Fate::Arrives { at, .. }) = sent.fates.first_mut()
        {
            *at = Instant::from_nanos(9_000_000);
        }
        let story = match cookie {
            Some(kind) => story.ike(3, R2, &said(kind)),
            None => story,
        };
        story.ike(5, R1, &first(2))
    };
    holds(story(Some(NotifyType::COOKIE)), expect);
    let what = "R1's IKE_SA_INIT req 0  Ni is not the request that it repeats";
    breaks(story(None), expect, what);
}

/// What the laws of every run say.
fn laws(story: Story) -> Vec<String> {
    let verdict = story.judge("  snapshot: [ladder]\n");
    let laws = verdict.findings.iter().filter(|finding| finding.code == "E-INVARIANT");
    laws.map(|finding| finding.message.clone()).collect()
}

#[test]
fn a_timer_of_a_former_life_is_told() {
    let phase = || {
        Fact::Ike(IkeEvent::Phase {
            sa: SA,
            from: Phase::Idle,
            to: Phase::Established,
            reason: "".into(),
        })
    };
    let timer = || Fact::Ike(IkeEvent::Timer { sa: SA, timer: "liveness".into() });
    let story = Story::default().fact(1, R1, phase()).fact(5, R1, timer());
    assert_eq!(laws(story), [""; 0]);
    let story = Story::default().fact(1, R1, phase()).fact(2, R1, down()).fact(5, R1, timer());
    let told = laws(story);
    assert!(told.iter().any(|one| one.contains("timer `liveness`")), "{told:?}");
}

#[test]
fn what_an_engine_remembers_and_tells_is_counted() {
    let story = || {
        let discarded = || {
            let (reason, detail) = ("malformed".into(), "no header".to_owned());
            Fact::Ike(IkeEvent::Discarded { sa: None, reason, detail })
        };
        let computed = || Fact::Ike(IkeEvent::Computed { what: Costly::KeyPair });
        Story::default()
            .fact(1, R1, discarded())
            .fact(2, R1, discarded())
            .fact(2, R2, discarded())
            .fact(3, R1, computed())
            .fact(9, R1, Fact::Ike(IkeEvent::Remembers { left: 3, most: 20 }))
    };
    for (expect, outcome) in [
        ("always: [\"memory(R1, 20, 3)\"]", Outcome::Pass),
        ("always: [\"memory(R1, 19, 3)\"]", Outcome::Fail),
        ("always: [\"memory(R1, 20, 2)\"]", Outcome::Fail),
        ("always: [\"memory(R2, 0, 0)\"]", Outcome::Pass),
        ("always: [\"count(events(R1, computed)) <= 1\"]", Outcome::Pass),
        ("always: [\"count(events(R1, computed)) <= 0\"]", Outcome::Fail),
        ("always: [\"rate(events(R1), 1ms) <= 1\"]", Outcome::Pass),
        ("at: [{t: 8ms, check: \"count(events(R1, computed)) == 1\"}]", Outcome::Pass),
        ("at: [{t: 2ms, check: \"count(events(R1)) == 2\"}]", Outcome::Pass),
        ("at: [{t: 2ms, check: \"count(events(R1, refused)) == 1\"}]", Outcome::Fail),
    ] {
        assert_eq!(self::outcome(story(), expect).0, outcome, "{expect}");
    }
}

#[test]
fn what_is_told_has_no_character_that_steers_a_terminal() {
    let told = |detail: &str| {
        let (rule, detail) = ("wrong identity".into(), detail.to_owned());
        Story::default().fact(1, R1, Fact::Ike(IkeEvent::PeerMisbehaved { sa: None, rule, detail }))
    };
    assert_eq!(broken(told("key-id:0a1b")), [""; 0]);
    for detail in ["a\nroot", "a\u{1b}[2J", "a\u{9b}1J"] {
        assert_eq!(broken(told(detail)), ["no character that a peer wrote steers a log"]);
    }
}

#[test]
fn a_packet_past_its_lifetime_is_told_unless_the_clock_was_set() {
    let installed = || match installed(0x11, 0x22) {
        Fact::Ike(IkeEvent::ChildInstalled(mut child)) => {
            child.expires_at = Some(Instant::from_secs(5));
            Fact::Ike(IkeEvent::ChildInstalled(child))
        }
        other => other,
    };
    let sealed = || Fact::Esp(EspEvent::Sealed { spi: EspSpi(0x22), sequence: 1, octets: 100 });
    let opened = || Fact::Esp(EspEvent::Opened { spi: EspSpi(0x11), sequence: 1, octets: 100 });
    let set =
        || Fact::Host(HostEvent::Clock { reads: Instant::from_secs(1), speed: 1_000_000_000 });
    let begin = || Story::default().fact(1, R1, installed());
    let late = |story: Story| laws(story).iter().any(|one| one.contains("lifetime ended at 5"));
    assert!(!late(begin().fact(5_000, R1, sealed())));
    assert!(late(begin().fact(5_001, R1, sealed())));
    assert!(late(begin().fact(5_001, R1, opened())));
    assert!(!late(begin().fact(4_000, R1, set()).fact(5_001, R1, opened())));
}
