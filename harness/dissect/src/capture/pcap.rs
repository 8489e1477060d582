//! The classic format: a header of 24 octets, then records of 16 octets and a frame.

use super::{Cursor, Found, Frame, Order};
use crate::Problem;
use crate::link::LinkType;

/// Seconds and microseconds.
const MAGIC_MICRO: u32 = 0xa1b2_c3d4;
/// Seconds and nanoseconds.
const MAGIC_NANO: u32 = 0xa1b2_3c4d;
const HEADER: usize = 24;
const RECORD: usize = 16;

/// What the header says of the records.
#[derive(Debug)]
pub(super) struct Pcap {
    order: Order,
    fraction_ns: u64,
    link: LinkType,
    count: u32,
}

impl Pcap {
    pub(super) fn open(cursor: &mut Cursor<'_>) -> Result<Self, Problem> {
        let magic = cursor.left().first_chunk().copied().map(u32::from_be_bytes);
        let (order, fraction_ns) = match magic {
            Some(MAGIC_MICRO) => (Order::Big, 1_000),
            Some(MAGIC_NANO) => (Order::Big, 1),
            Some(magic) if magic.swap_bytes() == MAGIC_MICRO => (Order::Little, 1_000),
            Some(magic) if magic.swap_bytes() == MAGIC_NANO => (Order::Little, 1),
            Some(magic) => {
                let what = format!("offset 0: {magic:08x} begins neither pcap nor pcapng");
                return Err(Problem::file(what));
            }
            None => {
                let what = format!("offset 0: {} octets are no capture", cursor.left().len());
                return Err(Problem::file(what));
            }
        };
        let Some(header) = cursor.take(HEADER) else {
            let length = cursor.left().len();
            let what = format!("offset 0: the pcap header has {length} of {HEADER} octets");
            return Err(Problem::file(what));
        };
        // The upper half of the field may carry the length of a frame check sequence.
        let link = order.u32(header, 20).unwrap_or(0) & 0xffff;
        let link = LinkType(u16::try_from(link).unwrap_or(0));
        Ok(Self { order, fraction_ns, link, count: 0 })
    }

    pub(super) fn next<'a>(&mut self, cursor: &mut Cursor<'a>) -> Found<'a> {
        if cursor.left().is_empty() {
            return Found::End;
        }
        let at = cursor.at();
        let frame = self.count.saturating_add(1);
        let field = |place: usize| self.order.u32(cursor.left(), place);
        let (Some(secs), Some(fraction), Some(captured), Some(length)) =
            (field(0), field(4), field(8), field(12))
        else {
            let left = cursor.left().len();
            cursor.stop();
            let what = format!("offset {at}: the record has {left} of {RECORD} octets");
            return Found::Damaged(Problem::frame(frame, what));
        };
        cursor.take(RECORD);
        let wanted = usize::try_from(captured).unwrap_or(usize::MAX);
        let Some(octets) = cursor.take(wanted) else {
            let left = cursor.left().len();
            cursor.stop();
            let what = format!("offset {at}: the record claims {captured} octets, {left} are left");
            return Found::Damaged(Problem::frame(frame, what));
        };
        self.count = frame;
        let time_ns = u64::from(secs) * 1_000_000_000 + u64::from(fraction) * self.fraction_ns;
        let length = length.max(captured);
        Found::Frame(Frame { number: frame, time_ns, link: self.link, octets, length })
    }
}
