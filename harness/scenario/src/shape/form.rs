//! What a value may be.

use super::Shape;

/// The form of a value. In place of every single value a parameter may stand: `${name}`.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A single value in a notation of its own.
    Written(&'static Notation),
    /// A whole number, from the first to the second.
    Integer(u64, u64),
    /// A number, from the first to the second.
    Number(f64, f64),
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A list of such values.
    List(&'static Form),
    /// A mapping of names that the file gives to such values.
    Names(&'static Form, &'static Form),
    /// A mapping.
    Shape(&'static Shape),
    /// One of several forms.
    Any(&'static [Form]),
    /// What is read elsewhere, or not at all.
    Anything,
}

/// How a single value is written.
#[derive(Debug)]
pub struct Notation {
    /// What it is called.
    pub name: &'static str,
    /// How it is written, with an example.
    pub about: &'static str,
    /// A regular expression for all of it, as JSON Schema has them; empty where any text will do.
    pub pattern: &'static str,
    /// Whether a number stands for itself, without quotes.
    pub number: bool,
}

impl Notation {
    pub(crate) const fn new(
        name: &'static str,
        about: &'static str,
        pattern: &'static str,
    ) -> Self {
        Self { name, about, pattern, number: false }
    }

    /// A number is such a value too.
    pub(crate) const fn or_number(self) -> Self {
        Self { number: true, ..self }
    }
}

impl Form {
    /// Tells each mapping that such a value may be or hold.
    pub(super) fn shapes(self, tell: &mut dyn FnMut(&'static Shape)) {
        match self {
            Self::Shape(shape) => tell(shape),
            Self::List(form) | Self::Names(_, form) => form.shapes(tell),
            Self::Any(forms) => forms.iter().for_each(|form| form.shapes(tell)),
            Self::Written(_)
            | Self::Integer(..)
            | Self::Number(..)
            | Self::Boolean
            | Self::Words(_)
            | Self::Anything => {}
        }
    }
}
