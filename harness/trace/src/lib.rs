//! What happened in a run: the one vocabulary that hosts write in and judges read.
//!
//! A trace is a list of records in the order of (time, host, the host's own count). Whoever wants
//! to know something about a run, be it an expectation, a ladder or a view, reads it here and asks
//! no engine. The trace has a digest: SHA-256 of its lines as they stand in `trace.jsonl`.

mod addressee;
mod app;
mod esp;
mod esp_reason;
mod flow;
mod host;
mod ike;
mod lives;
mod net;
mod octets;
mod reason;
mod record;

pub use addressee::Addressees;
pub use app::{AppEvent, Transport};
pub use esp::{EspEvent, OuterEnds};
pub use esp_reason::{Dropped, Withheld};
pub use flow::{FlowKind, FlowSummary};
pub use host::HostEvent;
pub use ike::{
    ChildInstalled, ChildKeysLogged, Costly, EspMode, Established, IkeEvent, IkeKeysLogged, Phase,
    Role, SaId, SharedSecretLogged, Suite,
};
pub use lives::Lives;
pub use net::{Fate, NetEvent, Origin, Overheard, PacketId, Sent};
pub use octets::Octets;
pub use reason::DISCARDED;
pub use record::{Fact, HostId, HostInfo, IfaceInfo, LinkId, LinkInfo, Record, Trace, sha256};
