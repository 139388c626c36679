//! What a request may cost: the limits on what it says, and on the work, memory and answer that it causes.

mod answers;
mod buckets;
mod cost;
mod files;
mod history;
mod limits;
mod members;
mod odd;
mod plans;
mod price;
mod reading;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod work;
