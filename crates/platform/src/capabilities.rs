//! Permissions of apps. Each call belongs to one area; a capability id opens areas.

use std::collections::BTreeMap;

/// A part of the platform that is granted as a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Area {
    /// Create, delete and list libraries.
    Libraries,
    /// Enrol, remove and look up people.
    People,
    /// Identification (1:N, M:N).
    Recognition,
    /// Comparison of two faces (1:1).
    Compare,
    /// Quality of a picture.
    Quality,
    /// Detection of the faces of a picture.
    Detect,
    /// Groups and users of face-api.
    Groups,
    /// The rest of face-api: faces, search, match, liveness.
    Faces,
    /// Call statistics.
    Statistics,
    /// Accounts, friends and friend groups.
    Social,
    /// Templates in answers: biometric data.
    Templates,
}

impl Area {
    /// All areas with their names in the configuration.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Libraries, "libraries"),
        (Self::People, "people"),
        (Self::Recognition, "recognition"),
        (Self::Compare, "compare"),
        (Self::Quality, "quality"),
        (Self::Detect, "detect"),
        (Self::Groups, "groups"),
        (Self::Faces, "faces"),
        (Self::Statistics, "statistics"),
        (Self::Social, "social"),
        (Self::Templates, "templates"),
    ];

    /// Returns the name of the area in the configuration.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(area, _)| *area == self).map_or("", |(_, name)| name)
    }

    /// Returns the area with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(area, _)| *area)
    }
}

/// A set of areas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Areas(u16);

impl Areas {
    /// All areas.
    pub const ALL: Self = Self(u16::MAX);

    /// Returns the set without an area.
    pub const fn without(self, area: Area) -> Self {
        Self(self.0 & !(1 << area as u8))
    }

    pub fn contains(self, area: Area) -> bool {
        self.0 & (1 << area as u8) != 0
    }
}

impl FromIterator<Area> for Areas {
    fn from_iter<I: IntoIterator<Item = Area>>(areas: I) -> Self {
        Self(areas.into_iter().fold(0, |set, area| set | 1 << area as u8))
    }
}

/// The areas that each capability id opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities(BTreeMap<String, Vec<Area>>);

impl Capabilities {
    /// Creates the map from capability ids to areas.
    pub fn new(areas_of_ids: BTreeMap<String, Vec<Area>>) -> Self {
        Self(areas_of_ids)
    }

    /// Iterates over the capability ids and their areas.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Area])> {
        self.0.iter().map(|(id, areas)| (id.as_str(), areas.as_slice()))
    }

    /// Whether the capability exists.
    pub fn knows(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Returns the union of the areas of some capabilities. Unknown or removed ids open nothing.
    pub(crate) fn areas<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> Areas {
        ids.into_iter().filter_map(|id| self.0.get(id)).flatten().copied().collect()
    }
}

impl Default for Capabilities {
    /// The manual names three ids without defining them. These three together open all of its sections 7 to 9.
    fn default() -> Self {
        use Area::{
            Compare, Detect, Faces, Groups, Libraries, People, Quality, Recognition, Social, Statistics, Templates,
        };
        let areas: [(&str, &[Area]); 9] = [
            ("C10000000001", &[Libraries, People, Groups, Social]),
            ("C10000000002", &[Recognition]),
            ("C10000000003", &[Compare, Quality, Detect, Statistics]),
            ("C10000000004", &[Quality]),
            ("C10000000005", &[Detect]),
            ("C10000000006", &[Groups, Faces]),
            ("C10000000007", &[Statistics]),
            ("C10000000008", &[Social]),
            ("C10000000009", &[Templates]),
        ];
        Self(areas.into_iter().map(|(id, areas)| (id.to_owned(), areas.to_vec())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_opens_its_areas_alone() {
        let capabilities = Capabilities::default();
        let areas = capabilities.areas(&["C10000000004".to_owned(), "C10000000002".to_owned(), "gone".to_owned()]);
        for (area, name) in Area::ALL {
            let open = matches!(area, Area::Quality | Area::Recognition);
            assert_eq!(areas.contains(area), open, "{name}");
            assert!(Areas::ALL.contains(area));
            assert_eq!(Area::named(name), Some(area));
            assert_eq!(area.name(), name);
        }
        assert_eq!(Area::named("nothing"), None);
    }
}
