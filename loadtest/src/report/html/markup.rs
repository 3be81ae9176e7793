use std::fmt::{self, Display, Write};

/// A text as it stands between tags and in attributes.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string().chars() {
            match character {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                character => formatter.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// A page that is being written. It needs nothing but itself: no script, font or picture from
/// elsewhere.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    title: String,
}

impl Page {
    pub(super) fn new(title: &str) -> Self {
        Self {
            text: String::new(),
            title: title.to_owned(),
        }
    }

    /// Adds markup as it is.
    pub(super) fn add(&mut self, markup: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{markup}");
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.add(format_args!("<h2>{}</h2>", Escaped(text)));
    }

    pub(super) fn note(&mut self, text: impl Display) {
        self.add(format_args!("<p class=\"soft\">{}</p>", Escaped(text)));
    }

    /// Figures that matter most, each over its name.
    pub(super) fn tiles(&mut self, tiles: &[(String, String)]) {
        self.add("<div class=\"tiles\">");
        for (figure, name) in tiles {
            self.add(format_args!(
                "<div class=\"tile\"><b>{}</b><span>{}</span></div>",
                Escaped(figure),
                Escaped(name)
            ));
        }
        self.add("</div>");
    }

    /// Charts side by side, as far as there is room.
    pub(super) fn charts(&mut self, charts: impl IntoIterator<Item = impl Display>) {
        self.add("<div class=\"charts\">");
        for chart in charts {
            self.add(chart);
        }
        self.add("</div>");
    }

    pub(super) fn table(&mut self, table: &Table) {
        self.add(format_args!("<div class=\"card\">{table}</div>"));
    }

    /// The whole document.
    pub(super) fn finish(self) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n\
             </html>\n",
            Escaped(self.title),
            include_str!("style.css"),
            self.text
        )
    }
}

/// A table of a report.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Columns that are texts; the others are numbers.
    texts: usize,
    head: Vec<String>,
    rows: Vec<(bool, Vec<String>)>,
}

impl Table {
    /// A table whose first columns are texts.
    pub(super) fn new(texts: usize, head: &[&str]) -> Self {
        Self {
            texts,
            head: head.iter().map(|text| (*text).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push((false, cells));
    }

    /// A row that stands for others.
    pub(super) fn sum(&mut self, cells: Vec<String>) {
        self.rows.push((true, cells));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<table><tr>")?;
        let class = |place| {
            if place < self.texts {
                " class=\"left\""
            } else {
                ""
            }
        };
        for (place, text) in self.head.iter().enumerate() {
            write!(formatter, "<th{}>{}</th>", class(place), Escaped(text))?;
        }
        formatter.write_str("</tr>")?;
        for (is_sum, cells) in &self.rows {
            let sum = if *is_sum { " class=\"sum\"" } else { "" };
            write!(formatter, "\n<tr{sum}>")?;
            for (place, text) in cells.iter().enumerate() {
                write!(formatter, "<td{}>{}</td>", class(place), Escaped(text))?;
            }
            formatter.write_str("</tr>")?;
        }
        formatter.write_str("</table>")
    }
}
