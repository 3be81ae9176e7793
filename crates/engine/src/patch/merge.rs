//! The merge patch of RFC 7396.

use super::tree::{Opened, PlaceId, Tree, Value, kind};
use docdb_types::Limits;
use docdb_types::json::{JsonKind, JsonLimits, check, escape, walk};
use docdb_types::patch::PatchError;

/// Merges `patch` into `document`: its members replace or add members, those that are `null`
/// remove them, objects are merged in turn; a patch that is no object replaces the document.
///
/// # Errors
/// [`PatchError::NotJson`] where `patch` is no document; [`PatchError::TooLarge`] and
/// [`PatchError::InvalidJson`] where the result passes the size or the depth of a document;
/// [`PatchError::TooCostly`].
pub fn merge(document: &[u8], patch: &[u8], limits: &Limits) -> Result<Vec<u8>, PatchError> {
    let limits = JsonLimits::from(limits);
    check(patch, limits).map_err(PatchError::NotJson)?;
    let range = walk::value(patch)
        .map(|(_, range)| range)
        .unwrap_or_default();
    let mut tree = Tree::new(document, limits)?;
    tree.merge(Tree::root(), patch.get(range).unwrap_or_default())?;
    tree.finish()
}

impl Tree<'_> {
    // The recursion is bounded by the depth of the patch, which has been checked.
    fn merge(&mut self, place: PlaceId, patch: &[u8]) -> Result<(), PatchError> {
        if kind(patch) != JsonKind::Object {
            let value = self.text_value(patch)?;
            self.set_value(place, value);
            return Ok(());
        }
        self.charge(patch.len())?;
        let object = match self.open(place)? {
            Opened::Object(object) => object,
            Opened::Array(_) | Opened::Scalar(_) => {
                let object = self.empty_object();
                self.set_value(place, Value::Object(object));
                object
            }
        };
        for range in walk::items(patch) {
            let item = patch.get(range).unwrap_or_default();
            let Some(member) = walk::member(item) else {
                continue;
            };
            let name = escape::unescape(item.get(member.name).unwrap_or_default());
            let name = String::from_utf8_lossy(&name);
            let value = item.get(member.value).unwrap_or_default();
            match (self.position(object, &name), member.kind) {
                (Some(position), JsonKind::Null) => self.remove_member(object, &name, position),
                (None, JsonKind::Null) => {}
                (Some(position), _) => {
                    let place = self.member(object, position)?;
                    self.merge(place, value)?;
                }
                (None, JsonKind::Object) => {
                    // Even a new object takes over none of the nulls.
                    let empty = Value::Object(self.empty_object());
                    let place = self.append(object, &name, empty)?;
                    self.merge(place, value)?;
                }
                (None, _) => {
                    let value = self.text_value(value)?;
                    self.append(object, &name, value)?;
                }
            }
        }
        Ok(())
    }
}
