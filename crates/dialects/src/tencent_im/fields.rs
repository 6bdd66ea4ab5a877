//! Typed access to the fields of request bodies.
//!
//! Optional fields that are `null`, `""` or `[]` count as absent, because clients send them so. Of a repeated key the
//! last value counts.

use super::codes::GatewayError;
use super::commands::{Command, Service};
use super::failure::Failure;
use super::json::{self, BodyParseError, Object, Value};

/// Maximum bytes of a group name.
const MAX_GROUP_NAME: usize = 30;

/// Fields of a JSON object in a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    object: &'a Object<'a>,
    service: Service,
}

/// Parses a body. [`fields`] and its methods check the contents.
///
/// # Errors
/// The body is not JSON, or holds too many values.
pub(super) fn parse(body: &[u8], service: Service) -> Result<Value<'_>, Failure> {
    json::parse(body).map_err(|e| match e {
        BodyParseError::NotJson => GatewayError::BodyNotParsable.into(),
        BodyParseError::TooMany => Failure::wrong_shape(service),
    })
}

/// Returns the fields of a value, which must be an object.
pub(super) fn fields<'a>(value: &'a Value<'a>, service: Service) -> Result<Fields<'a>, Failure> {
    match value {
        Value::Object(object) => Ok(Fields { object, service }),
        _ => Err(Failure::wrong_shape(service)),
    }
}

impl<'a> Fields<'a> {
    /// Returns a field that is present and not null.
    pub fn given(&self, name: &str) -> Option<&'a Value<'a>> {
        self.object.get(name).filter(|value| **value != Value::Null)
    }

    /// Returns an optional string; an empty one counts as absent.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        let Some(value) = self.given(name) else { return Ok(None) };
        let text = value.text().ok_or_else(|| self.wrong_shape())?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Returns a required string, which may be empty.
    pub fn required_text(&self, name: &str) -> Result<&'a str, Failure> {
        self.given(name).and_then(Value::text).ok_or_else(|| self.wrong_shape())
    }

    /// Returns an optional number: an integer from 0.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(value) = self.given(name) else { return Ok(None) };
        match value {
            Value::Number(number) => Ok(Some(number.as_u64().ok_or_else(|| self.wrong_shape())?)),
            _ => Err(self.wrong_shape()),
        }
    }

    /// Returns an optional account name.
    pub fn account(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        self.given(name).map(account).transpose()
    }

    /// Returns the account that the command acts for, `From_Account`.
    pub fn sender(&self, command: &Command) -> Result<&'a str, Failure> {
        let account = self.account("From_Account")?.filter(|account| !account.is_empty());
        account.ok_or_else(|| Failure::sns(command, 30001, "From_Account_Empty"))
    }

    /// Returns an optional list; an empty one counts as absent.
    pub fn list(&self, name: &str) -> Result<Option<&'a [Value<'a>]>, Failure> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::Text(text)) if text.is_empty() => Ok(None),
            Some(Value::List(list)) => Ok(Some(list.as_slice()).filter(|list| !list.is_empty())),
            Some(_) => Err(self.wrong_shape()),
        }
    }

    /// Returns a required list of 1 to `most` items.
    pub fn required_list(&self, name: &str, most: usize) -> Result<&'a [Value<'a>], Failure> {
        self.list(name)?.filter(|list| list.len() <= most).ok_or_else(|| self.wrong_shape())
    }

    /// Returns a required list of 1 to `most` objects.
    pub fn objects(
        &self,
        name: &str,
        most: usize,
    ) -> Result<impl Iterator<Item = Result<Fields<'a>, Failure>>, Failure> {
        let service = self.service;
        Ok(self.required_list(name, most)?.iter().map(move |value| fields(value, service)))
    }

    /// Returns a required list of 1 to `most` account names.
    pub fn accounts(&self, name: &str, most: usize) -> Result<Vec<String>, Failure> {
        let names = self.required_list(name, most)?.iter();
        names.map(|value| account(value).map(str::to_owned)).collect()
    }

    /// Converts a list of strings.
    pub fn texts(&self, list: &[Value<'_>]) -> Result<Vec<String>, Failure> {
        let text = |value: &Value<'_>| value.text().map(str::to_owned).ok_or_else(|| self.wrong_shape());
        list.iter().map(text).collect()
    }

    /// Maps an optional string that may be one of two words. The first word is the default.
    pub fn either<T>(&self, name: &str, words: [(&str, T); 2]) -> Result<T, Failure> {
        let text = self.text(name)?;
        let [first, second] = words;
        match text {
            None => Ok(first.1),
            Some(text) if text == first.0 => Ok(first.1),
            Some(text) if text == second.0 => Ok(second.1),
            Some(_) => Err(self.wrong_shape()),
        }
    }

    pub fn wrong_shape(&self) -> Failure {
        Failure::wrong_shape(self.service)
    }
}

fn account<'a>(value: &'a Value<'_>) -> Result<&'a str, Failure> {
    value.text().ok_or_else(|| GatewayError::AccountNotAText.into())
}

/// Returns whether a text is valid as a group name.
pub(super) fn is_group_name(name: &str) -> bool {
    (1..=MAX_GROUP_NAME).contains(&name.len())
}
