//! What a command comes to, as an exit code.

use std::process::ExitCode;

/// The exit codes, worst last; "nothing ran" is not success.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Exit {
    /// All passed; notes, known issues and some unsupported cells are allowed.
    Passed,
    /// Nothing matched, or everything was unsupported.
    Nothing,
    /// Nothing failed, and at least one result is inconclusive.
    Inconclusive,
    /// A scenario failed.
    Failed,
    /// The input is wrong.
    Input,
    /// ikelab broke.
    Internal,
}

impl Exit {
    /// The worse of two.
    pub(crate) fn and(self, other: Self) -> Self {
        self.max(other)
    }

    /// The number that the shell sees. 5 is kept for a required peer that is missing.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Input => 2,
            Self::Inconclusive => 3,
            Self::Nothing => 4,
            Self::Internal => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_several_apply_the_first_of_70_2_1_3_4_0_is_used() {
        let order = [70, 2, 1, 3, 4, 0];
        let mut exits = [
            Exit::Passed,
            Exit::Failed,
            Exit::Internal,
            Exit::Nothing,
            Exit::Inconclusive,
            Exit::Input,
        ];
        exits.sort();
        assert_eq!(exits.map(Exit::code).into_iter().rev().collect::<Vec<_>>(), order);
        assert_eq!(Exit::Nothing.and(Exit::Failed), Exit::Failed);
    }
}
