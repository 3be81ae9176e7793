use super::field::Field;
use super::problem::{Origin, Problem};
use super::scalar::Scalar;
use super::settings::Settings;

/// One thing that can be configured.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its place in a file, sections and name separated by dots.
    pub(crate) path: &'static str,
    /// The flag that sets it too, without its dashes.
    pub(crate) flag: Option<&'static str>,
    /// What it does, for the example file: one or a few lines.
    pub(crate) about: &'static str,
    pub(crate) field: Field,
    /// When a new value takes effect.
    pub(crate) effect: Effect,
    /// The only values that this server can keep its word on, as a file would say them; empty: all
    /// that the field allows.
    pub(crate) only: &'static [&'static str],
}

/// When a new value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// When the server is told to read its configuration again.
    Reload,
    /// At the next start.
    Start,
}

impl Key {
    /// The variable of the environment that sets it too: by the name of its flag, where it has one,
    /// and by its path otherwise.
    pub(crate) fn variable(&self) -> String {
        let name = self.flag.unwrap_or(self.path);
        let name = name.to_uppercase().replace(['.', '-'], "_");
        format!("DOCDB_{name}")
    }

    /// What may be there, for people.
    pub(crate) fn allowed(&self) -> String {
        if self.only.is_empty() {
            self.field.allowed()
        } else {
            format!("{} (more is not in this version)", self.only.join(" or "))
        }
    }

    /// Puts a value where it goes, or says why not.
    pub(crate) fn put(
        &self,
        settings: &mut Settings,
        value: &Scalar,
        origin: &Origin,
    ) -> Result<(), Problem> {
        let mut changed = settings.clone();
        let is_allowed = self.field.put(&mut changed, value)
            && (self.only.is_empty() || self.only.contains(&self.field.show(&changed).as_str()));
        if is_allowed {
            *settings = changed;
            return Ok(());
        }
        Err(Problem::Wrong {
            origin: origin.clone(),
            path: self.path.to_owned(),
            found: value.to_string(),
            allowed: self.allowed(),
        })
    }
}
