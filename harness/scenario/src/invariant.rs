//! Laws that every run keeps, whether a scenario writes them or not
//! (conformance: README, "Invariants"). Each is read from the trace alone.

mod about;
mod after_close;
mod auth;
mod busy;
mod esp_sequence;
mod iv;
mod keys;
mod lies;
mod lifetime;
mod owner;
mod printable;
mod readable;
mod replay;
mod reserved;
mod responses;
mod told;
mod wire;

use crate::property::{
    Violation, any_cleartext, as_cut, identical, in_window, long_enough, never_reused,
};
use crate::run::Run;

/// A law: what it says, where it stands, and whether a run breaks it.
pub(crate) struct Invariant {
    pub(crate) says: &'static str,
    /// Requirement ids, checked by a test.
    pub(crate) requirement: Option<&'static str>,
    pub(crate) check: fn(&Run<'_>) -> Option<Violation>,
}

const fn law(
    says: &'static str,
    requirement: Option<&'static str>,
    check: fn(&Run<'_>) -> Option<Violation>,
) -> Invariant {
    Invariant { says, requirement, check }
}

/// All of them.
pub(crate) const INVARIANTS: [Invariant; 24] = [
    law("no plaintext leaves for a protected policy", None, any_cleartext),
    law("no SPI is used again", None, never_reused),
    law(
        "message ids count up, and a window of requests is open at most",
        Some("R7296-2.3-04"),
        in_window,
    ),
    law("what is sent again has the same octets", Some("R7296-2.1-07"), identical),
    law("every response answers a request", Some("R7296-2.1-01"), responses::solicited),
    law("messages are cut into fragments as RFC 7383 has it", Some("R7383-2.5.3-02"), as_cut),
    law("responses have no critical payload", Some("R7296-2.5-13"), responses::not_critical),
    law("a notify says which SA it is about", Some("R7296-3.10-01"), about::an_sa),
    law("no SPI is given out that is reserved", Some("R4303-2.1-06"), about::an_spi),
    law("reserved fields are zero", Some("R7296-2.5-07"), reserved::zero),
    law("nonces are long enough", Some("R7296-2.10-02"), long_enough),
    law("initialization vectors are unique per key", Some("R5282-3.1-02"), iv::unique),
    law(
        "keys are derived as RFC 7296 sections 2.14, 2.17 and 2.18 have it",
        Some("R7296-2.17-01"),
        keys::derived,
    ),
    law("AUTH is made as RFC 7296 section 2.15 has it", Some("N7296-2.15-01"), auth::proves),
    law("every Child SA has its IKE SA", Some("R7296-1.4.1-03"), owner::lives),
    law("nothing is left of an SA that is closed", None, after_close::silent),
    law(
        "no packet goes through a Child SA past its lifetime",
        Some("R7296-2.8-01"),
        lifetime::kept,
    ),
    law("an end that gives up a Child SA tells its peer", None, told::of_deletion),
    law(
        "the replay window moves with good packets only",
        Some("R4303-3.4.3-07"),
        replay::moves_with_good_packets,
    ),
    law("no character that a peer wrote steers a log", None, printable::told),
    law(
        "who has a request about an SA open makes no other of it",
        Some("R7296-2.25-01"),
        busy::says_so,
    ),
    law("ESP sequence numbers count from 1", Some("R4303-2.2-01"), esp_sequence::counts),
    law("what a liar's rules say can be done", None, lies::done),
    law(
        "what is sent on an IKE port is IKE, sealed as ESP is with the keys that were logged",
        None,
        readable::readable,
    ),
];
