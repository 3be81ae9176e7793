use std::io::{self, BufRead as _, ErrorKind, Read, Write};
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use parking_lot::Mutex;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::net::TcpStream;

/// A server that proves who it is, and that nobody between can listen to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TlsEndpoint {
    /// A host and a port, as `host:port`.
    pub address: String,
    /// The name that the server's certificate is for; `None`: the host of the address.
    pub server_name: Option<String>,
    /// Certificates of the authorities that are trusted, in PEM. A certificate that nobody else has
    /// signed is its own authority.
    pub authorities: Bytes,
}

impl TlsEndpoint {
    fn name(&self) -> io::Result<ServerName<'static>> {
        let host = || self.address.rsplit_once(':').map(|(host, _)| host);
        let name = self.server_name.as_deref().or_else(host);
        let name = name.unwrap_or(&self.address);
        let name = name.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(name.to_owned())
            .map_err(|_| invalid(format!("{name:?} cannot be the name of a server")))
    }

    fn config(&self) -> io::Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.authorities) {
            let certificate = certificate.map_err(|_| no_authority())?;
            roots.add(certificate).map_err(|_| no_authority())?;
        }
        if roots.is_empty() {
            return Err(no_authority());
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

fn no_authority() -> io::Error {
    invalid("the file of trusted authorities holds no usable certificate in PEM".to_owned())
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, reason)
}

/// Most that is sealed at a time: what one record of TLS holds.
const RECORD_BYTES: usize = 16 * 1024;

/// A TCP stream behind TLS.
#[derive(Debug)]
pub(crate) struct TlsStream {
    tcp: TcpStream,
    sealed: Mutex<Sealed>,
}

#[derive(Debug)]
struct Sealed {
    connection: ClientConnection,
    /// Bytes at the front of the output that are sealed, in one record, and have not left whole.
    ///
    /// INVARIANT: a byte is taken from the output only when the socket has the whole record, so that
    /// what is still there was never in the hands of the server: half a record opens to nothing.
    leaving: usize,
}

impl TlsStream {
    pub(crate) async fn connect(endpoint: &TlsEndpoint) -> io::Result<Self> {
        let (config, name) = (Arc::new(endpoint.config()?), endpoint.name()?);
        let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let tcp = TcpStream::connect(&endpoint.address).await?;
        tcp.set_nodelay(true)?;
        while connection.is_handshaking() {
            if !flush(&mut connection, &tcp)? {
                tcp.writable().await?;
            } else if connection.is_handshaking() {
                tcp.readable().await?;
                fetch(&mut connection, &tcp)?;
            }
        }
        let sealed = Mutex::new(Sealed {
            connection,
            leaving: 0,
        });
        Ok(Self { tcp, sealed })
    }

    pub(crate) const fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Writes from the front of `output` what the socket takes at once, and removes it there.
    pub(crate) fn write_now(&self, output: &mut BytesMut) -> io::Result<()> {
        let mut sealed = self.sealed.lock();
        while flush(&mut sealed.connection, &self.tcp)? {
            output.advance(std::mem::take(&mut sealed.leaving).min(output.len()));
            let record = output.get(..output.len().min(RECORD_BYTES));
            let Some(record) = record.filter(|record| !record.is_empty()) else {
                break;
            };
            sealed.leaving = sealed.connection.writer().write(record)?;
        }
        Ok(())
    }

    /// Appends what has arrived. Answers its length: 0 at the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` where nothing has.
    pub(crate) fn read_now(&self, input: &mut BytesMut) -> io::Result<usize> {
        let mut sealed = self.sealed.lock();
        let connection = &mut sealed.connection;
        let fetched = match open(connection, input) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => fetch(connection, &self.tcp),
            opened => return opened,
        };
        // What the server is owed for it, as an answer to a change of keys, leaves now or with
        // what is written next.
        flush(connection, &self.tcp)?;
        fetched?;
        open(connection, input)
    }
}

/// Sends what is sealed. Returns whether all of it has left.
fn flush(connection: &mut ClientConnection, tcp: &TcpStream) -> io::Result<bool> {
    while connection.wants_write() {
        match connection.write_tls(&mut Now(tcp)) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Takes in sealed bytes, and whatever they mean to the connection.
fn fetch(connection: &mut ClientConnection, tcp: &TcpStream) -> io::Result<()> {
    match connection.read_tls(&mut Now(tcp)) {
        Ok(0) if connection.is_handshaking() => return Err(ErrorKind::UnexpectedEof.into()),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(error),
    }
    let processed = connection.process_new_packets();
    processed.map(drop).map_err(|error| {
        // The server is told why, where it still listens.
        let _ = flush(connection, tcp);
        io::Error::new(ErrorKind::InvalidData, error)
    })
}

/// Appends what is open to be read.
fn open(connection: &mut ClientConnection, input: &mut BytesMut) -> io::Result<usize> {
    let mut reader = connection.reader();
    let length = match reader.fill_buf() {
        Ok(bytes) => {
            input.extend_from_slice(bytes);
            bytes.len()
        }
        // A server that was killed says no goodbye. Frames know their length, so that nothing is
        // taken for whole.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
        Err(error) => return Err(error),
    };
    reader.consume(length);
    Ok(length)
}

/// A socket that is read and written at once or not at all.
struct Now<'a>(&'a TcpStream);

impl Read for Now<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
