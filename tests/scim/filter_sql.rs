//! SQL finds what the evaluator finds: random filters on random directories, in SQLite under the platform's limits.
//! `FILTERS` in the environment sets how many.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::directory::{self, types};
use crate::support::filters::Cells;
use crate::support::native::{BASE, Native};
use crate::support::random::Random;
use scim_edge::auth::Dialect;
use scim_edge::directory::view;
use scim_edge::scim::filter::{self, Filter, Forms};
use scim_edge::scim::schema::{Kinds, Types};
use scim_edge::store::filter::{Condition, compile, look_up};
use scim_edge::store::search::{IndexOrder, ResourceRow, SearchRange, by_keys, find_matches};
use scim_edge::store::{Sql, members};
use std::collections::BTreeSet;

const USERS: usize = 40;
/// How many filters one directory serves.
const FILTERS_EACH: usize = 250;

#[test]
fn sql_finds_what_the_evaluator_finds() {
    let filters: usize = std::env::var("FILTERS").ok().map_or(6_000, |text| text.parse().unwrap());
    let (types, mut random, mut cells) = (types(), Random(20_261_125), Cells::default());
    let (mut pairs, mut telling, mut left_open) = (0, 0, 0);
    for _ in 0..filters.div_ceil(FILTERS_EACH) {
        let mut server = Native::new(Dialect::Auto);
        directory::fill(&mut server, &mut random, USERS);
        let (users, groups) = (whole(&server, Kinds::Users), whole(&server, Kinds::Groups));
        for _ in 0..FILTERS_EACH {
            let kinds = if random.one_in(8) { Kinds::Groups } else { Kinds::Users };
            let resources = if kinds == Kinds::Users { &users } else { &groups };
            let text = cells.filter(&mut random, &types, kinds, resources.len());
            let filter = filter::parse(&text, Forms::Strict).unwrap().resolve(types.of_kind(kinds), Forms::Strict);
            let filter = filter.unwrap_or_else(|error| panic!("{text}: {error}"));
            let wanted: BTreeSet<i64> =
                resources.iter().filter(|(_, resource)| filter.matches(resource)).map(|(key, _)| *key).collect();
            let condition = compile(&filter, kinds, types.of_kind(kinds), BASE, true);
            let mut found = keys(&server, kinds, &condition);
            if !condition.exact {
                assert!(found.is_superset(&wanted), "{text}\n{}", condition.text);
                let fits = |key: &i64| resources.iter().any(|(own, resource)| own == key && filter.matches(resource));
                found.retain(fits);
                left_open += 1;
            }
            assert_eq!(found, wanted, "{kinds:?} {text}\n{}\n{}", condition.text, condition.constants);
            pairs += resources.len();
            telling += if wanted.is_empty() || wanted.len() == resources.len() { 0 } else { resources.len() };
        }
    }
    println!("{}", cells.table());
    println!(
        "{pairs} pairs of resource and filter, {telling} of them under a filter that finds some and not all; \
              {left_open} of {filters} filters were left to the evaluator in part"
    );
    assert!(pairs >= 100_000 && telling * 10 >= pairs * 3, "{telling} of {pairs}");
    assert_eq!(cells.rarest(), None, "a cell of the table was compared less than 1,000 times");
}

fn keys(server: &Native, kinds: Kinds, condition: &Condition) -> BTreeSet<i64> {
    find_matches(&server.sql, &range(kinds), None, condition).unwrap().into_iter().map(|found| found.key).collect()
}

fn range(kinds: Kinds) -> SearchRange<'static> {
    SearchRange { kinds, order: IndexOrder::Id, descending: false, after: None }
}

type Whole = Vec<(i64, serde_json::Map<String, serde_json::Value>)>;

/// Every resource with all that is computed.
fn whole(server: &Native, kinds: Kinds) -> Whole {
    let all = Condition { text: "1".into(), constants: "[]".into(), exact: true, passes: 0 };
    let complete = |record: ResourceRow| {
        let (key, mut stored) = (record.key, record.stored);
        match kinds {
            Kinds::Users => {
                let groups = members::groups_of_users(&server.sql, &[key], 1000).unwrap();
                stored.groups = groups.into_iter().map(|(_, group)| group).collect();
                stored.groups.sort_by(|a, b| a.id.cmp(&b.id));
            }
            Kinds::Groups => {
                stored.members = Some(members::member_ids(&server.sql, key, members::BEFORE_ALL, 1000).unwrap().0)
            }
        }
        (key, view::whole_resource(&stored, kinds, BASE).unwrap())
    };
    let keys: Vec<i64> =
        find_matches(&server.sql, &range(kinds), None, &all).unwrap().into_iter().map(|found| found.key).collect();
    by_keys(&server.sql, kinds, &keys).unwrap().into_iter().map(complete).collect()
}

