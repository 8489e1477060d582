//! The fragments that a liar cuts its message into (RFC 7383 §2.5), each a message of its own, so
//! that each can lie.

use ikelab_ike::{Damage, Icv, ToSeal, What};
use ikelab_scenario::plan::{FragmentEdit, FragmentField, HeaderField, Value};
use ikelab_wire::ike::Header;
use ikelab_wire::registry::PayloadType;

use super::craft::Maker;
use super::edit::{number, set_field};
use super::form::{Form, Piece, chain, harm};

/// What the length fields say until sealing has filled them in.
const TO_BE_FILLED_IN: u16 = 0;

/// A fragment before it goes out.
#[derive(Clone, Debug)]
pub(super) struct Fragment {
    header: [u8; Header::LENGTH],
    /// Payloads in the clear.
    before: Vec<Piece>,
    /// The fields of SKF that stand in the clear; its body is number and total.
    skf: Piece,
    /// The part of the payloads that it holds.
    body: Vec<u8>,
    pad_length: Option<u8>,
    /// True when it carries the checksum that it had when it was cut.
    keep_icv: bool,
    cut: Box<ToSeal>,
    instead: Option<Instead>,
    damage: Vec<Damage>,
}

/// What goes out in the place of a fragment.
#[derive(Clone, Debug)]
enum Instead {
    /// These octets behind its header, with the type of the first payload there.
    Foreign(u8, Vec<u8>),
    /// The message that was not cut.
    Whole(Box<ToSeal>),
}

/// Cuts a message into fragments of so many octets of payloads each, behind those that there are.
pub(super) fn cut(form: &mut Form, octets: usize) -> Result<(), String> {
    let sealed = form.sealed.as_ref().ok_or("only a protected message is cut")?;
    if form.keep_icv || form.truncate.is_some() || sealed.pad_length.is_some() {
        return Err("what happens to sealed octets is said of each fragment".to_owned());
    }
    let (first, inner) = chain(&form.payloads, PayloadType::NO_NEXT);
    let bodies: Vec<&[u8]> =
        if inner.is_empty() { vec![&inner] } else { inner.chunks(octets).collect() };
    let total = u16::try_from(bodies.len()).map_err(|_| "more fragments than can be counted")?;
    let fragments = (1..=total).zip(bodies).map(|(number, body)| {
        let before = if number == 1 { sealed.before.clone() } else { Vec::new() };
        let first = if number == 1 { first } else { PayloadType::NO_NEXT };
        Fragment::new(form.header, before, first, (number, total), body)
    });
    let fragments: Vec<Fragment> = fragments.collect();
    form.fragments.get_or_insert_default().extend(fragments);
    Ok(())
}

/// Puts the message as it is among its fragments.
pub(super) fn whole(form: &mut Form) -> Result<(), String> {
    let whole = form.clone().uncut().ok_or("only a protected message is cut")?;
    let place = form.fragments.get_or_insert_default();
    let nothing = Fragment::new(form.header, Vec::new(), PayloadType::NO_NEXT, (1, 1), &[]);
    place.push(Fragment { instead: Some(Instead::Whole(Box::new(whole))), ..nothing });
    Ok(())
}

/// Lets only these go out, in this order.
pub(super) fn send(form: &mut Form, places: &[(usize, Option<usize>)]) -> Result<(), String> {
    let all = form.fragments.as_mut().ok_or(NOT_CUT)?;
    let last = all.len().saturating_sub(1);
    let places = places.iter().flat_map(|(low, high)| *low..=high.unwrap_or(last).max(*low));
    let chosen: Option<Vec<Fragment>> = places.map(|place| all.get(place).cloned()).collect();
    *all = chosen.ok_or_else(|| format!("there are {} fragments", all.len()))?;
    Ok(())
}

/// Changes one.
pub(super) fn edit(
    form: &mut Form,
    place: usize,
    edit: &FragmentEdit,
    maker: &mut Maker<'_>,
) -> Result<(), String> {
    let all = form.fragments.as_mut().ok_or(NOT_CUT)?;
    let count = all.len();
    let fragment = all.get_mut(place).ok_or_else(|| format!("there are {count} fragments"))?;
    fragment.edit(edit, maker)
}

const NOT_CUT: &str = "the message is not cut: `cut 60` goes before";

