//! How many IKE SAs are half open, in all and for each source: one address, or one prefix of IPv6
//! that a single customer may have, is not to fill the table for the others (RFC 8019 §4.2).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// Octets of an IPv6 address that stand for its source: a /64.
const IPV6_OCTETS: usize = 8;

/// The half-open IKE SAs of a responder, counted.
#[derive(Debug, Default)]
pub(crate) struct HalfOpen {
    all: usize,
    by_source: BTreeMap<IpAddr, usize>,
}

/// How many there are when a request comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) all: usize,
    /// Those of the source that the request comes from.
    pub(crate) of_source: usize,
}

impl HalfOpen {
    pub(crate) fn entries(&self) -> usize {
        self.by_source.len()
    }

    /// What there is when a request comes from an address.
    pub(crate) fn load(&self, from: IpAddr) -> Load {
        let of_source = self.by_source.get(&source(from)).copied().unwrap_or(0);
        Load { all: self.all, of_source }
    }

    pub(crate) fn add(&mut self, from: IpAddr) {
        self.all += 1;
        *self.by_source.entry(source(from)).or_default() += 1;
    }

    pub(crate) fn remove(&mut self, from: IpAddr) {
        let source = source(from);
        let Some(count) = self.by_source.get_mut(&source) else { return };
        self.all -= 1;
        *count -= 1;
        if *count == 0 {
            self.by_source.remove(&source);
        }
    }
}

fn source(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[IPV6_OCTETS..].fill(0);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_is_a_source_and_so_is_an_ipv6_prefix_of_64_bits() {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut half_open = HalfOpen::default();
        for from in ["10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"] {
            half_open.add(at(from));
        }
        let of_source = |from| half_open.load(at(from)).of_source;
        assert_eq!(half_open.load(at("10.0.0.1")).all, 5);
        assert_eq!([of_source("10.0.0.1"), of_source("10.0.0.3")], [1, 0]);
        assert_eq!([of_source("2001:db8::3"), of_source("2001:db8:0:1::2")], [2, 1]);
    }

    #[test]
    fn what_is_gone_leaves_nothing() {
        let from = IpAddr::from([10, 0, 0, 1]);
        let mut half_open = HalfOpen::default();
        half_open.add(from);
        half_open.remove(from);
        half_open.remove(from);
        assert_eq!((half_open.load(from).all, half_open.entries()), (0, 0));
    }
}
