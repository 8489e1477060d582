//! A scenario file, read and checked.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ikelab_ambient::{Instant, derive_seed};

use crate::diagnostic::{Diagnostic, Severity};
use crate::expect::{self, Expectations};
use crate::include::{self, Surroundings};
use crate::known::{self, KnownIssue};
use crate::lint;
use crate::matrix::{self, Assignment};
use crate::plan::{Command, Explore, Fault, HostKind, Liar, Pin, Plan};
use crate::read::world::World;
use crate::read::{explore, fault, nat, net, peers, pin, policies, routes, tunnel};
use crate::reader::{Cx, Fields};
use crate::requirements::Tables;
use crate::shape::{self, Form, Shape, may, need};
use crate::source::{Source, Span};
use crate::step::{self, Steps};
use crate::text::Text;
use crate::yaml::{Kind, Node};

/// How long a run without a `duration` goes on after its last step and its last stated time.
pub const SETTLE: Duration = Duration::from_secs(30);

/// A scenario: what the file says about itself, and its cells.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file.
    pub source: Arc<Source>,
    /// Its unique name.
    pub name: String,
    /// One sentence.
    pub title: String,
    /// The goal in prose.
    pub summary: String,
    /// For selection.
    pub tags: Vec<String>,
    /// Requirements and sections that it exercises.
    pub covers: Vec<String>,
    /// Cases of the catalogue that it implements.
    pub cases: Vec<String>,
    /// The seeds to run with; one that follows from the name where the file says none.
    pub seeds: RangeInclusive<u64>,
    /// What `check` warns about.
    pub warnings: Vec<Diagnostic>,
    /// The cells of its matrix, one without a matrix.
    pub cells: Vec<Cell>,
    pub(crate) tables: Arc<Tables>,
}

/// One cell of a scenario's matrix.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its name: `want=ecp256,cookie=never`; empty without a matrix.
    pub name: String,
    /// Its parameters and their values.
    pub assignment: Vec<(String, String)>,
    /// Why it can't run here, if so: known before the run.
    pub unsupported: Option<String>,
    /// Snapshots that the file asks for.
    pub snapshots: Vec<expect::Snapshot>,
    /// The messages whose orders of delivery are all tried.
    pub explore: Option<Explore>,
    pub(crate) world: World,
    pub(crate) steps: Steps,
    pub(crate) faults: Vec<Fault>,
    pub(crate) heal: Option<Instant>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) liars: Vec<Liar>,
    pub(crate) until: Instant,
    pub(crate) known_issues: Vec<KnownIssue>,
    /// Whether a program that is not ours plays a host.
    pub(crate) foreign: bool,
    pub(crate) expectations: Expectations,
}

impl Cell {
    /// Whether the file expects nothing of it but views that were accepted before.
    #[must_use]
    pub fn expects_views_alone(&self) -> bool {
        let Expectations { ladder, others, .. } = &self.expectations;
        ladder.is_none() && others.is_empty() && self.steps.waits.is_empty()
    }
}

impl Scenario {
    /// The plan of a cell with a seed.
    #[must_use]
    pub fn plan(&self, cell: &Cell, seed: u64) -> Plan {
        let mut plan = Plan {
            scenario: self.name.clone(),
            cell: cell.name.clone(),
            seed,
            until: cell.until,
            hosts: cell.world.hosts.clone(),
            links: cell.world.links.clone(),
            agenda: cell.steps.agenda.clone(),
            faults: cell.faults.clone(),
            heal: None,
            queues: Vec::new(),
            pins: cell.pins.clone(),
            liars: cell.liars.clone(),
        };
        if let Some(at) = cell.heal {
            plan.heal_at(at);
        }
        plan
    }

    /// The cell with this name.
    #[must_use]
    pub fn cell(&self, name: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.name == name)
    }
}

/// Reads a scenario.
///
/// # Errors
/// Every mistake of the file, and the warnings with them, in the order of the file.
pub fn parse(path: &str, text: &str, tables: &Arc<Tables>) -> Result<Scenario, Vec<Diagnostic>> {
    parse_in(path, text, tables, &Surroundings::NONE)
}

