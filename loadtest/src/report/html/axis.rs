use super::unit::Unit;

/// Ticks that an axis has, roughly.
const TICKS: f64 = 5.0;

/// One direction of a chart: which value lies where.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    is_logarithmic: bool,
    /// Where the lowest and the highest value lie.
    pixels: (f64, f64),
    unit: Unit,
}

impl Axis {
    /// From `low` to `high`, evenly.
    pub(super) fn linear(low: f64, high: f64, pixels: (f64, f64), unit: Unit) -> Self {
        Self {
            low,
            high: if high > low { high } else { low + 1.0 },
            is_logarithmic: false,
            pixels,
            unit,
        }
    }

    /// From 0 to a round number that no value exceeds.
    pub(super) fn from_zero(
        values: impl Iterator<Item = f64>,
        pixels: (f64, f64),
        unit: Unit,
    ) -> Self {
        let most = values.fold(0.0, f64::max);
        let step = round_step(most, unit);
        let high = if step > 0.0 {
            (most / step).ceil() * step
        } else {
            1.0
        };
        Self::linear(0.0, high, pixels, unit)
    }

    /// Over all values above 0, each tenfold as long as any other.
    pub(super) fn logarithmic(
        values: impl Iterator<Item = f64>,
        pixels: (f64, f64),
        unit: Unit,
    ) -> Self {
        let (low, high) = values
            .filter(|value| *value > 0.0)
            .fold((f64::MAX, f64::MIN), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let (low, high) = if low <= high { (low, high) } else { (0.1, 1.0) };
        let below = |value: f64| {
            let decade = 10_f64.powf(value.log10().floor());
            let fits = [5.0, 2.0, 1.0].into_iter().map(|step| step * decade);
            fits.into_iter()
                .find(|round| *round <= value * 1.0001)
                .unwrap_or(decade)
        };
        let above = |value: f64| {
            let decade = 10_f64.powf(value.log10().floor());
            let fits = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * decade);
            fits.into_iter()
                .find(|round| *round >= value * 0.9999)
                .unwrap_or(decade * 10.0)
        };
        let (low, high) = (below(low), above(high));
        Self {
            low,
            high: if high > low { high } else { low * 10.0 },
            is_logarithmic: true,
            pixels,
            unit,
        }
    }

    /// Where a value lies; at the edge when it is beyond it.
    pub(super) fn place(&self, value: f64) -> f64 {
        let of = |value: f64| {
            if self.is_logarithmic {
                value.max(self.low).ln()
            } else {
                value
            }
        };
        let (low, high) = (of(self.low), of(self.high));
        let share = ((of(value) - low) / (high - low)).clamp(0.0, 1.0);
        let (first, last) = self.pixels;
        first + (last - first) * share
    }

    /// Round values and what is written beside them.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let values = if self.is_logarithmic {
            self.logarithmic_ticks()
        } else {
            self.linear_ticks()
        };
        let text = |value| (value, self.unit.text(value));
        values.into_iter().map(text).collect()
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let step = round_step(self.high - self.low, self.unit);
        let mut ticks = Vec::new();
        let mut number = (self.low / step).ceil();
        while number * step <= self.high * 1.000_001 && ticks.len() < 20 {
            ticks.push(number * step);
            number += 1.0;
        }
        ticks
    }

    fn logarithmic_ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let steps: &[f64] = match decades {
            decades if decades <= 2.5 => &[1.0, 2.0, 5.0],
            decades if decades <= 3.5 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let mut ticks = Vec::new();
        let mut decade = 10_f64.powf(self.low.log10().floor());
        while decade <= self.high * 1.0001 {
            let values = steps.iter().map(|step| step * decade);
            ticks.extend(values.filter(|v| *v >= self.low * 0.9999 && *v <= self.high * 1.0001));
            decade *= 10.0;
        }
        ticks
    }
}

/// A round distance between ticks.
fn round_step(span: f64, unit: Unit) -> f64 {
    let least = span / TICKS;
    if least <= 0.0 || !least.is_finite() {
        return 0.0;
    }
    if unit == Unit::Moment && least > 20.0 {
        let round = [30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
        return round
            .into_iter()
            .find(|step| *step >= least)
            .unwrap_or_else(|| (least / 3600.0).ceil() * 3600.0);
    }
    if unit == Unit::Bytes {
        let mut step = 1.0;
        while step < least {
            step *= 2.0;
        }
        return step;
    }
    let decade = 10_f64.powf(least.log10().floor());
    let fits = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * decade);
    fits.into_iter()
        .find(|step| *step >= least * 0.9999)
        .unwrap_or(decade * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round() {
        let pixels = (0.0, 100.0);
        let axis = Axis::from_zero([1234.0].into_iter(), pixels, Unit::Count);
        assert_eq!(ticks(&axis), ["0", "500", "1000", "1500"]);
        assert!((axis.place(750.0) - 50.0).abs() < 1e-9);
        let axis = Axis::logarithmic([0.3, 45.0].into_iter(), pixels, Unit::Milliseconds);
        assert_eq!(
            ticks(&axis),
            [
                "200 µs", "500 µs", "1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms"
            ]
        );
        let axis = Axis::linear(0.0, 300.0, pixels, Unit::Moment);
        assert_eq!(
            ticks(&axis),
            ["0 s", "60 s", "120 s", "3:00", "4:00", "5:00"]
        );
    }

    #[test]
    fn nothing_and_one_value_have_axes_too() {
        let pixels = (100.0, 0.0);
        let none = Axis::from_zero(std::iter::empty(), pixels, Unit::Count);
        assert!(none.place(0.0).is_finite() && !ticks(&none).is_empty());
        let none = Axis::logarithmic(std::iter::empty(), pixels, Unit::Milliseconds);
        assert!(none.place(0.0).is_finite() && !ticks(&none).is_empty());
        let one = Axis::logarithmic([1.0].into_iter(), pixels, Unit::Milliseconds);
        assert!(one.place(1.0).is_finite() && !ticks(&one).is_empty());
    }
}
