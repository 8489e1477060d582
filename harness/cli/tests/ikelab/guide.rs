//! The guide for those who write scenarios is true: each of its examples passes, the fragments in the
//! frame of the first.

use std::fs;

use crate::binary::{folder, ikelab, top, word};

/// The YAML fences of the guide, with their lines.
fn fences() -> Vec<(usize, String)> {
    let guide = fs::read_to_string(top().join("scenarios/README.md")).expect("the guide");
    let (mut fences, mut open) = (Vec::new(), None);
    for (number, line) in (1..).zip(guide.lines()) {
        match (&mut open, line) {
            (None, "```yaml") => open = Some((number, String::new())),
            (Some(_), "```") => fences.extend(open.take()),
            (Some((_, text)), line) => *text += &format!("{line}\n"),
            (None, _) => {}
        }
    }
    fences
}

/// The sections of a text: what begins at each key in the first column.
fn sections(text: &str) -> Vec<(&str, String)> {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        let key =
            line.split(':').next().filter(|key| !key.is_empty() && !key.starts_with([' ', '#']));
        match (key, sections.last_mut()) {
            (Some(key), _) => sections.push((key, format!("{line}\n"))),
            (None, Some((_, section))) => *section += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    sections
}

/// A frame with the sections of a fragment in place of its own.
fn framed(frame: &str, fragment: &str) -> String {
    let new = sections(fragment);
    let is_new = |key: &str| new.iter().any(|(own, _)| *own == key);
    let kept = sections(frame).into_iter().filter(|(key, _)| !is_new(key));
    kept.chain(new.clone()).map(|(_, section)| section).collect()
}

#[test]
fn every_example_of_the_guide_passes() {
    let folder = folder("guide");
    let fences = fences();
    let (_, frame) = fences.first().expect("the scenario that the others stand in").clone();
    assert!(fences.len() >= 10, "{} examples", fences.len());
    let mut untrue = Vec::new();
    for (line, text) in fences {
        let whole = text.starts_with("ikelab:");
        let text = if whole { text } else { framed(&frame, &text) };
        let file = folder.join(format!("line-{line}.yaml"));
        fs::write(&file, text).expect("a file");
        let out = folder.join("out");
        let done = ikelab(&["run", word(&file), "--driver", "direct", "--out", word(&out)]);
        if done.code != Some(0) {
            untrue.push(format!("README.md:{line}\n{}{}", done.out, done.err));
        }
    }
    assert!(untrue.is_empty(), "{}", untrue.join("\n"));
}
