//! What identity providers really send, replayed natively. `tests/http.rs` replays the same over HTTP.

mod support;

use scim_edge::auth::Dialect;
use support::native::Native;
use support::session::{SESSIONS, run};

#[test]
fn natively() {
    for (name, text) in SESSIONS {
        run(name, text, &mut Native::new(Dialect::Auto));
    }
}
