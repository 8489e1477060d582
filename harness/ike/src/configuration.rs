//! CP: an internal address and what belongs to it, asked for and given (RFC 7296 §2.19, §3.15).
//!
//! An end with `VirtualIp::Request` asks with its first Child SA; one with `VirtualIp::Pool`
//! answers. What was agreed on belongs to the IKE SA: the Child SAs of both ends are narrowed to it,
//! a rekeyed IKE SA takes it over, and it is free again when the last IKE SA is gone.

use std::net::IpAddr;

use ikelab_trace::IkeEvent;
use ikelab_wire::payload::{
    Body, Configuration, ConfigurationAttribute as Attribute, Payload, SelectorRange,
};
use ikelab_wire::registry::{ConfigAttribute as Kind, ConfigType, NotifyType};

use crate::config::{Pool, Tunnel, VirtualIp};
use crate::context::Context;
use crate::guilt::{PeerMisbehaved, Refusal};
use crate::io::Output;
use crate::parts::Parts;
use crate::sa::{Core, Established};
use crate::selectors;

/// What an end without an address asks for with a Child SA; nothing if it wants none, or has it.
pub(crate) fn request(tunnel: &Tunnel, leased: &[IpAddr]) -> Option<Payload> {
    let VirtualIp::Request { ipv4, ipv6 } = tunnel.options.virtual_ip else { return None };
    if !leased.is_empty() {
        return None;
    }
    let ipv4_kinds = [
        Kind::INTERNAL_IP4_ADDRESS,
        Kind::INTERNAL_IP4_NETMASK,
        Kind::INTERNAL_IP4_DNS,
        Kind::INTERNAL_IP4_SUBNET,
    ];
    let ipv6_kinds =
        [Kind::INTERNAL_IP6_ADDRESS, Kind::INTERNAL_IP6_DNS, Kind::INTERNAL_IP6_SUBNET];
    let kinds = ipv4_kinds.into_iter().filter(|_| ipv4);
    let kinds = kinds.chain(ipv6_kinds.into_iter().filter(|_| ipv6));
    let attributes = kinds.map(|kind| Attribute { kind, value: Vec::new() }).collect();
    Some(payload(ConfigType::CFG_REQUEST, attributes))
}

/// Answers the CP of a request for a Child SA; nothing without one, or where we give no addresses.
pub(crate) fn respond(
    core: &Core,
    established: &mut Established,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) -> Result<Option<Payload>, Refusal> {
    let config = cx.config;
    let tunnel = config.tunnels.get(core.tunnel);
    let pool = tunnel.and_then(|tunnel| match &tunnel.options.virtual_ip {
        VirtualIp::Pool(pool) => Some(pool),
        VirtualIp::None | VirtualIp::Request { .. } => None,
    });
    let asked = parts.config.filter(|cp| cp.config_type == ConfigType::CFG_REQUEST);
    let (Some(pool), Some(asked)) = (pool, asked) else {
        if pool.is_some_and(|pool| pool.required) && established.leased.is_empty() {
            let reason = "only a peer with an internal address gets a Child SA";
            return Err(Refusal::new(NotifyType::FAILED_CP_REQUIRED, reason));
        }
        return Ok(acknowledge(parts));
    };
    let addresses = addresses(core, established, pool, asked, cx)?;
    let mut given: Vec<Attribute> = Vec::new();
    for address in &addresses {
        given.extend(about(pool, *address, asked));
    }
    Ok(Some(payload(ConfigType::CFG_REPLY, given)))
}

