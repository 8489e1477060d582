//! Making an ESP packet, RFC 4303 §3.3: what stands before the payload is written first, and a
//! failure leaves the clear packet as it was. Encryption takes the text from the buffer of the clear
//! packet to that of the sealed one, so that it is read and written once.

use std::net::IpAddr;

use ikelab_ambient::{Entropy, Instant, Purpose, Value};
use ikelab_trace::{EspMode, Withheld};
use ikelab_wire::esp::EspHeader;
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::IpProtocol;

use crate::outer::{self, Shown};
use crate::sad::Child;

/// What is to become of a clear packet, once all that can fail has not.
#[derive(Debug)]
pub(crate) struct Job {
    /// Octets of the clear packet; a link may have put more behind it.
    pub(crate) clear_len: usize,
    /// How much of its beginning is replaced by what stands before the payload.
    replaced: usize,
    /// Zeros behind the payload, RFC 4303 §2.7.
    tfc: usize,
    esp_at: usize,
    next_header: IpProtocol,
    pub(crate) sequence: u64,
    /// How long the pieces may be that the sealed packet is cut into, if it is longer.
    pub(crate) pieces: Option<u16>,
    ends: (IpAddr, IpAddr),
}

/// Writes what stands before the payload of a sealed packet: headers, SPI, sequence number, IV.
pub(crate) fn begin(
    child: &mut Child,
    (now, identification): (Instant, u16),
    packet: &IpView<'_>,
    entropy: &mut dyn Entropy,
    front: &mut Vec<u8>,
) -> Result<Job, Withheld> {
    front.clear();
    let mut job = match child.config.mode {
        EspMode::Tunnel => {
            let clear_len = packet.octets().len();
            let tfc = tfc(child, now, clear_len);
            let esp_len = child.outbound.packet_len(clear_len + tfc);
            let shown = Shown::of(&child.config, packet);
            outer::tunnel(&child.config, shown, identification, esp_len, front)?;
            Job { clear_len, tfc, next_header: version(packet), ..Job::between_ends(child) }
        }
        EspMode::Transport => {
            check_transport(child, packet)?;
            let seam = packet.before_inner();
            let clear_len = packet.octets().len();
            let esp_len = child.outbound.packet_len(clear_len - seam.at);
            outer::transport(&child.config, packet, esp_len, front)?;
            Job {
                clear_len,
                replaced: seam.at,
                pieces: child.pieces(now, packet),
                next_header: seam.protocol,
                ends: (packet.src, packet.dst),
                ..Job::between_ends(child)
            }
        }
    };
    number(child, entropy, &mut job, front)?;
    Ok(job)
}

/// As [`begin`], but for a packet without content, RFC 4303 §2.6.
pub(crate) fn begin_dummy(
    child: &mut Child,
    identification: u16,
    clear_len: usize,
    entropy: &mut dyn Entropy,
    front: &mut Vec<u8>,
) -> Result<Job, Withheld> {
    front.clear();
    let esp_len = child.outbound.packet_len(clear_len);
    outer::tunnel(&child.config, Shown::default(), identification, esp_len, front)?;
    let mut job = Job { clear_len, ..Job::between_ends(child) };
    number(child, entropy, &mut job, front)?;
    Ok(job)
}

/// Writes the sealed packet into a buffer, whatever that holds. The clear one is of no use after.
pub(crate) fn finish(
    child: &Child,
    job: &Job,
    front: &[u8],
    clear: &mut Vec<u8>,
    sealed: &mut Vec<u8>,
) {
    clear.truncate(job.clear_len);
    clear.resize(clear.len() + job.tfc, 0);
    child.outbound.pad_payload(clear, job.replaced, job.next_header.0);
    if sealed.len() < front.len() {
        sealed.resize(front.len(), 0);
    }
    sealed[..front.len()].copy_from_slice(front);
    let text = clear.get(job.replaced..).unwrap_or_default();
    child.outbound.seal_from(text, sealed, job.esp_at, child.esn_high(job.sequence));
    if let Some(datagram) = sealed.get_mut(job.esp_at - outer::udp_len(&child.config)..) {
        outer::finish(&child.config, job.ends, datagram);
    }
}

impl Job {
    fn between_ends(child: &Child) -> Self {
        Self {
            clear_len: 0,
            replaced: 0,
            tfc: 0,
            esp_at: 0,
            next_header: IpProtocol::IPV6_NO_NEXT,
            sequence: 0,
            pieces: None,
            ends: (child.config.local.ip(), child.config.remote.ip()),
        }
    }
}

fn number(
    child: &mut Child,
    entropy: &mut dyn Entropy,
    job: &mut Job,
    front: &mut Vec<u8>,
) -> Result<(), Withheld> {
    job.sequence = child.next_sequence().ok_or(Withheld::SequenceExhausted)?;
    job.esp_at = front.len();
    // The low half is what is sent, RFC 4303 §2.2.1.
    let header = EspHeader { spi: child.config.spi_out, sequence: job.sequence as u32 };
    front.extend_from_slice(&header.emit());
    append_iv(child, job.sequence, entropy, front);
    Ok(())
}

/// How many zeros make an inner packet look as long as it shall, and still fit the path.
fn tfc(child: &Child, now: Instant, clear_len: usize) -> usize {
    let room = child.path_mtu(now).map_or(usize::MAX, |mtu| child.tunnel_room(mtu));
    usize::from(child.config.outer.tfc_len).min(room).saturating_sub(clear_len)
}

fn version(packet: &IpView<'_>) -> IpProtocol {
    if packet.src.is_ipv4() { IpProtocol::IPV4 } else { IpProtocol::IPV6 }
}

/// Transport mode takes whole packets only, and of the family that its ends have.
fn check_transport(child: &Child, packet: &IpView<'_>) -> Result<(), Withheld> {
    if packet.fragment.is_some() {
        return Err(Withheld::Fragment);
    }
    if packet.src.is_ipv4() != child.config.remote.is_ipv4() {
        return Err(Withheld::BadPacket);
    }
    Ok(())
}

/// A counter where the IV must only never repeat (RFC 4106 §3.1 and its kin, eight octets); octets
/// that nobody can foresee where it must be random (RFC 3602 §3, sixteen).
pub(crate) fn append_iv(
    child: &Child,
    sequence: u64,
    entropy: &mut dyn Entropy,
    out: &mut Vec<u8>,
) {
    match child.outbound.iv_len() {
        8 => out.extend_from_slice(&sequence.to_be_bytes()),
        len => {
            let at = out.len();
            out.resize(at + len, 0);
            let iv = out.get_mut(at..).unwrap_or_default();
            if !iv.is_empty() {
                entropy.fill(Purpose::aside(Value::Iv), iv);
            }
        }
    }
}
