//! User ids: by which ids a person of a library is known.

use aicp_store::{PersonKeys, Rows};
use aicp_types::{LibraryId, PublicId};

use crate::{Person, Result};

/// Returns the user id that callers see: the caller's own id or, without one, the public id in decimal.
pub fn user_id_of(external_id: Option<&str>, public_id: PublicId) -> String {
    external_id.map_or_else(|| public_id.to_string(), str::to_owned)
}

/// Returns whether a person is known by a user id: their own id or, without one, the public id in decimal.
pub(crate) fn is_known_as(person: &Person, user_id: &str) -> bool {
    match &person.external_id {
        Some(external_id) => external_id == user_id,
        None => PublicId::parse(user_id) == Some(person.public_id),
    }
}

/// Chooses the person that a text names: by public id, else by number, else by their own id.
pub(crate) fn first_named(people: Vec<Person>, text: &str) -> Option<Person> {
    let rank = |person: &Person| {
        if PublicId::parse(text) == Some(person.public_id) {
            0
        } else if person.number == text {
            1
        } else {
            2
        }
    };
    people.into_iter().min_by_key(rank)
}

/// Returns the people of a library who are [known](is_known_as) by a user id, by row id.
pub(crate) async fn people_known_as(rows: &mut Rows<'_>, library_id: LibraryId, user_id: &str) -> Result<Vec<Person>> {
    let found = rows.people_with_keys(library_id, PersonKeys { number: None, ..keys(user_id) }).await?;
    Ok(found.into_iter().filter(|person| is_known_as(person, user_id)).collect())
}

/// Returns the people of an app who are [known](is_known_as) by a user id, by row id.
pub(crate) async fn people_of_app_known_as(rows: &mut Rows<'_>, app_id: &str, user_id: &str) -> Result<Vec<Person>> {
    let found = rows.people_of_app_with_keys(app_id, keys(user_id)).await?;
    Ok(found.into_iter().filter(|person| is_known_as(person, user_id)).collect())
}

/// Returns the person of a library that a text [names](first_named).
pub(crate) async fn person_named(rows: &mut Rows<'_>, library_id: LibraryId, text: &str) -> Result<Option<Person>> {
    Ok(first_named(rows.people_with_keys(library_id, keys(text)).await?, text))
}

fn keys(text: &str) -> PersonKeys<'_> {
    PersonKeys { public_id: PublicId::parse(text), number: Some(text), external_id: Some(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;
    use aicp_types::{PersonId, UnixMillis};

    fn person(public_id: i64, external_id: Option<&str>) -> Person {
        Person {
            id: PersonId::new(public_id),
            library_id: LibraryId::new(1),
            public_id: PublicId::new(public_id),
            number: format!("{public_id:032x}"),
            external_id: external_id.map(str::to_owned),
            info: None,
            profile: Profile::default(),
            created_at: UnixMillis::new(1),
            updated_at: UnixMillis::new(1),
        }
    }

    #[test]
    fn a_public_id_is_a_user_id_of_those_without_one_of_their_own() {
        assert!(is_known_as(&person(7, None), "7"));
        assert!(!is_known_as(&person(7, None), "007"), "one spelling");
        assert!(is_known_as(&person(7, Some("ann")), "ann"));
        assert!(!is_known_as(&person(7, Some("ann")), "7"));
    }

    #[test]
    fn a_public_id_goes_before_a_number_and_that_before_an_id_of_ones_own() {
        let number = format!("{:032x}", 8);
        let people = || vec![person(9, Some("7")), person(8, Some(&number)), person(7, None)];
        let named = |text: &str| first_named(people(), text).map(|person| person.public_id.get());
        assert_eq!(named("7"), Some(7));
        assert_eq!(named(&number), Some(8));
        assert_eq!(first_named(Vec::new(), "7"), None);
    }
}
