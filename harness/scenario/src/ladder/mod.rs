//! Ladders: whether what was said is what a ladder says, and where not.

mod check;
mod order;
mod spi;
mod tell;
#[cfg(test)]
mod tests;

pub(crate) use check::{Binding, Env, check};
pub(crate) use order::{Outcome, explain};
pub(crate) use tell::tell;
