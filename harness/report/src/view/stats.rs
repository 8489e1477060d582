//! The exchange table of a host: requests and responses, sent and received, by kind of exchange.
//!
//! A message that is sent again counts as `retransmit` and not in the row of its exchange.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use ikelab_ambient::Instant;
use ikelab_dissect::{Dissected, IkeMessage};
use ikelab_trace::{EspEvent, Fact, HostId, IkeEvent, Trace};
use ikelab_wire::ike::{Header, IkeSpi};
use ikelab_wire::payload::Body;
use ikelab_wire::registry::{ExchangeType, NotifyType, Protocol};

use super::moment;
use crate::reading::{Reading, arrivals};

/// The columns, in their order.
const COLUMNS: [&str; 4] = ["tx_req", "tx_resp", "rx_req", "rx_resp"];
const NAME_WIDTH: usize = 36;

/// A row of the table; their order is that of the table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Row {
    Exchange(u8, String),
    Error(NotifyType),
    Status(NotifyType),
    Retransmit,
    Fragment,
    Keepalive,
    Dropped,
}

impl Row {
    fn name(&self) -> String {
        match self {
            Self::Exchange(_, name) => name.clone(),
            Self::Error(notify) | Self::Status(notify) => format!("N({notify})"),
            Self::Retransmit => "retransmit".to_owned(),
            Self::Fragment => "fragment".to_owned(),
            Self::Keepalive => "keepalive".to_owned(),
            Self::Dropped => "dropped".to_owned(),
        }
    }
}

type Counts = BTreeMap<Row, [u64; 4]>;

/// What tells a request, and the response to it, from the others.
type RequestKey = (IkeSpi, bool, u32, u8);

/// The exchange table of a host at a moment; rows of zeros are left out.
#[must_use]
pub fn stats(reading: &Reading<'_>, host: HostId, at: Instant) -> String {
    let at = moment(reading.trace, at);
    let counts = count(reading, host, at);
    let title = format!("{} at {at}", reading.trace.name(host));
    let mut text = format!("{title:<NAME_WIDTH$}");
    for column in COLUMNS {
        let _ = write!(text, "{column:>9}");
    }
    text.push('\n');
    for (row, columns) in &counts {
        let _ = write!(text, "{:<NAME_WIDTH$}", row.name());
        for count in columns {
            let _ = write!(text, "{count:>9}");
        }
        text.push('\n');
    }
    text
}

fn count(reading: &Reading<'_>, host: HostId, at: Instant) -> Counts {
    let mut table = Table::default();
    for seen in &reading.packets {
        let sent = seen.host == host && seen.at <= at;
        let received = arrivals(seen.sent).filter(|(to, when)| *to == host && *when <= at).count();
        for found in &seen.found {
            table.learn(found);
            if sent {
                table.add(found, 0);
            }
            for _ in 0..received {
                table.add(found, 2);
            }
        }
    }
    let dropped = dropped(reading.trace, host, at);
    if dropped > 0 {
        table.counts.insert(Row::Dropped, [0, 0, dropped, 0]);
    }
    table.counts
}

