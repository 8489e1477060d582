//! The audit log of a run: the events that RFC 4301 and RFC 4303 want an administrator to be able to
//! have written down, with what they want to stand there.

use std::fmt::Write;

use ikelab_ambient::Instant;
use ikelab_trace::{EspEvent, Fact, HostId, Record, Trace};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{heading, moment};

/// What `ikelab show audit --json` prints: the auditable events of a host until a moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditLog {
    /// The host.
    pub host: String,
    /// The moment, in seconds.
    pub at_s: f64,
    /// The events, in their order.
    pub events: Vec<AuditEvent>,
}

/// An auditable event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditEvent {
    /// When, in seconds.
    pub at_s: f64,
    /// `in` or `out`.
    pub direction: String,
    /// The reason, in a word: `bad_icv`.
    pub reason: String,
    /// The section that has it audited.
    pub section: String,
    /// The SPI, where there is one, in eight hexadecimal digits.
    pub spi: Option<String>,
    /// The sequence number, where there is one.
    pub sequence: Option<u64>,
    /// The source address.
    pub src: Option<String>,
    /// The destination address.
    pub dst: Option<String>,
    /// The flow label of IPv6.
    pub flow: Option<u32>,
    /// What was met and what was expected.
    pub detail: String,
}

impl AuditLog {
    /// Of a host, until a moment.
    #[must_use]
    pub fn until(trace: &Trace, host: HostId, at: Instant) -> Self {
        let at = moment(trace, at);
        let records = trace.records.iter().filter(|record| record.host == host && record.at <= at);
        Self {
            host: trace.name(host).to_owned(),
            at_s: (at - Instant::ZERO).as_secs_f64(),
            events: records.filter_map(event).collect(),
        }
    }
}

fn event(record: &Record) -> Option<AuditEvent> {
    let at_s = (record.at - Instant::ZERO).as_secs_f64();
    match &record.fact {
        Fact::Esp(EspEvent::Dropped { spi, sequence, ends, reason, detail }) => Some(AuditEvent {
            at_s,
            direction: "in".to_owned(),
            reason: reason.word().to_owned(),
            section: reason.audited()?.to_owned(),
            spi: spi.map(|spi| spi.to_string()),
            sequence: sequence.map(u64::from),
            src: ends.map(|ends| ends.src.to_string()),
            dst: ends.map(|ends| ends.dst.to_string()),
            flow: ends.and_then(|ends| ends.flow),
            detail: detail.clone(),
        }),
        Fact::Esp(EspEvent::Withheld { reason, packet, spi, ends }) => Some(AuditEvent {
            at_s,
            direction: "out".to_owned(),
            reason: reason.word().to_owned(),
            section: reason.audited()?.to_owned(),
            spi: spi.map(|spi| spi.to_string()),
            sequence: None,
            src: ends.map(|ends| ends.src.to_string()),
            dst: ends.map(|ends| ends.dst.to_string()),
            flow: ends.and_then(|ends| ends.flow),
            detail: packet.clone(),
        }),
        _ => None,
    }
}

/// The audit log of a host until a moment: a line for each event.
#[must_use]
pub fn audit(trace: &Trace, host: HostId, at: Instant) -> String {
    let log = AuditLog::until(trace, host, at);
    let at = moment(trace, at);
    let mut text = heading(trace.name(host), at, log.events.len(), "auditable event");
    for event in &log.events {
        let _ = writeln!(text, "{}", line(event));
    }
    text
}

/// `  1.205000  in   bad_icv   SPI c0000001 seq 4  10.0.0.1 > 10.0.0.2  RFC 4303 3.4.4  why`.
fn line(event: &AuditEvent) -> String {
    let AuditEvent { at_s, direction, reason, section, detail, .. } = event;
    let spi = event.spi.as_ref().map(|spi| format!("  SPI {spi}")).unwrap_or_default();
    let sequence = event.sequence.map(|number| format!(" seq {number}")).unwrap_or_default();
    let ends = event.src.as_ref().zip(event.dst.as_ref());
    let ends = ends.map(|(src, dst)| format!("  {src} > {dst}")).unwrap_or_default();
    let flow = event.flow.map(|flow| format!(" flow {flow:05x}")).unwrap_or_default();
    let detail = if detail.is_empty() { String::new() } else { format!("  {detail}") };
    format!(
        "  {at_s:.6}  {direction:<3} {reason:<19}{spi}{sequence}{ends}{flow}  {section}{detail}"
    )
}
