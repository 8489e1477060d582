//! What an end of a tunnel does beyond the plain protocol.

use std::time::Duration;

/// What an end does beyond the plain protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IkeOptions {
    /// How often an IKE SA is tried again when nobody answers.
    pub retries: u32,
    /// Whether the Child SAs of a peer that is found dead are made again.
    pub restart: bool,
    /// Whether it pretends to be behind a NAT.
    pub force_encapsulation: bool,
    /// Whether a request over an unknown IKE SA is answered with INVALID_IKE_SPI. Of the host.
    pub invalid_ike_spi: bool,
    /// Whether a request beyond the window is told of with INVALID_MESSAGE_ID.
    pub invalid_message_id: bool,
    /// How many Child SAs the peer may make over one IKE SA; none: 1,000.
    pub children_max: Option<usize>,
    /// Whether ADDITIONAL_TS_POSSIBLE is said.
    pub additional_ts: bool,
    /// Whether ESP with an unknown SPI is told of, RFC 7296 §1.5.
    pub invalid_spi: bool,
    /// Whether each Child SA is for one pair of addresses, RFC 7296 §2.9.
    pub single_pair: bool,
    /// Smaller sizes of datagrams that are tried when nobody answers a message in fragments.
    pub fragmentation_probes: Vec<u16>,
    /// The Message ID that its IKE SAs go on with after IKE_AUTH; none: the next one.
    pub message_ids_from: Option<u32>,
    /// Vendor IDs of its IKE_SA_INIT; none: ikelab's own.
    pub vendor_ids: Option<Vec<Vec<u8>>>,
    /// How half-open IKE SAs are limited; none: as the engine does. Of the host.
    pub half_open: HalfOpen,
}

/// Limits for half-open IKE SAs, RFC 7296 §2.6. None: the engine's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HalfOpen {
    /// How many a responder keeps.
    pub most: Option<usize>,
    /// How many of them may be of one source.
    pub per_source: Option<usize>,
    /// From how many on a cookie is asked for with `cookie: under-load`.
    pub cookies_from: Option<usize>,
    /// How long it waits for IKE_AUTH.
    pub timeout: Option<Duration>,
}
