//! The beginning of a packet that an ICMP error quotes: its lengths count for more than is there.

use std::net::IpAddr;

use super::extensions::{BASE, Chain};
use crate::registry::IpProtocol;

/// What an error shows of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quoted<'a> {
    /// The sender.
    pub src: IpAddr,
    /// The receiver.
    pub dst: IpAddr,
    /// What it carries, behind IPv6's extension headers.
    pub protocol: IpProtocol,
    /// What is there of that.
    pub message: &'a [u8],
    /// How long the packet was.
    pub length: u32,
}

impl<'a> Quoted<'a> {
    /// Reads what an error quotes; none if too little is there.
    #[must_use]
    pub fn read(original: &'a [u8]) -> Option<Self> {
        match original.first()? >> 4 {
            4 => {
                let header = original.first_chunk::<20>()?;
                Some(Self {
                    src: address::<4>(header.get(12..)?)?,
                    dst: address::<4>(header.get(16..)?)?,
                    protocol: IpProtocol(header[9]),
                    message: original.get(usize::from(header[0] & 0xf) * 4..)?,
                    length: u16::from_be_bytes([header[2], header[3]]).into(),
                })
            }
            6 => {
                let header = original.first_chunk::<BASE>()?;
                let upper = Chain::read(original).ok()?.upper;
                Some(Self {
                    src: address::<16>(header.get(8..)?)?,
                    dst: address::<16>(header.get(24..)?)?,
                    protocol: upper.protocol,
                    message: original.get(upper.at..)?,
                    length: BASE as u32 + u32::from(u16::from_be_bytes([header[4], header[5]])),
                })
            }
            _ => None,
        }
    }
}

fn address<const LENGTH: usize>(octets: &[u8]) -> Option<IpAddr>
where
    IpAddr: From<[u8; LENGTH]>,
{
    octets.first_chunk::<LENGTH>().map(|octets| IpAddr::from(*octets))
}
