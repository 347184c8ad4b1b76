//! A webhook bot for muster: `WEBHOOK_SECRET=whsec_... PORT=8080 cargo run --example webhook-bot`
use actix_web::{App, HttpRequest, HttpServer, Result, error::ErrorUnauthorized, web};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
fn is_from_muster(request: &HttpRequest, body: &[u8]) -> Option<bool> {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let key = STANDARD.decode(std::env::var("WEBHOOK_SECRET").ok()?.strip_prefix("whsec_")?).ok()?;
    let (id, at, all) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
    let mac = Hmac::<sha2::Sha256>::new_from_slice(&key).ok()?.chain_update(format!("{id}.{at}."));
    let same = |one: Vec<u8>| mac.clone().chain_update(body).verify_slice(&one).is_ok();
    let age = std::time::UNIX_EPOCH.elapsed().ok()?.as_secs().abs_diff(at.parse().ok()?);
    Some(age < 300 && all.split(' ').any(|one| STANDARD.decode(one.replace("v1,", "")).is_ok_and(same)))
}
async fn decide(request: HttpRequest, body: web::Bytes) -> Result<web::Json<Value>> {
    is_from_muster(&request, &body).filter(|is| *is).ok_or_else(|| ErrorUnauthorized("not signed"))?;
    let turn: Value = serde_json::from_slice(&body)?;
    let count = turn["variables"]["messages"].as_u64().unwrap_or(0) + 1;
    let set = json!({"type": "set", "name": "messages", "value": count});
    let reply = |text: &str| json!([{"type": "say", "text": format!("Message {count}: {text:.7000}")}, set]);
    Ok(web::Json(json!({"actions": turn["event"]["text"].as_str().map_or(json!([]), reply)})))
}
#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8080);
    let bot = HttpServer::new(|| App::new().default_service(web::to(decide))).bind(("127.0.0.1", port))?;
    println!("listening on port {}", bot.addrs()[0].port());
    bot.run().await
}
