//! The cases of `scenarios/requirements/catalogue.csv` that are about ESP alone, each a test that
//! is named by its case. `count` sees to it that none is forgotten.

mod count;
mod encap;
mod esn;
mod format;
mod headers;
mod replay;
mod support;
