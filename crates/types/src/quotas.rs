/// Bounds on what one database may use, set by whoever runs the server. 0: no bound.
///
/// What passes one is refused with a code of its own; deleting, reading and everything else that
/// does not make it worse goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Quotas {
    /// Bytes of its log and its data files together.
    pub disk_bytes: u64,
    /// Live documents.
    pub documents: u64,
    /// Operations in one second, reads and writes.
    pub operations_per_second: u64,
    /// Requests that are under way at a time.
    pub requests_in_flight: u64,
}

impl Quotas {
    /// No bounds.
    pub const NONE: Self = Self {
        disk_bytes: 0,
        documents: 0,
        operations_per_second: 0,
        requests_in_flight: 0,
    };

    /// Length of [`to_bytes`](Self::to_bytes).
    pub const BYTES: usize = 32;

    /// The four bounds in the order of the fields, little-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let numbers = [
            self.disk_bytes,
            self.documents,
            self.operations_per_second,
            self.requests_in_flight,
        ];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// What [`to_bytes`](Self::to_bytes) has written.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let mut numbers = bytes.as_chunks::<8>().0.iter().copied();
        let mut next = || numbers.next().map_or(0, u64::from_le_bytes);
        Self {
            disk_bytes: next(),
            documents: next(),
            operations_per_second: next(),
            requests_in_flight: next(),
        }
    }
}

/// New bounds for some of what is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct QuotaChange {
    /// The new [`Quotas::disk_bytes`]; `None`: as it is.
    pub disk_bytes: Option<u64>,
    /// The new [`Quotas::documents`].
    pub documents: Option<u64>,
    /// The new [`Quotas::operations_per_second`].
    pub operations_per_second: Option<u64>,
    /// The new [`Quotas::requests_in_flight`].
    pub requests_in_flight: Option<u64>,
}

impl QuotaChange {
    /// The bounds after the change.
    #[must_use]
    pub fn applied_to(self, quotas: Quotas) -> Quotas {
        Quotas {
            disk_bytes: self.disk_bytes.unwrap_or(quotas.disk_bytes),
            documents: self.documents.unwrap_or(quotas.documents),
            operations_per_second: self
                .operations_per_second
                .unwrap_or(quotas.operations_per_second),
            requests_in_flight: self.requests_in_flight.unwrap_or(quotas.requests_in_flight),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_come_back_in_their_order() {
        let quotas = Quotas {
            disk_bytes: 1,
            documents: 2 << 40,
            operations_per_second: u64::MAX,
            requests_in_flight: 4,
        };
        assert_eq!(Quotas::from_bytes(quotas.to_bytes()), quotas);
        assert_eq!(quotas.to_bytes()[0], 1);
        assert_eq!(quotas.to_bytes()[24], 4);
        assert_eq!(Quotas::NONE.to_bytes(), [0; 32]);
    }
}
