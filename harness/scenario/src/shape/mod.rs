//! What may be written where: the keys of every mapping of a scenario, each with the form of its
//! value and a sentence about it.
//!
//! The reader refuses what these tables do not have, and `ikelab schema` and `ikelab explain` are
//! made from them, so that a key without a description can't be.

mod form;
mod notation;

pub use form::{Form, Notation};
pub(crate) use notation::*;

/// A mapping of the language.
#[derive(Debug)]
pub struct Shape {
    /// What it is called in messages and in the schema.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Its keys, in groups.
    pub keys: &'static [&'static [Key]],
    /// Keys of which exactly one is there; empty where there is no such rule.
    pub one_of: &'static [&'static str],
    /// What other keys hold, where any name may be a key: the name and the value.
    pub others: Option<(&'static Form, &'static Form)>,
}

/// A key of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What its value is.
    pub form: Form,
    /// What it says, with the unit where it has one.
    pub about: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// What holds where it is not there; empty where nothing in particular does.
    pub default: &'static str,
    /// The language knows it, and this version refuses it.
    pub later: bool,
}

/// A key that has to be there.
pub(crate) const fn need(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, about, required: true, default: "", later: false }
}

/// A key that may be there.
pub(crate) const fn may(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { required: false, ..need(name, form, about) }
}

/// A key that the language has and this version refuses.
pub(crate) const fn later(name: &'static str, about: &'static str) -> Key {
    Key { later: true, ..may(name, Form::Anything, about) }
}

impl Key {
    /// With what holds where the key is not there.
    pub(crate) const fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }
}

impl Shape {
    /// A mapping with one group of keys.
    pub(crate) const fn new(
        name: &'static str,
        about: &'static str,
        keys: &'static [&'static [Key]],
    ) -> Self {
        Self { name, about, keys, one_of: &[], others: None }
    }

    /// Of these keys, exactly one is there.
    pub(crate) const fn one_of(self, one_of: &'static [&'static str]) -> Self {
        Self { one_of, ..self }
    }

    /// Other keys may be there: names for values of a form.
    pub(crate) const fn others(self, name: &'static Form, form: &'static Form) -> Self {
        Self { others: Some((name, form)), ..self }
    }

    /// All of its keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + Clone {
        self.keys.iter().flat_map(|group| group.iter())
    }

    /// The key of this name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

/// The words of a table of words and what they mean.
pub(crate) const fn words<T, const N: usize>(
    table: &'static [(&'static str, T); N],
) -> [&'static str; N] {
    let mut words = [""; N];
    let mut place = 0;
    while place < N {
        words[place] = table[place].0;
        place += 1;
    }
    words
}

/// Every mapping that may lie in this one, itself first, each once.
#[must_use]
pub fn within(root: &'static Shape) -> Vec<&'static Shape> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(shape) = all.get(next).copied() {
        next += 1;
        let others = shape.others.map(|(_, form)| *form);
        for form in shape.keys().map(|key| key.form).chain(others) {
            form.shapes(&mut |inner| {
                if !all.iter().any(|known| std::ptr::eq(*known, inner)) {
                    all.push(inner);
                }
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scenario::SHAPE;

    #[test]
    fn every_mapping_and_every_key_is_described_in_a_sentence() {
        for shape in within(&SHAPE) {
            assert!(shape.about.ends_with('.'), "{}", shape.name);
            for key in shape.keys() {
                assert!(key.about.ends_with('.'), "{} in {}", key.name, shape.name);
                assert!(!(key.required && key.later), "{} in {}", key.name, shape.name);
            }
        }
    }

    #[test]
    fn no_mapping_and_no_key_of_one_has_the_name_of_another() {
        let mut shapes = BTreeSet::new();
        for shape in within(&SHAPE) {
            assert!(shapes.insert(shape.name), "{} twice", shape.name);
            let mut keys = BTreeSet::new();
            for key in shape.keys() {
                assert!(keys.insert(key.name), "{} twice in {}", key.name, shape.name);
            }
            for key in shape.one_of {
                assert!(keys.contains(key), "{key} is no key of {}", shape.name);
            }
        }
    }
}
