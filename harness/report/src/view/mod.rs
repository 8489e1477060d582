//! What a host knew at a moment of a finished run: its SAs, and its exchanges counted.

mod audit;
mod ike_sas;
mod ipsec_sas;
mod state;
mod stats;

use ikelab_ambient::Instant;
use ikelab_trace::{HostId, Trace};

use crate::reading::Reading;

pub use audit::{AuditEvent, AuditLog, audit};
pub use ike_sas::ike_sas;
pub use ipsec_sas::{ChildSa, EspSa, IpsecSas, ipsec_sas};
pub use stats::stats;

/// What `sas(HOST, TIME)` in a scenario's snapshot prints: the IKE SAs in detail, and the ESP SAs.
#[must_use]
pub fn sas(reading: &Reading<'_>, host: HostId, at: Instant) -> String {
    let ike = ike_sas(reading, host, at, true);
    format!("{ike}\n{}", ipsec_sas(reading.trace, host, at))
}

/// A moment of the run: nothing happens after its last record.
fn moment(trace: &Trace, at: Instant) -> Instant {
    trace.records.last().map_or(at, |last| at.min(last.at))
}

/// `R1 at 40.000: 2 IKE SAs`.
fn heading(name: &str, at: Instant, count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    let count = if count == 0 { "no".to_owned() } else { count.to_string() };
    format!("{name} at {at}: {count} {what}{plural}\n")
}

/// When an SA will be replaced and when it ends, as far as that is set.
fn lifetime(rekey_at: Option<Instant>, expires_at: Option<Instant>) -> String {
    let rekey = rekey_at.map(|at| format!(", rekey at {at}")).unwrap_or_default();
    let expires = expires_at.map(|at| format!(", expires at {at}")).unwrap_or_default();
    format!("{rekey}{expires}")
}
