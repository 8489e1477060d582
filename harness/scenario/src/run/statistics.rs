//! The exchange table: what was sent and received, by exchange and by notify (cli-and-reports.md §4.1).

use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_wire::payload::Body;
use ikelab_wire::registry::{ExchangeType, NotifyType, PayloadType, Protocol};

use super::{Content, Conversation, IkeContent};

/// One row: `IKE_SA_INIT`, `CREATE_CHILD_SA.child_rekey`, `N(REKEY_SA)`, `retransmit`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// Requests sent.
    pub tx_req: u64,
    /// Responses sent.
    pub tx_resp: u64,
    /// Requests received.
    pub rx_req: u64,
    /// Responses received.
    pub rx_resp: u64,
}

/// The rows of a host that are not all zero, in the order of the table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Name and numbers of each row.
    pub rows: Vec<(String, Row)>,
}

/// Names of the rows that are not notifies, in order.
pub(crate) const EXCHANGES: [&str; 12] = [
    "IKE_SA_INIT",
    "IKE_SESSION_RESUME",
    "IKE_INTERMEDIATE",
    "IKE_AUTH",
    "CREATE_CHILD_SA.child",
    "CREATE_CHILD_SA.child_rekey",
    "CREATE_CHILD_SA.ike_rekey",
    "IKE_FOLLOWUP_KE",
    "INFORMATIONAL.delete",
    "INFORMATIONAL.liveness",
    "INFORMATIONAL.config",
    "INFORMATIONAL.other",
];

/// Names of the rows about the network.
/// `dropped` are those that never arrived, told at both ends. Retransmissions are not counted in
/// the rows above.
pub(crate) const NETWORK: [&str; 4] = ["retransmit", "fragment", "keepalive", "dropped"];

/// The place of the first row about the network.
const PLACE: u16 = u16::MAX - 3;

impl Statistics {
    /// A row; zeros for one that is left out.
    #[must_use]
    pub fn row(&self, name: &str) -> Row {
        let found = self.rows.iter().find(|(known, _)| known == name);
        found.map(|(_, row)| *row).unwrap_or_default()
    }
}

/// The table of a host at a time.
#[must_use]
pub fn statistics(conversation: &Conversation, host: u16, until: Instant) -> Statistics {
    let mut table: BTreeMap<(u16, String), Row> = BTreeMap::new();
    // A response says of itself what it answers only through its request.
    let mut asked: BTreeMap<_, &'static str> = BTreeMap::new();
    for message in conversation.messages.iter().filter(|message| message.at <= until) {
        let sent = message.from == host;
        let received =
            message.to == Some(host) && message.arrivals.iter().any(|arrival| *arrival <= until);
        if let Some(ike) = message.ike().filter(|_| message.is_lost()) {
            let (response, meant) = (ike.is_response(), message.to == Some(host));
            let row = table.entry((PLACE + 3, "dropped".to_owned())).or_default();
            row.tx_req += u64::from(sent && !response);
            row.tx_resp += u64::from(sent && response);
            row.rx_req += u64::from(meant && !response);
            row.rx_resp += u64::from(meant && response);
        }
        let mut count = |place: u16, name: &str, response: bool| {
            let row = table.entry((place, name.to_owned())).or_default();
            row.tx_req += u64::from(sent && !response);
            row.tx_resp += u64::from(sent && response);
            row.rx_req += u64::from(received && !response);
            row.rx_resp += u64::from(received && response);
        };
        if matches!(message.content, Content::Keepalive) {
            count(PLACE + 2, "keepalive", false);
        }
        if let Content::Fragment(part) = &message.content {
            count(PLACE + 1, "fragment", part.header.flags.response());
        }
        let Some(ike) = message.ike() else { continue };
        let response = ike.is_response();
        let (asks, answers) = if response {
            (message.to, message.from)
        } else {
            (Some(message.from), message.to.unwrap_or(u16::MAX))
        };
        let header = &ike.header;
        let key = (asks, answers, header.initiator_spi, header.exchange, header.message_id);
        let name = if response { asked.get(&key).copied() } else { None };
        let name = name.unwrap_or_else(|| kind(ike));
        if !response {
            asked.insert(key, name);
        }
        if message.repeated {
            count(PLACE, "retransmit", response);
            continue;
        }
        let place = EXCHANGES.iter().position(|known| *known == name).unwrap_or(EXCHANGES.len());
        count(u16::try_from(place).unwrap_or(0), name, response);
        for notify in notifies(ike) {
            // Errors come before status types: their numbers are lower.
            count(100_u16.saturating_add(notify.0 / 2), &format!("N({notify})"), response);
        }
    }
    let rows = table.into_iter().filter(|(_, row)| *row != Row::default());
    Statistics { rows: rows.map(|((_, name), row)| (name, row)).collect() }
}

fn notifies(ike: &IkeContent) -> impl Iterator<Item = NotifyType> {
    ike.payloads.iter().filter_map(|payload| match &payload.body {
        Body::Notify(notify) => Some(notify.notify_type),
        _ => None,
    })
}

/// The row that a request belongs to.
fn kind(ike: &IkeContent) -> &'static str {
    let has = |kind| ike.payloads.iter().any(|payload| payload.body.payload_type() == kind);
    match ike.header.exchange {
        ExchangeType::IKE_SA_INIT => "IKE_SA_INIT",
        ExchangeType::IKE_SESSION_RESUME => "IKE_SESSION_RESUME",
        ExchangeType::IKE_INTERMEDIATE => "IKE_INTERMEDIATE",
        ExchangeType::IKE_AUTH => "IKE_AUTH",
        ExchangeType::IKE_FOLLOWUP_KE => "IKE_FOLLOWUP_KE",
        ExchangeType::CREATE_CHILD_SA if rekeys_ike(ike) => "CREATE_CHILD_SA.ike_rekey",
        ExchangeType::CREATE_CHILD_SA if notifies(ike).any(|kind| kind == NotifyType::REKEY_SA) => {
            "CREATE_CHILD_SA.child_rekey"
        }
        ExchangeType::CREATE_CHILD_SA => "CREATE_CHILD_SA.child",
        _ if has(PayloadType::DELETE) => "INFORMATIONAL.delete",
        _ if has(PayloadType::CP) => "INFORMATIONAL.config",
        _ if ike.payloads.is_empty() => "INFORMATIONAL.liveness",
        _ => "INFORMATIONAL.other",
    }
}

/// RFC 7296 §1.3.2: the proposals are for IKE.
fn rekeys_ike(ike: &IkeContent) -> bool {
    ike.payloads.iter().any(|payload| match &payload.body {
        Body::Sa(sa) => sa.proposals.iter().any(|proposal| proposal.protocol == Protocol::IKE),
        _ => false,
    })
}
