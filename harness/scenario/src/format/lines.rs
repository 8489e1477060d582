//! The lines of a file: which belong together, and where each begins.

use super::spacing::{Open, Spaced, spaced};

/// Levels are indented by so much.
const STEP: usize = 2;

/// A line as it will be written.
struct Line {
    indent: usize,
    body: String,
    comment: Option<String>,
}

/// A level of the file: where it began, and where it will.
#[derive(Clone, Copy)]
struct Level {
    old: usize,
    new: usize,
}

/// A `|` or `>` block.
struct Block {
    /// Lines that are indented more than this belong to it.
    outer: usize,
    /// Where its lines will begin.
    margin: usize,
    /// Where its lines begin; none before the first.
    old_margin: Option<usize>,
    /// Whether its lines all begin in one column.
    ladder: bool,
}

/// The text with every line in its place; none where the file is too unusual to be laid out.
pub(super) fn laid_out(text: &str) -> Option<String> {
    let mut layout = Layout { levels: vec![Level { old: 0, new: 0 }], ..Layout::default() };
    for line in text.lines() {
        layout.take(line.trim_end())?;
    }
    layout.settle_comments(None);
    Some(layout.written())
}

/// The text with nothing but its ladders justified, and blanks at ends of lines removed.
pub(super) fn clean(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut block: Option<Block> = None;
    for line in text.lines().map(str::trim_end) {
        let indent = indent(line);
        if block.as_ref().is_some_and(|block| !line.is_empty() && indent <= block.outer) {
            block = None;
        }
        match &block {
            Some(block) if block.ladder && !line.is_empty() => {
                lines.push(format!("{:1$}{2}", "", block.margin, line.trim_start()));
            }
            Some(_) | None => lines.push(line.to_owned()),
        }
        if block.is_none()
            && let Some((outer, ladder)) = header(line, indent)
        {
            block = Some(Block { outer, margin: outer + STEP, old_margin: None, ladder });
        }
    }
    joined(lines)
}

/// One empty line at most, none at the beginning, one end of line at the end.
fn joined(lines: Vec<String>) -> String {
    let mut text = String::new();
    let mut empty = true;
    for line in lines {
        if line.is_empty() && empty {
            continue;
        }
        empty = line.is_empty();
        text.push_str(&line);
        text.push('\n');
    }
    let end = text.trim_end().len();
    text.truncate(end);
    text.push('\n');
    text
}

#[derive(Default)]
struct Layout {
    lines: Vec<Line>,
    levels: Vec<Level>,
    block: Option<Block>,
    /// What is not closed yet at the end of the line before.
    open: Open,
    /// How far the last line that opened something was moved.
    moved: isize,
    /// Lines that are comments, waiting for the line below them: their places and old indents.
    waiting: Vec<(usize, usize)>,
}

impl Layout {
    fn take(&mut self, line: &str) -> Option<()> {
        if line.contains('\t') {
            return None;
        }
        let old = indent(line);
        if line.is_empty() {
            self.push(0, String::new(), None);
            return Some(());
        }
        if let Some(block) = &mut self.block {
            if old > block.outer {
                let old_margin = *block.old_margin.get_or_insert(old);
                let deeper = if block.ladder { 0 } else { old.checked_sub(old_margin)? };
                let margin = block.margin + deeper;
                self.push(margin, line.trim_start().to_owned(), None);
                return Some(());
            }
            self.block = None;
        }
        if self.open != Open::default() {
            return self.continued(line, old);
        }
        if line.trim_start().starts_with('#') {
            self.waiting.push((self.lines.len(), old));
            self.push(old, line.trim_start().to_owned(), None);
            return Some(());
        }
        self.structure(line, old)
    }

    /// A line within brackets or quotes that a line before it opened.
    fn continued(&mut self, line: &str, old: usize) -> Option<()> {
        let quoted = self.open.quote.is_some();
        let Spaced { body, comment, open } = spaced(line.trim_start(), self.open);
        let indent = usize::try_from(isize::try_from(old).ok()? + self.moved).ok()?;
        self.open = open;
        if quoted {
            // Blanks within quotes are folded; the line stays as it is.
            self.push(indent, line.trim_start().to_owned(), None);
        } else {
            self.push(indent, body, comment);
        }
        Some(())
    }

