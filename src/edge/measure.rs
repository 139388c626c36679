//! Measurements of an isolate for the tests, in test builds only: its memory, and how long an object computed without a
//! pause.

use super::now;
use std::cell::Cell;

thread_local! {
    /// The longest work and the last one, in milliseconds.
    static BUSY: Cell<(i64, i64)> = const { Cell::new((0, 0)) };
}

/// Work of an object that no other work interrupts, from its beginning to [`Busy::end`]. The local clock runs
/// meanwhile; production's would not.
pub(super) struct Busy(i64);

impl Busy {
    pub(super) fn begin() -> Self {
        Self(if cfg!(feature = "test-hooks") { now().0 } else { 0 })
    }

    /// Continues the last one.
    pub(super) fn again() -> Self {
        Self(if cfg!(feature = "test-hooks") { now().0 - BUSY.get().1 } else { 0 })
    }

    pub(super) fn end(self) {
        if cfg!(feature = "test-hooks") {
            let last = now().0 - self.0;
            BUSY.set((BUSY.get().0.max(last), last));
        }
    }
}

/// Returns `bytes,milliseconds`: the wasm memory, which never shrinks, and the longest work since the last call.
pub(super) fn shown() -> String {
    let bytes = core::arch::wasm32::memory_size::<0>() * 65_536;
    format!("{bytes},{}", BUSY.replace((0, 0)).0)
}
