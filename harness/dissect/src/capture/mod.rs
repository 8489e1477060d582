//! Capture files: pcap and pcapng, of either byte order and any resolution of time.
//!
//! The file stays where it is; frames borrow from it, so a hostile file costs no memory. A file
//! that breaks off gives every frame before the break, and then a problem that says where.

mod pcap;
mod pcapng;

use crate::Problem;
use crate::link::LinkType;

/// A frame as it stands in a capture file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Its number, from 1, as Wireshark counts.
    pub number: u32,
    /// When it was captured, in nanoseconds since the epoch; 0 where the file doesn't say.
    pub time_ns: u64,
    /// What its first octets are.
    pub link: LinkType,
    /// What was captured of it.
    pub octets: &'a [u8],
    /// How long it was; more than was captured when the capture cut it.
    pub length: u32,
}

/// The frames of a capture file, one after the other.
#[derive(Debug)]
pub struct Frames<'a> {
    format: Format,
    cursor: Cursor<'a>,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Pcap),
    PcapNg(pcapng::PcapNg),
    /// What is wrong, until it is said.
    Neither(Option<Problem>),
}

/// What a format finds next.
enum Found<'a> {
    Frame(Frame<'a>),
    /// A damaged part that could be stepped over.
    Damaged(Problem),
    End,
}

impl<'a> Frames<'a> {
    /// Opens a capture file that was read into memory.
    #[must_use]
    pub fn read(file: &'a [u8]) -> Self {
        let mut cursor = Cursor::new(file);
        let format = Self::format(&mut cursor);
        Self { format, cursor }
    }

    fn format(cursor: &mut Cursor<'a>) -> Format {
        if cursor.left().starts_with(&pcapng::SECTION_HEADER.to_be_bytes()) {
            return Format::PcapNg(pcapng::PcapNg::default());
        }
        match pcap::Pcap::open(cursor) {
            Ok(pcap) => Format::Pcap(pcap),
            Err(problem) => Format::Neither(Some(problem)),
        }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.cursor),
            Format::PcapNg(pcapng) => pcapng.next(&mut self.cursor),
            Format::Neither(problem) => problem.take().map_or(Found::End, Found::Damaged),
        };
        match found {
            Found::Frame(frame) => Some(Ok(frame)),
            Found::Damaged(problem) => Some(Err(problem)),
            Found::End => None,
        }
    }
}

/// Walks over a file and knows the offset it is at.
#[derive(Clone, Copy, Debug)]
struct Cursor<'a> {
    left: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(file: &'a [u8]) -> Self {
        Self { left: file, at: 0 }
    }

    fn left(&self) -> &'a [u8] {
        self.left
    }

    fn at(&self) -> usize {
        self.at
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(length)?;
        self.left = left;
        self.at += length;
        Some(taken)
    }

    /// Gives up: nothing that follows can be read.
    fn stop(&mut self) {
        self.at += self.left.len();
        self.left = &[];
    }
}

/// The byte order that a file was written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Big,
    Little,
}

impl Order {
    /// The 32-bit number at an offset of `octets`.
    fn u32(self, octets: &[u8], at: usize) -> Option<u32> {
        let octets: [u8; 4] = octets.get(at..)?.first_chunk().copied()?;
        Some(match self {
            Self::Big => u32::from_be_bytes(octets),
            Self::Little => u32::from_le_bytes(octets),
        })
    }

    /// The 16-bit number at an offset of `octets`.
    fn u16(self, octets: &[u8], at: usize) -> Option<u16> {
        let octets: [u8; 2] = octets.get(at..)?.first_chunk().copied()?;
        Some(match self {
            Self::Big => u16::from_be_bytes(octets),
            Self::Little => u16::from_le_bytes(octets),
        })
    }
}
