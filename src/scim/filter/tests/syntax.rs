use super::*;

/// Checks that `text` is read as strict and as lenient, and printed as `canonical`.
#[track_caller]
fn reads(text: &str, canonical: &str) {
    let expression = parse(text, Forms::Strict).unwrap();
    assert_eq!(expression.to_string(), canonical);
    assert_eq!(parse(text, Forms::Lenient).unwrap(), expression);
    assert_eq!(parse(canonical, Forms::Strict).unwrap(), expression);
}

/// Checks that `text` means `canonical` if lenient, and is refused with `detail` if strict.
#[track_caller]
fn lenient(text: &str, canonical: &str, detail: &str) {
    assert_eq!(parse(text, Forms::Lenient).unwrap().to_string(), canonical);
    assert_eq!(parse(text, Forms::Strict).unwrap_err(), Error::new(Code::FilterSyntax, detail));
}

#[track_caller]
fn refuses(text: &str, detail: &str) {
    let too_complex = detail.starts_with("filter: ");
    let code = if too_complex { Code::FilterTooComplex } else { Code::FilterSyntax };
    for forms in [Forms::Strict, Forms::Lenient] {
        assert_eq!(parse(text, forms).unwrap_err(), Error::new(code, detail));
    }
}

#[test]
fn examples_of_the_rfc() {
    for text in [
        r#"userName eq "bjensen""#,
        r#"name.familyName co "O'Malley""#,
        r#"userName sw "J""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
        r#"title pr"#,
        r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified ge "2011-05-13T04:42:34Z""#,
        r#"title pr and userType eq "Employee""#,
        r#"title pr or userType eq "Intern""#,
        r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
        r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
    ] {
        reads(text, text);
    }
    reads(
        r#"userType eq "Employee" and (emails.type eq "work")"#,
        r#"userType eq "Employee" and emails.type eq "work""#,
    );
}

#[test]
fn precedence_and_parentheses() {
    reads("a pr or b pr and c pr", "a pr or b pr and c pr");
    reads("(a pr or b pr) and c pr", "(a pr or b pr) and c pr");
    reads("a pr or (b pr and c pr)", "a pr or b pr and c pr");
    reads("(a pr and (b pr and c pr)) and d pr", "a pr and b pr and c pr and d pr");
    reads("((a pr)) or (b pr or c pr)", "a pr or b pr or c pr");
    reads("not (a pr) and b pr", "not (a pr) and b pr");
    reads("not ((a pr))", "not (a pr)");
    reads("NOT(not(a pr))", "not (not (a pr))");
    reads("a[not (b pr or c pr) and d pr]", "a[not (b pr or c pr) and d pr]");
}

