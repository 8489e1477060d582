//! What the receiver of a packet refuses in its extension headers, RFC 8200 §4.2 and §4.4.

use super::IpView;
use super::extensions::BASE;
use crate::registry::IpProtocol;

/// RFC 8200 §4.2: the only option without a length.
const PAD1: u8 = 0;
/// RFC 8200 §4.2: the two highest bits of an option say what becomes of who doesn't know it; 00 has it
/// skipped.
const MUST_BE_KNOWN: u8 = 0xc0;
const ROUTED: &str = "a routing header with segments left";
const LONG: &str = "an option that is longer than its header";
const UNKNOWN: &str = "an option that has to be understood";

impl IpView<'_> {
    /// Why the receiver does not take a packet for the sake of its extension headers, by name. We know no
    /// routing header and no option but padding: those that must not be skipped end the packet.
    #[must_use]
    pub fn refusal(&self) -> Option<&'static str> {
        let [.., next, _] = *self.octets().first_chunk::<8>()?;
        if self.src.is_ipv4() {
            return None;
        }
        let (mut protocol, mut at) = (IpProtocol(next), BASE);
        while at < self.before_payload().at {
            let header = self.octets().get(at..)?;
            let &[next, units, _, left, ..] = header.first_chunk::<8>()?;
            let length = match protocol {
                IpProtocol::IPV6_FRAGMENT => 8,
                _ => 8 + usize::from(units) * 8,
            };
            let refused = match protocol {
                IpProtocol::IPV6_ROUTE => (left > 0).then_some(ROUTED),
                IpProtocol::IPV6_FRAGMENT => None,
                _ => refused_option(header.get(2..length)?),
            };
            if refused.is_some() {
                return refused;
            }
            (protocol, at) = (IpProtocol(next), at + length);
        }
        None
    }
}

/// What is wrong with options, if anything is.
fn refused_option(mut options: &[u8]) -> Option<&'static str> {
    while let [kind, rest @ ..] = options {
        options = match (*kind, rest) {
            (PAD1, _) => rest,
            (kind, [length, rest @ ..]) => {
                if kind & MUST_BE_KNOWN != 0 {
                    return Some(UNKNOWN);
                }
                let Some(rest) = rest.get(usize::from(*length)..) else { return Some(LONG) };
                rest
            }
            (_, []) => return Some(LONG),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn refusal(next: u8, header: [u8; 8]) -> Option<&'static str> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 16, next, 64];
        packet.extend([0xfd; 32]);
        packet.extend(header);
        packet.extend(hex!("01f4 01f4 0008 0000"));
        IpView::parse(&packet).expect("a packet").refusal()
    }

    #[test]
    fn options_that_may_be_skipped_are_and_others_end_the_packet() {
        for next in [0, 60] {
            assert_eq!(refusal(next, hex!("11 00 01 04 00000000")), None, "padding");
            assert_eq!(refusal(next, hex!("11 00 00 00 00 00 00 00")), None, "padding, one by one");
            assert_eq!(refusal(next, hex!("11 00 05 02 0000 01 00")), None, "router alert");
            assert_eq!(refusal(next, hex!("11 00 3e 04 00000000")), None, "unknown, to be skipped");
            for kind in [0x7e, 0xbe, 0xfe] {
                let mut header = hex!("11 00 00 04 00000000");
                header[2] = kind;
                assert_eq!(refusal(next, header), Some(UNKNOWN), "{kind:02x}");
            }
            assert_eq!(refusal(next, hex!("11 00 01 05 00000000")), Some(LONG));
            assert_eq!(refusal(next, hex!("11 00 01 03 000000 01")), Some(LONG));
        }
    }

    #[test]
    fn a_routing_header_that_is_used_up_is_skipped_whatever_its_type() {
        for kind in [0, 2, 4, 200] {
            let mut header = hex!("11 00 00 00 00000000");
            header[2] = kind;
            assert_eq!(refusal(43, header), None);
            header[3] = 1;
            assert_eq!(refusal(43, header), Some(ROUTED));
        }
    }
}
