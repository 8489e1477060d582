//! What the IKE engine of a host can say.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ikelab_ambient::Instant;
use ikelab_wire::ike::{EspSpi, IkeSpi};
use ikelab_wire::registry::{EncrId, EsnId, ExchangeType, IntegId, KeId, NotifyType, PrfId};
use serde::{Deserialize, Serialize};

use crate::Octets;

/// An IKE SA, by its SPIs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SaId {
    /// The original initiator's SPI.
    pub initiator: IkeSpi,
    /// The original responder's SPI; zero until it is known.
    pub responder: IkeSpi,
}

impl SaId {
    /// Whether both name one IKE SA. One initiator's SPI may begin several, each with a responder's
    /// SPI of its own, which an initiator does not know at first.
    #[must_use]
    pub fn is_same(self, other: Self) -> bool {
        let open = self.responder == IkeSpi::NONE || other.responder == IkeSpi::NONE;
        self.initiator == other.initiator && (open || self.responder == other.responder)
    }
}

impl fmt::Display for SaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_i {}_r", self.initiator, self.responder)
    }
}

/// A side of an SA.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It began the exchange that made the SA.
    Initiator,
    /// It answered.
    Responder,
}

/// Where an IKE SA stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It does not exist yet.
    Idle,
    /// Initiator: IKE_SA_INIT is sent.
    InitSent,
    /// Responder: IKE_SA_INIT is answered, IKE_AUTH awaited.
    InitResponded,
    /// Initiator: IKE_AUTH is sent.
    AuthSent,
    /// It carries exchanges.
    Established,
    /// Another has replaced it, and it waits to be deleted.
    Replaced,
    /// Our Delete is sent.
    Deleting,
    /// It is gone.
    Closed,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "IDLE",
            Self::InitSent => "INIT_SENT",
            Self::InitResponded => "INIT_RESPONDED",
            Self::AuthSent => "AUTH_SENT",
            Self::Established => "ESTABLISHED",
            Self::Replaced => "REPLACED",
            Self::Deleting => "DELETING",
            Self::Closed => "CLOSED",
        })
    }
}

/// The algorithms of an SA.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Suite {
    /// Encryption.
    pub encr: EncrId,
    /// Its key length in bits, where it has a choice.
    pub encr_bits: Option<u16>,
    /// Integrity; none with an AEAD.
    pub integ: Option<IntegId>,
    /// Pseudorandom function; none for a Child SA.
    pub prf: Option<PrfId>,
    /// Key exchange; none for a Child SA without a KE of its own.
    pub ke: Option<KeId>,
    /// Extended sequence numbers; none for an IKE SA.
    pub esn: Option<EsnId>,
}

/// The keys of an IKE SA, as a daemon logs them when it is asked to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IkeKeysLogged {
    /// The IKE SA.
    pub sa: SaId,
    /// Its algorithms.
    pub suite: Suite,
    /// SK_d.
    pub sk_d: Octets,
    /// SK_ai; empty with an AEAD.
    pub sk_ai: Octets,
    /// SK_ar; empty with an AEAD.
    pub sk_ar: Octets,
    /// SK_ei, with its salt for an AEAD.
    pub sk_ei: Octets,
    /// SK_er, with its salt for an AEAD.
    pub sk_er: Octets,
    /// SK_pi.
    pub sk_pi: Octets,
    /// SK_pr.
    pub sk_pr: Octets,
}

/// The secret of a key exchange, as its one end computed it: g^ir of RFC 7296 §2.14.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SharedSecretLogged {
    /// The key exchange method.
    pub group: KeId,
    /// Our public value.
    pub ours: Octets,
    /// The peer's public value.
    pub theirs: Octets,
    /// The secret that both share.
    pub secret: Octets,
}

/// The keys of a Child SA as its owner uses them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChildKeysLogged {
    /// Encryption key for outbound packets, with its salt for an AEAD.
    pub encr_out: Octets,
    /// Integrity key for outbound packets; empty with an AEAD.
    pub integ_out: Octets,
    /// Encryption key for inbound packets, with its salt for an AEAD.
    pub encr_in: Octets,
    /// Integrity key for inbound packets; empty with an AEAD.
    pub integ_in: Octets,
}

/// What is known of an IKE SA when it is up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Established {
    /// The IKE SA.
    pub sa: SaId,
    /// Name of the tunnel configuration.
    pub tunnel: String,
    /// Our side of it.
    pub role: Role,
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
    /// Our identity in words: `ipv4 10.0.0.1`.
    pub local_id: String,
    /// The peer's identity in words.
    pub remote_id: String,
    /// Its algorithms.
    pub suite: Suite,
    /// How we proved who we are: `psk`.
    pub local_auth: String,
    /// How the peer did.
    pub remote_auth: String,
    /// When we will replace it, if we will.
    pub rekey_at: Option<Instant>,
    /// When it ends at the latest, if it does.
    pub expires_at: Option<Instant>,
    /// The IKE SA that it replaces, for one made by a rekey.
    pub replaces: Option<SaId>,
    /// How many requests the peer lets us have open at once, RFC 7296 §2.3.
    pub window_ours: u32,
    /// How many we let the peer have open.
    pub window_peers: u32,
}

/// How a Child SA wraps packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EspMode {
    /// The whole packet goes inside.
    Tunnel,
    /// The packet's payload goes inside.
    Transport,
}

