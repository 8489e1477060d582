//! A whole packet for this host, taken to whoever it is for.

use std::net::SocketAddr;

use ikelab_ambient::Instant;
use ikelab_wire::ip::{IcmpMessage, IpView, UdpPayload, UdpView, Unreachable, classify};
use ikelab_wire::registry::IpProtocol;

use crate::Host;

/// RFC 7296 §2: IKE.
pub(crate) const PORT_IKE: u16 = 500;
/// RFC 3948, RFC 7296 §2.23: IKE behind a marker, ESP, and keepalives.
pub(crate) const PORT_NAT_T: u16 = 4500;

impl Host {
    /// Takes a whole packet for this host to whoever it is for.
    pub(crate) fn deliver(&mut self, now: Instant, packet: &IpView<'_>) {
        match packet.protocol {
            IpProtocol::ESP => self.open(now, packet, packet.payload()),
            IpProtocol::UDP => self.deliver_udp(now, packet),
            IpProtocol::TCP => self.deliver_tcp(now, packet),
            IpProtocol::ICMP | IpProtocol::ICMPV6 => self.deliver_icmp(now, packet),
            other => {
                let detail = format!("protocol {}", other.0);
                self.log.dropped("nobody takes this protocol", detail, packet.octets());
            }
        }
    }

    fn deliver_tcp(&mut self, now: Instant, packet: &IpView<'_>) {
        match self.flows.take_segment(now, packet) {
            Some(turn) => self.obey_flows(now, turn),
            None => {
                let port = packet.ports().map(|(_, port)| format!("TCP port {port}"));
                self.log.dropped("nobody listens", port.unwrap_or_default(), packet.octets());
            }
        }
    }

    fn deliver_udp(&mut self, now: Instant, packet: &IpView<'_>) {
        let udp = match UdpView::parse(packet.payload()) {
            Ok(udp) if udp.checksum_fits(packet.src, packet.dst) => udp,
            Ok(_) => return self.log.dropped("bad UDP checksum", "", packet.octets()),
            Err(error) => {
                return self.log.dropped("bad UDP datagram", error.to_string(), packet.octets());
            }
        };
        match udp.dst_port {
            PORT_IKE => self.deliver_ike(now, packet, &udp, udp.payload),
            PORT_NAT_T => match classify(udp.payload) {
                UdpPayload::Ike(message) => self.deliver_ike(now, packet, &udp, message),
                UdpPayload::Esp(esp) => self.open(now, packet, esp),
                UdpPayload::Keepalive => {} // RFC 3948 §2.3: a receiver ignores it
                UdpPayload::Malformed => {
                    let detail = format!("{} octets to port 4500", udp.payload.len());
                    self.log.dropped("neither IKE nor ESP", detail, packet.octets());
                }
            },
            port => {
                let taken = self.flows.take_datagram(packet.dst, &udp);
                if let Some(event) = taken {
                    return self.write_app(event);
                }
                let detail = format!("UDP port {port}");
                self.log.dropped("nobody listens", detail, packet.octets());
                let error = IcmpMessage::unreachable(Unreachable::Port, packet.octets());
                self.report(now, packet, &error);
            }
        }
    }

    fn deliver_ike(&mut self, now: Instant, packet: &IpView<'_>, udp: &UdpView<'_>, octets: &[u8]) {
        let local = SocketAddr::new(packet.dst, udp.dst_port);
        let remote = SocketAddr::new(packet.src, udp.src_port);
        self.tell_ike(now, ikelab_ike::Input::Datagram { local, remote, octets });
    }
}
