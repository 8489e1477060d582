//! Explicit congestion notification through a tunnel, RFC 6040.

use ikelab_trace::Dropped;

use crate::config::Ecn;

const NOT_ECT: u8 = 0b00;
const ECT_0: u8 = 0b10;
const ECT_1: u8 = 0b01;
const CE: u8 = 0b11;

/// The two bits of ECN in an octet of DSCP and ECN.
pub(crate) const fn bits(dscp_ecn: u8) -> u8 {
    dscp_ecn & 0b11
}

/// What the outer header of a packet that enters a tunnel shall say, RFC 6040 §4.1.
pub(crate) const fn enter(mode: Ecn, inner: u8) -> u8 {
    match mode {
        Ecn::Normal => bits(inner),
        Ecn::Compatibility => NOT_ECT,
    }
}

/// What the inner header of a packet that leaves a tunnel shall say, RFC 6040 §4.2 figure 4.
///
/// # Errors
/// The packet is to be dropped: a router was congested and said so, and the sender would not
/// understand.
pub(crate) const fn leave(inner: u8, outer: u8) -> Result<u8, Dropped> {
    match (bits(inner), bits(outer)) {
        (NOT_ECT, CE) => Err(Dropped::Congestion),
        (NOT_ECT, _) => Ok(NOT_ECT),
        (CE, _) | (_, CE) => Ok(CE),
        (ECT_0, ECT_1) => Ok(ECT_1),
        (inner, _) => Ok(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6040 §4.2 figure 4, read from the RFC's text: rows are the arriving inner field.
    #[test]
    fn all_sixteen_meetings_of_inner_and_outer_end_as_in_the_table() {
        let outer = [NOT_ECT, ECT_0, ECT_1, CE];
        let drop = Err(Dropped::Congestion);
        let table = [
            (NOT_ECT, [Ok(NOT_ECT), Ok(NOT_ECT), Ok(NOT_ECT), drop]),
            (ECT_0, [Ok(ECT_0), Ok(ECT_0), Ok(ECT_1), Ok(CE)]),
            (ECT_1, [Ok(ECT_1), Ok(ECT_1), Ok(ECT_1), Ok(CE)]),
            (CE, [Ok(CE), Ok(CE), Ok(CE), Ok(CE)]),
        ];
        for (inner, expected) in table {
            assert_eq!(outer.map(|outer| leave(inner, outer)), expected, "inner {inner:02b}");
        }
    }

    #[test]
    fn the_ingress_copies_or_clears() {
        for inner in [NOT_ECT, ECT_0, ECT_1, CE] {
            assert_eq!(enter(Ecn::Normal, 0xb8 | inner), inner);
            assert_eq!(enter(Ecn::Compatibility, 0xb8 | inner), NOT_ECT);
        }
    }

    #[test]
    fn the_dscp_beside_it_does_not_count() {
        assert_eq!(leave(0xb8 | ECT_0, 0x28 | ECT_1), Ok(ECT_1));
    }
}
