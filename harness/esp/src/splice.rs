//! Another beginning for a packet, in its own buffer.

/// Replaces the first `replaced` octets by `front`, and leaves room for `behind` more at the end.
pub(crate) fn splice_front(packet: &mut Vec<u8>, replaced: usize, front: &[u8], behind: usize) {
    let len = packet.len();
    let replaced = replaced.min(len);
    let spliced = len - replaced + front.len();
    if spliced > len {
        packet.reserve(spliced - len + behind);
        packet.resize(spliced, 0);
    }
    packet.copy_within(replaced..len, front.len());
    packet.truncate(spliced);
    packet[..front.len()].copy_from_slice(front);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_an_equal_and_a_shorter_front_all_leave_the_rest() {
        for front in [[7; 9].as_slice(), &[7; 3], &[7; 2], &[]] {
            let mut packet = vec![1, 1, 1, 2, 2, 2, 2];
            splice_front(&mut packet, 3, front, 5);
            assert_eq!(packet, [front, &[2; 4]].concat());
        }
    }

    #[test]
    fn a_buffer_with_room_is_not_moved() {
        let mut packet = Vec::with_capacity(100);
        packet.extend_from_slice(&[1; 50]);
        let place = packet.as_ptr();
        splice_front(&mut packet, 0, &[7; 30], 20);
        assert_eq!((packet.as_ptr(), packet.len()), (place, 80));
    }
}
