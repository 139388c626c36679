//! Directories as SQL, put into the storage past the service: the same large ones natively and in workerd.

use std::ops::Range;

/// The id of the nth user.
pub fn user(n: usize) -> String {
    format!("00000000-0000-7000-8000-{n:012}")
}

/// Users with only a name, `u0`, `u1` and so on.
pub fn users(numbers: Range<usize>) -> String {
    let Range { start, end } = numbers;
    format!(
        "WITH RECURSIVE n (n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM n WHERE n + 1 < {end}) \
         INSERT INTO users (id, user_name, user_name_key, more_mail, active, doc, version, seq, created, modified) \
         SELECT printf('00000000-0000-7000-8000-%012d', n), 'u' || n, 'u' || n, 0, 1, '{{\"userName\":\"u' || n || '\"}}', \
         1, 0, 0, 0 FROM n;"
    )
}

/// The running totals of what was put in: a change, as an import's end writes it.
pub fn totals() -> &'static str {
    "INSERT INTO changes (seq, request_seq, at, request_id, idp, repairs, kind, resource, id, users, active_users, groups, \
     memberships) SELECT seq, seq, at, 'r-0', 'test', '[]', 'imported', 'Organisation', 'acme', \
     (SELECT count(*) FROM users), (SELECT count(*) FROM users WHERE active), (SELECT count(*) FROM groups WHERE gone = 0), \
     (SELECT count(*) FROM members) FROM (SELECT coalesce(max(seq), 0) + 1 AS seq, coalesce(max(at), 0) AS at FROM changes);"
}
