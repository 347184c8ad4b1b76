//! How a webhook knows that muster asks: Standard Webhooks 1.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::HeaderName;
use sha2::Sha256;

use crate::settings::SigningSecret;

/// The turn's id, the same for each repeat.
pub(super) const ID: HeaderName = HeaderName::from_static("webhook-id");
/// When the request was signed, in seconds since 1970.
pub(super) const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// A signature for each secret, with a space between.
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What stands in `webhook-signature`.
pub(super) fn sign(secrets: &[SigningSecret], id: &str, seconds: i64, body: &[u8]) -> String {
    let signatures = secrets.iter().filter_map(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).ok()?;
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_reference_implementations() {
        let secret = |text| SigningSecret::parse(text).unwrap();
        let first = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let other = secret("whsec_czNjcmV0czNjcmV0czNjcmV0czNjcmV0");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let body = br#"{"test": 2432232314}"#;
        let signed = sign(std::slice::from_ref(&first), id, 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = sign(&[other, first], id, 1_614_265_330, body);
        assert!(both.starts_with("v1,") && both.ends_with(&format!(" {signed}")), "{both}");
    }
}
