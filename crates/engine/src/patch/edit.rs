//! The changes that steps are made of, at one place of a tree.

use super::pointer::index;
use super::texts::Span;
use super::tree::{ArrayId, ObjectId, Opened, PlaceId, Tree, Value};
use docdb_types::json::escape::push_string;
use docdb_types::patch::{PatchError, PathFault};
use std::borrow::Cow;

/// Why a change cannot be made.
pub(super) enum Fault {
    /// The path does not lead to a place for it.
    Path(PathFault),
    /// The patch fails wherever it is.
    Patch(PatchError),
}

impl From<PathFault> for Fault {
    fn from(fault: PathFault) -> Self {
        Self::Path(fault)
    }
}

impl From<PatchError> for Fault {
    fn from(error: PatchError) -> Self {
        Self::Patch(error)
    }
}

impl Tree<'_> {
    /// The place that `segments` lead to.
    pub(super) fn find(&mut self, segments: &[Cow<'_, str>]) -> Result<PlaceId, Fault> {
        segments
            .iter()
            .try_fold(Self::root(), |place, segment| self.child(place, segment))
    }

    fn child(&mut self, parent: PlaceId, segment: &str) -> Result<PlaceId, Fault> {
        match self.open(parent)? {
            Opened::Object(object) => {
                let position = self
                    .position(object, segment)
                    .ok_or_else(|| no_member(segment))?;
                Ok(self.member(object, position)?)
            }
            Opened::Array(array) => {
                let index = self.existing(array, segment)?;
                Ok(self.element(array, index)?)
            }
            Opened::Scalar(kind) => Err(PathFault::Scalar { kind }.into()),
        }
    }

    /// Where the member `name` stands among those of an object.
    pub(super) fn position(&mut self, object: ObjectId, name: &str) -> Option<usize> {
        let (object, texts) = self.object_and_texts(object);
        object.lookup.find(texts, &object.members, name)
    }

    /// The index of an element that must exist.
    fn existing(&self, array: ArrayId, segment: &str) -> Result<usize, PathFault> {
        let len = self.array(array).elements.len();
        let index = index(segment, len)?;
        if index < len {
            Ok(index)
        } else {
            Err(PathFault::NoElement { index, len })
        }
    }

    /// Adds the `text` of a value to what the tree refers to.
    pub(super) fn text_value(&mut self, text: &[u8]) -> Result<Value, PatchError> {
        Ok(Value::Text(
            self.texts.add(|added| added.extend_from_slice(text))?,
        ))
    }

    /// `add` of RFC 6902.
    pub(super) fn add(&mut self, parent: PlaceId, last: &str, value: Value) -> Result<(), Fault> {
        match self.open(parent)? {
            Opened::Object(object) => Ok(self.put(object, last, value)?),
            Opened::Array(array) => self.insert_at(array, last, value),
            Opened::Scalar(kind) => Err(PathFault::Scalar { kind }.into()),
        }
    }

    /// Inserts into an array, and nowhere else.
    pub(super) fn insert(
        &mut self,
        parent: PlaceId,
        last: &str,
        value: Value,
    ) -> Result<(), Fault> {
        match self.open(parent)? {
            Opened::Array(array) => self.insert_at(array, last, value),
            Opened::Object(_) => Err(PathFault::NotInArray.into()),
            Opened::Scalar(kind) => Err(PathFault::Scalar { kind }.into()),
        }
    }

    fn insert_at(&mut self, array: ArrayId, segment: &str, value: Value) -> Result<(), Fault> {
        let len = self.array(array).elements.len();
        let index = index(segment, len)?;
        if index > len {
            return Err(PathFault::NoElement { index, len }.into());
        }
        let (_, item) = self.new_item(Span::EMPTY, value);
        self.array_mut(array).elements.insert(index, item);
        Ok(())
    }

    /// Gives the member `name` a value: in its place, or behind the others.
    pub(super) fn put(
        &mut self,
        object: ObjectId,
        name: &str,
        value: Value,
    ) -> Result<(), PatchError> {
        if let Some(position) = self.position(object, name) {
            let place = self.member(object, position)?;
            self.set_value(place, value);
            return Ok(());
        }
        self.append(object, name, value).map(drop)
    }

    /// Adds a member that is not there yet, and returns its place.
    pub(super) fn append(
        &mut self,
        object: ObjectId,
        name: &str,
        value: Value,
    ) -> Result<PlaceId, PatchError> {
        let lead = self.texts.add(|added| {
            push_string(added, name);
            added.push(b':');
        })?;
        let (place, item) = self.new_item(lead, value);
        let object = self.object_mut(object);
        object.lookup.added(name, object.members.len());
        object.members.push(Some(item));
        object.len += 1;
        Ok(place)
    }

    /// Removes a member or element that must exist, and returns what stood there.
    pub(super) fn remove(&mut self, parent: PlaceId, last: &str) -> Result<Value, Fault> {
        match self.open(parent)? {
            Opened::Object(object) => {
                let position = self.position(object, last).ok_or_else(|| no_member(last))?;
                let place = self.member(object, position)?;
                self.remove_member(object, last, position);
                Ok(self.value(place))
            }
            Opened::Array(array) => {
                let index = self.existing(array, last)?;
                let place = self.element(array, index)?;
                self.array_mut(array).elements.remove(index);
                Ok(self.value(place))
            }
            Opened::Scalar(kind) => Err(PathFault::Scalar { kind }.into()),
        }
    }

    /// Removes the member that stands at `position`.
    pub(super) fn remove_member(&mut self, object: ObjectId, name: &str, position: usize) {
        let object = self.object_mut(object);
        if object
            .members
            .get_mut(position)
            .and_then(Option::take)
            .is_some()
        {
            object.len -= 1;
            object.lookup.removed(name);
        }
    }

    /// Sets what `segments` lead to, creating the members on the way that are missing.
    pub(super) fn set(&mut self, segments: &[Cow<'_, str>], value: &[u8]) -> Result<(), Fault> {
        let mut place = Self::root();
        for (depth, segment) in segments.iter().enumerate() {
            let Opened::Object(object) = self.open(place)? else {
                place = self.child(place, segment)?;
                continue;
            };
            let Some(position) = self.position(object, segment) else {
                let missing = segments.get(depth + 1..).unwrap_or_default();
                let value = Value::Text(self.nested(missing, value)?);
                self.append(object, segment, value)?;
                return Ok(());
            };
            place = self.member(object, position)?;
        }
        let value = self.text_value(value)?;
        self.set_value(place, value);
        Ok(())
    }

    /// The text of objects within each other, one for each of `names`, around `value`.
    fn nested(&mut self, names: &[Cow<'_, str>], value: &[u8]) -> Result<Span, PatchError> {
        self.texts.add(|added| {
            for name in names {
                added.push(b'{');
                push_string(added, name);
                added.push(b':');
            }
            added.extend_from_slice(value);
            added.extend(names.iter().map(|_| b'}'));
        })
    }
}

fn no_member(name: &str) -> PathFault {
    PathFault::NoMember {
        name: PatchError::abridge(name),
    }
}
