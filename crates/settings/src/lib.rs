//! Sections of settings that know their names, defaults, ranges and documentation.
//!
//! [`settings!`] declares a section. Each crate declares those that it uses, and the server nests them in its
//! configuration. So every fact about a setting is written once, beside the setting.

mod rule;
mod values;

#[doc(hidden)]
pub use serde;

pub use rule::{Rule, at_least, if_set, when, within};
pub use values::{Millis, Seconds, Secret, list, text_or_number};

/// A section of the settings. [`settings!`] implements it.
pub trait Section {
    /// Lists the settings of this section and of those nested in it, in the order of the source.
    fn list() -> Vec<Setting>;

    /// Checks the ranges of all settings.
    ///
    /// # Errors
    /// [`Wrong`] for the first setting that is out of range.
    fn check(&self) -> Result<(), Wrong>;
}

/// Description of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name, with the names of the sections within the described one: `remote.timeout_ms`.
    pub name: String,
    /// First paragraph of the documentation.
    pub doc: String,
    /// Allowed values, such as `in 1..=100`; `None` if the type or the documentation says it.
    pub wanted: Option<String>,
    /// Whether a new value takes effect while the program runs.
    pub applies_at_once: bool,
}

impl Setting {
    #[doc(hidden)]
    pub fn new(name: &str, doc: &[&str], applies_at_once: bool, wanted: Option<String>) -> Self {
        let lines = doc.iter().map(|line| line.trim()).take_while(|line| !line.is_empty());
        Self { name: name.to_owned(), doc: lines.collect::<Vec<_>>().join(" "), wanted, applies_at_once }
    }

    #[doc(hidden)]
    pub fn within(self, section: &str) -> Self {
        Self { name: format!("{section}.{}", self.name), ..self }
    }
}

/// A setting whose value is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {wanted}")]
pub struct Wrong {
    /// Name of the setting, with the names of its sections.
    pub name: String,
    /// Allowed values.
    pub wanted: String,
}

impl Wrong {
    /// Describes a wrong setting of the section at hand.
    pub fn new(name: &str, wanted: &str) -> Self {
        Self { name: name.to_owned(), wanted: wanted.to_owned() }
    }

    #[doc(hidden)]
    pub fn within(self, section: &str) -> Self {
        Self { name: format!("{section}.{}", self.name), ..self }
    }
}

/// Declares a section: a struct with public fields that reads and writes itself with serde, refuses unknown names, and
/// has a [`Default`] and a [`Section`].
///
/// A field with a default is a setting, and `=>` adds the [`Rule`] of its values. A field without one is a nested
/// section. `#[applies(at_once)]`, the last attribute, marks a setting whose consumers read it at the moment of use, so that
/// it may change while the program runs. `check` after the struct names a function for what concerns several settings.
///
/// ```
/// use aicp_settings::{Section, Seconds, Wrong, settings, within};
///
/// settings! {
///     /// Downloads.
///     pub struct Fetch {
///         /// Maximum size of a picture in bytes.
///         #[applies(at_once)]
///         max_bytes: usize = 8 << 20,
///         /// Maximum duration in seconds.
///         timeout_s: Seconds = Seconds::new(15) => within(Seconds::new(1)..=Seconds::new(600)),
///     }
/// }
/// settings! {
///     /// All settings.
///     pub struct Config {
///         /// Name of the node.
///         name: String = "one".to_owned(),
///         /// Downloads.
///         fetch: Fetch,
///     }
///     check |config| if config.fetch.max_bytes > 0 { Ok(()) } else { Err(Wrong::new("fetch.max_bytes", "1 or more")) };
/// }
///
/// let mut config = Config::default();
/// assert!(config.check().is_ok());
/// config.fetch.timeout_s = Seconds::new(0);
/// assert_eq!(config.check().unwrap_err().to_string(), "fetch.timeout_s must be in 1..=600");
/// assert_eq!(Config::list()[2].doc, "Maximum duration in seconds.");
/// assert!(Config::list()[1].applies_at_once);
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct $section:ident {
            $(
                $(#[doc = $doc:literal])*
                $(#[serde($($serde:tt)*)])?
                $(#[applies($moment:ident)])?
                $name:ident: $type:ty $(= $default:expr $(=> $rule:expr)?)?
            ),* $(,)?
        }
        $(check |$checked:ident| $check:expr;)?
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, $crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "aicp_settings::serde", deny_unknown_fields, default)]
        pub struct $section {
            $(
                $(#[doc = $doc])*
                $(#[serde($($serde)*)])?
                pub $name: $type,
            )*
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $($name: $crate::default_of!($($default)?)),* }
            }
        }

        impl $crate::Section for $section {
            fn list() -> Vec<$crate::Setting> {
                let mut list = Vec::new();
                $($crate::list_field!(list, $name, [$($doc),*], [$($moment)?], $type $(, $default $(=> $rule)?)?);)*
                list
            }

            fn check(&self) -> Result<(), $crate::Wrong> {
                $($crate::check_field!(&self.$name, $name, $type $(, $default $(=> $rule)?)?);)*
                $(
                    let $checked = self;
                    $check?;
                )?
                Ok(())
            }
        }
    };
}

/// Default of a field of [`settings!`].
#[doc(hidden)]
#[macro_export]
macro_rules! default_of {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

/// Whether a field of [`settings!`] is marked as one that may change while the program runs.
#[doc(hidden)]
#[macro_export]
macro_rules! applies_at_once {
    () => {
        false
    };
    (at_once) => {
        true
    };
}

/// Lists a field of [`settings!`].
#[doc(hidden)]
#[macro_export]
macro_rules! list_field {
    ($list:ident, $name:ident, [$($doc:literal),*], [], $section:ty) => {
        let nested = <$section as $crate::Section>::list();
        $list.extend(nested.into_iter().map(|setting| setting.within(stringify!($name))));
    };
    ($list:ident, $name:ident, [$($doc:literal),*], [$($moment:ident)?], $type:ty, $default:expr) => {
        let at_once = $crate::applies_at_once!($($moment)?);
        $list.push($crate::Setting::new(stringify!($name), &[$($doc),*], at_once, None));
    };
    ($list:ident, $name:ident, [$($doc:literal),*], [$($moment:ident)?], $type:ty, $default:expr => $rule:expr) => {
        let rule: $crate::Rule<$type> = $rule;
        let at_once = $crate::applies_at_once!($($moment)?);
        $list.push($crate::Setting::new(stringify!($name), &[$($doc),*], at_once, Some(rule.wanted().to_owned())));
    };
}

/// Checks a field of [`settings!`].
#[doc(hidden)]
#[macro_export]
macro_rules! check_field {
    ($value:expr, $name:ident, $section:ty) => {
        $crate::Section::check($value).map_err(|wrong| wrong.within(stringify!($name)))?;
    };
    ($value:expr, $name:ident, $type:ty, $default:expr) => {};
    ($value:expr, $name:ident, $type:ty, $default:expr => $rule:expr) => {
        let rule: $crate::Rule<$type> = $rule;
        if !rule.allows($value) {
            return Err($crate::Wrong::new(stringify!($name), rule.wanted()));
        }
    };
}
