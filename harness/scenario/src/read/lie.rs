//! `behave:` the rules of a hostile peer.

use super::personality;
use super::world::World;
use crate::pattern::{Pattern, Variables, craft, edits, octets, pattern};
use crate::plan::{Craft, Does, Edit, Liar, Matcher, Otherwise, Resend, Rule};
use crate::reader::{Cx, Fields};
use crate::shape::{self, Form, Key, Shape, may};
use crate::text::{Style, Text};
use crate::yaml::{Kind, Node};

/// `behave:`, an entry.
pub(crate) static SHAPE: Shape = Shape::new(
    "rule",
    "What a peer does with the messages that a pattern means, or with all others.",
    &[WHEN, DOES],
);

const WHEN: &[Key] = &[
    may("when", shape::MESSAGE, "Which messages. `none`: leave this rule out."),
    may(
        "nth",
        Form::Any(&[Form::Words(&["all"]), Form::Integer(1, 1_000_000)]),
        "Which of them: a number, counted from 1, or all.",
    )
    .or("all"),
];

const DOES: &[Key] = &[
    may("reply", shape::CRAFT, "This message is said instead, sealed where there are keys."),
    may("raw", shape::HEX, "These octets are said instead. 00*32 repeats."),
    may("edit", Form::Any(&[shape::EDIT, Form::List(&shape::EDIT)]), "The message with changes."),
    may("silence", Form::Boolean, "Nothing is said, and what was heard is forgotten."),
    may("resend", Form::Shape(&RESEND), "An attacker sends once more what it overheard."),
    may(
        "otherwise",
        Form::Words(&["builtin", "silence", "fail"]),
        "What happens to messages that no rule means.",
    ),
];

static RESEND: Shape = Shape::new(
    "resend",
    "How an attacker sends once more what it overheard; {} for as it was.",
    &[&[
        may("ends", shape::TEXT, "Whose addresses it bears: R2 -> R1.").or("those that it had"),
        may("port", Form::Integer(1, 65_535), "The UDP port at both ends.").or("those it had"),
        may("wrap", Form::Words(&["udp", "none"]), "ESP goes inside UDP, or without.")
            .or("as it was"),
        may("delay", shape::DURATION, "How long it is held back.").or("0s"),
        may(
            "edit",
            Form::Any(&[shape::EDIT, Form::List(&shape::EDIT)]),
            "Changes of what can be seen without keys.",
        ),
    ]],
);

/// Reads personality and rules.
pub(crate) fn read(cx: &Cx<'_>, world: &World, fields: &Fields<'_, '_>, liar: &mut Liar) {
    let rules = fields.get("behave").and_then(|node| cx.list(node, "behave")).unwrap_or_default();
    for node in rules {
        rule(cx, world, node, liar);
    }
    let Some(node) = fields.get("personality") else { return };
    let names: Vec<&Text> = match &node.kind {
        Kind::Scalar(_) => cx.text(node, "personality").into_iter().collect(),
        Kind::List(_) | Kind::Map(_) => cx.texts(node, "personality"),
    };
    for name in names {
        personality(cx, world, name, liar);
    }
}

/// The rules of a personality, towards every other host.
fn personality(cx: &Cx<'_>, world: &World, name: &Text, liar: &mut Liar) {
    let Some((_, lines)) = personality::ALL.iter().find(|(known, _)| *known == name.value) else {
        cx.unknown(name.span, "personality", &name.value, personality::NAMES);
        return;
    };
    if liar.crafted {
        cx.error(name.span, "a personality is for the builtin peer", "");
        return;
    }
    let own = liar.host;
    let own_name = world.hosts.get(usize::from(own)).map_or("?", |host| host.name.as_str());
    let peers = (0_u16..).zip(world.host_names()).filter(|(place, _)| *place != own);
    for (_, peer) in peers {
        for (when, changes) in *lines {
            let written = |text: &str| {
                let value = text.replace("$H", own_name).replace("$P", peer);
                Text::new(value, name.span, Style::Plain, Vec::new())
            };
            let text = written(when);
            let Some(pattern) = pattern(cx, world, &text, &Variables::default()) else { continue };
            let read = changes.iter().filter_map(|text| edits(cx, world, &written(text)));
            let does = match read.flatten().collect() {
                edits if Vec::is_empty(&edits) => Does::Silence,
                edits => Does::Edit(edits),
            };
            let words = format!("{}: {}: {}", name.value, text.value, in_words(&does));
            let when = Matcher::new(pattern, &text.value);
            liar.rules.push(Rule { when, nth: None, does, text: words });
        }
    }
}

fn rule(cx: &Cx<'_>, world: &World, node: &Node, liar: &mut Liar) -> Option<()> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    if fields.get("otherwise").is_some() {
        for key in ["when", "nth", "reply", "raw", "edit", "silence", "resend"] {
            if let Some(span) = fields.key(key) {
                cx.error(span, format!("`{key}` beside `otherwise`"), "make it two rules");
            }
        }
        let words = [
            ("builtin", Otherwise::Builtin),
            ("silence", Otherwise::Silence),
            ("fail", Otherwise::Fail),
        ];
        liar.otherwise = fields.choice("otherwise", &words)?;
        if liar.crafted && liar.otherwise == Otherwise::Builtin {
            let span = fields.get("otherwise")?.span;
            cx.error(span, "a crafted peer has no builtin to fall back on", "silence, or fail");
        }
        return Some(());
    }
    let Some(when) = fields.get("when") else {
        cx.error(fields.span, "a rule without `when`", "expected `when: ..` or `otherwise: ..`");
        return None;
    };
    let text = cx.text(when, "when")?;
    if text.value == "none" {
        return None;
    }
    let pattern = pattern(cx, world, text, &Variables::default());
    let does = does(cx, world, &fields);
    let (pattern, does) = (pattern?, does?);
    check_ends(cx, world, &fields, liar, &pattern, &does);
    let nth = match fields.text("nth") {
        Some(all) if all.value == "all" => None,
        _ => fields.integer("nth", 1, 1_000_000).and_then(|nth| u32::try_from(nth - 1).ok()),
    };
    let words = format!("{}: {}", text.value, in_words(&does));
    let when = Matcher::new(pattern, &text.value);
    liar.rules.push(Rule { when, nth, does, text: words });
    Some(())
}

