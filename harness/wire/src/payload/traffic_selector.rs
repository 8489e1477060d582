//! TSi and TSr: which packets an SA carries (RFC 7296 §3.13).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ParseError;
use crate::notation::{hex, join};
use crate::reader::{Reader, close_length};
use crate::registry::{IpProtocol, TsType};

/// A Traffic Selector payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrafficSelectors {
    /// The selectors, in their order on the wire; at least one.
    pub selectors: Vec<TrafficSelector>,
}

/// One traffic selector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrafficSelector {
    /// A range of IPv4 or IPv6 addresses and ports.
    Range(SelectorRange),
    /// A selector of another type.
    Unknown {
        /// Its type.
        ts_type: TsType,
        /// The octet after the type: the IP protocol, or reserved, as the type has it.
        protocol: IpProtocol,
        /// What follows the selector length.
        octets: Vec<u8>,
    },
}

/// A range of addresses, of one family, and of ports. OPAQUE ports are `65535..=0`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SelectorRange {
    /// The IP protocol, or any.
    pub protocol: IpProtocol,
    /// The first port, or ICMP type and code.
    pub start_port: u16,
    /// The last port, or ICMP type and code.
    pub end_port: u16,
    /// The first address.
    pub start: IpAddr,
    /// The last address.
    pub end: IpAddr,
}

impl TrafficSelectors {
    pub(super) fn read(mut reader: Reader<'_>) -> Result<Self, ParseError> {
        let start = reader.at();
        let count = usize::from(reader.u8("the number of traffic selectors")?);
        reader.take(3, "TS's reserved octets")?;
        let mut selectors = Vec::new();
        while !reader.is_empty() {
            selectors.push(TrafficSelector::read(&mut reader)?);
        }
        if selectors.len() != count {
            return Err(ParseError::new(
                start,
                format!("{} traffic selectors, announced {count}", selectors.len()),
            ));
        }
        if selectors.is_empty() {
            return Err(ParseError::new(start, "no traffic selector, expected one"));
        }
        Ok(Self { selectors })
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let count = u8::try_from(self.selectors.len()).expect("selectors fit their count field");
        out.extend_from_slice(&[count, 0, 0, 0]);
        for selector in &self.selectors {
            selector.emit(out);
        }
    }
}

/// RFC 7296 §3.13.1: type, protocol, selector length.
const SELECTOR_HEADER: usize = 4;

impl TrafficSelector {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let start = reader.at();
        let ts_type = TsType(reader.u8("the TS type")?);
        let protocol = IpProtocol(reader.u8("the IP protocol of a traffic selector")?);
        let length = usize::from(reader.u16("the length of a traffic selector")?);
        let expected = match ts_type {
            TsType::TS_IPV4_ADDR_RANGE => 16,
            TsType::TS_IPV6_ADDR_RANGE => 40,
            _ => length.max(SELECTOR_HEADER),
        };
        if length != expected {
            return Err(ParseError::new(
                start + 2,
                format!("{ts_type} of length {length}, expected {expected}"),
            ));
        }
        let body = reader.sub(length - SELECTOR_HEADER, "a traffic selector")?;
        match ts_type {
            TsType::TS_IPV4_ADDR_RANGE => read_range::<4, Ipv4Addr>(protocol, body),
            TsType::TS_IPV6_ADDR_RANGE => read_range::<16, Ipv6Addr>(protocol, body),
            _ => Ok(Self::Unknown { ts_type, protocol, octets: { body }.rest().to_vec() }),
        }
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        match self {
            Self::Range(range) => range.emit(out),
            Self::Unknown { ts_type, protocol, octets } => {
                out.extend_from_slice(&[ts_type.0, protocol.0, 0, 0]);
                out.extend_from_slice(octets);
            }
        }
        let length = out.len() - start;
        close_length(out, start + 2, length);
    }
}

fn read_range<const N: usize, A: From<[u8; N]> + Into<IpAddr>>(
    protocol: IpProtocol,
    mut reader: Reader<'_>,
) -> Result<TrafficSelector, ParseError> {
    Ok(TrafficSelector::Range(SelectorRange {
        protocol,
        start_port: reader.u16("a start port")?,
        end_port: reader.u16("an end port")?,
        start: A::from(reader.array("a starting address")?).into(),
        end: A::from(reader.array("an ending address")?).into(),
    }))
}

impl SelectorRange {
    /// All protocols and ports from one address to another.
    pub fn addresses(start: IpAddr, end: IpAddr) -> Self {
        Self { protocol: IpProtocol::ANY, start_port: 0, end_port: u16::MAX, start, end }
    }

    /// All protocols and ports of a prefix; a length beyond the address is all of the address.
    pub fn from_prefix(address: IpAddr, length: u8) -> Self {
        match address {
            IpAddr::V4(v4) => {
                let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
                let start = Ipv4Addr::from_bits(v4.to_bits() & !host);
                Self::addresses(start.into(), Ipv4Addr::from_bits(v4.to_bits() | host).into())
            }
            IpAddr::V6(v6) => {
                let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
                let start = Ipv6Addr::from_bits(v6.to_bits() & !host);
                Self::addresses(start.into(), Ipv6Addr::from_bits(v6.to_bits() | host).into())
            }
        }
    }