/// What was received and not acted on.
fn dropped(trace: &Trace, host: HostId, at: Instant) -> u64 {
    let records = trace.records.iter().filter(|record| record.host == host && record.at <= at);
    let dropped = records.filter(|record| {
        matches!(
            record.fact,
            Fact::Ike(IkeEvent::Discarded { .. })
                | Fact::Esp(EspEvent::Dropped { .. })
                | Fact::Net(_)
        )
    });
    u64::try_from(dropped.count()).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Table {
    counts: Counts,
    /// Which kind of exchange a request began: its response is of the same kind.
    kinds: BTreeMap<RequestKey, (u8, &'static str)>,
    /// Messages that were counted, by their octets and column.
    known: BTreeSet<(usize, Vec<u8>)>,
}

impl Table {
    fn learn(&mut self, found: &Dissected) {
        if let Dissected::Ike(message) = found
            && !message.header.flags.response()
        {
            self.kinds.insert(request_key(&message.header), kind(message));
        }
    }

    /// Counts a message in a column, or in the one behind it if it is a response.
    fn add(&mut self, found: &Dissected, column: usize) {
        match found {
            Dissected::Ike(message) => self.add_message(message, column),
            Dissected::Fragment(fragment) => {
                let column = column + usize::from(fragment.header.flags.response());
                self.bump(Row::Fragment, column);
            }
            Dissected::Keepalive(_) => self.bump(Row::Keepalive, column),
            Dissected::Esp(_) | Dissected::Clear(_) | Dissected::Problem(_) => {}
        }
    }

    fn add_message(&mut self, message: &IkeMessage, column: usize) {
        let column = column + usize::from(message.header.flags.response());
        if message.fragment.is_some() {
            self.bump(Row::Fragment, column);
        }
        if !self.known.insert((column, message.octets.clone())) {
            return self.bump(Row::Retransmit, column);
        }
        let key = request_key(&message.header);
        let (order, name) = self.kinds.get(&key).copied().unwrap_or_else(|| kind(message));
        let name = match name {
            "" => message.header.exchange.to_string(),
            name => name.to_owned(),
        };
        self.bump(Row::Exchange(order, name), column);
        for payload in &message.payloads {
            if let Body::Notify(notify) = &payload.body {
                let kind = notify.notify_type;
                self.bump(
                    if kind.is_error() { Row::Error(kind) } else { Row::Status(kind) },
                    column,
                );
            }
        }
    }

    fn bump(&mut self, row: Row, column: usize) {
        if let Some(count) = self.counts.entry(row).or_default().get_mut(column) {
            *count += 1;
        }
    }
}

/// The initiator's SPI alone: the responder's is zero in the first request.
fn request_key(header: &Header) -> RequestKey {
    let from_initiator = header.flags.initiator() != header.flags.response();
    (header.initiator_spi, from_initiator, header.message_id, header.exchange.0)
}

/// The row of a request, and its place in the table.
fn kind(message: &IkeMessage) -> (u8, &'static str) {
    match message.header.exchange {
        ExchangeType::IKE_SA_INIT => (0, "IKE_SA_INIT"),
        ExchangeType::IKE_SESSION_RESUME => (1, "IKE_SESSION_RESUME"),
        ExchangeType::IKE_INTERMEDIATE => (2, "IKE_INTERMEDIATE"),
        ExchangeType::IKE_AUTH => (3, "IKE_AUTH"),
        ExchangeType::CREATE_CHILD_SA => create_child_kind(message),
        ExchangeType::IKE_FOLLOWUP_KE => (7, "IKE_FOLLOWUP_KE"),
        ExchangeType::INFORMATIONAL => informational_kind(message),
        _ => (12, ""),
    }
}

fn create_child_kind(message: &IkeMessage) -> (u8, &'static str) {
    let rekeys_child = |body: &Body| matches!(body, Body::Notify(notify) if notify.notify_type == NotifyType::REKEY_SA);
    let offers_ike = |body: &Body| match body {
        Body::Sa(sa) => sa.proposals.iter().any(|proposal| proposal.protocol == Protocol::IKE),
        _ => false,
    };
    let has = |is: &dyn Fn(&Body) -> bool| message.payloads.iter().any(|payload| is(&payload.body));
    if has(&rekeys_child) {
        (5, "CREATE_CHILD_SA.child_rekey")
    } else if has(&offers_ike) {
        (6, "CREATE_CHILD_SA.ike_rekey")
    } else {
        (4, "CREATE_CHILD_SA.child")
    }
}

fn informational_kind(message: &IkeMessage) -> (u8, &'static str) {
    let has = |is: fn(&Body) -> bool| message.payloads.iter().any(|payload| is(&payload.body));
    if has(|body| matches!(body, Body::Delete(_))) {
        (8, "INFORMATIONAL.delete")
    } else if message.payloads.is_empty() {
        (9, "INFORMATIONAL.liveness")
    } else if has(|body| matches!(body, Body::Config(_))) {
        (10, "INFORMATIONAL.config")
    } else {
        (11, "INFORMATIONAL.other")
    }
}
