//! Users and their pictures.

use std::borrow::Cow;

use aicp_platform::{
    DirectoryEntry, DirectoryFace, DirectoryFilter, EnrolOptions, Enrolment, FaceKey, KnownPerson, LastFace,
    LibraryKey, MissingLibrary, Person, PersonChanges, PersonData, PersonKey, Profile, SamePicture, md5_hex,
    user_id_of,
};
use aicp_types::PublicId;

use super::calls::{Call, Outcome, Page};
use super::failure::Failure;
use super::format::Node;
use super::ids;

/// Maximum characters of a name.
const MAX_NAME: usize = 64;
/// Maximum characters of a custom user id.
const MAX_CUSTOM_ID: usize = 128;
/// Maximum characters of `Params`.
const MAX_PARAMS: usize = 16_384;
/// Maximum number of users in a batch query.
const MAX_USERS: usize = 50;
/// Maximum number of pictures of a user if the settings set no limit: each answer about a user lists them all.
const MAX_PICTURES: usize = 100;
/// Largest page number of a search by name.
const LAST_PAGE: u64 = 1_000_000;
/// Largest page size of a search by name.
const PAGE_SIZE: u64 = 50;

impl Call<'_> {
    /// `AddFaceUser`.
    pub async fn add_user(&self) -> Outcome {
        let isolation = self.isolation()?;
        let custom_id = self.params.required_short("CustomUserId", MAX_CUSTOM_ID)?;
        let address = self.required_picture_address()?;
        let name = self.params.short("Name", MAX_NAME)?;
        let params = self.free_text()?;
        let known = self.known_library(isolation).await?;
        // The enrolment checks this again; checking it first saves the download.
        if let Some(library) = &known
            && self.platform.find(self.caller, library, PersonKey::UserId(custom_id)).await.is_ok()
        {
            return Err(Failure::USER_EXISTS);
        }
        let enrolment = Enrolment {
            library: known.map_or_else(|| LibraryKey::Id(isolation.to_owned()), LibraryKey::Row),
            person: PersonData {
                user_id: Some(custom_id.to_owned()),
                info: params.map(str::to_owned),
                profile: Profile { name: name.map(str::to_owned), ..Profile::default() },
                ..PersonData::default()
            },
            picture: self.fetch(address).await?,
            options: EnrolOptions { missing_library: MissingLibrary::Create, ..EnrolOptions::default() },
        };
        let enrolled = self.platform.enrol(self.caller, enrolment).await.map_err(|e| Failure::of_platform(&e))?;
        Ok(Some(short(enrolled.person)))
    }

    /// `UpdateFaceUser`.
    pub async fn update_user(&self) -> Outcome {
        let isolation = self.isolation()?;
        let user_id = self.params.required("UserId")?;
        let changes = PersonChanges {
            name: self.params.short("Name", MAX_NAME)?.map(str::to_owned),
            info: self.free_text()?.map(str::to_owned),
            external_id: self.params.short("CustomUserId", MAX_CUSTOM_ID)?.map(str::to_owned),
        };
        let address = self.picture_address()?;
        let library = self.library(isolation, Failure::USER_NOT_FOUND).await?;
        let person = self.user(&library, user_id).await?;
        let picture = match address {
            Some(address) => Some(self.fetch(address).await?),
            None => None,
        };
        if picture.is_some() || changes != PersonChanges::default() {
            let updated = self.platform.change(self.caller, &library, &person, changes, picture).await;
            updated.map_err(|e| Failure::of_platform(&e))?;
        }
        Ok(None)
    }

    /// `DeleteFaceUser`.
    pub async fn delete_user(&self) -> Outcome {
        let isolation = self.isolation()?;
        let user_id = self.params.required("UserId")?;
        let library = self.library(isolation, Failure::USER_NOT_FOUND).await?;
        let person = self.user(&library, user_id).await?;
        let removed = self.platform.remove_person(self.caller, &library, &person).await;
        removed.map_err(|e| Failure::of_platform(&e))?;
        Ok(None)
    }

    /// `QueryFaceUser`.
    pub async fn query_user(&self) -> Outcome {
        let isolation = self.isolation()?;
        let user_id = self.params.required("UserId")?;
        let entry = self.entries(isolation, &[user_id]).await?.pop().ok_or(Failure::USER_NOT_FOUND)?;
        let id = ids::USER.text(entry.public_id.get());
        let custom_id = user_id_of(entry.external_id.as_deref(), entry.public_id);
        Ok(Some(Node::Fields(vec![
            ("UserId", Node::text(id)),
            ("CustomUserId", Node::text(custom_id)),
            ("Name", Node::optional(entry.name)),
            ("Params", Node::optional(entry.info)),
            ("FacePicList", self.pictures(entry.faces)),
        ])))
    }

    /// `QueryFaceUserBatch`.
    pub async fn query_users(&self) -> Outcome {
        let isolation = self.isolation()?;
        let user_ids = self.params.list("UserIdList", MAX_USERS)?;
        let user_ids: Vec<&str> = user_ids.iter().map(String::as_str).collect();
        let entries = self.entries(isolation, &user_ids).await?;
        if entries.is_empty() {
            return Err(Failure::USER_NOT_FOUND);
        }
        Ok(Some(Node::List(entries.into_iter().map(|entry| self.entry(entry)).collect())))
    }

    /// `QueryFaceUserByName`.
    pub async fn query_users_by_name(&self) -> Outcome {
        let isolation = self.isolation()?;
        let number = self.params.number("PageNo", 1..=LAST_PAGE)?.ok_or_else(|| Failure::missing("PageNo"))?;
        let size = self.params.number("PageSize", 1..=PAGE_SIZE)?.ok_or_else(|| Failure::missing("PageSize"))?;
        let page = Page { number, size };
        let name_part = self.params.short("Name", MAX_NAME)?;
        let filter = DirectoryFilter { name_part, info: self.free_text()? };
        let (total, entries) = match self.known_library(isolation).await? {
            Some(library) => {
                let found = self.platform.directory_page(self.caller, &library, filter, page.rows()).await;
                found.map_err(|e| Failure::of_platform(&e))?
            }
            None => (0, Vec::new()),
        };
        let items = entries.into_iter().map(|entry| self.entry(entry)).collect();
        Ok(page.listing("Page", total, "List", items))
    }

    /// `QueryFaceUserIdByCustomUserId`.
    pub async fn query_user_id(&self) -> Outcome {
        let isolation = self.isolation()?;
        let custom_id = self.params.required_short("CustomUserId", MAX_CUSTOM_ID)?;
        let library = self.library(isolation, Failure::CUSTOM_ID_NOT_FOUND).await?;
        let found = self.platform.find(self.caller, &library, PersonKey::UserId(custom_id)).await;
        let person = found.map_err(|e| match e {
            aicp_platform::Error::Missing(aicp_platform::Missing::Person) => Failure::CUSTOM_ID_NOT_FOUND,
            other => Failure::of_platform(&other),
        })?;
        Ok(Some(short(person)))
    }

    /// `QueryFaceCustomUserIdByUserId`.
    pub async fn query_custom_id(&self) -> Outcome {
        let isolation = self.isolation()?;
        let user_id = self.params.required("UserId")?;
        let library = self.library(isolation, Failure::USER_NOT_FOUND).await?;
        let person = self.user(&library, user_id).await?;
        Ok(Some(Node::text(user_id_of(person.external_id.as_deref(), person.public_id))))
    }

    /// `AddFaceUserPicture`.
    pub async fn add_picture(&self) -> Outcome {
        let isolation = self.isolation()?;
        let user_id = self.params.required("UserId")?;
        let address = self.required_picture_address()?;
        let library = self.library(isolation, Failure::USER_NOT_FOUND).await?;
        let person = self.user(&library, user_id).await?;
        let picture = self.fetch(address).await?;
        let md5 = md5_hex(&picture);
        let options = EnrolOptions {
            known_person: KnownPerson::AddFace,
            same_picture: SamePicture::KeepOfPerson,
            max_faces: Some(MAX_PICTURES),
            ..EnrolOptions::default()
        };
        let added = self.platform.add_face(self.caller, &library, &person, picture, options).await;
        added.map_err(|e| Failure::of_platform(&e))?;
        Ok(Some(Node::text(md5)))
    }

    /// `DeleteFaceUserPicture`.
    pub async fn delete_picture(&self) -> Outcome {
        let isolation = self.isolation()?;
        let user_id = self.params.required("UserId")?;
        let md5 = self.params.required("FacePicMd5")?;
        let library = self.library(isolation, Failure::USER_NOT_FOUND).await?;
        let person = self.user(&library, user_id).await?;
        let (face, last) = (FaceKey::Md5(md5.to_owned()), LastFace::KeepsPerson);
        let removed = self.platform.remove_face(self.caller, &library, &person, face, last).await;
        removed.map_err(|e| Failure::of_platform(&e))?;
        Ok(None)
    }

    /// Parses the optional `Params`: free text of the caller.
    fn free_text(&self) -> Result<Option<&str>, Failure> {
        let text = self.params.text("Params");
        match text {
            Some(text) if text.chars().count() > MAX_PARAMS => Err(Failure::invalid("Params")),
            _ => Ok(text),
        }
    }

    /// Returns the existing ones of the given users, in the requested order.
    async fn entries(&self, isolation: &str, user_ids: &[&str]) -> Result<Vec<DirectoryEntry>, Failure> {
        let numbers = user_ids.iter().filter_map(|user_id| ids::USER.number(user_id));
        let public_ids: Vec<_> = numbers.map(PublicId::new).collect();
        let library = self.library(isolation, Failure::USER_NOT_FOUND).await?;
        let entries = self.platform.directory_entries(self.caller, &library, &public_ids).await;
        entries.map_err(|e| Failure::of_platform(&e))
    }

    /// Builds all fields of a user.
    fn entry(&self, entry: DirectoryEntry) -> Node {
        Node::Fields(vec![
            ("ModifyTime", Node::Number(entry.updated_at.get())),
            ("UserId", Node::text(ids::USER.text(entry.public_id.get()))),
            ("CreateTime", Node::Number(entry.created_at.get())),
            ("Params", Node::optional(entry.info)),
            ("CustomUserId", Node::text(user_id_of(entry.external_id.as_deref(), entry.public_id))),
            ("Name", Node::optional(entry.name)),
            ("FacePicList", self.pictures(entry.faces)),
        ])
    }

    fn pictures(&self, faces: Vec<DirectoryFace>) -> Node {
        Node::List(faces.into_iter().map(|face| self.face_picture(face)).collect())
    }

    fn face_picture(&self, face: DirectoryFace) -> Node {
        let url = self.links.by_file(face.file_id);
        let feature = face.template.map(|template| {
            Node::Fields(vec![
                ("AlgorithmVersion", Node::text(template.algorithm.version)),
                ("ErrorCode", Node::Text(Cow::Borrowed("200"))),
                ("AlgorithmProvider", Node::text(template.algorithm.provider)),
                ("FaceMd5", Node::text(template.md5)),
                ("AlgorithmName", Node::text(template.algorithm.name)),
            ])
        });
        Node::Fields(vec![
            ("FaceMd5", Node::optional(face.picture_md5)),
            ("FaceUrl", Node::text(url)),
            ("FeatureDTOList", Node::List(feature.into_iter().collect())),
        ])
    }
}

/// Builds the fields of a user, without pictures.
pub(super) fn short(person: Person) -> Node {
    let custom_id = user_id_of(person.external_id.as_deref(), person.public_id);
    Node::Fields(vec![
        ("UserId", Node::text(ids::USER.text(person.public_id.get()))),
        ("CustomUserId", Node::text(custom_id)),
        ("Name", Node::optional(person.profile.name)),
        ("Params", Node::optional(person.info)),
    ])
}