/// The addresses that the peer has over this IKE SA, or gets now.
fn addresses(
    core: &Core,
    established: &mut Established,
    pool: &Pool,
    asked: &Configuration,
    cx: &mut Context<'_>,
) -> Result<Vec<IpAddr>, Refusal> {
    let (mut addresses, mut wanted) = (Vec::new(), false);
    for family in Family::BOTH {
        let Some(attribute) = first_good(core, asked, family, cx) else { continue };
        wanted = true;
        let held = established.leased.iter().copied().find(|address| family.has(*address));
        let owner = established.peers.remote_id.as_str();
        let address = held.or_else(|| {
            cx.leases.take(&pool.blocks, family == Family::Ipv4, owner, attribute.address())
        });
        if let Some(address) = address.filter(|_| held.is_none()) {
            established.leased.push(address);
            cx.event(IkeEvent::AddressLeased { sa: core.id, address, ours: false });
        }
        addresses.extend(address);
    }
    if wanted && addresses.is_empty() {
        let reason = "no internal address is left";
        return Err(Refusal::new(NotifyType::INTERNAL_ADDRESS_FAILURE, reason));
    }
    Ok(addresses)
}

/// An address and, as far as the peer asked for them, what belongs to it.
fn about(pool: &Pool, address: IpAddr, asked: &Configuration) -> Vec<Attribute> {
    let family = Family::of(address);
    let asks = |kind: Kind| asked.attributes.iter().any(|attribute| attribute.kind == kind);
    let length = pool.blocks.iter().find(|(block, _)| family.has(*block));
    let mut value = octets(address);
    if family == Family::Ipv6 {
        value.extend(length.map(|(_, length)| *length));
    }
    let mut about = vec![Attribute { kind: family.address(), value }];
    if family == Family::Ipv4 && asks(Kind::INTERNAL_IP4_NETMASK) {
        // Each peer is alone in its network.
        about.push(Attribute { kind: Kind::INTERNAL_IP4_NETMASK, value: vec![255; 4] });
    }
    if asks(family.dns()) {
        let servers = pool.dns.iter().filter(|server| family.has(**server));
        about.extend(servers.map(|dns| Attribute { kind: family.dns(), value: octets(*dns) }));
    }
    if asks(family.subnet()) {
        let subnets = pool.subnets.iter().filter(|(address, _)| family.has(*address));
        about.extend(subnets.map(|subnet| family.subnet_attribute(*subnet)));
    }
    about
}

/// Takes the CP of an answer: the addresses become ours. What we did not ask for is passed over.
pub(crate) fn accept(
    core: &Core,
    established: &mut Established,
    parts: &Parts<'_>,
    cx: &mut Context<'_>,
) {
    let VirtualIp::Request { ipv4, ipv6 } = cx.tunnel(core.tunnel).options.virtual_ip else {
        return;
    };
    let reply = parts.config.filter(|cp| cp.config_type == ConfigType::CFG_REPLY);
    let Some(reply) = reply.filter(|_| established.leased.is_empty()) else { return };
    for family in Family::BOTH {
        let wanted = if family == Family::Ipv4 { ipv4 } else { ipv6 };
        let given = first_good(core, reply, family, cx).and_then(Attribute::address);
        let Some(address) = given.filter(|address| wanted && is_for_a_host(*address)) else {
            continue;
        };
        established.leased.push(address);
        cx.event(IkeEvent::AddressLeased { sa: core.id, address, ours: true });
        cx.out.push(Output::Assign { address });
    }
}

/// Gives back what an IKE SA held.
pub(crate) fn release(core: &Core, leased: &[IpAddr], cx: &mut Context<'_>) {
    let ours = matches!(cx.tunnel(core.tunnel).options.virtual_ip, VirtualIp::Request { .. });
    for address in leased.iter().copied() {
        if ours {
            cx.out.push(Output::Unassign { address });
        }
        if ours || cx.leases.release(address) {
            cx.event(IkeEvent::AddressReleased { sa: core.id, address, ours });
        }
    }
}

/// The answer to CP outside of Child SAs. We take no settings (an empty CFG_ACK says so), and
/// tell nobody our version, as RFC 7296 §2.20 and §3.15 allow.
pub(crate) fn acknowledge(parts: &Parts<'_>) -> Option<Payload> {
    let asked = parts.config?;
    match asked.config_type {
        ConfigType::CFG_SET => Some(payload(ConfigType::CFG_ACK, Vec::new())),
        ConfigType::CFG_REQUEST => {
            let version = |attribute: &&Attribute| attribute.kind == Kind::APPLICATION_VERSION;
            let asks = asked.attributes.iter().find(version)?;
            let nameless = Attribute { kind: asks.kind, value: Vec::new() };
            Some(payload(ConfigType::CFG_REPLY, vec![nameless]))
        }
        _ => None,
    }
}

