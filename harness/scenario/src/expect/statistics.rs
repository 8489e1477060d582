//! `statistics:` numbers of the exchange table at the end of the run.

use std::sync::Arc;

use ikelab_ambient::Instant;
use ikelab_wire::registry::NotifyType;

use super::limit::Limit;
use super::{Bench, Complaint, ExpectCx, Expectation};
use crate::run::{EXCHANGES, NETWORK, Row, statistics};
use crate::shape::{self, Form, Shape, may};
use crate::source::Span;
use crate::text::Text;
use crate::verdict::Outcome;
use crate::yaml::Node;

static COLUMNS: Shape = Shape::new(
    "columns",
    "Numbers of a row of the exchange table.",
    &[&[
        may("tx_req", shape::LIMIT, "Requests sent, repetitions among them."),
        may("tx_resp", shape::LIMIT, "Responses sent, repetitions among them."),
        may("rx_req", shape::LIMIT, "Requests received."),
        may("rx_resp", shape::LIMIT, "Responses received."),
    ]],
);

/// By host and row of the exchange table.
pub(super) const FORM: Form =
    Form::Names(&shape::HOST, &Form::Names(&shape::ROW, &Form::Shape(&COLUMNS)));

#[derive(Debug)]
struct Statistic {
    text: String,
    span: Span,
    host: u16,
    row: String,
    column: &'static str,
    limit: Limit,
}

pub(super) fn read(expect: &ExpectCx<'_>, node: &Node) -> (Vec<Arc<dyn Expectation>>, Instant) {
    let cx = expect.cx;
    let mut all: Vec<Arc<dyn Expectation>> = Vec::new();
    for (host, rows) in cx.map(node, "statistics").unwrap_or_default() {
        let Some(place) = expect.world.host_in(cx, host) else { continue };
        for (row, columns) in cx.map(rows, &host.value).unwrap_or_default() {
            check_row(expect, row);
            for (column, value) in cx.map(columns, &row.value).unwrap_or_default() {
                let Some(known) = COLUMNS.key(&column.value).map(|key| key.name) else {
                    let names = COLUMNS.keys().map(|key| key.name);
                    cx.unknown(column.span, "column", &column.value, names);
                    continue;
                };
                let Some(text) = cx.text(value, known) else { continue };
                let Some(limit) = Limit::read(cx, text) else { continue };
                all.push(Arc::new(Statistic {
                    text: format!("{} {} {known} {limit}", host.value, row.value),
                    span: text.span,
                    host: place,
                    row: row.value.clone(),
                    column: known,
                    limit,
                }));
            }
        }
    }
    (all, Instant::ZERO)
}

fn check_row(expect: &ExpectCx<'_>, row: &Text) {
    let notify = row.value.strip_prefix("N(").and_then(|rest| rest.strip_suffix(')'));
    match notify {
        Some(name) if NotifyType::from_name(name).is_some() => {}
        Some(name) => {
            let names: Vec<_> = NotifyType::all().map(|(_, name)| name).collect();
            expect.cx.unknown(row.span, "notify type", name, names);
        }
        None => {
            let names: Vec<_> = EXCHANGES.into_iter().chain(NETWORK).collect();
            if !names.contains(&row.value.as_str()) {
                expect.cx.unknown(row.span, "row", &row.value, names);
            }
        }
    }
}

impl Expectation for Statistic {
    fn kind(&self) -> &'static str {
        "statistics"
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn span(&self) -> Span {
        self.span
    }

    fn judge(&self, bench: &Bench<'_>) -> Option<Complaint> {
        let Row { tx_req, tx_resp, rx_req, rx_resp } =
            statistics(&bench.run.conversation, self.host, bench.until).row(&self.row);
        let actual = match self.column {
            "tx_req" => tx_req,
            "tx_resp" => tx_resp,
            "rx_req" => rx_req,
            _ => rx_resp,
        };
        if self.limit.allows(actual) {
            return None;
        }
        let message =
            format!("{} has {actual} {} {}", bench.name(self.host), self.row, self.column);
        let label = format!("actual: {actual}");
        Some(Complaint::new(Outcome::Fail, bench, self.span, message, label))
    }
}
