//! A pattern of messages that a run can ask while it goes on.

use std::sync::Arc;

use crate::ladder::{Env, check};
use crate::pattern::Pattern;
use crate::run::Message;

/// A pattern of messages: the one language that also judges ladders, by the same rules.
#[derive(Clone, PartialEq, Debug)]
pub struct Matcher {
    pattern: Arc<Pattern>,
    text: String,
}

impl Matcher {
    pub(crate) fn new(pattern: Pattern, text: &str) -> Self {
        Self { pattern: Arc::new(pattern), text: text.to_owned() }
    }

    /// Whether a message is one that the pattern means.
    #[must_use]
    pub fn meets(&self, message: &Message) -> bool {
        let names = |host: u16| host.to_string();
        check(&self.pattern, None, message, &Env::default(), &names).is_ok()
    }

    /// Places of the hosts that the messages come from and go to.
    #[must_use]
    pub fn ends(&self) -> (u16, u16) {
        (self.pattern.from, self.pattern.to)
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
