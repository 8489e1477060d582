//! Internal addresses by CP (RFC 7296 §2.19, §3.15): R1 asks, R2 gives.

mod common;

use core::time::Duration;
use std::net::IpAddr;

use common::{Cable, net};
use ikelab_ike::Command;
use ikelab_ike::config::{Config, Options, Pool, VirtualIp};
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::ike::Header;
use ikelab_wire::payload::{
    Body, Configuration, ConfigurationAttribute as Attribute, Payload, SelectorRange,
};
use ikelab_wire::registry::{ConfigAttribute as Kind, ConfigType, ExchangeType, NotifyType};

const SECOND: Duration = Duration::from_secs(1);

fn at(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn pool(blocks: &[(&str, u8)]) -> Pool {
    Pool {
        blocks: blocks.iter().map(|(block, length)| (at(block), *length)).collect(),
        dns: vec![at("192.168.2.53"), at("2001:db8:2::53")],
        subnets: vec![(at("192.168.2.0"), 24), (at("2001:db8:2::"), 64)],
        required: false,
    }
}

fn both_families() -> Pool {
    pool(&[("10.9.0.0", 24), ("2001:db8:9::", 112)])
}

/// R1 asks for both families, R2 has this pool; R1's side of the Child SA is everything.
fn roadwarrior(pool: &Pool) -> impl Fn(usize, &mut Config) {
    let pool = pool.clone();
    move |end, config| {
        let tunnel = &mut config.tunnels[0];
        let (anywhere, inside) = (
            vec![net("0.0.0.0/0"), net("::/0")],
            vec![net("192.168.2.0/24"), net("2001:db8:2::/64")],
        );
        let child = &mut tunnel.children[0];
        (child.local, child.remote) =
            if end == 0 { (anywhere, inside) } else { (inside, anywhere) };
        tunnel.options.virtual_ip = match end {
            0 => VirtualIp::Request { ipv4: true, ipv6: true },
            _ => VirtualIp::Pool(pool.clone()),
        };
    }
}

fn cable(pool: &Pool) -> Cable {
    Cable::configured(1, roadwarrior(pool))
}

fn up(cable: &mut Cable) {
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(SECOND);
}

/// The CP payload of a message, if it has one.
fn config(payloads: &[Payload]) -> Option<&Configuration> {
    payloads.iter().find_map(|payload| match &payload.body {
        Body::Config(config) => Some(config),
        _ => None,
    })
}

fn sent_config(cable: &Cable, place: usize) -> Option<Configuration> {
    let message = &cable.sent[place];
    config(&cable.read(message.from, &message.octets)).cloned()
}

fn has_error(payloads: &[Payload], wanted: NotifyType) -> bool {
    payloads.iter().any(|p| matches!(&p.body, Body::Notify(n) if n.notify_type == wanted))
}

fn last_payloads(cable: &Cable) -> Vec<Payload> {
    let message = cable.sent.last().unwrap();
    cable.read(message.from, &message.octets)
}

fn leased(cable: &Cable, end: usize) -> Vec<IpAddr> {
    let events = cable.ends[end].events.iter();
    let mut held: Vec<IpAddr> = Vec::new();
    for (_, event) in events {
        match event {
            IkeEvent::AddressLeased { address, .. } => held.push(*address),
            IkeEvent::AddressReleased { address, .. } => {
                let place = held.iter().position(|other| other == address);
                held.remove(place.expect("what is released was leased"));
            }
            _ => {}
        }
    }
    held
}

/// Lets R1 begin, and gives its IKE_AUTH request to `change` before R2 has it.
fn with_request(pool: &Pool, change: impl Fn(&mut Vec<Payload>)) -> Cable {
    let mut cable = cable(pool);
    let first = |octets: &[u8]| Header::parse(octets).unwrap().header.exchange.0 == 34;
    cable.hand = Box::new(move |message| first(&message.octets));
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_millis(100));
    let mut payloads = cable.read(0, &cable.sent[2].octets);
    change(&mut payloads);
    let header = cable.header(0, ExchangeType::IKE_AUTH, false, 1);
    let message = cable.forge(0, &header, &payloads);
    cable.inject(1, &message);
    cable
}

fn set_attributes(payloads: &mut [Payload], attributes: &[(Kind, &[u8])]) {
    let list =
        attributes.iter().map(|(kind, value)| Attribute { kind: *kind, value: value.to_vec() });
    for payload in payloads {
        if let Body::Config(config) = &mut payload.body {
            config.attributes = list.clone().collect();
        }
    }
}