/// Reads a scenario that may include other files.
///
/// # Errors
/// Every mistake of the files, and the warnings with them, in the order of the files.
pub fn parse_in(
    path: &str,
    text: &str,
    tables: &Arc<Tables>,
    around: &Surroundings<'_>,
) -> Result<Scenario, Vec<Diagnostic>> {
    let (source, root) = include::read(path, text, around)?;
    let mut cx = Cx::new(&source, tables);
    cx.today = around.today;
    let head = head(&cx, &root);
    let cells = match &head {
        Some((_, matrix)) => matrix.iter().map(|cell| self::cell(&cx, &root, cell)).collect(),
        None => Vec::new(),
    };
    if let Some((_, node)) = entries(&root).iter().find(|(key, _)| key.value == "known_issues") {
        let met = cells.iter().flatten().flat_map(|cell: &Cell| &cell.known_issues);
        known::lint(&cx, node, &met.map(|issue| issue.place).collect());
    }
    let found = sorted(cx.into_found());
    let bad = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let whole: Option<Vec<Cell>> = cells.into_iter().collect();
    match (head, whole) {
        (Some((head, _)), Some(cells)) if !bad => Ok(Scenario { warnings: found, cells, ..head }),
        (_, _) if bad => Err(found),
        (_, _) => {
            let message = "this file was refused without a reason: a fault of ikelab";
            let whole = Diagnostic::new(Severity::Error, &source, Span::default(), message, "");
            Err(vec![whole])
        }
    }
}

fn entries(root: &Node) -> &[(Text, Node)] {
    match &root.kind {
        Kind::Map(entries) => entries,
        Kind::Scalar(_) | Kind::List(_) => &[],
    }
}

/// Cells repeat what they have in common; a mistake is told once.
fn sorted(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let once: BTreeSet<_> = found.into_iter().collect();
    once.into_iter().collect()
}

/// A scenario file.
pub static SHAPE: Shape = Shape::new(
    "scenario",
    "A scenario: what is shown, where it happens, who takes part, what happens, what must hold.",
    &[
        &[
            need("ikelab", Form::Integer(1, 1), "The format of the file; always 1, always first."),
            need("name", shape::SLUG, "Its name, which no other scenario of the tree has."),
            may("title", shape::TEXT, "What it shows, in one sentence."),
            may("summary", shape::TEXT, "The goal in prose."),
            may("tags", Form::List(&shape::TAG), "Words for selection: `ikelab run tag:rekey`."),
            may("covers", Form::List(&shape::REQUIREMENT), "Requirements that it exercises."),
            may("cases", Form::List(&shape::CASE), "Cases of the catalogue that it implements."),
        ],
        &[
            may("seeds", shape::SEEDS, "The seeds to run with, each a run of its own.")
                .or("one that follows from the name"),
            may("duration", shape::DURATION, "When a run ends, in virtual time.")
                .or("30 s after its last step and its last stated time"),
            may(
                "include",
                Form::List(&shape::TEXT),
                "Files beside this one that are merged in first.",
            ),
            may("matrix", Form::Shape(&matrix::SHAPE), "Parameters: every combination is a cell."),
            may(
                "explore",
                Form::Shape(&explore::SHAPE),
                "Messages that are delivered in every order that can happen, a run for each.",
            ),
        ],
        &[
            need("net", Form::Shape(&net::SHAPE), "Hosts, and the links between them."),
            may("peers", peers::FORM, "Which program plays a host.").or("builtin"),
            may("tunnels", tunnel::FORM, "What the hosts protect between them."),
            may(
                "policies",
                policies::FORM,
                "What hosts do with packets beside what their tunnels protect, in order.",
            ),
            may("pin", Form::List(&Form::Shape(&pin::SHAPE)), "Random values that are decided."),
            may("faults", Form::List(&Form::Shape(&fault::SHAPE)), "What goes wrong."),
            may("heal", shape::DURATION, "When the network heals: no fault acts from then on.")
                .or("never"),
            need("steps", Form::List(&Form::Shape(&step::SHAPE)), "What is done, and when."),
            need("expect", Form::Shape(&expect::SHAPE), "What must hold."),
            may(
                "known_issues",
                Form::List(&Form::Shape(&known::SHAPE)),
                "Deviations that are expected, each with its reason.",
            ),
        ],
    ],
);

