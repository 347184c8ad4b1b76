//! `/login`: a person shows a name and a password, or a token, and gets a session.

use actix_web::http::header::{ContentType, LOCATION};
use actix_web::web::{Data, Form};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use maud::{DOCTYPE, Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use crate::api::{ApiState, LoggingIn, Problem, log_in};

/// What the form sends; what is left empty was not meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    name: String,
    password: SecretString,
    token: SecretString,
}

pub(super) async fn form() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::html()).body(page(None).into_string())
}

pub(super) async fn sent(request: HttpRequest, fields: Form<Fields>, state: Data<ApiState>) -> HttpResponse {
    let Fields { name, password, token } = fields.into_inner();
    match log_in(&request, LoggingIn::of_form(name, password, token), &state).await {
        Ok(cookie) => HttpResponse::SeeOther().insert_header((LOCATION, "/")).cookie(cookie).finish(),
        Err(problem) => refused(&problem),
    }
}

fn refused(problem: &Problem) -> HttpResponse {
    let mut response = HttpResponse::build(problem.status_code());
    response.content_type(ContentType::html()).body(page(Some(problem)).into_string())
}

fn page(problem: Option<&Problem>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Log in · muster" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header { h1 { "muster" } }
                main {
                    @if let Some(problem) = problem { p.banner role="alert" { (problem) } }
                    form method="post" action="/login" {
                        p { label { "Name " input name="name" autocomplete="username" maxlength="100"; } }
                        p { label { "Password " input name="password" type="password" autocomplete="current-password" maxlength="256"; } }
                        p { "or a token in place of both:" }
                        p { label { "Token " input name="token" type="password" autocomplete="off" maxlength="200"; } }
                        p { button type="submit" { "Log in" } }
                    }
                    p { "The first start of a fleet prints a token; an admin makes users with " code { "muster users create" } "." }
                }
            }
        }
    }
}
