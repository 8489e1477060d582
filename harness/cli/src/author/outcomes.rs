//! The words of a verdict, and what they mean.

/// A word, what it means, and what to do.
pub(super) const WORDS: &[(&str, &str)] = &[
    ("pass", "Every expectation held."),
    ("note", "Every MUST held; a SHOULD did not, or a known issue came as expected."),
    (
        "unsupported",
        "The cell did not run: something it needs is missing, known before the run. Shown as `skip`.",
    ),
    (
        "inconclusive",
        "The run ended without a verdict: what was needed to judge did not occur. Shown as `open`.",
    ),
    (
        "fail",
        "An expectation was violated. The text says which, where in the file, and what was sent.",
    ),
    ("error", "ikelab could not do its work. This says nothing about the peers: please report it."),
    (
        "E-LADDER",
        "The messages of the run are not those of `ladder:`. `...` opens a gap; `ladder_scope:` says which packets count.",
    ),
    ("E-ALWAYS", "A condition under `always:` did not hold after some event."),
    ("E-NEVER", "A condition under `never:` held, or such a message was sent."),
    ("E-EVENTUALLY", "A condition under `eventually:` did not come to hold in time."),
    ("E-AT", "A condition under `at:` did not hold at its moment."),
    ("E-TRAFFIC", "A flow lost or had answered other requests than `traffic:` says."),
    ("E-STATISTICS", "A number of the exchange table is not as `statistics:` says."),
    ("E-INVARIANT", "A law of every run was broken; no file has to write those."),
    ("exit-0", "All passed; notes and some unsupported cells are allowed."),
    ("exit-1", "A scenario failed."),
    ("exit-2", "The input is wrong: a file, a selector, an option."),
    ("exit-3", "Nothing failed, and something is inconclusive."),
    ("exit-4", "Nothing matched, or everything was unsupported."),
    ("exit-70", "ikelab itself broke."),
];
