//! All messages against all lines: a bounded search with backtracking.

use super::check::{Env, Mismatch, Names, check};
use crate::pattern::{Ladder, Line, Mark, MessageLine};
use crate::run::Message;

/// How many comparisons a search may make before it gives up.
const STEPS_MAX: u32 = 500_000;
/// How many messages a search may take in; the stack is finite.
const DEPTH_MAX: usize = 2_000;

/// What came of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Every message is explained.
    Explained(Env),
    /// No way through; this is the one that went farthest.
    Stuck(Box<Stuck>),
    /// The search gave up.
    TooMuch,
}

/// Where the longest attempt ended.
#[derive(Debug, Default)]
pub(crate) struct Stuck {
    /// Places of lines and messages that belong together.
    pub(crate) path: Vec<(usize, usize)>,
    /// The message that nothing explains; none when the messages ran out.
    pub(crate) message: Option<usize>,
    /// The lines that it could have been, and why it is not.
    pub(crate) tried: Vec<(usize, Mismatch)>,
    /// Lines that were still needed.
    pub(crate) wanted: Vec<usize>,
}

/// Lines that may come in any order among themselves.
#[derive(Debug)]
enum Segment {
    Gap,
    Group(Vec<usize>),
}

/// Explains messages by a ladder.
pub(crate) fn explain(ladder: &Ladder, messages: &[&Message], names: Names<'_>) -> Outcome {
    let mut search = Search {
        lines: &ladder.lines,
        segments: segments(ladder),
        messages,
        names,
        path: Vec::new(),
        stuck: Stuck::default(),
        noted: false,
        nearest: None,
        steps: 0,
        found: None,
    };
    let start = At { segment: 0, message: 0, env: Env::default() };
    let counts = search.fresh(0);
    search.go(start, &counts);
    match search.found {
        Some(env) => Outcome::Explained(env),
        None if search.steps > STEPS_MAX => Outcome::TooMuch,
        None => Outcome::Stuck(Box::new(search.stuck)),
    }
}

fn segments(ladder: &Ladder) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for (place, line) in ladder.lines.iter().enumerate() {
        match line {
            Line::Gap => segments.push(Segment::Gap),
            Line::Message(line) => match segments.last_mut() {
                Some(Segment::Group(group)) if line.mark == Mark::AnyOrder => group.push(place),
                _ => segments.push(Segment::Group(vec![place])),
            },
        }
    }
    segments
}

/// How often each line of a group has come, and how many copies arrived.
type Counts = Vec<(u32, u32)>;

#[derive(Clone)]
struct At {
    segment: usize,
    message: usize,
    env: Env,
}

struct Search<'a> {
    lines: &'a [Line],
    segments: Vec<Segment>,
    messages: &'a [&'a Message],
    names: Names<'a>,
    path: Vec<(usize, usize)>,
    stuck: Stuck,
    noted: bool,
    /// The best mismatch of the longest attempt: how much was met.
    nearest: Option<u32>,
    steps: u32,
    found: Option<Env>,
}

