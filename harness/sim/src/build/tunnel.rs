//! What a host's IKE engine and its policy are told about its ends of tunnels.

use std::collections::BTreeMap;
use std::time::Duration;

use ikelab_esp::{self as esp, Action, DontFragment, Ecn, OuterPolicy, Policy, Volume};
use ikelab_host::{Dummies, Order, SaSettings};
use ikelab_ike::config::{
    Child, Childless, Config, Cookie, Lifetime, Narrow, Options, Pool, Retransmit, Tunnel,
    VirtualIp,
};
use ikelab_scenario::plan;
use ikelab_trace::EspMode;
use ikelab_wire::payload::{Proposal, Transform};
use ikelab_wire::registry::KeId;

/// What the IKE engine of a host has to know.
pub(super) fn ike(host: &plan::Host) -> Config {
    let config = Config::new(host.tunnels.iter().map(end).collect());
    let options = || host.tunnels.iter().map(|end| &end.ike.options);
    let half_open = || options().map(|options| options.half_open);
    Config {
        half_open_max: half_open().find_map(|own| own.most).unwrap_or(config.half_open_max),
        half_open_per_source: half_open().find_map(|own| own.per_source),
        cookie_threshold: half_open()
            .find_map(|own| own.cookies_from)
            .unwrap_or(config.cookie_threshold),
        half_open_timeout: half_open()
            .find_map(|own| own.timeout)
            .unwrap_or(config.half_open_timeout),
        invalid_ike_spi: options().any(|options| options.invalid_ike_spi),
        ..config
    }
}

/// The policies of a host in their order: those that it lists, then one for each other Child SA
/// configuration. For peers that get their addresses from it the Child SAs themselves will be
/// policies; what none of them carries is discarded.
pub(super) fn policies(host: &plan::Host) -> Vec<Policy> {
    let mut children = host.tunnels.iter().flat_map(policies_of).collect::<Vec<_>>();
    let mut policies = Vec::new();
    for (number, entry) in (1..).zip(&host.policies) {
        let (local, remote, action) = match entry {
            plan::Policy::Bypass { local, remote } => (local, remote, Action::Bypass),
            plan::Policy::Discard { local, remote } => (local, remote, Action::Discard),
            plan::Policy::Protect { child } => {
                let named = |policy: &mut Policy| policy.name == *child;
                policies.extend(children.extract_if(.., named));
                continue;
            }
        };
        let name = format!("policy {number}");
        policies.push(Policy {
            name,
            local: local.clone(),
            remote: remote.clone(),
            action,
            at_boundary: true,
        });
    }
    policies.append(&mut children);
    policies
}

/// The interfaces on the protected side of the IPsec boundary: no tunnel goes through them, and a
/// Child SA protects what lies there.
pub(super) fn inside(host: &plan::Host) -> Vec<u16> {
    let protected = |iface: &plan::Iface| {
        let children = host.tunnels.iter().flat_map(|end| &end.children);
        let mut ranges = children.flat_map(|child| &child.local);
        ranges.any(|range| iface.addresses.iter().any(|(address, _)| range.contains(*address)))
    };
    let carries = |place: u16| host.tunnels.iter().any(|end| end.iface == place);
    let places = (0..).zip(&host.ifaces);
    let inside = places.filter(|(place, iface)| !carries(*place) && protected(iface));
    inside.map(|(place, _)| place).collect()
}

/// For peers that get their addresses from this end the Child SAs themselves will be policies; what
/// none of them carries is discarded.
fn policies_of(end: &plan::End) -> Vec<Policy> {
    let of = |child: &plan::Child| {
        let policy = policy(&end.tunnel, child);
        if gives_addresses(end) {
            let name = without_sa(&policy.name);
            Policy { name, action: Action::Discard, ..policy }
        } else {
            policy
        }
    };
    end.children.iter().map(of).collect()
}

/// The name of what holds as long as no Child SA does.
fn without_sa(name: &str) -> String {
    format!("{name} without an SA")
}

/// What IKE does not negotiate, by the names of policies.
pub(super) fn settings(host: &plan::Host) -> BTreeMap<String, SaSettings> {
    host.tunnels.iter().flat_map(settings_of).collect()
}

fn settings_of(end: &plan::End) -> BTreeMap<String, SaSettings> {
    let settings = |child: &plan::Child| {
        let settings = SaSettings { roaming: gives_addresses(end), ..sa_settings(child) };
        (name(&end.tunnel, &child.name), settings)
    };
    end.children.iter().map(settings).collect()
}

/// What a host is told when a tunnel of it changes.
pub(super) fn change(end: &plan::End, gone: &[String]) -> Order {
    let gone = gone.iter().map(|child| name(&end.tunnel, child));
    Order::Configure {
        tunnel: Box::new(self::end(end)),
        policies: policies_of(end),
        settings: settings_of(end),
        gone: gone.flat_map(|name| [without_sa(&name), name]).collect(),
    }
}

fn gives_addresses(end: &plan::End) -> bool {
    matches!(end.virtual_ip, plan::VirtualIp::Pool(_))
}

