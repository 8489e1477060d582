//! Commands for those who write scenarios.

pub(crate) mod cover;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod new;
mod outcomes;
pub(crate) mod schema;
