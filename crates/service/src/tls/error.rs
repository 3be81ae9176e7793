use std::io;
use std::path::PathBuf;

/// Why a certificate and its key cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is missing, or the server may not read it.
    #[error("cannot read the {what} {}: {source}", path.display())]
    Unreadable {
        /// Which of the two.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of the certificate holds none.
    #[error(
        "{} holds no certificate: it takes PEM, the server's own certificate first, then those \
         above it",
        path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file of the key holds none.
    #[error(
        "{} holds no private key: it takes PEM, unencrypted, of PKCS #8, SEC 1 or PKCS #1",
        path.display()
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// What stands between the marks of PEM is no certificate or key that can be used.
    #[error("{} cannot be used: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// They do not belong together.
    #[error(
        "the key {} does not belong to the certificate {}: give the key that it was issued for",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// Its time is over.
    #[error(
        "the certificate {} expired on {on}, clients refuse it: renew it and send the server SIGHUP",
        path.display()
    )]
    Expired {
        /// The file.
        path: PathBuf,
        /// Its last day, as in 2026-12-31.
        on: String,
    },
    /// Its time has not come, or the clock is wrong.
    #[error(
        "the certificate {} is valid from {from} on, which the clock says is to come: set the clock",
        path.display()
    )]
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// Its first day.
        from: String,
    },
}

impl TlsError {
    /// Whether the files are right and only the clock speaks against them. A server starts all the
    /// same, and says so.
    #[must_use]
    pub const fn is_about_time(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::NotYetValid { .. })
    }
}
