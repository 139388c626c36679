//! Random filters, and a table of what they compared: every operator with every type of attribute, where it stands.

use super::directory::{BADGE, DATA, DATES, ENTERPRISE, NUMBERS, TEXTS};
use super::random::Random;
use scim_edge::scim::filter::CompareOp;
use scim_edge::scim::schema::{Attribute, Kinds, Type, Types};
use std::collections::BTreeMap;

/// The name under which a comparison is counted: type, operator (`pr` too), place.
type Cell = (String, &'static str, &'static str);

/// How often each cell was compared with a resource.
#[derive(Default)]
pub struct Cells {
    counts: BTreeMap<Cell, usize>,
}

const PLACES: [&str; 5] = ["single", "multi", "sub-attribute", "value path", "extension"];

/// An attribute as a filter names it.
struct Leaf {
    /// For a value path: the attribute outside the brackets.
    outer: Option<String>,
    name: String,
    kind: Type,
    exact: bool,
    place: &'static str,
}

impl Leaf {
    fn type_name(&self) -> String {
        let exact = if self.exact && self.kind == Type::String { " exact" } else { "" };
        format!("{:?}{exact}", self.kind)
    }

    fn operators(&self) -> Vec<&'static str> {
        let possible = |op: &CompareOp| match op {
            CompareOp::Eq | CompareOp::Ne => true,
            CompareOp::Co | CompareOp::Sw | CompareOp::Ew => matches!(self.kind, Type::String | Type::Reference),
            _ => !matches!(self.kind, Type::Boolean | Type::Binary),
        };
        CompareOp::ALL.iter().filter(|op| possible(op)).map(|op| op.name()).chain(["pr"]).collect()
    }

    fn text(&self, random: &mut Random, op: &str) -> String {
        if op == "pr" {
            return format!("{} pr", self.name);
        }
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let value = match self.kind {
            Type::Boolean => random.of(&["true", "false"]).to_owned(),
            Type::Integer | Type::Decimal => random.of(&NUMBERS).to_owned(),
            Type::DateTime => quoted(random.of(&DATES)),
            Type::Binary => quoted(random.of(&DATA)),
            // Text that begins as many values do, and now and then a part of one, or nothing.
            _ => {
                let whole: Vec<char> = random.of(&TEXTS).chars().collect();
                let part = if matches!(op, "co" | "sw" | "ew") { 1 + random.below(whole.len()) } else { whole.len() };
                let from = if op == "ew" { whole.len() - part } else { 0 };
                let text: String = whole[from..from + part].iter().collect();
                quoted(if random.one_in(40) { "" } else { &text })
            }
        };
        format!("{} {op} {value}", self.name)
    }
}

