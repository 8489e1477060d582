//! What became of the flows of a run, for people and for machines.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use ikelab_trace::{FlowKind, FlowSummary, Trace};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A flow of a run: echo requests, or messages over UDP or TCP.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FlowResult {
    /// `ping`, `udp` or `tcp`.
    pub proto: String,
    /// Where it came from: `A.lan`, or an address that no interface has.
    pub from: String,
    /// Where it went.
    pub to: String,
    /// Messages that were sent; for pings requests.
    pub sent: u64,
    /// Messages that were received; for pings replies.
    pub received: u64,
    /// Messages that were sent and not received.
    pub lost: u64,
    /// Messages that came once more.
    pub duplicated: u64,
    /// Messages that came after one that was sent later.
    pub reordered: u64,
    /// Segments that TCP sent again.
    pub resent: u64,
    /// Octets of the messages that were received; 0 for pings.
    pub octets: u64,
    /// Bits each second, from the first sending to the last arrival; 0 for pings.
    pub throughput_bps: u64,
    /// The shortest latency in seconds; for pings there and back.
    pub latency_min_s: Option<f64>,
    /// The median latency in seconds.
    pub latency_median_s: Option<f64>,
    /// The longest latency in seconds.
    pub latency_max_s: Option<f64>,
    /// Seconds from the first sending until all messages were there, if they were.
    pub finished_s: Option<f64>,
    /// Why it ended before its time, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl FlowResult {
    /// The flows of a trace, in the order of their numbers.
    #[must_use]
    pub fn all(trace: &Trace) -> Vec<Self> {
        FlowSummary::all(trace).iter().map(|flow| Self::new(trace, flow)).collect()
    }

    fn new(trace: &Trace, flow: &FlowSummary) -> Self {
        let seconds = |span: Option<Duration>| span.map(|span| span.as_secs_f64());
        Self {
            proto: flow.kind.name().to_owned(),
            from: interface(trace, flow.from),
            to: interface(trace, flow.to),
            sent: flow.sent(),
            received: flow.received,
            lost: flow.lost(),
            duplicated: flow.duplicated,
            reordered: flow.reordered,
            resent: flow.resent,
            octets: flow.octets,
            throughput_bps: flow.throughput(),
            latency_min_s: seconds(flow.latency_min()),
            latency_median_s: seconds(flow.latency_median()),
            latency_max_s: seconds(flow.latency_max()),
            finished_s: seconds(flow.finished()),
            failed: flow.failed.clone(),
        }
    }

    /// True for messages over a transport.
    pub(crate) fn is_sent(&self) -> bool {
        self.proto != FlowKind::Ping.name()
    }

    /// The flow on a line: `tcp A.lan > B.lan  834/834 received, 1.00 MB at 9.81 Mbit/s ...`.
    pub(crate) fn line(&self) -> String {
        let Self { proto, from, to, sent, received, .. } = self;
        let mut line = format!("{proto} {from} > {to}  {received}/{sent} received");
        if self.is_sent() {
            let rate = scaled(self.throughput_bps, "bit/s");
            let _ = write!(line, ", {} at {rate}", scaled(self.octets, "B"));
        }
        if let (Some(min), Some(median), Some(max)) =
            (self.latency_min_s, self.latency_median_s, self.latency_max_s)
        {
            let millis = |seconds: f64| format!("{:.1}", seconds * 1_000.0);
            let _ = write!(line, ", {}/{}/{} ms", millis(min), millis(median), millis(max));
        }
        for (count, what) in [
            (self.lost, "lost"),
            (self.duplicated, "came twice"),
            (self.reordered, "late"),
            (self.resent, "sent again"),
        ] {
            if count > 0 {
                let _ = write!(line, ", {count} {what}");
            }
        }
        if let Some(failed) = &self.failed {
            let _ = write!(line, ", {failed}");
        }
        line
    }
}

/// A table of the flows of a run: what was sent, what arrived, how fast, and how long it took
/// (shortest, median and longest latency).
#[must_use]
pub fn flows(trace: &Trace) -> String {
    let flows = FlowResult::all(trace);
    let plural = if flows.len() == 1 { "flow" } else { "flows" };
    let mut text = format!("{} {plural}\n", flows.len());
    for flow in &flows {
        let _ = writeln!(text, "  {}", flow.line());
    }
    text
}

/// The interface that has an address.
fn interface(trace: &Trace, address: IpAddr) -> String {
    let host = trace.hosts.iter().find_map(|host| {
        let iface = host
            .ifaces
            .iter()
            .find(|iface| iface.addresses.iter().any(|(own, _)| *own == address))?;
        Some(format!("{}.{}", host.name, iface.name))
    });
    host.unwrap_or_else(|| address.to_string())
}

/// `1.00 MB`, `9.81 Mbit/s`.
fn scaled(number: u64, unit: &str) -> String {
    let prefixes = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    match prefixes.into_iter().find(|(size, _)| number >= *size) {
        Some((size, prefix)) => {
            format!("{}.{:02} {prefix}{unit}", number / size, number % size / (size / 100))
        }
        None => format!("{number} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_in_their_largest_unit() {
        let told = [999, 1_000, 1_999_999, 2_340_000_000].map(|number| scaled(number, "B"));
        assert_eq!(told, ["999 B", "1.00 kB", "1.99 MB", "2.34 GB"]);
    }
}
