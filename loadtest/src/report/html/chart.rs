use std::fmt::{self, Display, Write};

use super::axis::Axis;
use super::markup::Escaped;
use super::unit::Unit;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 26.0;
/// More points than this are drawn as their means or greatest.
const MOST_POINTS: usize = 320;
/// About as wide as a letter.
const LETTER: f64 = 6.2;

/// A chart of lines over time.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) unit: Unit,
    pub(super) is_logarithmic: bool,
    pub(super) x_unit: Unit,
    pub(super) lines: Vec<Line>,
    pub(super) bands: Vec<Band>,
    /// Moments at which something happened, and what.
    pub(super) marks: Vec<(f64, String)>,
    /// It goes on to here at least.
    pub(super) end: f64,
}

/// One line of a chart.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// The name of its colour in the style sheet, without the two hyphens.
    pub(super) colour: String,
    /// Where there is no value there is no line.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// A stretch of time with a name.
#[derive(Debug, Clone)]
pub(super) struct Band {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) name: String,
    /// Whether it is not measured.
    pub(super) is_warm_up: bool,
}

impl Chart {
    /// A chart without lines, of what happens over time.
    pub(super) fn over_time(title: &str, subtitle: &str, unit: Unit) -> Self {
        Self {
            title: title.to_owned(),
            subtitle: subtitle.to_owned(),
            unit,
            is_logarithmic: false,
            x_unit: Unit::Moment,
            lines: Vec::new(),
            bands: Vec::new(),
            marks: Vec::new(),
            end: 0.0,
        }
    }

    fn write(&self, svg: &mut String) -> fmt::Result {
        let lines: Vec<Line> = self
            .lines
            .iter()
            .map(|line| line.thin(self.is_logarithmic))
            .collect();
        let points = || lines.iter().flat_map(|line| &line.points);
        let end = points().map(|(x, _)| *x).fold(self.end, f64::max);
        let end = self.bands.iter().map(|band| band.end).fold(end, f64::max);
        let x = Axis::linear(0.0, end, (LEFT, WIDTH - RIGHT), self.x_unit);
        let values = points().filter_map(|(_, y)| *y);
        let pixels = (HEIGHT - BOTTOM, TOP);
        let y = if self.is_logarithmic {
            Axis::logarithmic(values, pixels, self.unit)
        } else {
            Axis::from_zero(values, pixels, self.unit)
        };
        self.write_bands(svg, &x)?;
        write_grid(svg, &x, &y)?;
        for (at, what) in &self.marks {
            let at = x.place(*at);
            writeln!(
                svg,
                "<line class=\"kill\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\">\
                 <title>{}</title></line>",
                HEIGHT - BOTTOM,
                Escaped(what)
            )?;
        }
        for line in &lines {
            line.write(svg, &x, &y)?;
        }
        self.write_hovers(svg, &lines, &x)
    }

    fn write_bands(&self, svg: &mut String, x: &Axis) -> fmt::Result {
        for (place, band) in self.bands.iter().enumerate() {
            let (left, right) = (x.place(band.start), x.place(band.end));
            let class = match band.is_warm_up {
                true => "warm",
                false if place % 2 == 1 => "band",
                false => "hover",
            };
            writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\">\
                 <title>{}</title></rect>",
                right - left,
                HEIGHT - BOTTOM - TOP,
                Escaped(&band.name)
            )?;
            #[expect(clippy::cast_precision_loss, reason = "letters of a name")]
            let letters = band.name.chars().count() as f64;
            if letters * LETTER < right - left {
                writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    f64::midpoint(left, right),
                    TOP - 6.0,
                    Escaped(&band.name)
                )?;
            }
        }
        Ok(())
    }

    /// What is shown where the pointer rests: all values of a moment.
    fn write_hovers(&self, svg: &mut String, lines: &[Line], x: &Axis) -> fmt::Result {
        let Some(longest) = lines.iter().max_by_key(|line| line.points.len()) else {
            return Ok(());
        };
        let mut places: Vec<f64> = longest.points.iter().map(|(at, _)| *at).collect();
        places.sort_by(f64::total_cmp);
        for (place, at) in places.iter().enumerate() {
            let before = place.checked_sub(1).and_then(|place| places.get(place));
            let behind = places.get(place + 1);
            let left = before.map_or(*at, |before| f64::midpoint(*before, *at));
            let right = behind.map_or(*at, |behind| f64::midpoint(*at, *behind));
            let (left, right) = (x.place(left), x.place(right));
            write!(
                svg,
                "<rect class=\"hover\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\">\
                 <title>{}",
                (right - left).max(1.0),
                HEIGHT - BOTTOM - TOP,
                Escaped(self.x_unit.text(*at))
            )?;
            for line in lines {
                let near = |(x, _): &&(f64, Option<f64>)| (x - at).abs() < 1e-9;
                if let Some((_, Some(value))) = line.points.iter().find(near) {
                    let value = self.unit.text(*value);
                    write!(svg, "\n{} {}", Escaped(&line.name), Escaped(value))?;
                }
            }
            svg.push_str("</title></rect>\n");
        }
        Ok(())
    }
}

/// Lines at round values, and the values.
pub(super) fn write_grid(svg: &mut String, x: &Axis, y: &Axis) -> fmt::Result {
    for (value, text) in y.ticks() {
        let at = y.place(value);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            Escaped(text)
        )?;
    }
    let bottom = HEIGHT - BOTTOM;
    writeln!(
        svg,
        "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\"/>",
        WIDTH - RIGHT
    )?;
    let mut reached = 0.0;
    for (value, text) in x.ticks() {
        let at = x.place(value);
        #[expect(clippy::cast_precision_loss, reason = "letters of a number")]
        let half = text.chars().count() as f64 * LETTER / 2.0;
        if at - half < reached {
            continue;
        }
        reached = at + half + LETTER;
        let shift = (WIDTH - at - half).min(0.0);
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            at + shift,
            HEIGHT - 8.0,
            Escaped(text)
        )?;
    }
    Ok(())
}

