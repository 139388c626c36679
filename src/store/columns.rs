//! Lists of columns as statements need them, so that the list of a table stands once in the source. A list is text with
//! a comma and a space between the names.

/// Returns the assignments of an UPDATE: `a = ?, b = ?`.
pub(super) fn assigned(columns: &str) -> String {
    each_column(columns, |column| format!("{column} = ?"))
}

/// Returns the assignments of an upsert, which take the values that were to be inserted: `a = excluded.a`.
pub(super) fn excluded(columns: &str) -> String {
    each_column(columns, |column| format!("{column} = excluded.{column}"))
}

/// Returns the parameters of an INSERT: a `?` for each column.
pub(super) fn parameters(columns: &str) -> String {
    each_column(columns, |_| "?".to_owned())
}

fn each_column(columns: &str, write: impl Fn(&str) -> String) -> String {
    columns.split(", ").map(write).collect::<Vec<_>>().join(", ")
}
