//! Tags of people: the rules, the tags of a library, and the people whom a search admits by their tags.

use std::collections::{BTreeSet, HashMap};

use aicp_types::PersonId;
use unicode_normalization::UnicodeNormalization;

use crate::{Caller, Library, Person, Platform, Result};

/// Maximum number of tags of a person, and of tags in a filter.
pub const MAX_TAGS: usize = 50;
/// Maximum length of a tag in characters.
pub const MAX_TAG_LENGTH: usize = 64;

/// Tags, each once, sorted. Texts that differ only in case, in the form of their letters (Unicode NFKC) or in white space
/// are one tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<String>);

/// Why texts can't be tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// A tag has no character that can be seen, or too many characters.
    #[error("must have 1 to {MAX_TAG_LENGTH} characters each")]
    Length,
    /// A tag has control characters.
    #[error("must have no control characters")]
    Control,
    /// There are too many tags.
    #[error("must be at most {MAX_TAGS}")]
    Number,
}

impl Tags {
    /// Normalises texts into tags.
    ///
    /// # Errors
    /// [`TagError`].
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, TagError> {
        let mut tags = BTreeSet::new();
        for text in texts {
            tags.insert(normalized(text.as_ref())?);
            if tags.len() > MAX_TAGS {
                return Err(TagError::Number);
            }
        }
        Ok(Self(tags.into_iter().collect()))
    }

    /// Returns the tags of a row of the store, which were normalised before.
    pub(crate) fn stored(tags: Vec<String>) -> Self {
        Self(tags)
    }

    /// Returns these tags and others.
    ///
    /// # Errors
    /// [`TagError::Number`].
    pub fn with(&self, others: &Self) -> Result<Self, TagError> {
        let all: BTreeSet<&String> = self.0.iter().chain(&others.0).collect();
        if all.len() > MAX_TAGS {
            return Err(TagError::Number);
        }
        Ok(Self(all.into_iter().cloned().collect()))
    }

    /// Returns these tags but others.
    pub fn without(&self, others: &Self) -> Self {
        Self(self.0.iter().filter(|tag| !others.0.contains(tag)).cloned().collect())
    }

    /// Returns the tags as texts.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the tags as texts.
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// Normalises a tag.
fn normalized(text: &str) -> Result<String, TagError> {
    // A character can become 18 by NFKC: what is far too long is refused before.
    if text.len() > MAX_TAG_LENGTH * 16 {
        return Err(TagError::Length);
    }
    let words: Vec<String> =
        text.split_whitespace().map(|word| word.nfkc().collect::<String>().to_lowercase()).collect();
    // Lower case can be composed anew, and NFKC can bring white space.
    let tag = words.join(" ").nfkc().collect::<String>();
    let tag = tag.split_whitespace().collect::<Vec<_>>().join(" ");
    if tag.chars().any(char::is_control) {
        return Err(TagError::Control);
    }
    if (1..=MAX_TAG_LENGTH).contains(&tag.chars().count()) { Ok(tag) } else { Err(TagError::Length) }
}

impl Platform {
    /// Returns the tags of a person.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn tags(&self, person: &Person) -> Result<Tags> {
        let mut tags = self.inner.store.rows().await?.tags_of(&[person.id]).await?;
        Ok(Tags::stored(tags.remove(&person.id).unwrap_or_default()))
    }

    /// Returns the tags of people; people without tags are left out.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn tags_of(&self, people: &[Person]) -> Result<HashMap<PersonId, Tags>> {
        let ids: Vec<PersonId> = people.iter().map(|person| person.id).collect();
        let tags = self.inner.store.rows().await?.tags_of(&ids).await?;
        Ok(tags.into_iter().map(|(id, tags)| (id, Tags::stored(tags))).collect())
    }

    /// Returns the tags of a library with the number of people who have each, at most `limit`, after a tag in the order of
    /// code points.
    ///
    /// # Errors
    /// [`crate::Missing::Engine`]; [`crate::Error::Busy`] if the wait for a scan times out.
    pub async fn library_tags(
        &self,
        caller: &Caller,
        library: &Library,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<(String, u64)>> {
        self.backend_of(caller, library)?;
        let (platform, app_id, library_id) = (self.clone(), caller.app_id().to_owned(), library.id);
        let after = after.map(str::to_owned);
        // A scan continues after its caller has gone, and holds its permit until it ends.
        crate::background::run_detached(async move {
            let _turn = platform.inner.scans.acquire(&app_id).await?;
            Ok(platform.inner.store.rows().await?.tags_of_library(library_id, after.as_deref(), limit).await?)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_alike_are_one_tag() {
        let tags = Tags::new(["VIP", " vip ", "ｖｉｐ", "night  shift", "Night\tShift", "Ärzte", "A\u{308}rzte"]);
        assert_eq!(tags.expect("tags").as_slice(), ["night shift", "vip", "ärzte"]);
        let again = Tags::new(Tags::new(["ǅ", "İstanbul", "ﬃ"]).expect("tags").as_slice()).expect("tags");
        assert_eq!(again, Tags::new(again.as_slice()).expect("tags"), "what is normalised stays");
    }

    #[test]
    fn tags_are_bounded() {
        for (text, error) in [
            ("", TagError::Length),
            (" \n", TagError::Length),
            (&"a".repeat(65), TagError::Length),
            (&"\u{fdfa}".repeat(60), TagError::Length),
            (&"a".repeat(1 << 20), TagError::Length),
            ("a\0", TagError::Control),
        ] {
            assert_eq!(Tags::new([text]), Err(error), "{text:?}");
        }
        assert!(Tags::new(["ä".repeat(64)]).is_ok());
        let many = |first: usize, number: usize| Tags::new((first..first + number).map(|tag| tag.to_string()));
        assert_eq!(many(0, 51), Err(TagError::Number));
        let fifty = many(0, 50).expect("tags");
        assert_eq!(fifty.with(&many(49, 1).expect("a tag")), Ok(fifty.clone()));
        assert_eq!(fifty.with(&many(50, 1).expect("a tag")), Err(TagError::Number));
        assert_eq!(fifty.without(&many(1, 50).expect("tags")).as_slice(), ["0"]);
    }
}
