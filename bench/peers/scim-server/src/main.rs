//! The scim-server crate behind a minimal axum: its standard provider in memory, its own calls, nothing of SCIM added but the
//! envelope of a list. `scim-server-peer PORT TOKEN`.

use std::{collections::HashMap, error::Error, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, Request, State},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::any,
};
use scim_server::{
    RequestContext, ScimServer,
    multi_tenant::ScimOperation,
    providers::StandardResourceProvider,
    resource_handlers::{create_group_resource_handler, create_user_resource_handler},
    storage::InMemoryStorage,
};
use serde_json::{Value, json};

type Server = ScimServer<StandardResourceProvider<InMemoryStorage>>;

struct App {
    server: Server,
    token: String,
}

fn server() -> Result<Server, Box<dyn Error>> {
    let mut server = ScimServer::new(StandardResourceProvider::new(InMemoryStorage::new()))?;
    let all = vec![
        ScimOperation::Create,
        ScimOperation::Read,
        ScimOperation::Update,
        ScimOperation::Patch,
        ScimOperation::Delete,
        ScimOperation::List,
        ScimOperation::Search,
    ];
    let schema = |server: &Server, name: &str| {
        let id = format!("urn:ietf:params:scim:schemas:core:2.0:{name}");
        server.get_schema_by_id(&id).cloned().ok_or(format!("no schema {id}"))
    };
    let (user, group) = (schema(&server, "User")?, schema(&server, "Group")?);
    server.register_resource_type("User", create_user_resource_handler(user), all.clone())?;
    server.register_resource_type("Group", create_group_resource_handler(group), all)?;
    Ok(server)
}

fn problem(status: StatusCode, detail: impl ToString) -> Response {
    (status, Json(json!({"status": status.as_u16().to_string(), "detail": detail.to_string()}))).into_response()
}

fn kind(plural: &str) -> &'static str {
    if plural == "Groups" { "Group" } else { "User" }
}

async fn authorised(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let wanted = format!("Bearer {}", app.token);
    match request.headers().get(header::AUTHORIZATION) {
        Some(given) if given.as_bytes() == wanted.as_bytes() => next.run(request).await,
        _ => problem(StatusCode::UNAUTHORIZED, "unknown token"),
    }
}

async fn collection(
    State(app): State<Arc<App>>,
    Path(plural): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    method: Method,
    body: Bytes,
) -> Response {
    let (kind, context) = (kind(&plural), RequestContext::with_generated_id());
    if method == Method::POST {
        let Ok(value) = serde_json::from_slice(&body) else { return problem(StatusCode::BAD_REQUEST, "no JSON") };
        return match app.server.create_resource_with_refs(kind, value, &context).await {
            Ok(made) => (StatusCode::CREATED, Json(made)).into_response(),
            Err(error) => problem(StatusCode::BAD_REQUEST, error),
        };
    }
    // The crate has one look-up, an attribute that equals a text; other filters are the application's.
    let found = match query.get("filter").map(|filter| filter.rsplit_once(" eq ")) {
        Some(Some((name, value))) => {
            let value = Value::from(value.trim_matches('"'));
            app.server.find_resource_by_attribute(kind, name, &value, &context).await.map(Vec::from_iter)
        }
        Some(None) => return problem(StatusCode::BAD_REQUEST, "invalidFilter"),
        None => app.server.list_resources(kind, &context).await,
    };
    let all = match found {
        Ok(all) => all,
        Err(error) => return problem(StatusCode::BAD_REQUEST, error),
    };
    let number = |name: &str, other: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(other);
    let (start, count) = (number("startIndex", 1).max(1), number("count", 100));
    let page: Result<Vec<Value>, _> =
        all.iter().skip(start - 1).take(count).map(|one| app.server.serialize_resource_with_refs(one, None)).collect();
    match page {
        Ok(resources) => Json(json!({"totalResults": all.len(), "startIndex": start, "itemsPerPage": resources.len(), "Resources": resources}))
            .into_response(),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn one(
    State(app): State<Arc<App>>,
    Path((plural, id)): Path<(String, String)>,
    method: Method,
    body: Bytes,
) -> Response {
    let (kind, context) = (kind(&plural), RequestContext::with_generated_id());
    let value = || serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let done = match method.as_str() {
        "GET" => app.server.get_resource(kind, &id, &context).await,
        "PUT" => app.server.update_resource(kind, &id, value(), &context).await.map(Some),
        "PATCH" => app.server.patch_resource(kind, &id, &value(), &context).await.map(Some),
        _ => return problem(StatusCode::METHOD_NOT_ALLOWED, method),
    };
    match done {
        Ok(Some(resource)) => match app.server.serialize_resource_with_refs(&resource, None) {
            Ok(value) => Json(value).into_response(),
            Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, error),
        },
        Ok(None) => problem(StatusCode::NOT_FOUND, id),
        Err(error) => problem(StatusCode::BAD_REQUEST, error),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (port, token) = (words.next().ok_or("no port")?, words.next().ok_or("no token")?);
    let app = Arc::new(App { server: server()?, token: token.clone() });
    let routes = Router::new()
        .route("/scim/{plural}", any(collection))
        .route("/scim/{plural}/{id}", any(one))
        .layer(middleware::from_fn_with_state(app.clone(), authorised))
        .layer(axum::extract::DefaultBodyLimit::max(16 * 1024 * 1024))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("ready /scim {token}");
    axum::serve(listener, routes).await?;
    Ok(())
}
