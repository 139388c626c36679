//! Every repair as rows of tables in `repairs/`: the request as it is sent, what it means, and the name that the journal
//! gets. And the other side: what is compliant needs none.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::Server;
use crate::support::quirks::{Row, directory, fill, ingested, request, run};
use scim_edge::auth::Dialect;
use scim_edge::dialect::{self, Repair, Repairs};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TABLES: [&str; 4] = [BODIES, PATCHES, MEMBERS, FILTERS];
const BODIES: &str = include_str!("repairs/bodies.json");
const PATCHES: &str = include_str!("repairs/patches.json");
const MEMBERS: &str = include_str!("repairs/members.json");
const FILTERS: &str = include_str!("repairs/filters.json");
const COMPLIANT: &str = include_str!("repairs/compliant.json");

#[test]
fn bodies() {
    run(BODIES, "");
}

#[test]
fn patches() {
    run(PATCHES, "/Users/$ada");
}

#[test]
fn members() {
    run(MEMBERS, "/Groups/$crew");
}

#[test]
fn filters() {
    run(FILTERS, "");
}

#[test]
fn every_repair_has_a_row() {
    let mut shown = BTreeSet::new();
    for row in TABLES.iter().flat_map(|text| serde_json::from_str::<Vec<Value>>(text).unwrap()) {
        shown.extend(row["repairs"].as_str().unwrap().split_whitespace().map(str::to_owned));
    }
    let names: BTreeSet<String> = Repair::ALL.iter().map(|(_, name)| (*name).to_owned()).collect();
    assert_eq!(shown, names);
}

/// A compliant request is read as the dialect `rfc` reads it, and nothing is noted of it.
#[test]
fn compliant_requests_come_through_unchanged() {
    let rows: Vec<Value> = serde_json::from_str(COMPLIANT).unwrap();
    assert!(rows.len() >= 36);
    let (mut server, ids) = directory(Dialect::Auto);
    for row in rows {
        let row: Value = serde_json::from_str(&fill(&ids, &row.to_string())).unwrap();
        let request = request(row["send"].as_str().unwrap(), row.get("body"));
        if let (Some(Value::Object(body)), false) = (row.get("body"), request.method == "PATCH") {
            let kind = if request.path.starts_with("/Users") { &server.types.user } else { &server.types.group };
            let mut repairs = Repairs::default();
            assert_eq!(dialect::mend_body(kind, body.clone(), &mut repairs), *body);
            assert_eq!(repairs, Repairs::default(), "{row}");
        }
        let [auto, rfc] = [Dialect::Auto, Dialect::Rfc].map(|dialect| {
            server.dialect = dialect;
            let read = ingested(&server, &request).unwrap_or_else(|error| panic!("{row}: {error:?}"));
            assert_eq!((&read.repairs, &read.notes), (&Vec::new(), &Vec::new()), "{row}");
            (canonical(&serde_json::to_value(&read.command).unwrap()), read.precondition, read.projection)
        });
        assert_eq!(auto, rfc, "{row}");
    }
}