/// What holds for all cells: a scenario without cells, and the assignments of its cells.
fn head(cx: &Cx<'_>, root: &Node) -> Option<(Scenario, Vec<Assignment>)> {
    let fields = Fields::of(cx, root, &SHAPE)?;
    version(cx, &fields);
    let name = fields.need("name").and_then(|node| cx.text(node, "name"));
    if let Some(name) = name {
        slug(cx, name);
    }
    let prose = |key| fields.text(key).map(|text| text.value.trim().to_owned()).unwrap_or_default();
    let words = |key| fields.get(key).map(|node| cx.texts(node, key)).unwrap_or_default();
    let (tags, covers, cases) = (words("tags"), words("covers"), words("cases"));
    tags.iter().for_each(|text| check_tag(cx, text));
    covers.iter().for_each(|text| cx.tables.check_covers(cx, text));
    cases.iter().for_each(|text| cx.tables.check_case(cx, text));
    let plain = |texts: Vec<&Text>| texts.into_iter().map(|text| text.value.clone()).collect();
    let name = name.map(|name| name.value.clone()).unwrap_or_default();
    let scenario = Scenario {
        source: cx.source.clone(),
        title: prose("title"),
        summary: prose("summary"),
        tags: plain(tags),
        covers: plain(covers),
        cases: plain(cases),
        seeds: seeds(cx, &fields, &name),
        warnings: Vec::new(),
        cells: Vec::new(),
        tables: cx.tables.clone(),
        name,
    };
    if let Some(node) = fields.get("matrix") {
        matrix::lint(cx, root, node);
    }
    Some((scenario, matrix::read(cx, fields.get("matrix"))))
}

/// A tag is a word: `run tag:x` names it.
fn check_tag(cx: &Cx<'_>, tag: &Text) {
    let word = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if !tag.value.chars().all(word) {
        let label = "a word of letters, digits, `-`, `_` and `.`";
        cx.error(tag.span, format!("`{}` is no tag", tag.value), label);
    }
}

fn version(cx: &Cx<'_>, fields: &Fields<'_, '_>) {
    if let Some(text) = fields.need("ikelab").and_then(|node| cx.text(node, "ikelab"))
        && text.value != "1"
    {
        cx.error(text.span, format!("format `{}`", text.value), "this program reads format 1");
    }
}

fn slug(cx: &Cx<'_>, name: &Text) {
    let part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if !name.value.split('-').all(part) || name.value.len() > 100 {
        let label = "small letters and digits, joined by `-`";
        cx.error(name.span, format!("`{}` is no name of a scenario", name.value), label);
    }
}

/// Ours: more than one process runs in a day.
const SEEDS_MAX: u64 = 1_000_000;

/// `7`, `1..200`.
fn seeds(cx: &Cx<'_>, fields: &Fields<'_, '_>, name: &str) -> RangeInclusive<u64> {
    let default = derive_seed(0, name);
    let Some(text) = fields.text("seeds") else { return default..=default };
    let range = match text.value.split_once("..") {
        Some((low, high)) => low.trim().parse().ok().zip(high.trim().parse().ok()),
        None => text.value.parse().ok().map(|seed: u64| (seed, seed)),
    };
    match range {
        Some((low, high)) if low <= high && high - low < SEEDS_MAX => low..=high,
        Some((low, high)) if low <= high => {
            let message = format!("`seeds` is `{}`", text.value);
            cx.error(text.span, message, format!("expected {SEEDS_MAX} seeds at most"));
            default..=default
        }
        _ => {
            cx.error(text.span, format!("`seeds` is `{}`", text.value), "expected 7 or 1..200");
            default..=default
        }
    }
}

