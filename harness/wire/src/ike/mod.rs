//! The IKE header and the whole message (RFC 7296 §3.1).

mod flags;
mod header;
mod message;
mod spi;

pub use flags::Flags;
pub use header::{Header, RawHeader, Version};
pub use message::Message;
pub use spi::{EspSpi, IkeSpi};
