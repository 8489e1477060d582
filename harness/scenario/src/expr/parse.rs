//! Text to expressions.

use std::ops::Range;

use ikelab_trace::{DISCARDED, Dropped, Withheld};
use ikelab_wire::registry::ExchangeType;

use super::{ChildField, Comparison, Expr, SetField, Told};
use crate::duration;
use crate::pattern::{Kind, Variables};
use crate::read::world::World;
use crate::reader::Cx;
use crate::run::in_one_word;
use crate::source::Span;
use crate::text::Text;

/// A call of a property: its name and its arguments as they are written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) args: Vec<(String, Span)>,
    pub(crate) span: Span,
}

/// Deeper expressions than a person writes.
const DEPTH_MAX: usize = 40;

/// Reads `name(arg, ..)` if the whole text is one call of a name that is no function of expressions.
pub(crate) fn call(text: &Text) -> Option<Call> {
    let value = text.value.trim();
    let offset = text.value.len() - text.value.trim_start().len();
    let (name, rest) = value.split_once('(')?;
    let inner = rest.strip_suffix(')')?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || !name.chars().all(word)
        || inner.contains(['(', ')'])
        || FUNCTIONS.contains(&name)
    {
        return None;
    }
    let mut at = offset + name.len() + 1;
    let mut args = Vec::new();
    for part in inner.split(',') {
        let trimmed = part.trim();
        let start = at + part.len() - part.trim_start().len();
        if !trimmed.is_empty() {
            args.push((trimmed.to_owned(), text.at(start..start + trimmed.len())));
        }
        at += part.len() + 1;
    }
    Some(Call { name: name.to_owned(), args, span: text.at(offset..offset + name.len()) })
}

const FUNCTIONS: [&str; 4] = ["count", "sent", "events", "rate"];

/// Reads a condition.
pub(crate) fn expression(
    cx: &Cx<'_>,
    world: &World,
    text: &Text,
    known: &Variables,
) -> Option<Expr> {
    let tokens = tokens(cx, text)?;
    let mut parser = Parser { cx, world, text, known, tokens, next: 0, depth: 0 };
    let expr = parser.either()?;
    if let Some(token) = parser.peek() {
        let (word, span) = (token.text.clone(), parser.span(&token.range));
        cx.error(span, format!("`{word}` is left over"), "");
        return None;
    }
    if !expr.is_condition() {
        cx.error(
            text.span,
            "this is neither true nor false",
            "expected a condition: `count(R1.ike) <= 2`",
        );
        return None;
    }
    Some(expr)
}

#[derive(Clone, PartialEq, Debug)]
struct Token {
    text: String,
    range: Range<usize>,
}

/// Words, numbers, `$v`, and the signs.
fn tokens(cx: &Cx<'_>, text: &Text) -> Option<Vec<Token>> {
    const SIGNS: [&str; 13] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", ",", ".", "=", "[", "]"];
    let value = text.value.as_str();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = value.get(at..).filter(|rest| !rest.is_empty()) {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '-');
        let length = if rest.starts_with(char::is_whitespace) {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        } else if rest.starts_with(word) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            sign.len()
        } else {
            let odd = rest.chars().next().unwrap_or_default();
            cx.error(text.at(at..at + odd.len_utf8()), format!("unexpected `{odd}`"), "");
            return None;
        };
        tokens.push(Token { text: rest.get(..length)?.to_owned(), range: at..at + length });
        at += length;
    }
    Some(tokens)
}

