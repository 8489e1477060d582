//! Stateful fragment checking, RFC 4301 §7: the first fragment of a packet shows ports, and the later
//! ones are believed to have the same.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::IpProtocol;

use crate::flow::Flow;

/// RFC 791 §3.2 has fragments wait for each other a quarter of a minute; RFC 8200 §4.5 a minute.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// Ours: a stranger who begins packets and never ends them costs this much and no more.
const KNOWN_MAX: usize = 1024;

/// What the fragments of one packet have in common, RFC 791 §2.3. In IPv6 the protocol does not count,
/// RFC 8200 §4.5.
type Packet = (IpAddr, IpAddr, u8, u32);
/// What the upper layer is, and the local and the remote port, where there are any.
type Shown = (IpProtocol, Option<u16>, Option<u16>);

/// The first fragments that were seen in one direction.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    firsts: BTreeMap<Packet, (Shown, Instant)>,
}

impl Fragments {
    /// A packet's flow with the protocol and the ports that it has or is known to have. `flow` is what the packet
    /// itself shows, as its sender sees it.
    pub(crate) fn resolve(&mut self, now: Instant, packet: &IpView<'_>, flow: Flow) -> Flow {
        let Some(fragment) = packet.fragment else { return flow };
        let protocol = if packet.src.is_ipv4() { packet.protocol.0 } else { 0 };
        let key = (packet.src, packet.dst, protocol, packet.identification);
        if fragment.offset == 0 {
            self.note(now, key, &flow);
            return flow;
        }
        let known = self.firsts.get(&key).filter(|(_, since)| now - *since < KNOWN_FOR);
        known.map_or(flow, |((protocol, local, remote), _)| {
            flow.of_protocol(*protocol).with_ports(*local, *remote)
        })
    }

    fn note(&mut self, now: Instant, key: Packet, flow: &Flow) {
        if self.firsts.len() >= KNOWN_MAX {
            self.firsts.retain(|_, (_, since)| now - *since < KNOWN_FOR);
        }
        if self.firsts.len() >= KNOWN_MAX {
            self.firsts.clear();
        }
        self.firsts.insert(key, ((flow.protocol, flow.local.port, flow.remote.port), now));
    }
}

#[cfg(test)]
mod tests {
    use ikelab_wire::ip::{Fragment, IpPacket};

    use super::*;

    fn piece(identification: u32, offset: u16) -> Vec<u8> {
        let (src, dst) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let payload = vec![0x0f, 0xa0, 0x13, 0x88, 0, 24, 0, 0];
        let fragment = Some(Fragment { offset, more: true });
        IpPacket { identification, fragment, ..IpPacket::new(src, dst, IpProtocol::UDP, payload) }
            .emit()
    }

    fn ports(fragments: &mut Fragments, at: u64, octets: &[u8]) -> (Option<u16>, Option<u16>) {
        let packet = IpView::parse(octets).expect("a packet");
        let now = Instant::from_nanos(at * 1_000_000_000);
        let flow = fragments.resolve(now, &packet, Flow::outbound(&packet));
        (flow.local.port, flow.remote.port)
    }

    #[test]
    fn a_later_fragment_has_the_ports_of_its_first_for_a_minute() {
        let mut fragments = Fragments::default();
        let all = (Some(4000), Some(5000));
        assert_eq!(ports(&mut fragments, 0, &piece(1, 8)), (None, None), "nothing is known yet");
        assert_eq!(ports(&mut fragments, 1, &piece(1, 0)), all);
        assert_eq!(ports(&mut fragments, 60, &piece(1, 8)), all);
        assert_eq!(ports(&mut fragments, 60, &piece(2, 8)), (None, None), "another packet");
        assert_eq!(ports(&mut fragments, 61, &piece(1, 8)), (None, None), "too late");
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut fragments = Fragments::default();
        for number in 0..3 * KNOWN_MAX as u32 {
            ports(&mut fragments, 0, &piece(number & 0xffff, 0));
            assert!(fragments.firsts.len() <= KNOWN_MAX);
        }
    }
}
