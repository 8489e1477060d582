//! The two streams of the terminal, with manners: a reader that went away is no error, and colours
//! are for terminals that want them.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Stdout, Write};

use crate::exit::Exit;

/// Standard output and standard error.
pub(crate) struct Terminal {
    out: BufWriter<Stdout>,
    colours: bool,
    reader_left: bool,
    broken: Option<io::Error>,
}

/// The colours of outcomes, as SGR numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Colour {
    /// It is well.
    Green,
    /// It is well, and there is something to read.
    Yellow,
    /// It is not well.
    Red,
    /// It did not run.
    Dim,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        // https://no-color.org: present and not empty.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = !refused && io::stdout().is_terminal();
        Self { out: BufWriter::new(io::stdout()), colours, reader_left: false, broken: None }
    }

    /// Prints to standard output. Once its reader is gone, the work goes on unheard.
    pub(crate) fn print(&mut self, text: impl Display) {
        if self.reader_left || self.broken.is_some() {
            return;
        }
        let printed = write!(self.out, "{text}");
        self.heed(printed);
    }

    /// Prints a line to standard output.
    pub(crate) fn line(&mut self, text: impl Display) {
        self.print(format_args!("{text}\n"));
    }

    /// Makes what was printed visible: called before something that takes time.
    pub(crate) fn flush(&mut self) {
        if !self.reader_left && self.broken.is_none() {
            let flushed = self.out.flush();
            self.heed(flushed);
        }
    }

    /// Prints a line to standard error.
    pub(crate) fn complain(&mut self, text: impl Display) {
        self.flush();
        // There is no third stream to complain to.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// A word in a colour, where colours are wanted.
    pub(crate) fn paint(&self, colour: Colour, word: &str) -> String {
        let code = match colour {
            Colour::Green => "32",
            Colour::Yellow => "33",
            Colour::Red => "31",
            Colour::Dim => "2",
        };
        if self.colours { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
    }

    /// Flushes, and says whether everything could be printed.
    pub(crate) fn close(mut self) -> Exit {
        self.flush();
        match self.broken.take() {
            None => Exit::Passed,
            Some(why) => {
                let _ = writeln!(io::stderr(), "error: standard output: {why}");
                Exit::Internal
            }
        }
    }

    fn heed(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => {}
            Err(why) if why.kind() == ErrorKind::BrokenPipe => self.reader_left = true,
            Err(why) => self.broken = Some(why),
        }
    }
}
