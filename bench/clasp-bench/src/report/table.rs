//! Tables in Markdown, aligned so that they can be read as text.

use std::fmt;

/// A table of words and figures.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    words: &'static [usize],
}

impl Table {
    /// A table with these headings; columns in `words` are aligned to the left, others, being
    /// figures, to the right.
    pub(crate) fn new(headings: &[&str], words: &'static [usize]) -> Table {
        let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Table { rows: vec![headings], words }
    }

    /// Adds a row; cells beyond the headings are dropped, missing ones stay empty.
    pub(crate) fn row(&mut self, mut cells: Vec<String>) {
        cells.resize(self.rows[0].len(), String::new());
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let columns = 0..self.rows[0].len();
        let width = |column: usize| self.rows.iter().map(move |row| row[column].chars().count());
        columns.map(|column| width(column).max().unwrap_or_default().max(3)).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if self.words.contains(&column) {
                    write!(f, "| {cell:<width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")?;
            if index == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(width + 1);
                    let (left, right) =
                        if self.words.contains(&column) { ("-", "") } else { ("", ":") };
                    write!(f, "|{left}{dashes}{right}")?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["Load", "A"], &[0]);
        table.row(vec!["1 → 1".into(), "10 µs".into()]);
        table.row(vec!["x".into(), "9".into()]);
        let expected = "\
            | Load  |     A |\n\
            |-------|------:|\n\
            | 1 → 1 | 10 µs |\n\
            | x     |     9 |\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn a_row_has_as_many_cells_as_there_are_headings() {
        let mut table = Table::new(&["Load", "A"], &[0]);
        table.row(vec!["x".into()]);
        table.row(vec!["y".into(), "1".into(), "2".into()]);
        assert!(table.to_string().lines().all(|line| line.matches('|').count() == 3));
    }
}