/// When the network heals. Something has to be demanded after that.
fn heal(cx: &Cx<'_>, fields: &Fields<'_, '_>) -> Option<Instant> {
    let at = Instant::ZERO + fields.duration("heal")?;
    let demands = fields.get("expect").is_some_and(|node| match &node.kind {
        Kind::Map(entries) => entries.iter().any(|(key, _)| key.value == "eventually"),
        Kind::Scalar(_) | Kind::List(_) => true,
    });
    if let (false, Some(span)) = (demands, fields.key("heal")) {
        cx.error(span, "`heal` and nothing is expected to follow", "say what under `eventually`");
    }
    Some(at)
}

/// One cell: its tree with the parameters filled in, read section by section.
fn cell(cx: &Cx<'_>, root: &Node, assignment: &Assignment) -> Option<Cell> {
    let root = matrix::expand(cx, root, assignment);
    let fields = Fields::of(cx, &root, &SHAPE)?;
    let mut world = fields.need("net").map(|node| net::read(cx, node)).unwrap_or_default();
    let peers = fields.get("peers").map(|node| peers::read(cx, &world, node)).unwrap_or_default();
    world.liars = peers.liars.iter().map(|liar| liar.host).collect();
    world.told = peers.told;
    if let Some(node) = fields.get("tunnels") {
        tunnel::read(cx, &mut world, node);
    }
    if let Some(node) = fields.get("policies") {
        policies::read(cx, &mut world, node);
    }
    nat::hide(&mut world);
    routes::imply(&mut world);
    let pins = fields.get("pin").map(|node| pin::read(cx, &world, node)).unwrap_or_default();
    let explore = fields.get("explore").and_then(|node| explore::read(cx, &world, node));
    let faults = fields.get("faults").map(|node| fault::read(cx, &world, node)).unwrap_or_default();
    let steps =
        fields.need("steps").map(|node| step::read(cx, &mut world, node)).unwrap_or_default();
    let strangers = steps.agenda.iter().filter(|action| {
        let attacker = world.hosts.get(usize::from(action.host));
        matches!(action.command, Command::Inject(_) | Command::Seal(_) | Command::Packet(_))
            || attacker.is_some_and(|host| host.kind == HostKind::Attacker)
    });
    world.liars.extend(strangers.map(|action| action.host));
    let duration = fields.duration("duration").map(|span| Instant::ZERO + span);
    let expectations = fields
        .need("expect")
        .map(|node| expect::read(cx, &world, (&steps, &faults), duration, node))
        .unwrap_or_default();
    if let (None, Some(span)) = (duration, steps.unpaced) {
        cx.error(
            span,
            "a flow that goes as fast as it can has no end that can be foreseen",
            "say `every`, `rate`, or how long the run goes on: `duration`",
        );
    }
    let heal = heal(cx, &fields);
    let latest = steps
        .end
        .max(expectations.latest)
        .max(heal.unwrap_or(Instant::ZERO))
        .max(fault::latest(&faults));
    let until = duration.unwrap_or(latest + SETTLE);
    for (at, span, _) in steps.times.iter().filter(|(at, _, _)| *at >= until) {
        let message = format!("this step begins at {at}s, when the run is over");
        cx.error(*span, message, format!("`duration` is {}s", until.as_secs_f64()));
    }
    if let Some(node) = fields.get("faults") {
        fault::check_times(cx, node, until);
    }
    lint::check(cx, &world, &steps, until);
    let programs = peers::programs(&world, fields.get("peers"));
    let known_issues = fields
        .get("known_issues")
        .map(|node| known::read(cx, node, assignment, &programs))
        .unwrap_or_default();
    let ours = |program: &String| matches!(program.as_str(), "builtin" | "crafted");
    Some(Cell {
        known_issues,
        foreign: !programs.iter().all(ours),
        name: matrix::name(assignment),
        assignment: assignment.clone(),
        unsupported: peers.unsupported,
        liars: peers.liars,
        snapshots: expectations.snapshots.clone(),
        explore,
        world,
        steps,
        faults,
        heal,
        pins,
        until,
        expectations,
    })
}
