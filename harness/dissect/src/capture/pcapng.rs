//! The blocks of pcapng: sections, interfaces, packets; every other kind is stepped over.

use super::{Cursor, Found, Frame, Order};
use crate::Problem;
use crate::link::LinkType;

pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Type and length before a block's body, length after it.
const BLOCK_OVERHEAD: usize = 12;
const OPTION_END: u16 = 0;
const OPTION_TS_RESOLUTION: u16 = 9;
const OPTION_TS_OFFSET: u16 = 14;

/// What the blocks so far say of the packets to come.
#[derive(Debug)]
pub(super) struct PcapNg {
    order: Order,
    interfaces: Vec<Interface>,
    count: u32,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    snap_length: u32,
    resolution: Resolution,
    /// Seconds to add to every time.
    offset: i64,
}

/// The unit of time: a negative power of 10 or of 2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Resolution {
    Ten(u32),
    Two(u32),
}

impl Resolution {
    fn from_option(octet: u8) -> Self {
        let power = u32::from(octet & 0x7f);
        if octet & 0x80 == 0 { Self::Ten(power) } else { Self::Two(power) }
    }

    fn nanos(self, time: u64) -> u128 {
        let time = u128::from(time);
        match self {
            Self::Ten(power @ 0..=9) => time * 10_u128.pow(9 - power),
            Self::Ten(power) => 10_u128.checked_pow(power - 9).map_or(0, |unit| time / unit),
            Self::Two(power) => (time * 1_000_000_000).checked_shr(power).unwrap_or(0),
        }
    }
}

impl Interface {
    const UNREADABLE: Self = Self {
        link: LinkType(u16::MAX),
        snap_length: 0,
        resolution: Resolution::Ten(6),
        offset: 0,
    };

    fn nanos(self, time: u64) -> u64 {
        let shift = i128::from(self.offset) * 1_000_000_000;
        let nanos = i128::try_from(self.resolution.nanos(time)).unwrap_or(i128::MAX);
        u64::try_from(nanos.saturating_add(shift).max(0)).unwrap_or(u64::MAX)
    }
}

impl Default for PcapNg {
    fn default() -> Self {
        Self { order: Order::Big, interfaces: Vec::new(), count: 0 }
    }
}

