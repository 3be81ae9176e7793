use super::key::Effect;
use super::keys::KEYS;
use super::layers::Configured;

/// What differs between the configuration in force and another one.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Can be taken up while the server runs.
    pub(crate) now: Vec<Change>,
    /// Cannot.
    pub(crate) needs_restart: Vec<Change>,
}

/// A key whose value differs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: &'static str,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// What differs between the configuration in force and the one that was read.
pub(crate) fn changes(current: &Configured, next: &Configured) -> Changes {
    let mut changes = Changes::default();
    for key in KEYS {
        let before = key.field.show(&current.settings);
        let after = key.field.show(&next.settings);
        if before == after {
            continue;
        }
        let change = Change {
            key: key.path,
            before,
            after,
        };
        match key.effect {
            Effect::Reload => changes.now.push(change),
            Effect::Start => changes.needs_restart.push(change),
        }
    }
    changes
}
