use std::fmt;

use sha2::{Digest, Sha256};

/// What every token begins with, so that a leaked one is recognised.
const PREFIX: &str = "docdb_";
/// Random bytes of a token.
const BYTES: usize = 32;

/// A token as its owner has it: 256 random bits. It is shown once, when it is created, and never
/// written down by the server, which keeps its SHA-256.
pub struct Secret([u8; BYTES]);

/// What is kept of a token. It says nothing about it: 256 random bits cannot be tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SecretHash([u8; 32]);

impl Secret {
    /// A new one from the randomness of the system.
    ///
    /// # Errors
    /// The system's, when it has none.
    pub(crate) fn random() -> std::io::Result<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self(bytes))
    }

    /// The token that a client sent, if it has the form of one.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.strip_prefix(PREFIX)?;
        hex_to_bytes(text).map(Self)
    }

    /// The text that its owner is shown.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", bytes_to_hex(&self.0))
    }

    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0).into())
    }
}

/// A secret is in no log, whatever is logged.
impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

impl SecretHash {
    pub(crate) fn to_hex(self) -> String {
        bytes_to_hex(&self.0)
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        hex_to_bytes(text).map(Self)
    }
}

fn bytes_to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hex_to_bytes(text: &str) -> Option<[u8; 32]> {
    let is_hex = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != 64 || !is_hex {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, index) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(index..index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_it_was_shown_and_hides_in_debug_output() {
        let secret = Secret::random().unwrap();
        let shown = secret.reveal();
        assert_eq!(shown.len(), PREFIX.len() + 64);
        let again = Secret::parse(shown.as_bytes()).unwrap();
        assert_eq!(again.hash(), secret.hash());
        assert!(!format!("{secret:?}").contains(&shown[10..]));
        assert_ne!(Secret::random().unwrap().hash(), secret.hash());
        for wrong in [
            "",
            "docdb_",
            &shown[..shown.len() - 1],
            &shown[1..],
            &shown.to_uppercase(),
            &format!("{shown}0"),
            &shown.replace("docdb_", "docdb-"),
        ] {
            assert!(Secret::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(Secret::parse(&[0xff; 70]).is_none());
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // SHA-256 of 32 zero bytes.
        let hash = Secret([0; BYTES]).hash().to_hex();
        assert_eq!(
            hash,
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
        assert_eq!(SecretHash::from_hex(&hash).unwrap().to_hex(), hash);
    }
}
