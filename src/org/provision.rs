//! The changes that an identity provider's requests make: one [`mutation::Mutation`] for each request, with users,
//! groups, members and Bulk, and the jobs that finish later what one request must not do at once.

pub(crate) mod apply;
pub(crate) mod bulk;
pub(crate) mod clearing;
mod delta;
pub(crate) mod document;
pub(crate) mod gate;
pub(crate) mod groups;
pub(crate) mod growth;
pub(crate) mod guard;
pub mod history;
pub(crate) mod membership;
pub(crate) mod mutation;
pub(crate) mod precondition;
pub(crate) mod preview;
pub(crate) mod run;
pub(crate) mod spelling;
pub(crate) mod unregistered;
pub(crate) mod users;
