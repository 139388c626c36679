//! The value of a PATCH once its attribute was looked up: may it be changed, is it a key of that form, and what is
//! done with a name that nothing has.

use super::{FROM_BEFORE_MAX, Paths, ResolvedOperation, Written};
use crate::dialect::Repair;
use crate::error::{Code, Error, Result};
use crate::scim::json::Checked;
use crate::scim::patch::PatchOp;
use crate::scim::path::{ResolveError, Resolved};
use crate::scim::schema::Mutability;
use crate::scim::unregistered::{self, Unresolved};

impl<'b> Paths<'_, 'b> {
    /// Takes the value of an attribute whose name, `text`, was looked up.
    pub(super) fn take_resolved(
        &mut self,
        op: PatchOp,
        text: String,
        resolved: Result<Resolved, ResolveError>,
        value: Checked<'b>,
        written: Written,
    ) -> Result<()> {
        let explicit = written == Written::AsPath;
        let path = match resolved {
            Ok(path) if explicit || self.may_be_key(&path, &text, written) => path,
            Ok(_) => return self.skip_unknown(text),
            Err(ResolveError::Unknown(name)) => {
                return if self.may_be_stored(op, &text, value) { Ok(()) } else { self.skip_unknown(name) };
            }
            // To skip a removal would tell the client that what is stored is gone; to replace members removes some.
            Err(ResolveError::UnknownInFilter(name))
                if self.reading.runs_repairs()
                    && (op == PatchOp::Add || op == PatchOp::Replace && !name.starts_with("members.")) =>
            {
                return self.skip_unknown(name);
            }
            Err(error) => return Err(error.into_error(Code::PathUnknownAttribute, self.kind)),
        };
        // A whole extension is taken apart: each attribute is typed and checked by itself.
        if let (Some(urn), "", PatchOp::Add | PatchOp::Replace) = (&path.target.urn, path.target.name.as_str(), op)
            && !(value.is_null() && op == PatchOp::Replace)
        {
            return self.read_schema_object(op, urn, value);
        }
        // `replace` with null, or `remove`, of an extension's URN clears the extension.
        let (op, value) = if path.target.name.is_empty() { (PatchOp::Remove, Checked::NULL) } else { (op, value) };
        if let Some((attribute, sub)) = path.definitions_in(self.kind) {
            let read_only = [Some(attribute), sub].into_iter().flatten().any(|a| a.mutability == Mutability::ReadOnly);
            let same_id = attribute.name == "id" && value.text().as_deref() == Some(self.id);
            if read_only && explicit && !same_id {
                let detail = format!("{path} is set by this service alone and cannot be changed by a PATCH.");
                return Err(Error::new(Code::ReadOnlyAttribute, detail));
            }
            if op == PatchOp::Remove && attribute.name == "schemas" {
                let detail = format!("{path} is required and cannot be removed; it follows from the attributes.");
                return Err(Error::new(Code::RequiredAttribute, detail));
            }
            // RFC 7644 section 3.5.1 in spirit: read-only attributes that are echoed in a value are ignored; a password
            // is accepted and kept nowhere; `schemas` follows from the attributes.
            let write_only =
                [Some(attribute), sub].into_iter().flatten().any(|a| a.mutability == Mutability::WriteOnly);
            if read_only || write_only || attribute.name == "schemas" {
                return Ok(());
            }
        }
        self.sent.push(ResolvedOperation { op, path, value, from_text: self.from_text });
        Ok(())
    }

    /// Returns true if a key may be that path: the name of an attribute, in an extension with its URN. More than that
    /// is a repair.
    fn may_be_key(&mut self, path: &Resolved, text: &str, written: Written) -> bool {
        // RFC 7644 section 3.5.2.1: keys of a value are attribute names. Entra ID with its flag writes whole paths
        // there.
        let dotted = path.target.sub.is_some() || path.filter.is_some();
        let prefixed = written == Written::AsKey && text.contains(':') && !path.target.name.is_empty();
        if !self.reading.runs_repairs() {
            return !dotted;
        }
        let repairs = &mut self.reading.repairs;
        (!dotted || repairs.note_need(Repair::DottedKeys)) && (!prefixed || repairs.note_need(Repair::UrnPrefixedKeys))
    }

    /// Passes on an operation on an attribute that a registered schema does not know: only the object can tell whether
    /// something of it is stored, from before the schema was registered. True if that was done.
    fn may_be_stored(&mut self, op: PatchOp, path: &str, value: Checked<'b>) -> bool {
        let path = path.trim();
        let is_possible = self.reading.runs_repairs()
            && self.unresolved.len() < FROM_BEFORE_MAX
            && unregistered::in_registered(self.kind, path).is_some_and(|(_, rest)| !rest.is_empty());
        let Some(value) = is_possible.then(|| self.reading.guide.build_again(value)).flatten() else { return false };
        self.unresolved.push(Unresolved { op, path: path.to_owned(), value, number: self.number });
        true
    }

    pub(super) fn skip_unknown(&mut self, name: String) -> Result<()> {
        if !self.reading.runs_repairs() {
            return Err(ResolveError::Unknown(name).into_error(Code::PathUnknownAttribute, self.kind));
        }
        self.reading.add_note(format!("The path {name} is unknown and was skipped."));
        Ok(())
    }
}
