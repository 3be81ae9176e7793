//! A document, opened where a patch touches it.

use super::lookup::Lookup;
use super::sequence::Sequence;
use super::texts::{Span, Texts};
use docdb_types::json::walk::{self, Landmarks};
use docdb_types::json::{JsonError, JsonKind, JsonLimits, JsonReason, check};
use docdb_types::patch::PatchError;
use std::num::NonZeroU32;

/// Bytes that one patch may read, copy and compare: many times what a sensible one does with the
/// largest document. Without a bound, steps that copy and open the same large value in turns would
/// cost the product of their number and its size.
pub const WORK_BYTES: usize = 256 * 1024 * 1024;

/// Documents longer than this are opened with the help of landmarks.
const LANDMARK_DOCUMENT_BYTES: usize = 64 * 1024;

/// A document of which some objects and arrays are open.
///
/// Places, objects and arrays refer to each other by number, so that a tree of any depth is
/// dropped without recursion.
pub(super) struct Tree<'a> {
    pub(super) texts: Texts<'a>,
    pub(super) limits: JsonLimits,
    places: Vec<Place>,
    objects: Vec<Object>,
    arrays: Vec<Array>,
    landmarks: Option<Landmarks>,
    /// Bytes that the patch may still read.
    pub(super) work: usize,
    copied: usize,
}

/// Names a [`Place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlaceId(NonZeroU32);

/// Where a value stands.
struct Place {
    /// What stands before the value: white space and, in an object, the name and the colon.
    lead: Span,
    value: Value,
    /// White space behind it.
    trail: Span,
}

/// A value in the tree.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    /// As it is written, without white space around it.
    Text(Span),
    /// An open object.
    Object(ObjectId),
    /// An open array.
    Array(ArrayId),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ObjectId(u32);

#[derive(Debug, Clone, Copy)]
pub(super) struct ArrayId(u32);

/// A member or an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// The whole item while it is as written; once it has a place, what stands before its value.
    pub(super) text: Span,
    pub(super) place: Option<PlaceId>,
}

pub(super) struct Object {
    /// Members in their order; those that were removed leave a gap.
    pub(super) members: Vec<Option<Item>>,
    /// Members that are no gaps.
    pub(super) len: usize,
    pub(super) lookup: Lookup,
    /// White space before the closing brace.
    close: Span,
}

pub(super) struct Array {
    pub(super) elements: Sequence<Item>,
    /// White space before the closing bracket.
    close: Span,
}

/// What a value is once it is open.
pub(super) enum Opened {
    Object(ObjectId),
    Array(ArrayId),
    Scalar(JsonKind),
}

impl<'a> Tree<'a> {
    pub(super) fn new(document: &'a [u8], limits: JsonLimits) -> Result<Self, PatchError> {
        if document.len() > limits.bytes() {
            return Err(PatchError::TooLarge {
                limit: limits.bytes(),
            });
        }
        let (_, range) = walk::value(document).ok_or(not_json(0))?;
        let texts = Texts::new(document);
        let whole = texts.document();
        let root = Place {
            lead: whole.part(0..range.start),
            value: Value::Text(whole.part(range.clone())),
            trail: whole.part(range.end..document.len()),
        };
        Ok(Self {
            texts,
            limits,
            places: vec![root],
            objects: Vec::new(),
            arrays: Vec::new(),
            landmarks: None,
            work: WORK_BYTES,
            copied: 0,
        })
    }

    /// The place of the whole document.
    pub(super) fn root() -> PlaceId {
        PlaceId(NonZeroU32::MIN)
    }

    pub(super) fn value(&self, place: PlaceId) -> Value {
        self.place(place).value
    }

    pub(super) fn set_value(&mut self, place: PlaceId, value: Value) {
        self.place_mut(place).value = value;
    }

    /// Kind of the value at `place`.
    pub(super) fn kind(&self, place: PlaceId) -> JsonKind {
        match self.value(place) {
            Value::Text(span) => kind(self.texts.get(span)),
            Value::Object(_) => JsonKind::Object,
            Value::Array(_) => JsonKind::Array,
        }
    }

