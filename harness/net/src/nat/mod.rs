//! Network address translation, as RFC 4787, RFC 5508 and RFC 3022 name its parts.
//!
//! A NAT knows an inside, whose endpoints it hides, and one outside address under which they all
//! appear. A *mapping* gives an inside endpoint an outside port; *filtering* decides who outside may
//! send to it. UDP and TCP endpoints are addresses with ports, ICMP's have the identifier of an echo
//! instead. ESP shows no ports and gets no mapping: behind a NAT it passes inside UDP only, as
//! RFC 3948 has it. There is no hairpinning: inside hosts do not reach each other by outside ports.

mod mapping;
mod rewrite;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_wire::ip::IpView;
use ikelab_wire::registry::IpProtocol;

use mapping::{Mappings, Protocol};
use rewrite::{End, Quoted};

/// How a NAT behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NatConfig {
    /// The place of its outside interface; all others are inside.
    pub outside: u16,
    /// The outside address at the beginning.
    pub address: IpAddr,
    /// Mapping and filtering.
    pub behaviour: Behaviour,
    /// How long a UDP mapping lives without a packet from inside.
    pub timeout: Duration,
}

/// Mapping and filtering under the names of RFC 3489.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// Endpoint-independent mapping and filtering: whoever knows the outside port may use it.
    FullCone,
    /// Endpoint-independent mapping, address-dependent filtering.
    AddressRestricted,
    /// Endpoint-independent mapping, address and port-dependent filtering.
    PortRestricted,
    /// Address and port-dependent mapping and filtering: each remote endpoint sees another port.
    Symmetric,
}

/// A mapping as it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// UDP, TCP or ICMP.
    pub protocol: IpProtocol,
    /// The endpoint that is hidden.
    pub inside: SocketAddr,
    /// What stands for it outside.
    pub outside: SocketAddr,
}

/// What becomes of a packet at a NAT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Translation {
    /// It goes on as this packet; a mapping may have been made for it.
    Translated(Vec<u8>, Option<Mapped>),
    /// It is for the NAT itself.
    Own,
    /// It goes nowhere, for a reason with a name.
    Dropped(&'static str),
}

/// A NAT with its mappings.
#[derive(Clone, Debug)]
pub struct Nat {
    config: NatConfig,
    mappings: Mappings,
}

impl Nat {
    /// A NAT without mappings.
    #[must_use]
    pub fn new(config: NatConfig) -> Self {
        Self { mappings: Mappings::new(&config), config }
    }

    /// The place of its outside interface.
    #[must_use]
    pub fn outside(&self) -> u16 {
        self.config.outside
    }

    /// The address under which all that is inside appears.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.mappings.address()
    }

    /// Forgets all mappings. Endpoints get other ports than they had, or another address.
    pub fn rebind(&mut self, address: Option<IpAddr>) {
        self.mappings.rebind(address);
    }

    /// Forgets all mappings, and which ports they had: they may get the same again.
    pub fn restart(&mut self) {
        self.mappings.restart();
    }

    /// Translates a whole packet that leaves the inside.
    pub fn outbound(&mut self, now: Instant, packet: &IpView<'_>) -> Translation {
        if packet.src.is_ipv4() != self.address().is_ipv4() {
            return Translation::Dropped("NAT: other address family");
        }
        if let Some(quoted) = Quoted::of(packet) {
            return self.outbound_error(now, packet, &quoted);
        }
        let Some((protocol, ends)) = ends(packet) else {
            return Translation::Dropped("NAT: protocol without ports");
        };
        match self.mappings.outbound(now, protocol, ends.src, ends.dst) {
            Ok((outside, fresh)) => {
                let octets = rewrite::packet(packet, End::Source, outside);
                let inside = ends.src;
                let mapped = Mapped { protocol: packet.protocol, inside, outside };
                Translation::Translated(octets, fresh.then_some(mapped))
            }
            Err(reason) => Translation::Dropped(reason),
        }
    }

    /// Translates a whole packet to the outside address.
    pub fn inbound(&mut self, now: Instant, packet: &IpView<'_>) -> Translation {
        if let Some(quoted) = Quoted::of(packet) {
            return self.inbound_error(now, packet, &quoted);
        }
        if rewrite::is_echo_request(packet) {
            return Translation::Own;
        }
        let Some((protocol, ends)) = ends(packet) else {
            return Translation::Dropped("NAT: protocol without ports");
        };
        match self.mappings.inbound(now, protocol, ends.dst, ends.src) {
            Ok(inside) => {
                Translation::Translated(rewrite::packet(packet, End::Destination, inside), None)
            }
            Err(reason) => Translation::Dropped(reason),
        }
    }

    /// RFC 5508 REQ-4: an error from inside about a packet that was translated on its way in.
    fn outbound_error(
        &self,
        now: Instant,
        packet: &IpView<'_>,
        quoted: &Quoted<'_>,
    ) -> Translation {
        let known = quoted
            .protocol()
            .and_then(|protocol| self.mappings.outside_of(now, protocol, quoted.dst, quoted.src));
        match known {
            Some(outside) => Translation::Translated(
                rewrite::error(packet, quoted, End::Source, outside, self.address()),
                None,
            ),
            None => Translation::Dropped("NAT: error about no mapping"),
        }
    }

    /// RFC 5508 REQ-5: an error from outside about a packet that was translated on its way out.
    fn inbound_error(&self, now: Instant, packet: &IpView<'_>, quoted: &Quoted<'_>) -> Translation {
        let known = quoted
            .protocol()
            .and_then(|protocol| self.mappings.inside_of(now, protocol, quoted.src));
        match known {
            Some(inside) => Translation::Translated(
                rewrite::error(packet, quoted, End::Destination, inside, inside.ip()),
                None,
            ),
            None => Translation::Own,
        }
    }
}

/// Both endpoints of a packet.
#[derive(Clone, Copy)]
struct Ends {
    src: SocketAddr,
    dst: SocketAddr,
}

/// The endpoints of a packet of a protocol that can be translated. ICMP has one identifier for both
/// ends; the remote one is left at zero, so that it filters by address.
fn ends(packet: &IpView<'_>) -> Option<(Protocol, Ends)> {
    let protocol = Protocol::of(packet.protocol)?;
    let (src, dst) = match protocol {
        Protocol::Udp | Protocol::Tcp => packet.ports()?,
        Protocol::Icmp => {
            let identifier = rewrite::echo_identifier(packet)?;
            match rewrite::is_echo_request(packet) {
                true => (identifier, 0),
                false => (0, identifier),
            }
        }
    };
    let src = SocketAddr::new(packet.src, src);
    Some((protocol, Ends { src, dst: SocketAddr::new(packet.dst, dst) }))
}

#[cfg(test)]
mod tests;
