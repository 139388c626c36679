//! The limits of one request: on its size, and on the work, memory and answer that it causes.

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
