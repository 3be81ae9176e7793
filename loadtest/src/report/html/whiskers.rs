use std::fmt::{self, Display, Write};

use super::axis::Axis;
use super::markup::Escaped;
use super::unit::Unit;

const WIDTH: f64 = 1080.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 90.0;
const ROW: f64 = 26.0;
const BOTTOM: f64 = 28.0;

/// Ratios with their spreads, one under the other, around a line at 1.
#[derive(Debug)]
pub(super) struct Whiskers {
    pub(super) title: String,
    pub(super) rows: Vec<Whisker>,
}

#[derive(Debug)]
pub(super) struct Whisker {
    pub(super) name: String,
    pub(super) low: f64,
    pub(super) middle: f64,
    pub(super) high: f64,
    /// The name of its colour in the style sheet.
    pub(super) colour: &'static str,
}

impl Display for Whiskers {
    #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let height = self.rows.len() as f64 * ROW + BOTTOM + 8.0;
        let ends = self.rows.iter().flat_map(|row| [row.low, row.high]);
        let ends = ends.filter(|end| end.is_finite()).chain([0.8, 1.25]);
        let axis = Axis::logarithmic(ends, (LEFT, WIDTH - RIGHT), Unit::Ratio);
        let mut svg = String::new();
        let foot = height - BOTTOM;
        for (value, text) in axis.ticks() {
            let at = axis.place(value);
            writeln!(
                svg,
                "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"4\" y2=\"{foot:.1}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                height - 10.0,
                Escaped(text)
            )?;
        }
        let one = axis.place(1.0);
        writeln!(
            svg,
            "<line class=\"mark\" x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"4\" y2=\"{foot:.1}\"/>"
        )?;
        for (place, row) in self.rows.iter().enumerate() {
            let y = 8.0 + (place as f64 + 0.5) * ROW;
            let [left, middle, right] = [row.low, row.middle, row.high].map(|v| axis.place(v));
            writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
                 <line class=\"whisker\" style=\"stroke:var(--{})\" x1=\"{left:.1}\" x2=\"{right:.1}\" \
                 y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <circle style=\"fill:var(--{})\" cx=\"{middle:.1}\" cy=\"{y:.1}\" r=\"4.5\">\
                 <title>{:.3}, {:.3} to {:.3}</title></circle>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 12.0,
                y + 4.0,
                Escaped(&row.name),
                row.colour,
                row.colour,
                row.middle,
                row.low,
                row.high,
                WIDTH - RIGHT + 10.0,
                y + 4.0,
                Unit::Ratio.text(row.middle)
            )?;
        }
        write!(
            formatter,
            "<figure><figcaption>{}</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{}\">\n{svg}</svg></figure>",
            Escaped(&self.title),
            Escaped(&self.title)
        )
    }
}
