//! One configuration out of flags, environment, file and defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::document::{self, Entry};
use super::key::Key;
use super::keys::KEYS;
use super::problem::{Origin, Problem};
use super::rules;
use super::scalar::Scalar;
use super::settings::Settings;

/// Names the configuration file, as `--config` does.
const CONFIG_VARIABLE: &str = "DOCDB_CONFIG";

/// What was said outside of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    /// The value of `--config`.
    pub(crate) file: Option<PathBuf>,
    /// Flags without their dashes, and their values.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// The environment.
    pub(crate) environment: BTreeMap<OsString, OsString>,
}

/// A configuration that a server can start with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Configured {
    pub(crate) settings: Settings,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Where the values that are not defaults came from, by the path of their key.
    origins: BTreeMap<&'static str, Origin>,
    /// Variables that begin like those of the server and are none of them.
    pub(crate) ignored_variables: Vec<String>,
}

impl Configured {
    /// Where the value of a key came from.
    pub(crate) fn origin(&self, key: &Key) -> Origin {
        self.origins.get(key.path).cloned().unwrap_or_default()
    }
}

/// Puts the layers on top of each other: a flag wins over the environment, that over the file, and
/// that over the default.
///
/// # Errors
/// Everything that is wrong, in any layer, also where another layer would win over it.
pub(crate) fn load(given: &Given) -> Result<Configured, Vec<Problem>> {
    let mut configured = Configured::default();
    let mut problems = Vec::new();

    let from_environment = || given.environment.get(&OsString::from(CONFIG_VARIABLE));
    let file = given.file.clone();
    configured.file = file.or_else(|| from_environment().map(PathBuf::from));
    let in_file = match &configured.file {
        Some(path) => document::read(path),
        None => Ok(Vec::new()),
    };
    match in_file {
        Ok(entries) => problems.extend(
            entries
                .iter()
                .filter_map(|entry| configured.put_entry(entry).err()),
        ),
        Err(problem) => problems.push(problem),
    }
    for (name, value) in &given.environment {
        problems.extend(configured.put_variable(name, value).err());
    }
    for (flag, value) in &given.flags {
        problems.extend(configured.put_flag(flag, value).err());
    }
    if problems.is_empty() {
        problems = rules::contradictions(&configured);
    }
    if problems.is_empty() {
        Ok(configured)
    } else {
        Err(problems)
    }
}

impl Configured {
    fn put(&mut self, key: &'static Key, value: &Scalar, origin: Origin) -> Result<(), Problem> {
        key.put(&mut self.settings, value, &origin)?;
        self.origins.insert(key.path, origin);
        Ok(())
    }

    fn put_entry(&mut self, entry: &Entry) -> Result<(), Problem> {
        let Some(key) = KEYS.iter().find(|key| key.path == entry.path) else {
            return unknown(entry);
        };
        self.put(key, &entry.value, entry.origin.clone())
    }

    fn put_variable(&mut self, name: &OsString, value: &OsString) -> Result<(), Problem> {
        let Some(name) = name.to_str().filter(|name| name.starts_with("DOCDB_")) else {
            return Ok(());
        };
        let Some(key) = KEYS.iter().find(|key| key.variable() == name) else {
            if name != CONFIG_VARIABLE {
                self.ignored_variables.push(name.to_owned());
            }
            return Ok(());
        };
        let origin = Origin::Environment(name.to_owned());
        match value.to_str() {
            Some(text) => self.put(key, &Scalar::Text(text.to_owned()), origin),
            None => Err(Problem::Wrong {
                origin,
                path: key.path.to_owned(),
                found: format!("{value:?}"),
                allowed: format!("UTF-8: {}", key.allowed()),
            }),
        }
    }

    fn put_flag(&mut self, flag: &'static str, value: &str) -> Result<(), Problem> {
        let Some(key) = KEYS.iter().find(|key| key.flag == Some(flag)) else {
            return Ok(());
        };
        self.put(key, &Scalar::Text(value.to_owned()), Origin::Flag(flag))
    }
}

/// A section that holds nothing says nothing; a value where a section belongs, or under a name that
/// nothing has, is a mistake.
fn unknown(entry: &Entry) -> Result<(), Problem> {
    let below = names(&entry.path);
    let is_section = !below.is_empty();
    match (&entry.value, is_section) {
        (Scalar::Section | Scalar::Nothing, true) => Ok(()),
        (found, true) => Err(Problem::Wrong {
            origin: entry.origin.clone(),
            path: entry.path.clone(),
            found: found.to_string(),
            allowed: format!("a section of {}", below.join(", ")),
        }),
        (_, false) => Err(Problem::UnknownKey {
            origin: entry.origin.clone(),
            path: entry.path.clone(),
            allowed: known_beside(&entry.path),
        }),
    }
}

/// The names of what stands in a section; of all that stands in none, for the empty path.
fn names(section: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in KEYS {
        let inside = if section.is_empty() {
            Some(key.path)
        } else {
            key.path
                .strip_prefix(section)
                .and_then(|rest| rest.strip_prefix('.'))
        };
        let name = inside.and_then(|inside| inside.split('.').next());
        if let Some(name) = name
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// What is known in the nearest section above a path that is unknown.
fn known_beside(path: &str) -> String {
    let mut section = path;
    while let Some((above, _)) = section.rsplit_once('.') {
        let names = names(above);
        if !names.is_empty() {
            return format!("in {above}: {}", names.join(", "));
        }
        section = above;
    }
    names("").join(", ")
}
