//! The changes that a rule makes of a message.

use ikelab_scenario::plan::{CraftPayload, Edit, PayloadField, Select, Target, Value};
use ikelab_wire::registry::PayloadType;

use super::craft::Maker;
use super::form::{Form, Piece};
use super::{fragment, mutate};

/// Authentication method and reserved octets, RFC 7296 §3.8.
const AUTH_HEADER: usize = 4;

/// Makes all changes, in their order.
pub(super) fn all(form: &mut Form, edits: &[Edit], maker: &mut Maker<'_>) -> Result<(), String> {
    edits.iter().try_for_each(|edit| one(form, edit, maker))
}

fn one(form: &mut Form, edit: &Edit, maker: &mut Maker<'_>) -> Result<(), String> {
    let of_fragments = matches!(
        edit,
        Edit::Cut(_) | Edit::Whole | Edit::Send(_) | Edit::Fragment(..) | Edit::Repeat
    );
    if form.fragments.is_some() && !of_fragments {
        return Err("the message is cut, and only its fragments can be changed".to_owned());
    }
    match edit {
        Edit::Set(target, value) => set(form, target, value, maker),
        Edit::Insert(payload, place) => insert(form, payload, place.as_ref(), maker),
        Edit::Remove(select) => remove(form, select),
        Edit::Swap(one, other) => {
            let (one, other) = (place(form, one)?, place(form, other)?);
            form.payloads.swap(one, other);
            Ok(())
        }
        Edit::Copy(select) => {
            let at = place(form, select)?;
            let copy = form.payloads.get(at).cloned();
            form.payloads.splice(at..at, copy);
            Ok(())
        }
        Edit::Append(octets) => {
            form.tail.extend_from_slice(octets);
            Ok(())
        }
        Edit::HonestCopy => {
            form.honest_copy = true;
            Ok(())
        }
        Edit::Nest | Edit::KeepIcv if form.sealed.is_none() => {
            Err("the message is not sealed".to_owned())
        }
        Edit::Nest => {
            form.nested = true;
            Ok(())
        }
        Edit::Sign => sign(form, maker),
        Edit::Truncate(length) => {
            form.truncate = Some(*length);
            Ok(())
        }
        Edit::Flip(bit) => {
            form.flips.push(*bit);
            Ok(())
        }
        Edit::Repeat => {
            form.times += 1;
            Ok(())
        }
        Edit::Mutate(count) => {
            mutate::mutate(form, *count, maker);
            Ok(())
        }
        Edit::KeepIcv => {
            form.keep_icv = true;
            Ok(())
        }
        Edit::Cut(octets) => fragment::cut(form, *octets),
        Edit::Whole => fragment::whole(form),
        Edit::Send(places) => fragment::send(form, places),
        Edit::Fragment(place, edit) => fragment::edit(form, *place, edit, maker),
    }
}

fn set(
    form: &mut Form,
    target: &Target,
    value: &Value,
    maker: &mut Maker<'_>,
) -> Result<(), String> {
    match target {
        Target::Header(field) => {
            form.set_header(*field, number(value, form.header_field(*field))?);
            Ok(())
        }
        Target::PadLength => match (&mut form.sealed, value) {
            (Some(sealed), Value::Number(number)) => {
                sealed.pad_length = u8::try_from(*number).ok();
                Ok(())
            }
            _ => Err("the message has no SK payload".to_owned()),
        },
        Target::Payload(select, field) => {
            let piece = if select.kind == PayloadType::SK {
                form.sealed.as_mut().map(|sealed| &mut sealed.sk)
            } else {
                let at = place(form, select)?;
                form.payloads.get_mut(at)
            };
            let piece = piece.ok_or_else(|| format!("there is no {}", select.text))?;
            set_field(piece, field, value, maker)
        }
    }
}

/// The number that a field is to say, which says another now.
pub(super) fn number(value: &Value, now: u64) -> Result<u64, String> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::Add(more) => Ok(now.wrapping_add_signed(*more)),
        Value::Octets(_) | Value::Random(_) => Err("no number".to_owned()),
    }
}

