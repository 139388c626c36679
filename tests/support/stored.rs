//! Directories as SQL, put into the storage past the service: the same large ones natively and in workerd.

use std::ops::Range;

/// The id of the nth user.
pub fn user(n: usize) -> String {
    format!("00000000-0000-7000-8000-{n:012}")
}

/// The id of the nth group.
pub fn group(n: usize) -> String {
    format!("00000000-0000-7000-9000-{n:012}")
}

/// The counts from one number up to another.
fn numbers(Range { start, end }: Range<usize>) -> String {
    format!("WITH RECURSIVE n (n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM n WHERE n + 1 < {end}) ")
}

/// Users with only a name, `u0`, `u1` and so on.
pub fn users(numbers: Range<usize>) -> String {
    with(numbers, "")
}

/// Users with these attributes beside their name: members of a JSON object as an SQL text, each with a comma behind it.
fn with(numbers: Range<usize>, attributes: &str) -> String {
    let attributes = if attributes.is_empty() { "''" } else { attributes };
    self::numbers(numbers)
        + &format!(
            "INSERT INTO users (id, user_name, user_name_key, more_mail, active, doc, version, seq, created, modified) \
             SELECT printf('00000000-0000-7000-8000-%012d', n), 'u' || n, 'u' || n, 0, 1, \
             '{{\"active\":true,' || {attributes} || '\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"u' \
             || n || '\"}}', 1, 0, 0, 0 FROM n;"
        )
}

/// Groups without members, `g1`, `g2` and so on.
fn groups(numbers: Range<usize>) -> String {
    self::numbers(numbers)
        + "INSERT INTO groups (key, id, display_name, display_name_key, doc, gone, version, seq, created, modified) \
           SELECT -n, printf('00000000-0000-7000-9000-%012d', n), 'g' || n, 'g' || n, '{\"displayName\":\"g' || n || \
           '\",\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:Group\"]}', 0, 1, 0, 0, 0 FROM n;"
}

/// The first users of a directory as members of a group.
fn members(group: usize, count: usize) -> String {
    format!(
        "INSERT INTO members (group_key, user_key) SELECT -{group}, key FROM users \
         WHERE id < printf('00000000-0000-7000-8000-%012d', {count});"
    )
}

/// A user as a member of groups.
fn joined(user: usize, groups: Range<usize>) -> String {
    numbers(groups)
        + &format!(
            "INSERT INTO members (group_key, user_key) SELECT -n, key FROM n, users WHERE id = '{}';",
            self::user(user)
        )
}

/// `roles` with so many values, with a comma behind them.
fn roles(count: usize) -> String {
    format!(
        "(SELECT '\"roles\":' || json_group_array(json_object('value', '' || value)) || ',' FROM \
         (WITH RECURSIVE v (value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM v WHERE value + 1 < {count}) SELECT value FROM v))"
    )
}

/// How many users [`large`] has with only a name.
pub const USERS: usize = 200_000;
/// Users of [`large`] in 30,000 and in 15,000 groups, whose numbers begin at [`CROWD`].
pub const CROWDED: [usize; 2] = [USERS, USERS + 1];
/// The first of the groups that have one or two members.
pub const CROWD: usize = 1_000;
/// Users of [`large`], each with its number of roles: more than may be written today, in one document of more bytes too,
/// and as many as may be.
pub const ROLES: [(usize, usize); 5] =
    [(USERS + 2, 15_000), (USERS + 3, 7_500), (USERS + 4, 1_000), (USERS + 5, 500), (USERS + 6, 16_000)];

/// The group of [`large`] with so many members: 100,000 or 50,000.
pub fn all(members: usize) -> String {
    group(if members == 100_000 { 1 } else { 5 })
}

