//! How large the datagrams of a message may be before it is cut into fragments, and the search for
//! a smaller size where large ones do not arrive (RFC 7383 §2.5.1, §2.5.2).
//!
//! The initiator of an exchange searches downwards, in a few steps that are configured. The
//! responder cuts its answer no larger than the fragments that the request came in.

use ikelab_trace::IkeEvent;
use ikelab_wire::ike::Header;
use ikelab_wire::payload::Payload;

use crate::channel::Channel;
use crate::config::Options;
use crate::context::Context;
use crate::sa::{Core, Phase, Sa};

/// Ours: how often a request is sent in fragments of one size before smaller ones are tried.
/// RFC 7383 §2.5.2 wants a few tries within several seconds.
const TRIES_PER_SIZE: u32 = 2;

/// Where the search of one IKE SA stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Threshold {
    /// How many steps down it has gone.
    step: usize,
    /// The longest fragment of the request that is being answered, if it came in fragments.
    pub(crate) heard: Option<usize>,
}

/// A request of ours as it was before it was sealed, to be cut anew.
#[derive(Clone, Debug)]
pub(crate) struct Unsealed {
    pub(crate) header: Header,
    pub(crate) payloads: Vec<Payload>,
}

impl Threshold {
    /// The largest datagram, if any is too large.
    pub(crate) fn datagram(self, options: &Options) -> Option<usize> {
        let first = options.fragmentation?;
        let below = self.step.checked_sub(1).and_then(|at| options.fragmentation_probes.get(at));
        Some(below.copied().unwrap_or(first))
    }

    /// What the answer to the request that came last may have at most, beside what we allow.
    pub(crate) fn mirrored(self, longest: Option<usize>, options: &Options) -> Option<usize> {
        let heard = self.heard.filter(|_| !options.fragmentation_probes.is_empty());
        longest.map(|own| heard.map_or(own, |heard| own.min(heard)))
    }
}

impl Sa {
    /// Tries smaller fragments for a request that was sent so often without an answer; false if
    /// there are none to try yet, or at all.
    pub(crate) fn try_smaller(
        &mut self,
        message_id: u32,
        tries: u32,
        cx: &mut Context<'_>,
    ) -> bool {
        tries >= TRIES_PER_SIZE && self.cut_smaller(message_id, None, cx)
    }

    /// A router says that no larger packet than this passes. It proves nothing: only what is smaller
    /// than before, and not smaller than the smallest size that we would try, counts.
    pub(crate) fn too_big(&mut self, message_id: u32, mtu: usize, cx: &mut Context<'_>) {
        let options = &cx.tunnel(self.core.tunnel).options;
        let current = self.core.threshold.datagram(options);
        if current.is_some_and(|current| mtu < current) {
            self.cut_smaller(message_id, Some(mtu), cx);
        }
    }

    fn cut_smaller(&mut self, message_id: u32, most: Option<usize>, cx: &mut Context<'_>) -> bool {
        let Self { core, phase, .. } = self;
        let channel = match phase {
            Phase::AuthSent(sent) => &mut sent.channel,
            Phase::Established(established) => &mut established.channel,
            Phase::InitSent(_) | Phase::InitResponded(_) | Phase::Closed { .. } => return false,
        };
        core.cut_smaller(channel, message_id, most, cx)
    }
}

impl Core {
    /// Cuts an open request into more and smaller fragments and sends them as if for the first time.
    fn cut_smaller(
        &mut self,
        channel: &mut Channel,
        message_id: u32,
        most: Option<usize>,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(open) = self.window.open(message_id) else { return false };
        let (Some(unsealed), before) = (open.unsealed.clone(), open.datagrams.len()) else {
            return false;
        };
        let Unsealed { header, payloads } = unsealed;
        let probes = cx.tunnel(self.tunnel).options.fragmentation_probes.clone();
        let below = probes.iter().enumerate().skip(self.threshold.step);
        for (place, datagram) in below.filter(|(_, datagram)| most.is_none_or(|m| **datagram <= m))
        {
            let longest = self.message_room(*datagram);
            let datagrams = channel.seal(&header, &payloads, Some(longest), cx.entropy);
            // The receiver knows the newer set by its larger number of fragments.
            if datagrams.len() <= before {
                continue;
            }
            self.threshold.step = place + 1;
            let at = cx.now + cx.patience(self.tunnel, 1);
            self.window.cut_anew(message_id, datagrams.clone(), at);
            cx.said(self.path.ends(), &header, &payloads, &datagrams);
            cx.event(IkeEvent::Timer { sa: self.id, timer: "smaller fragments".into() });
            self.transmit(datagrams, cx);
            return true;
        }
        false
    }
}
