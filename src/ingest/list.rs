//! The resources, order and page of a list or search (RFC 7644 sections 3.4.2 and 3.4.3, RFC 9865): the parameters of
//! an address, or the body of a search, which says the same.

use super::Reading;
use crate::dialect;
use crate::directory::scim::ListQuery;
use crate::error::{Code, Error, Result, quoted};
use crate::id::NUMBER_MAX;
use crate::scim::discovery::{PAGE_DEFAULT, PAGE_MAX};
use crate::scim::filter::{self, Expression, Filter, Forms};
use crate::scim::json::{Checked, JsonShape, Object};
use crate::scim::schema::ResourceType;
use crate::scim::sort::{self, Sort};
use std::borrow::Cow;

/// The URN of a search's body.
const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// The parameters of a list, before any attribute is looked up.
pub(super) struct ListParameters<'a> {
    filter: Option<&'a str>,
    sort_by: Option<&'a str>,
    page: ListQuery,
}

impl<'a> ListParameters<'a> {
    /// Reads the parameters.
    ///
    /// # Errors
    /// 400 that names the parameter.
    pub(super) fn read_parameters(query: &'a [(String, String)]) -> Result<Self> {
        let parameter = |wanted: &str| {
            query.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
        };
        let stated = |name: &str| parameter(name).filter(|text| !text.is_empty());
        let number = |name: &str, default: i64| match stated(name) {
            None => Ok(default),
            Some(text) => text.parse::<i64>().map_err(|_| {
                Error::new(
                    Code::InvalidParameter,
                    format!("{name} must be a whole number, not {text}.", text = quoted(text)),
                )
            }),
        };
        let descending = match stated("sortOrder") {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("ascending") => false,
            Some(text) if text.eq_ignore_ascii_case("descending") => true,
            Some(text) => {
                let detail = format!("sortOrder must be ascending or descending, not {text}.", text = quoted(text));
                return Err(Error::new(Code::InvalidParameter, detail));
            }
        };
        // An empty cursor asks for the first page (RFC 9865 section 2), so it is not left out like other empty texts.
        let (cursor, count) = (parameter("cursor").map(str::to_owned), number("count", PAGE_DEFAULT)?);
        if cursor.is_some() && stated("startIndex").is_some() {
            let detail = "cursor and startIndex are two ways of paging; send one of them.";
            return Err(Error::new(Code::PagingMixed, detail));
        }
        // RFC 9865 section 2.1 has a `scimType` for it. By index a count of 0 asks for the total alone.
        if cursor.is_some() && count < 1 {
            let detail = format!("count must be from 1 to {PAGE_MAX} with a cursor, not {count}.");
            return Err(Error::new(Code::InvalidCount, detail));
        }
        let filters = query.iter().filter(|(name, _)| name.eq_ignore_ascii_case("filter"));
        Ok(Self {
            filter: filter::stated_filter(filters.map(|(_, text)| text.as_str()))?,
            sort_by: stated("sortBy"),
            page: ListQuery {
                filter: None,
                // RFC 7644 section 3.4.2.4: less than 1 is 1, a negative count is 0.
                start_index: number("startIndex", 1)?.clamp(1, NUMBER_MAX),
                count: count.clamp(0, PAGE_MAX),
                sort: stated("sortBy").map(|_| Sort { by: Default::default(), descending }),
                cursor,
            },
        })
    }

    /// Returns the list of one kind of resource.
    ///
    /// # Errors
    /// 400 that names an attribute which it does not have.
    pub(super) fn list_of(&self, kind: &ResourceType, reading: &mut Reading) -> Result<ListQuery> {
        let filter = self.resolve_filter(reading, |filter, forms| filter.resolve(kind, forms))?;
        let by = self.sort_by.map(|text| sort::resolve_sort_by(text, kind, reading.forms)).transpose()?;
        self.to_list(filter, by.map(|found| found.ok_or_else(|| self.unsorted_error(kind.name.as_ref()))).transpose()?)
    }