    /// Whether an address lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.start, address, self.end) {
            (IpAddr::V4(start), IpAddr::V4(address), IpAddr::V4(end)) => {
                start <= address && address <= end
            }
            (IpAddr::V6(start), IpAddr::V6(address), IpAddr::V6(end)) => {
                start <= address && address <= end
            }
            _ => false,
        }
    }

    /// The length of the prefix that is exactly this range of addresses, if there is one.
    pub fn prefix_length(&self) -> Option<u8> {
        let (start, end, width) = match (self.start, self.end) {
            (IpAddr::V4(start), IpAddr::V4(end)) => {
                (u128::from(start.to_bits()), u128::from(end.to_bits()), 32)
            }
            (IpAddr::V6(start), IpAddr::V6(end)) => (start.to_bits(), end.to_bits(), 128),
            _ => return None,
        };
        let host = start ^ end;
        let is_prefix = host & host.wrapping_add(1) == 0 && start & host == 0 && start <= end;
        let host_bits = u8::try_from(u128::BITS - host.leading_zeros()).ok()?;
        is_prefix.then(|| width - host_bits)
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let ts_type = match self.start {
            IpAddr::V4(_) => TsType::TS_IPV4_ADDR_RANGE,
            IpAddr::V6(_) => TsType::TS_IPV6_ADDR_RANGE,
        };
        out.extend_from_slice(&[ts_type.0, self.protocol.0, 0, 0]);
        out.extend_from_slice(&self.start_port.to_be_bytes());
        out.extend_from_slice(&self.end_port.to_be_bytes());
        for address in [self.start, self.end] {
            match address {
                IpAddr::V4(v4) => out.extend_from_slice(&v4.octets()),
                IpAddr::V6(v6) => out.extend_from_slice(&v6.octets()),
            }
        }
    }
}

impl fmt::Display for TrafficSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => range.fmt(f),
            Self::Unknown { ts_type, octets, .. } => {
                write!(f, "{ts_type}:{}", hex(octets))
            }
        }
    }
}

impl fmt::Display for TrafficSelectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(&self.selectors, ", "))
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;
    use crate::payload::Body;
    use crate::payload::octets::{agree, read};
    use crate::registry::PayloadType;

    fn range(text: &str, length: u8) -> SelectorRange {
        SelectorRange::from_prefix(text.parse().expect("an address"), length)
    }

    #[test]
    fn figures_19_and_20_of_rfc_7296() {
        let dns = SelectorRange {
            protocol: IpProtocol::UDP,
            start_port: 53,
            end_port: 53,
            ..range("192.168.1.7", 24)
        };
        let selectors = TrafficSelectors {
            selectors: vec![
                TrafficSelector::Range(dns),
                TrafficSelector::Range(range("fd00::", 16)),
            ],
        };
        assert_eq!(selectors.to_string(), "192.168.1.0/24[udp/53], fd00::/16");
        let octets = hex!(
            "02 000000"
            "07 11 0010 0035 0035 c0a80100 c0a801ff"
            "08 00 0028 0000 ffff fd000000000000000000000000000000 fd00ffffffffffffffffffffffffffff"
        );
        agree(&octets, &Body::TsI(selectors));
    }

    #[test]
    fn a_security_label_of_rfc_9478_keeps_its_octets() {
        let label = TrafficSelector::Unknown {
            ts_type: TsType::TS_SECLABEL,
            protocol: IpProtocol(0),
            octets: vec![0x61],
        };
        let selectors = vec![label];
        agree(&hex!("01 000000 0a 00 0005 61"), &Body::TsR(TrafficSelectors { selectors }));
    }

    #[test]
    fn count_and_lengths_have_to_fit() {
        for octets in [
            hex!("02 000000 07 00 0010 0000 ffff 0a000000 0a0000ff").as_slice(),
            &hex!("00 000000 07 00 0010 0000 ffff 0a000000 0a0000ff"),
            &hex!("01 000000 07 00 000f 0000 ffff 0a000000 0a0000"),
            &hex!("01 000000 07 00 0011 0000 ffff 0a000000 0a0000ff 00"),
            &hex!("01 000000 08 00 0010 0000 ffff 0a000000 0a0000ff"),
            &hex!("01 000000 0a 00 0003"),
            &hex!("01 000000 0a 00"),
            &hex!("00 000000"),
        ] {
            assert!(read(PayloadType::TSI, octets).is_err(), "{octets:02x?}");
        }
    }

    #[test]
    fn a_prefix_is_a_range_and_back() {
        for (text, length, shown) in [
            ("10.1.2.3", 32, "10.1.2.3/32"),
            ("10.1.2.3", 8, "10.0.0.0/8"),
            ("10.1.2.3", 0, "0.0.0.0/0"),
            ("fd00::1", 128, "fd00::1/128"),
            ("fd00::1", 0, "::/0"),
        ] {
            assert_eq!(range(text, length).to_string(), shown);
        }
    }

    #[test]
    fn a_range_that_is_no_prefix_is_shown_by_its_ends() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        for (start, end) in
            [("10.0.0.1", "10.0.0.2"), ("10.0.0.0", "10.0.0.6"), ("10.0.0.7", "10.0.0.0")]
        {
            let range = SelectorRange::addresses(address(start), address(end));
            assert_eq!(range.to_string(), format!("{start}-{end}"));
        }
    }

    #[test]
    fn ports_are_shown_where_not_all_are_meant() {
        let shown = |start_port, end_port| {
            let protocol = IpProtocol::TCP;
            SelectorRange { protocol, start_port, end_port, ..range("10.0.0.1", 32) }.to_string()
        };
        assert_eq!(shown(0, 65535), "10.0.0.1/32[tcp]");
        assert_eq!(shown(80, 81), "10.0.0.1/32[tcp/80-81]");
        assert_eq!(shown(65535, 0), "10.0.0.1/32[tcp/opaque]");
    }

    #[test]
    fn a_range_contains_its_ends_and_no_other_family() {
        let range = range("10.0.0.0", 24);
        let contains = |text: &str| range.contains(text.parse().expect("an address"));
        assert!(contains("10.0.0.0") && contains("10.0.0.255"));
        assert!(!contains("9.255.255.255") && !contains("10.0.1.0") && !contains("::a00:1"));
    }
}
