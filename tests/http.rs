//! One recorded session against a running service, which the environment names; `tests/worker/` starts it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::http::Http;
use support::session::{SESSIONS, run};

#[test]
fn over_http() {
    let mut server = Http::from_environment().expect("SCIM_EDGE_URL and its companions name a service");
    let wanted = std::env::var("SCIM_EDGE_SESSION").unwrap();
    let (name, text) = SESSIONS.iter().find(|(name, _)| *name == wanted).unwrap();
    run(name, text, &mut server);
}
