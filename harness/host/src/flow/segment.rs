//! TCP segments as they go to the network: cut where the path has become too narrow for them, and
//! told apart by whether they were sent before.
//!
//! smoltcp learns the MTU of its interface once. What a path turns out to take is less, and a
//! segment that is too long for it is cut into several here, as network cards do it for their hosts.

use std::net::IpAddr;

use ikelab_wire::ip::write_tcp_checksum;

/// RFC 9293 §3.1: the header without options.
const HEADER_MIN: usize = 20;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;

/// The parts of a segment that matter here.
pub(super) struct Segment<'a> {
    header: &'a [u8],
    data: &'a [u8],
}

impl<'a> Segment<'a> {
    pub(super) fn parse(octets: &'a [u8]) -> Option<Self> {
        let header = usize::from(octets.get(12)? >> 4) * 4;
        let (header, data) = octets.split_at_checked(header.max(HEADER_MIN))?;
        Some(Self { header, data })
    }

    fn sequence(&self) -> u32 {
        self.header
            .get(4..8)
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |field| u32::from_be_bytes(*field))
    }

    fn flags(&self) -> u8 {
        self.header.get(13).copied().unwrap_or_default()
    }

    /// Octets of data.
    pub(super) fn data_len(&self) -> u32 {
        u32::try_from(self.data.len()).unwrap_or(u32::MAX)
    }

    /// The sequence number after it, if it takes any: SYN and FIN count as one each.
    pub(super) fn end(&self) -> Option<u32> {
        let marks = u32::from(self.flags() & SYN != 0) + u32::from(self.flags() & FIN != 0);
        let length = self.data_len().wrapping_add(marks);
        (length > 0).then(|| self.sequence().wrapping_add(length))
    }

    /// The segment in pieces of at most `room` octets, headers included; whole where it fits.
    pub(super) fn cut(&self, room: usize, src: IpAddr, dst: IpAddr) -> Vec<Vec<u8>> {
        let most = room.saturating_sub(self.header.len()).max(1);
        if self.data.len() <= most {
            return vec![[self.header, self.data].concat()];
        }
        let last = (self.data.len() - 1) / most;
        let piece = |(place, data): (usize, &[u8])| {
            let mut piece = [self.header, data].concat();
            let offset = u32::try_from(place * most).unwrap_or(u32::MAX);
            let sequence = self.sequence().wrapping_add(offset);
            if let Some(field) = piece.get_mut(4..8) {
                field.copy_from_slice(&sequence.to_be_bytes());
            }
            if let Some(flags) = piece.get_mut(13).filter(|_| place < last) {
                *flags &= !(FIN | PSH);
            }
            write_tcp_checksum(src, dst, &mut piece);
            piece
        };
        self.data.chunks(most).enumerate().map(piece).collect()
    }
}

/// Whether sequence number `a` comes before `b` or is it, RFC 9293 §3.4.
pub(super) fn up_to(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const SRC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const DST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn segment(sequence: u32, flags: u8, data: &[u8]) -> Vec<u8> {
        let mut octets = vec![0; HEADER_MIN];
        octets[4..8].copy_from_slice(&sequence.to_be_bytes());
        octets[12] = 5 << 4;
        octets[13] = flags;
        octets.extend_from_slice(data);
        write_tcp_checksum(SRC, DST, &mut octets);
        octets
    }

    #[test]
    fn the_pieces_are_the_segments_that_a_smaller_mtu_would_have_made() {
        let data: Vec<u8> = (0..250).collect();
        let whole = segment(u32::MAX - 50, 0x10 | PSH | FIN, &data);
        let pieces = Segment::parse(&whole).unwrap().cut(HEADER_MIN + 100, SRC, DST);
        let expected = [
            segment(u32::MAX - 50, 0x10, &data[..100]),
            segment(49, 0x10, &data[100..200]),
            segment(149, 0x10 | PSH | FIN, &data[200..]),
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn what_fits_is_not_touched() {
        let whole = segment(7, PSH, &[1; 100]);
        assert_eq!(
            Segment::parse(&whole).unwrap().cut(120, SRC, DST),
            std::slice::from_ref(&whole)
        );
        assert!(Segment::parse(&whole[..19]).is_none());
    }

    #[test]
    fn a_syn_and_a_fin_take_a_number_and_an_acknowledgement_none() {
        let end = |flags, data: &[u8]| Segment::parse(&segment(9, flags, data)).unwrap().end();
        assert_eq!([end(SYN, &[]), end(FIN, &[0; 3]), end(0x10, &[])], [Some(10), Some(13), None]);
    }
}
