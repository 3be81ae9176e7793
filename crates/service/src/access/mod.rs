//! Who may do what: tokens, what they grant, and the one place that decides.

mod authorize;
mod file;
mod grant;
mod guard;
mod secret;
mod tokens;

pub(crate) use authorize::{Identity, authorize};
pub use grant::{Role, Scope, UnknownRole};
pub(crate) use guard::Guard;
pub use secret::Secret;
pub use tokens::{TokenError, TokenInfo, TokenRequest, Tokens};
