//! The expected effect of a PATCH.

use super::Response;
use Expected::{Changes, Refused};
use In::{Auto, Rfc};
use scim_edge::auth::Dialect;
use serde_json::{Map, Value};

pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub const MESSAGE: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Both kinds of dialect, and which cases are for them.
pub const DIALECTS: [(Dialect, In); 2] = [(Dialect::Rfc, Rfc), (Dialect::Auto, Auto)];

/// The dialects that a case is for.
#[derive(Clone, Copy, PartialEq)]
pub enum In {
    Both,
    Rfc,
    Auto,
}

#[derive(Debug)]
pub enum Expected {
    /// These attributes have these values afterwards, `null` for none; the others are as before.
    Changes(Value),
    /// 400 with this `scimType`; the detail says this; nothing has changed.
    Refused(&'static str, &'static str),
}

pub fn check(at: &str, before: &Value, answer: &Response, after: &Value, expected: &Expected) {
    match expected {
        Refused(scim_type, says) => {
            assert_eq!((answer.status, answer.text("scimType")), (400, *scim_type), "{at}");
            assert!(answer.text("detail").contains(says), "{at}");
            assert_eq!(after, before, "{at}");
        }
        Changes(changes) => {
            assert!([200, 204].contains(&answer.status), "{at}");
            let mut wanted = attributes(before);
            for (name, value) in changes.as_object().unwrap() {
                wanted.insert(name.clone(), value.clone());
            }
            wanted.retain(|_, value| !value.is_null());
            assert_eq!(attributes(after), wanted, "{at}");
            let unchanged = attributes(before) == wanted;
            assert_eq!(before["meta"]["version"] == after["meta"]["version"], unchanged, "{at}: version");
        }
    }
}

/// Returns the attributes that the client owns, and members by their ids.
fn attributes(resource: &Value) -> Map<String, Value> {
    let mut map = resource.as_object().unwrap().clone();
    map.retain(|name, _| !["id", "meta", "schemas", "groups"].contains(&name.as_str()));
    if let Some(members) = map.remove("members") {
        let mut ids: Vec<Value> = members.as_array().unwrap().iter().map(|m| m["value"].clone()).collect();
        ids.sort_by_key(Value::to_string);
        map.insert("members".into(), ids.into());
    }
    map
}
