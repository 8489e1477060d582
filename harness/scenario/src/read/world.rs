//! What the later sections of a file look names up in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::child::{ChildDraft, ChildLayer};
use super::ike::IkeLayer;
use crate::nearest::suggestion;
use crate::plan;
use crate::reader::Cx;
use crate::source::Span;
use crate::text::Text;

/// Hosts, links and tunnels of one cell.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct World {
    pub(crate) hosts: Vec<plan::Host>,
    pub(crate) links: Vec<plan::Link>,
    pub(crate) tunnels: Vec<Tunnel>,
    /// True when a mistake left a tunnel out: a name that is not known may be its.
    pub(crate) broken: bool,
    /// Places of the hosts that lie: the laws of every run are not for them.
    pub(crate) liars: BTreeSet<u16>,
    /// What the programs of hosts are told, whatever the tunnels say.
    pub(crate) told: BTreeMap<u16, Told>,
    /// The addresses of interfaces that a step has changed: as the steps below find them.
    pub(crate) moved: BTreeMap<(u16, u16), Vec<(IpAddr, u8)>>,
}

/// What the program of a host is told: it lies between what its ends say and what tunnels say.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Told {
    pub(crate) preset: Option<&'static str>,
    pub(crate) ike: IkeLayer,
    pub(crate) child: ChildLayer,
    /// True when it shows its address as a name.
    pub(crate) address_as_name: bool,
}

/// An end of a tunnel as steps find it: its settled words, and the layers they were settled from.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct EndNow {
    pub(crate) end: plan::End,
    pub(crate) ike: IkeLayer,
    pub(crate) children: Vec<ChildDraft>,
}

/// A tunnel as steps and expectations name it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Tunnel {
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) span: Span,
    /// Places of the hosts at its ends, in the order of the file.
    pub(crate) ends: [u16; 2],
    /// Names of its Child SAs; a step may add one.
    pub(crate) children: Vec<String>,
    /// Its ends, as the steps so far have left them.
    pub(crate) now: [EndNow; 2],
}

