//! TLS on TCP: the certificate, its key, and connections that begin with a handshake.

mod error;
mod gate;
mod identity;
mod validity;

pub use error::TlsError;
pub(crate) use gate::Gate;
pub use identity::check_tls;