impl PcapNg {
    pub(super) fn next<'a>(&mut self, cursor: &mut Cursor<'a>) -> Found<'a> {
        while !cursor.left().is_empty() {
            let at = cursor.at();
            let found = match self.block(cursor) {
                Ok((kind, body)) => self.read(kind, body),
                Err(problem) => {
                    cursor.stop();
                    return Found::Damaged(problem);
                }
            };
            match found {
                Ok(None) => {}
                Ok(Some(found)) => return found,
                Err(what) => {
                    let what = format!("offset {at}: {what}");
                    return Found::Damaged(Problem::frame(self.count.saturating_add(1), what));
                }
            }
        }
        Found::End
    }

    /// Takes the next block: its type and its body.
    fn block<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<(u32, &'a [u8]), Problem> {
        let at = cursor.at();
        let frame = self.count.saturating_add(1);
        let broken = |what: String| Problem::frame(frame, format!("offset {at}: {what}"));
        let left = cursor.left();
        if left.starts_with(&SECTION_HEADER.to_be_bytes()) {
            self.order = order_of_section(left)
                .ok_or_else(|| broken("a section header block without a byte order".to_owned()))?;
        }
        let (Some(kind), Some(length)) = (self.order.u32(left, 0), self.order.u32(left, 4)) else {
            return Err(broken(format!("{} octets are left, a block takes 12", left.len())));
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length < BLOCK_OVERHEAD || length % 4 != 0 {
            return Err(broken(format!("a block cannot be {length} octets long")));
        }
        let Some(block) = cursor.take(length) else {
            return Err(broken(format!(
                "the block claims {length} octets, {} are left",
                left.len()
            )));
        };
        if self.order.u32(block, length - 4) != self.order.u32(block, 4) {
            return Err(broken("the block's two lengths differ".to_owned()));
        }
        Ok((kind, block.get(8..length - 4).unwrap_or_default()))
    }

    /// Reads a block; `None` for one that is not a packet.
    fn read<'a>(&mut self, kind: u32, body: &'a [u8]) -> Result<Option<Found<'a>>, String> {
        match kind {
            SECTION_HEADER => self.interfaces.clear(),
            INTERFACE_DESCRIPTION => {
                let interface = self.interface(body);
                // An unreadable one keeps its number, so that those behind it keep theirs.
                self.interfaces.push(interface.unwrap_or(Interface::UNREADABLE));
                interface.ok_or("a short interface description")?;
            }
            ENHANCED_PACKET => return self.packet(body, self.order.u32(body, 0)).map(Some),
            PACKET => {
                // Two 16-bit fields stand where the newer block has one of 32 bits.
                let interface = self.order.u16(body, 0).map(u32::from);
                return self.packet(body, interface).map(Some);
            }
            SIMPLE_PACKET => return self.simple_packet(body).map(Some),
            _ => {}
        }
        Ok(None)
    }

    fn interface(&self, body: &[u8]) -> Option<Interface> {
        let mut interface = Interface {
            link: LinkType(self.order.u16(body, 0)?),
            snap_length: self.order.u32(body, 4)?,
            resolution: Resolution::Ten(6),
            offset: 0,
        };
        let mut options = body.get(8..).unwrap_or_default();
        while let (Some(code), Some(length)) =
            (self.order.u16(options, 0), self.order.u16(options, 2))
        {
            let length = usize::from(length);
            let Some(value) = options.get(4..4 + length) else { break };
            match (code, value) {
                (OPTION_END, _) => break,
                (OPTION_TS_RESOLUTION, [octet]) => {
                    interface.resolution = Resolution::from_option(*octet);
                }
                (OPTION_TS_OFFSET, octets) => {
                    interface.offset = self.offset(octets).unwrap_or(0);
                }
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(interface)
    }

    fn offset(&self, octets: &[u8]) -> Option<i64> {
        let octets: [u8; 8] = octets.try_into().ok()?;
        Some(match self.order {
            Order::Big => i64::from_be_bytes(octets),
            Order::Little => i64::from_le_bytes(octets),
        })
    }

    fn packet<'a>(&mut self, body: &'a [u8], interface: Option<u32>) -> Result<Found<'a>, String> {
        let field = |at: usize| self.order.u32(body, at);
        let (Some(number), Some(high), Some(low), Some(captured), Some(length)) =
            (interface, field(4), field(8), field(12), field(16))
        else {
            return Err("a packet block that is too short".to_owned());
        };
        let interface = usize::try_from(number).ok().and_then(|place| self.interfaces.get(place));
        let Some(interface) = interface.copied() else {
            self.count = self.count.saturating_add(1);
            return Err(format!("a packet of interface {number}, which was never described"));
        };
        let wanted = usize::try_from(captured).unwrap_or(usize::MAX);
        let Some((octets, _)) = body.get(20..).and_then(|rest| rest.split_at_checked(wanted))
        else {
            return Err(format!("a packet block that is shorter than its {captured} octets"));
        };
        self.count = self.count.saturating_add(1);
        let time_ns = interface.nanos(u64::from(high) << 32 | u64::from(low));
        let length = length.max(captured);
        Ok(Found::Frame(Frame {
            number: self.count,
            time_ns,
            link: interface.link,
            octets,
            length,
        }))
    }

    /// A packet of the first interface, without a time, cut at the interface's limit.
    fn simple_packet<'a>(&mut self, body: &'a [u8]) -> Result<Found<'a>, String> {
        let Some(interface) = self.interfaces.first().copied() else {
            return Err("a packet of interface 0, which was never described".to_owned());
        };
        let length = self.order.u32(body, 0).ok_or("a packet block that is too short")?;
        let rest = body.get(4..).unwrap_or_default();
        let limit = if interface.snap_length == 0 { u32::MAX } else { interface.snap_length };
        let wanted = usize::try_from(length.min(limit)).unwrap_or(usize::MAX);
        let octets = rest.get(..wanted.min(rest.len())).unwrap_or_default();
        self.count = self.count.saturating_add(1);
        let link = interface.link;
        Ok(Found::Frame(Frame { number: self.count, time_ns: 0, link, octets, length }))
    }
}

/// The byte order that a section header block declares after its type and length.
fn order_of_section(block: &[u8]) -> Option<Order> {
    let both = [Order::Big, Order::Little];
    both.into_iter().find(|order| order.u32(block, 8) == Some(BYTE_ORDER_MAGIC))
}
