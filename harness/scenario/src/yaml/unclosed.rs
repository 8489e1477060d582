//! Where a bracket or a quotation mark was forgotten: a parser of YAML notices it lines later.

use crate::source::Source;

/// The bracket or mark that is still open where a line begins that lies outside of it.
pub(super) fn find(source: &Source, broken: usize) -> Option<(usize, char)> {
    let last = source.position(broken).line;
    let mut scan = Scan::default();
    // Lines that are indented more than this are text.
    let mut block: Option<usize> = None;
    for number in 1..=last.min(source.lines()) {
        let line = source.line(number);
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if trimmed.is_empty() || block.is_some_and(|outer| indent > outer) {
            continue;
        }
        block = None;
        if indent <= scan.indent
            && let Some(open) = scan.open()
        {
            return Some(open);
        }
        if scan.open().is_none() {
            scan.indent = indent;
        }
        scan.line(line, source.line_start(number));
        if scan.open().is_none() && super::block_header(line).is_some() {
            block = Some(indent);
        }
    }
    // Nothing follows: what is open at the end of the file is not closed either.
    let at_end = source.text.get(broken..).is_none_or(|rest| rest.trim().is_empty());
    scan.open().filter(|_| at_end)
}

/// What to do about the usual reason why a line with a parameter is not understood.
pub(super) fn hint(source: &Source, broken: usize) -> &'static str {
    let line = source.line(source.position(broken).line);
    let bare = line
        .match_indices("${")
        .any(|(at, _)| line.get(..at).is_some_and(|before| before.matches('"').count() % 2 == 0));
    if bare {
        return "within brackets a parameter stands in quotation marks: \"${name}\"";
    }
    let value = line.split_once(": ").map(|(_, value)| value.trim());
    let text = value.is_some_and(|value| !value.starts_with(['"', '\'', '{', '[', '|', '>']));
    if text && value.is_some_and(|value| value.contains(": ")) {
        return "a text with `: ` in it stands in quotation marks";
    }
    ""
}

#[derive(Default)]
struct Scan {
    /// How far the line is indented in which the first of them was opened.
    indent: usize,
    brackets: Vec<(usize, char)>,
    quote: Option<(usize, char)>,
}

impl Scan {
    fn open(&self) -> Option<(usize, char)> {
        self.quote.or_else(|| self.brackets.last().copied())
    }

    fn line(&mut self, line: &str, start: usize) {
        let mut before = ' ';
        let mut escaped = false;
        for (at, c) in line.char_indices() {
            // A value begins here: behind a blank, a bracket, or a comma.
            let fresh = matches!(before, ' ' | '[' | '{' | ',' | '}' | ']');
            match (self.quote, c) {
                (Some((_, '"')), '\\') if !escaped => {
                    escaped = true;
                    continue;
                }
                (Some((_, quote)), c) if c == quote && !escaped => self.quote = None,
                (Some(_), _) => {}
                (None, '#') if before == ' ' => return,
                (None, '"' | '\'') if fresh => self.quote = Some((start + at, c)),
                (None, '[' | '{') if fresh || !self.brackets.is_empty() => {
                    self.brackets.push((start + at, c));
                }
                (None, ']' | '}') => drop(self.brackets.pop()),
                (None, _) => {}
            }
            escaped = false;
            before = c;
        }
    }
}
