//! The API as an `OpenAPI` document, made from the handlers themselves.

use actix_web::HttpResponse;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::{KINDS, ProblemBody};
use super::{
    accounts, audit, bots, claims, conversations, declared, events, fleet, letters, nodes, operations,
    session, stream, tokens, users, verbs,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "muster", description = "The admin API of a muster fleet."),
    paths(
        session::me, session::begin, session::end,
        fleet::one, accounts::list, accounts::one,
        bots::list, bots::one, events::list, stream::trace::trace, stream::list,
        conversations::take_over, conversations::give_back, conversations::say, conversations::transfer,
        conversations::close, conversations::erase,
        verbs::carry_out, verbs::wish,
        operations::list, operations::create, operations::one, operations::items, operations::cancel,
        audit::list,
        claims::list, claims::one, letters::list, letters::retry, letters::drop,
        nodes::nodes, nodes::sessions, nodes::budgets,
        declared::pools, declared::logics, declared::export, declared::compare, declared::put,
        tokens::list, tokens::create, tokens::revoke,
        users::list, users::create, users::change, users::remove,
    ),
    components(schemas(ProblemBody)),
    modifiers(&Finish),
    security(("token" = []), ("session" = [])),
)]
struct Document;

/// What holds for every operation.
struct Finish;

impl utoipa::Modify for Finish {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("mst_…").build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(super::gate::COOKIE));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        for (path, item) in &mut document.paths.paths {
            for (writes, operation) in operations(item) {
                for status in refusals(path, writes, operation) {
                    let problem =
                        ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
                    let refused = ResponseBuilder::new().description(title(status));
                    let refused = refused.content("application/problem+json", problem).build();
                    operation.responses.responses.entry(status.to_string()).or_insert_with(|| refused.into());
                }
            }
        }
    }
}

/// Every operation of an address, and whether it writes.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let reads = item.get.iter_mut().map(|operation| (false, operation));
    let writes = [&mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
    reads.chain(writes.into_iter().flatten().map(|operation| (true, operation)))
}

/// The statuses of the problems that an operation may answer.
fn refusals(path: &str, writes: bool, operation: &Operation) -> Vec<u16> {
    let mut statuses = vec![400, 401, 403, 503];
    if path.contains('{') {
        statuses.push(404);
    }
    if writes {
        statuses.extend([409, 422, 429]);
    }
    if path == "/api/v1/declared" && writes {
        statuses.extend([412, 428]);
    }
    if operation.request_body.is_some() {
        statuses.extend([413, 415]);
    }
    statuses
}

fn title(status: u16) -> &'static str {
    KINDS.iter().find(|kind| kind.status == status).map_or("", |kind| kind.title)
}

/// The document, the same text for the same muster.
pub(super) fn text() -> String {
    Document::openapi().to_pretty_json().unwrap_or_default()
}

pub(super) async fn json() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(text())
}

/// Pages to read and try the document with, from this binary.
pub(super) fn viewer() -> SwaggerUi {
    SwaggerUi::new("/api/docs/{_:.*}").config(Config::from("/api/v1/openapi.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/openapi.json");

    #[test]
    fn the_committed_document_is_the_generated_one() {
        if std::env::var_os("MUSTER_WRITE_DOCS").is_some() {
            std::fs::write(COMMITTED, text() + "\n").unwrap();
        }
        let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
        assert!(
            committed.trim_end() == text(),
            "write it anew: MUSTER_WRITE_DOCS=1 cargo nextest run -p muster --lib document"
        );
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_and_a_tag() {
        let mut document = Document::openapi();
        let mut ids = BTreeSet::new();
        for (path, item) in &mut document.paths.paths {
            for (_, operation) in operations(item) {
                let id = operation.operation_id.clone().unwrap_or_default();
                assert!(ids.insert(id.clone()), "{path}: {id} stands twice");
                assert!(operation.tags.is_some() && !id.contains(':'), "{path}: {id}");
            }
        }
        assert!(ids.len() > 15);
    }

    #[test]
    fn the_table_of_verbs_has_every_operation_and_no_other() {
        let table = include_str!("../../docs/reference/verbs.md");
        let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
        let cells = rows.filter_map(|row| row.split('|').nth(2)).map(|cell| cell.trim().trim_matches('`'));
        let told: BTreeSet<String> = cells.filter(|cell| *cell != "–").map(str::to_owned).collect();
        let document: serde_json::Value = serde_json::from_str(&text()).unwrap();
        let paths = document["paths"].as_object().unwrap().iter();
        let known: BTreeSet<String> = paths
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (method, path)))
            .filter(|(method, _)| *method != "parameters")
            .map(|(method, path)| format!("{} {path}", method.to_uppercase()))
            .collect();
        assert_eq!(told, known);
    }
}