    /// Counts `bytes` that are read.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), PatchError> {
        let left = self.work.checked_sub(bytes);
        self.work = left.ok_or(PatchError::TooCostly { limit: WORK_BYTES })?;
        Ok(())
    }

    /// Opens the value at `place`, if it has members or elements.
    pub(super) fn open(&mut self, place: PlaceId) -> Result<Opened, PatchError> {
        let span = match self.value(place) {
            Value::Object(object) => return Ok(Opened::Object(object)),
            Value::Array(array) => return Ok(Opened::Array(array)),
            Value::Text(span) => span,
        };
        let kind = kind(self.texts.get(span));
        if !matches!(kind, JsonKind::Object | JsonKind::Array) {
            return Ok(Opened::Scalar(kind));
        }
        self.survey(span)?;
        let text = self.texts.get(span);
        if !matches!(text.last(), Some(b'}' | b']')) {
            return Err(not_json(text.len()));
        }
        let mut items = match &self.landmarks {
            Some(landmarks) if self.texts.in_document(span) => {
                walk::items_between(text, span.offset(), landmarks)
            }
            _ => walk::items(text),
        };
        let close = text.len() - 1;
        let written = |range| Item {
            text: span.part(range),
            place: None,
        };
        if kind == JsonKind::Object {
            let members: Vec<_> = items.by_ref().map(|range| Some(written(range))).collect();
            let (close, read) = (
                span.part(items.offset()..close),
                text.len() - items.skipped(),
            );
            let object = self.add_object(members, close);
            self.set_value(place, Value::Object(object));
            self.charge(read)?;
            Ok(Opened::Object(object))
        } else {
            let elements = items.by_ref().map(written).collect();
            let (close, read) = (
                span.part(items.offset()..close),
                text.len() - items.skipped(),
            );
            let array = ArrayId(self.arrays.len() as u32);
            self.arrays.push(Array { elements, close });
            self.set_value(place, Value::Array(array));
            self.charge(read)?;
            Ok(Opened::Array(array))
        }
    }

    /// Finds the landmarks of a long document before the first of its values is opened.
    fn survey(&mut self, span: Span) -> Result<(), PatchError> {
        let document = self.texts.document();
        if self.landmarks.is_some()
            || !self.texts.in_document(span)
            || document.len() <= LANDMARK_DOCUMENT_BYTES
        {
            return Ok(());
        }
        self.charge(document.len())?;
        self.landmarks = Some(Landmarks::of(self.texts.get(document)));
        Ok(())
    }

    /// An object without members.
    pub(super) fn empty_object(&mut self) -> ObjectId {
        self.add_object(Vec::new(), Span::EMPTY)
    }

    fn add_object(&mut self, members: Vec<Option<Item>>, close: Span) -> ObjectId {
        let object = ObjectId(self.objects.len() as u32);
        let len = members.len();
        self.objects.push(Object {
            members,
            len,
            lookup: Lookup::default(),
            close,
        });
        object
    }

    /// The place of a member, by its position among the members.
    pub(super) fn member(
        &mut self,
        object: ObjectId,
        position: usize,
    ) -> Result<PlaceId, PatchError> {
        let item = self.object(object).members.get(position).copied().flatten();
        let item = item.ok_or(not_json(0))?;
        if let Some(place) = item.place {
            return Ok(place);
        }
        let text = self.texts.get(item.text);
        let value = walk::member(text).ok_or(not_json(0))?.value;
        let (place, lead) = self.add_place(item.text, value);
        if let Some(slot) = self.object_mut(object).members.get_mut(position) {
            *slot = Some(Item {
                text: lead,
                place: Some(place),
            });
        }
        Ok(place)
    }

    /// The place of an element, by its index.
    pub(super) fn element(&mut self, array: ArrayId, index: usize) -> Result<PlaceId, PatchError> {
        let item = self
            .array_mut(array)
            .elements
            .get_mut(index)
            .map(|item| *item);
        let item = item.ok_or(not_json(0))?;
        if let Some(place) = item.place {
            return Ok(place);
        }
        let (_, value) = walk::value(self.texts.get(item.text)).ok_or(not_json(0))?;
        let (place, lead) = self.add_place(item.text, value);
        if let Some(slot) = self.array_mut(array).elements.get_mut(index) {
            *slot = Item {
                text: lead,
                place: Some(place),
            };
        }
        Ok(place)
    }

    fn add_place(&mut self, text: Span, value: std::ops::Range<usize>) -> (PlaceId, Span) {
        let lead = text.part(0..value.start);
        let trail = text.part(value.end..text.len());
        (
            self.new_place(lead, Value::Text(text.part(value)), trail),
            lead,
        )
    }

    fn new_place(&mut self, lead: Span, value: Value, trail: Span) -> PlaceId {
        self.places.push(Place { lead, value, trail });
        // Places are far fewer than the bytes that name them.
        PlaceId(NonZeroU32::new(self.places.len() as u32).unwrap_or(NonZeroU32::MAX))
    }

    /// A place for a new value behind `lead`, and the item that it belongs to.
    pub(super) fn new_item(&mut self, lead: Span, value: Value) -> (PlaceId, Item) {
        let place = self.new_place(lead, value, Span::EMPTY);
        (
            place,
            Item {
                text: lead,
                place: Some(place),
            },
        )
    }

    /// A second value equal to the one at `place`.
    pub(super) fn copy(&mut self, place: PlaceId) -> Result<Value, PatchError> {
        let span = match self.value(place) {
            Value::Text(span) => span,
            value => {
                let mut text = Vec::new();
                self.write(&mut text, value, 0)?;
                self.texts.add(|added| added.extend_from_slice(&text))?
            }
        };
        self.charge(span.len())?;
        self.copied += span.len();
        let limit = self.limits.bytes();
        if self.copied > limit {
            return Err(PatchError::TooLarge { limit });
        }
        Ok(Value::Text(span))
    }

    /// The document as it is now, checked.
    pub(super) fn finish(self) -> Result<Vec<u8>, PatchError> {
        let mut text = Vec::with_capacity(self.texts.len().min(self.limits.bytes()));
        let root = self.place(Self::root());
        text.extend_from_slice(self.texts.get(root.lead));
        self.write(&mut text, root.value, 0)?;
        text.extend_from_slice(self.texts.get(root.trail));
        match check(&text, self.limits) {
            Ok(_) => Ok(text),
            Err(JsonError {
                reason: JsonReason::TooLarge { limit },
                ..
            }) => Err(PatchError::TooLarge { limit }),
            Err(error) => Err(PatchError::InvalidJson(error)),
        }
    }

    /// Writes a value that stands at `depth`; moves may have nested it deeper than allowed.
    fn write(&self, text: &mut Vec<u8>, value: Value, depth: u16) -> Result<(), PatchError> {
        let limit = self.limits.depth();
        if depth >= limit && !matches!(value, Value::Text(_)) {
            let reason = JsonReason::TooDeep { limit };
            return Err(PatchError::InvalidJson(JsonError {
                offset: text.len(),
                reason,
            }));
        }
        match value {
            Value::Text(span) => text.extend_from_slice(self.texts.get(span)),
            Value::Object(object) => {
                let object = self.object(object);
                text.push(b'{');
                self.write_items(text, object.members.iter().flatten(), depth + 1)?;
                text.extend_from_slice(self.texts.get(object.close));
                text.push(b'}');
            }
            Value::Array(array) => {
                let array = self.array(array);
                text.push(b'[');
                self.write_items(text, array.elements.iter(), depth + 1)?;
                text.extend_from_slice(self.texts.get(array.close));
                text.push(b']');
            }
        }
        let limit = self.limits.bytes();
        if text.len() > limit {
            Err(PatchError::TooLarge { limit })
        } else {
            Ok(())
        }
    }

    fn write_items<'i>(
        &self,
        text: &mut Vec<u8>,
        items: impl Iterator<Item = &'i Item>,
        depth: u16,
    ) -> Result<(), PatchError> {
        for (position, item) in items.enumerate() {
            if position > 0 {
                text.push(b',');
            }
            text.extend_from_slice(self.texts.get(item.text));
            if let Some(place) = item.place {
                let place = self.place(place);
                self.write(text, place.value, depth)?;
                text.extend_from_slice(self.texts.get(place.trail));
            }
        }
        Ok(())
    }
}

