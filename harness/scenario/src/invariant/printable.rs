//! What a host tells goes to logs and terminals: whatever a peer wrote into an identity, a vendor ID
//! or a notify, no character of it steers them.

use ikelab_trace::{EspEvent, Fact, IkeEvent, NetEvent};

use crate::property::Violation;
use crate::run::Run;

pub(super) fn told(run: &Run<'_>) -> Option<Violation> {
    run.trace.records.iter().find_map(|record| {
        let odd = texts(&record.fact).into_iter().find(|text| text.contains(char::is_control))?;
        let what = format!("{} tells {odd:?}", run.name(record.host.0));
        Some(Violation::new(record.at, what))
    })
}

/// The texts of a fact that a peer may have had a part in.
fn texts(fact: &Fact) -> Vec<&str> {
    match fact {
        Fact::Ike(event) => of_ike(event),
        Fact::Esp(EspEvent::Dropped { detail, .. }) => vec![detail],
        Fact::Net(NetEvent::Dropped { reason, detail, .. }) => vec![reason, detail],
        Fact::Esp(_)
        | Fact::Net(_)
        | Fact::Sent(_)
        | Fact::App(_)
        | Fact::Host(_)
        | Fact::Step { .. } => Vec::new(),
    }
}

fn of_ike(event: &IkeEvent) -> Vec<&str> {
    match event {
        IkeEvent::Phase { reason, .. } | IkeEvent::ChildRemoved { reason, .. } => vec![reason],
        IkeEvent::Established(up) => {
            vec![&up.local_id, &up.remote_id, &up.local_auth, &up.remote_auth]
        }
        IkeEvent::ChildInstalled(child) => {
            child.local_ts.iter().chain(&child.remote_ts).map(String::as_str).collect()
        }
        IkeEvent::Discarded { reason, detail, .. }
        | IkeEvent::PeerMisbehaved { rule: reason, detail, .. } => vec![reason, detail],
        IkeEvent::Refused { reason, .. } => vec![reason],
        IkeEvent::Lied { rule, failed } => vec![rule, failed],
        IkeEvent::Keys(_)
        | IkeEvent::SharedSecret(_)
        | IkeEvent::ChildMoved { .. }
        | IkeEvent::Retransmitted { .. }
        | IkeEvent::AnsweredAgain { .. }
        | IkeEvent::Timer { .. }
        | IkeEvent::AddressLeased { .. }
        | IkeEvent::AddressReleased { .. }
        | IkeEvent::Reassembly { .. }
        | IkeEvent::Silenced { .. }
        | IkeEvent::Computed { .. }
        | IkeEvent::Remembers { .. }
        | IkeEvent::PeerRefused { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_with_a_line_in_it_is_found() {
        let (rule, detail) = ("wrong identity".into(), "fqdn a\nroot".to_owned());
        let fact = Fact::Ike(IkeEvent::PeerMisbehaved { sa: None, rule, detail });
        assert!(texts(&fact).iter().any(|text| text.contains(char::is_control)));
    }
}
