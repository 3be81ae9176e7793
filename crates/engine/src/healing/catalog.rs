//! What healing notes of the catalog, which belongs to no database.

use std::time::Duration;

use docdb_types::{Code, Error};
use docdb_vfs::Clock;

use super::state::Work;
use super::{HealSource, HealTrigger, Healed, Healing, Witness};
use crate::catalog::{CATALOG_FILE, CatalogScrub, Remedy};

impl Healing {
    /// Counts a look at the catalog that began at `begun`, and notes what it found and healed; says
    /// whether it was damaged.
    ///
    /// # Errors
    /// `CorruptRecord` where the file was left as it is. Of one place there is one witness then.
    pub(crate) fn note_catalog(
        &self,
        scrub: &CatalogScrub,
        trigger: HealTrigger,
        begun: Duration,
        clock: &dyn Clock,
    ) -> Result<bool, Error> {
        self.count(|figures| figures.scanned_bytes += scrub.bytes);
        let Some(damage) = scrub.damage else {
            return Ok(false);
        };
        let source = match damage.remedy {
            Remedy::Copy => HealSource::Copy,
            Remedy::Manifests => HealSource::Original,
            Remedy::None => HealSource::Nothing,
        };
        let is_left = damage.remedy == Remedy::None;
        if !is_left || !self.has_witness(Healed::Catalog, CATALOG_FILE, damage.at) {
            self.witness([Witness {
                at: clock.unix_time(),
                healed: Healed::Catalog,
                file: CATALOG_FILE.to_owned(),
                offset: damage.at,
                source,
                trigger,
            }]);
        }
        if is_left {
            let text = "the catalog is another one than was written, and was left as it is";
            return Err(Error::new(Code::CorruptRecord, text)
                .in_file(CATALOG_FILE)
                .at_offset(damage.at));
        }
        let work = Work {
            restored_copies: 1,
            bytes: scrub.bytes,
            ..Work::default()
        };
        let took = clock.monotonic().saturating_sub(begun);
        self.note(work, trigger, clock.unix_time(), took);
        Ok(true)
    }
}
