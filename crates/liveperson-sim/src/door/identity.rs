//! The identity service: tokens for consumers who prove nothing.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use liveperson_proto::AccountId;
use serde_json::json;

use super::routes::{Reply, as_json, body_of, error};
use crate::world::Shared;
use crate::world::identities::TokenRefused;

/// Answers what is under an account and no agent's business.
pub(super) async fn answer(
    request: Request<Incoming>,
    account: &str,
    rest: &[&str],
    shared: &Shared,
) -> Reply {
    let account = AccountId::new(account);
    let Some(body) = body_of(request).await else { return refused("json_parse_error") };
    let token = body["id_token"].as_str();
    match rest {
        ["signup"] => granted("jwt", shared.enter(|world| world.sign_up(&account))),
        ["anonymous", "authorize"] => {
            granted("token", shared.enter(|world| world.authorize_anonymous(&account, token)))
        }
        ["app", _, "authenticate"] => {
            let token = token.unwrap_or_default();
            granted("token", shared.enter(|world| world.authenticate_anonymous(&account, token)))
        }
        _ => error(StatusCode::NOT_FOUND, "no such resource", 1),
    }
}

fn granted(name: &str, outcome: Result<String, TokenRefused>) -> Reply {
    match outcome {
        Ok(token) => as_json(StatusCode::OK, &json!({ name: token })),
        Err(why) => refused(why.words()),
    }
}

fn refused(words: &str) -> Reply {
    as_json(StatusCode::BAD_REQUEST, &json!({ "error": words }))
}
