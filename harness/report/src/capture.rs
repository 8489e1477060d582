//! A run as a pcapng file: what went over each link, and what the network ate.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_dissect::Dissected;
use ikelab_trace::{Fate, LinkId, Trace};
use ikelab_wire::notation;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness};

use crate::ladder::link_name;
use crate::reading::{Reading, Seen};
use crate::words;

/// What the capture says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureTitle {
    /// Name of the scenario.
    pub scenario: String,
    /// Cell of its matrix; `-` without one.
    pub cell: String,
    /// Seed of the run.
    pub seed: u64,
    /// Version of ikelab.
    pub version: String,
}

/// A copy of a packet as it goes into the file.
struct Copy<'a> {
    /// The link, and whether the copy was lost on it.
    interface: (LinkId, bool),
    at: Instant,
    octets: &'a [u8],
    comment: String,
}

/// The capture of a run: a packet for each copy, at the virtual time at which it was sent, on an
/// interface for each link; lost ones are on an interface of their own, `NAME (lost)`.
///
/// # Errors
/// Those of the writer of the format; none for a trace of a run.
pub fn capture(reading: &Reading<'_>, title: &CaptureTitle) -> Result<Vec<u8>, String> {
    let copies: Vec<Copy<'_>> =
        reading.packets.iter().flat_map(|seen| copies(reading.trace, seen)).collect();
    let mut interfaces: BTreeMap<(LinkId, bool), u32> = BTreeMap::new();
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), section(title)).map_err(text)?;
    for place in 0..reading.trace.links.len() {
        let link = LinkId(u16::try_from(place).unwrap_or(u16::MAX));
        for lost in [false, true] {
            let number = u32::try_from(interfaces.len()).unwrap_or(u32::MAX);
            interfaces.insert((link, lost), number);
            let name = link_name(reading.trace, link);
            let name = if lost { format!("{name} (lost)") } else { name.to_owned() };
            writer.write_pcapng_block(interface(name)).map_err(text)?;
        }
    }
    for copy in copies {
        let Some(interface) = interfaces.get(&copy.interface) else { continue };
        writer.write_pcapng_block(packet(*interface, &copy)).map_err(text)?;
    }
    Ok(writer.into_inner())
}

fn text(why: impl std::fmt::Display) -> String {
    format!("pcapng: {why}")
}

fn section(title: &CaptureTitle) -> SectionHeaderBlock<'static> {
    let CaptureTitle { scenario, cell, seed, version } = title;
    let comment = format!("scenario {scenario}, cell {cell}, seed {seed:#x}, ikelab {version}");
    SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![
            SectionHeaderOption::UserApplication(Cow::Owned(format!("ikelab {version}"))),
            SectionHeaderOption::Common(CommonOption::Comment(Cow::Owned(comment))),
        ],
        ..SectionHeaderBlock::default()
    }
}

fn interface(name: String) -> InterfaceDescriptionBlock<'static> {
    InterfaceDescriptionBlock {
        linktype: DataLink::RAW,
        snaplen: 0,
        options: vec![
            InterfaceDescriptionOption::IfName(Cow::Owned(name)),
            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
        ],
    }
}

fn packet<'a>(interface_id: u32, copy: &'a Copy<'_>) -> EnhancedPacketBlock<'a> {
    EnhancedPacketBlock {
        interface_id,
        timestamp: Duration::from_nanos(copy.at.as_nanos()),
        original_len: u32::try_from(copy.octets.len()).unwrap_or(u32::MAX),
        data: Cow::Borrowed(copy.octets),
        options: vec![EnhancedPacketOption::Common(CommonOption::Comment(Cow::Borrowed(
            &copy.comment,
        )))],
    }
}

/// Ours: a comment is read by people; an option of pcapng ends at 65535 octets anyway.
const COMMENT_MAX: usize = 16_384;

/// Cuts a comment where it would be too long for its place.
fn shorten(comment: &mut String) {
    if comment.len() > COMMENT_MAX {
        comment.truncate(comment.floor_char_boundary(COMMENT_MAX));
        comment.push_str(" ...");
    }
}

fn copies<'a>(trace: &Trace, seen: &Seen<'a>) -> Vec<Copy<'a>> {
    let total = seen.sent.fates.len();
    let about = about(seen);
    let copy = |(place, fate): (usize, &'a Fate)| {
        let from = trace.name(seen.host);
        let (lost, octets, way) = match fate {
            Fate::Arrives { host, altered, .. } => {
                let octets = altered.as_ref().unwrap_or(&seen.sent.octets);
                (false, octets, format!("{from} -> {}", trace.name(*host)))
            }
            Fate::Lost { .. } => (true, &seen.sent.octets, format!("{from} -x")),
        };
        let mut comment = format!("{way}  {about}");
        for fault in faults(fate, place, total) {
            comment.push_str(&format!("\n[fault] {fault}"));
        }
        if seen.spoilt {
            comment.push_str("\n[fault] altered, perhaps, before it was passed on");
        }
        for line in details(seen) {
            comment.push_str(&format!("\n{line}"));
        }
        shorten(&mut comment);
        Copy { interface: (seen.sent.link, lost), at: seen.at, octets, comment }
    };
    seen.sent.fates.iter().enumerate().map(copy).collect()
}

fn faults(fate: &Fate, place: usize, total: usize) -> Vec<String> {
    let mut faults = Vec::new();
    match fate {
        Fate::Lost { reason } => faults.push(format!("lost: {reason}")),
        Fate::Arrives { altered: Some(_), .. } => faults.push("altered".to_owned()),
        Fate::Arrives { altered: None, .. } => {}
    }
    if total > 1 {
        faults.push(format!("copy {} of {total}", place + 1));
    }
    faults
}

/// A packet in the words of the ladder.
fn about(seen: &Seen<'_>) -> String {
    let found: Vec<String> = seen.found.iter().map(about_one).collect();
    if found.is_empty() { "part of an IP packet".to_owned() } else { found.join("; ") }
}

fn about_one(found: &Dissected) -> String {
    match found {
        Dissected::Ike(message) => {
            let header = &message.header;
            let (exchange, id) = (words::exchange(header), header.message_id);
            format!("{exchange} mid={id}  {}", words::payloads(message))
        }
        Dissected::Fragment(fragment) => {
            let header = &fragment.header;
            let (exchange, id) = (words::exchange(header), header.message_id);
            format!("{exchange} mid={id}  {}", words::fragment(fragment))
        }
        Dissected::Esp(esp) => {
            let inner = esp.inner.as_ref().map_or("sealed", |inner| inner.words.as_str());
            format!("ESP {} seq={}{}  {inner}", esp.spi, esp.sequence, words::integrity(esp.icv))
        }
        Dissected::Keepalive(_) => "NAT keepalive".to_owned(),
        Dissected::Clear(clear) => clear.words.clone(),
        Dissected::Problem(problem) => format!("! {}", problem.what),
    }
}

/// The payloads of a message, decrypted, a line for each proposal, selector and value.
fn details(seen: &Seen<'_>) -> Vec<String> {
    let messages = seen.found.iter().filter_map(|found| match found {
        Dissected::Ike(message) => Some(message),
        _ => None,
    });
    messages.flat_map(|message| &message.payloads).flat_map(notation::details).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_that_is_too_long_for_pcapng_is_cut() {
        let mut comment = "ü".repeat(COMMENT_MAX);
        shorten(&mut comment);
        assert!(comment.len() < COMMENT_MAX + 8 && comment.ends_with("ü ..."));
        let mut short = "ü".to_owned();
        shorten(&mut short);
        assert_eq!(short, "ü");
    }
}
