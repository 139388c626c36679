//! Everything that an object's storage holds, to be compared.

use super::native::Native;
use rusqlite::types::Value;

/// A line for each row of each table.
pub fn everything(server: &Native) -> Vec<String> {
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    rows(server, names)
        .iter()
        .flat_map(|row| {
            let Value::Text(name) = &row[0] else { panic!("{row:?}") };
            rows(server, &format!("SELECT * FROM {name}")).into_iter().map(move |row| format!("{name} {row:?}"))
        })
        .collect()
}

/// Returns the content of the directory, without versions and times.
pub fn content(server: &Native) -> Vec<String> {
    [
        "SELECT id, doc, active FROM users ORDER BY id",
        "SELECT id, doc FROM groups WHERE gone = 0 ORDER BY id",
        "SELECT group_key, user_key FROM members ORDER BY 1, 2",
    ]
    .iter()
    .flat_map(|text| rows(server, text))
    .map(|row| format!("{row:?}"))
    .collect()
}

fn rows(server: &Native, text: &str) -> Vec<Vec<Value>> {
    let mut statement = server.sql.connection.prepare(text).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|column| row.get::<_, Value>(column)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}
