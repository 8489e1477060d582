//! Packets by hand: the keys of an SA vouch for them, and no engine would make them. What a receiver
//! does with a peer that has lost its mind is seen only so.

use ikelab_ambient::Entropy;
use ikelab_trace::EspEvent;
use ikelab_wire::esp::EspHeader;
use ikelab_wire::ike::EspSpi;

use crate::engine::Esp;
use crate::outbound::next_identification;
use crate::outer::{self, Shown};
use crate::output::Output;
use crate::sad::Child;
use crate::seal::append_iv;

/// What an ESP packet says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Crafted {
    /// What stands behind the IV.
    pub payload: Vec<u8>,
    /// The next header.
    pub next_header: u8,
    /// The padding; none for the right one.
    pub padding: Option<Vec<u8>>,
    /// The pad length; none for the right one.
    pub pad_len: Option<u8>,
    /// The sequence number; none for the next one of the SA. One that is given moves no counter.
    pub sequence: Option<u64>,
    /// Whether the last bit of the integrity check value is turned over.
    pub forged: bool,
    /// The ECN field of the outer header.
    pub outer_ecn: u8,
    /// How many octets are cut off the sealed packet at its end.
    pub cut: usize,
}

impl Esp {
    /// Sends a packet by hand on a Child SA.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn crafted(
        &mut self,
        entropy: &mut dyn Entropy,
        spi_in: EspSpi,
        crafted: &Crafted,
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let child = self.sad.get_mut(spi_in).ok_or("there is no such SA")?;
        let sequence = match crafted.sequence {
            Some(sequence) => sequence,
            None => child.next_sequence().ok_or("no sequence number is left")?,
        };
        let esp = sealed(child, sequence, entropy, crafted)?;
        let config = &child.config;
        let identification = next_identification(&mut self.identification);
        let mut packet = Vec::new();
        let shown = Shown { dscp_ecn: crafted.outer_ecn, ..Shown::default() };
        outer::tunnel(config, shown, identification, esp.len(), &mut packet)
            .map_err(|reason| reason.to_string())?;
        packet.extend(esp);
        let datagram = outer::tunnel_len(config) - outer::udp_len(config);
        let ends = (config.local.ip(), config.remote.ip());
        outer::finish(config, ends, packet.get_mut(datagram..).unwrap_or_default());
        out.push(Output::Event(EspEvent::Sealed {
            spi: config.spi_out,
            sequence,
            octets: u32::try_from(crafted.payload.len()).unwrap_or(u32::MAX),
        }));
        out.push(Output::Transmit(packet));
        Ok(())
    }
}

fn sealed(
    child: &Child,
    sequence: u64,
    entropy: &mut dyn Entropy,
    crafted: &Crafted,
) -> Result<Vec<u8>, String> {
    let cipher = &child.outbound;
    let header = EspHeader { spi: child.config.spi_out, sequence: sequence as u32 };
    let mut esp = header.emit().to_vec();
    append_iv(child, sequence, entropy, &mut esp);
    esp.extend_from_slice(&crafted.payload);
    match &crafted.padding {
        Some(padding) => {
            esp.extend_from_slice(padding);
            let pad_len =
                u8::try_from(padding.len()).map_err(|_| "more padding than 255 octets")?;
            esp.extend([pad_len, crafted.next_header]);
        }
        None => cipher.pad(&mut esp, 0, crafted.next_header),
    }
    if let Some(pad_len) = crafted.pad_len
        && let Some([place, _]) = esp.last_chunk_mut()
    {
        *place = pad_len;
    }
    cipher.seal(&mut esp, 0, child.esn_high(sequence));
    if crafted.forged
        && let Some(last) = esp.last_mut()
    {
        *last ^= 1;
    }
    esp.truncate(esp.len().saturating_sub(crafted.cut));
    Ok(esp)
}
