/// A place for a whole number, whatever its width.
pub(crate) trait Number {
    /// Puts a number there; the key's range keeps it within the width.
    fn put(&mut self, number: u64);
    /// The number that is there.
    fn number(&self) -> u64;
}

impl Number for u64 {
    fn put(&mut self, number: u64) {
        *self = number;
    }

    fn number(&self) -> u64 {
        *self
    }
}

impl Number for u32 {
    fn put(&mut self, number: u64) {
        *self = Self::try_from(number).unwrap_or(Self::MAX);
    }

    fn number(&self) -> u64 {
        u64::from(*self)
    }
}

impl Number for u16 {
    fn put(&mut self, number: u64) {
        *self = Self::try_from(number).unwrap_or(Self::MAX);
    }

    fn number(&self) -> u64 {
        u64::from(*self)
    }
}

impl Number for usize {
    fn put(&mut self, number: u64) {
        *self = Self::try_from(number).unwrap_or(Self::MAX);
    }

    fn number(&self) -> u64 {
        *self as u64
    }
}
