//! How many packets of a flow came to their receiver marked: congestion experienced, RFC 3168 §5.

use ikelab_trace::{Fact, Fate, Transport};
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::IpProtocol;

use crate::plan::{Action, Command};
use crate::run::Run;

const CE: u8 = 0b11;

/// The packets of the flows with these numbers that were marked as they came to the host that they
/// were for: those in the clear, so that a flow between the ends of a transport mode SA shows none.
pub(super) fn marked(run: &Run<'_>, flows: &[u32]) -> u64 {
    let marked =
        run.agenda.iter().filter_map(|action| of_action(run, flows, action)).sum::<usize>();
    u64::try_from(marked).unwrap_or(u64::MAX)
}

fn of_action(run: &Run<'_>, flows: &[u32], action: &Action) -> Option<usize> {
    let (flow, to, protocols, port) = match &action.command {
        Command::Ping(ping) => {
            (ping.flow, ping.to, [IpProtocol::ICMP, IpProtocol::ICMPV6].as_slice(), None)
        }
        Command::Send(send) => {
            let protocol: &[IpProtocol] = match send.transport {
                Transport::Udp => &[IpProtocol::UDP],
                Transport::Tcp => &[IpProtocol::TCP],
            };
            (send.flow, send.to.ip(), protocol, Some((send.from.port(), send.to.port())))
        }
        _ => return None,
    };
    let hosts = run.world.hosts.iter();
    let receiver = (0_u16..).zip(hosts).find(|(_, host)| {
        host.ifaces.iter().any(|iface| iface.known().any(|address| address == to))
    })?;
    let is_meant = |octets: &[u8]| {
        IpView::parse(octets).is_ok_and(|view| {
            let port = port.is_none_or(|ports| view.ports() == Some(ports));
            view.dst == to && protocols.contains(&view.protocol) && port && view.dscp_ecn & CE == CE
        })
    };
    let sent = run.trace.records.iter().filter_map(|record| match &record.fact {
        Fact::Sent(sent) => Some(sent),
        _ => None,
    });
    let came = sent.flat_map(|sent| sent.fates.iter().map(move |fate| (sent, fate)));
    let marked = came.filter(|(sent, fate)| match fate {
        Fate::Arrives { host, altered, .. } => {
            host.0 == receiver.0 && is_meant(altered.as_ref().unwrap_or(&sent.octets))
        }
        Fate::Lost { .. } => false,
    });
    flows.contains(&flow).then(|| marked.count())
}