impl Fragment {
    fn new(
        header: [u8; Header::LENGTH],
        before: Vec<Piece>,
        first: PayloadType,
        (number, total): (u16, u16),
        body: &[u8],
    ) -> Self {
        let numbers = [number.to_be_bytes(), total.to_be_bytes()].concat();
        let skf = Piece { next: Some(first.0), ..Piece::new(PayloadType::SKF, numbers) };
        let mut fragment = Self {
            header,
            before,
            skf,
            body: body.to_vec(),
            pad_length: None,
            keep_icv: false,
            cut: Box::new(ToSeal {
                head: Vec::new(),
                fragment: true,
                inner: Vec::new(),
                length: None,
                sk_length: None,
                pad_length: None,
                icv: Icv::Own,
                nested: false,
                damage: Vec::new(),
                after: Vec::new(),
                tail: Vec::new(),
            }),
            instead: None,
            damage: Vec::new(),
        };
        fragment.cut = Box::new(fragment.to_seal());
        fragment
    }

    fn edit(&mut self, edit: &FragmentEdit, maker: &mut Maker<'_>) -> Result<(), String> {
        match edit {
            FragmentEdit::Set(field, value) => self.set(field, value, maker)?,
            FragmentEdit::Insert(payload) => self.before.push(maker.payload(payload)?),
            FragmentEdit::Truncate(length) => self.damage.push(Damage::Truncate(*length)),
            FragmentEdit::Flip(bit) => self.damage.push(Damage::Flip(*bit)),
            FragmentEdit::KeepIcv => self.keep_icv = true,
            FragmentEdit::Splice(number) => {
                let earlier =
                    number.checked_sub(1).and_then(|at| maker.spoken.get(usize::from(at)));
                let earlier = earlier.ok_or("no such fragment was sent before")?;
                let next = *earlier.get(FIRST_AT).ok_or("that was no message")?;
                let behind = earlier.get(Header::LENGTH..).unwrap_or_default();
                self.instead = Some(Instead::Foreign(next, behind.to_vec()));
            }
        }
        Ok(())
    }

    fn set(
        &mut self,
        field: &FragmentField,
        value: &Value,
        maker: &mut Maker<'_>,
    ) -> Result<(), String> {
        match (field, value) {
            (FragmentField::Header(field), value) => {
                let (at, size) = field.place();
                let octets = self.header.get_mut(at..at + size).ok_or("no such field")?;
                let old = octets.iter().fold(0, |old, octet| old << 8 | u64::from(*octet));
                let low = number(value, old)?.to_be_bytes();
                octets.copy_from_slice(low.get(low.len() - size..).unwrap_or_default());
            }
            (FragmentField::Skf(field), value) => set_field(&mut self.skf, field, value, maker)?,
            (FragmentField::Body, Value::Octets(octets)) => self.body.clone_from(octets),
            (FragmentField::Body, Value::Random(length)) => self.body = maker.random(*length),
            (FragmentField::PadLength, Value::Number(length)) => {
                self.pad_length = u8::try_from(*length).ok();
            }
            (FragmentField::Body | FragmentField::PadLength, _) => {
                return Err("no value for this field".to_owned());
            }
        }
        Ok(())
    }

    fn to_seal(&self) -> ToSeal {
        let (outer, mut behind) = chain(&self.before, PayloadType::SKF);
        Piece { length: Some(TO_BE_FILLED_IN), ..self.skf.clone() }
            .emit(PayloadType::NO_NEXT, &mut behind);
        let mut head = [&self.header[..], &behind].concat();
        head[FIRST_AT] = outer.0;
        let icv = if self.keep_icv { Icv::Of(self.cut.clone()) } else { Icv::Own };
        ToSeal {
            head,
            fragment: true,
            inner: self.body.clone(),
            length: None,
            sk_length: self.skf.length,
            pad_length: self.pad_length,
            icv,
            nested: false,
            damage: self.damage.clone(),
            after: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// What goes out.
    ///
    /// # Errors
    /// When it has no octets where it is to be harmed.
    pub(super) fn out(&self) -> Result<What, String> {
        let (next, behind) = match &self.instead {
            None => return Ok(What::Sealed(Box::new(self.to_seal()))),
            Some(Instead::Whole(whole)) => return Ok(What::Sealed(whole.clone())),
            Some(Instead::Foreign(next, behind)) => (next, behind),
        };
        let mut octets = [&self.header[..], behind].concat();
        octets[FIRST_AT] = *next;
        let length = u32::try_from(octets.len()).unwrap_or(u32::MAX).to_be_bytes();
        let (at, size) = HeaderField::Length.place();
        octets[at..at + size].copy_from_slice(&length);
        harm(self.damage.iter().copied(), &mut octets)?;
        Ok(What::Octets(octets))
    }
}

/// Where the header says of what type the first payload is.
const FIRST_AT: usize = HeaderField::NextPayload.place().0;
