//! What policy said of a flow before: the way through the SPD and the SAD is long where there are
//! many policies, and most packets are not the first of their flow.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::net::IpAddr;

use ikelab_wire::ike::EspSpi;

use crate::flow::{End, Flow};

/// How many flows are known at a time; after that all are forgotten. Ours.
const FLOWS_MAX: usize = 1 << 16;

/// The policy of a flow, by its place, and the SA that carries it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) place: Option<usize>,
    pub(crate) carrier: Option<EspSpi>,
}

#[expect(
    clippy::disallowed_types,
    reason = "nobody iterates over it, its hasher has no random key, and a tree of 10,000 flows \
              costs a packet more than its header"
)]
type Flat<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// The flows that were asked about since policies or SAs last changed.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The flow that was asked about last, which most packets belong to.
    last: Option<(Flow, Answer)>,
    flows: Flat<[u8; KEY_LEN], Answer>,
}

/// Two addresses with their family, two ports that may be absent, a protocol, whether it is a later
/// fragment and crosses the boundary.
const KEY_LEN: usize = 2 * (1 + 16 + 1 + 2) + 2;

impl Known {
    pub(crate) fn get(&mut self, flow: &Flow) -> Option<Answer> {
        if let Some((last, answer)) = &self.last
            && last == flow
        {
            return Some(*answer);
        }
        let answer = self.flows.get(&key(flow)).copied()?;
        self.last = Some((*flow, answer));
        Some(answer)
    }

    pub(crate) fn put(&mut self, flow: &Flow, answer: Answer) {
        if self.flows.len() >= FLOWS_MAX {
            self.flows.clear();
        }
        self.flows.insert(key(flow), answer);
        self.last = Some((*flow, answer));
    }

    /// To be called whenever an answer may have changed.
    pub(crate) fn forget(&mut self) {
        self.last = None;
        if !self.flows.is_empty() {
            self.flows.clear();
        }
    }
}

fn key(flow: &Flow) -> [u8; KEY_LEN] {
    let mut key = [0; KEY_LEN];
    let (head, ends) = key.split_at_mut(2);
    head[0] = flow.protocol.0;
    head[1] = u8::from(flow.later) << 1 | u8::from(flow.crosses);
    let (local, remote) = ends.split_at_mut((KEY_LEN - 2) / 2);
    write_end(local, flow.local);
    write_end(remote, flow.remote);
    key
}

fn write_end(out: &mut [u8], End { address, port }: End) {
    match address {
        IpAddr::V4(address) => {
            out[0] = 4;
            out[1..5].copy_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out[0] = 6;
            out[1..17].copy_from_slice(&address.octets());
        }
    }
    if let Some(port) = port {
        out[17] = 1;
        out[18..20].copy_from_slice(&port.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ikelab_wire::registry::IpProtocol;

    use super::*;

    fn flow(protocol: u8, local: &str, port: Option<u16>) -> Flow {
        let end = |address: &str| End { address: address.parse().expect("an address"), port };
        let protocol = IpProtocol(protocol);
        Flow { protocol, local: end(local), remote: end("10.0.0.2"), later: false, crosses: true }
    }

    #[test]
    fn flows_that_differ_in_anything_have_different_keys() {
        let v4 = flow(17, "10.0.0.1", Some(53));
        let flows = [
            v4,
            v4.reversed(),
            flow(6, "10.0.0.1", Some(53)),
            flow(17, "10.0.0.3", Some(53)),
            flow(17, "10.0.0.1", Some(54)),
            flow(17, "10.0.0.1", Some(0)),
            flow(17, "10.0.0.1", None),
            flow(17, "a00:1::", Some(53)),
            Flow { later: true, ..v4 },
            v4.crossing(false),
        ];
        assert_eq!(flows.iter().map(key).collect::<BTreeSet<_>>().len(), flows.len());
    }

    #[test]
    fn what_is_forgotten_is_not_known_any_more() {
        let answer = |place| Answer { place: Some(place), carrier: None };
        let flows = [flow(17, "10.0.0.1", None), flow(17, "10.0.0.3", None)];
        let mut known = Known::default();
        for (place, flow) in flows.iter().enumerate() {
            known.put(flow, answer(place));
        }
        assert_eq!(flows.each_ref().map(|flow| known.get(flow)), [0, 1].map(|n| Some(answer(n))));
        known.forget();
        assert_eq!(flows.each_ref().map(|flow| known.get(flow)), [None; 2]);
    }

    #[test]
    fn no_more_flows_are_known_than_there_is_room_for() {
        let mut known = Known::default();
        for number in 0..=FLOWS_MAX as u32 {
            let address = std::net::Ipv4Addr::from_bits(number).to_string();
            known.put(&flow(17, &address, None), Answer { place: None, carrier: None });
        }
        assert_eq!(known.flows.len(), 1);
    }
}