impl Display for Chart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut svg = String::new();
        self.write(&mut svg)?;
        let mut keys: Vec<_> = self
            .lines
            .iter()
            .map(|line| (line.name.as_str(), line.colour.as_str()))
            .collect();
        // Repeated runs share a name and a colour.
        keys.dedup();
        figure(
            formatter,
            &self.title,
            &self.subtitle,
            keys.into_iter(),
            &svg,
        )
    }
}

/// A drawing with its title and the names of its colours.
pub(super) fn figure<'a>(
    formatter: &mut fmt::Formatter<'_>,
    title: &str,
    subtitle: &str,
    keys: impl Iterator<Item = (&'a str, &'a str)>,
    svg: &str,
) -> fmt::Result {
    write!(
        formatter,
        "<figure><figcaption>{}<small>{}</small></figcaption><div class=\"legend\">",
        Escaped(title),
        Escaped(subtitle)
    )?;
    let mut keys = keys.peekable();
    let first = keys.next();
    // A single line has its name in the title.
    if keys.peek().is_some() {
        for (name, colour) in first.into_iter().chain(keys) {
            write!(
                formatter,
                "<span><i style=\"background:var(--{colour})\"></i>{}</span>",
                Escaped(name)
            )?;
        }
    }
    write!(
        formatter,
        "</div>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n{svg}</svg></figure>",
        Escaped(title)
    )
}

impl Line {
    /// The same line of few enough points: of latencies the greatest of each stretch, of anything
    /// else the mean.
    #[expect(clippy::cast_precision_loss, reason = "counts of points")]
    fn thin(&self, greatest: bool) -> Self {
        let every = self.points.len().div_ceil(MOST_POINTS).max(1);
        let stretch = |points: &[(f64, Option<f64>)]| {
            let at = points.first().map_or(0.0, |(at, _)| *at);
            let values: Vec<f64> = points.iter().filter_map(|(_, value)| *value).collect();
            let value = if values.is_empty() {
                None
            } else if greatest {
                values.iter().copied().reduce(f64::max)
            } else {
                Some(values.iter().sum::<f64>() / values.len() as f64)
            };
            (at, value)
        };
        Self {
            name: self.name.clone(),
            colour: self.colour.clone(),
            points: self.points.chunks(every).map(stretch).collect(),
        }
    }

    fn write(&self, svg: &mut String, x: &Axis, y: &Axis) -> fmt::Result {
        let colour = &self.colour;
        let runs = self.points.split(|(_, value)| value.is_none());
        for run in runs.filter(|run| !run.is_empty()) {
            let places = run.iter().filter_map(|(at, value)| {
                let value = (*value)?;
                Some((x.place(*at), y.place(value)))
            });
            if let [(at, Some(value))] = run {
                let (x, y) = (x.place(*at), y.place(*value));
                writeln!(
                    svg,
                    "<circle class=\"dot\" style=\"fill:var(--{colour})\" cx=\"{x:.1}\" \
                     cy=\"{y:.1}\" r=\"2.2\"/>"
                )?;
                continue;
            }
            let mut path = String::new();
            for (place, (x, y)) in places.enumerate() {
                let step = if place == 0 { "M" } else { "L" };
                write!(path, "{step}{x:.1} {y:.1}")?;
            }
            writeln!(
                svg,
                "<path class=\"line\" style=\"stroke:var(--{colour})\" d=\"{path}\"/>"
            )?;
        }
        Ok(())
    }
}

/// A chart of how many there were of each size, on a logarithmic axis.
#[derive(Debug)]
pub(super) struct Histogram {
    pub(super) title: String,
    pub(super) subtitle: String,
    /// The upper ends of classes, in milliseconds, and how many were in them, in ascending order.
    pub(super) classes: Vec<(f64, f64)>,
    /// Values that are pointed out, with their names.
    pub(super) marks: Vec<(f64, String)>,
}

impl Display for Histogram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut svg = String::new();
        // A class begins where one before it would end.
        let width = 10_f64.powf(1.0 / 20.0);
        let edges = self.classes.iter().flat_map(|(end, _)| [end / width, *end]);
        let x = Axis::logarithmic(edges, (LEFT, WIDTH - RIGHT), Unit::Milliseconds);
        let counts = self.classes.iter().map(|(_, count)| *count);
        let bottom = HEIGHT - BOTTOM;
        let y = Axis::from_zero(counts, (bottom, TOP), Unit::Count);
        write_grid(&mut svg, &x, &y)?;
        let all: f64 = self.classes.iter().map(|(_, count)| count).sum();
        for (end, count) in &self.classes {
            let (left, right) = (x.place(end / width), x.place(*end));
            let top = y.place(*count);
            writeln!(
                svg,
                "<rect style=\"fill:var(--c0)\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" \
                 height=\"{:.1}\"><title>up to {}: {count} ({:.2} %)</title></rect>",
                left + 0.5,
                (right - left - 1.0).max(0.5),
                (bottom - top).max(0.7),
                Unit::Milliseconds.text(*end),
                count / all * 100.0
            )?;
        }
        for (value, name) in &self.marks {
            let at = x.place(*value);
            writeln!(
                svg,
                "<line class=\"mark\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom:.1}\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                TOP - 6.0,
                Escaped(name)
            )?;
        }
        figure(
            formatter,
            &self.title,
            &self.subtitle,
            std::iter::empty(),
            &svg,
        )
    }
}
