//! Why a run could not be driven to its end. None of it says anything about a peer.

use core::fmt;

use ikelab_ambient::Instant;
use ikelab_trace::HostId;

/// Why a run could not be driven to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunError {
    /// A host panicked.
    Panicked {
        /// The host.
        host: HostId,
        /// When.
        at: Instant,
        /// What the panic said.
        message: String,
    },
    /// A host always wanted to be called again at one moment.
    Stuck {
        /// The host.
        host: HostId,
        /// The moment.
        at: Instant,
    },
    /// Turmoil did not carry a datagram, or said that something is wrong.
    Turmoil {
        /// When.
        at: Instant,
        /// What was met and what was expected.
        detail: String,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked { host, at, message } => {
                write!(f, "host {} panicked at {at}: {message}", host.0)
            }
            Self::Stuck { host, at } => {
                write!(f, "host {} asks to be called again and again at {at}", host.0)
            }
            Self::Turmoil { at, detail } => write!(f, "turmoil at {at}: {detail}"),
        }
    }
}

impl std::error::Error for RunError {}
