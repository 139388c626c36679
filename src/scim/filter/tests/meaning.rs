use super::*;

#[track_caller]
fn resolves(text: &str, json: Json) {
    for forms in [Forms::Strict, Forms::Lenient] {
        resolved(text, forms, &json);
    }
}

#[track_caller]
fn resolved(text: &str, forms: Forms, json: &Json) {
    let filter = parse(text, forms).unwrap().resolve(&user(), forms).unwrap();
    assert_eq!(&serde_json::to_value(&filter).unwrap(), json);
    assert_eq!(serde_json::from_value::<Filter>(json.clone()).unwrap(), filter);
    let again = parse(&filter.to_string(), Forms::Strict).unwrap().resolve(&user(), Forms::Strict).unwrap();
    assert_eq!(again, filter);
}

#[track_caller]
fn refuses(text: &str, detail: &str) {
    for forms in [Forms::Strict, Forms::Lenient] {
        refused(text, forms, detail);
    }
}

#[track_caller]
fn refused(text: &str, forms: Forms, detail: &str) {
    let error = parse(text, forms).unwrap().resolve(&user(), forms).unwrap_err();
    assert_eq!((error.kind(), error.detail.as_str()), (crate::error::Kind::InvalidFilter, detail));
}

fn folded(text: &str, key: &str) -> Json {
    json!({"folded": {"text": text, "key": key}})
}

#[test]
fn serialised_form_is_pinned() {
    let text = r#"USERNAME eq "Ä" and not (active eq true) or emails[type eq "work"] or id pr
        or urn:example:badge:1.0:score ge 1.5 or meta.lastmodified lt "1970-01-01T00:00:01Z" or externalId ne "x""#;
    let filter = parse(text, Forms::Strict).unwrap().resolve(&user(), Forms::Strict).unwrap();
    let bytes = concat!(
        r#"{"or":[{"and":[{"cmp":{"target":{"name":"userName"},"op":"eq","value":{"folded":{"text":"Ä","key":"ä"}}}},"#,
        r#"{"not":{"cmp":{"target":{"name":"active"},"op":"eq","value":{"boolean":true}}}}]},"#,
        r#"{"has":{"target":{"name":"emails"},"filter":"#,
        r#"{"cmp":{"target":{"name":"type"},"op":"eq","value":{"folded":{"text":"work","key":"work"}}}}}},"#,
        r#"{"pr":{"name":"id"}},"#,
        r#"{"cmp":{"target":{"urn":"urn:example:badge:1.0","name":"score"},"op":"ge","value":{"number":1.5}}},"#,
        r#"{"cmp":{"target":{"name":"meta","sub":"lastModified"},"op":"lt","#,
        r#""value":{"instant":{"text":"1970-01-01T00:00:01Z","ms":1000}}}},"#,
        r#"{"cmp":{"target":{"name":"externalId"},"op":"ne","value":{"exact":"x"}}}]}"#,
    );
    assert_eq!(serde_json::to_string(&filter).unwrap(), bytes);
    assert_eq!(serde_json::from_str::<Filter>(bytes).unwrap(), filter);
}

