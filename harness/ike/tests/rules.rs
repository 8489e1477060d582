//! Every reason for silence, every refusal and every broken rule has a test that provokes it, and
//! one test counts them.

mod common;

use core::time::Duration;
use std::net::SocketAddr;

use common::{Cable, esp_proposals, net};
use ikelab_ike::Command;
use ikelab_ike::config::Cookie;
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::ike::{Header, IkeSpi, Message};
use ikelab_wire::payload::{Body, Delete, Notify, Payload, Unknown};
use ikelab_wire::registry::{ExchangeType, KeId, NotifyType, PayloadType};

const SECOND: Duration = Duration::from_secs(1);

fn up(cable: &mut Cable) {
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_millis(100));
}

fn exchange(octets: &[u8]) -> ExchangeType {
    Header::parse(octets).unwrap().header.exchange
}

/// The names of the rules that the peer of an end broke.
fn broken(cable: &Cable, end: usize) -> Vec<String> {
    let rules = cable.ends[end].events.iter().filter_map(|(_, event)| match event {
        IkeEvent::PeerMisbehaved { rule, .. } => Some(rule.to_string()),
        _ => None,
    });
    rules.collect()
}

fn refused(cable: &Cable, end: usize) -> Vec<NotifyType> {
    let notifies = cable.ends[end].events.iter().filter_map(|(_, event)| match event {
        IkeEvent::Refused { notify, .. } => Some(*notify),
        _ => None,
    });
    notifies.collect()
}

type Edit = fn(&mut Message);
type Change = fn(&mut Vec<Payload>);

/// R1 begins, and R2's answer to IKE_SA_INIT comes changed.
fn init_answer(change: impl Fn(&mut Message)) -> Cable {
    let mut cable = Cable::new(1, |_, _| {});
    cable.hand = Box::new(|message| message.from == 0);
    up(&mut cable);
    let mut answer = Message::parse(&cable.sent[1].octets).unwrap();
    change(&mut answer);
    cable.inject(0, &answer.emit());
    cable
}

/// The same with the answer to IKE_AUTH.
fn auth_answer(change: Change) -> Cable {
    let mut cable = Cable::new(1, |_, _| {});
    let is_auth = |octets: &[u8]| exchange(octets) == ExchangeType::IKE_AUTH;
    cable.hand = Box::new(move |message| message.from == 0 || !is_auth(&message.octets));
    up(&mut cable);
    let place = cable.sent.iter().rposition(|message| message.from == 1).unwrap();
    changed(&mut cable, place, ExchangeType::IKE_AUTH, 1, change);
    cable
}

/// The same with the answer to the rekeying of a Child SA.
fn rekey_answer(change: Change) -> Cable {
    let mut cable = Cable::up();
    cable.hand = Box::new(|message| message.from == 0);
    cable.rekey_child(0);
    cable.run_for(Duration::from_millis(100));
    changed(&mut cable, 5, ExchangeType::CREATE_CHILD_SA, 2, change);
    cable
}

/// Gives R1 a changed answer of R2.
fn changed(cable: &mut Cable, place: usize, exchange: ExchangeType, id: u32, change: Change) {
    let mut payloads = cable.read(1, &cable.sent[place].octets);
    change(&mut payloads);
    let header = cable.header(1, exchange, true, id);
    let octets = cable.forge(1, &header, &payloads);
    cable.inject(0, &octets);
}

fn without(payloads: &mut Vec<Payload>, unwanted: fn(&Body) -> bool) {
    payloads.retain(|payload| !unwanted(&payload.body));
}

fn each(payloads: &mut [Payload], mut change: impl FnMut(&mut Body)) {
    payloads.iter_mut().for_each(|payload| change(&mut payload.body));
}

