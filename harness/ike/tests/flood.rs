//! What a stranger can make an engine remember: nothing, however often it sends what.
//!
//! A million of each class take a while: `cargo test -p ikelab-ike --release --test flood -- --ignored`.

use std::net::{IpAddr, SocketAddr};

use ikelab_ambient::{Instant, Seeded};
use ikelab_ike::config::{Config, Cookie, Tunnel};
use ikelab_ike::{Engine, Input, Output};
use ikelab_trace::IkeEvent;

mod common;

use common::{ike_proposals, tunnel};

const INITIATOR: [u8; 8] = [0x11; 8];

/// A header: SPIs, first payload, version, exchange, flags, message id, length.
fn header(responder: u64, next: u8, version: u8, exchange: u8, flags: u8, length: u32) -> Vec<u8> {
    let mut octets = INITIATOR.to_vec();
    octets.extend(responder.to_be_bytes());
    octets.extend([next, version, exchange, flags]);
    octets.extend(0_u32.to_be_bytes());
    octets.extend(length.to_be_bytes());
    octets
}

/// A message in the clear of payloads with their types.
fn message(exchange: u8, flags: u8, payloads: &[(u8, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (place, (_, octets)) in payloads.iter().enumerate() {
        let next = payloads.get(place + 1).map_or(0, |(kind, _)| *kind);
        body.extend([next, 0]);
        body.extend(u16::try_from(octets.len() + 4).unwrap().to_be_bytes());
        body.extend(*octets);
    }
    let length = u32::try_from(28 + body.len()).unwrap();
    let first = payloads.first().map_or(0, |(kind, _)| *kind);
    let mut octets = header(0, first, 0x20, exchange, flags, length);
    octets.extend(body);
    octets
}

/// One proposal: AES-CBC-256, HMAC-SHA2-256-128, PRF-HMAC-SHA2-256, Curve25519.
const OFFER: &[u8] = &[
    0, 0, 0, 44, 1, 1, 0, 4, // the proposal, with four transforms
    3, 0, 0, 12, 1, 0, 0, 12, 0x80, 14, 1, 0, // ENCR
    3, 0, 0, 8, 3, 0, 0, 12, // INTEG
    3, 0, 0, 8, 2, 0, 0, 5, // PRF
    0, 0, 0, 8, 4, 0, 0, 31, // KE
];

fn ke(group: u8, length: usize) -> Vec<u8> {
    [vec![0, group, 0, 0], vec![9; length]].concat()
}

/// A class of messages that lead to nothing: its name, and the message.
fn classes() -> Vec<(&'static str, Vec<u8>)> {
    let good = |extra: &[(u8, &[u8])]| {
        let ke = ke(31, 32);
        let usual: [(u8, &[u8]); 3] = [(33, OFFER), (34, &ke), (40, &[7; 32])];
        message(34, 8, &[&usual, extra].concat())
    };
    let mut longer = good(&[]);
    longer.extend([0; 40]);
    let mut shorter = good(&[]);
    shorter.truncate(90);
    let mut unknown = message(35, 8, &[(33, OFFER)]);
    unknown[8..16].fill(0x22);
    let (bad_ke, no_nonce) = (ke(31, 31), ke(31, 32));
    vec![
        ("no octets", Vec::new()),
        ("no header", vec![0; 27]),
        ("another version", header(0, 33, 0x30, 34, 8, 28)),
        ("IKEv1", header(0, 1, 0x10, 2, 0, 28)),
        ("no payloads", message(34, 8, &[])),
        ("longer than it says", longer),
        ("shorter than it says", shorter),
        ("unknown and critical", {
            let mut octets = good(&[(200, &[1])]);
            let at = octets.len() - 4;
            octets[at] = 0x80;
            octets
        }),
        ("no nonce", message(34, 8, &[(33, OFFER), (34, &no_nonce)])),
        ("short nonce", message(34, 8, &[(33, OFFER), (34, &no_nonce), (40, &[7; 15])])),
        ("bad public value", message(34, 8, &[(33, OFFER), (34, &bad_ke), (40, &[7; 32])])),
        ("two SA payloads", message(34, 8, &[(33, OFFER), (33, OFFER)])),
        ("nothing to choose", message(34, 8, &[(33, &[]), (34, &no_nonce), (40, &[7; 32])])),
        ("an answer to nothing", message(34, 0x20, &[(33, OFFER)])),
        ("over an IKE SA that is not there", unknown),
        ("an unknown exchange", message(99, 8, &[(33, OFFER)])),
        ("a response with an SPI of nobody", message(37, 0x28, &[])),
        ("a wrong cookie", good(&[(41, &[0, 0, 0x40, 6, 1, 2, 3])])),
    ]
}

/// The tunnel of the end that is flooded, whose policy has what [`OFFER`] offers.
fn flooded() -> Tunnel {
    Tunnel { proposals: ike_proposals(&["aes256-sha256-x25519"]), ..tunnel(1) }
}

fn engine(cookie: Cookie) -> (Engine, SocketAddr, SocketAddr) {
    let mut tunnel = flooded();
    tunnel.cookie = cookie;
    let (local, remote) = (tunnel.local, tunnel.remote);
    let engine = Engine::new(Config::new(vec![tunnel]));
    (engine, SocketAddr::new(local, 500), SocketAddr::new(remote, 500))
}

/// Sends so many of each class, ten thousand a second; tells how many entries there ever were, and
/// how many events.
fn flood(octets: &[u8], count: u32) -> (usize, u64) {
    let (mut engine, local, remote) = engine(Cookie::Always);
    let mut entropy = Seeded::new(1, "flood");
    let (mut most, mut told) = (0, 0);
    for number in 0..count {
        let now = Instant::from_nanos(u64::from(number) * 100_000);
        let input = Input::Datagram { local, remote, octets };
        let out = engine.handle(now, &mut entropy, input);
        told += out.iter().filter(|out| matches!(out, Output::Event(_))).count() as u64;
        most = most.max(engine.entries());
    }
    (most, told)
}

#[test]
fn two_thousand_copies_of_each_leave_nothing_and_few_words() {
    for (class, octets) in classes() {
        let (most, told) = flood(&octets, 2_000);
        assert_eq!(most, 0, "{class}");
        // RFC 7296 §2.4: two hundred at once, and a hundred a second.
        assert!(told <= 200 + 100, "{class}: {told} events");
    }
}

#[test]
fn twenty_thousand_requests_of_others_are_answered_with_cookies_and_forgotten() {
    let ke = ke(31, 32);
    let (mut engine, local, _) = engine(Cookie::Always);
    let mut entropy = Seeded::new(1, "flood");
    let remote = SocketAddr::new(tunnel(1).remote, 500);
    for number in 0..20_000_u32 {
        let nonce = [number.to_be_bytes().as_slice(), &[0; 28]].concat();
        let octets = message(34, 8, &[(33, OFFER), (34, &ke), (40, &nonce)]);
        let now = Instant::from_nanos(u64::from(number) * 100_000);
        let out =
            engine.handle(now, &mut entropy, Input::Datagram { local, remote, octets: &octets });
        assert_eq!(out.len(), 1, "one cookie, and nothing computed: {out:?}");
        assert_eq!(engine.entries(), 0);
    }
}

/// The reasons for which messages were ignored, and how many were answered.
fn outcome(out: &[Output]) -> (Vec<&str>, usize) {
    let ignored = out.iter().filter_map(|out| match out {
        Output::Event(IkeEvent::Discarded { reason, .. }) => Some(reason.as_ref()),
        _ => None,
    });
    let answered = out.iter().filter(|out| matches!(out, Output::Transmit { .. })).count();
    (ignored.collect(), answered)
}

#[test]
fn one_source_has_its_share_of_half_open_ike_sas_and_others_have_theirs() {
    let mut tunnel = flooded();
    tunnel.remote = IpAddr::from([0; 4]);
    let local = SocketAddr::new(tunnel.local, 500);
    let per_source = Some(3);
    let config = Config { half_open_per_source: per_source, ..Config::new(vec![tunnel]) };
    let mut engine = Engine::new(config);
    let mut entropy = Seeded::new(1, "flood");
    let ke = ke(31, 32);
    let mut ask = |at: u64, from: [u8; 4], nonce: u8| {
        let octets = message(34, 8, &[(33, OFFER), (34, &ke), (40, &[nonce; 32])]);
        let remote = SocketAddr::from((from, 500));
        let now = Instant::from_secs(at);
        engine.handle(now, &mut entropy, Input::Deadline);
        let out =
            engine.handle(now, &mut entropy, Input::Datagram { local, remote, octets: &octets });
        let (ignored, answered) = outcome(&out);
        (ignored.first().map(|reason| (*reason).to_owned()), answered)
    };
    for nonce in 0..3 {
        assert_eq!(ask(0, [10, 7, 7, 7], nonce), (None, 1));
    }
    let full = Some("half-open limit of a source".to_owned());
    assert_eq!(ask(1, [10, 7, 7, 7], 3), (full, 0));
    assert_eq!(ask(1, [10, 7, 7, 8], 4), (None, 1), "another source");
    assert_eq!(ask(60, [10, 7, 7, 7], 5), (None, 1), "the others have ended");
}

/// Kibibytes of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[test]
#[ignore = "a million messages of each class take a minute"]
fn a_million_copies_of_each_take_no_more_memory_than_ten_thousand() {
    for (class, octets) in classes() {
        flood(&octets, 10_000);
        let before = resident();
        let (most, told) = flood(&octets, 1_000_000);
        let grown = resident().saturating_sub(before);
        println!("{class}: {grown} KiB more, {told} events");
        assert_eq!(most, 0, "{class}");
        assert!(told <= 200 + 100 * 100 + 100, "{class}: {told} events");
        assert!(grown < 1_024, "{class}: {grown} KiB more");
    }
}
