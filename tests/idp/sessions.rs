//! The requests of identity providers, replayed natively. `tests/http.rs` replays the same over HTTP.

use crate::support::native::Native;
use crate::support::session::{SESSIONS, Session};
use scim_edge::auth::Dialect;

#[test]
fn natively() {
    for (name, text) in SESSIONS {
        let session = Session::read(name, text);
        session.run(name, &mut Native::new(session.dialect));
    }
}

/// No admin must choose a dialect, except for the two that mean something else by the same request.
#[test]
fn without_a_dialect() {
    for (name, text) in SESSIONS {
        let session = Session::read(name, text);
        if ![Dialect::Rippling, Dialect::Wso2].contains(&session.dialect) {
            session.run(name, &mut Native::new(Dialect::Auto));
        }
    }
}

/// The users may be there before the provider is: it finds them, and links them by its first PUT or PATCH.
#[test]
fn with_accounts_that_exist_already() {
    // Rippling's session is about a POST whose answer was lost; who finds an account sends none.
    for (name, text) in SESSIONS.iter().filter(|(name, _)| *name != "rippling") {
        let session = Session::read(name, text);
        session.run_linking(name, &mut Native::new(session.dialect));
    }
}
