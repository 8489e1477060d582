//! `spi=$s`: the SPI that a payload names.

use ikelab_wire::notation::hex;
use ikelab_wire::payload::{Body, Payload};

use super::check::{Binding, Env, Mismatch, mismatch};
use crate::pattern::Item;

/// Checks `spi=$s`, or `spi!=$s` when not `equal`: bound at its first use.
pub(super) fn check(
    item: &Item,
    name: &str,
    equal: bool,
    payload: &Payload,
    env: &Env,
) -> Result<Env, Mismatch> {
    let Some(spi) = spi_of(&payload.body) else {
        let actual = format!("{payload}, which does not name one SPI");
        return Err(mismatch(1, item.span, item.words.clone(), actual));
    };
    match env.get(name) {
        Some((Binding::Spi(known), at)) if (*known == spi) != equal => {
            let known = hex(known);
            let expected = if equal { known.clone() } else { format!("another than {known}") };
            let mut wrong = mismatch(1, item.span, expected, hex(&spi));
            wrong.bound = Some((*at, format!("${name} is bound here: {known}")));
            Err(wrong)
        }
        Some((Binding::Spi(_), _)) => Ok(env.clone()),
        Some((Binding::Payload(_) | Binding::Ike(_), _)) | None if equal => {
            Ok(env.with(name, Binding::Spi(spi), item.span))
        }
        Some((Binding::Payload(_) | Binding::Ike(_), _)) | None => {
            let actual = format!("${name} is not bound: its line did not come");
            Err(mismatch(1, item.span, item.words.clone(), actual))
        }
    }
}

/// The one SPI that a payload names.
fn spi_of(body: &Body) -> Option<Vec<u8>> {
    let spis: Vec<&Vec<u8>> = match body {
        Body::Notify(notify) => vec![&notify.spi],
        Body::Delete(delete) => delete.spis.iter().collect(),
        Body::Sa(sa) => sa.proposals.iter().map(|proposal| &proposal.spi).collect(),
        _ => Vec::new(),
    };
    let (first, rest) = spis.split_first()?;
    let one = !first.is_empty() && rest.iter().all(|spi| spi == first);
    one.then(|| (*first).clone())
}
