//! The two streams of the terminal, with manners: a reader that went away is no error, and colours
//! are for terminals that want them.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::rc::Rc;

use crate::exit::Exit;

/// Standard output and standard error.
pub(crate) struct Terminal {
    out: BufWriter<Box<dyn Write>>,
    err: Box<dyn Write>,
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
        Self::over(Box::new(io::stdout()), Box::new(io::stderr()), colours)
    }

    /// Two streams that end in one text, for those who call the command line as a library.
    pub(crate) fn captured() -> (Self, Captured) {
        let text = Captured::default();
        (Self::over(Box::new(text.clone()), Box::new(text.clone()), false), text)
    }

    fn over(out: Box<dyn Write>, err: Box<dyn Write>, colours: bool) -> Self {
        Self { out: BufWriter::new(out), err, colours, reader_left: false, broken: None }
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
        let _ = writeln!(self.err, "{text}");
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
                let _ = writeln!(self.err, "error: standard output: {why}");
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

/// What was printed.
#[derive(Clone, Default)]
pub(crate) struct Captured(Rc<RefCell<Vec<u8>>>);

impl Captured {
    /// The text so far.
    pub(crate) fn take(&self) -> String {
        String::from_utf8_lossy(&self.0.take()).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