/// Our side of a Child SA configuration, as far as we have an address for it.
pub(crate) fn local_ts(tunnel: &Tunnel, child: usize, leased: &[IpAddr]) -> Vec<SelectorRange> {
    let local = tunnel.children[child].local.clone();
    match tunnel.options.virtual_ip {
        VirtualIp::Request { .. } if !leased.is_empty() => selectors::only(&local, leased),
        VirtualIp::Request { .. } | VirtualIp::None | VirtualIp::Pool(_) => local,
    }
}

/// The peer's side of a Child SA configuration, as far as it has an address from us.
pub(crate) fn remote_ts(tunnel: &Tunnel, child: usize, leased: &[IpAddr]) -> Vec<SelectorRange> {
    let remote = tunnel.children[child].remote.clone();
    match tunnel.options.virtual_ip {
        VirtualIp::Pool(_) if !leased.is_empty() => selectors::only(&remote, leased),
        VirtualIp::Pool(_) | VirtualIp::None | VirtualIp::Request { .. } => remote,
    }
}

/// The first attribute about an address of a family; those that cannot be one are passed over
/// (RFC 7296 §3.15.1).
fn first_good<'a>(
    core: &Core,
    config: &'a Configuration,
    family: Family,
    cx: &mut Context<'_>,
) -> Option<&'a Attribute> {
    for attribute in config.attributes.iter().filter(|a| a.kind == family.address()) {
        if family.is_address(&attribute.value) {
            return Some(attribute);
        }
        let detail = format!("{} of {} octets", attribute.kind, attribute.value.len());
        cx.misbehaved(Some(core.id), PeerMisbehaved::new("bad configuration attribute", detail));
    }
    None
}

/// What differs between the families.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    const BOTH: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    fn has(self, address: IpAddr) -> bool {
        Self::of(address) == self
    }

    const fn address(self) -> Kind {
        match self {
            Self::Ipv4 => Kind::INTERNAL_IP4_ADDRESS,
            Self::Ipv6 => Kind::INTERNAL_IP6_ADDRESS,
        }
    }

    const fn dns(self) -> Kind {
        match self {
            Self::Ipv4 => Kind::INTERNAL_IP4_DNS,
            Self::Ipv6 => Kind::INTERNAL_IP6_DNS,
        }
    }

    const fn subnet(self) -> Kind {
        match self {
            Self::Ipv4 => Kind::INTERNAL_IP4_SUBNET,
            Self::Ipv6 => Kind::INTERNAL_IP6_SUBNET,
        }
    }

    /// IPv4 writes a mask after the address, IPv6 the length of the prefix (RFC 7296 §3.15.1).
    fn subnet_attribute(self, (address, length): (IpAddr, u8)) -> Attribute {
        let mut value = octets(address);
        match self {
            Self::Ipv4 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
                value.extend(mask.to_be_bytes());
            }
            Self::Ipv6 => value.push(length),
        }
        Attribute { kind: self.subnet(), value }
    }

    /// Nothing, or 4 octets of IPv4, or 16 of IPv6 and the length of a prefix.
    fn is_address(self, value: &[u8]) -> bool {
        match (self, value) {
            (_, []) => true,
            (Self::Ipv4, value) => value.len() == 4,
            (Self::Ipv6, [address @ .., length]) => address.len() == 16 && *length <= 128,
        }
    }
}

fn is_for_a_host(address: IpAddr) -> bool {
    !address.is_unspecified() && !address.is_multicast() && !address.is_loopback()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn payload(config_type: ConfigType, attributes: Vec<Attribute>) -> Payload {
    Body::Config(Configuration { config_type, attributes }).into()
}
