//! Lists and searches (RFC 7644 section 3.4.2, RFC 9865).
//!
//! A query that one index answers is read at once. Any other is a [`Scan`]: it reads the rows in pieces, with other
//! requests between them, and ends with its request. It holds a position and the places of a page, never the rows.

mod candidates;
mod judge;
mod page;
mod related;
pub(crate) mod scan;
mod step;

use crate::budget::Budget;
use crate::directory::reply::Answer;
use crate::directory::scim::{Command, Members};
use crate::error::Result;
use crate::org::read::pages::Pages;
use crate::scim::schema::{Kinds, Types};
use crate::store::Sql;
use scan::Scan;

/// The outcome of a search: its answer, or its rest.
pub(crate) enum Searched {
    /// It is answered.
    At(Answer),
    /// It goes on in steps.
    Scan(Box<Scan>),
}

/// Begins a search; `None` for a command that searches nothing. `token` is the caller's public id.
pub(crate) fn begin(
    sql: &dyn Sql,
    pages: &mut Pages,
    types: &Types,
    command: &Command,
    base: &str,
    token: Option<&str>,
    budget: &Budget,
) -> Option<Result<Searched>> {
    let (lists, members) = match command {
        Command::ListUsers { list } => (vec![(Kinds::Users, list)], Members::Hidden),
        Command::ListGroups { list, members } => (vec![(Kinds::Groups, list)], *members),
        Command::Search { users, groups, members } => {
            (vec![(Kinds::Users, users.as_ref()), (Kinds::Groups, groups.as_ref())], *members)
        }
        _ => return None,
    };
    let mut begin = || {
        let scan = Scan::new(sql, &lists, members, base, types)?;
        Ok(match scan.at_once(sql, pages, token.unwrap_or_default(), budget)? {
            Some(answer) => Searched::At(answer),
            None => Searched::Scan(Box::new(scan)),
        })
    };
    Some(begin())
}