#[test]
fn an_address_of_each_family_is_asked_for_before_sa_and_given_with_what_belongs_to_it() {
    let mut cable = cable(&both_families());
    up(&mut cable);
    cable.assert_agree(1);
    let request = cable.read(0, &cable.sent[2].octets);
    let place = |wanted: fn(&Body) -> bool| request.iter().position(|p| wanted(&p.body)).unwrap();
    assert!(place(|b| matches!(b, Body::Config(_))) < place(|b| matches!(b, Body::Sa(_))));
    let asked = sent_config(&cable, 2).unwrap();
    assert_eq!(asked.config_type, ConfigType::CFG_REQUEST);
    assert!(asked.attributes.iter().all(|attribute| attribute.value.is_empty()));
    let given = sent_config(&cable, 3).unwrap();
    assert_eq!(given.config_type, ConfigType::CFG_REPLY);
    let words: Vec<String> = given.attributes.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "INTERNAL_IP4_ADDRESS=10.9.0.1",
            "INTERNAL_IP4_NETMASK=255.255.255.255",
            "INTERNAL_IP4_DNS=192.168.2.53",
            "INTERNAL_IP4_SUBNET=c0a80200ffffff00",
            "INTERNAL_IP6_ADDRESS=2001:db8:9::1",
            "INTERNAL_IP6_DNS=2001:db8:2::53",
            "INTERNAL_IP6_SUBNET=20010db8000200000000000000000000040",
        ]
        .map(|word| word.replace("0000000000000000040", "000000000000000040"))
    );
    // RFC 7296 §3.15.1: the address of IPv6 is followed by the length of its prefix.
    assert_eq!(given.attributes[4].value.len(), 17);
    assert_eq!(given.attributes[4].value[16], 112);
}

#[test]
fn the_address_becomes_the_clients_own_and_the_selectors_are_narrowed_to_it() {
    let mut cable = cable(&both_families());
    up(&mut cable);
    let mine: Vec<IpAddr> = cable.ends[0].addresses.iter().copied().collect();
    assert_eq!(mine, [at("10.9.0.1"), at("2001:db8:9::1")]);
    assert!(cable.ends[1].addresses.is_empty());
    let host = |text: &str| net(text);
    let expected = [host("10.9.0.1/32"), host("2001:db8:9::1/128")];
    let ranges = |ranges: &[SelectorRange]| ranges.to_vec();
    for child in cable.ends[0].installed.values() {
        assert_eq!(ranges(&child.local_ts), expected);
    }
}

#[test]
fn the_address_stays_through_rekeys_of_both_kinds_and_is_free_after_the_last_ike_sa() {
    let mut cable = cable(&both_families());
    up(&mut cable);
    cable.rekey_child(0);
    cable.run_for(SECOND);
    let asked_again = (4..cable.sent.len()).any(|place| sent_config(&cable, place).is_some());
    assert!(!asked_again, "who has an address asks for none");
    for _ in 0..2 {
        cable.rekey_ike(0);
        cable.run_for(SECOND);
        cable.rekey_child(1);
        cable.run_for(SECOND);
        cable.rekey_ike(1);
        cable.run_for(SECOND);
        cable.rekey_child(0);
        cable.run_for(SECOND);
    }
    cable.assert_agree(1);
    assert_eq!((leased(&cable, 0).len(), leased(&cable, 1).len()), (2, 2));
    let child = cable.ends[0].installed.values().next().unwrap();
    assert_eq!(child.local_ts[0], net("10.9.0.1/32"));
    cable.command(0, Command::Down { tunnel: "site".into() });
    cable.run_for(SECOND);
    assert!(cable.ends[0].addresses.is_empty());
    assert_eq!((leased(&cable, 0).len(), leased(&cable, 1).len()), (0, 0));
    // The next one gets the same, for it is free.
    up(&mut cable);
    assert!(cable.ends[0].addresses.contains(&at("10.9.0.1")));
}

#[test]
fn crossed_rekeys_of_the_ike_sa_leave_one_lease() {
    for seed in 1..=8 {
        let mut cable = Cable::configured(seed, roadwarrior(&both_families()));
        up(&mut cable);
        cable.rekey_ike(0);
        cable.rekey_ike(1);
        cable.run_for(Duration::from_secs(200));
        cable.assert_agree(1);
        assert_eq!((leased(&cable, 0).len(), leased(&cable, 1).len()), (2, 2), "seed {seed}");
        cable.command(1, Command::Down { tunnel: "site".into() });
        cable.run_for(SECOND);
        assert_eq!((leased(&cable, 0).len(), leased(&cable, 1).len()), (0, 0), "seed {seed}");
        assert!(cable.ends[0].addresses.is_empty());
    }
}