    /// A line that begins a key, an entry of a list, or goes on with a plain value.
    fn structure(&mut self, line: &str, old: usize) -> Option<()> {
        let rest = line.trim_start();
        let dash = rest.starts_with("- ") || rest == "-";
        let level = self.level(old, dash, rest)?;
        let mut new = level.new;
        let mut inner_old = old;
        let mut body = rest;
        let mut dashes = String::new();
        while let Some(after) = body.strip_prefix("- ") {
            let blanks = after.len() - after.trim_start().len();
            inner_old += 2 + blanks;
            new += STEP;
            dashes.push_str("- ");
            body = after.trim_start();
            self.levels.push(Level { old: inner_old, new });
        }
        let Spaced { body, comment, open } = spaced(body, Open::default());
        self.open = open;
        self.moved = isize::try_from(level.new).ok()? - isize::try_from(old).ok()?;
        self.settle_comments(Some((old, level.new)));
        if let Some((_, ladder)) = header(line, old) {
            self.block =
                Some(Block { outer: inner_old, margin: new + STEP, old_margin: None, ladder });
            if body.ends_with(|c: char| c.is_ascii_digit()) {
                return None; // it says its own indentation
            }
            if !body.contains(':') {
                // The entry of a list is the block itself.
                let outer = inner_old.checked_sub(2)?;
                self.block = Some(Block { outer, margin: new, old_margin: None, ladder });
            }
        }
        self.push(level.new, dashes + &body, comment);
        Some(())
    }

    /// The level of a line that begins at a column.
    fn level(&mut self, old: usize, dash: bool, rest: &str) -> Option<Level> {
        let outer = |level: &Level| level.old > old;
        while self.levels.last().is_some_and(outer) {
            self.levels.pop();
        }
        let top = *self.levels.last()?;
        if top.old == old {
            let above = self.lines.iter().rev().find(|line| is_structure(line));
            // A list may stand in the column of the key it belongs to; here it never does.
            let under_key = dash
                && above.is_some_and(|line| line.indent == top.new && line.body.ends_with(':'));
            if under_key {
                let level = Level { old, new: top.new + STEP };
                self.levels.push(level);
                return Some(level);
            }
            let below_list = !dash && self.levels.len() > 1;
            if below_list
                && let [.., under, _] = self.levels.as_slice()
                && under.old == old
            {
                let under = *under;
                self.levels.pop();
                return Some(under);
            }
            return Some(top);
        }
        let is_key = dash || rest.contains(": ") || rest.ends_with(':');
        if !is_key {
            // A plain value that goes on in the next line.
            return Some(Level { old, new: top.new + STEP });
        }
        let level = Level { old, new: if self.lines.is_empty() { 0 } else { top.new + STEP } };
        self.levels.push(level);
        Some(level)
    }

    /// Comments stand where the line below them stands, if they stood there before.
    fn settle_comments(&mut self, below: Option<(usize, usize)>) {
        for (place, old) in std::mem::take(&mut self.waiting) {
            let level = self.levels.iter().rev().find(|level| level.old <= old);
            let new = match below {
                Some((column, new)) if column == old => new,
                Some(_) | None => level.map_or(0, |level| level.new + (old - level.old).min(STEP)),
            };
            if let Some(line) = self.lines.get_mut(place) {
                line.indent = new;
            }
        }
    }

    fn push(&mut self, indent: usize, body: String, comment: Option<String>) {
        self.lines.push(Line { indent, body, comment });
    }

    /// The lines, comments behind neighbouring lines below each other.
    fn written(self) -> String {
        let mut written = Vec::new();
        let mut rest = self.lines.as_slice();
        while let Some((first, others)) = rest.split_first() {
            if first.comment.is_none() {
                written.push(plain(first));
                rest = others;
                continue;
            }
            let run = rest.iter().take_while(|line| line.comment.is_some()).count();
            let (commented, others) = rest.split_at(run);
            let width = |line: &Line| line.indent + line.body.chars().count();
            let column = commented.iter().map(width).max().unwrap_or(0) + 2;
            for line in commented {
                let blanks = column - width(line);
                let comment = line.comment.as_deref().unwrap_or_default();
                written.push(format!("{}{:blanks$}{comment}", plain(line), ""));
            }
            rest = others;
        }
        joined(written)
    }
}

fn is_structure(line: &Line) -> bool {
    !line.body.is_empty() && !line.body.starts_with('#')
}

fn plain(line: &Line) -> String {
    if line.body.is_empty() {
        return String::new();
    }
    format!("{:1$}{2}", "", line.indent, line.body)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Of a line that ends in a block's header: the column that its lines lie behind, and whether it
/// is a ladder.
fn header(line: &str, indent: usize) -> Option<(usize, bool)> {
    let (before, mark) = line.rsplit_once(' ')?;
    let is_mark = mark.starts_with(['|', '>']) && mark.len() <= 3;
    if !is_mark || line.trim_start().starts_with('#') {
        return None;
    }
    let mut outer = indent;
    let mut key = before.trim_start();
    while let Some(rest) = key.strip_prefix("- ") {
        outer += key.len() - rest.trim_start().len();
        key = rest.trim_start();
    }
    if key == "-" {
        return Some((outer, false));
    }
    let key = key.trim_end().strip_suffix(':')?;
    (!key.contains(['"', '\'', '{', '['])).then_some((outer, key == "ladder"))
}
