//! A statement's parameters and rows as JSON. The Worker's storage is JavaScript's: one text each way costs two
//! crossings, where each cell by itself costs three.

use super::{Cell, Param, Row, TEXT_MAX};
use crate::error::{Error, Result};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The outcome of a statement.
#[derive(Debug)]
pub struct Ran {
    /// The rows that it returns.
    pub rows: Vec<Row>,
    /// The rows that SQLite read for it, those of indexes included.
    pub read: f64,
    /// The rows that SQLite wrote for it.
    pub written: f64,
}

/// Writes parameters as a JSON list.
///
/// # Errors
/// Internal, for a text above [`TEXT_MAX`].
pub fn write_params(params: &[Param<'_>]) -> Result<String> {
    for param in params {
        match param {
            Param::Text(text) if text.len() > TEXT_MAX => return Err(Error::internal(too_long(text.len()))),
            _ => {}
        }
    }
    serde_json::to_string(params).map_err(Error::internal)
}

/// Reads `[[[cell, ...], ...], rows read, rows written]`.
///
/// # Errors
/// Internal, for a text above [`TEXT_MAX`] and for a cell that is neither a number, a text nor NULL.
pub fn read_ran(text: &str) -> Result<Ran> {
    let (rows, read, written) = serde_json::from_str(text).map_err(Error::internal)?;
    Ok(Ran { rows, read, written })
}

fn too_long(bytes: usize) -> String {
    format!("a text of {bytes} bytes; at most {TEXT_MAX} are bound or read")
}

impl Serialize for Param<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Param::Null => serializer.serialize_unit(),
            Param::Integer(number) => serializer.serialize_i64(number.get()),
            Param::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_seq(Cells).map(Row::new)
    }
}

/// Reads the cells of a row.
struct Cells;

impl<'de> Visitor<'de> for Cells {
    type Value = Vec<Cell>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> std::result::Result<Vec<Cell>, A::Error> {
        // The statement's columns bound it.
        let mut row = Vec::new();
        while let Some(cell) = cells.next_element()? {
            row.push(cell);
        }
        Ok(row)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(OneCell)
    }
}

/// Reads one cell.
struct OneCell;

impl Visitor<'_> for OneCell {
    type Value = Cell;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, a text or NULL")
    }

    fn visit_unit<E>(self) -> std::result::Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_i64<E>(self, number: i64) -> std::result::Result<Cell, E> {
        Ok(Cell::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> std::result::Result<Cell, E> {
        Ok(Cell::Integer(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    // JavaScript writes integers from 1e21 on with an exponent, and REAL values, which an expression may give, with
    // their fraction.
    fn visit_f64<E>(self, number: f64) -> std::result::Result<Cell, E> {
        Ok(Cell::Integer(number as i64))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Cell, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> std::result::Result<Cell, E> {
        if text.len() > TEXT_MAX {
            return Err(E::custom(too_long(text.len())));
        }
        Ok(Cell::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_written_as_the_platform_binds_them() {
        let params = [Param::Null, Param::from(-7), Param::from(i64::MAX), Param::from("a\"\u{1}\u{e9}\u{1f600}")];
        let text = write_params(&params).unwrap_or_default();
        assert_eq!(text, "[null,-7,9007199254740991,\"a\\\"\\u0001\u{e9}\u{1f600}\"]");
        assert_eq!(write_params(&[]).unwrap_or_default(), "[]");
        assert!(write_params(&[Param::from(&*"x".repeat(TEXT_MAX))]).is_ok());
        assert!(write_params(&[Param::from(&*"x".repeat(TEXT_MAX + 1))]).is_err());
    }

    #[test]
    fn rows_are_read_as_javascript_writes_them() {
        let text = r#"[[[null,1,-0,2.5,1e+21,"a\n\ud83d\ude00"],[]],12,3]"#;
        let Ran { mut rows, read, written } = read_ran(text).expect("rows");
        assert_eq!((rows.len(), read, written), (2, 12.0, 3.0));
        let mut row = rows.remove(0);
        assert_eq!(row.optional_integer(), Ok(None));
        let integers: Vec<_> = (0..4).map(|_| row.integer()).collect();
        assert_eq!(integers, [Ok(1), Ok(0), Ok(2), Ok(i64::MAX)]);
        assert_eq!(row.text(), Ok("a\n\u{1f600}".to_owned()));
    }

    #[test]
    fn a_cell_that_no_column_holds_is_refused() {
        let long = format!("[[[\"{}\"]],0,0]", "x".repeat(TEXT_MAX + 1));
        for text in ["[[[true]],0,0]", "[[[{}]],0,0]", "[[[[1]]],0,0]", "[[1],0,0]", "[[]]", &long] {
            assert!(read_ran(text).is_err(), "{}", &text[..text.len().min(40)]);
        }
    }
}
