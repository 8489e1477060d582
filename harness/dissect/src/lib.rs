//! Captured packets and keys in, decrypted messages out.
//!
//! This is a reader, not an engine: it has no opinion on what should have been sent. It serves
//! `ikelab decode`, the ladder judge and the reports, so what a run is judged by is read the way
//! a stranger's capture is. Whatever can't be read becomes a [`Problem`] that says where, and
//! everything around it is read all the same.
//!
//! ```text
//! capture file -> Frames -> link -> IP, fragments -> UDP 500/4500, protocol 50
//!              -> IKE: SK opened, SKF collected    -> IkeMessage
//!              -> ESP: opened                      -> EspPacket
//! ```

mod capture;
mod chain;
mod decode;
mod defragment;
mod dissector;
mod esp;
mod ike;
mod ip;
pub mod keys;
mod ladder;
mod link;
mod problem;
mod sealed;
pub mod words;

pub use capture::{Frame, Frames};
pub use decode::{Decoded, DecodedEsp, DecodedMessage, DecodedPayload, decode};
pub use dissector::{Clear, Dissected, Dissector, Keepalive, Packet};
pub use esp::{EspPacket, Inner};
pub use ike::{Icv, IkeFragment, IkeMessage};
pub use keys::KeyTable;
pub use ladder::ladder;
pub use link::{LinkType, Stripped};
pub use problem::Problem;
