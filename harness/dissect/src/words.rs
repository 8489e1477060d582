//! A cleartext packet in a few words: `ICMP echo-request 192.168.1.1 > 192.168.2.1`.

use std::net::IpAddr;

use crate::ip::{Ip, upper};

const ICMP: u8 = 1;
const IPV4: u8 = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;
const IPV6: u8 = 41;
const ESP: u8 = 50;
const ICMPV6: u8 = 58;

/// Describes an IP packet in a few words.
#[must_use]
pub fn packet(octets: &[u8]) -> String {
    match Ip::parse(octets) {
        Ok(ip) if ip.fragment.is_some_and(|part| part.offset > 0) => {
            format!("fragment of protocol {} {} > {}", ip.protocol, ip.src, ip.dst)
        }
        Ok(ip) if ip.fragment.is_some() && ip.src.is_ipv6() => {
            behind_extensions(ip.protocol, ip.src, ip.dst, ip.payload)
        }
        Ok(ip) => transport(ip.protocol, ip.src, ip.dst, ip.payload),
        Err(what) => what.to_owned(),
    }
}

/// Describes what stands behind extension headers, where they can be read.
pub(crate) fn behind_extensions(protocol: u8, src: IpAddr, dst: IpAddr, payload: &[u8]) -> String {
    match upper(protocol, payload) {
        Ok((protocol, payload)) => transport(protocol, src, dst, payload),
        Err(what) => format!("{what} {src} > {dst}"),
    }
}

/// Describes what a protocol carries between two addresses.
#[must_use]
pub fn transport(protocol: u8, src: IpAddr, dst: IpAddr, payload: &[u8]) -> String {
    match protocol {
        ICMP | ICMPV6 => format!("{} {src} > {dst}", icmp(protocol, payload)),
        TCP | UDP => ports(protocol, src, dst, payload),
        IPV4 | IPV6 => format!("IP in IP {src} > {dst}"),
        ESP => format!("ESP {src} > {dst}"),
        other => format!("protocol {other} {src} > {dst}"),
    }
}

fn icmp(protocol: u8, payload: &[u8]) -> String {
    let name = if protocol == ICMP { "ICMP" } else { "ICMPv6" };
    let Some(kind) = payload.first() else { return format!("{name} cut") };
    let kind = match (protocol, kind) {
        (ICMP, 0) | (ICMPV6, 129) => "echo-reply",
        (ICMP, 3) | (ICMPV6, 1) => "unreachable",
        (ICMP, 8) | (ICMPV6, 128) => "echo-request",
        (ICMP, 11) | (ICMPV6, 3) => "time-exceeded",
        (ICMPV6, 2) => "packet-too-big",
        (ICMPV6, 133) => "router-solicitation",
        (ICMPV6, 134) => "router-advertisement",
        (ICMPV6, 135) => "neighbour-solicitation",
        (ICMPV6, 136) => "neighbour-advertisement",
        (_, other) => return format!("{name} type {other}"),
    };
    format!("{name} {kind}")
}

fn ports(protocol: u8, src: IpAddr, dst: IpAddr, payload: &[u8]) -> String {
    let name = if protocol == TCP { "TCP" } else { "UDP" };
    let port = |at: usize| payload.get(at..)?.first_chunk().copied().map(u16::from_be_bytes);
    let (Some(from), Some(to)) = (port(0), port(2)) else {
        return format!("{name} cut {src} > {dst}");
    };
    let flags = if protocol == TCP { tcp_flags(payload) } else { String::new() };
    let from = std::net::SocketAddr::new(src, from);
    let to = std::net::SocketAddr::new(dst, to);
    format!("{name}{flags} {from} > {to}")
}

fn tcp_flags(payload: &[u8]) -> String {
    let flags = payload.get(13).copied().unwrap_or(0);
    let names = [(0x02, " SYN"), (0x10, " ACK"), (0x01, " FIN"), (0x04, " RST")];
    names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_in_words() {
        let (a, b) = (IpAddr::from([192, 168, 1, 1]), IpAddr::from([192, 168, 2, 1]));
        let tcp = [0, 80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x12];
        let cases: [(u8, &[u8], &str); 5] = [
            (1, &[8, 0], "ICMP echo-request 192.168.1.1 > 192.168.2.1"),
            (1, &[], "ICMP cut 192.168.1.1 > 192.168.2.1"),
            (17, &[0, 53, 0, 99], "UDP 192.168.1.1:53 > 192.168.2.1:99"),
            (6, &tcp, "TCP SYN ACK 192.168.1.1:80 > 192.168.2.1:256"),
            (89, &[], "protocol 89 192.168.1.1 > 192.168.2.1"),
        ];
        for (protocol, payload, words) in cases {
            assert_eq!(transport(protocol, a, b, payload), words);
        }
    }
}