struct Parser<'a> {
    cx: &'a Cx<'a>,
    world: &'a World,
    text: &'a Text,
    known: &'a Variables,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.peek().is_some_and(|token| token.text == word);
        self.next += usize::from(there);
        there
    }

    fn span(&self, range: &Range<usize>) -> Span {
        self.text.at(range.clone())
    }

    /// Where the parser stands, for a complaint.
    fn here(&self) -> Span {
        match self.peek() {
            Some(token) => self.span(&token.range),
            None => self.text.at(self.text.value.len()..self.text.value.len()),
        }
    }

    fn expect(&mut self, word: &str) -> Option<()> {
        if self.take(word) {
            return Some(());
        }
        let met = self.peek().map_or("the end".to_owned(), |token| format!("`{}`", token.text));
        self.cx.error(self.here(), format!("unexpected {met}"), format!("expected `{word}`"));
        None
    }

    fn word(&mut self, what: &str) -> Option<(String, Span)> {
        let token = self.peek().cloned();
        match token {
            Some(token)
                if token
                    .text
                    .starts_with(|c: char| c.is_ascii_alphanumeric() || c == '$' || c == '_') =>
            {
                self.next += 1;
                Some((token.text, self.span(&token.range)))
            }
            _ => {
                self.cx.error(self.here(), format!("{what} is missing"), "");
                None
            }
        }
    }

    fn either(&mut self) -> Option<Expr> {
        let mut left = self.both()?;
        while self.take("or") {
            left = Expr::Or(Box::new(left), Box::new(self.both()?));
        }
        Some(left)
    }

    fn both(&mut self) -> Option<Expr> {
        let mut left = self.negation()?;
        while self.take("and") {
            left = Expr::And(Box::new(left), Box::new(self.negation()?));
        }
        Some(left)
    }

    fn negation(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            self.cx.error(self.here(), "the expression is too deep", "");
            return None;
        }
        let expr = if self.take("not") {
            Expr::Not(Box::new(self.condition()?))
        } else {
            return self.comparison().inspect(|_| self.depth -= 1);
        };
        self.depth -= 1;
        Some(expr)
    }

    fn condition(&mut self) -> Option<Expr> {
        let span = self.here();
        let expr = self.negation()?;
        if !expr.is_condition() {
            self.cx.error(span, "this is neither true nor false", "");
            return None;
        }
        Some(expr)
    }

    fn comparison(&mut self) -> Option<Expr> {
        let left = self.value()?;
        let sign = self.peek().map(|token| token.text.clone()).unwrap_or_default();
        let comparison = match sign.as_str() {
            "==" => Comparison::Equal,
            "!=" => Comparison::Differ,
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::More,
            ">=" => Comparison::AtLeast,
            "in" => {
                self.next += 1;
                return self.within(left);
            }
            "=" => {
                self.cx.error(self.here(), "unexpected `=`", "did you mean `==`?");
                return None;
            }
            _ => return Some(left),
        };
        self.next += 1;
        let span = self.here();
        let right = self.value()?;
        self.check_state(&left, &right, span);
        Some(Expr::Compare(Box::new(left), comparison, Box::new(right)))
    }

    /// What follows `in`: `[a, b]`, `1..3`.
    fn within(&mut self, left: Expr) -> Option<Expr> {
        if !self.take("[") {
            let low = self.value()?;
            self.expect(".")?;
            self.expect(".")?;
            let high = self.value()?;
            return Some(Expr::Between(Box::new(left), Box::new(low), Box::new(high)));
        }
        let mut values = Vec::new();
        loop {
            let span = self.here();
            let value = self.value()?;
            self.check_state(&left, &value, span);
            values.push(value);
            if !self.take(",") {
                break;
            }
        }
        self.expect("]")?;
        Some(Expr::OneOf(Box::new(left), values))
    }

    /// A state is compared with the name of a state.
    fn check_state(&self, left: &Expr, right: &Expr, span: Span) {
        let Expr::Word(word) = right else { return };
        match left {
            Expr::Child(_, _, ChildField::State) => self.state(word, span, &CHILD_STATES),
            Expr::IkeState(..) => self.state(word, span, &IKE_STATES),
            _ => self.cx.unknown(span, "value", word, []),
        }
    }

    fn state(&self, word: &str, span: Span, states: &[&str]) {
        if !states.contains(&word) {
            self.cx.unknown(span, "state", word, states.iter().copied());
        }
    }

    fn value(&mut self) -> Option<Expr> {
        if self.take("(") {
            let inner = self.either()?;
            self.expect(")")?;
            return Some(inner);
        }
        let (word, span) = self.word("a value")?;
        if let Some(name) = word.strip_prefix('$') {
            return self.variable(name, span);
        }
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return self.number(&word, span);
        }
        if FUNCTIONS.contains(&word.as_str()) {
            return self.function(&word);
        }
        if self.peek().is_some_and(|token| token.text == "(") {
            if crate::property::NAMES.contains(&word.as_str()) {
                let label = "give it an entry of its own under `always:` or `never:`";
                self.cx.error(span, format!("property `{word}` inside an expression"), label);
            } else {
                let names = FUNCTIONS.into_iter().chain(crate::property::NAMES);
                self.cx.unknown(span, "property", &word, names);
            }
            return None;
        }
        if self.take(".") {
            return self.of_host(&word, span);
        }
        Some(Expr::Word(word))
    }

    fn variable(&mut self, name: &str, span: Span) -> Option<Expr> {
        if !self.known.0.contains_key(name) {
            let label = crate::nearest::nearest(name, self.known.0.keys().map(String::as_str))
                .map_or("the ladder binds no such variable".to_owned(), |near| {
                    format!("did you mean `${near}`?")
                });
            self.cx.error(span, format!("`${name}` is not bound"), label);
            return None;
        }
        Some(Expr::Variable(name.to_owned()))
    }

    fn number(&mut self, word: &str, span: Span) -> Option<Expr> {
        if let Ok(number) = word.parse() {
            return Some(Expr::Number(number));
        }
        match duration::parse(word) {
            Ok(time) => Some(Expr::Time(time)),
            Err(why) => {
                self.cx.error(span, format!("`{word}`: {why}"), duration::HELP);
                None
            }
        }
    }

    fn function(&mut self, name: &str) -> Option<Expr> {
        self.expect("(")?;
        let expr = match name {
            "sent" => {
                let (host, span) = self.word("a host")?;
                let host = self.world.host(self.cx, &host, span)?;
                let exchange = if self.take(",") { Some(self.exchange()?) } else { None };
                Expr::Sent(host, exchange)
            }
            "events" => {
                let (host, span) = self.word("a host")?;
                let host = self.world.host(self.cx, &host, span)?;
                let kind = if self.take(",") { Some(self.told()?) } else { None };
                Expr::Events(host, kind)
            }
            "rate" => {
                let set = self.set()?;
                self.expect(",")?;
                let (word, span) = self.word("a duration")?;
                match self.number(&word, span)? {
                    Expr::Time(span) => Expr::Rate(Box::new(set), span),
                    _ => {
                        self.cx.error(
                            span,
                            format!("`{word}`: a duration needs a unit"),
                            duration::HELP,
                        );
                        return None;
                    }
                }
            }
            _ => {
                let set = self.set()?;
                let mut fields = Vec::new();
                while self.take(",") {
                    fields.push(self.field(&set)?);
                }
                Expr::Count(Box::new(set), fields)
            }
        };
        self.expect(")")?;
        Some(expr)
    }

    fn exchange(&mut self) -> Option<ExchangeType> {
        let (word, span) = self.word("an exchange")?;
        let found = ExchangeType::from_name(&word);
        if found.is_none() {
            let names: Vec<_> = ExchangeType::all().map(|(_, name)| name).collect();
            self.cx.unknown(span, "exchange", &word, names);
        }
        found
    }

    /// A kind of event.
    fn told(&mut self) -> Option<Told> {
        let (word, span) = self.word("a kind of event")?;
        let found = Told::NAMES.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
        if found.is_none() {
            self.cx.unknown(span, "kind of event", &word, Told::NAMES.map(|(name, _)| name));
        }
        found
    }

    fn set(&mut self) -> Option<Expr> {
        let span = self.here();
        let set = self.value()?;
        match set {
            Expr::IkeSas(_)
            | Expr::Children(_)
            | Expr::Sent(..)
            | Expr::Events(..)
            | Expr::Fragments(_)
            | Expr::Discarded(_)
            | Expr::Dropped(_)
            | Expr::Withheld(_) => Some(set),
            _ => {
                self.cx.error(
                    span,
                    "this can't be counted",
                    "expected R1.ike, R1.children, R1.fragments, R1.discarded, R1.dropped, R1.withheld, sent(R1) or events(R1)",
                );
                None
            }
        }
    }

    /// `state=established`, `peer=C`.
    fn field(&mut self, set: &Expr) -> Option<(SetField, String)> {
        let (name, span) = self.word("a field")?;
        self.expect("=")?;
        let (mut value, mut value_span) = self.word("a value")?;
        while self.take(".") {
            let (more, end) = self.word("a child")?;
            value = format!("{value}.{more}");
            value_span.end = end.end;
        }
        let field = match (name.as_str(), set) {
            ("state", Expr::IkeSas(_)) => {
                self.state(&value, value_span, &IKE_STATES);
                SetField::State
            }
            ("peer", Expr::IkeSas(_)) => {
                self.world.host(self.cx, &value, value_span)?;
                SetField::Peer
            }
            ("child", Expr::Children(_)) => {
                while self.take(".") {
                    let (more, _) = self.word("a child")?;
                    value = format!("{value}.{more}");
                }
                value = self.world.child(self.cx, &value, value_span)?;
                SetField::Child
            }
            ("reason", Expr::Discarded(_)) => {
                self.reason(&value, value_span, &DISCARDED.map(in_one_word))?;
                SetField::Reason
            }
            ("reason", Expr::Dropped(_)) => {
                self.reason(&value, value_span, &Dropped::ALL.map(Dropped::word))?;
                SetField::Reason
            }
            ("reason", Expr::Withheld(_)) => {
                self.reason(&value, value_span, &Withheld::ALL.map(Withheld::word))?;
                SetField::Reason
            }
            _ => {
                self.cx.unknown(span, "field", &name, ["state", "peer", "child", "reason"]);
                return None;
            }
        };
        Some((field, value))
    }

    /// The name of a reason for which something is ignored.
    fn reason<const N: usize>(
        &self,
        word: &str,
        span: Span,
        known: &[impl AsRef<str>; N],
    ) -> Option<()> {
        if known.iter().any(|name| name.as_ref() == word) {
            return Some(());
        }
        self.cx.unknown(span, "reason", word, known.iter().map(AsRef::as_ref));
        None
    }

    /// What follows `R1.`.
    fn of_host(&mut self, host: &str, span: Span) -> Option<Expr> {
        let host = self.world.host(self.cx, host, span)?;
        let (word, span) = self.word("a field of a host")?;
        match word.as_str() {
            "children" => Some(Expr::Children(host)),
            "fragments" => Some(Expr::Fragments(host)),
            "discarded" => Some(Expr::Discarded(host)),
            "dropped" => Some(Expr::Dropped(host)),
            "withheld" => Some(Expr::Withheld(host)),
            "ike" if self.take("(") => {
                let (variable, span) = self.word("a variable")?;
                let name = variable.trim_start_matches('$').to_owned();
                self.variable(&name, span)?;
                if self.known.0.get(&name).is_some_and(|(kind, _)| *kind != Kind::Ike) {
                    self.cx.error(span, format!("`${name}` holds no IKE SA"), "expected `ike=$..`");
                }
                self.expect(")")?;
                self.expect(".")?;
                let (field, span) = self.word("a field of an IKE SA")?;
                match field.as_str() {
                    "gone" => Some(Expr::Gone(host, name)),
                    "state" => Some(Expr::IkeState(host, name)),
                    other => {
                        self.cx.unknown(span, "field", other, ["gone", "state"]);
                        None
                    }
                }
            }
            "ike" => Some(Expr::IkeSas(host)),
            "child" => self.child(host),
            other => {
                let names =
                    ["ike", "child", "children", "fragments", "discarded", "dropped", "withheld"];
                self.cx.unknown(span, "field", other, names);
                None
            }
        }
    }

    /// What follows `R1.child`: `(net).state`, `(site.net).spi_in`.
    fn child(&mut self, host: u16) -> Option<Expr> {
        self.expect("(")?;
        let (mut name, mut span) = self.word("a child")?;
        while self.take(".") {
            let (more, end) = self.word("a child")?;
            name = format!("{name}.{more}");
            span.end = end.end;
        }
        self.expect(")")?;
        let child = self.world.child(self.cx, &name, span)?;
        self.expect(".")?;
        let (field, span) = self.word("a field of a child")?;
        let field = match field.as_str() {
            "state" => ChildField::State,
            "spi_in" => ChildField::SpiIn,
            "spi_out" => ChildField::SpiOut,
            "parent" => ChildField::Parent,
            other => {
                self.cx.unknown(span, "field", other, ["state", "spi_in", "spi_out", "parent"]);
                return None;
            }
        };
        Some(Expr::Child(host, child, field))
    }
}

const CHILD_STATES: [&str; 2] = ["installed", "none"];
pub(super) const IKE_STATES: [&str; 6] =
    ["init_sent", "init_responded", "auth_sent", "established", "replaced", "deleting"];