    /// Returns the lists of both kinds for one search (RFC 7644 section 3.4.2.1). An attribute that only one of them
    /// has, has no value in the other.
    ///
    /// # Errors
    /// 400 that names an attribute which neither has.
    pub(super) fn of_both(&self, kinds: [&ResourceType; 2], reading: &mut Reading) -> Result<[Box<ListQuery>; 2]> {
        let mut by = None;
        if let Some(text) = self.sort_by {
            // One order for both kinds, so the attribute of the first kind that has it counts.
            for kind in kinds {
                by = by.or(sort::resolve_sort_by(text, kind, reading.forms)?);
            }
            by = Some(by.ok_or_else(|| self.unsorted_error("resource"))?);
        }
        let of = |kind: &ResourceType| {
            let resolved = self.resolve_filter(reading, |filter, forms| filter.resolve_among(kind, &kinds, forms))?;
            self.to_list(resolved, by.clone()).map(Box::new)
        };
        let [users, groups] = kinds.map(of);
        Ok([users?, groups?])
    }

    fn resolve_filter(
        &self,
        reading: &mut Reading,
        resolve: impl Fn(&Expression, Forms) -> Result<Filter>,
    ) -> Result<Option<Filter>> {
        let Some(text) = self.filter else { return Ok(None) };
        // Resolved inside, because some forms show only when the attribute is known: `manager eq "x"`.
        let found = dialect::read_in_forms(reading.forms, &mut reading.repairs, |forms| {
            let expression = filter::parse(text, forms)?;
            resolve(&expression, forms)
        })?;
        if !reading.runs_repairs() {
            return Ok(Some(found));
        }
        let found = dialect::with_decoded_texts(found, &mut reading.repairs);
        Ok(Some(dialect::with_names_cut(found, &mut reading.repairs)))
    }

    fn to_list(&self, filter: Option<Filter>, by: Option<filter::Target>) -> Result<ListQuery> {
        let descending = self.page.sort.as_ref().is_some_and(|sort| sort.descending);
        Ok(ListQuery { filter, sort: by.map(|by| Sort { by, descending }), ..self.page.clone() })
    }

    fn unsorted_error(&self, what: &str) -> Error {
        let text = self.sort_by.unwrap_or_default();
        Error::new(
            Code::SortUnknownAttribute,
            format!(
                "sortBy names {text}, which no {what} has. Name another attribute, or leave sortBy out.",
                text = quoted(text)
            ),
        )
        .with_names([text])
    }
}

/// Reads the body of `POST /.search` into the parameters that it stands for (RFC 7644 section 3.4.3).
///
/// # Errors
/// 400 that names the member.
pub(super) fn search_request(body: &Object<'_>, reading: &Reading) -> Result<Vec<(String, String)>> {
    let urns = body.get("schemas").and_then(Checked::elements).unwrap_or_default();
    if !reading.runs_repairs()
        && !urns.into_iter().any(|urn| urn.text().is_some_and(|urn| urn.eq_ignore_ascii_case(SEARCH_REQUEST)))
    {
        return Err(Error::new(Code::SchemasMissing, format!("schemas must name {SEARCH_REQUEST}.")));
    }
    let mut query = Vec::new();
    for (key, value) in body.iter().filter(|(_, value)| !value.is_null()) {
        let lower = key.to_ascii_lowercase();
        let text = match (lower.as_str(), value.shape()) {
            ("attributes" | "excludedattributes", JsonShape::Array) => {
                let texts = value.elements().unwrap_or_default().into_iter().map(Checked::text);
                let texts: Option<Vec<Cow<'_, str>>> = texts.collect();
                texts.map(|texts| texts.join(",")).ok_or_else(|| wrong_type(key, "an array of strings", value))?
            }
            // A list in one text, as in an address.
            ("attributes" | "excludedattributes", JsonShape::Text) if reading.runs_repairs() => shown_value(value),
            ("attributes" | "excludedattributes", _) => return Err(wrong_type(key, "an array of strings", value)),
            ("filter" | "sortby" | "sortorder" | "cursor", JsonShape::Text) => shown_value(value),
            ("filter" | "sortby" | "sortorder" | "cursor", _) => return Err(wrong_type(key, "a string", value)),
            ("startindex" | "count", JsonShape::Number) => value.value().to_string(),
            ("startindex" | "count", JsonShape::Text) if reading.runs_repairs() => shown_value(value),
            ("startindex" | "count", _) => return Err(wrong_type(key, "a whole number", value)),
            // RFC 7644 section 3.4.3 names the members; others are ignored like unknown query parameters.
            _ => continue,
        };
        query.push((lower, text));
    }
    Ok(query)
}

fn shown_value(value: Checked<'_>) -> String {
    value.text().unwrap_or_default().into_owned()
}

fn wrong_type(key: &str, expected: &str, value: Checked<'_>) -> Error {
    Error::new(Code::InvalidParameter, format!("{key} must be {expected}, not {}.", value.shape().name()))
}
