//! A capture with its keys as the trace of a run between R1, 10.9.0.1, and R2, 10.9.0.2.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_dissect::keys::{Check, EspKeys, IkeKeys};
use ikelab_dissect::{Frames, KeyTable, Stripped};
use ikelab_trace::{
    ChildInstalled, ChildKeysLogged, EspEvent, EspMode, Established, Fact, Fate, HostId, HostInfo,
    IfaceInfo, IkeEvent, IkeKeysLogged, LinkId, LinkInfo, Octets, Origin, PacketId, Phase, Record,
    Role, SaId, Sent, Suite, Trace,
};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::{EsnId, KeId, PrfId};

const DELAY: Duration = Duration::from_millis(2);

pub(crate) fn folder(name: &str) -> PathBuf {
    let name = if name == "psk" { "aes192-sha384-ecp521" } else { name };
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/captures/pcap").join(name)
}

pub(crate) fn run(name: &str) -> Trace {
    let folder = folder(name);
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let mut keys = KeyTable::default();
    assert_eq!(keys.read_ike("ike", &text("ikev2_decryption_table")), []);
    assert_eq!(keys.read_esp("esp", &text("esp_sa")), []);
    let file = std::fs::read(folder.join("capture.pcap")).unwrap();
    let mut trace = Trace {
        hosts: vec![host("R1", 1, &[0]), host("R2", 2, &[0])],
        links: vec![LinkInfo { name: "wan".to_owned() }],
        records: packets(&file),
    };
    learn(&mut trace, &keys);
    trace
}

fn host(name: &str, number: u8, links: &[u16]) -> HostInfo {
    let iface = |link: &u16| IfaceInfo {
        name: format!("eth{link}"),
        addresses: vec![(IpAddr::from([10, 9, 0, number]), 24)],
        link: Some(LinkId(*link)),
    };
    HostInfo { name: name.to_owned(), ifaces: links.iter().map(iface).collect() }
}

fn packets(file: &[u8]) -> Vec<Record> {
    let mut first = None;
    let frames = Frames::read(file).map(Result::unwrap);
    let packet = |frame: ikelab_dissect::Frame<'_>| {
        let Stripped::Ip(octets) = frame.link.strip(frame.octets) else { panic!("{frame:?}") };
        let octets = IpView::parse(octets).unwrap().octets();
        let since = frame.time_ns - *first.get_or_insert(frame.time_ns);
        // The first record of a run is later than its beginning: keys come before packets.
        let at = Instant::from_nanos(since) + DELAY;
        let from_first = IpView::parse(octets).unwrap().src == Ipv4Addr::new(10, 9, 0, 1);
        let (host, to) = if from_first { (HostId(0), HostId(1)) } else { (HostId(1), HostId(0)) };
        let fates = vec![Fate::Arrives { host: to, iface: 0, at: at + DELAY, altered: None }];
        let sent = Sent {
            link: LinkId(0),
            octets: Octets::from(octets),
            fates,
            origin: Origin::Here,
            overheard: Vec::new(),
        };
        Record { at, host, seq: u64::from(frame.number) * 10, fact: Fact::Sent(sent) }
    };
    frames.map(packet).collect()
}

/// Puts what the hosts would have said of their SAs before the packets.
fn learn(trace: &mut Trace, keys: &KeyTable) {
    let mut seq = 1_000_000;
    let mut say = |host: u16, fact: Fact| {
        seq += 1;
        trace.records.push(Record { at: Instant::ZERO, host: HostId(host), seq, fact });
    };
    for keys in keys.ike() {
        let logged = ike_keys(keys);
        for (host, role) in [(0, Role::Initiator), (1, Role::Responder)] {
            say(host, Fact::Ike(IkeEvent::Keys(logged.clone())));
            let (from, to) = (Phase::Idle, Phase::Established);
            let reason = "recorded".into();
            say(host, Fact::Ike(IkeEvent::Phase { sa: logged.sa, from, to, reason }));
            say(host, Fact::Ike(IkeEvent::Established(Box::new(established(&logged, role)))));
        }
    }
    let parent = keys.ike()[0].clone();
    for pair in keys.esp().chunks(2) {
        let [first, second] = pair else { panic!("ESP SAs come in pairs") };
        let outbound = first.src == Some(address(1));
        let (out, back) = if outbound { (first, second) } else { (second, first) };
        for (host, role, out, back) in
            [(0, Role::Initiator, out, back), (1, Role::Responder, back, out)]
        {
            let child = child(&ike_keys(&parent), role, out, back);
            let counted = EspEvent::Sealed { spi: child.spi_out, sequence: 1, octets: 84 };
            say(host, Fact::Ike(IkeEvent::ChildInstalled(Box::new(child))));
            say(host, Fact::Esp(counted));
        }
    }
    trace.sort();
}

fn address(number: u8) -> IpAddr {
    IpAddr::from([10, 9, 0, number])
}

fn octets(octets: &[u8]) -> Octets {
    Octets::from(octets)
}

fn ike_keys(keys: &IkeKeys) -> IkeKeysLogged {
    IkeKeysLogged {
        sa: SaId { initiator: keys.initiator_spi, responder: keys.responder_spi },
        suite: Suite {
            prf: Some(PrfId::HMAC_SHA2_256),
            ke: Some(KeId::CURVE25519),
            esn: None,
            ..suite(keys.algorithms.encr, keys.algorithms.check)
        },
        sk_d: octets(&[]),
        sk_ai: octets(&keys.sk_ai),
        sk_ar: octets(&keys.sk_ar),
        sk_ei: octets(&keys.sk_ei),
        sk_er: octets(&keys.sk_er),
        sk_pi: octets(&[]),
        sk_pr: octets(&[]),
    }
}