/// Lets a field of a payload say something else.
pub(super) fn set_field(
    piece: &mut Piece,
    field: &PayloadField,
    value: &Value,
    maker: &mut Maker<'_>,
) -> Result<(), String> {
    let now = piece.get(field).ok_or("there is no such field")?;
    let size = now.len();
    let number = |number: u64| {
        let octets = number.to_be_bytes();
        let (high, low) = octets.split_at(octets.len().saturating_sub(size));
        (size <= 8 && high.iter().all(|octet| *octet == 0)).then(|| low.to_vec())
    };
    let octets = match value {
        Value::Number(value) => number(*value),
        Value::Add(more) => {
            let old = now.iter().fold(0, |old: u64, octet| old << 8 | u64::from(*octet));
            let low = old.wrapping_add_signed(*more) & (u64::MAX >> (64 - 8 * size.clamp(1, 8)));
            number(low)
        }
        Value::Octets(octets) => Some(octets.clone()),
        Value::Random(length) => Some(maker.random(*length)),
    };
    let octets = octets.ok_or_else(|| format!("the field has {size} octets, which is too few"))?;
    if piece.set(field, &octets) {
        return Ok(());
    }
    Err(format!("the field has {size} octets, and the value has {}", octets.len()))
}

fn insert(
    form: &mut Form,
    payload: &CraftPayload,
    near: Option<&(bool, Select)>,
    maker: &mut Maker<'_>,
) -> Result<(), String> {
    let piece = maker.payload(payload)?;
    match near {
        None => form.payloads.push(piece),
        Some((false, select)) if select.kind == PayloadType::SK => {
            let sealed = form.sealed.as_mut().ok_or("the message has no SK payload")?;
            sealed.after.push(piece);
        }
        Some((true, select)) if select.kind == PayloadType::SK => {
            let sealed = form.sealed.as_mut().ok_or("the message has no SK payload")?;
            sealed.before.push(piece);
        }
        Some((before, select)) => {
            let at = place(form, select)? + usize::from(!*before);
            form.payloads.insert(at, piece);
        }
    }
    Ok(())
}

/// Removes a payload, or all that fit where no number says which.
fn remove(form: &mut Form, select: &Select) -> Result<(), String> {
    if select.index.is_some() {
        let at = place(form, select)?;
        form.payloads.remove(at);
        return Ok(());
    }
    let before = form.payloads.len();
    form.payloads.retain(|piece| !fits(select, piece));
    if form.payloads.len() == before {
        return Err(format!("there is no {}", select.text));
    }
    Ok(())
}

/// Lets AUTH prove the identity that the message names, whatever its octets are.
fn sign(form: &mut Form, maker: &Maker<'_>) -> Result<(), String> {
    let signer = maker.signer.ok_or("only IKE_AUTH is signed")?;
    let is_id = |piece: &&Piece| matches!(piece.kind, PayloadType::IDI | PayloadType::IDR);
    // IDi stands before the IDr that an initiator asks for.
    let id = form.payloads.iter().find(is_id).ok_or("there is no identity")?;
    let proof = signer.auth(&id.body);
    let auth = form.payloads.iter_mut().find(|piece| piece.kind == PayloadType::AUTH);
    let auth = auth.ok_or("there is no AUTH")?;
    auth.body.truncate(AUTH_HEADER);
    auth.body.extend(proof);
    Ok(())
}

fn place(form: &Form, select: &Select) -> Result<usize, String> {
    let mut fitting = form.payloads.iter().enumerate().filter(|(_, piece)| fits(select, piece));
    let found = fitting.nth(select.index.unwrap_or(0)).map(|(at, _)| at);
    found.ok_or_else(|| format!("there is no {}", select.text))
}

fn fits(select: &Select, piece: &Piece) -> bool {
    piece.kind == select.kind && (select.arg.is_none() || piece.arg() == select.arg)
}