#[test]
fn a_client_that_comes_again_has_its_address_again_and_it_is_not_given_twice() {
    let mut cable = cable(&pool(&[("10.9.0.8", 32)]));
    up(&mut cable);
    // R1 forgets everything; its new IKE SA says INITIAL_CONTACT.
    cable.ends[0].restart(roadwarrior(&pool(&[("10.9.0.8", 32)])), 0);
    up(&mut cable);
    cable.assert_agree(1);
    assert!(cable.ends[0].addresses.contains(&at("10.9.0.8")));
    assert_eq!(cable.count(1, Phase::Established), 1);
    cable.command(0, Command::Down { tunnel: "site".into() });
    cable.run_for(SECOND);
    let free = |event: &IkeEvent| matches!(event, IkeEvent::AddressReleased { .. });
    assert_eq!(cable.ends[1].events.iter().filter(|(_, event)| free(event)).count(), 1);
}

#[test]
fn without_an_address_left_the_child_sa_is_refused_and_the_ike_sa_stays() {
    // The only address is in use: RFC 7296 §3.15.4.
    let mut cable = cable(&pool(&[]));
    up(&mut cable);
    assert!(has_error(&cable.read(1, &cable.sent[3].octets), NotifyType::INTERNAL_ADDRESS_FAILURE));
    assert_eq!((cable.count(0, Phase::Established), cable.count(1, Phase::Established)), (1, 1));
    cable.assert_agree(0);
    assert_eq!(cable.ends[0].failed, ["site.net"]);
}

#[test]
fn a_family_that_the_pool_has_not_is_left_out() {
    let mut cable = cable(&pool(&[("2001:db8:9::", 112)]));
    up(&mut cable);
    let mine: Vec<IpAddr> = cable.ends[0].addresses.iter().copied().collect();
    assert_eq!(mine, [at("2001:db8:9::1")]);
    let child = cable.ends[0].installed.values().next().unwrap();
    assert_eq!(child.local_ts, [net("2001:db8:9::1/128")]);
}

#[test]
fn a_policy_that_wants_cp_refuses_a_child_sa_without_it() {
    let mut wanting = both_families();
    for required in [true, false] {
        wanting.required = required;
        let cable = with_request(&wanting, |payloads| {
            payloads.retain(|payload| !matches!(payload.body, Body::Config(_)));
        });
        let answer = last_payloads(&cable);
        assert_eq!(has_error(&answer, NotifyType::FAILED_CP_REQUIRED), required);
        // RFC 7296 §2.19: no CFG_REPLY that was not asked for.
        assert!(config(&answer).is_none());
        assert_eq!(cable.count(1, Phase::Established), 1, "the IKE SA is there all the same");
        assert_eq!(cable.ends[1].installed.len(), usize::from(!required));
    }
}

#[test]
fn unknown_attributes_are_passed_over_and_impossible_addresses_are_no_addresses() {
    let pool = both_families();
    let unknown = with_request(&pool, |payloads| {
        let long = vec![7; 500];
        let kinds = [(Kind(5), &[][..]), (Kind(20_000), &long), (Kind(6), &[1, 2])];
        let mut attributes = kinds.to_vec();
        attributes.push((Kind::INTERNAL_IP4_ADDRESS, &[]));
        set_attributes(payloads, &attributes);
    });
    let words = config(&last_payloads(&unknown)).unwrap().to_string();
    assert_eq!(words, "CFG_REPLY INTERNAL_IP4_ADDRESS=10.9.0.1");

    let prefix_129 = [&[0x20; 16][..], &[129]].concat();
    for (kind, value) in [
        (Kind::INTERNAL_IP4_ADDRESS, vec![1; 3]),
        (Kind::INTERNAL_IP4_ADDRESS, vec![1; 5]),
        (Kind::INTERNAL_IP6_ADDRESS, vec![1; 15]),
        (Kind::INTERNAL_IP6_ADDRESS, vec![1; 16]),
        (Kind::INTERNAL_IP6_ADDRESS, vec![1; 18]),
        (Kind::INTERNAL_IP6_ADDRESS, prefix_129),
    ] {
        let cable = with_request(&pool, |payloads| set_attributes(payloads, &[(kind, &value)]));
        let told = |event: &IkeEvent| matches!(event, IkeEvent::PeerMisbehaved { rule, .. } if rule == "bad configuration attribute");
        assert!(cable.ends[1].said(told), "{kind} of {}", value.len());
        assert!(leased(&cable, 1).is_empty());
        assert_eq!(cable.count(1, Phase::Established), 1);
    }
}

