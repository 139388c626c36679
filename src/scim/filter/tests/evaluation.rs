use super::*;

fn stored() -> Json {
    json!({
        "schemas": [USER, ENTERPRISE],
        "id": "Ab1",
        "userName": "Bjensen@Example.com",
        "displayName": "",
        "active": false,
        "name": {"familyName": "Ünal"},
        "emails": [
            {"value": "Babs@Work.example", "type": "work", "primary": true},
            {"value": "babs@home.example", "type": "home"},
            {"value": "babs@untyped.example"},
        ],
        "roles": [],
        "addresses": [{"type": "", "formatted": null}],
        "meta": {"lastModified": "2026-01-31T08:00:00.5+01:00"},
        ENTERPRISE: {"employeeNumber": "701984", "manager": {"value": "26118915"}},
        BADGE: {"number": 9_007_199_254_740_993_i64, "score": 2.5},
        DESK: {},
    })
}

#[track_caller]
fn matches(text: &str, expected: bool) {
    let filter = parse(text, Forms::Lenient).unwrap().resolve(&user(), Forms::Lenient).unwrap();
    assert_eq!(filter.matches(stored().as_object().unwrap()), expected, "{filter}");
}

#[track_caller]
fn finds(text: &str) {
    matches(text, true);
}

#[track_caller]
fn misses(text: &str) {
    matches(text, false);
}

#[test]
fn strings() {
    finds(r#"userName eq "bjensen@EXAMPLE.com""#);
    misses(r#"userName eq "bjensen""#);
    finds(r#"userName ne "bjensen""#);
    misses(r#"userName ne "BJENSEN@example.com""#);
    finds(r#"userName sw "BJ""#);
    finds(r#"userName co "@EX""#);
    finds(r#"userName ew ".COM""#);
    misses(r#"userName ew "@""#);
    finds(r#"userName sw "" and userName co "" and userName ew """#);
    finds(r#"userName gt "BJ" and userName ge "bjensen@example.com" and userName lt "C""#);
    misses(r#"userName gt "bjensen@example.com" or userName le "BJ""#);
    finds(r#"name.familyName eq "U\u0308NAL""#);
    finds(r#"id eq "Ab1" and id gt "AZ" and id lt "a""#);
    misses(r#"id eq "ab1" or id sw "a""#);
    finds(r#"displayName eq """#);
    finds(&format!("schemas eq {ENTERPRISE:?}"));
    misses(&format!("schemas eq {GROUP:?}"));
}

#[test]
fn other_types() {
    finds("active eq false and active ne true");
    misses("active eq true or active ne false");
    let modified = |rest: &str| format!("meta.lastModified {rest}");
    finds(&modified(r#"eq "2026-01-31T07:00:00.500Z""#));
    finds(&modified(r#"gt "2026-01-31T07:30:00+01:00""#));
    misses(&modified(r#"ne "2026-01-31T07:00:00.500Z""#));
    misses(&modified(r#"lt "2026-01-31T07:00:00.500Z""#));
    finds(&modified(r#"le "2026-01-31T07:00:00.500Z""#));
    let badge = |rest: &str| format!("{BADGE}:{rest}");
    finds(&badge("number eq 9007199254740993"));
    misses(&badge("number eq 9007199254740992"));
    finds(&badge("score eq 2.50"));
    finds(&badge("score gt 2"));
    finds(&badge("number gt 1e3"));
    misses(&badge("score ge 3"));
}

#[test]
fn presence() {
    finds("userName pr and active pr and emails pr and emails.primary pr and name pr");
    finds(&format!("{ENTERPRISE} pr and {BADGE}:score pr and manager.value pr"));
    for text in ["name.givenName pr", "displayName pr", "roles pr", "addresses pr", "addresses.type pr"] {
        misses(text);
    }
    misses(&format!("{DESK} pr"));
    misses("department pr or externalId pr".replace("department", &format!("{ENTERPRISE}:department")).as_str());
    finds("externalId eq null and roles eq null and userName ne null");
    misses("userName eq null");
}

#[test]
fn absent_attributes() {
    finds(r#"externalId ne "x""#);
    finds(r#"name.givenName ne "x""#);
    finds(&format!("{DESK}:floor ne \"x\""));
    finds(r#"roles.value ne "x""#);
    for op in ["eq", "co", "sw", "ew", "gt", "ge", "lt", "le"] {
        misses(&format!("externalId {op} \"\""));
        misses(&format!("roles.value {op} \"\""));
    }
    finds(r#"not (externalId eq "x")"#);
}

#[test]
fn multi_valued_attributes() {
    finds(r#"emails.type eq "HOME""#);
    finds(r#"emails co "@HOME""#);
    finds(r#"emails.type eq "work" and emails.value sw "babs@home""#);
    misses(r#"emails[type eq "work" and value sw "babs@home"]"#);
    finds(r#"emails[type eq "work" and value sw "BABS@work" and primary eq true]"#);
    finds(r#"emails[type eq "work"].value eq "babs@work.example""#);
    misses(r#"emails[type eq "home"].value eq "babs@work.example""#);
    finds(r#"emails.type ne "work""#);
    finds(r#"emails[type ne "work" and type ne "home"]"#);
    misses(r#"emails[value ne "babs@untyped.example" and not (type pr)]"#);
    misses(r#"not (emails.type eq "work")"#);
    misses(r#"roles[value ne "x"]"#);
    misses(r#"externalId pr or emails[not (value pr)]"#);
    finds(r#"manager[value eq "26118915"]"#);
    finds(r#"name[familyName pr and not (givenName pr)]"#);
}

#[test]
fn what_is_stored_otherwise() {
    let filter = |text: &str| parse(text, Forms::Lenient).unwrap().resolve(&user(), Forms::Lenient).unwrap();
    for (text, stored) in [
        (r#"userName eq "1""#, json!({"userName": 1})),
        ("active eq true", json!({"active": "true"})),
        (r#"meta.lastModified ge "2026-01-31T08:00:00Z""#, json!({"meta": {"lastModified": "soon"}})),
        (r#"emails.value eq "x""#, json!({"emails": ["x"]})),
        (r#"emails[value eq "x"]"#, json!({"emails": "x"})),
        (r#"manager eq "x""#, json!({ENTERPRISE: "x"})),
    ] {
        assert!(!filter(text).matches(stored.as_object().unwrap()), "{text}");
    }
}
