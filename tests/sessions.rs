//! What identity providers really send, replayed natively, and over HTTP where a service is named.

#[allow(unreachable_pub)]
mod support;

use scim_edge::auth::Dialect;
use support::{http::Http, native::Native, session};

const SESSIONS: [(&str, &str); 3] = [
    ("okta-aiw-put", include_str!("sessions/okta-aiw-put.json")),
    ("okta-oin-patch", include_str!("sessions/okta-oin-patch.json")),
    ("entra-legacy", include_str!("sessions/entra-legacy.json")),
];

#[test]
fn natively() {
    for (name, text) in SESSIONS {
        session::run(name, text, &mut Native::new(Dialect::Auto));
    }
}

/// Run by `tests/worker/`, which names one organisation of a running Worker and one session.
#[test]
fn over_http() {
    let Some(mut server) = Http::from_environment() else { return };
    let wanted = std::env::var("SCIM_EDGE_SESSION").unwrap();
    let (name, text) = SESSIONS.iter().find(|(name, _)| *name == wanted).unwrap();
    session::run(name, text, &mut server);
}
