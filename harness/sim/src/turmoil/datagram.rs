//! A frame as the payload of a turmoil datagram: where it goes and when, then the IP packet.

use ikelab_ambient::Instant;
use ikelab_net::Frame;
use ikelab_trace::{HostId, LinkId, PacketId};

/// Octets in front of the packet: arrival, count, its maker's count; link, sender, receiver,
/// interface, maker, whether it is overheard.
const HEADER: usize = 8 + 8 + 8 + 2 + 2 + 2 + 2 + 2 + 2;

/// Writes a frame into `datagram`, in place of what was there.
pub(super) fn write(frame: &Frame, datagram: &mut Vec<u8>) {
    datagram.clear();
    datagram.extend_from_slice(&frame.at.as_nanos().to_be_bytes());
    datagram.extend_from_slice(&frame.seq.to_be_bytes());
    datagram.extend_from_slice(&frame.packet.seq.to_be_bytes());
    let [link, from, to, maker] = [frame.link.0, frame.from.0, frame.to.0, frame.packet.host.0];
    for number in [link, from, to, frame.iface, maker, u16::from(frame.overheard)] {
        datagram.extend_from_slice(&number.to_be_bytes());
    }
    datagram.extend_from_slice(&frame.octets);
}

/// Reads what [`write()`] wrote; none if it is too short to be that.
pub(super) fn read(datagram: &[u8]) -> Option<Frame> {
    let (header, octets) = datagram.split_first_chunk::<HEADER>()?;
    let (at, header) = header.split_first_chunk()?;
    let (seq, header) = header.split_first_chunk()?;
    let (maker_seq, header) = header.split_first_chunk()?;
    let (numbers, _) = header.as_chunks::<2>();
    let &[link, from, to, iface, maker, overheard] = numbers else { return None };
    Some(Frame {
        at: Instant::from_nanos(u64::from_be_bytes(*at)),
        link: LinkId(u16::from_be_bytes(link)),
        from: HostId(u16::from_be_bytes(from)),
        seq: u64::from_be_bytes(*seq),
        to: HostId(u16::from_be_bytes(to)),
        iface: u16::from_be_bytes(iface),
        packet: PacketId {
            host: HostId(u16::from_be_bytes(maker)),
            seq: u64::from_be_bytes(*maker_seq),
        },
        overheard: u16::from_be_bytes(overheard) != 0,
        octets: octets.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_the_datagram() {
        let frame = Frame {
            at: Instant::from_nanos(0x0102_0304_0506_0708),
            link: LinkId(1),
            from: HostId(0x203),
            seq: u64::MAX - 1,
            to: HostId(4),
            iface: 5,
            packet: PacketId { host: HostId(6), seq: 7 << 40 },
            overheard: true,
            octets: vec![0x45, 0, 0].into(),
        };
        let mut datagram = vec![0xff; 3];
        write(&frame, &mut datagram);
        assert_eq!(datagram.len(), HEADER + 3);
        assert_eq!(read(&datagram), Some(frame));
        assert_eq!(read(&datagram[..HEADER - 1]), None);
    }
}