#[test]
fn an_answer_to_ike_sa_init_that_breaks_a_rule_leaves_the_attempt_as_it_was() {
    let cases: [(&str, Edit); 6] = [
        ("bad IKE_SA_INIT response", |m| without(&mut m.payloads, |b| matches!(b, Body::Nonce(_)))),
        ("zero SPI", |m| m.header.responder_spi = IkeSpi::NONE),
        ("wrong group", |m| {
            each(&mut m.payloads, |b| {
                if let Body::Ke(ke) = b {
                    ke.group = KeId(19);
                }
            });
        }),
        ("bad public value", |m| {
            each(&mut m.payloads, |b| {
                if let Body::Ke(ke) = b {
                    ke.data.fill(0);
                }
            });
        }),
        ("proposal was not offered", |m| {
            each(&mut m.payloads, |b| {
                if let Body::Sa(sa) = b {
                    sa.proposals[0].transforms[0].id = 12;
                }
            });
        }),
        ("bad IKE_SA_INIT response", |m| {
            let again = m.payloads[0].clone();
            m.payloads.push(again);
        }),
    ];
    for (rule, change) in cases {
        let mut cable = init_answer(change);
        assert_eq!(broken(&cable, 0), [rule]);
        // The real answer still makes it (RFC 7296 §2.21.1).
        cable.hand = Box::new(|_| true);
        cable.run_for(Duration::from_secs(10));
        assert_eq!(cable.count(0, Phase::Established), 1, "{rule}");
    }
}

#[test]
fn an_initiator_that_distrusts_the_responder_says_so_and_both_end() {
    let cases: [(&str, Change); 4] = [
        ("wrong AUTH", |payloads| {
            each(payloads, |b| {
                if let Body::Auth(auth) = b {
                    auth.data[0] ^= 1;
                }
            });
        }),
        ("wrong identity", |payloads| {
            each(payloads, |b| {
                if let Body::IdR(id) = b {
                    id.data[3] ^= 1;
                }
            });
        }),
        ("bad IKE_AUTH response", |p| without(p, |b| matches!(b, Body::Auth(_)))),
        ("bad IKE_AUTH response", |p| without(p, |b| matches!(b, Body::IdR(_)))),
    ];
    for (rule, change) in cases {
        let mut cable = auth_answer(change);
        assert_eq!(broken(&cable, 0), [rule]);
        assert!(cable.ends[0].installed.is_empty(), "nothing is installed on such a word");
        assert_eq!(cable.ends[0].failed, ["site.net"]);
        let told = cable.sent.last().unwrap();
        let payloads = cable.read(0, &told.octets);
        let [Payload { body: Body::Notify(notify), .. }] = payloads.as_slice() else {
            panic!("{payloads:?}");
        };
        assert_eq!(notify.notify_type, NotifyType::AUTHENTICATION_FAILED);
        assert_eq!(exchange(&told.octets), ExchangeType::INFORMATIONAL);
        cable.hand = Box::new(|_| true);
        cable.run_for(Duration::from_secs(10));
        for end in 0..2 {
            assert!(cable.ends[end].installed.is_empty());
            assert_eq!(cable.count(end, Phase::Established), 0, "{rule}");
        }
    }
}

/// R1 rekeys the IKE SA, and R2's answer comes changed.
fn ike_rekey_answer(change: Change) -> Cable {
    let mut cable = Cable::up();
    cable.hand = Box::new(|message| message.from == 0);
    cable.rekey_ike(0);
    cable.run_for(Duration::from_millis(100));
    changed(&mut cable, 5, ExchangeType::CREATE_CHILD_SA, 2, change);
    cable
}

/// The payloads of the requests that an end began since the `from`th message.
fn asked(cable: &Cable, end: usize, from: usize) -> Vec<Vec<Payload>> {
    let fits = |m: &&common::Message| {
        m.from == end && !Header::parse(&m.octets).unwrap().header.flags.response()
    };
    cable.sent[from..].iter().filter(fits).map(|m| cable.read(end, &m.octets)).collect()
}

