//! Traffic selectors in words: `192.168.1.0/24`, `10.0.0.5-10.0.0.9[udp/53]`, `10.0.0.1[icmp/8]`.

use std::fmt;
use std::net::IpAddr;

use super::SelectorRange;
use crate::registry::IpProtocol;

/// A text that is no selector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSelector;

impl fmt::Display for NoSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a network or a range: 192.168.1.0/24, 10.0.0.5-10.0.0.9[udp/53]")
    }
}

impl std::str::FromStr for SelectorRange {
    type Err = NoSelector;

    fn from_str(text: &str) -> Result<Self, NoSelector> {
        let (addresses, rest) = match text.split_once('[') {
            Some((addresses, rest)) => (addresses, Some(rest.strip_suffix(']').ok_or(NoSelector)?)),
            None => (text, None),
        };
        let range = read_addresses(addresses).ok_or(NoSelector)?;
        let Some(rest) = rest else { return Ok(range) };
        let (protocol, ports) =
            rest.split_once('/').map_or((rest, None), |(p, ports)| (p, Some(ports)));
        let protocol = read_protocol(protocol).ok_or(NoSelector)?;
        let (start_port, end_port) = match ports {
            None => (0, u16::MAX),
            Some("opaque") => (u16::MAX, 0),
            Some(ports) if is_icmp(protocol) => read_types(ports).ok_or(NoSelector)?,
            Some(ports) => read_ports(ports).ok_or(NoSelector)?,
        };
        Ok(Self { protocol, start_port, end_port, ..range })
    }
}

fn read_addresses(text: &str) -> Option<SelectorRange> {
    if let Some((start, end)) = text.split_once('-') {
        let (start, end): (IpAddr, IpAddr) = (start.parse().ok()?, end.parse().ok()?);
        let same = start.is_ipv4() == end.is_ipv4();
        return (same && start <= end).then(|| SelectorRange::addresses(start, end));
    }
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.trim().parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(width), |length| length.parse().ok())?;
    (length <= width).then(|| SelectorRange::from_prefix(address, length))
}

fn read_protocol(text: &str) -> Option<IpProtocol> {
    let named = IpProtocol::all().find(|(_, name)| name.eq_ignore_ascii_case(text));
    named.map(|(protocol, _)| protocol).or_else(|| text.parse().ok().map(IpProtocol))
}

/// `53`, `1000-2000`.
fn read_ports(text: &str) -> Option<(u16, u16)> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let (start, end) = (start.parse().ok()?, end.parse().ok()?);
    (start <= end).then_some((start, end))
}

/// `8`, `3.1`, `0-8`, `3.0-3.4`: types with all their codes, or types and codes
/// (RFC 7296 §3.13.1).
fn read_types(text: &str) -> Option<(u16, u16)> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let one = |text: &str, code: u8| {
        let (kind, code) = match text.split_once('.') {
            Some((kind, code)) => (kind.parse().ok()?, code.parse().ok()?),
            None => (text.parse().ok()?, code),
        };
        Some(u16::from_be_bytes([kind, code]))
    };
    let (start, end) = (one(start, 0)?, one(end, u8::MAX)?);
    (start <= end).then_some((start, end))
}

fn is_icmp(protocol: IpProtocol) -> bool {
    protocol == IpProtocol::ICMP || protocol == IpProtocol::ICMPV6
}

impl fmt::Display for SelectorRange {
    /// `192.168.1.0/24` or `10.0.0.1-10.0.0.9`, with `[udp/53]` where not everything is meant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix_length() {
            Some(length) => write!(f, "{}/{length}", self.start)?,
            None => write!(f, "{}-{}", self.start, self.end)?,
        }
        let ports = match (self.start_port, self.end_port) {
            (0, u16::MAX) if self.protocol == IpProtocol::ANY => return Ok(()),
            (0, u16::MAX) => String::new(),
            (u16::MAX, 0) => "/opaque".to_owned(),
            (start, end) if is_icmp(self.protocol) => types(start, end),
            (start, end) if start == end => format!("/{start}"),
            (start, end) => format!("/{start}-{end}"),
        };
        write!(f, "[{}{ports}]", self.protocol)
    }
}

/// Types and codes of ICMP; codes where not all are meant.
fn types(start: u16, end: u16) -> String {
    let ([first, low], [last, high]) = (start.to_be_bytes(), end.to_be_bytes());
    match (first == last, (low, high) == (0, u8::MAX)) {
        (true, true) => format!("/{first}"),
        (false, true) => format!("/{first}-{last}"),
        (true, false) if low == high => format!("/{first}.{low}"),
        (_, false) => format!("/{first}.{low}-{last}.{high}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_shown() {
        for text in [
            "192.168.1.0/24",
            "10.0.0.5-10.0.0.9",
            "fd00::/64",
            "10.0.0.1/32[udp/53]",
            "10.0.0.0/8[tcp/1000-2000]",
            "10.0.0.0/8[tcp]",
            "10.0.0.0/8[tcp/opaque]",
            "10.0.0.0/8[icmp/8]",
            "10.0.0.0/8[icmp/0-8]",
            "10.0.0.0/8[icmp/3.1]",
            "10.0.0.0/8[icmp/3.1-3.4]",
            "10.0.0.0/8[ospf]",
            "10.0.0.0/8[99]",
        ] {
            assert_eq!(
                text.parse::<SelectorRange>().map(|range| range.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn a_type_of_icmp_is_the_high_octet_of_its_ports() {
        let echo: SelectorRange = "10.0.0.0/8[icmp/8]".parse().unwrap();
        assert_eq!((echo.start_port, echo.end_port), (0x0800, 0x08ff));
        let host: SelectorRange = "10.0.0.1".parse().unwrap();
        assert_eq!(host.prefix_length(), Some(32));
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.9-10.0.0.5",
            "10.0.0.1-fd00::1",
            "10.0.0.1[udp/5",
            "10.0.0.1[udp/]",
            "10.0.0.1[udp/9-5]",
            "10.0.0.1[nothing]",
            "10.0.0.1[icmp/300]",
            "10.0.0.1[udp/70000]",
            "lan",
        ] {
            assert_eq!(text.parse::<SelectorRange>(), Err(NoSelector), "{text}");
        }
    }
}