impl Search<'_> {
    fn fresh(&self, segment: usize) -> Counts {
        match self.segments.get(segment) {
            Some(Segment::Group(lines)) => vec![(0, 0); lines.len()],
            Some(Segment::Gap) | None => Vec::new(),
        }
    }

    fn line(&self, place: usize) -> Option<&MessageLine> {
        match self.lines.get(place) {
            Some(Line::Message(line)) => Some(line),
            Some(Line::Gap) | None => None,
        }
    }

    /// Goes on from a place; true when a way through is found.
    fn go(&mut self, at: At, counts: &Counts) -> bool {
        self.steps += 1;
        if self.steps > STEPS_MAX || self.path.len() > DEPTH_MAX {
            self.steps = STEPS_MAX + 1;
            return false;
        }
        match self.segments.get(at.segment) {
            None => self.end(at),
            Some(Segment::Gap) => self.gap(&at),
            Some(Segment::Group(lines)) => {
                let lines = lines.clone();
                self.group(at, &lines, counts)
            }
        }
    }

    fn end(&mut self, at: At) -> bool {
        if at.message == self.messages.len() {
            self.found = Some(at.env);
            return true;
        }
        self.note(at.message, None, &[]);
        false
    }

    /// Anything, but as little as possible.
    fn gap(&mut self, at: &At) -> bool {
        let last = at.segment + 1 == self.segments.len();
        let first = if last { self.messages.len() } else { at.message };
        (first..=self.messages.len()).any(|message| {
            let next = At { segment: at.segment + 1, message, env: at.env.clone() };
            let counts = self.fresh(next.segment);
            self.steps <= STEPS_MAX && self.go(next, &counts)
        })
    }

    fn group(&mut self, at: At, lines: &[usize], counts: &Counts) -> bool {
        if let Some(message) = self.messages.get(at.message).copied() {
            for (slot, place) in lines.iter().enumerate() {
                if self.take(&at, message, slot, *place, counts) {
                    return true;
                }
            }
        }
        let open = self.open(lines, counts);
        if open.is_empty() {
            let next = At { segment: at.segment + 1, message: at.message, env: at.env };
            let counts = self.fresh(next.segment);
            return self.go(next, &counts);
        }
        self.note(at.message, None, &open);
        false
    }

    /// Lines of a group that have not come often enough, or of which no copy arrived.
    fn open(&self, lines: &[usize], counts: &Counts) -> Vec<usize> {
        let done = |line: &MessageLine, (count, arrived): (u32, u32)| {
            let least = if line.mark == Mark::Optional { 0 } else { line.repeat.0 };
            count >= least && (count == 0 || line.pattern.lost == (arrived == 0))
        };
        let pairs = lines.iter().zip(counts);
        let open = pairs
            .filter(|(place, count)| self.line(**place).is_some_and(|line| !done(line, **count)));
        open.map(|(place, _)| *place).collect()
    }

    /// Tries the next message as one more copy of a line.
    fn take(
        &mut self,
        at: &At,
        message: &Message,
        slot: usize,
        place: usize,
        counts: &Counts,
    ) -> bool {
        let Some(line) = self.line(place) else { return false };
        let (count, arrived) = counts.get(slot).copied().unwrap_or_default();
        if count >= line.repeat.1 {
            return false;
        }
        let time = line.time.as_ref().filter(|_| count == 0);
        let mut checked = check(&line.pattern, time, message, &at.env, self.names);
        let single = line.repeat.1 == 1;
        if checked.is_ok()
            && (line.pattern.lost || single)
            && line.pattern.lost != message.is_lost()
        {
            let words = |lost| if lost { "lost" } else { "a copy that arrives" };
            checked = Err(Mismatch {
                met: 3,
                span: line.pattern.hosts_span,
                expected: words(line.pattern.lost).to_owned(),
                actual: words(message.is_lost()).to_owned(),
                bound: None,
            });
        }
        match checked {
            Ok(mut env) => {
                env.last = Some(message.at);
                let mut counts = counts.clone();
                if let Some(slot) = counts.get_mut(slot) {
                    *slot = (count + 1, arrived + u32::from(!message.is_lost()));
                }
                self.path.push((place, at.message));
                let next = At { segment: at.segment, message: at.message + 1, env };
                let through = self.go(next, &counts);
                self.path.pop();
                through
            }
            Err(wrong) => {
                self.note(at.message, Some((place, wrong)), &[]);
                false
            }
        }
    }

    /// Remembers a dead end, if no other went farther.
    fn note(&mut self, message: usize, tried: Option<(usize, Mismatch)>, wanted: &[usize]) {
        let met = tried.as_ref().map(|(_, wrong)| wrong.met);
        let here = (message < self.messages.len()).then_some(message);
        let longer = !self.noted || self.path.len() > self.stuck.path.len();
        self.noted = true;
        if longer || (self.path.len() == self.stuck.path.len() && met > self.nearest) {
            let same = !longer && self.stuck.message == here;
            let (mut before, mut lines) = (Vec::new(), Vec::new());
            if same {
                before = std::mem::take(&mut self.stuck.tried);
                lines = std::mem::take(&mut self.stuck.wanted);
            }
            self.stuck =
                Stuck { path: self.path.clone(), message: here, tried: before, wanted: lines };
            self.nearest = met;
        } else if self.path.len() < self.stuck.path.len() || self.stuck.message != here {
            return;
        }
        self.stuck.tried.extend(tried);
        for line in wanted {
            if !self.stuck.wanted.contains(line) {
                self.stuck.wanted.push(*line);
            }
        }
        // Backtracking comes by here again and again.
        self.stuck.tried.truncate(64);
    }
}
