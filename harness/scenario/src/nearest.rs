//! "did you mean …?"

/// The name most like a word, if one is like it at all.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A long word is like nothing, and comparing it costs its square.
    if word.chars().count() > 80 {
        return None;
    }
    let lower = word.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= allowed(word.len().max(name.len())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many slips a word of this length may have.
fn allowed(length: usize) -> usize {
    match length {
        0..=2 => 1,
        3..=5 => 2,
        6..=11 => 3,
        _ => 5,
    }
}

/// The remark for an unknown word: the nearest name, or else all of a few names.
pub(crate) fn suggestion<'a>(
    word: &str,
    names: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(name) = nearest(word, names.clone()) {
        return format!("did you mean `{name}`?");
    }
    let all: Vec<_> = names.into_iter().collect();
    if all.is_empty() || all.len() > 16 {
        return String::new();
    }
    format!("expected one of: {}", all.join(", "))
}