#[test]
fn case_and_space() {
    reads(" userName\tEQ  \"x\"\r\nAnd active Eq true ", r#"userName eq "x" and active eq true"#);
    reads(r#"userName eq"x"and(b PR)or not(c pr)"#, r#"userName eq "x" and b pr or not (c pr)"#);
    reads(r#"emails [ type eq "work" ]"#, r#"emails[type eq "work"]"#);
    reads("and pr and or pr or or pr", "and pr and or pr or or pr");
}

#[test]
fn attribute_paths() {
    #[track_caller]
    fn case(text: &str, urn: Option<&str>, name: &str, sub: Option<&str>) {
        let path = AttributePath { urn: urn.map(Into::into), name: name.into(), sub: sub.map(Into::into) };
        assert_eq!(parse(&format!("{text} pr"), Forms::Strict).unwrap(), Expression::Present(path));
    }
    case("a", None, "a", None);
    case("$ref", None, "$ref", None);
    case("a-b_c1.d", None, "a-b_c1", Some("d"));
    case("members.$ref", None, "members", Some("$ref"));
    case("urn:a:2.0:User:b", Some("urn:a:2.0:User"), "b", None);
    case("urn:a:2.0:User:b.c", Some("urn:a:2.0:User"), "b", Some("c"));
    case("urn:a:2.0:User", Some("urn:a:2.0"), "User", None);
    case("urn:a:2.0:User.b.c", Some("urn:a:2.0:User.b.c"), "", None);
    case("urn:a:2.0", Some("urn:a:2.0"), "", None);
    refuses("a.b.c pr", "filter, position 1: expected an attribute name, found \"a.b.c\"");
    refuses("a. pr", "filter, position 1: expected an attribute name, found \"a.\"");
    refuses(".a pr", "filter, position 1: expected an attribute name, found \".a\"");
    refuses("1a pr", "filter, position 1: expected an attribute name, found \"1a\"");
    refuses("a%20 pr", "filter, position 1: expected an attribute name, found \"a%20\"");
    refuses(":a pr", "filter, position 1: expected an attribute name, found \":a\"");
    refuses("urn:a: pr", "filter, position 1: expected an attribute name, found \"urn:a:\"");
    refuses("urn::a pr", "filter, position 1: expected an attribute name, found \"urn::a\"");
}

#[test]
fn literals() {
    #[track_caller]
    fn case(text: &str, value: Literal) {
        let path = AttributePath { urn: None, name: "a".into(), sub: None };
        let expression = Expression::Compare { path, op: CompareOp::Eq, value };
        assert_eq!(parse(&format!("a eq {text}"), Forms::Strict).unwrap(), expression);
    }
    case(r#""""#, Literal::String(String::new()));
    case(r#""a \"b\" \\""#, Literal::String(r#"a "b" \"#.into()));
    case(r#""\/\b\f\n\r\t""#, Literal::String("/\u{8}\u{c}\n\r\t".into()));
    case(r#""\u00e9\ud83d\ude00é😀""#, Literal::String("é😀é😀".into()));
    case(r#"") and [""#, Literal::String(") and [".into()));
    case("-0.5e+3", Literal::Number("-0.5e+3".into()));
    case("12345678901234567890", Literal::Number("12345678901234567890".into()));
    case("true", Literal::Boolean(true));
    case("false", Literal::Boolean(false));
    case("null", Literal::Null);

    let json = "the string has an escape or a control character that JSON does not allow";
    refuses(r#"a eq "\x""#, &format!("filter, position 6: {json}"));
    refuses(r#"a eq "\ud83d""#, &format!("filter, position 6: {json}"));
    refuses("a eq \"\u{1}\"", &format!("filter, position 6: {json}"));
    refuses(r#"a eq "b\u0000""#, "filter, position 6: the string holds the character U+0000, which no value has");
    refuses(r#"a eq "x"#, "filter, position 8: expected the closing \" of the string, found the end");
    refuses(r#"a eq "x\""#, "filter, position 10: expected the closing \" of the string, found the end");
    let value = "a value (a string in double quotes, a number, true, false or null)";
    refuses("a eq", &format!("filter, position 5: expected {value}, found the end"));
    refuses("a eq 'x'", &format!("filter, position 6: expected {value}, found \"'x'\""));
    refuses("a eq and b pr", &format!("filter, position 6: expected {value}, found \"and\""));
    refuses("a eq (b pr)", &format!("filter, position 6: expected {value}, found \"(\""));
    refuses("a eq [1]", &format!("filter, position 6: expected {value}, found \"[\""));
}

#[test]
fn lenient_literals() {
    let refusal_at = |position, word| {
        let value = "a value (a string in double quotes, a number, true, false or null)";
        format!("filter, position {position}: expected {value}, found {word:?}")
    };
    let refusal = |word| refusal_at(6, word);
    lenient("a eq jyoung", r#"a eq "jyoung""#, &refusal("jyoung"));
    lenient("(a eq j.y-o_u+n%g@x)", r#"a eq "j.y-o_u+n%g@x""#, &refusal_at(7, "j.y-o_u+n%g@x"));
    lenient("a eq x/y+z== and b pr", r#"a eq "x/y+z==" and b pr"#, &refusal("x/y+z=="));
    lenient("a eq 2011-05-13T04:42:34Z", r#"a eq "2011-05-13T04:42:34Z""#, &refusal("2011-05-13T04:42:34Z"));
    lenient("a eq 007", r#"a eq "007""#, &refusal("007"));
    lenient("a eq True", "a eq true", &refusal("True"));
    lenient("a eq FALSE", "a eq false", &refusal("FALSE"));
    lenient("a eq Null", "a eq null", &refusal("Null"));
    lenient("a eq 1e999", r#"a eq "1e999""#, &refusal("1e999"));
}

#[test]
fn lenient_value_paths() {
    let end = "expected and, or or the end of the filter";
    lenient(
        r#"emails[type eq "work"].value eq "x""#,
        r#"emails[type eq "work" and value eq "x"]"#,
        &format!("filter, position 23: {end}, found \".value\""),
    );
    lenient(
        r#"emails[type eq "work"] eq "x""#,
        r#"emails[type eq "work" and value eq "x"]"#,
        &format!("filter, position 24: {end}, found \"eq\""),
    );
    lenient(
        r#"a[b pr or c pr].d PR and e pr"#,
        r#"a[(b pr or c pr) and d pr] and e pr"#,
        &format!("filter, position 16: {end}, found \".d\""),
    );
    lenient(
        "a[b eq x and c pr].d ne 1",
        r#"a[b eq "x" and c pr and d ne 1]"#,
        "filter, position 8: expected a value (a string in double quotes, a number, true, false or null), found \"x\"",
    );
    let error = parse("a[b pr].1 pr", Forms::Lenient).unwrap_err();
    assert_eq!(error.detail, "filter, position 9: expected the name of a sub-attribute, found \"1\"");
}

#[test]
fn malformed() {
    refuses("", "filter, position 1: expected an attribute name, found the end");
    refuses("  ", "filter, position 3: expected an attribute name, found the end");
    let operator = "an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr)";
    refuses(r#"userName     equals "x""#, &format!("filter, position 14: expected {operator}, found \"equals\""));
    refuses("userName", &format!("filter, position 9: expected {operator}, found the end"));
    refuses(r#"userName "x""#, &format!("filter, position 10: expected {operator}, found \"\\\"\""));
    refuses(r#"userName = "x""#, &format!("filter, position 10: expected {operator}, found \"=\""));
    refuses("a pr b pr", "filter, position 6: expected and, or or the end of the filter, found \"b\"");
    refuses("a pr && b pr", "filter, position 6: expected and, or or the end of the filter, found \"&&\"");
    refuses("a pr)", "filter, position 5: expected and, or or the end of the filter, found \")\"");
    refuses("(a pr", "filter, position 6: expected and, or or \")\", found the end");
    refuses("(a pr]", "filter, position 6: expected and, or or \")\", found \"]\"");
    refuses("a[b pr", "filter, position 7: expected and, or or \"]\", found the end");
    refuses("a[]", "filter, position 3: expected an attribute name, found \"]\"");
    refuses("()", "filter, position 2: expected an attribute name, found \")\"");
    refuses("a pr and", "filter, position 9: expected an attribute name, found the end");
    refuses("not a pr", "filter, position 5: expected \"(\" after not, found \"a\"");
    refuses(
        "a[b[c pr]]",
        "filter, position 4: expected an operator (a value path cannot stand in another), found \"[\"",
    );
    refuses(r#"a eq "é" é"#, "filter, position 10: expected and, or or the end of the filter, found \"é\"");
    let long = "x".repeat(100);
    refuses(
        &format!("a pr {long}"),
        &format!("filter, position 6: expected and, or or the end of the filter, found {:?}", &long[..41]),
    );
}

#[test]
fn limits() {
    let sized = |n: usize| format!("a eq \"{}\"", "x".repeat(n - 7));
    assert!(parse(&sized(MAX_TEXT), Forms::Strict).is_ok());
    refuses(&sized(MAX_TEXT + 1), "filter: longer than 4096 bytes");

    let parentheses = |n: usize| format!("{}a pr{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&parentheses(MAX_NESTING), Forms::Strict).is_ok());
    refuses(&parentheses(MAX_NESTING + 1), "filter: nested more than 32 levels deep");
    assert!(parse(&vec!["(a pr)"; MAX_NESTING + 1].join(" or "), Forms::Strict).is_ok());
    refuses(&"not(".repeat(1024), "filter: nested more than 32 levels deep");

    let alternating = |n: usize| {
        let open: String = (0..n).map(|i| if i % 2 == 0 { "a pr or " } else { "b pr and (" }).collect();
        format!("{open}c pr{}", ")".repeat(n / 2))
    };
    let deepest = parse(&alternating(MAX_NESTING), Forms::Strict).unwrap();
    refuses(&alternating(MAX_NESTING + 1), "filter: nested more than 32 levels deep");

    // It can be sent inside twenty levels of something else.
    let attributes = ["a", "b", "c"].map(string).to_vec();
    let filter = resolve::in_value_path(&deepest, &complex("x", &attributes), Forms::Strict).unwrap();
    let sent = format!("{}{}{}", "[".repeat(20), serde_json::to_string(&filter).unwrap(), "]".repeat(20));
    assert!(serde_json::from_str::<Json>(&sent).is_ok());
}
