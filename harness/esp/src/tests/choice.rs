//! Which SA carries a packet, and when one is asked for.

use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::EspEvent;
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::SelectorRange;

use super::{
    CBC, GCM, SaConfig, config_a, delivered, gateways, mirrored, net, ping, policy_a, reason,
    receive, request, sealed, send, send_at, spi_of,
};
use crate::{Esp, Output};

/// The outbound SPI that a packet takes.
fn taken(esp: &mut Esp) -> EspSpi {
    spi_of(&sealed(&send(esp, &request())).expect("a sealed packet"))
}

fn rekeyed(number: u32, replaces: u32) -> SaConfig {
    SaConfig {
        send_at_once: false,
        replaces: Some(config_a(replaces, GCM).spi_in),
        ..config_a(number, GCM)
    }
}

fn asked(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::Acquire { .. }))
}

#[test]
fn the_newest_sa_carries_the_packet() {
    let (mut near, _) = gateways(config_a(1, GCM));
    near.install(config_a(2, GCM));
    assert_eq!(taken(&mut near), config_a(2, GCM).spi_out);
    near.remove(config_a(2, GCM).spi_in);
    assert_eq!(taken(&mut near), config_a(1, GCM).spi_out);
}

#[test]
fn a_responders_new_sa_waits_for_its_first_inbound_packet() {
    let (mut near, mut far) = gateways(config_a(1, GCM));
    near.install(rekeyed(2, 1));
    far.install(mirrored(&config_a(2, GCM)));
    assert_eq!(taken(&mut near), config_a(1, GCM).spi_out, "nothing has come in");
    let packet = sealed(&send(&mut far, &ping("192.168.2.1", "192.168.1.1", 8))).unwrap();
    let arrived = receive(&mut near, &packet);
    assert_eq!(arrived[0], Output::Used { spi_in: config_a(2, GCM).spi_in });
    assert_eq!(taken(&mut near), config_a(2, GCM).spi_out);
}

#[test]
fn a_forged_packet_does_not_end_the_wait() {
    let (mut near, mut far) = gateways(config_a(1, GCM));
    near.install(rekeyed(2, 1));
    far.install(mirrored(&config_a(2, GCM)));
    let mut packet = sealed(&send(&mut far, &ping("192.168.2.1", "192.168.1.1", 8))).unwrap();
    *packet.last_mut().unwrap() ^= 1;
    receive(&mut near, &packet);
    assert_eq!(taken(&mut near), config_a(1, GCM).spi_out);
}

#[test]
fn a_responders_new_sa_takes_over_when_the_old_one_is_removed() {
    let (mut near, _) = gateways(config_a(1, GCM));
    near.install(config_a(3, GCM));
    near.install(rekeyed(2, 1));
    assert_eq!(taken(&mut near), config_a(3, GCM).spi_out);
    near.remove(config_a(1, GCM).spi_in);
    assert_eq!(taken(&mut near), config_a(2, GCM).spi_out);
}

#[test]
fn a_responders_only_sa_is_used_at_once() {
    let mut near = Esp::new(vec![policy_a()]);
    near.install(SaConfig { send_at_once: false, ..config_a(1, GCM) });
    assert_eq!(taken(&mut near), config_a(1, GCM).spi_out);
}

#[test]
fn packets_in_flight_on_the_old_sa_are_accepted_until_it_is_removed() {
    let (mut near, mut far) = gateways(config_a(1, GCM));
    let in_flight: Vec<Vec<u8>> =
        (0..3).map(|_| sealed(&send(&mut near, &request())).unwrap()).collect();
    far.install(mirrored(&rekeyed(2, 1)));
    near.install(config_a(2, CBC));
    assert_eq!(taken(&mut near), config_a(2, CBC).spi_out);
    assert_eq!(delivered(&receive(&mut far, &in_flight[1])), Some(request()));
    assert_eq!(delivered(&receive(&mut far, &in_flight[0])), Some(request()));
    far.remove(config_a(1, GCM).spi_out);
    assert_eq!(reason(&receive(&mut far, &in_flight[2])), Some("unknown SPI"));
}

#[test]
fn an_sa_carries_only_what_was_negotiated_for_it() {
    let mut near = Esp::new(vec![policy_a()]);
    near.install(config_a(1, GCM));
    near.install(SaConfig { remote_ts: vec![net("192.168.2.64/26")], ..config_a(2, GCM) });
    assert_eq!(taken(&mut near), config_a(1, GCM).spi_out);
    let narrow = send(&mut near, &ping("192.168.1.1", "192.168.2.65", 8));
    assert_eq!(spi_of(&sealed(&narrow).unwrap()), config_a(2, GCM).spi_out);
    near.remove(config_a(1, GCM).spi_in);
    assert!(asked(&send(&mut near, &request())), "no SA is left for this one");
}

#[test]
fn the_first_packet_asks_for_an_sa_and_the_next_ones_wait() {
    let mut near = Esp::new(vec![policy_a()]);
    let out = send(&mut near, &ping("192.168.1.1", "192.168.2.1", 8));
    let icmp = |selector: SelectorRange| SelectorRange {
        protocol: ikelab_wire::registry::IpProtocol::ICMP,
        start_port: 0x0800,
        end_port: 0x0800,
        ..selector
    };
    assert_eq!(
        out,
        [
            Output::Event(EspEvent::Acquired {
                child: "site.net".into(),
                packet: "ICMP 192.168.1.1 > 192.168.2.1".into(),
            }),
            Output::Acquire {
                child: "site.net".into(),
                local: icmp(net("192.168.1.1/32")),
                remote: icmp(net("192.168.2.1/32")),
            },
        ]
    );
    let next = send(&mut near, &request());
    assert_eq!((asked(&next), reason(&next)), (false, Some("no SA yet")));
    near.install(config_a(1, GCM));
    assert!(sealed(&send(&mut near, &request())).is_some());
}

#[test]
fn an_sa_is_asked_for_again_after_a_failure_after_a_second_and_after_a_removal() {
    let mut near = Esp::new(vec![policy_a()]);
    let at = |nanos| Instant::ZERO + Duration::from_nanos(nanos);
    assert!(asked(&send_at(&mut near, at(0), &request())));
    assert!(!asked(&send_at(&mut near, at(999_999_999), &request())));
    assert!(asked(&send_at(&mut near, at(1_000_000_000), &request())));
    assert!(!asked(&send_at(&mut near, at(1_000_000_001), &request())));
    near.acquire_failed("site.net");
    assert!(asked(&send_at(&mut near, at(1_000_000_002), &request())));
    near.install(config_a(1, GCM));
    near.remove(config_a(1, GCM).spi_in);
    assert!(asked(&send_at(&mut near, at(1_000_000_003), &request())));
}

#[test]
fn a_policy_that_is_put_again_keeps_its_sas_and_one_taken_out_opens_but_seals_no_more() {
    let (mut near, mut far) = gateways(config_a(1, GCM));
    let answer = ping("192.168.2.1", "192.168.1.1", 8);
    near.add_policy(policy_a());
    assert_eq!(taken(&mut near), config_a(1, GCM).spi_out);
    near.remove_policy("site.net");
    assert_eq!(send(&mut near, &request()), [Output::Pass(request())]);
    let packet = sealed(&send(&mut far, &answer)).unwrap();
    assert_eq!(delivered(&receive(&mut near, &packet)), Some(answer));
    near.add_policy(policy_a());
    assert_eq!(taken(&mut near), config_a(1, GCM).spi_out);
}
