//! One TLS configuration for HTTP and sockets, made once for all bots.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::settings::ClientSettingsError;

/// Trusts the public roots and, besides them, the certificates in `ca_pem`.
///
/// The provider is named here, so no process-wide default is needed. Resumption is on by default.
pub fn config(ca_pem: Option<&[u8]>) -> Result<ClientConfig, ClientSettingsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = ca_pem {
        add(&mut roots, pem)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ClientSettingsError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), ClientSettingsError> {
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| ClientSettingsError::Ca)?;
        roots.add(certificate).map_err(|_| ClientSettingsError::Ca)?;
    }
    if roots.len() == before { Err(ClientSettingsError::Ca) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_certificates_is_refused() {
        for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(config(Some(pem.as_bytes())), Err(ClientSettingsError::Ca)), "{pem}");
        }
    }
}