fn suite(encr: ikelab_crypto::Encr, check: Check) -> Suite {
    let integ = match check {
        Check::Integ(integ) => Some(integ.id()),
        Check::Aead | Check::Skipped { .. } => None,
    };
    let (encr, encr_bits) = (encr.id(), encr.key_bits());
    Suite { encr, encr_bits, integ, prf: None, ke: None, esn: Some(EsnId::NO_ESN) }
}

fn ends(role: Role) -> (SocketAddr, SocketAddr) {
    let end = |number| SocketAddr::new(address(number), 500);
    match role {
        Role::Initiator => (end(1), end(2)),
        Role::Responder => (end(2), end(1)),
    }
}

fn established(keys: &IkeKeysLogged, role: Role) -> Established {
    let (local, remote) = ends(role);
    Established {
        sa: keys.sa,
        tunnel: "site".to_owned(),
        role,
        local,
        remote,
        local_id: format!("ipv4 {}", local.ip()),
        remote_id: format!("ipv4 {}", remote.ip()),
        suite: keys.suite.clone(),
        local_auth: "psk".to_owned(),
        remote_auth: "psk".to_owned(),
        rekey_at: Some(Instant::from_secs(108)),
        expires_at: Some(Instant::from_secs(120)),
        replaces: None,
        window_ours: 1,
        window_peers: 1,
    }
}

fn child(parent: &IkeKeysLogged, role: Role, out: &EspKeys, back: &EspKeys) -> ChildInstalled {
    let (local, remote) = ends(role);
    let selectors = ["10.1.0.0/16".to_owned(), "10.2.0.0/16".to_owned()];
    let [first, second] = selectors.map(|selector| vec![selector]);
    let (local_ts, remote_ts) = match role {
        Role::Initiator => (first, second),
        Role::Responder => (second, first),
    };
    ChildInstalled {
        child: "site.net".to_owned(),
        tunnel: "site".to_owned(),
        parent: parent.sa,
        role,
        spi_in: back.spi.unwrap_or(EspSpi(0)),
        spi_out: out.spi.unwrap_or(EspSpi(0)),
        suite: suite(out.algorithms.encr, out.algorithms.check),
        mode: EspMode::Tunnel,
        local,
        remote,
        encapsulated: false,
        local_ts,
        remote_ts,
        keys: ChildKeysLogged {
            encr_out: octets(&out.encr),
            integ_out: octets(&out.integ),
            encr_in: octets(&back.encr),
            integ_in: octets(&back.integ),
        },
        rekey_at: None,
        expires_at: Some(Instant::from_secs(3_600)),
        replaces: None,
    }
}

pub(crate) fn is_sent(record: &Record) -> bool {
    matches!(record.fact, Fact::Sent(_))
}

pub(crate) fn sent_places(trace: &Trace) -> Vec<usize> {
    (0..trace.records.len()).filter(|place| is_sent(&trace.records[*place])).collect()
}

pub(crate) fn set_fates(trace: &mut Trace, place: usize, fates: Vec<Fate>) {
    if let Fact::Sent(sent) = &mut trace.records[place].fact {
        sent.fates = fates;
    }
}

/// The packet with this number, from 0, is lost.
pub(crate) fn lose(trace: &mut Trace, number: usize) {
    let place = sent_places(trace)[number];
    set_fates(trace, place, vec![Fate::Lost { reason: "loss".into() }]);
}

/// The packet with this number arrives twice.
pub(crate) fn twice(trace: &mut Trace, number: usize) {
    let place = sent_places(trace)[number];
    if let Fact::Sent(sent) = &mut trace.records[place].fact {
        let fate = sent.fates[0].clone();
        sent.fates.push(fate);
    }
}

/// The same run with a router between the two, and two links instead of one.
pub(crate) fn through_a_router(name: &str) -> Trace {
    let mut trace = run(name);
    trace.hosts = vec![host("R1", 1, &[0]), host("R2", 2, &[1]), host("router", 254, &[0, 1])];
    trace.links = ["near", "far"].map(|name| LinkInfo { name: name.to_owned() }).to_vec();
    let records = std::mem::take(&mut trace.records);
    for mut record in records {
        let Fact::Sent(sent) = &mut record.fact else {
            trace.records.push(record);
            continue;
        };
        let mut passed_on = sent.clone();
        let fate = |host, at| vec![Fate::Arrives { host, iface: 0, at, altered: None }];
        let (to, near, far) = if record.host == HostId(0) {
            (HostId(1), LinkId(0), LinkId(1))
        } else {
            (HostId(0), LinkId(1), LinkId(0))
        };
        let at = record.at;
        (sent.link, sent.fates) = (near, fate(HostId(2), at));
        (passed_on.link, passed_on.fates) = (far, fate(to, at + DELAY));
        // A router lowers the hop limit, and so changes the packet.
        let mut octets = passed_on.octets.to_vec();
        ikelab_wire::ip::decrement_ttl(&mut octets).unwrap();
        passed_on.octets = Octets::from(octets);
        let seq = record.seq;
        passed_on.origin = Origin::PassedOn(PacketId { host: record.host, seq });
        trace.records.push(record);
        trace.records.push(Record { at, host: HostId(2), seq, fact: Fact::Sent(passed_on) });
    }
    trace
}