impl Cells {
    /// The next filter. Its first comparison is one that was made least, so that every cell has its turn.
    pub fn filter(&mut self, random: &mut Random, types: &Types, kinds: Kinds, resources: usize) -> String {
        let leaves = leaves(types, kinds);
        let turns: Vec<(&Leaf, &'static str)> =
            leaves.iter().flat_map(|leaf| leaf.operators().into_iter().map(move |op| (leaf, op))).collect();
        let count = |(leaf, op): &(&Leaf, &'static str)| {
            self.counts.get(&(leaf.type_name(), *op, leaf.place)).copied().unwrap_or_default()
        };
        let fewest = turns.iter().map(count).min().unwrap_or_default();
        let rarest: Vec<_> = turns.iter().filter(|turn| count(turn) == fewest).copied().collect();
        let (leaf, op) = rarest[random.below(rarest.len())];
        let mut text = self.comparison(random, leaf, op, &leaves, resources);
        while random.one_in(2) {
            let (leaf, op) = turns[random.below(turns.len())];
            let other = self.comparison(random, leaf, op, &leaves, resources);
            text = match random.below(4) {
                0 => format!("{text} and {other}"),
                1 => format!("{text} or {other}"),
                2 => format!("({text}) and not ({other})"),
                _ => format!("{other} or not ({text})"),
            };
        }
        text
    }

    fn comparison(
        &mut self,
        random: &mut Random,
        leaf: &Leaf,
        op: &'static str,
        all: &[Leaf],
        resources: usize,
    ) -> String {
        *self.counts.entry((leaf.type_name(), op, leaf.place)).or_default() += resources;
        let text = leaf.text(random, op);
        let Some(outer) = &leaf.outer else { return text };
        let siblings: Vec<&Leaf> = all.iter().filter(|other| other.outer == leaf.outer).collect();
        let other = siblings[random.below(siblings.len())];
        let operators = other.operators();
        let op = operators[random.below(operators.len())];
        let other = other.text(random, op);
        match random.below(4) {
            0 => format!("{outer}[{text} and {other}]"),
            1 => format!("{outer}[not ({text} or {other})]"),
            2 => format!("{outer}[not ({other}) or {text}]"),
            _ => format!("{outer}[{text}]"),
        }
    }

    /// A line a type and operator, a column a place.
    pub fn table(&self) -> String {
        let mut lines =
            vec![format!("{:<18}{:<4}{}", "type", "op", PLACES.map(|place| format!("{place:>15}")).concat())];
        let rows: std::collections::BTreeSet<(&str, &str)> =
            self.counts.keys().map(|(kind, op, _)| (kind.as_str(), *op)).collect();
        for (kind, op) in rows {
            let count = |place: &'static str| match self.counts.get(&(kind.to_owned(), op, place)) {
                None => format!("{:>15}", "-"),
                Some(count) => format!("{count:>15}"),
            };
            lines.push(format!("{kind:<18}{op:<4}{}", PLACES.map(count).concat()));
        }
        lines.join("\n")
    }

    /// A cell that came less than 1,000 times.
    pub fn rarest(&self) -> Option<(&Cell, &usize)> {
        self.counts.iter().filter(|(_, count)| **count < 1_000).min_by_key(|(_, count)| **count)
    }
}

fn leaves(types: &Types, kinds: Kinds) -> Vec<Leaf> {
    let kind = types.of_kind(kinds);
    let mut leaves = Vec::new();
    let names = match kinds {
        Kinds::Users => &[
            "title",
            "nickName",
            "userName",
            "displayName",
            "profileUrl",
            "active",
            "name",
            "emails",
            "roles",
            "photos",
            "x509Certificates",
            "groups",
            "schemas",
            "id",
            "externalId",
            "meta",
        ][..],
        Kinds::Groups => &["displayName", "members", "schemas", "id", "externalId", "meta"],
    };
    let named = |list: &[Attribute], name: &str| list.iter().find(|a| a.name == name).cloned();
    for name in names {
        let attribute = named(kind.common, name).or_else(|| named(&kind.schema.attributes, name)).unwrap();
        add(&mut leaves, "", &attribute);
    }
    for schema in kind.extensions.iter().filter(|schema| schema.id == BADGE || schema.id == ENTERPRISE) {
        for attribute in schema.attributes.iter() {
            add(&mut leaves, &format!("{}:", schema.id), attribute);
        }
    }
    leaves
}

fn add(leaves: &mut Vec<Leaf>, prefix: &str, attribute: &Attribute) {
    let extension = !prefix.is_empty();
    let full = format!("{prefix}{}", attribute.name);
    let leaf = |outer: Option<&str>, name: String, of: &Attribute, place| Leaf {
        outer: outer.map(str::to_owned),
        name,
        kind: of.kind,
        exact: of.case_exact,
        place: if extension { "extension" } else { place },
    };
    if attribute.sub.is_empty() {
        if attribute.multi {
            leaves.push(leaf(Some(&full), "value".to_owned(), attribute, "value path"));
        }
        leaves.push(leaf(None, full, attribute, if attribute.multi { "multi" } else { "single" }));
        return;
    }
    for sub in attribute.sub.iter() {
        let place = if attribute.multi { "multi" } else { "sub-attribute" };
        leaves.push(leaf(None, format!("{full}.{}", sub.name), sub, place));
        leaves.push(leaf(Some(&full), sub.name.to_string(), sub, "value path"));
    }
}
