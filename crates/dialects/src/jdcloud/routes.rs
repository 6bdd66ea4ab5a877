//! Routes: path and method to call.

use aicp_platform::Area;
use axum::http::Method;

/// Calls of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    GroupList,
    GroupCreate,
    GroupDelete,
    FaceCreate,
    FaceDelete,
    FaceSearch,
    CompareV1,
    Compare,
    PropertiesV1,
    DetectAttributes,
    MaskDetect,
    LivenessV1,
    AntiSpoof,
    GroupCreateV1,
    GroupFetchV1,
    GroupUpdateV1,
    GroupDeleteV1,
    FaceFetchV1,
    FaceDeleteV1,
    FaceCreateV1,
    FaceSearchV1,
    FaceUpdateV1,
}

/// Generation of calls; each reports errors in its own format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Face search with its groups. The envelope has a status besides its code.
    Search,
    /// Other calls of 2019.
    Plain,
    /// Calls whose names end in `V1`.
    V1,
}

/// Properties of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub api: Api,
    /// The vendor's name.
    pub name: &'static str,
    /// Short label for people.
    pub label: &'static str,
    pub family: Family,
    /// Area that must be granted.
    pub area: Area,
    /// Whether `GET` is allowed: all parameters fit in the query, as the call takes no picture.
    pub takes_get: bool,
}

const fn entry(
    api: Api,
    name: &'static str,
    label: &'static str,
    family: Family,
    area: Area,
    takes_get: bool,
) -> Entry {
    Entry { api, name, label, family, area, takes_get }
}

const FACE_DELETION: Entry = entry(Api::FaceDelete, "faceDelete", "删除人脸", Family::Search, Area::People, true);

const ENTRIES: [Entry; 22] = {
    use Area::{Compare, Detect, Libraries, People, Recognition};
    use Family::{Plain, Search, V1};
    [
        entry(Api::GroupList, "getFaceGroupList", "分组列表", Search, Libraries, true),
        entry(Api::GroupCreate, "faceGroupCreate", "创建分组", Search, Libraries, true),
        entry(Api::GroupDelete, "faceGroupDelete", "删除分组", Search, Libraries, true),
        entry(Api::FaceCreate, "faceCreate", "添加人脸", Search, People, false),
        FACE_DELETION,
        entry(Api::FaceSearch, "faceSearch", "人脸搜索", Search, Recognition, false),
        entry(Api::CompareV1, "faceCompareV1", "人脸对比", V1, Compare, false),
        entry(Api::Compare, "face_compare", "人脸对比", Plain, Compare, false),
        entry(Api::PropertiesV1, "facePropV1", "人脸属性", V1, Detect, false),
        entry(Api::DetectAttributes, "face_detect_attr", "人脸检测与属性", Plain, Detect, false),
        entry(Api::MaskDetect, "mask_detect", "口罩检测", Plain, Detect, false),
        entry(Api::LivenessV1, "detectHacknessV1", "活体检测", V1, Detect, false),
        entry(Api::AntiSpoof, "face_AntiSpoof", "活体检测", Plain, Detect, false),
        entry(Api::GroupCreateV1, "groupCreateV1", "创建分组", V1, Libraries, true),
        entry(Api::GroupFetchV1, "groupFetchV1", "分组列表", V1, Libraries, true),
        entry(Api::GroupUpdateV1, "groupUpdateV1", "修改分组", V1, Libraries, true),
        entry(Api::GroupDeleteV1, "groupDeleteV1", "删除分组", V1, Libraries, true),
        entry(Api::FaceFetchV1, "faceFetchV1", "人脸列表", V1, People, true),
        entry(Api::FaceDeleteV1, "faceDeleteV1", "删除人脸", V1, People, true),
        entry(Api::FaceCreateV1, "faceCreateV1", "添加人脸", V1, People, false),
        entry(Api::FaceSearchV1, "faceSearchV1", "人脸搜索", V1, Recognition, false),
        entry(Api::FaceUpdateV1, "faceUpdateV1", "更新人脸", V1, People, false),
    ]
};

/// Finds the call for a path (as sent) and a method.
pub(super) fn find(path: &str, method: &Method) -> Option<&'static Entry> {
    let name = match path.strip_prefix("/jdai/")? {
        "face_create" => "faceCreate",
        name => name,
    };
    let entry = ENTRIES.iter().find(|entry| entry.name == name)?;
    (*method == Method::POST || (entry.takes_get && *method == Method::GET)).then_some(entry)
}

/// Returns the deletion of a face. One of the vendor's pages prints the path of group deletion for it, and a client
/// that follows that page must not lose a group.
pub(super) fn face_deletion() -> &'static Entry {
    &FACE_DELETION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_as_sent() {
        for entry in ENTRIES {
            let path = format!("/jdai/{}", entry.name);
            assert_eq!(find(&path, &Method::POST).map(|found| found.api), Some(entry.api), "{path}");
            assert_eq!(find(&path, &Method::GET).is_some(), entry.takes_get, "{path}");
            for method in [Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
                assert!(find(&path, &method).is_none(), "{method} {path}");
            }
            for other in [format!("{path}/"), format!("{path}%20"), path.to_uppercase(), format!("/jdai{path}")] {
                assert!(find(&other, &Method::POST).is_none(), "{other}");
            }
        }
        assert_eq!(find("/jdai/face_create", &Method::POST).map(|found| found.api), Some(Api::FaceCreate));
        for unknown in ["/jdai/", "/jdai/nothing", "/jdai", "/jdai/facecreate", "/jdai//faceCreate"] {
            assert!(find(unknown, &Method::POST).is_none(), "{unknown}");
        }
        assert_eq!(face_deletion().api, Api::FaceDelete);
    }

    #[test]
    fn every_v1_call_is_of_that_family_and_no_other() {
        for entry in ENTRIES {
            assert_eq!(entry.name.ends_with("V1"), entry.family == Family::V1, "{}", entry.name);
        }
    }
}