/// Numbers are given out by the tree that they are used in.
#[expect(
    clippy::indexing_slicing,
    reason = "only a bug could make a number that is not there"
)]
impl Tree<'_> {
    fn place(&self, place: PlaceId) -> &Place {
        &self.places[place.0.get() as usize - 1]
    }

    fn place_mut(&mut self, place: PlaceId) -> &mut Place {
        &mut self.places[place.0.get() as usize - 1]
    }

    pub(super) fn object(&self, object: ObjectId) -> &Object {
        &self.objects[object.0 as usize]
    }

    pub(super) fn object_mut(&mut self, object: ObjectId) -> &mut Object {
        &mut self.objects[object.0 as usize]
    }

    /// An object and the texts that its members lie in.
    pub(super) fn object_and_texts(&mut self, object: ObjectId) -> (&mut Object, &Texts<'_>) {
        (&mut self.objects[object.0 as usize], &self.texts)
    }

    pub(super) fn array(&self, array: ArrayId) -> &Array {
        &self.arrays[array.0 as usize]
    }

    pub(super) fn array_mut(&mut self, array: ArrayId) -> &mut Array {
        &mut self.arrays[array.0 as usize]
    }
}

/// Kind of the value that `text` is.
pub(super) fn kind(text: &[u8]) -> JsonKind {
    text.first()
        .and_then(|first| JsonKind::of_first_byte(*first))
        .unwrap_or(JsonKind::Null)
}

/// The document is not what it must have been when it was stored.
pub(super) fn not_json(offset: usize) -> PatchError {
    PatchError::InvalidJson(JsonError {
        offset,
        reason: JsonReason::ExpectedValue,
    })
}
