//! Previews over HTTP: read as the SCIM request would be, asked of the object, never executed.

use super::{Edge, schemas};
use crate::console::preview::Preview;
use crate::directory::call::{Ask, Call};
use crate::directory::reply::Answer;
use crate::error::{Code, Error, Result};
use crate::id::OrgId;
use crate::ingest::Ingested;
use crate::render::Response;

/// Runs a preview. `call` makes the call of a Console request, which gets the preview's own parts. As with a SCIM
/// request, it is read again under the object's schemas if this isolate knew others.
pub(super) async fn run(edge: &Edge<'_>, org: &OrgId, body: &[u8], call: impl Fn(Ask) -> Call) -> Result<Response> {
    let base = &edge.base(org);
    let preview = Preview::read(body, base)?;
    for _ in 0..2 {
        let types = schemas::known(org);
        let (ingested, shown) = preview.ingest(&edge.request_id, base, &types)?;
        let Ingested { command, precondition, repairs, notes, .. } = ingested;
        let mut call =
            Call { repairs, notes, generation: types.generation, precondition, ..call(Ask::Preview(command)) };
        match edge.object(&mut call).await? {
            Answer::Stale { generation, schemas } => schemas::learn(org, generation, schemas.get())?,
            answer => return preview.answer(answer, shown, &edge.request_id, base, &types),
        }
    }
    let detail = "The organisation's schemas are being changed. Try again in half a minute.";
    Err(Error::new(Code::SchemasChanging, detail))
}
