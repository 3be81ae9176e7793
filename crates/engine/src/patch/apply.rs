//! Applies steps to a document.

use super::edit::Fault;
use super::pointer::Pointer;
use super::tree::{PlaceId, Tree, Value};
use docdb_types::json::{JsonKind, JsonLimits, check, walk};
use docdb_types::patch::{PatchError, PathFault, StepFault};
use docdb_types::{Limits, PatchStep};

/// Applies `steps` to `document` in their order, all or none, and returns the patched document.
///
/// Objects and arrays can be patched in all their parts; any other document only by a step of
/// RFC 6902 on the whole of it (path `""`).
///
/// # Errors
/// [`PatchError::InvalidPatch`], [`PatchError::InvalidPath`] or [`PatchError::NotJsonObject`] for
/// the first step that does not apply; [`PatchError::TooLarge`] and [`PatchError::InvalidJson`]
/// where the result passes the size or the depth of a document; [`PatchError::TooCostly`].
pub fn apply(document: &[u8], steps: &[PatchStep], limits: &Limits) -> Result<Vec<u8>, PatchError> {
    let mut tree = Tree::new(document, JsonLimits::from(limits))?;
    for (index, step) in steps.iter().enumerate() {
        Editor {
            tree: &mut tree,
            step: index,
        }
        .apply(step)?;
    }
    tree.finish()
}

/// Makes the change of one step.
struct Editor<'t, 'a> {
    tree: &'t mut Tree<'a>,
    step: usize,
}

impl Editor<'_, '_> {
    fn apply(&mut self, step: &PatchStep) -> Result<(), PatchError> {
        self.patchable(step)?;
        match step {
            PatchStep::Set { path, value } => {
                let (path, value) = (self.pointer(path)?, self.checked(value)?);
                let set = self.tree.set(&path.segments, value);
                self.at(&path, set)
            }
            PatchStep::Delete { path } | PatchStep::Remove { path } => {
                self.remove(&self.pointer(path)?).map(drop)
            }
            PatchStep::Insert { path, value } => {
                self.insert(&self.pointer(path)?, self.checked(value)?)
            }
            PatchStep::Add { path, value } => {
                let value = self.tree.text_value(self.checked(value)?)?;
                self.add(&self.pointer(path)?, value)
            }
            PatchStep::Replace { path, value } => {
                let place = self.find(&self.pointer(path)?)?;
                let value = self.tree.text_value(self.checked(value)?)?;
                self.tree.set_value(place, value);
                Ok(())
            }
            PatchStep::Move { from, path } => {
                self.relocate(&self.pointer(from)?, &self.pointer(path)?)
            }
            PatchStep::Copy { from, path } => {
                let place = self.find(&self.pointer(from)?)?;
                let value = self.tree.copy(place)?;
                self.add(&self.pointer(path)?, value)
            }
            PatchStep::Test { path, value } => {
                let place = self.find(&self.pointer(path)?)?;
                if self.tree.equals(place, self.checked(value)?)? {
                    Ok(())
                } else {
                    Err(self.invalid(StepFault::TestFailed))
                }
            }
        }
    }

    /// Refuses a step for a part of a document that has none.
    fn patchable(&self, step: &PatchStep) -> Result<(), PatchError> {
        let kind = self.tree.kind(Tree::root());
        let whole = match step {
            PatchStep::Set { .. } | PatchStep::Delete { .. } | PatchStep::Insert { .. } => false,
            PatchStep::Move { from, path } | PatchStep::Copy { from, path } => {
                from.is_empty() && path.is_empty()
            }
            PatchStep::Add { path, .. }
            | PatchStep::Remove { path }
            | PatchStep::Replace { path, .. }
            | PatchStep::Test { path, .. } => path.is_empty(),
        };
        if whole || matches!(kind, JsonKind::Object | JsonKind::Array) {
            Ok(())
        } else {
            Err(PatchError::NotJsonObject { step: self.step })
        }
    }

    fn pointer<'p>(&self, path: &'p str) -> Result<Pointer<'p>, PatchError> {
        Pointer::parse(path, self.tree.limits.depth()).map_err(|fault| self.lost(path, fault))
    }

    /// The value of a step without white space around it.
    fn checked<'v>(&self, value: &'v [u8]) -> Result<&'v [u8], PatchError> {
        check(value, self.tree.limits).map_err(|error| self.invalid(StepFault::Value(error)))?;
        let range = walk::value(value)
            .map(|(_, range)| range)
            .unwrap_or_default();
        Ok(value.get(range).unwrap_or_default())
    }

    fn find(&mut self, path: &Pointer<'_>) -> Result<PlaceId, PatchError> {
        let place = self.tree.find(&path.segments);
        self.at(path, place)
    }

    fn add(&mut self, path: &Pointer<'_>, value: Value) -> Result<(), PatchError> {
        let Some((last, parents)) = path.split() else {
            self.tree.set_value(Tree::root(), value);
            return Ok(());
        };
        let parent = self.tree.find(parents);
        let added = parent.and_then(|parent| self.tree.add(parent, last, value));
        self.at(path, added)
    }

    fn insert(&mut self, path: &Pointer<'_>, value: &[u8]) -> Result<(), PatchError> {
        let Some((last, parents)) = path.split() else {
            return Err(self.lost(path.text, PathFault::NotInArray));
        };
        let value = self.tree.text_value(value)?;
        let parent = self.tree.find(parents);
        let inserted = parent.and_then(|parent| self.tree.insert(parent, last, value));
        self.at(path, inserted)
    }

    fn remove(&mut self, path: &Pointer<'_>) -> Result<Value, PatchError> {
        let Some((last, parents)) = path.split() else {
            return Err(self.lost(path.text, PathFault::WholeDocument));
        };
        let parent = self.tree.find(parents);
        let removed = parent.and_then(|parent| self.tree.remove(parent, last));
        self.at(path, removed)
    }

    fn relocate(&mut self, from: &Pointer<'_>, path: &Pointer<'_>) -> Result<(), PatchError> {
        if from.encloses(path) {
            return Err(self.invalid(StepFault::IntoItself));
        }
        if from.segments == path.segments {
            // Removing and adding a member would change its place among the others.
            return self.find(from).map(drop);
        }
        let value = self.remove(from)?;
        self.add(path, value)
    }

    /// Names the step and the path of a fault.
    fn at<T>(&self, path: &Pointer<'_>, result: Result<T, Fault>) -> Result<T, PatchError> {
        result.map_err(|fault| match fault {
            Fault::Path(fault) => self.lost(path.text, fault),
            Fault::Patch(error) => error,
        })
    }

    fn lost(&self, path: &str, fault: PathFault) -> PatchError {
        PatchError::InvalidPath {
            step: self.step,
            path: PatchError::abridge(path),
            fault,
        }
    }

    fn invalid(&self, fault: StepFault) -> PatchError {
        PatchError::InvalidPatch {
            step: self.step,
            fault,
        }
    }
}
