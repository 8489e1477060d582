//! Liars: what a scenario's rules make of what a host says and hears.
//!
//! A rule's pattern is asked about every message while the run goes on; it is the same pattern, by
//! the same rules, that judges a ladder afterwards.

mod craft;
mod edit;
mod form;
mod fragment;
mod memory;
mod mutate;
mod sight;
mod software;

use std::net::SocketAddr;
use std::time::Duration;

use ikelab_ambient::Seeded;
use ikelab_ike::{Clear, Damage, Editor, Saying, What};
use ikelab_scenario::plan::{self, Does, Otherwise, Plan};
use ikelab_scenario::run::Message;
use ikelab_wire::ike::Header;
use ikelab_wire::registry::PayloadType;

use craft::Maker;
use form::Form;
pub(crate) use memory::Memory;
pub(crate) use sight::Eyes;
use sight::Owners;
pub(crate) use software::{Crafted, inject};

/// What stands between an IKE engine and what it says.
#[derive(Debug)]
pub(crate) struct Liar {
    memory: Memory,
    rules: Rules,
    /// What was done since the last time somebody asked.
    notes: Vec<(String, String)>,
    /// The rule and the harm that is done to the sealed octets of each datagram that goes out next.
    harms: Vec<(String, Vec<Damage>)>,
}

/// The rules of a host, each with its count of messages.
#[derive(Debug)]
struct Rules {
    host: u16,
    rules: Vec<(plan::Rule, u32)>,
    otherwise: Otherwise,
    owners: Owners,
    entropy: Seeded,
    /// The datagrams of the last message that went out in fragments.
    spoken: Vec<Vec<u8>>,
}

impl Liar {
    /// The editor of a host: with its rules, if it has any, and a memory of what it said.
    pub(crate) fn new(plan: &Plan, place: u16, memory: Memory) -> Self {
        let liar = plan.liars.iter().find(|liar| liar.host == place);
        let rules = Rules::new(plan, place, liar);
        Self { memory, rules, notes: Vec::new(), harms: Vec::new() }
    }

    /// What a rule makes of a message; nothing if none means it.
    fn lie(&mut self, message: &Clear<'_>, own: bool) -> Option<Vec<Saying>> {
        if self.rules.rules.is_empty() && self.rules.otherwise == Otherwise::Builtin {
            return None;
        }
        let Some(rule) = self.rules.deciding(message, own) else {
            return self.otherwise(message);
        };
        match self.rules.carry_out(&rule.does, message, own) {
            Ok((sayings, mutations)) => {
                self.harms = if own { harms(&rule.text, &sayings) } else { Vec::new() };
                self.notes.push((mutate::told(rule.text, &mutations), String::new()));
                Some(sayings)
            }
            Err(why) => {
                self.notes.push((rule.text, why));
                None
            }
        }
    }

    /// Tells which harm could not be done to what went out: it is only known now how long that is.
    fn check_harms(&mut self, datagrams: &[Vec<u8>]) {
        let harms = std::mem::take(&mut self.harms);
        let apart = harms.len() != datagrams.len();
        let mut lengths = datagrams.iter().map(Vec::len);
        for (rule, damages) in harms {
            let length = lengths.next().unwrap_or_default();
            // What was truncated has that length now.
            let undone = |damage: &&Damage| match damage {
                Damage::Truncate(to) => *to > length,
                Damage::Flip(_) => !damage.is_within(length),
            };
            let why = match damages.iter().find(undone) {
                _ if damages.is_empty() => continue,
                _ if apart => {
                    "the message is cut, and only its fragments can be changed".to_owned()
                }
                Some(damage) => form::beyond(*damage, length),
                None => continue,
            };
            self.notes.push((rule, why));
        }
    }

    fn otherwise(&mut self, message: &Clear<'_>) -> Option<Vec<Saying>> {
        match self.rules.otherwise {
            Otherwise::Builtin => None,
            Otherwise::Silence => Some(Vec::new()),
            Otherwise::Fail => {
                let what = format!("{} {}", message.header.exchange, message.header.message_id);
                self.notes.push(("otherwise: fail".to_owned(), format!("no rule for {what}")));
                None
            }
        }
    }
}

impl Rules {
    fn new(plan: &Plan, place: u16, liar: Option<&plan::Liar>) -> Self {
        let rules = liar.map(|liar| liar.rules.clone()).unwrap_or_default();
        let name = plan.hosts.get(usize::from(place)).map_or("", |host| &host.name);
        Self {
            host: place,
            rules: rules.into_iter().map(|rule| (rule, 0)).collect(),
            otherwise: liar.map_or(Otherwise::Builtin, |liar| liar.otherwise),
            owners: Owners::of(plan),
            entropy: Seeded::new(plan.seed, &format!("liar {name}")),
            spoken: Vec::new(),
        }
    }

