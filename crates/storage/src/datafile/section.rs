//! The section table: which part of a data file is what.
//!
//! ```text
//! per section, 24 bytes:  0 kind u32   4 zero, 4 bytes   8 offset u64   16 length u64
//! ```
//!
//! Sections follow each other without gaps from the end of the header to the table, in the order of
//! the table. Each one verifies itself; the table is verified by the trailer.

use crate::bytes::ByteReader;

use super::identity::HEADER_BYTES;

/// What a section holds. The number 4 is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum SectionKind {
    /// Records in key order.
    Records = 1,
    /// The state of the database that the file belongs to; twice, around the footer.
    Metadata = 2,
    /// Keys, lengths and checksums of the records.
    Footer = 3,
}

/// A part of a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl Section {
    pub(super) const fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
}

/// The sections that every data file has, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sections {
    pub(super) records: Section,
    pub(super) metadata: Section,
    pub(super) footer: Section,
    pub(super) metadata_again: Section,
}

const ENTRY_BYTES: usize = 24;

impl Sections {
    fn entries(&self) -> [(SectionKind, Section); 4] {
        [
            (SectionKind::Records, self.records),
            (SectionKind::Metadata, self.metadata),
            (SectionKind::Footer, self.footer),
            (SectionKind::Metadata, self.metadata_again),
        ]
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 * ENTRY_BYTES);
        for (kind, section) in self.entries() {
            out.extend((kind as u32).to_le_bytes());
            out.extend([0; 4]);
            out.extend(section.offset.to_le_bytes());
            out.extend(section.bytes.to_le_bytes());
        }
        out
    }

    /// Decodes a table whose checksum is right and that begins at `table_offset`; the error says
    /// what is wrong with it.
    pub(super) fn decode(bytes: &[u8], table_offset: u64) -> Result<Self, &'static str> {
        let mut reader = ByteReader::new(bytes);
        let mut position = HEADER_BYTES as u64;
        let sections = Self::take(|expected| {
            let kind = reader.u32()?;
            reader.zeros(4)?;
            let section = Section {
                offset: reader.u64()?,
                bytes: reader.u64()?,
            };
            let fits = kind == expected as u32
                && section.offset == position
                && section.bytes.is_multiple_of(8)
                && section.end() <= table_offset;
            position = section.end();
            fits.then_some(section)
        });
        sections
            .filter(|_| position == table_offset && reader.rest().is_empty())
            .ok_or("section table: sections do not fit together")
    }

    fn take(mut next: impl FnMut(SectionKind) -> Option<Section>) -> Option<Self> {
        Some(Self {
            records: next(SectionKind::Records)?,
            metadata: next(SectionKind::Metadata)?,
            footer: next(SectionKind::Footer)?,
            metadata_again: next(SectionKind::Metadata)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections() -> Sections {
        let section = |offset, bytes| Section { offset, bytes };
        Sections {
            records: section(64, 0x100),
            metadata: section(0x140, 0x40),
            footer: section(0x180, 0x80),
            metadata_again: section(0x200, 0x40),
        }
    }

    #[test]
    fn golden_table() {
        let mut expected = Vec::new();
        expected.extend(b"\x01\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0");
        expected.extend(b"\x02\0\0\0\0\0\0\0\x40\x01\0\0\0\0\0\0\x40\0\0\0\0\0\0\0");
        expected.extend(b"\x03\0\0\0\0\0\0\0\x80\x01\0\0\0\0\0\0\x80\0\0\0\0\0\0\0");
        expected.extend(b"\x02\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x40\0\0\0\0\0\0\0");
        assert_eq!(sections().encode(), expected);
        assert_eq!(Sections::decode(&expected, 0x240), Ok(sections()));
    }

    #[test]
    fn sections_that_overlap_leave_gaps_or_leave_the_file_are_refused() {
        let refused = |change: &dyn Fn(&mut Sections)| {
            let mut changed = sections();
            change(&mut changed);
            Sections::decode(&changed.encode(), 0x240).is_err()
        };
        assert!(refused(&|s| s.records.bytes = 0x108));
        assert!(refused(&|s| s.footer.offset = 0x178));
        assert!(refused(&|s| s.metadata_again.bytes = 0x48));
        assert!(refused(&|s| s.metadata_again.bytes = !7));
        assert!(refused(&|s| s.metadata_again.bytes = 0x38));
        let table = sections().encode();
        assert!(Sections::decode(&table[..95], 0x240).is_err());
        assert!(Sections::decode(&[&table[..], &[0]].concat(), 0x240).is_err());
    }
}