/// 200,000 users, groups with 100,000 members (1 to 4) and 50,000 (5), users in tens of thousands of groups, users with
/// thousands of roles, and a long journal.
pub fn large() -> String {
    let mut text = users(0..USERS) + &with(CROWDED[0]..CROWDED[1] + 1, "'\"externalId\":\"x' || n || '\",'");
    text += "UPDATE users SET active = 0, external_id = 'x' || substr(user_name, 2), doc = json_set(doc, '$.active', json('false')) \
             WHERE user_name >= 'u200000';";
    for (number, count) in ROLES {
        text += &with(number..number + 1, &roles(count));
    }
    text += &groups(1..6);
    text += &groups(CROWD..CROWD + 30_000);
    for (group, count) in [(1, 100_000), (2, 100_000), (3, 100_000), (4, 100_000), (5, 50_000)] {
        text += &members(group, count);
    }
    text += &joined(CROWDED[0], CROWD..CROWD + 30_000);
    text += &joined(CROWDED[1], CROWD..CROWD + 15_000);
    text += &numbers(0..10_000);
    text += "INSERT INTO refused (code, token, fingerprint, outcome, first_at, last_at, request_id, idp, method, resource, error, \
             names, count) SELECT 'c-' || n % 40, 't-' || n / 4000, printf('f%06d', n), 'refused', n, n, 'r-' || n, 'test', 'PATCH', '/Users/x', \
             '{\"detail\":\"no\",\"status\":400}', '[]', 1 FROM n;";
    text += &changes(20_000);
    text + totals()
}

/// 300 users with titles of 240 KB, and 2,000 refusals of 4 KiB.
pub fn wide() -> String {
    let refusals = "INSERT INTO refused (code, token, fingerprint, outcome, first_at, last_at, request_id, idp, method, resource, \
                    error, names, count) SELECT 'c-' || n % 40, 't-' || n / 500, printf('f%06d', n), 'refused', n, n, 'r-' || n, 'test', \
                    'PATCH', '/Users/x', json_object('status', 400, 'detail', printf('%.*c', 3800, 'd')), '[]', 1 FROM n;";
    with(0..300, "'\"title\":\"' || printf('%s%06d', printf('%.*c', 240000, 't'), n) || '\",'")
        + &numbers(0..2_000)
        + refusals
        + totals()
}

/// 100,000 users with two addresses each.
pub fn mail() -> String {
    let mails = "'\"emails\":[{\"type\":\"work\",\"value\":\"u' || n || '@a.example\"},{\"type\":\"home\",\"value\":\"u' || n || \
                 '@b.example\"}],'";
    let columns = "UPDATE users SET more_mail = 1, mail_key = user_name || '@a.example';";
    with(0..100_000, mails) + columns + totals()
}

/// So many changes of users.
fn changes(count: usize) -> String {
    numbers(0..count)
        + "INSERT INTO changes (seq, request_seq, at, request_id, idp, repairs, kind, resource, id, users, active_users, \
           groups, memberships) SELECT head + n + 1, head + n + 1, at, 'r-' || n, 'test', '[]', 'updated', 'User', \
           printf('00000000-0000-7000-8000-%012d', n), 0, 0, 0, 0 FROM n, \
           (SELECT coalesce(max(seq), 0) AS head, coalesce(max(at), 0) AS at FROM changes);"
}

/// The running totals of what was put in: a change, as an import's end writes it.
pub fn totals() -> &'static str {
    "INSERT INTO changes (seq, request_seq, at, request_id, idp, repairs, kind, resource, id, users, active_users, groups, \
     memberships, spelled) SELECT seq, seq, at, 'r-0', 'test', '[]', 'imported', 'Organisation', 'acme', \
     (SELECT count(*) FROM users), (SELECT count(*) FROM users WHERE active), (SELECT count(*) FROM groups WHERE gone = 0), \
     (SELECT count(*) FROM members), 1 FROM (SELECT coalesce(max(seq), 0) + 1 AS seq, coalesce(max(at), 0) AS at FROM changes);"
}