#[test]
fn names() {
    resolves("username pr", json!({"pr": {"name": "userName"}}));
    resolves("NAME.GIVENNAME pr", json!({"pr": {"name": "name", "sub": "givenName"}}));
    resolves("name pr", json!({"pr": {"name": "name"}}));
    resolves("urn:ietf:params:scim:schemas:core:2.0:User:name pr", json!({"pr": {"name": "name"}}));
    resolves("URN:IETF:params:scim:schemas:core:2.0:user:id pr", json!({"pr": {"name": "id"}}));
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0";
    resolves(
        &format!("{enterprise}:USER:MANAGER.displayname pr"),
        json!({"pr": {"urn": ENTERPRISE, "name": "manager", "sub": "displayName"}}),
    );
    resolves(&format!("{enterprise}:user pr"), json!({"pr": {"urn": ENTERPRISE, "name": ""}}));
    resolves("urn:example:badge:1.0 pr", json!({"pr": {"urn": BADGE, "name": ""}}));
    resolves(&format!("{DESK} pr"), json!({"pr": {"urn": DESK, "name": ""}}));
    resolves(&format!("{DESK}:floor pr"), json!({"pr": {"urn": DESK, "name": "floor"}}));

    refuses("nickname pr", "User has no attribute \"nickname\"");
    refuses("name.nick pr", "User has no attribute \"name.nick\"");
    refuses("userName.value eq \"x\"", "User has no attribute \"userName.value\"");
    refuses("emails[nick pr]", "User has no attribute \"emails.nick\"");
    refuses("emails[emails.type pr]", "User has no attribute \"emails.emails.type\"");
    refuses("urn:a:b:userName pr", "User has no attribute \"urn:a:b:userName\"");
    refuses("department pr", "User has no attribute \"department\"");
    refuses(&format!("{USER} pr"), &format!("User has no attribute \"{USER}\""));
    refuses(&format!("{USER}x:id pr"), &format!("User has no attribute \"{USER}x:id\""));
    refuses(&format!("{GROUP}:members pr"), &format!("User has no attribute \"{GROUP}:members\""));
    refuses(&format!("{DESK}:department pr"), &format!("User has no attribute \"{DESK}:department\""));
    let error = parse("nick pr", Forms::Strict).unwrap().resolve(&user(), Forms::Strict).unwrap_err();
    assert_eq!(error.names, ["nick"]);
}

#[test]
fn lenient_names() {
    let number = json!({"pr": {"urn": ENTERPRISE, "name": "employeeNumber"}});
    for text in ["employeenumber pr".into(), format!("{ENTERPRISE}.employeeNumber pr")] {
        resolved(&text, Forms::Lenient, &number);
        refused(&text, Forms::Strict, &format!("User has no attribute {:?}", text.trim_end_matches(" pr")));
    }
    let manager = json!({"pr": {"urn": ENTERPRISE, "name": "manager", "sub": "value"}});
    resolved("manager.value pr", Forms::Lenient, &manager);
    resolved(&format!("{ENTERPRISE}.manager.value pr"), Forms::Lenient, &manager);
    resolved("urn:example:badge:1.0.score pr", Forms::Lenient, &json!({"pr": {"urn": BADGE, "name": "score"}}));
}

