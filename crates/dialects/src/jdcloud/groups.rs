//! Groups of face search. A group is any library of the app, whichever dialect created it.

use super::answers::{Group, dashed};
use super::calls::Call;
use super::codes;
use super::envelope::{Answer, inner_text};
use super::failure::Failure;
use aicp_platform::Page;

/// Allowed start of a page.
const STARTS: std::ops::RangeInclusive<i32> = 0..=100;
/// Allowed length of a page.
const LENGTHS: std::ops::RangeInclusive<i32> = 1..=5;
/// Default length of a page.
const DEFAULT_LENGTH: i32 = 5;

impl Call<'_> {
    pub async fn group_list(&self) -> Result<Answer, Failure> {
        let number = |name: &str| self.params.integer(name).map_err(|_| codes::NO_NUMBER);
        let (start, length) = (number("start")?.unwrap_or(0), number("length")?.unwrap_or(DEFAULT_LENGTH));
        if !STARTS.contains(&start) || !LENGTHS.contains(&length) {
            return Err(codes::BAD_RANGE.into());
        }
        let page = Page { offset: u64::from(start.unsigned_abs()), limit: u64::from(length.unsigned_abs()) };
        let libraries = self.platform.libraries_by_age(self.caller, page).await;
        let libraries = libraries.map_err(|e| self.failure(e))?;
        let groups: Vec<Group<'_>> =
            libraries.iter().map(|library| Group::new(library, self.options.max_faces)).collect();
        Answer::listed(&inner_text(&groups)?, self.stamp)
    }

    pub async fn group_create(&self) -> Result<Answer, Failure> {
        let name = self.new_group_name(codes::MISSING_PARAM)?;
        let info = self.text("groupInfo")?;
        let at_most = Some(self.options.max_groups);
        let made = self.platform.create_library_within(self.caller, &name, &name, info.as_deref(), None, at_most).await;
        Answer::told(&dashed(&made.map_err(|e| self.failure(e))?.engine_key), self.stamp)
    }

    pub async fn group_delete(&self) -> Result<Answer, Failure> {
        let key = self.group_key(codes::NO_GROUP_TO_DELETE)?;
        let library = self.library(&key).await?;
        self.platform.delete_library(self.caller, &library).await.map_err(|e| self.failure(e))?;
        Answer::told(&dashed(&library.engine_key), self.stamp)
    }
}
