//! Whether two numbers are the same, however they are written and however long they are.

use std::cmp::Ordering;

/// Whether the JSON numbers `a` and `b` have the same value, exactly.
pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    a == b || Decimal::read(a) == Decimal::read(b)
}

/// A number in the form `±0.d₁d₂…dₙ × 10^(shift + exponent)`, in which the first and the last digit are not
/// zero; zero has no digits.
struct Decimal<'a> {
    negative: bool,
    /// The digits, with at most one point among them.
    digits: &'a [u8],
    /// Digits before the point; negative where zeros follow it first.
    shift: i64,
    exponent: Exponent<'a>,
}

/// The written exponent: sign and digits without leading zeros.
struct Exponent<'a> {
    negative: bool,
    digits: &'a [u8],
}

impl<'a> Decimal<'a> {
    fn read(number: &'a [u8]) -> Self {
        let (negative, unsigned) = match number {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, number),
        };
        let mantissa_len = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (mantissa, exponent) = unsigned.split_at(mantissa_len.unwrap_or(unsigned.len()));
        let point = mantissa
            .iter()
            .position(|byte| *byte == b'.')
            .unwrap_or(mantissa.len());
        let is_digit = |byte: &u8| matches!(byte, b'1'..=b'9');
        let first = mantissa.iter().position(is_digit);
        let last = mantissa.iter().rposition(is_digit);
        let (Some(first), Some(last)) = (first, last) else {
            let exponent = Exponent {
                negative: false,
                digits: &[],
            };
            return Self {
                negative: false,
                digits: &[],
                shift: 0,
                exponent,
            };
        };
        // The point takes a place of its own where the first digit stands behind it.
        let shift = point as i64 - first as i64 + i64::from(first > point);
        let digits = mantissa.get(first..=last).unwrap_or_default();
        Self {
            negative,
            digits,
            shift,
            exponent: Exponent::read(exponent),
        }
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        let digits = |number: &Self| number.digits.iter().filter(|byte| **byte != b'.').copied();
        self.negative == other.negative
            && digits(self).eq(digits(other))
            && self
                .exponent
                .exceeds_by(&other.exponent, other.shift - self.shift)
    }
}

impl<'a> Exponent<'a> {
    /// Reads `e`, a sign and digits, or nothing.
    fn read(text: &'a [u8]) -> Self {
        let (negative, digits) = match text {
            [_, b'-', digits @ ..] => (true, digits),
            [_, b'+', digits @ ..] | [_, digits @ ..] => (false, digits),
            [] => (false, text),
        };
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        Self {
            negative,
            digits: digits.get(zeros..).unwrap_or_default(),
        }
    }

    /// Whether this exponent is `other + difference`.
    fn exceeds_by(&self, other: &Self, difference: i64) -> bool {
        if let (Some(a), Some(b)) = (self.value(), other.value()) {
            return a == b + i128::from(difference);
        }
        // One has more than 30 digits: the difference of two numbers' lengths only bridges to
        // another of about as many, on the same side of zero.
        if self.negative != other.negative {
            return false;
        }
        let (small, large) = match self.magnitude().cmp(&other.magnitude()) {
            Ordering::Less => (self, other),
            _ => (other, self),
        };
        let ascending = std::ptr::eq(large, self) != self.negative;
        let step = if ascending { difference } else { -difference };
        u64::try_from(step).is_ok_and(|step| sum_is(small.digits, step, large.digits))
    }

    fn magnitude(&self) -> (usize, &[u8]) {
        (self.digits.len(), self.digits)
    }

    /// The value, where it has at most 30 digits.
    fn value(&self) -> Option<i128> {
        if self.digits.len() > 30 {
            return None;
        }
        let magnitude = self.digits.iter().fold(0, |value, digit| {
            value * 10 + i128::from(digit_value(digit))
        });
        Some(if self.negative { -magnitude } else { magnitude })
    }
}

fn digit_value(digit: &u8) -> u8 {
    digit.wrapping_sub(b'0')
}

/// Whether the decimal number `a` plus `step` is the decimal number `sum`.
fn sum_is(a: &[u8], step: u64, sum: &[u8]) -> bool {
    let mut carry = step;
    let mut expected = sum.iter().rev();
    for digit in a.iter().rev() {
        carry += u64::from(digit_value(digit));
        if expected.next().map(|digit| u64::from(digit_value(digit))) != Some(carry % 10) {
            return false;
        }
        carry /= 10;
    }
    for digit in expected {
        if u64::from(digit_value(digit)) != carry % 10 {
            return false;
        }
        carry /= 10;
    }
    carry == 0
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn numbers_of_one_value_are_equal_however_they_are_written() {
        let nines = "9".repeat(60);
        let power = format!("1{}", "0".repeat(60));
        for (a, b) in [
            ("1", "1.0"),
            ("1", "1e0"),
            ("1", "0.1E+1"),
            ("1", "10e-1"),
            ("100", "1e2"),
            ("100", "0.001e5"),
            ("-0", "0"),
            ("0.000", "0e99999999999999999999999999999999999999999"),
            ("-1.50", "-15e-1"),
            ("123.456", "123456e-3"),
            ("0.00123", "1.23e-3"),
            ("101.01", "10101e-2"),
            ("1e007", "1e7"),
            ("9007199254740993", "9007199254740993.0"),
            (&format!("10e{nines}"), &format!("1e{power}")),
            (&format!("1e-{nines}"), &format!("10e-{power}")),
            (&format!("0.1e{power}"), &format!("1e{nines}")),
        ] {
            assert!(equal(a.as_bytes(), b.as_bytes()), "{a} {b}");
            assert!(equal(b.as_bytes(), a.as_bytes()), "{b} {a}");
        }
    }

    #[test]
    fn numbers_of_different_values_differ_in_whatever_digit() {
        let nines = "9".repeat(60);
        let power = format!("1{}", "0".repeat(60));
        for (a, b) in [
            ("1", "-1"),
            ("1", "2"),
            ("1", "10"),
            ("1", "1e1"),
            ("1", "0.1"),
            ("0", "1e-400"),
            ("1e400", "1e401"),
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.10000000000000000001"),
            ("1.01", "10.1"),
            ("11", "1.01e1"),
            (&format!("1e{nines}"), &format!("1e{power}")),
            (&format!("1e{nines}"), &format!("1e-{nines}")),
            (&format!("1e{nines}"), &format!("10e{nines}")),
            (&format!("1e{nines}"), "1"),
        ] {
            assert!(!equal(a.as_bytes(), b.as_bytes()), "{a} {b}");
            assert!(!equal(b.as_bytes(), a.as_bytes()), "{b} {a}");
        }
    }
}