fn resolved(text: &str, kinds: Kinds, types: &Types) -> Filter {
    filter::parse(text, Forms::Lenient).unwrap().resolve(types.of_kind(kinds), Forms::Lenient).unwrap()
}

/// The look-ups that providers make, each answered from an index and never by going through the rows.
#[test]
fn look_ups_use_indexes() {
    let (server, types) = (Native::new(Dialect::Auto), Types::default());
    let ids = (0..120).map(|n| format!("id eq \"{n}\"")).collect::<Vec<_>>().join(" or ");
    for (kinds, text, indexes) in [
        (Kinds::Users, "id eq \"a\"", &["sqlite_autoindex_users_1 (id=?)"][..]),
        (Kinds::Users, "userName eq \"a\"", &["sqlite_autoindex_users_2 (user_name_key=?)"]),
        (Kinds::Users, "externalId eq \"a\"", &["users_external_id (external_id=?)"]),
        (Kinds::Users, "active eq true and userName eq \"a\"", &["sqlite_autoindex_users_2 (user_name_key=?)"]),
        (Kinds::Users, "userName eq \"a\" or externalId eq \"b\"", &["(user_name_key=?)", "(external_id=?)"]),
        (Kinds::Users, "emails[type eq \"work\"].value eq \"a\"", &["users_mail (mail_key=?)", "users_more_mail"]),
        (Kinds::Users, &ids, &["sqlite_autoindex_users_1 (id=?)"]),
        (Kinds::Groups, "id eq \"a\" and members.value eq \"b\"", &["sqlite_autoindex_groups_1 (id=?)"]),
        (Kinds::Groups, "displayName eq \"a\"", &["sqlite_autoindex_groups_2 (display_name_key=?)"]),
        (Kinds::Groups, "externalId eq \"a\"", &["groups_external_id (external_id=?)"]),
    ] {
        let filter = resolved(text, kinds, &types);
        assert!(look_up(&filter, kinds).is_some(), "{text}");
        let condition = compile(&filter, kinds, types.of_kind(kinds), BASE, true);
        let plan = plan(&server, kinds, &condition);
        println!("{}\n  {}", text.get(..60).unwrap_or(text), plan.replace('\n', "\n  "));
        assert!(indexes.iter().all(|index| plan.contains(index)), "{text}: {plan}");
        assert!(!plan.lines().any(|line| line.trim() == "SCAN r"), "{text}: {plan}");
    }
    for text in ["title eq \"a\"", "not (userName eq \"a\")", "userName ne \"a\"", "userName eq \"a\" or title pr"] {
        assert!(look_up(&resolved(text, Kinds::Users, &types), Kinds::Users).is_none(), "{text}");
    }
}

fn plan(server: &Native, kinds: Kinds, condition: &Condition) -> String {
    let table = if kinds == Kinds::Users { "users" } else { "groups" };
    let text = format!(
        "EXPLAIN QUERY PLAN SELECT r.key, r.id FROM {table} r WHERE ?1 IS NOT NULL AND {} ORDER BY r.id",
        condition.text
    );
    let mut statement = server.sql.connection.prepare(&text).unwrap();
    let rows = statement.query_map([&condition.constants], |row| row.get::<_, String>(3)).unwrap();
    rows.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

/// Filters as large as they may be, under the platform's limits on expressions and statements.
#[test]
fn filters_at_their_limits() {
    let (server, types) = (Native::new(Dialect::Auto), types());
    let deep = format!("{}userName eq \"a\"{}", "not (title pr and ".repeat(16), ")".repeat(16));
    let chain = (0..120).map(|n| format!("nickName eq \"{n}\"")).collect::<Vec<_>>().join(" or ");
    let wide = format!("{}userName pr{}", "title pr and (active eq true or ".repeat(16), ")".repeat(16));
    let longest = (0..409).map(|_| "title pr").collect::<Vec<_>>().join(" or ").chars().take(4090).collect::<String>();
    let longest = longest.trim_end_matches(|c| c != 'r').trim_end_matches(" or");
    let values = format!("emails[{}]", (0..100).map(|n| format!("value eq \"{n}\"")).collect::<Vec<_>>().join(" or "));
    let badge = |n: usize| format!("{}:many.text co \"{n}\"", directory::BADGE);
    let extension = (0..40).map(badge).collect::<Vec<_>>().join(" and ");
    for text in [deep.as_str(), &chain, &wide, longest, &values, &extension] {
        assert!(text.len() <= filter::MAX_TEXT, "{}", text.len());
        let filter = resolved(text, Kinds::Users, &types);
        let condition = compile(&filter, Kinds::Users, &types.user, BASE, true);
        assert!(
            server
                .sql
                .query(
                    &format!("SELECT r.key FROM users r WHERE ?1 IS NOT NULL AND {}", condition.text),
                    &[scim_edge::store::Param::Text(&condition.constants)]
                )
                .is_ok(),
            "{text}"
        );
    }
}