    /// The rule that decides about a message of the engine, or of its peer.
    fn deciding(&mut self, message: &Clear<'_>, own: bool) -> Option<plan::Rule> {
        let (host, peer) = (self.host, self.owners.owner(message.remote.ip()));
        first(&mut self.rules, |(from, to)| {
            // Behind a NAT the peer's address is nobody's, and the pattern knows better.
            let from = if own { host } else { peer.unwrap_or(from) };
            let to = if own { peer.unwrap_or(to) } else { host };
            seen(message, (from, Some(to)), own)
        })
    }

    fn carry_out(
        &mut self,
        does: &Does,
        message: &Clear<'_>,
        own: bool,
    ) -> Result<(Vec<Saying>, Vec<String>), String> {
        let heard = (!own).then_some((message.header, message.payloads));
        let meant = own.then_some(message.header);
        let ends = (message.local.ip(), message.remote.ip());
        let (spoken, signer) = (self.spoken.as_slice(), message.signer);
        let entropy = &mut self.entropy;
        let mut maker = Maker { entropy, heard, meant, ends, spoken, signer };
        let (forms, delay) = match does {
            Does::Silence | Does::Resend(_) => (Vec::new(), Duration::ZERO),
            Does::Raw(octets) => {
                let what = What::Octets(octets.clone());
                return Ok((vec![Saying { delay: Duration::ZERO, what }], Vec::new()));
            }
            Does::Reply(craft) => (maker.messages(craft, message.protected)?, craft.delay),
            Does::Edit(edits) => {
                let mut form = Form::of(message);
                edit::all(&mut form, edits, &mut maker)?;
                (vec![form], Duration::ZERO)
            }
        };
        let mutations = forms.iter().flat_map(|form| form.mutations.clone()).collect();
        let honest = if forms.iter().any(|form| form.honest_copy) {
            Form::of(message).out()?
        } else {
            Vec::new()
        };
        let said = form::all_out(forms)?.into_iter().chain(honest);
        Ok((said.map(|what| Saying { delay, what }).collect(), mutations))
    }
}

/// The harm that is done to each of the datagrams that go out.
fn harms(rule: &str, sayings: &[Saying]) -> Vec<(String, Vec<Damage>)> {
    let of = |saying: &Saying| match &saying.what {
        What::Octets(_) => Vec::new(),
        What::Sealed(lie) => lie.damage.clone(),
    };
    sayings.iter().map(|saying| (rule.to_owned(), of(saying))).collect()
}

/// The first rule that means a message, which `seen` gives to the hosts of a pattern. Every rule
/// counts the messages that it means.
fn first(
    rules: &mut [(plan::Rule, u32)],
    seen: impl Fn((u16, u16)) -> Message,
) -> Option<plan::Rule> {
    let mut decides = None;
    for (rule, count) in rules {
        if !rule.when.meets(&seen(rule.when.ends())) {
            continue;
        }
        let place = *count;
        *count = count.saturating_add(1);
        if decides.is_none() && rule.nth.is_none_or(|nth| nth == place) {
            decides = Some(rule.clone());
        }
    }
    decides
}

/// A message as a pattern sees it.
fn seen(message: &Clear<'_>, ends: (u16, Option<u16>), own: bool) -> Message {
    let (local, remote): (SocketAddr, SocketAddr) = (message.local, message.remote);
    let way = if own { (local, remote) } else { (remote, local) };
    let (header, payloads) = (*message.header, message.payloads.to_vec());
    // Only the number of octets is asked for, with `len=`.
    let octets = vec![0; message.length];
    let content = sight::ike_content(header, (payloads, Vec::new()), true, octets, None);
    sight::message(message.now, ends, way, content)
}

impl Editor for Liar {
    fn speak(&mut self, message: &Clear<'_>) -> Option<Vec<Saying>> {
        self.lie(message, true)
    }

    fn hear(&mut self, message: &Clear<'_>) -> Option<Vec<Saying>> {
        self.lie(message, false)
    }

    fn said(&mut self, message: &Clear<'_>, datagrams: &[Vec<u8>]) {
        self.check_harms(datagrams);
        self.memory.keep(datagrams, message.payloads);
        let is_fragment = |octets: &Vec<u8>| {
            Header::parse(octets).is_ok_and(|raw| raw.next_payload == PayloadType::SKF)
        };
        if datagrams.iter().any(is_fragment) {
            self.rules.spoken = datagrams.to_vec();
        }
    }

    fn notes(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.notes)
    }
}