/// What IKE does not negotiate about a Child SA.
fn sa_settings(child: &plan::Child) -> SaSettings {
    let soft = Volume { octets: child.volume_soft, packets: child.packets_soft };
    let hard = Volume { octets: child.volume, packets: child.packets };
    let dont_fragment = match child.dont_fragment {
        plan::DontFragment::Copy => DontFragment::Copy,
        plan::DontFragment::Set => DontFragment::Set,
        plan::DontFragment::Clear => DontFragment::Clear,
    };
    let ecn = match child.ecn {
        plan::Ecn::Normal => Ecn::Normal,
        plan::Ecn::Compatibility => Ecn::Compatibility,
    };
    let tfc_len = match child.tfc {
        plan::Tfc::Refuse | plan::Tfc::Accept => 0,
        plan::Tfc::Length(length) => length,
    };
    SaSettings {
        replay_window: child.replay_window,
        lifetime: esp::Lifetime { soft, hard },
        outer: OuterPolicy { dscp: child.dscp, dont_fragment, tfc_len, ecn },
        refuses_tfc: child.tfc == plan::Tfc::Refuse,
        dummies: child.dummy.map(|plan::Dummy { every, size }| Dummies { every, size }),
        roaming: false,
    }
}

/// The policy that asks for a Child SA.
fn policy(tunnel: &str, child: &plan::Child) -> Policy {
    Policy {
        name: name(tunnel, &child.name),
        local: child.local.clone(),
        remote: child.remote.clone(),
        action: Action::Protect,
        at_boundary: false,
    }
}

/// What the IKE engine has to know of a Child SA.
fn child(child: &plan::Child) -> Child {
    Child {
        name: child.name.clone(),
        local: child.local.clone(),
        remote: child.remote.clone(),
        mode: match child.mode {
            plan::EspMode::Tunnel => EspMode::Tunnel,
            plan::EspMode::Transport => EspMode::Transport,
        },
        proposals: child.proposals.iter().map(|proposal| with_pfs(proposal, child.pfs)).collect(),
        lifetime: lifetime(child.rekey_at, child.rekey_jitter, child.lifetime),
        refuses_tfc: child.tfc == plan::Tfc::Refuse,
        at_start: child.start == plan::Start::AtStart,
        on_traffic: child.start != plan::Start::Manual,
        narrow: match child.narrow {
            plan::Narrow::Allow => Narrow::Allow,
            plan::Narrow::Refuse => Narrow::Refuse,
            plan::Narrow::One => Narrow::One,
        },
        retired: false,
    }
}

fn name(tunnel: &str, child: &str) -> String {
    format!("{tunnel}.{child}")
}

fn end(end: &plan::End) -> Tunnel {
    let ike = &end.ike;
    Tunnel {
        name: end.tunnel.clone(),
        local: end.local,
        remote: end.remote,
        port: ike.port,
        local_id: end.id.clone(),
        remote_id: end.expect_id.clone(),
        psk: end.psk.clone(),
        proposals: ike.proposals.clone(),
        ke_first: Some(ike.ke_first),
        lifetime: lifetime(ike.rekey_at, ike.rekey_jitter, ike.lifetime),
        retransmit: Retransmit {
            first: ike.retransmit.first,
            factor: ike.retransmit.factor,
            longest: ike.retransmit.longest,
            tries: ike.retransmit.tries,
        },
        liveness: ike.dpd,
        cookie: match ike.cookie {
            plan::Cookie::Never => Cookie::Never,
            plan::Cookie::Always => Cookie::Always,
            plan::Cookie::UnderLoad => Cookie::UnderLoad,
        },
        window: ike.window,
        vendor_ids: ike.options.vendor_ids.clone().unwrap_or_else(|| vec![VENDOR_ID.to_vec()]),
        initial_contact: ike.initial_contact,
        options: Options {
            fragmentation: ike.fragmentation.map(usize::from),
            keepalive: ike.nat_keepalive,
            childless: match ike.childless {
                plan::Childless::Never => Childless::Never,
                plan::Childless::Allow => Childless::Allow,
                plan::Childless::Force => Childless::Force,
            },
            virtual_ip: virtual_ip(&end.virtual_ip),
            retransmit_jitter: ike.retransmit.jitter,
            retries: ike.options.retries,
            restart: ike.options.restart,
            force_encapsulation: ike.options.force_encapsulation,
            invalid_message_id: ike.options.invalid_message_id,
            children_max: ike.options.children_max,
            additional_ts: ike.options.additional_ts,
            invalid_spi: ike.options.invalid_spi,
            single_pair: ike.options.single_pair,
            message_ids_from: ike.options.message_ids_from,
            fragmentation_probes: ike
                .options
                .fragmentation_probes
                .iter()
                .copied()
                .map(usize::from)
                .collect(),
        },
        children: end.children.iter().map(child).collect(),
    }
}

fn virtual_ip(virtual_ip: &plan::VirtualIp) -> VirtualIp {
    match virtual_ip {
        plan::VirtualIp::None => VirtualIp::None,
        plan::VirtualIp::Request { ipv4, ipv6 } => VirtualIp::Request { ipv4: *ipv4, ipv6: *ipv6 },
        plan::VirtualIp::Pool(pool) => VirtualIp::Pool(Pool {
            blocks: pool.blocks.clone(),
            dns: pool.dns.clone(),
            subnets: pool.subnets.clone(),
            required: pool.required,
        }),
    }
}

fn lifetime(soft: Option<Duration>, jitter: Duration, hard: Option<Duration>) -> Lifetime {
    Lifetime { soft, jitter, hard }
}

/// Who made this, for the reader of a capture (RFC 7296 §3.12).
const VENDOR_ID: &[u8] = b"ikelab";

/// The key exchange of CREATE_CHILD_SA is part of what is proposed.
fn with_pfs(proposal: &Proposal, pfs: Option<KeId>) -> Proposal {
    let mut proposal = proposal.clone();
    proposal.transforms.extend(pfs.map(Transform::ke));
    proposal
}