#[test]
fn a_hint_is_followed_where_it_can_be() {
    for (hint, given) in [([10, 9, 0, 77], "10.9.0.77"), ([10, 8, 0, 1], "10.9.0.1")] {
        let cable = with_request(&both_families(), |payloads| {
            set_attributes(payloads, &[(Kind::INTERNAL_IP4_ADDRESS, &hint)]);
        });
        assert_eq!(leased(&cable, 1), [at(given)]);
    }
}

#[test]
fn only_what_was_asked_for_and_can_be_a_hosts_address_is_taken() {
    let ipv6 = [&[0x20; 16][..], &[64]].concat();
    for (ipv4, taken) in [([10, 9, 0, 1], 1), ([0; 4], 0), ([224, 0, 0, 1], 0), ([127, 0, 0, 1], 0)]
    {
        let mut cable = Cable::configured(1, |end, config| {
            roadwarrior(&both_families())(end, config);
            if end == 0 {
                let request = VirtualIp::Request { ipv4: true, ipv6: false };
                config.tunnels[0].options.virtual_ip = request;
            }
        });
        cable.hand = Box::new(|message| {
            let header = Header::parse(&message.octets).unwrap().header;
            message.from == 0 || header.exchange == ExchangeType::IKE_SA_INIT
        });
        cable.command(0, Command::Up { tunnel: "site".into(), child: None });
        cable.run_for(Duration::from_millis(100));
        let mut payloads = cable.read(1, &cable.sent[3].octets);
        let given = [(Kind::INTERNAL_IP4_ADDRESS, &ipv4[..]), (Kind::INTERNAL_IP6_ADDRESS, &ipv6)];
        set_attributes(&mut payloads, &given);
        let header = cable.header(1, ExchangeType::IKE_AUTH, true, 1);
        let octets = cable.forge(1, &header, &payloads);
        cable.inject(0, &octets);
        assert_eq!(cable.ends[0].addresses.len(), taken, "{ipv4:?}");
        assert!(cable.ends[0].addresses.iter().all(IpAddr::is_ipv4));
    }
}

#[test]
fn a_reply_that_nobody_asked_for_changes_nothing() {
    let mut cable = Cable::up();
    let reply = Body::Config(Configuration {
        config_type: ConfigType::CFG_REPLY,
        attributes: vec![Attribute { kind: Kind::INTERNAL_IP4_ADDRESS, value: vec![10, 9, 0, 1] }],
    });
    let header = cable.header(1, ExchangeType::INFORMATIONAL, false, 0);
    let message = cable.forge(1, &header, &[reply.into()]);
    cable.inject(0, &message);
    assert!(cable.ends[0].addresses.is_empty());
    assert!(last_payloads(&cable).is_empty(), "an empty answer");
}

#[test]
fn settings_are_declined_and_nobody_is_told_our_version() {
    let mut cable = Cable::up();
    let ask = |cable: &mut Cable, id, config_type, kind| {
        let attributes = vec![Attribute { kind, value: Vec::new() }];
        let config = Body::Config(Configuration { config_type, attributes }).into();
        let header = cable.header(0, ExchangeType::INFORMATIONAL, false, id);
        let message = cable.forge(0, &header, &[config]);
        cable.inject(1, &message);
        config_words(cable)
    };
    let set = ask(&mut cable, 2, ConfigType::CFG_SET, Kind::INTERNAL_IP4_ADDRESS);
    assert_eq!(set.as_deref(), Some("CFG_ACK"), "RFC 7296 §3.15: nothing was accepted");
    let version = ask(&mut cable, 3, ConfigType::CFG_REQUEST, Kind::APPLICATION_VERSION);
    assert_eq!(version.as_deref(), Some("CFG_REPLY APPLICATION_VERSION"), "RFC 7296 §2.20");
    assert_eq!(ask(&mut cable, 4, ConfigType::CFG_ACK, Kind::INTERNAL_IP4_DNS), None);
}

fn config_words(cable: &Cable) -> Option<String> {
    config(&last_payloads(cable)).map(ToString::to_string)
}

#[test]
fn who_asks_for_nothing_is_given_nothing() {
    let plain = Options::default();
    assert_eq!(plain.virtual_ip, VirtualIp::None);
    let cable = Cable::up();
    assert!((2..4).all(|place| sent_config(&cable, place).is_none()));
}
