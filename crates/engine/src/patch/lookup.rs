//! Finds the member of an object by its name.

use super::texts::Texts;
use super::tree::Item;
use docdb_types::json::escape::Unescaped;
use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::{BuildHasher, Hasher};

/// Objects of more members than this are indexed when they are asked often.
const SCANNED_MEMBERS: usize = 64;

/// Questions that a large object answers by going through its members.
const SCANS_BEFORE_INDEX: u8 = 8;

/// How the members of one object are found.
#[derive(Default)]
pub(super) struct Lookup {
    scans: u8,
    index: Option<Index>,
}

/// Members by the hash of their name.
#[derive(Default)]
struct Index {
    keyed: RandomState,
    positions: HashMap<u64, u32>,
    /// Two names have the same hash: positions are no longer trusted.
    ambiguous: bool,
}

/// The bytes of the name that a member's text begins with.
pub(super) fn name(member: &[u8]) -> impl Iterator<Item = u8> {
    let quote = member
        .iter()
        .position(|byte| *byte == b'"')
        .unwrap_or(member.len());
    Unescaped::new(member.get(quote + 1..).unwrap_or_default())
}

impl Lookup {
    /// The position of the member `wanted` among `members`, of which some may be gone.
    pub(super) fn find(
        &mut self,
        texts: &Texts<'_>,
        members: &[Option<Item>],
        wanted: &str,
    ) -> Option<usize> {
        let matches = |member: &Option<Item>| {
            member.is_some_and(|item| name(texts.get(item.text)).eq(wanted.bytes()))
        };
        if members.len() > SCANNED_MEMBERS && self.scans >= SCANS_BEFORE_INDEX {
            let index = self.index.get_or_insert_with(|| Index::new(texts, members));
            if !index.ambiguous {
                let position = *index.positions.get(&index.hash(wanted.bytes()))? as usize;
                return members
                    .get(position)
                    .is_some_and(matches)
                    .then_some(position);
            }
        }
        self.scans = self.scans.saturating_add(1);
        members.iter().position(matches)
    }

    /// Learns of a new member.
    pub(super) fn added(&mut self, name: &str, position: usize) {
        if let Some(index) = &mut self.index {
            index.insert(name.bytes(), position);
        }
    }

    /// Forgets a member.
    pub(super) fn removed(&mut self, name: &str) {
        if let Some(index) = &mut self.index {
            let hash = index.hash(name.bytes());
            index.positions.remove(&hash);
        }
    }
}

impl Index {
    fn new(texts: &Texts<'_>, members: &[Option<Item>]) -> Self {
        let mut index = Self::default();
        for (position, member) in members.iter().enumerate() {
            if let Some(item) = member {
                index.insert(name(texts.get(item.text)), position);
            }
        }
        index
    }

    fn insert(&mut self, name: impl Iterator<Item = u8>, position: usize) {
        match self.positions.entry(self.hash(name)) {
            Entry::Vacant(vacant) => {
                vacant.insert(position as u32);
            }
            Entry::Occupied(_) => self.ambiguous = true,
        }
    }

    fn hash(&self, name: impl Iterator<Item = u8>) -> u64 {
        let mut hasher = self.keyed.build_hasher();
        name.for_each(|byte| hasher.write_u8(byte));
        hasher.finish()
    }
}
