//! The blanks within a line: one behind a colon and a comma, none inside brackets.

/// What a line leaves open.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Open {
    /// How many brackets.
    pub(super) depth: usize,
    /// The quotation mark.
    pub(super) quote: Option<char>,
}

/// A line with its blanks in order.
pub(super) struct Spaced {
    pub(super) body: String,
    /// The comment behind it, from its `#` on.
    pub(super) comment: Option<String>,
    pub(super) open: Open,
}

/// Puts the blanks of a line in order, which begins within what `open` says.
pub(super) fn spaced(line: &str, open: Open) -> Spaced {
    let mut scan = Scan { out: String::new(), open, fresh: true };
    let mut rest = line.chars().peekable();
    let mut before = ' ';
    while let Some(c) = rest.next() {
        if scan.open.quote.is_none() && c == '#' && before.is_whitespace() {
            let comment = std::iter::once(c).chain(rest).collect();
            let body = scan.out.trim_end().to_owned();
            return Spaced { body, comment: Some(comment), open: scan.open };
        }
        // An escaped character says nothing, and neither does a quotation mark written twice.
        let escape = scan.open.quote == Some('"') && c == '\\';
        let twice = rest.peek() == Some(&'\'');
        if escape || (twice && c == '\'' && scan.open.quote == Some('\'')) {
            scan.out.push(c);
            scan.out.extend(rest.next());
        } else {
            scan.take(c, before);
        }
        before = c;
    }
    Spaced { body: scan.out.trim_end().to_owned(), comment: None, open: scan.open }
}

struct Scan {
    out: String,
    open: Open,
    /// Whether a value begins here.
    fresh: bool,
}

impl Scan {
    fn take(&mut self, c: char, before: char) {
        if let Some(quote) = self.open.quote {
            if c == quote {
                self.open.quote = None;
                self.fresh = false;
            }
            self.out.push(c);
            return;
        }
        let flow = self.open.depth > 0;
        match c {
            '"' | '\'' if self.fresh => {
                self.open.quote = Some(c);
                self.out.push(c);
            }
            '{' | '[' if self.fresh || flow => {
                self.open.depth += 1;
                self.out.push(c);
                self.fresh = true;
            }
            '}' | ']' if flow => {
                self.open.depth -= 1;
                self.close();
                self.out.push(c);
                self.fresh = false;
            }
            ',' if flow => {
                self.close();
                self.out.push_str(", ");
                self.fresh = true;
            }
            // One blank is there already, or a bracket before it.
            ' ' if self.fresh => {}
            ' ' if before == ':' => {
                self.out.push(' ');
                self.fresh = true;
            }
            other => {
                self.out.push(other);
                self.fresh = false;
            }
        }
    }

    /// Takes blanks away before a bracket that closes, or a comma.
    fn close(&mut self) {
        let end = self.out.trim_end().len();
        // A comma that nothing follows keeps no blank either.
        self.out.truncate(end);
    }
}
