//! What comes in.
//!
//! Clients send optional fields that they have nothing for as `null`, `""` or `[]`: each counts as absent. Of a key that
//! is sent twice, the last counts.

use serde_json::{Map, Value};

use super::codes::GatewayError;
use super::commands::{Command, Service};
use super::envelope::Failure;

/// Groups have names of at most this many bytes.
const MAX_GROUP_NAME: usize = 30;

/// The fields of an object in a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    service: Service,
}

/// Reads a body. What it must hold, [`fields`] and its methods say.
///
/// # Errors
/// If it is no JSON.
pub(super) fn parse(body: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(body).map_err(|_| GatewayError::BodyNotParsable.into())
}

/// The fields of a value that must be an object.
pub(super) fn fields(value: &Value, service: Service) -> Result<Fields<'_>, Failure> {
    let map = value.as_object().ok_or_else(|| Failure::wrong_shape(service))?;
    Ok(Fields { map, service })
}

impl<'a> Fields<'a> {
    /// A field that is there and not null.
    pub fn given(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A text that need not be there.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        let Some(value) = self.given(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| self.wrong_shape())?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// A text that must be there, though it may be empty.
    pub fn required_text(&self, name: &str) -> Result<&'a str, Failure> {
        self.given(name).and_then(Value::as_str).ok_or_else(|| self.wrong_shape())
    }

    /// A whole number from 0 that need not be there.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(value) = self.given(name) else { return Ok(None) };
        Ok(Some(value.as_u64().ok_or_else(|| self.wrong_shape())?))
    }

    /// The name of an account that need not be there.
    pub fn account(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        self.given(name).map(account).transpose()
    }

    /// The account that a command is about.
    pub fn sender(&self, command: &Command) -> Result<&'a str, Failure> {
        let account = self.account("From_Account")?.filter(|account| !account.is_empty());
        account.ok_or_else(|| Failure::sns(command, 30001, "From_Account_Empty"))
    }

    /// A list that need not be there.
    pub fn list(&self, name: &str) -> Result<Option<&'a [Value]>, Failure> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list.as_slice()).filter(|list| !list.is_empty())),
            Some(_) => Err(self.wrong_shape()),
        }
    }

    /// A list that must have from one to `most` members.
    pub fn required_list(&self, name: &str, most: usize) -> Result<&'a [Value], Failure> {
        self.list(name)?.filter(|list| list.len() <= most).ok_or_else(|| self.wrong_shape())
    }

    /// One to `most` objects.
    pub fn objects(
        &self,
        name: &str,
        most: usize,
    ) -> Result<impl Iterator<Item = Result<Fields<'a>, Failure>>, Failure> {
        let service = self.service;
        Ok(self.required_list(name, most)?.iter().map(move |value| fields(value, service)))
    }

    /// One to `most` names of accounts.
    pub fn accounts(&self, name: &str, most: usize) -> Result<Vec<String>, Failure> {
        let names = self.required_list(name, most)?.iter();
        names.map(|value| account(value).map(str::to_owned)).collect()
    }

    /// Texts out of a list.
    pub fn texts(&self, list: &'a [Value]) -> Result<Vec<String>, Failure> {
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| self.wrong_shape());
        list.iter().map(text).collect()
    }

    /// One of two words; the first if there is none.
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

fn account(value: &Value) -> Result<&str, Failure> {
    value.as_str().ok_or_else(|| GatewayError::AccountNotAText.into())
}

/// Whether a text can be the name of a group.
pub(super) fn is_group_name(name: &str) -> bool {
    (1..=MAX_GROUP_NAME).contains(&name.len())
}
