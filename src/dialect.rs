//! What identity providers really send, turned into what the RFC says they meant. The only place that knows their
//! habits: each repair is a small named function over parsed JSON, says why it is there, and does nothing to a
//! request that needs no mending. None runs for the dialect `rfc`, but for the two that [`Repair::OpCase`] and
//! [`Repair::RemoveMembersByValue`] name.
//!
//! `docs/idp/README.md` lists every quirk with its repair and the test that holds it; `npm run test:quirks` switches
//! each repair off and watches that test fail.

mod caller;
mod envelope;
mod path;
mod repair;
mod value;

pub use caller::caller;
pub use envelope::{op, operations};
pub use path::{decoded, form, forms, urn_alias, with_names_cut};
pub use repair::{Repair, Repairs};
pub use value::{body, elsewhere, repaired, repaired_one, repaired_removal};
