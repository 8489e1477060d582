//! Values that IKE SAs and Child SAs have in common.

use std::time::Duration;

use ikelab_wire::payload::Proposal;
use ikelab_wire::registry::{KeId, Protocol, short};

use crate::duration;
use crate::lint::barred;
use crate::nearest::nearest;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form};
use crate::text::Text;
use crate::yaml::{Kind, Node};

/// Where no end says when to replace an SA: after this share of its lifetime.
const REKEY_PERCENT: u32 = 90;

/// `off`, or a duration.
pub(super) const OFF_OR_DURATION: Form = Form::Any(&[Form::Words(&["off"]), shape::DURATION]);
/// A time to replace an SA.
pub(super) const REKEY_AT: Form =
    Form::Any(&[Form::Words(&["never"]), shape::PERCENT, shape::DURATION]);

/// When an SA is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RekeyAt {
    Never,
    After(Duration),
    Percent(u32),
}

pub(super) fn off_or<T>(
    cx: &Cx<'_>,
    node: &Node,
    otherwise: impl FnOnce(&Text) -> Option<Option<T>>,
) -> Option<Option<T>> {
    let text = cx.text(node, "value")?;
    if text.value == "off" { Some(None) } else { otherwise(text) }
}

/// A duration that is more than nothing.
pub(super) fn positive(cx: &Cx<'_>, fields: &Fields<'_, '_>, key: &str) -> Option<Duration> {
    let node = fields.get(key)?;
    let span = cx.duration(node, key)?;
    if span.is_zero() {
        cx.error(node.span, format!("`{key}` is 0s"), "expected more than nothing");
        return None;
    }
    Some(span)
}

/// `off`, or a duration that is more than nothing.
pub(super) fn off_or_duration(
    cx: &Cx<'_>,
    fields: &Fields<'_, '_>,
    key: &str,
) -> Option<Option<Duration>> {
    let text = fields.text(key)?;
    if text.value == "off" {
        return Some(None);
    }
    if let Err(why) = duration::parse(&text.value) {
        let label = format!("`off`, or {}", duration::HELP);
        cx.error(text.span, format!("`{key}`: {}: {why}", text.value), label);
        return None;
    }
    positive(cx, fields, key).map(Some)
}

pub(super) fn rekey_at(cx: &Cx<'_>, node: &Node) -> Option<RekeyAt> {
    let text = cx.text(node, "rekey_at")?;
    if text.value == "never" {
        return Some(RekeyAt::Never);
    }
    let Some(percent) = text.value.strip_suffix('%') else {
        return cx.duration(node, "rekey_at").map(RekeyAt::After);
    };
    match percent.trim().parse() {
        Ok(percent) if (1..=100).contains(&percent) => Some(RekeyAt::Percent(percent)),
        _ => {
            let label = "expected a part of the lifetime, such as \"90%\", or a duration, or never";
            cx.error(text.span, format!("`rekey_at` is `{}`", text.value), label);
            None
        }
    }
}

/// Proposals in words, numbered from 1.
pub(super) fn proposals(cx: &Cx<'_>, node: &Node, protocol: Protocol) -> Option<Vec<Proposal>> {
    let mut proposals = Vec::new();
    for (number, text) in (1_u8..).zip(cx.texts(node, "proposals")) {
        match Proposal::from_text(&text.value, protocol, number) {
            Ok(proposal) => {
                let weak = barred::of(std::slice::from_ref(&proposal));
                if !weak.is_empty() {
                    let message = format!("L8: `{}` has {}", text.value, weak.join(", "));
                    let label = "RFC 8247 bars or discourages it: for look-alikes only";
                    cx.warning(text.span, message, label);
                }
                proposals.push(proposal);
            }
            Err(why) => {
                let word = text.value.get(why.at..).and_then(|rest| rest.split('-').next());
                let word = word.unwrap_or_default();
                let label = nearest(word, short::words())
                    .filter(|name| *name != word)
                    .map(|name| format!("did you mean `{name}`?"));
                cx.error(
                    text.at(why.at..why.at + word.len()),
                    why.what.to_string(),
                    label.unwrap_or_default(),
                );
            }
        }
    }
    if let Kind::List(items) = &node.kind
        && items.is_empty()
    {
        cx.error(node.span, "`proposals` is empty", "expected one at least, or no such key");
    }
    if proposals.is_empty() {
        return None;
    }
    Some(proposals)
}

pub(super) fn group(cx: &Cx<'_>, text: &Text) -> Option<KeId> {
    let found = KeId::from_short_name(&text.value);
    if found.is_none() {
        cx.unknown(text.span, "key exchange", &text.value, short::words().collect::<Vec<_>>());
    }
    found
}

pub(super) fn settle_rekey(
    rekey_at: Option<RekeyAt>,
    lifetime: Option<Duration>,
) -> Option<Duration> {
    match rekey_at {
        Some(RekeyAt::Never) => None,
        Some(RekeyAt::After(span)) => Some(span),
        Some(RekeyAt::Percent(percent)) => lifetime.map(|life| life * percent / 100),
        None => lifetime.map(|life| life * REKEY_PERCENT / 100),
    }
}
