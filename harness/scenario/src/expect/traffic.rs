//! `traffic:` what became of the requests of a flow.

use std::collections::BTreeMap;
use std::sync::Arc;

use ikelab_ambient::Instant;
use ikelab_trace::{AppEvent, Fact};

use super::limit::Limit;
use super::{Bench, Complaint, ExpectCx, Expectation};
use crate::plan::Command;
use crate::reader::Fields;
use crate::shape::{self, Shape, may, need};
use crate::source::Span;
use crate::text::Text;
use crate::verdict::Outcome;
use crate::yaml::Node;

pub(super) static SHAPE: Shape = Shape::new(
    "traffic",
    "What became of the requests of a flow, over the whole run.",
    &[&[
        need("flow", shape::FLOW, "The flow: all steps that send from the one to the other."),
        may("received", shape::LIMIT, "How many requests were answered."),
        may("lost", shape::LIMIT, "How many requests were not answered."),
        may("pattern", shape::FLOW_PATTERN, "What became of each request, in order."),
    ]],
);

#[derive(Debug)]
struct Traffic {
    text: String,
    span: Span,
    /// Numbers of the flows with these ends.
    flows: Vec<u32>,
    pattern: Option<(String, Span)>,
    received: Option<(Limit, Span)>,
    lost: Option<(Limit, Span)>,
}

pub(super) fn read(expect: &ExpectCx<'_>, node: &Node) -> (Vec<Arc<dyn Expectation>>, Instant) {
    let items = expect.cx.list(node, "traffic").unwrap_or_default();
    let one = |item| entry(expect, item).map(|one| Arc::new(one) as Arc<dyn Expectation>);
    (items.iter().filter_map(one).collect(), Instant::ZERO)
}

fn entry(expect: &ExpectCx<'_>, node: &Node) -> Option<Traffic> {
    let cx = expect.cx;
    let fields = Fields::of(cx, node, &SHAPE)?;
    let flow = cx.text(fields.need("flow")?, "flow")?;
    let flows = flows(expect, flow)?;
    let limit = |key| fields.text(key).and_then(|text| Some((Limit::read(cx, text)?, text.span)));
    let pattern = fields.text("pattern").map(|text| {
        if let Some(at) = text.value.find(|c| !matches!(c, '!' | '.' | 'U')) {
            let label = "`!` answered, `.` lost, `U` unreachable";
            cx.error(text.at(at..at + 1), "no sign of a pattern", label);
        }
        (text.value.clone(), text.span)
    });
    let one = Traffic {
        text: flow.value.clone(),
        span: flow.span,
        flows,
        pattern,
        received: limit("received"),
        lost: limit("lost"),
    };
    if one.pattern.is_none() && one.received.is_none() && one.lost.is_none() {
        cx.error(
            flow.span,
            "nothing is expected of this flow",
            "say `pattern`, `received` or `lost`",
        );
    }
    Some(one)
}

/// The numbers of the flows from one interface to another.
fn flows(expect: &ExpectCx<'_>, text: &Text) -> Option<Vec<u32>> {
    let Some((from, to)) = text.value.split_once("->") else {
        expect.cx.error(
            text.span,
            format!("`{}` is no flow", text.value),
            "expected R1.lan -> R2.lan",
        );
        return None;
    };
    let at = |word: &str, offset: usize| {
        let start = offset + word.len() - word.trim_start().len();
        text.at(start..start + word.trim().len())
    };
    let from_span = at(from, 0);
    let to_span = at(to, from.len() + 2);
    let (host, iface) = expect.world.iface(expect.cx, from.trim(), from_span)?;
    let (peer, peer_iface) = expect.world.iface(expect.cx, to.trim(), to_span)?;
    let address = |host: u16, iface: u16| {
        let host = expect.world.hosts.get(usize::from(host))?;
        Some(host.ifaces.get(usize::from(iface))?.addresses.first()?.0)
    };
    let (from, to) = (address(host, iface)?, address(peer, peer_iface)?);
    let number = |action: &crate::plan::Action| match &action.command {
        Command::Ping(ping) if (ping.from, ping.to) == (from, to) => Some(ping.flow),
        _ => None,
    };
    let flows: Vec<_> = expect.steps.agenda.iter().filter_map(number).collect();
    if flows.is_empty() {
        expect.cx.error(text.span, "no step sends this flow", "");
        return None;
    }
    Some(flows)
}

impl Traffic {
    /// One character for each request, in the order of flow and request.
    fn pattern_of(&self, bench: &Bench<'_>) -> String {
        let mut requests = BTreeMap::new();
        for record in &bench.run.trace.records {
            let Fact::App(event) = &record.fact else { continue };
            let (flow, request, sign) = match event {
                AppEvent::PingSent { flow, request, .. } => (flow, request, '.'),
                AppEvent::PingAnswered { flow, request, .. } => (flow, request, '!'),
                AppEvent::PingUnreachable { flow, request } => (flow, request, 'U'),
            };
            let sign_now = requests.entry((*flow, *request)).or_insert('.');
            // An answer that was had is not taken back.
            if *sign_now != '!' && sign != '.' {
                *sign_now = sign;
            }
        }
        let own = requests.into_iter().filter(|((flow, _), _)| self.flows.contains(flow));
        own.map(|(_, sign)| sign).collect()
    }
}

impl Expectation for Traffic {
    fn kind(&self) -> &'static str {
        "traffic"
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn span(&self) -> Span {
        self.span
    }

    fn judge(&self, bench: &Bench<'_>) -> Option<Complaint> {
        let actual = self.pattern_of(bench);
        let count = |answered: bool| {
            actual.chars().filter(|sign| (*sign == '!') == answered).count() as u64
        };
        let fail = |span, message: String, label: String| {
            Some(Complaint::new(Outcome::Fail, bench, span, message, label))
        };
        if let Some((pattern, span)) = &self.pattern
            && *pattern != actual
        {
            let shown: String = actual.chars().take(200).collect();
            return fail(
                *span,
                format!("flow {} is not as expected", self.text),
                format!("actual: {shown}"),
            );
        }
        for (limit, number, what) in
            [(&self.received, count(true), "answered"), (&self.lost, count(false), "not answered")]
        {
            if let Some((limit, span)) = limit
                && !limit.allows(number)
            {
                let message =
                    format!("{number} of {} requests of {} were {what}", actual.len(), self.text);
                return fail(*span, message, format!("expected {limit}"));
            }
        }
        None
    }
}
