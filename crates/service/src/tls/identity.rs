use std::io;
use std::path::Path;
use std::sync::Arc;

use docdb_engine::{Host, read_whole};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::error::TlsError;
use super::validity::{Moment, Validity, validity};
use crate::metrics::unix_ms;
use crate::options::TlsOptions;

/// Longest file of a certificate or key that is read.
const MAX_BYTES: u64 = 1024 * 1024;

/// Who the server is to its clients.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    validity: Validity,
}

impl Identity {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// All of [`TlsError`] but those about its time.
    pub(super) fn load(options: &TlsOptions) -> Result<Self, TlsError> {
        let TlsOptions { certificate, key } = options;
        let chain = chain(certificate)?;
        let unusable = |path: &Path, reason: String| TlsError::Unusable {
            path: path.to_owned(),
            reason,
        };
        let Some(validity) = chain.first().and_then(|own| validity(own)) else {
            return Err(unusable(certificate, "it is no certificate".to_owned()));
        };
        let provider = Arc::new(ring::default_provider());
        let private = provider
            .key_provider
            .load_private_key(private_key(key)?)
            .map_err(|error| unusable(key, error.to_string()))?;
        let certified = CertifiedKey::new(chain, private);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(TlsError::Mismatch {
                    certificate: certificate.clone(),
                    key: key.clone(),
                });
            }
            Err(error) => return Err(unusable(certificate, error.to_string())),
        }
        let config = config(provider, certified);
        let config = config.map_err(|error| unusable(certificate, error.to_string()))?;
        Ok(Self {
            config: Arc::new(config),
            validity,
        })
    }

    /// Refuses a certificate whose time is over, or has not come.
    ///
    /// # Errors
    /// [`TlsError::Expired`] and [`TlsError::NotYetValid`].
    pub(super) fn check_time(&self, options: &TlsOptions) -> Result<(), TlsError> {
        let now_s = unix_ms() / 1000;
        let path = options.certificate.clone();
        let day = |moment: &Moment| moment.day.clone();
        if now_s > self.validity.until.unix_s {
            let on = day(&self.validity.until);
            return Err(TlsError::Expired { path, on });
        }
        if now_s < self.validity.from.unix_s {
            let from = day(&self.validity.from);
            return Err(TlsError::NotYetValid { path, from });
        }
        Ok(())
    }

    /// When its time is over, in seconds since 1970.
    pub(super) const fn expires_unix_s(&self) -> u64 {
        self.validity.until.unix_s
    }
}

/// Whether a server can be started with a certificate and its key.
///
/// # Errors
/// [`TlsError`].
pub fn check_tls(options: &TlsOptions) -> Result<(), TlsError> {
    Identity::load(options)?.check_time(options)
}

/// TLS 1.3 alone: every client is one of ours.
fn config(
    provider: Arc<CryptoProvider>,
    certified: CertifiedKey,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    let resolver = Arc::new(SingleCertAndKey::from(certified));
    Ok(builder.with_no_client_auth().with_cert_resolver(resolver))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read("certificate", path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(TlsError::NoCertificate {
            path: path.to_owned(),
        }),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read("key", path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| TlsError::NoKey {
        path: path.to_owned(),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let bytes: io::Result<_> = read_whole(&*Host::real().files, path, MAX_BYTES);
    bytes.map_err(|source| TlsError::Unreadable {
        what,
        path: path.to_owned(),
        source,
    })
}
