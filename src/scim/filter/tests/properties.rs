use super::*;

fn path() -> impl Strategy<Value = AttributePath> {
    let name = || "[a-zA-Z$][a-zA-Z0-9_$-]{0,6}".prop_filter("reserved", |name| !name.eq_ignore_ascii_case("not"));
    let urn = prop::option::of(prop::sample::select(vec![USER, ENTERPRISE, "urn:a", "urn:b:1.0", "http://x.y/z"]));
    (urn, name(), prop::option::of(name())).prop_map(|(urn, name, sub)| AttributePath {
        urn: urn.map(Into::into),
        name,
        sub,
    })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        r"[^\x00]{0,12}".prop_map(Literal::String),
        any::<i64>().prop_map(|i| Literal::Number(i.to_string())),
        prop::num::f64::NORMAL.prop_map(|f| Literal::Number(json!(f).to_string())),
        any::<bool>().prop_map(Literal::Boolean),
        Just(Literal::Null),
    ]
}

fn combined(leaf: BoxedStrategy<Expression>) -> impl Strategy<Value = Expression> {
    leaf.prop_recursive(4, 24, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            some().prop_map(|parts| parse::join_flat(parts, Expression::And, parse::and_parts)),
            some().prop_map(|parts| parse::join_flat(parts, Expression::Or, parse::or_parts)),
            inner.clone().prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

pub(in crate::scim) fn value_filter() -> impl Strategy<Value = Expression> {
    let compare = (path(), prop::sample::select(CompareOp::ALL.to_vec()), literal());
    let leaf = prop_oneof![
        path().prop_map(Expression::Present),
        compare.prop_map(|(path, op, value)| Expression::Compare { path, op, value }),
    ];
    combined(leaf.boxed())
}

pub(in crate::scim) fn expression() -> impl Strategy<Value = Expression> {
    let has = (path(), value_filter()).prop_map(|(path, filter)| Expression::Has { path, filter: filter.into() });
    combined(prop_oneof![value_filter(), has].boxed())
}

/// Makes filters with a meaning for [`user`].
fn meaningful() -> impl Strategy<Value = Expression> {
    let text = r#"userName eq "É" | id sw "a" | active ne true | emails pr | emails co "x" | name.givenName eq null
        | meta.lastModified le "2026-01-31T08:00:00Z" | emails[type eq "work" and not (primary eq true)]
        | urn:example:badge:1.0:score gt 0.1 | urn:example:badge:1.0 pr"#;
    let leaves = text.split('|').map(|leaf| parse(leaf, Forms::Strict).unwrap()).collect::<Vec<_>>();
    combined(prop::sample::select(leaves).boxed())
}

proptest! {
    #[test]
    fn parse_print_parse(expression in expression()) {
        let text = expression.to_string();
        prop_assume!(text.len() <= MAX_TEXT);
        prop_assert_eq!(&parse(&text, Forms::Strict).unwrap(), &expression, "{}", text);
        prop_assert_eq!(&parse(&text, Forms::Lenient).unwrap(), &expression, "{}", text);
    }

    #[test]
    fn resolve_print_resolve(expression in meaningful()) {
        let filter = expression.resolve(&user(), Forms::Strict).unwrap();
        let again = parse(&filter.to_string(), Forms::Strict).unwrap();
        prop_assert_eq!(&again.resolve(&user(), Forms::Strict).unwrap(), &filter);
        let sent = serde_json::to_string(&filter).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Filter>(&sent).unwrap(), &filter);
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"([a-z.:$ ()\[\]"\\]|eq| and | or |not|"x"|é|\PC){0,24}"#) {
        for forms in [Forms::Strict, Forms::Lenient] {
            if let Ok(expression) = parse(&text, forms) {
                prop_assert_eq!(&parse(&expression.to_string(), Forms::Strict).unwrap(), &expression);
            }
        }
    }
}
