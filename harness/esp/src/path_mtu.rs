//! How long a packet the path of an SA takes, learnt from ICMP, and what that leaves for the packet
//! inside, RFC 4301 §8.2.

use std::net::IpAddr;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::EspMode;
use ikelab_wire::ike::EspSpi;
use ikelab_wire::ip::{IpView, Quoted};
use ikelab_wire::registry::IpProtocol;

use crate::engine::Esp;
use crate::outer::{self, IPV6_MTU_MIN, Shown, UDP_HEADER};
use crate::sad::Child;

/// RFC 1191 §6.3: what was learnt is forgotten after ten minutes, since paths change.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);
/// Ours: nobody can make us believe in a path that takes less than every host does, RFC 791 §3.1.
const IPV4_MTU_MIN: u32 = 576;

/// What is known of the path of an SA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PathMtu {
    mtu: u16,
    learnt: Instant,
}

impl Esp {
    /// Notes how long a packet the link takes that a Child SA's packets leave through: one that
    /// would be too long for it must not take a sequence number, RFC 4303 §2.2.
    pub fn set_link_mtu(&mut self, spi_in: EspSpi, mtu: u16) {
        if let Some(child) = self.sad.get_mut(spi_in) {
            child.link_mtu = Some(mtu);
        }
    }

    /// The same for all Child SAs, by their peers' addresses: links have changed.
    pub fn set_link_mtus(&mut self, mtu_towards: &dyn Fn(IpAddr) -> u16) {
        for child in self.sad.all_mut() {
            child.link_mtu = Some(mtu_towards(child.config.remote.ip()));
        }
    }

    /// Takes an ICMP error that a packet was too big: the MTU of the next hop and the beginning of
    /// that packet. True if it was ESP of ours, which will be shorter from now on.
    pub fn packet_too_big(&mut self, now: Instant, mtu: u32, original: &[u8]) -> bool {
        let Some(quoted) = Quoted::read(original) else { return false };
        let Some(spi) = spi_of(&quoted) else { return false };
        let Some(child) = self.sad.sends_on(spi, quoted.dst) else { return false };
        // A router that could have passed the packet on has nothing to tell.
        if mtu >= quoted.length {
            return false;
        }
        let floor = if quoted.dst.is_ipv4() { IPV4_MTU_MIN } else { IPV6_MTU_MIN as u32 };
        let mtu = u16::try_from(mtu.max(floor)).unwrap_or(u16::MAX);
        child.path_mtu = Some(PathMtu { mtu, learnt: now });
        true
    }
}

impl Child {
    /// How long a packet the path takes, if that is known: its first link says so itself.
    pub(crate) fn path_mtu(&self, now: Instant) -> Option<usize> {
        let link = self.link_mtu.map(usize::from);
        self.learnt_mtu(now).into_iter().chain(link).min()
    }

    /// How long a packet the path takes, as routers have told.
    pub(crate) fn learnt_mtu(&self, now: Instant) -> Option<usize> {
        let learnt = self.path_mtu.filter(|path| now - path.learnt < FORGOTTEN_AFTER);
        learnt.map(|path| path.mtu.into())
    }

    /// Whether a packet that must not be cut once it is sealed fits the path.
    ///
    /// # Errors
    /// How long it may be.
    pub(crate) fn fits(&self, now: Instant, packet: &IpView<'_>) -> Result<(), u16> {
        // Its maker may cut a packet of IPv6, and in transport mode that is this host.
        if self.config.mode == EspMode::Transport && packet.src.is_ipv6() {
            return Ok(());
        }
        let Some(path_mtu) = self.path_mtu(now) else { return Ok(()) };
        let (room, may_be_cut) = match self.config.mode {
            EspMode::Tunnel => {
                let shown = Shown::of(&self.config, packet);
                (self.tunnel_room(path_mtu), !shown.dont_fragment)
            }
            EspMode::Transport => {
                let header = packet.before_inner().at;
                let around = header + outer::udp_len(&self.config);
                (header + self.room(path_mtu, around), !packet.dont_fragment)
            }
        };
        if may_be_cut || packet.octets().len() <= room {
            return Ok(());
        }
        let least = if packet.src.is_ipv6() { IPV6_MTU_MIN } else { 0 };
        Err(u16::try_from(room.max(least)).unwrap_or(u16::MAX))
    }

    /// How long the pieces may be that a packet of IPv6 is cut into, once it is sealed: its first link
    /// cuts it anyway, and of the others routers have told.
    pub(crate) fn pieces(&self, now: Instant, packet: &IpView<'_>) -> Option<u16> {
        let learnt = self.learnt_mtu(now).filter(|_| packet.src.is_ipv6())?;
        u16::try_from(learnt).ok()
    }

    /// How long an inner packet may be in tunnel mode.
    pub(crate) fn tunnel_room(&self, path_mtu: usize) -> usize {
        self.room(path_mtu, outer::tunnel_len(&self.config))
    }

    fn room(&self, path_mtu: usize, around: usize) -> usize {
        self.outbound.payload_room(path_mtu.saturating_sub(around))
    }
}

/// The SPI of the ESP packet that an ICMP error quotes.
fn spi_of(quoted: &Quoted<'_>) -> Option<EspSpi> {
    let before = match quoted.protocol {
        IpProtocol::ESP => 0,
        IpProtocol::UDP => UDP_HEADER,
        _ => return None,
    };
    EspSpi::from_octets(quoted.message.get(before..before + 4)?)
}
