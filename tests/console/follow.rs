//! A client that reads the feed page by page has the directory: nothing is missing, nothing comes twice, and a request
//! that changes nothing is not there. `MUTATIONS` in the environment sets how many requests are made.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::support::follower::{Directory, follow, request};
use crate::support::native::Native;
use crate::support::random::Random;
use crate::support::{Server, dump};
use scim_edge::auth::Dialect;
use serde_json::Value;
use std::collections::BTreeMap;

#[test]
fn a_follower_has_the_directory() {
    let mutations: usize = std::env::var("MUTATIONS").ok().map_or(1_000, |text| text.parse().unwrap());
    let (mut server, mut random) = (Native::new(Dialect::Auto), Random(20_261_125));
    let (mut copy, mut after) = (Directory::default(), 0);
    let (mut effective, mut idle) = (0, 0);
    for round in 0..mutations {
        let now = Directory::read(&mut server, 100);
        let ids = |of: &BTreeMap<String, Value>| of.keys().cloned().collect::<Vec<_>>();
        let request = request(&mut random, &ids(&now.users), &ids(&now.groups));
        // The same request twice: the second has nothing left to do.
        for again in [false, true] {
            let (content, seq) = (dump::content(&server), server.console("")["lastSeq"].clone());
            let response = server.scim(request.clone());
            assert_ne!(response.status, 500, "{request:?}");
            let changed = content != dump::content(&server);
            assert_eq!(changed, seq != server.console("")["lastSeq"], "round {round}: {request:?} {}", response.body);
            assert!(!(again && changed), "round {round}: {request:?} {}", response.body);
            *(if changed { &mut effective } else { &mut idle }) += 1;
        }
        if random.one_in(5) {
            let limit = 1 + random.below(7);
            follow(&mut server, &mut copy, &mut after, limit);
        }
        if random.one_in(100) || round + 1 == mutations {
            while !follow(&mut server, &mut copy, &mut after, 1 + random.below(50)) {}
            let directory = Directory::read(&mut server, 1 + random.below(5));
            assert_eq!(copy, directory, "round {round}");
        }
    }
    println!("{effective} requests changed something, {idle} did not; {after} changes");
    assert!(effective * 4 > mutations && idle > mutations);
}
