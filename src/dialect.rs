//! Repairs: the forms that identity providers send, turned into the form of the RFC. No other module knows their
//! habits. Each repair is a small named function over parsed JSON, says why it is there, and changes nothing in a
//! request that does not need it. None runs for the dialect `rfc`, except the two that [`Repair::OpCase`] and
//! [`Repair::RemoveMembersByValue`] name.
//!
//! `docs/idp/README.md` lists every quirk with its repair and the test that holds it; `npm run test:quirks` switches
//! each repair off and watches that test fail.

mod caller;
mod envelope;
mod path;
mod repair;
mod value;

pub use caller::caller_name;
pub use envelope::{patch_operations, read_op};
pub use path::{allowed_forms, read_in_forms, urn_alias, with_decoded_texts, with_names_cut};
pub use repair::{Repair, Repairs};
pub use value::{mend_body, mend_value, place_of_key, repaired_one, repaired_removal};