impl World {
    pub(crate) fn host_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.hosts.iter().map(|host| host.name.as_str())
    }

    pub(crate) fn host_place(&self, name: &str) -> Option<u16> {
        let place = self.hosts.iter().position(|host| host.name == name)?;
        u16::try_from(place).ok()
    }

    /// The place of a host; an unknown one is an error.
    pub(crate) fn host(&self, cx: &Cx<'_>, name: &str, span: Span) -> Option<u16> {
        let found = self.host_place(name);
        if found.is_none() {
            cx.unknown(span, "host", name, self.host_names());
        }
        found
    }

    /// `R2 -> R1` as places of hosts; anything else is an error.
    pub(crate) fn ends(&self, cx: &Cx<'_>, text: &Text) -> Option<(u16, u16)> {
        let Some((from, to)) = text.value.split_once("->") else {
            cx.error(text.span, format!("`{}`: which addresses?", text.value), "expected R2 -> R1");
            return None;
        };
        let from = self.host(cx, from.trim(), text.span);
        from.zip(self.host(cx, to.trim(), text.span))
    }

    pub(crate) fn host_in(&self, cx: &Cx<'_>, text: &Text) -> Option<u16> {
        self.host(cx, &text.value, text.span)
    }

    /// `R1.wan` as places of host and interface; an unknown one is an error.
    pub(crate) fn iface(&self, cx: &Cx<'_>, reference: &str, span: Span) -> Option<(u16, u16)> {
        let Some((host_name, iface)) = reference.split_once('.') else {
            cx.error(span, format!("`{reference}` is no interface"), "expected HOST.INTERFACE");
            return None;
        };
        let host_span = Span { start: span.start, end: span.end.min(span.start + host_name.len()) };
        let place = self.host(cx, host_name, host_span)?;
        let at = Span { start: (host_span.end + 1).min(span.end), end: span.end };
        Some((place, self.own_iface(cx, place, iface, at)?))
    }

    /// The place of an interface of a host; an unknown one is an error.
    pub(crate) fn own_iface(
        &self,
        cx: &Cx<'_>,
        place: u16,
        iface: &str,
        span: Span,
    ) -> Option<u16> {
        let host = self.hosts.get(usize::from(place))?;
        let found = host.ifaces.iter().position(|known| known.name == iface);
        if found.is_none() {
            let names: Vec<_> = host.ifaces.iter().map(|known| known.name.as_str()).collect();
            let message = format!("host `{}` has no interface `{iface}`", host.name);
            cx.error(span, message, suggestion(iface, names));
        }
        u16::try_from(found?).ok()
    }

    /// `R1.wan` as the place of the host and the interface's first address; `R1.10.9.0.1` names an
    /// address itself, one that the host may only get later.
    pub(crate) fn address(&self, cx: &Cx<'_>, text: &str, span: Span) -> Option<(u16, IpAddr)> {
        let literal =
            text.split_once('.').and_then(|(host, rest)| Some((host, rest.parse().ok()?)));
        if let Some((host, address)) = literal {
            return Some((self.host(cx, host, span)?, address));
        }
        let (host, iface) = self.iface(cx, text, span)?;
        Some((host, self.addresses(host, iface).first()?.0))
    }

    /// The addresses of an interface, as the steps so far have left them.
    pub(crate) fn addresses(&self, host: u16, iface: u16) -> &[(IpAddr, u8)] {
        let first = || {
            let host = self.hosts.get(usize::from(host))?;
            Some(host.ifaces.get(usize::from(iface))?.addresses.as_slice())
        };
        let moved = self.moved.get(&(host, iface)).map(Vec::as_slice);
        moved.or_else(first).unwrap_or_default()
    }

    pub(crate) fn tunnel(&self, cx: &Cx<'_>, name: &str, span: Span) -> Option<&Tunnel> {
        let found = self.tunnels.iter().find(|tunnel| tunnel.name == name);
        if found.is_none() {
            let names: Vec<_> = self.tunnels.iter().map(|tunnel| tunnel.name.as_str()).collect();
            self.unknown(cx, span, "tunnel", name, &names);
        }
        found
    }

    /// `site.net`, or `net` where only one tunnel has such a child; gives `site.net`.
    pub(crate) fn child(&self, cx: &Cx<'_>, name: &str, span: Span) -> Option<String> {
        let all = self.children();
        let found: Vec<_> = all
            .iter()
            .filter(|full| {
                *full == name || full.split_once('.').is_some_and(|(_, short)| short == name)
            })
            .collect();
        match found.as_slice() {
            [one] => Some((*one).clone()),
            [] => {
                let names: Vec<_> = all.iter().map(String::as_str).collect();
                self.unknown(cx, span, "child", name, &names);
                None
            }
            [first, others @ ..] if others.iter().all(|other| other == first) => None,
            [_, ..] => {
                let names: Vec<_> = found.iter().map(|name| name.as_str()).collect();
                let label = format!("say which: {}", names.join(", "));
                cx.error(span, format!("`{name}` is the name of several children"), label);
                None
            }
        }
    }

    /// Complains about a name of a tunnel or a child, unless it may be that of one left out.
    fn unknown(&self, cx: &Cx<'_>, span: Span, kind: &str, name: &str, names: &[&str]) {
        let label = suggestion(name, names.iter().copied());
        let message = format!("unknown {kind} `{name}`");
        if self.broken {
            cx.consequence(span, message, label);
        } else {
            cx.error(span, message, label);
        }
    }

    /// All children, with their tunnels' names.
    pub(crate) fn children(&self) -> Vec<String> {
        let of = |tunnel: &Tunnel| {
            let name = tunnel.name.clone();
            tunnel.children.clone().into_iter().map(move |child| format!("{name}.{child}"))
        };
        self.tunnels.iter().flat_map(of).collect()
    }
}
