use std::sync::Arc;

use parking_lot::RwLock;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::error::TlsError;
use super::identity::Identity;
use crate::options::TlsOptions;
use crate::shared::Shared;
use crate::shutdown::Phase;

/// What TCP connections pass before anything else is read from them.
#[derive(Debug)]
pub(crate) struct Gate {
    options: TlsOptions,
    identity: RwLock<Identity>,
}

impl Gate {
    /// Reads the files. One whose time is over is used all the same, and said loudly: whoever comes
    /// over the Unix socket is to be served.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn open(options: TlsOptions) -> Result<Self, TlsError> {
        let identity = Identity::load(&options)?;
        if let Err(error) = identity.check_time(&options) {
            tracing::error!(%error, "nobody can be served over TLS");
        }
        Ok(Self {
            options,
            identity: RwLock::new(identity),
        })
    }

    /// Reads the files again; connections from now on are greeted with what they hold.
    ///
    /// # Errors
    /// [`TlsError`]; what was in force stays in force then.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let identity = Identity::load(&self.options)?;
        identity.check_time(&self.options)?;
        *self.identity.write() = identity;
        Ok(())
    }

    /// When the certificate's time is over, in seconds since 1970.
    pub(crate) fn expires_unix_s(&self) -> u64 {
        self.identity.read().expires_unix_s()
    }

    /// Greets a client, within the time that it has to say who it is. `None`: it is no client of
    /// this server, took too long, or the service stops.
    pub(crate) async fn greet(
        &self,
        shared: &Shared,
        stream: TcpStream,
    ) -> Option<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.identity.read().config);
        let handshake = timeout(
            shared.options.deadlines.hello,
            TlsAcceptor::from(config).accept(stream),
        );
        let mut phases = shared.phase.subscribe();
        let greeted = tokio::select! {
            biased;
            _ = phases.wait_for(|phase| *phase > Phase::Serving) => return None,
            greeted = handshake => greeted,
        };
        match greeted {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => tracing::debug!(%error, "a handshake of TLS fails"),
            Err(_) => tracing::debug!("a handshake of TLS takes too long"),
        }
        shared.counters.handshakes_failed.add(1);
        None
    }
}