/// A Child SA that was installed: an inbound and an outbound SA.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChildInstalled {
    /// Name of the Child SA configuration.
    pub child: String,
    /// Name of the tunnel configuration.
    pub tunnel: String,
    /// The IKE SA it belongs to.
    pub parent: SaId,
    /// Our side of the exchange that made it.
    pub role: Role,
    /// SPI of packets to us.
    pub spi_in: EspSpi,
    /// SPI of packets to the peer.
    pub spi_out: EspSpi,
    /// Its algorithms.
    pub suite: Suite,
    /// Tunnel or transport.
    pub mode: EspMode,
    /// Our outer address and port (the port counts with UDP encapsulation only).
    pub local: SocketAddr,
    /// The peer's outer address and port.
    pub remote: SocketAddr,
    /// True when its packets travel inside UDP, RFC 3948.
    pub encapsulated: bool,
    /// What we protect on our side, in words: `192.168.1.0/24`.
    pub local_ts: Vec<String>,
    /// What we protect on the peer's side.
    pub remote_ts: Vec<String>,
    /// Its keys.
    pub keys: ChildKeysLogged,
    /// When we will replace it, if we will.
    pub rekey_at: Option<Instant>,
    /// When it ends at the latest, if it does.
    pub expires_at: Option<Instant>,
    /// Inbound SPI of the Child SA that it replaces, for one made by a rekey.
    pub replaces: Option<EspSpi>,
}

/// What costs a host much more than to read a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Costly {
    /// A key pair for a key exchange.
    KeyPair,
    /// The secret that a key pair shares with the peer's public value.
    SharedSecret,
}

/// Something that the IKE engine did, saw or declined.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IkeEvent {
    /// An IKE SA went from one phase to another.
    Phase {
        /// The IKE SA.
        sa: SaId,
        /// Where it was.
        from: Phase,
        /// Where it is now.
        to: Phase,
        /// Why, where that is not plain.
        reason: Cow<'static, str>,
    },
    /// A key exchange gave its secret.
    SharedSecret(SharedSecretLogged),
    /// The keys of an IKE SA are known.
    Keys(IkeKeysLogged),
    /// An IKE SA is up.
    Established(Box<Established>),
    /// A Child SA is installed.
    ChildInstalled(Box<ChildInstalled>),
    /// A Child SA has a new parent, RFC 7296 §2.8.
    ChildMoved {
        /// Its inbound SPI.
        spi_in: EspSpi,
        /// The new IKE SA.
        to: SaId,
    },
    /// A Child SA is gone.
    ChildRemoved {
        /// Its inbound SPI.
        spi_in: EspSpi,
        /// Its outbound SPI.
        spi_out: EspSpi,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// A request was sent again, octet for octet.
    Retransmitted {
        /// The IKE SA.
        sa: SaId,
        /// The exchange.
        exchange: ExchangeType,
        /// Its message id.
        message_id: u32,
        /// How often it was sent before.
        tries: u32,
    },
    /// A repeated request was answered from memory.
    AnsweredAgain {
        /// The IKE SA.
        sa: SaId,
        /// The message id.
        message_id: u32,
    },
    /// A liar has said something else than its engine meant, or has kept silent.
    Lied {
        /// Its rule, in words.
        rule: String,
        /// Why it could not do what the rule says; empty when it did.
        failed: String,
    },
    /// A timer fired.
    Timer {
        /// The IKE SA.
        sa: SaId,
        /// What for: `rekey ike`, `rekey child net`, `expire`, `liveness`.
        timer: Cow<'static, str>,
    },
    /// A datagram or a message was ignored.
    Discarded {
        /// The IKE SA it was for, where there is one.
        sa: Option<SaId>,
        /// Name of the reason.
        reason: Cow<'static, str>,
        /// What was met and what was expected.
        detail: String,
    },
    /// What is kept of messages over an IKE SA whose fragments have not all come, RFC 7383.
    Reassembly {
        /// The IKE SA.
        sa: SaId,
        /// How many fragments there are.
        fragments: u32,
        /// How many octets they hold.
        octets: u32,
    },
    /// A request was understood and declined.
    Refused {
        /// The IKE SA, where there is one.
        sa: Option<SaId>,
        /// The error notify we answer with.
        notify: NotifyType,
        /// Why.
        reason: String,
    },
    /// The peer broke a rule.
    PeerMisbehaved {
        /// The IKE SA, where there is one.
        sa: Option<SaId>,
        /// Name of the rule.
        rule: Cow<'static, str>,
        /// What was met and what was expected.
        detail: String,
    },
    /// An internal address was agreed on with CP, RFC 7296 §2.19.
    AddressLeased {
        /// The IKE SA.
        sa: SaId,
        /// The address.
        address: IpAddr,
        /// True when it is ours, false when we gave it to the peer.
        ours: bool,
    },
    /// Nobody holds an internal address any more.
    AddressReleased {
        /// The IKE SA that held it last.
        sa: SaId,
        /// The address.
        address: IpAddr,
        /// True when it was ours, false when we had given it to the peer.
        ours: bool,
    },
    /// So many events were not told: others like them had been, and too many at once.
    Silenced {
        /// How many.
        count: u64,
    },
    /// Something costly was computed, which a stranger may want a host to do in vain.
    Computed {
        /// What.
        what: Costly,
    },
    /// What the engine remembers when the run is over.
    Remembers {
        /// Entries of all its tables now.
        left: u64,
        /// The most that there ever were.
        most: u64,
    },
    /// The peer answered one of our requests with an error.
    PeerRefused {
        /// The IKE SA.
        sa: SaId,
        /// The exchange.
        exchange: ExchangeType,
        /// The error notify.
        notify: NotifyType,
    },
}
