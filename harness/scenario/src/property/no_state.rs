//! `no_state_before_cookie(H)`: a responder that asks for a cookie keeps nothing of an IKE SA until
//! its initiator has shown one (RFC 7296 §2.6).
//!
//! The trace says when an IKE SA came to be half open. By then a request of this initiator with a
//! cookie has come in; the cookie itself is judged by the tunnel that follows, or does not.

use ikelab_trace::{Fact, IkeEvent, Phase};
use ikelab_wire::payload::Body;
use ikelab_wire::registry::{ExchangeType, NotifyType};

use super::{Arg, Violation};
use crate::run::Run;

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Host(host)] = args else { return None };
    run.trace.records.iter().find_map(|record| {
        let Fact::Ike(IkeEvent::Phase { sa, to: Phase::InitResponded, .. }) = &record.fact else {
            return None;
        };
        if record.host.0 != *host {
            return None;
        }
        let shown = run.conversation.ike().any(|(message, ike)| {
            let cookie = ike.payloads.iter().any(|payload| match &payload.body {
                Body::Notify(notify) => notify.notify_type == NotifyType::COOKIE,
                _ => false,
            });
            cookie
                && !ike.is_response()
                && ike.header.exchange == ExchangeType::IKE_SA_INIT
                && ike.header.initiator_spi == sa.initiator
                && message.to == Some(*host)
                && message.arrivals.iter().any(|at| *at <= record.at)
        });
        let name = run.name(*host);
        let what = format!("{name} keeps half of an IKE SA with {} before a cookie", sa.initiator);
        (!shown).then(|| Violation::new(record.at, what))
    })
}
