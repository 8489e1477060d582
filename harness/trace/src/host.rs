//! What can happen to a host as a machine.

use ikelab_ambient::Instant;
use serde::{Deserialize, Serialize};

/// Something that happened to the machine itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostEvent {
    /// It went down, and lost all that it knew but its configuration.
    Down {
        /// True when it went down with a packet that it had just sent or got. Then others of that
        /// moment may have been taken before.
        with_packet: bool,
    },
    /// It is up, and knows nothing but its configuration.
    Up {
        /// Its life, from 1; the one that the run began with is 0.
        life: u32,
    },
    /// Its clock was set, or runs at another speed from now on.
    Clock {
        /// What it reads now.
        reads: Instant,
        /// How fast it runs, in billionths of true speed.
        speed: u64,
    },
    /// It was told something while it was down.
    Missed {
        /// Place of the step in the scenario, from 0.
        index: u32,
        /// The step in words.
        text: String,
    },
}