#[test]
fn an_answer_about_a_child_sa_that_breaks_a_rule_costs_that_child_sa_alone() {
    let cases: [(&str, Change); 6] = [
        ("transport mode was not asked for", |payloads| {
            payloads.push(Body::Notify(Notify::new(NotifyType::USE_TRANSPORT_MODE, &[])).into());
        }),
        ("payload missing", |p| without(p, |b| matches!(b, Body::TsI(_)))),
        ("payload missing", |p| without(p, |b| matches!(b, Body::Sa(_)))),
        ("bad CREATE_CHILD_SA response", |p| without(p, |b| matches!(b, Body::Nonce(_)))),
        ("proposal was not offered", |payloads| {
            each(payloads, |b| {
                if let Body::Sa(sa) = b {
                    sa.proposals[0].transforms[0].id = 12;
                }
            });
        }),
        ("selectors were not offered", |payloads| {
            each(payloads, |b| {
                if let Body::TsI(ts) = b {
                    *ts = selectors("0.0.0.0/0");
                }
            });
        }),
    ];
    for (rule, change) in cases {
        let mut cable = rekey_answer(change);
        assert_eq!(broken(&cable, 0), [rule]);
        // R2 made a pair; it is told by which SPI R1 asked for it (RFC 7296 §2.21).
        let spi = cable.ends[1]
            .installed
            .values()
            .map(|child| child.spi_out)
            .max_by_key(|spi| !cable.ends[0].installed.contains_key(spi));
        let delete = Body::Delete(Delete::esp(&[spi.unwrap()])).into();
        assert_eq!(asked(&cable, 0, 6), [vec![delete]], "{rule}");
        cable.hand = Box::new(|_| true);
        cable.run_for(Duration::from_secs(10));
        assert_eq!(cable.count(0, Phase::Established), 1, "{rule}");
        cable.assert_agree(1);
    }
}

#[test]
fn an_answer_to_ike_auth_with_a_bad_child_sa_costs_that_child_sa_alone() {
    let cases: [(&str, Change); 2] = [
        ("payload missing", |p| without(p, |b| matches!(b, Body::TsI(_)))),
        ("proposal was not offered", |payloads| {
            each(payloads, |b| {
                if let Body::Sa(sa) = b {
                    sa.proposals[0].transforms[0].id = 12;
                }
            });
        }),
    ];
    for (rule, change) in cases {
        let mut cable = auth_answer(change);
        assert_eq!(broken(&cable, 0), [rule]);
        assert_eq!(cable.ends[0].failed, ["site.net"]);
        cable.hand = Box::new(|_| true);
        cable.run_for(Duration::from_secs(10));
        let sas = [0, 1].map(|end| cable.count(end, Phase::Established));
        assert_eq!(sas, [1, 1], "{rule}");
        cable.assert_agree(0);
    }
}

#[test]
fn an_answer_that_leaves_the_ends_with_different_ike_sas_ends_them_with_a_delete() {
    let twice: Change = |payloads| payloads.push(payloads[0].clone());
    let without_spi: Change = |payloads| {
        each(payloads, |b| {
            if let Body::Sa(sa) = b {
                sa.proposals[0].spi.clear();
            }
        });
    };
    let other_group: Change = |payloads| {
        each(payloads, |b| {
            if let Body::Ke(ke) = b {
                ke.group = KeId(20);
            }
        });
    };
    let cases: [(&str, Cable); 5] = [
        ("bad response", rekey_answer(twice)),
        ("bad response", rekey_answer(without_spi)),
        ("bad response", ike_rekey_answer(twice)),
        ("payload missing", ike_rekey_answer(without_spi)),
        ("bad CREATE_CHILD_SA response", ike_rekey_answer(other_group)),
    ];
    for (rule, mut cable) in cases {
        assert_eq!(broken(&cable, 0), [rule]);
        assert_eq!(asked(&cable, 0, 6), [vec![Body::Delete(Delete::ike()).into()]], "{rule}");
        cable.hand = Box::new(|_| true);
        cable.run_for(Duration::from_secs(10));
        assert_eq!(cable.count(0, Phase::Established), 0, "{rule}");
        assert!(cable.ends[0].installed.is_empty());
    }
}

fn selectors(text: &str) -> ikelab_wire::payload::TrafficSelectors {
    use ikelab_wire::payload::{TrafficSelector, TrafficSelectors};
    TrafficSelectors { selectors: vec![TrafficSelector::Range(net(text))] }
}

#[test]
fn a_rekeyed_child_sa_with_less_than_before_is_deleted_and_the_old_one_stays() {
    let mut cable = rekey_answer(|payloads| {
        each(payloads, |b| {
            if let Body::TsI(ts) = b {
                *ts = selectors("192.168.1.0/25");
            }
        });
    });
    assert_eq!(broken(&cable, 0), ["rekeyed selectors are narrower"]);
    cable.hand = Box::new(|_| true);
    cable.run_for(Duration::from_secs(10));
    let left: Vec<_> = cable.ends[0].installed.values().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].local_ts, [net("192.168.1.0/24")], "RFC 7296 §2.9.2");
    cable.assert_agree(1);
}