/// A command without what the dialect decides: the answer to a PATCH, what becomes of a place that is not there or of a
/// `null`, and that a new user is active.
fn canonical(command: &Value) -> Value {
    match command {
        Value::Object(map) => {
            let decided = |name: &str| ["answer", "missing", "mendFormatted", "nullKeeps"].contains(&name);
            let mut map: Map<String, Value> =
                map.iter().filter(|(name, _)| !decided(name)).map(|(n, v)| (n.clone(), canonical(v))).collect();
            if let Some(Value::Object(user)) = map.get_mut("createUser").map(|create| &mut create["user"]["attributes"])
            {
                user.entry("active").or_insert(Value::Bool(true));
            }
            Value::Object(map)
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_dialect_rfc_mends_two_things_only() {
    let (mut server, ids) = directory(Dialect::Rfc);
    let mut read = 0;
    for (text, patched) in [(BODIES, ""), (PATCHES, "/Users/$ada"), (MEMBERS, "/Groups/$crew"), (FILTERS, "")] {
        for row in serde_json::from_str::<Vec<Value>>(&fill(&ids, text)).unwrap() {
            let request = serde_json::from_value::<Row>(row.clone()).unwrap().request(&fill(&ids, patched));
            server.dialect = Dialect::Rfc;
            if let Ok(ingested) = ingested(&server, &request) {
                read += 1;
                let mut others = ingested.repairs;
                others.retain(|name| !["op_case", "remove_members_by_value"].contains(&name.as_str()));
                assert_eq!(others, Vec::<String>::new(), "{row}");
            }
        }
    }
    assert!(read > 5, "{read}");
}

/// The table of `docs/idp/README.md`: what the dialect `rfc` answers to a request that needs one repair and no other.
#[test]
fn what_rfc_answers_to_what_needs_a_repair() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (text, patched) in [(BODIES, ""), (PATCHES, "/Users/$ada"), (MEMBERS, "/Groups/$crew"), (FILTERS, "")] {
        for row in serde_json::from_str::<Vec<Value>>(text).unwrap() {
            let all: Vec<&str> = row["repairs"].as_str().unwrap().split(' ').collect();
            let others: Vec<&str> =
                all.iter().copied().filter(|name| !["op_case", "remove_members_by_value"].contains(name)).collect();
            let name = match (others.as_slice(), all.as_slice()) {
                ([one], _) | ([], [one]) if !one.is_empty() => *one,
                _ => continue,
            };
            let (mut server, ids) = directory(Dialect::Rfc);
            let row: Value = serde_json::from_str(&fill(&ids, &row.to_string())).unwrap();
            if row.get("before").is_some() {
                continue;
            }
            let request = serde_json::from_value::<Row>(row).unwrap().request(&fill(&ids, patched));
            let answer = server.scim(request);
            let outcome = match answer.text("scimType") {
                "" => answer.status.to_string(),
                scim_type => format!("{} `{scim_type}`", answer.status),
            };
            found.entry(name.to_owned()).or_default().insert(outcome);
        }
    }
    let readme = include_str!("../../docs/idp/README.md");
    let table = readme.split_once("## What `rfc` refuses").unwrap().1.split_once("\n## ").unwrap().0;
    let mut told: BTreeMap<String, BTreeSet<String>> = table
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").collect();
            let name = cells[0].trim_end_matches('`').to_owned();
            Some((name, cells[2].split(';').map(|part| part.split(',').next().unwrap().trim().to_owned()).collect()))
        })
        .collect();
    // Some are never needed alone.
    told.retain(|name, _| found.contains_key(name));
    assert_eq!(told, found);
}

#[test]
fn every_other_dialect_runs_all_but_one() {
    let dialects = ["auto", "okta", "entra", "onelogin", "jumpcloud", "google", "ping", "rippling", "cyberark"];
    for name in dialects.into_iter().chain(["authentik", "keycloak", "wso2"]) {
        let dialect: Dialect = serde_json::from_value(json!(name)).unwrap();
        let (server, ids) = directory(dialect);
        for (text, patched) in [(BODIES, ""), (PATCHES, "/Users/$ada"), (MEMBERS, "/Groups/$crew"), (FILTERS, "")] {
            for row in serde_json::from_str::<Vec<Value>>(&fill(&ids, text)).unwrap() {
                let request = serde_json::from_value::<Row>(row.clone()).unwrap().request(&fill(&ids, patched));
                let partial = request.method == "PUT" && name == "wso2";
                // The repairs that only the stored resource shows, and those of wso2's PUT, which is read as a PATCH.
                let elsewhere = ["create_missing_element", "stale_formatted", "partial_put"];
                let wanted = row["repairs"]
                    .as_str()
                    .unwrap()
                    .split(' ')
                    .filter(|one| !elsewhere.contains(one) && !one.is_empty());
                let read = ingested(&server, &request);
                if row.get("dialect").is_some() || partial {
                    continue;
                }
                assert_eq!(read.unwrap().repairs, wanted.collect::<Vec<_>>(), "{name}: {row}");
            }
        }
    }
}
