//! SCIM itself (RFC 7643, RFC 7644): PATCH, lists, filters, conditions, Bulk, and the rules of the directory.

mod binary;
mod bulk;
mod corpus;
mod filter_sql;
mod large;
mod list_addresses;
mod lists;
mod names;
mod patch;
mod patch_groups;
mod patch_paths;
mod patch_schema;
mod preconditions;
mod repeats;
mod rules;
mod steps;
#[path = "../support/mod.rs"]
mod support;