#[test]
fn what_is_dropped_before_it_is_opened() {
    let mut cable = Cable::up();
    let forge = |cable: &Cable, exchange, response, id| {
        let header = cable.header(0, exchange, response, id);
        cable.forge(0, &header, &[])
    };
    let informational = ExchangeType::INFORMATIONAL;
    let good = forge(&cable, informational, false, 2);
    let with = |place: usize, bits: u8| {
        let mut octets = good.clone();
        octets[place] ^= bits;
        octets
    };
    for (reason, octets) in [
        ("malformed", vec![0; 10]),
        ("wrong version", with(17, 0x30)),
        ("outside the window", forge(&cable, informational, false, 50)),
        ("unsolicited response", forge(&cable, informational, true, 9)),
        // Our SPI stands where the initiator's would.
        ("wrong initiator flag", [&good[8..16], &good[..8], &with(19, 0x08)[16..]].concat()),
        ("forged", with(40, 1)),
    ] {
        let (sent, told) = (cable.sent.len(), cable.discarded(1).len());
        cable.inject(1, &octets);
        assert_eq!(cable.discarded(1)[told..], [reason.to_owned()]);
        assert_eq!(cable.sent.len(), sent, "{reason}: silence");
    }
    cable.inject(1, &good);
    assert_eq!(cable.sent.len(), 5, "and the next good request is answered");
}

#[test]
fn a_responder_that_waits_for_ike_auth_takes_nothing_else() {
    let mut cable = Cable::new(1, |_, _| {});
    cable.hand = Box::new(|message| exchange(&message.octets) == ExchangeType::IKE_SA_INIT);
    up(&mut cable);
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 1);
    let octets = cable.forge(0, &header, &[]);
    cable.inject(1, &octets);
    assert_eq!(cable.discarded(1), ["wrong exchange"]);
}

#[test]
fn strangers_and_too_many_are_dropped() {
    let mut cable = Cable::new(1, |_, _| {});
    cable.hand = Box::new(|_| false);
    up(&mut cable);
    let request = cable.sent[0].octets.clone();
    cable.inject_from(SocketAddr::from(([10, 7, 7, 7], 500)), 1, &request);
    assert_eq!(cable.discarded(1), ["no tunnel"]);

    let mut full = Cable::configured(1, |_, config| config.half_open_max = 0);
    up(&mut full);
    assert_eq!(full.discarded(1)[0], "half-open limit");
    assert_eq!(full.ends[1].events.len(), full.discarded(1).len(), "and nothing else happened");
}

#[test]
fn a_cookie_of_another_is_no_cookie() {
    let mut cable = Cable::new(1, |_, tunnel| tunnel.cookie = Cookie::Always);
    cable.hand = Box::new(|message| {
        let payloads = Message::parse(&message.octets).unwrap().payloads;
        !matches!(&payloads[0].body, Body::Notify(n) if message.from == 0 && n.notify_type == NotifyType::COOKIE)
    });
    up(&mut cable);
    let mut second = Message::parse(&cable.sent[2].octets).unwrap();
    let Body::Notify(cookie) = &mut second.payloads[0].body else { panic!("no cookie") };
    cookie.data[0] ^= 1;
    cable.inject(1, &second.emit());
    assert_eq!(cable.discarded(1), ["wrong cookie"]);
    assert_eq!(cable.count(1, Phase::InitResponded), 0, "no state without a good cookie");
}

#[test]
fn a_closed_ike_sa_answers_only_what_it_answered_before() {
    let mut cable = Cable::up();
    cable.command(0, Command::Down { tunnel: "site".into() });
    cable.run_for(SECOND);
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 3);
    let octets = cable.forge(0, &header, &[]);
    let sent = cable.sent.len();
    cable.inject(1, &octets);
    assert_eq!(cable.discarded(1), ["closed SA"]);
    assert_eq!(cable.sent.len(), sent);
    // What it answered before is answered when it is authentic.
    let delete = cable.sent[4].octets.clone();
    let mut forged = delete.clone();
    *forged.last_mut().unwrap() ^= 1;
    cable.inject(1, &forged);
    assert_eq!(cable.discarded(1), ["closed SA", "forged"]);
    assert_eq!(cable.sent.len(), sent);
    cable.inject(1, &delete);
    assert_eq!(cable.sent.len(), sent + 1);
}

