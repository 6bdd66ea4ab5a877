//! Values with a way of their own to be written.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use aicp_dialects::aicp::Listener;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that never shows in logs or in `config show`.
#[derive(Clone, Deserialize)]
pub struct Secret(#[serde(deserialize_with = "text_or_number")] String);

impl Secret {
    /// The text itself.
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

/// Which dialect a listener speaks on paths that several share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Section 3 of the AICP manual.
    Legacy,
    /// Section 7.
    Micro,
    /// Section 7 if a token was sent, else section 3.
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

/// An address and its dialect: `ADDR[=legacy|micro|auto]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub address: SocketAddr,
    /// What.
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

/// A list, or what stands in it once.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// A list, or one text with commas between (as an environment variable has it).
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Listen>, D::Error> {
    let texts = match OneOrMany::<String>::deserialize(deserializer)? {
        OneOrMany::One(text) => text.split(',').map(|t| t.trim().to_owned()).collect(),
        OneOrMany::Many(texts) => texts,
    };
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

/// A chapter of the AICP manual that can be opened to calls without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Chapter {
    /// Every call there was.
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

/// A list of chapters as texts or numbers, or one text with commas between (as an environment variable has it).
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

/// A text, or a number that stands for its digits: in the environment the two look alike. No error shows the value.
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

/// A list of texts, or one text with commas between (as an environment variable has it).
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::<String>::deserialize(deserializer)? {
        OneOrMany::One(text) => {
            text.split(',').map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
        }
        OneOrMany::Many(texts) => texts,
    })
}
