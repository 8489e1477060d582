//! `no_cleartext(child)`: nothing that the selectors match leaves an end unprotected while the
//! policy exists.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ikelab_trace::Fact;
use ikelab_wire::ip::IpView;
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;

use super::{Arg, Violation};
use crate::plan::Policy;
use crate::run::{Configured, Run};

pub(super) fn no_cleartext(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Child(name)] = args else { return None };
    let meant = |configured: &Configured<'_>| {
        format!("{}.{}", configured.tunnel, configured.child.name) == *name
    };
    find(run, &run.configured().into_iter().filter(meant).collect::<Vec<_>>())
}

/// The same for every child: an invariant.
pub(crate) fn any_cleartext(run: &Run<'_>) -> Option<Violation> {
    find(run, &run.configured())
}

fn find(run: &Run<'_>, policies: &[Configured<'_>]) -> Option<Violation> {
    let mut firsts = Firsts::default();
    for record in &run.trace.records {
        let Fact::Sent(sent) = &record.fact else { continue };
        let Ok(view) = IpView::parse(&sent.octets) else { continue };
        if is_ipsec(&view) {
            continue;
        }
        let ports = firsts.ports(record.host.0, &view);
        let fits = |local: &[SelectorRange], remote: &[SelectorRange]| {
            has(local, &view, ports, false) && has(remote, &view, ports, true)
        };
        let policy = policies.iter().find(|policy| {
            policy.host == record.host.0
                && policy.from <= record.at
                && record.at < policy.until
                && fits(&policy.child.local, &policy.child.remote)
                && !passes_before(run, policy, &fits)
        });
        if let Some(policy) = policy {
            let what = format!(
                "{} sent {} > {} in the clear, which child {}.{} protects",
                run.name(record.host.0),
                view.src,
                view.dst,
                policy.tunnel,
                policy.child.name
            );
            return Some(Violation::new(record.at, what));
        }
    }
    None
}

/// Whether a policy of the host that stands before a child lets a packet pass.
fn passes_before(
    run: &Run<'_>,
    child: &Configured<'_>,
    fits: &dyn Fn(&[SelectorRange], &[SelectorRange]) -> bool,
) -> bool {
    let host = run.world.hosts.get(usize::from(child.host));
    let name = format!("{}.{}", child.tunnel, child.child.name);
    for policy in host.map(|host| host.policies.as_slice()).unwrap_or_default() {
        match policy {
            Policy::Bypass { local, remote } if fits(local, remote) => return true,
            Policy::Protect { child } if *child == name => return false,
            Policy::Bypass { .. } | Policy::Discard { .. } | Policy::Protect { .. } => {}
        }
    }
    false
}

/// The ports that first fragments of each host have shown: later ones are of the same packets.
#[derive(Default)]
struct Firsts(BTreeMap<(u16, IpAddr, IpAddr, u8, u32), Option<Ports>>);

/// Source and destination port; ICMP's type and code stand for both.
type Ports = (u16, u16);

impl Firsts {
    fn ports(&mut self, host: u16, view: &IpView<'_>) -> Option<Ports> {
        let own = view.ports().or_else(|| {
            let both =
                view.icmp_type_code().map(|(kind, code)| u16::from_be_bytes([kind, code]))?;
            Some((both, both))
        });
        let Some(fragment) = view.fragment else { return own };
        let protocol = if view.src.is_ipv4() { view.protocol.0 } else { 0 };
        let key = (host, view.src, view.dst, protocol, view.identification);
        if fragment.offset == 0 {
            self.0.insert(key, own);
        }
        own.or_else(|| self.0.get(&key).copied().flatten())
    }
}

/// ESP itself, and the UDP ports of IKE, which no policy may protect (RFC 4301 §4.4.1, RFC 7296 §2.23).
fn is_ipsec(view: &IpView<'_>) -> bool {
    let ike = |port| port == 500 || port == 4500;
    view.protocol == IpProtocol::ESP
        || (view.protocol == IpProtocol::UDP
            && view.ports().is_some_and(|(src, dst)| ike(src) || ike(dst)))
}

/// A packet that hides its ports may have any.
fn has(
    ranges: &[SelectorRange],
    view: &IpView<'_>,
    ports: Option<Ports>,
    destination: bool,
) -> bool {
    let address = if destination { view.dst } else { view.src };
    let port = ports.map(|(src, dst)| if destination { dst } else { src });
    ranges.iter().any(|range| {
        let all_ports = (range.start_port, range.end_port) == (0, u16::MAX);
        range.contains(address)
            && (range.protocol == IpProtocol::ANY || range.protocol == view.protocol)
            && (all_ports
                || port.is_none_or(|port| (range.start_port..=range.end_port).contains(&port)))
    })
}