fn in_words(does: &Does) -> String {
    match does {
        Does::Silence => "silence".to_owned(),
        Does::Raw(octets) => format!("{} raw octets", octets.len()),
        Does::Reply(craft) => format!("{} by hand", craft.exchange),
        Does::Edit(edits) => format!("{} edits", edits.len()),
        Does::Resend(_) => "sent once more".to_owned(),
    }
}

fn does(cx: &Cx<'_>, world: &World, fields: &Fields<'_, '_>) -> Option<Does> {
    let kinds = ["reply", "raw", "edit", "silence", "resend"];
    let mut there = kinds.into_iter().filter(|key| fields.get(key).is_some());
    let (Some(key), None) = (there.next(), there.next()) else {
        let label = "expected one of: reply, raw, edit, silence, resend";
        cx.error(fields.span, "a rule does exactly one thing", label);
        return None;
    };
    let node = fields.get(key)?;
    match key {
        "reply" => Some(Does::Reply(Box::new(craft(cx, world, cx.text(node, "reply")?)?))),
        "raw" => {
            let text = cx.text(node, "raw")?;
            let found = octets(&text.value);
            if found.is_none() {
                let label = "hex digits in pairs; 00*32 repeats";
                cx.error(text.span, format!("`{}` is no octets", text.value), label);
            }
            found.map(Does::Raw)
        }
        "edit" => all_edits(cx, world, node).map(Does::Edit),
        "resend" => resend(cx, world, node).map(|resend| Does::Resend(Box::new(resend))),
        _ => match cx.boolean(node, "silence")? {
            true => Some(Does::Silence),
            false => {
                cx.error(node.span, "`silence: false` does nothing", "leave the rule out");
                None
            }
        },
    }
}

fn all_edits(cx: &Cx<'_>, world: &World, node: &Node) -> Option<Vec<Edit>> {
    let texts: Vec<&Text> = match &node.kind {
        Kind::Scalar(_) => cx.text(node, "edit").into_iter().collect(),
        Kind::List(_) | Kind::Map(_) => cx.texts(node, "edit"),
    };
    if texts.is_empty() {
        cx.error(node.span, "no edit", "expected set, insert, remove, swap, copy, truncate ..");
        return None;
    }
    let count = texts.len();
    let read: Vec<Vec<Edit>> =
        texts.into_iter().filter_map(|text| edits(cx, world, text)).collect();
    (read.len() == count).then(|| read.into_iter().flatten().collect())
}

fn resend(cx: &Cx<'_>, world: &World, node: &Node) -> Option<Resend> {
    let fields = Fields::of(cx, node, &RESEND)?;
    let ends = match fields.text("ends") {
        None => None,
        Some(text) => Some(world.ends(cx, text)?),
    };
    let port = fields.integer("port", 1, 65_535).and_then(|port| u16::try_from(port).ok());
    let edits = match fields.get("edit") {
        None => Vec::new(),
        Some(node) => all_edits(cx, world, node)?,
    };
    let in_udp = fields.choice("wrap", &[("udp", true), ("none", false)]);
    let delay = fields.duration("delay").unwrap_or_default();
    Some(Resend { ends, port, in_udp, delay, edits })
}

/// What a host can see and say: an engine knows its own messages and those that come to it.
fn check_ends(
    cx: &Cx<'_>,
    world: &World,
    fields: &Fields<'_, '_>,
    liar: &Liar,
    pattern: &Pattern,
    does: &Does,
) {
    let name = world.hosts.get(usize::from(liar.host)).map_or("?", |host| host.name.as_str());
    let own = pattern.from == liar.host;
    if !liar.crafted && !own && pattern.to != liar.host {
        let label = format!("a message that {name} sends or gets; an attacker sees others");
        cx.error(pattern.hosts_span, format!("{name} does not see this message"), label);
    }
    if matches!(does, Does::Edit(_)) && (liar.crafted || !own) {
        let label = format!("a message that {name}'s engine sends");
        cx.error(fields.key("edit").unwrap_or(fields.span), "nothing to edit", label);
    }
    if matches!(does, Does::Resend(_)) && !liar.crafted {
        let label = "for a peer that is `crafted`, and overhears";
        cx.error(fields.key("resend").unwrap_or(fields.span), "nothing is overheard", label);
    }
    if let Does::Reply(craft) = does {
        check_reply(cx, fields, liar, craft, own, name);
    }
}

fn check_reply(
    cx: &Cx<'_>,
    fields: &Fields<'_, '_>,
    liar: &Liar,
    craft: &Craft,
    own: bool,
    name: &str,
) {
    let span = fields.get("reply").map_or(fields.span, |node| node.span);
    if !liar.crafted && craft.from != liar.host {
        let label = "an attacker forges addresses; this host speaks for itself";
        cx.error(span, format!("{name} replies from its own address"), label);
    }
    if own && (!craft.delay.is_zero() || craft.port.is_some()) {
        let label = "`delay` and `port` are for answers to what comes";
        cx.error(span, format!("in the place of a message that {name} sends"), label);
    }
}
