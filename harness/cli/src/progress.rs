//! How far a sweep has come: a line that is written over on a terminal, lines now and then elsewhere.

#![expect(clippy::disallowed_types, reason = "whoever waits wants to know how long")]

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often a terminal is told.
const TERMINAL: Duration = Duration::from_millis(100);
/// How often a log is told.
const LOG: Duration = Duration::from_secs(30);
/// Characters of the bar.
const BAR: usize = 24;

/// How far a sweep has come.
pub(crate) struct Progress {
    began: Instant,
    told: Option<Instant>,
    on_terminal: bool,
    shown: bool,
    all: usize,
    done: usize,
    failed: usize,
}

impl Progress {
    pub(crate) fn new(all: usize) -> Self {
        let on_terminal = io::stderr().is_terminal();
        let began = Instant::now();
        Self { began, told: None, on_terminal, shown: false, all, done: 0, failed: 0 }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn failed(&mut self) {
        self.failed += 1;
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        let pause = if self.on_terminal { TERMINAL } else { LOG };
        let since = self.told.unwrap_or(self.began).elapsed();
        if since < pause {
            return;
        }
        self.told = Some(Instant::now());
        let line = line(self.all, self.done, self.failed, self.elapsed());
        // Nobody is lost when the progress cannot be shown.
        let _ = match self.on_terminal {
            true => write!(io::stderr(), "\r\x1b[K{line}"),
            false => writeln!(io::stderr(), "{line}"),
        };
        let _ = io::stderr().flush();
        self.shown = self.on_terminal;
    }

    /// Takes the line away: something else is to be printed.
    pub(crate) fn clear(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
            self.shown = false;
        }
    }

    pub(crate) fn end(&mut self) {
        self.clear();
    }

    /// How many runs there were and how fast, in a line.
    pub(crate) fn told(&self) -> String {
        let seconds = self.elapsed().as_secs_f64();
        format!("{} runs in {seconds:.1} s, {:.1} a second", self.done, rate(self.done, seconds))
    }
}

fn line(all: usize, done: usize, failed: usize, elapsed: Duration) -> String {
    let filled = (done * BAR).checked_div(all).unwrap_or(BAR).min(BAR);
    let seconds = elapsed.as_secs_f64();
    let rate = rate(done, seconds);
    let mut line = format!(
        "[{}{}] {done} of {all}  {rate:.1} a second  {failed} failed",
        "#".repeat(filled),
        ".".repeat(BAR - filled)
    );
    if rate > 0.0 {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let left = all.saturating_sub(done) as f64 / rate;
        let _ = write!(line, "  {left:.0} s left");
    }
    line
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn rate(done: usize, seconds: f64) -> f64 {
    if seconds > 0.0 { done as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_fast_it_goes_what_failed_and_how_long_it_takes() {
        let told = line(200, 50, 1, Duration::from_secs(10));
        assert_eq!(told, "[######..................] 50 of 200  5.0 a second  1 failed  30 s left");
        assert!(line(0, 0, 0, Duration::ZERO).starts_with("[########################] 0 of 0"));
    }
}
