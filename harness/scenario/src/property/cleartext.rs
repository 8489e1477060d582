//! `no_cleartext(child)`: nothing that the selectors match leaves an end unprotected while the
//! policy exists.

use ikelab_trace::Fact;
use ikelab_wire::ip::IpView;
use ikelab_wire::payload::SelectorRange;
use ikelab_wire::registry::IpProtocol;

use super::{Arg, Violation};
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
    for record in &run.trace.records {
        let Fact::Sent(sent) = &record.fact else { continue };
        let Ok(view) = IpView::parse(&sent.octets) else { continue };
        if is_ipsec(&view) {
            continue;
        }
        let policy = policies.iter().find(|policy| {
            policy.host == record.host.0
                && policy.from <= record.at
                && record.at < policy.until
                && has(&policy.child.local, &view, false)
                && has(&policy.child.remote, &view, true)
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

/// ESP itself, and the UDP ports of IKE, which no policy may protect (RFC 4301 §4.4.1, RFC 7296 §2.23).
fn is_ipsec(view: &IpView<'_>) -> bool {
    let ike = |port| port == 500 || port == 4500;
    view.protocol == IpProtocol::ESP
        || (view.protocol == IpProtocol::UDP
            && view.ports().is_some_and(|(src, dst)| ike(src) || ike(dst)))
}

fn has(ranges: &[SelectorRange], view: &IpView<'_>, destination: bool) -> bool {
    let address = if destination { view.dst } else { view.src };
    // ICMP's type and code stand for both ports (RFC 7296 §3.13.1).
    let kind = || view.icmp_type_code().map(|(kind, code)| u16::from_be_bytes([kind, code]));
    let port = view.ports().map(|(src, dst)| if destination { dst } else { src }).or_else(kind);
    ranges.iter().any(|range| {
        let all_ports = (range.start_port, range.end_port) == (0, u16::MAX);
        range.contains(address)
            && (range.protocol == IpProtocol::ANY || range.protocol == view.protocol)
            && (all_ports
                || port.is_none_or(|port| (range.start_port..=range.end_port).contains(&port)))
    })
}