#[test]
fn complex_attributes() {
    let value = |name: &str, op: &str, value: Json| {
        let target = json!({"name": name, "sub": "value"});
        json!({"cmp": {"target": target, "op": op, "value": value}})
    };
    resolves(r#"emails co "X""#, value("emails", "co", folded("X", "x")));
    resolves(r#"x509Certificates eq "QQ==""#, value("x509Certificates", "eq", json!({"exact": "QQ=="})));
    resolved(
        r#"id eq "X" and manager eq "Y""#,
        Forms::Lenient,
        &json!({"and": [
            {"cmp": {"target": {"name": "id"}, "op": "eq", "value": {"exact": "X"}}},
            {"cmp": {"target": {"urn": ENTERPRISE, "name": "manager", "sub": "value"}, "op": "eq",
                "value": {"exact": "Y"}}},
        ]}),
    );
    let complex = "is complex: compare one of its sub-attributes, or use pr";
    refuses(r#"name eq "x""#, &format!("\"name\" {complex}"));
    refuses(r#"addresses co "x""#, &format!("\"addresses\" {complex}"));
    refuses(&format!("{DESK} eq 1"), &format!("\"{DESK}\" is a schema extension and can only be tested with pr"));
}

#[test]
fn value_paths() {
    let has = json!({"has": {"target": {"name": "emails"}, "filter": {"and": [
        {"cmp": {"target": {"name": "type"}, "op": "eq", "value": folded("work", "work")}},
        {"cmp": {"target": {"name": "value"}, "op": "eq", "value": folded("X", "x")}},
    ]}}});
    resolves(r#"EMAILS[TYPE eq "work" and Value eq "X"]"#, has.clone());
    resolved(r#"emails[type eq "work"].value eq "X""#, Forms::Lenient, &has);
    resolved(r#"emails[type eq work] eq X"#, Forms::Lenient, &has);
    resolves(
        r#"name[givenName pr]"#,
        json!({"has": {"target": {"name": "name"}, "filter": {"pr": {"name": "givenName"}}}}),
    );
    resolves(
        &format!("{ENTERPRISE}:manager[value pr]"),
        json!({"has": {"target": {"urn": ENTERPRISE, "name": "manager"}, "filter": {"pr": {"name": "value"}}}}),
    );
    let bare = "has no sub-attributes, so a filter in brackets cannot follow it";
    refuses("userName[value pr]", &format!("\"userName\" {bare}"));
    refuses("emails.value[value pr]", &format!("\"emails.value\" {bare}"));
    refuses(&format!("{DESK}[floor pr]"), &format!("\"{DESK}\" {bare}"));
    let error = parse(r#"addresses[type eq "work"] eq "x""#, Forms::Lenient).unwrap();
    let error = error.resolve(&user(), Forms::Lenient).unwrap_err();
    assert_eq!(error.detail, "User has no attribute \"addresses.value\"");
}

#[test]
fn values() {
    let one = |name: &str, op: &str, value: Json| json!({"cmp": {"target": {"name": name}, "op": op, "value": value}});
    resolves(r#"userName gt "ÀB""#, one("userName", "gt", folded("ÀB", "àb")));
    resolves(r#"externalId sw "ÀB""#, one("externalId", "sw", json!({"exact": "ÀB"})));
    resolves(r#"profileUrl ew "/X""#, one("profileUrl", "ew", folded("/X", "/x")));
    resolves("active ne false", one("active", "ne", json!({"boolean": false})));
    let badge = |name: &str, value: Json| {
        let target = json!({"urn": BADGE, "name": name});
        json!({"cmp": {"target": target, "op": "le", "value": {"number": value}}})
    };
    resolves(&format!("{BADGE}:number le -12"), badge("number", json!(-12)));
    resolves(&format!("{BADGE}:score le 1e2"), badge("score", json!(100.0)));
    let instant = |text: &str, ms: i64| {
        json!({"cmp": {"target": {"name": "meta", "sub": "lastModified"}, "op": "gt",
            "value": {"instant": {"text": text, "ms": ms}}}})
    };
    for (text, ms) in [
        ("2011-05-13T04:42:34Z", 1_305_261_754_000),
        ("2011-05-13T06:42:34.1239+02:00", 1_305_261_754_123),
        ("1969-12-31T23:59:59.9995Z", -1),
    ] {
        resolves(&format!("meta.lastModified gt {text:?}"), instant(text, ms));
    }
    resolved(
        "roles[primary eq \"True\"]",
        Forms::Lenient,
        &json!({"has": {"target": {"name": "roles"}, "filter": one("primary", "eq", json!({"boolean": true}))}}),
    );
    resolved("active eq \"fALSE\"", Forms::Lenient, &one("active", "eq", json!({"boolean": false})));
    let number = json!({"cmp": {"target": {"urn": BADGE, "name": "number"}, "op": "eq", "value": {"number": 5}}});
    resolved(&format!("{BADGE}:number eq \" 5\""), Forms::Lenient, &number);
    resolved("externalId eq 1.50", Forms::Lenient, &one("externalId", "eq", json!({"exact": "1.50"})));
}

#[test]
fn null() {
    resolves("userName eq null", json!({"not": {"pr": {"name": "userName"}}}));
    resolves("emails ne null", json!({"pr": {"name": "emails"}}));
    refuses("userName gt null", "\"userName\" can be compared with null by eq and ne only");
}

#[test]
fn what_does_not_fit() {
    refuses(r#"password eq "x""#, "\"password\" is never returned and cannot be filtered by");
    refuses("password pr", "\"password\" is never returned and cannot be filtered by");
    refuses("hint pr", "\"hint\" is never returned and cannot be filtered by");
    refuses("password eq null", "\"password\" is never returned and cannot be filtered by");
    refuses("active gt true", "\"active\" is a boolean and cannot be compared by gt");
    refuses("active co true", "\"active\" is a boolean and cannot be compared by co");
    refuses(r#"x509Certificates le "QQ==""#, "\"x509Certificates.value\" is binary and cannot be compared by le");
    refuses(r#"x509Certificates sw "QQ==""#, "\"x509Certificates.value\" is binary and cannot be compared by sw");
    refuses(r#"meta.lastModified sw "2011""#, "\"meta.lastModified\" is a date and time and cannot be compared by sw");
    refuses(&format!("{BADGE}:number co 1"), &format!("\"{BADGE}:number\" is an integer and cannot be compared by co"));
    refuses("active eq 1", "\"active\" is a boolean: compare it with true or false, not 1");
    refuses("active eq \"yes\"", "\"active\" is a boolean: compare it with true or false, not \"yes\"");
    refused(
        "active eq \"true\"",
        Forms::Strict,
        "\"active\" is a boolean: compare it with true or false, not \"true\"",
    );
    refuses("userName eq true", "\"userName\" is a string: compare it with a string in double quotes, not true");
    refused(
        "userName eq 5",
        Forms::Strict,
        "\"userName\" is a string: compare it with a string in double quotes, not 5",
    );
    refuses("schemas eq true", "\"schemas\" is a reference: compare it with a string in double quotes, not true");
    refused(
        &format!("{BADGE}:number eq \"5\""),
        Forms::Strict,
        &format!("\"{BADGE}:number\" is an integer: compare it with a number, not \"5\""),
    );
    refuses(
        &format!("{BADGE}:number eq \"5x\""),
        &format!("\"{BADGE}:number\" is an integer: compare it with a number, not \"5x\""),
    );
    for text in ["yesterday", "2011-05-13", "2011-05-13T04:42:34", "2011-13-13T04:42:34Z"] {
        refuses(
            &format!("meta.lastModified gt {text:?}"),
            &format!(
                "\"meta.lastModified\" is a date and time: \
                 compare it with a text like \"2026-01-31T08:00:00Z\", not {text:?}"
            ),
        );
    }
}

#[test]
fn parts() {
    let filter = |text: &str| parse(text, Forms::Lenient).unwrap().resolve(&user(), Forms::Lenient).unwrap();
    #[track_caller]
    fn shows(filter: &Filter, conjuncts: &[&str], assertions: Json) {
        let found: Vec<_> = filter.conjuncts().iter().map(ToString::to_string).collect();
        assert_eq!(found, conjuncts);
        let found: serde_json::Map<_, _> =
            filter.assertions().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(Json::Object(found), assertions);
    }
    shows(
        &filter(r#"userName eq "X" and (active eq "True" and userName eq "X")"#),
        &[r#"userName eq "X""#, "active eq true", r#"userName eq "X""#],
        json!({"userName": "X", "active": true}),
    );
    shows(&filter(r#"id eq "X""#), &[r#"id eq "X""#], json!({"id": "X"}));
    shows(&filter(r#"id eq "a" or id eq "b""#), &[r#"id eq "a" or id eq "b""#], json!({}));
    shows(&filter(r#"id eq "a" and id eq "b""#), &[r#"id eq "a""#, r#"id eq "b""#], json!({}));
    shows(&filter(r#"id eq "a" and active pr"#), &[r#"id eq "a""#, "active pr"], json!({}));
    shows(&filter(r#"id ne "a""#), &[r#"id ne "a""#], json!({}));
    shows(&filter(r#"name.givenName eq "a""#), &[r#"name.givenName eq "a""#], json!({}));
    let nested = Filter::And(vec![Filter::And(vec![filter("id pr"), filter("active pr")]), filter("name pr")]);
    shows(&nested, &["id pr", "active pr", "name pr"], json!({}));
}
