//! The requests that wait for a change: each holds a position and a waker, no transaction and no thread.

use super::Org;
use crate::directory::call::Actor;
use crate::edge::now;
use crate::id::Seq;
use crate::org::read::feed;
use futures_util::future::select;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;
use worker::Delay;

/// A request that waits for a change after a position.
pub(super) struct Waiter {
    actor: Actor,
    after: Seq,
    woken: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Org {
    /// Waits until there is a change, or the time is over; does not wait if too many do ([`feed::may_wait`]).
    pub(super) async fn wait_for_change(&self, mut waiting: feed::Waiting) -> feed::Waiting {
        let milliseconds = (waiting.until.0 - now().0).max(0).unsigned_abs();
        if !feed::may_wait(self.waiters.borrow().iter().map(|waiter| &waiter.actor), waiting.actor()) {
            waiting.until = now();
            return waiting;
        }
        let (actor, after) = (waiting.actor().clone(), waiting.after);
        let waiter = Rc::new(Waiter { actor, after, woken: Cell::new(false), waker: RefCell::new(None) });
        self.waiters.borrow_mut().push(Rc::clone(&waiter));
        let woken = poll_fn(|context| {
            if waiter.woken.get() {
                return Poll::Ready(());
            }
            waiter.waker.replace(Some(context.waker().clone()));
            Poll::Pending
        });
        select(woken, Delay::from(Duration::from_millis(milliseconds))).await;
        self.waiters.borrow_mut().retain(|other| !Rc::ptr_eq(other, &waiter));
        waiting
    }

    /// Wakes the requests whose change is there. With `all` it wakes every one, because a token may have ended.
    pub(super) fn wake_waiters(&self, all: bool) {
        if self.waiters.borrow().is_empty() {
            return;
        }
        // If the position cannot be read, wake every waiter; each checks for itself.
        let position = feed::position(&self.storage).ok().filter(|_| !all);
        for waiter in self.waiters.borrow().iter() {
            if position.is_none_or(|position| position > waiter.after) {
                waiter.woken.set(true);
                if let Some(waker) = waiter.waker.take() {
                    waker.wake();
                }
            }
        }
    }
}