#[test]
fn requests_that_are_declined() {
    // Nothing in common for the Child SA; the IKE SA stays.
    let mut cable = Cable::new(1, |end, tunnel| {
        if end == 1 {
            tunnel.children[0].proposals = esp_proposals(&["chacha20poly1305"]);
        }
    });
    up(&mut cable);
    assert_eq!(refused(&cable, 1), [NotifyType::NO_PROPOSAL_CHOSEN]);
    assert_eq!(cable.count(0, Phase::Established), 1);

    // A Child SA that is not there: its SPI is quoted (RFC 7296 §2.25).
    let mut cable = Cable::up();
    cable.hand = Box::new(|_| false);
    cable.rekey_child(0);
    let mut payloads = cable.read(0, &cable.sent[4].octets);
    each(&mut payloads, |b| {
        if let Body::Notify(Notify { notify_type: NotifyType::REKEY_SA, spi, .. }) = b {
            *spi = vec![1, 2, 3, 4];
        }
    });
    let header = cable.header(0, ExchangeType::CREATE_CHILD_SA, false, 2);
    let octets = cable.forge(0, &header, &payloads);
    cable.inject(1, &octets);
    assert_eq!(refused(&cable, 1), [NotifyType::CHILD_SA_NOT_FOUND]);
    let answer = cable.read(1, &cable.sent.last().unwrap().octets);
    assert!(matches!(&answer[0].body, Body::Notify(n) if n.spi == [1, 2, 3, 4]), "{answer:?}");

    // A critical payload that nobody knows, and a nonce too short.
    let unknown = Unknown { payload_type: PayloadType(130), octets: vec![1] };
    let critical = Payload { critical: true, body: Body::Unknown(unknown) };
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 3);
    let octets = cable.forge(0, &header, &[critical]);
    cable.inject(1, &octets);
    let short = |b: &mut Body| {
        if let Body::Nonce(nonce) = b {
            nonce.0.truncate(15);
        }
    };
    each(&mut payloads, short);
    let header = cable.header(0, ExchangeType::CREATE_CHILD_SA, false, 4);
    let octets = cable.forge(0, &header, &payloads);
    cable.inject(1, &octets);
    let all = refused(&cable, 1);
    assert_eq!(all[1], NotifyType::UNSUPPORTED_CRITICAL_PAYLOAD);
    // The SPI is still unknown, and that is seen first.
    assert!(matches!(all[2], NotifyType::CHILD_SA_NOT_FOUND | NotifyType::INVALID_SYNTAX));
}

/// The names are counted in the sources, and looked for in the tests.
#[test]
fn every_discard_every_refusal_and_every_broken_rule_is_met_in_a_test() {
    let folder = |name: &str| format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for name in ["src", "src/exchange", "src/exchange/create_child"] {
        read_all(&folder(name), &mut sources);
    }
    let mut tests = String::new();
    read_all(&folder("tests"), &mut tests);
    let guilt = std::fs::read_to_string(folder("src/guilt.rs")).unwrap();
    let discards = between(&guilt, "=> \"", "\",");
    let rules = between(&sources, "PeerMisbehaved::new(\"", "\"");
    let refusals = ["new", "with_data", "about"]
        .iter()
        .flat_map(|way| between(&sources, &format!("Refusal::{way}(NotifyType::"), ","));
    let quoted = discards.iter().chain(&rules).map(|name| format!("\"{name}\""));
    let missing: Vec<String> =
        quoted.chain(refusals).filter(|name| !tests.contains(name.as_str())).collect();
    assert!(discards.len() >= 23 && rules.len() >= 14, "the search still finds them");
    assert!(missing.is_empty(), "no test provokes {missing:?}");
}

fn read_all(folder: &str, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

fn between(text: &str, before: &str, after: &str) -> Vec<String> {
    let found = text.split(before).skip(1).filter_map(|rest| rest.split(after).next());
    found.filter(|name| name.len() < 60).map(str::to_owned).collect()
}
