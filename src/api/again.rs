//! `Idempotency-Key`: a request that is sent again is answered as before, and carried out once.

use actix_web::body::{BoxBody, MessageBody, to_bytes_limited};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpMessage as _, HttpResponse, ResponseError as _};
use tracing::warn;

use super::{ApiState, Caller, Problem};
use crate::access::hash_of;
use crate::store::{Answer, Known, Store};
use crate::telemetry::Chain;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Larger answers are not kept.
const LARGEST: usize = 256 << 10;
/// Answers that hold a secret, which is shown once.
const SECRET: [&str; 1] = ["/api/v1/tokens"];

/// Carries a request out once, if its sender gave it a key.
pub(super) async fn once(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let caller = request.extensions().get::<Caller>().cloned();
    let key = request.headers().get(KEY).cloned().filter(|_| request.method() == Method::POST);
    let (Some(caller), Some(key)) = (caller, key) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let Ok(body) = request.extract::<Bytes>().await else {
        return Ok(request.into_response(Problem::too_large().error_response()));
    };
    let asked = hash_of(&format!("{}\n{}", request.uri(), hash_of(&String::from_utf8_lossy(&body))));
    request.set_payload(Payload::from(body));
    let begun = match begin(&request, &caller, &key, &asked).await {
        Ok(Begun::Now(begun)) => begun,
        Ok(Begun::Before(answer)) => return Ok(request.into_response(answer)),
        Err(problem) => return Ok(request.into_response(problem.error_response())),
    };
    match next.call(request).await {
        Ok(response) => Ok(begun.end(response.map_into_boxed_body()).await),
        Err(error) => {
            begun.keep(None).await;
            Err(error)
        }
    }
}

enum Begun {
    Now(Request),
    Before(HttpResponse),
}

/// A request that is being carried out under its key.
struct Request {
    store: Store,
    who: String,
    key: String,
    is_secret: bool,
}

async fn begin(
    request: &ServiceRequest,
    caller: &Caller,
    key: &HeaderValue,
    asked: &str,
) -> Result<Begun, Problem> {
    let wrong = || Problem::bad_request("an Idempotency-Key has 1 to 128 letters, digits or -_.:");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let key = key.to_str().map_err(|_| wrong())?;
    if key.is_empty() || key.len() > 128 || !key.bytes().all(is_plain) {
        return Err(wrong());
    }
    let state = request.app_data::<Data<ApiState>>().ok_or_else(Problem::internal)?;
    let store = state.store()?;
    let known = store.begin_request(caller.who(), key, asked).await;
    match known.map_err(|error| Problem::of_store(&error))? {
        Known::New => {
            let is_secret = SECRET.contains(&request.path());
            let (store, who, key) = (store.clone(), caller.who().to_owned(), key.to_owned());
            Ok(Begun::Now(Request { store, who, key, is_secret }))
        }
        Known::UnderWay => Err(Problem::conflict("the same request is being carried out: ask again soon")),
        Known::Other => Err(Problem::conflict("another request had this Idempotency-Key: choose a new one")),
        Known::Answered(answer) => replayed(answer).map(Begun::Before),
    }
}

fn replayed(Answer { status, body, location }: Answer) -> Result<HttpResponse, Problem> {
    let Some(body) = body else {
        return Err(Problem::conflict("it was done before, and its answer held a secret that is shown once"));
    };
    let status = StatusCode::from_u16(status).map_err(|_| Problem::internal())?;
    let mut response = HttpResponse::build(status);
    response.insert_header(("idempotency-replayed", "true"));
    if let Some(location) = location {
        response.insert_header((LOCATION, location));
    }
    if body.is_empty() {
        Ok(response.finish())
    } else {
        Ok(response.content_type("application/json").body(body))
    }
}

impl Request {
    /// Keeps what was answered; what failed here may be sent again.
    async fn end(self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let (request, response) = response.into_parts();
        let (response, body) = response.into_parts();
        let Ok(Ok(body)) = to_bytes_limited(body, LARGEST).await else {
            self.keep(None).await;
            return ServiceResponse::new(request, Problem::internal().error_response());
        };
        let status = response.status();
        let location =
            response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = String::from_utf8(body.to_vec()).ok().filter(|_| !(self.is_secret && status.is_success()));
        let answer = Answer { status: status.as_u16(), body: text, location };
        // What was refused may be mended and sent again.
        self.keep(status.is_success().then_some(answer)).await;
        ServiceResponse::new(request, response.set_body(body).map_into_boxed_body())
    }

    async fn keep(&self, answer: Option<Answer>) {
        if let Err(error) = self.store.end_request(&self.who, &self.key, answer).await {
            warn!(error = %Chain(&error), "an answer could not be kept for whoever asks again");
        }
    }
}
