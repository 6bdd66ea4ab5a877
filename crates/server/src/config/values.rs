//! Setting types with their own formats.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use aicp_dialects::aicp::Listener;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is redacted in logs and in `config show`.
#[derive(Clone, Deserialize)]
pub struct Secret(#[serde(deserialize_with = "text_or_number")] String);

impl Secret {
    /// Returns the secret text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

/// Dialect of a listener on paths that several dialects share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Section 3 of the AICP manual.
    Legacy,
    /// Section 7 of the AICP manual.
    Micro,
    /// Section 7 if the request has a token, otherwise section 3.
    Auto,
}

impl From<Dialect> for Listener {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Legacy => Self::Legacy,
            Dialect::Micro => Self::Micro,
            Dialect::Auto => Self::Auto,
        }
    }
}

/// Listener address and dialect: `ADDR[=legacy|micro|auto]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Address to listen on.
    pub address: SocketAddr,
    /// Dialect on shared paths.
    pub dialect: Dialect,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, dialect) = text.rsplit_once('=').unwrap_or((text, "auto"));
        let address =
            address.parse().map_err(|_| format!("{address:?} is no address and port such as 127.0.0.1:9012"))?;
        let dialect = match dialect {
            "legacy" => Dialect::Legacy,
            "micro" => Dialect::Micro,
            "auto" => Dialect::Auto,
            other => return Err(format!("{other:?} is none of legacy, micro, auto")),
        };
        Ok(Self { address, dialect })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialect = match self.dialect {
            Dialect::Legacy => "legacy",
            Dialect::Micro => "micro",
            Dialect::Auto => "auto",
        };
        write!(f, "{}={dialect}", self.address)
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A list, or a single value.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// Deserializes a list, or a comma-separated text as in environment variables.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Listen>, D::Error> {
    let texts = match OneOrMany::<String>::deserialize(deserializer)? {
        OneOrMany::One(text) => text.split(',').map(|t| t.trim().to_owned()).collect(),
        OneOrMany::Many(texts) => texts,
    };
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

/// Chapter of the AICP manual that can be opened to calls without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Chapter {
    /// Statistics: the list of all calls.
    #[serde(rename = "8.7")]
    AllCalls,
    /// face-api.
    #[serde(rename = "9")]
    FaceApi,
    /// High availability.
    #[serde(rename = "11")]
    HighAvailability,
}

impl FromStr for Chapter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "8.7" => Ok(Self::AllCalls),
            "9" => Ok(Self::FaceApi),
            "11" => Ok(Self::HighAvailability),
            other => Err(format!("{other:?} is none of the chapters that can be opened: 8.7, 9, 11")),
        }
    }
}

/// Deserializes a list of texts or numbers, or a comma-separated text as in environment variables.
pub(super) fn chapters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Chapter>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Name {
        Text(String),
        Number(f64),
    }
    let names = match OneOrMany::<Name>::deserialize(deserializer)? {
        OneOrMany::One(name) => vec![name],
        OneOrMany::Many(names) => names,
    };
    let texts: Vec<String> = names
        .into_iter()
        .map(|name| match name {
            Name::Text(text) => text,
            Name::Number(number) => number.to_string(),
        })
        .collect();
    let chapters = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|text| !text.is_empty());
    chapters.map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

/// Deserializes a text, or a number as its digits: environment variables don't distinguish them. Errors omit the value.
pub(super) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrNumber {
        Text(String),
        Number(u64),
    }
    match TextOrNumber::deserialize(deserializer) {
        Ok(TextOrNumber::Text(text)) => Ok(text),
        Ok(TextOrNumber::Number(number)) => Ok(number.to_string()),
        Err(_) => Err(serde::de::Error::custom("a text is wanted")),
    }
}

/// Deserializes a list of texts, or a comma-separated text as in environment variables.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::<String>::deserialize(deserializer)? {
        OneOrMany::One(text) => {
            text.split(',').map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
        }
        OneOrMany::Many(texts) => texts,
    })
}
