//! Internal addresses that were given to peers, and to whom (RFC 7296 §2.19).
//!
//! One peer keeps its address as long as it has an IKE SA that holds it: a second IKE SA of the
//! same identity gets the same address, and the address is free when the last of them is gone.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses that are taken.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    taken: BTreeMap<IpAddr, Lease>,
}

#[derive(Debug)]
struct Lease {
    /// The identity of the peer, in words.
    owner: String,
    /// How many IKE SAs hold it.
    held: usize,
}

impl Leases {
    pub(crate) fn entries(&self) -> usize {
        self.taken.len()
    }

    /// Gives an address of one of the blocks and of one family to a peer: the one that it has, the
    /// one that it would like, or the first that is free. Nothing when all are taken.
    pub(crate) fn take(
        &mut self,
        blocks: &[(IpAddr, u8)],
        ipv4: bool,
        owner: &str,
        wish: Option<IpAddr>,
    ) -> Option<IpAddr> {
        let blocks: Vec<Block> = blocks
            .iter()
            .filter(|(address, _)| address.is_ipv4() == ipv4)
            .map(|(address, length)| Block::of(*address, *length))
            .collect();
        let within = |address: &IpAddr| blocks.iter().any(|block| block.has(*address));
        let own = self.taken.iter().find(|(address, l)| l.owner == owner && within(address));
        let own = own.map(|(address, _)| *address);
        let free = |address: &IpAddr| !self.taken.contains_key(address);
        let wish = wish.filter(|wish| within(wish) && free(wish));
        let address = own.or(wish).or_else(|| {
            let mut all = blocks.iter().flat_map(Block::addresses);
            all.find(free)
        })?;
        let lease = Lease { owner: owner.to_owned(), held: 0 };
        self.taken.entry(address).or_insert(lease).held += 1;
        Some(address)
    }

    /// One IKE SA less holds an address; true when it is free now.
    pub(crate) fn release(&mut self, address: IpAddr) -> bool {
        let Some(lease) = self.taken.get_mut(&address) else { return false };
        lease.held -= 1;
        let free = lease.held == 0;
        if free {
            self.taken.remove(&address);
        }
        free
    }
}

/// The addresses of a block that a host can have.
struct Block {
    first: u128,
    last: u128,
    ipv4: bool,
}

impl Block {
    /// Of a block of more than two addresses the first is left out: that of the network (IPv4) or
    /// of any of its routers (IPv6); of an IPv4 block the last one too, the broadcast address.
    fn of(address: IpAddr, length: u8) -> Self {
        let (bits, width, ipv4) = match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32, true),
            IpAddr::V6(v6) => (v6.to_bits(), 128, false),
        };
        let host_bits = width - u32::from(length).min(width);
        let mask = 1_u128.checked_shl(host_bits).map_or(u128::MAX, |size| size - 1);
        let (first, last) = (bits & !mask, bits | mask);
        let room = mask > 1;
        Self { first: first + u128::from(room), last: last - u128::from(room && ipv4), ipv4 }
    }

    fn has(&self, address: IpAddr) -> bool {
        let bits = match address {
            IpAddr::V4(v4) if self.ipv4 => u128::from(v4.to_bits()),
            IpAddr::V6(v6) if !self.ipv4 => v6.to_bits(),
            IpAddr::V4(_) | IpAddr::V6(_) => return false,
        };
        (self.first..=self.last).contains(&bits)
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        (self.first..=self.last).map(|bits| match u32::try_from(bits) {
            Ok(bits) if self.ipv4 => Ipv4Addr::from_bits(bits).into(),
            _ => Ipv6Addr::from_bits(bits).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn block(text: &str) -> (IpAddr, u8) {
        let (address, length) = text.split_once('/').unwrap();
        (at(address), length.parse().unwrap())
    }

    #[test]
    fn everybody_gets_another_address_until_all_are_taken() {
        let (mut leases, pool) = (Leases::default(), [block("10.9.0.0/30")]);
        let mut take = |who: &str| leases.take(&pool, true, who, None);
        assert_eq!([take("a"), take("b")], [Some(at("10.9.0.1")), Some(at("10.9.0.2"))]);
        assert_eq!(take("c"), None, "neither the network's address nor the broadcast address");
        assert_eq!(leases.take(&pool, false, "c", None), None, "there is no IPv6");
    }

    #[test]
    fn one_peer_has_one_address_until_its_last_sa_is_gone() {
        let (mut leases, pool) = (Leases::default(), [block("2001:db8::/127")]);
        let take = |leases: &mut Leases, who| leases.take(&pool, false, who, None);
        let address = at("2001:db8::");
        assert_eq!(take(&mut leases, "a"), Some(address));
        assert_eq!(take(&mut leases, "a"), Some(address));
        assert!(!leases.release(address));
        assert_eq!(take(&mut leases, "b"), Some(at("2001:db8::1")));
        assert!(leases.release(address));
        assert!(!leases.release(address), "it is given back once");
        assert_eq!(take(&mut leases, "c"), Some(address));
    }

    #[test]
    fn a_wish_is_met_where_that_address_is_ours_to_give_and_free() {
        let (mut leases, pool) = (Leases::default(), [block("10.9.0.0/24")]);
        let mut take = |who, wish| leases.take(&pool, true, who, Some(at(wish))).unwrap();
        assert_eq!(take("a", "10.9.0.77"), at("10.9.0.77"));
        assert_eq!(take("b", "10.9.0.77"), at("10.9.0.1"));
        assert_eq!(take("c", "10.8.0.1"), at("10.9.0.2"));
    }

    #[test]
    fn the_widest_blocks_do_not_overflow() {
        assert!(Block::of(at("::"), 0).has(at("ffff::")));
        assert!(Block::of(at("0.0.0.0"), 0).has(at("255.255.255.254")));
        assert!(!Block::of(at("10.0.0.1"), 32).has(at("::1")));
    }
}
