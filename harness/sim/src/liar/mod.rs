//! Liars: what a scenario's rules make of what a host says and hears.
//!
//! A rule's pattern is asked about every message while the run goes on; it is the same pattern, by
//! the same rules, that judges a ladder afterwards.

mod memory;
mod sight;

use ikelab_ike::{Clear, Editor, Saying};

pub(crate) use memory::Memory;
pub(crate) use sight::{Eyes, Owners};

/// What stands between an IKE engine and what it says.
#[derive(Debug)]
pub(crate) struct Liar {
    memory: Memory,
}

impl Liar {
    pub(crate) fn new(memory: Memory) -> Self {
        Self { memory }
    }
}

impl Editor for Liar {
    fn speak(&mut self, _: &Clear<'_>) -> Option<Vec<Saying>> {
        None
    }

    fn hear(&mut self, _: &Clear<'_>) -> Option<Vec<Saying>> {
        None
    }

    fn said(&mut self, message: &Clear<'_>, datagrams: &[Vec<u8>]) {
        self.memory.keep(datagrams, message.payloads);
    }
}
