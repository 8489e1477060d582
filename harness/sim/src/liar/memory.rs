//! What a host said, in the clear: so that whoever looks at a packet of it can be asked about the
//! payloads inside.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use ikelab_wire::payload::Payload;

/// How many datagrams are remembered; those that are repeated were said not long ago.
const DATAGRAMS_MAX: usize = 4096;

/// What a host said. Everybody who holds it sees the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Rc<RefCell<Said>>);

#[derive(Debug, Default)]
struct Said {
    /// The payloads inside, by the octets of the datagram.
    inside: BTreeMap<Vec<u8>, Rc<[Payload]>>,
    order: VecDeque<Vec<u8>>,
}

impl Memory {
    /// Remembers the datagrams that carry these payloads.
    pub(crate) fn keep(&self, datagrams: &[Vec<u8>], payloads: &[Payload]) {
        let mut said = self.0.borrow_mut();
        let payloads: Rc<[Payload]> = payloads.into();
        for octets in datagrams {
            if said.inside.insert(octets.clone(), Rc::clone(&payloads)).is_none() {
                said.order.push_back(octets.clone());
            }
        }
        while said.order.len() > DATAGRAMS_MAX {
            if let Some(oldest) = said.order.pop_front() {
                said.inside.remove(&oldest);
            }
        }
    }

    /// The payloads inside of a datagram, or of one that begins with these octets: of a packet in
    /// pieces only the first is seen.
    pub(crate) fn inside(&self, octets: &[u8]) -> Option<Rc<[Payload]>> {
        let said = self.0.borrow();
        let (first, payloads) = said.inside.range(octets.to_vec()..).next()?;
        first.starts_with(octets).then(|| Rc::clone(payloads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ikelab_wire::payload::{Body, Nonce};

    #[test]
    fn a_datagram_is_found_by_its_octets_or_by_its_beginning_and_the_oldest_go() {
        let memory = Memory::default();
        let payload: Payload = Body::Nonce(Nonce(vec![1])).into();
        memory.keep(&[vec![1, 2, 3]], std::slice::from_ref(&payload));
        assert_eq!(memory.inside(&[1, 2, 3]).as_deref(), Some(&[payload][..]));
        assert!(memory.inside(&[1, 2]).is_some());
        assert!(memory.inside(&[1, 2, 3, 4]).is_none());
        assert!(memory.inside(&[1, 3]).is_none());
        for number in 0..u32::try_from(DATAGRAMS_MAX).unwrap() {
            memory.keep(&[number.to_be_bytes().to_vec()], &[]);
        }
        assert!(memory.inside(&[1, 2, 3]).is_none());
    }
}
