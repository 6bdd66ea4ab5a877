//! Ranges of settings.

use std::fmt::Display;
use std::ops::RangeInclusive;

/// Values that a setting may have.
pub struct Rule<T> {
    wanted: String,
    allows: Box<dyn Fn(&T) -> bool>,
}

impl<T> Rule<T> {
    /// Returns the allowed values in words that follow "must be".
    pub fn wanted(&self) -> &str {
        &self.wanted
    }

    /// Returns whether a value is allowed.
    pub fn allows(&self, value: &T) -> bool {
        (self.allows)(value)
    }
}

/// Allows what the function allows; `wanted` describes it in words that follow "must be".
pub fn when<T>(wanted: &str, allows: impl Fn(&T) -> bool + 'static) -> Rule<T> {
    Rule { wanted: wanted.to_owned(), allows: Box::new(allows) }
}

/// Allows the values of a range.
pub fn within<T: PartialOrd + Display + 'static>(range: RangeInclusive<T>) -> Rule<T> {
    let wanted = format!("in {}..={}", range.start(), range.end());
    Rule { wanted, allows: Box::new(move |value| range.contains(value)) }
}

/// Allows this value and all greater ones.
pub fn at_least<T: PartialOrd + Display + 'static>(least: T) -> Rule<T> {
    Rule { wanted: format!("{least} or more"), allows: Box::new(move |value| *value >= least) }
}

/// Allows an unset value, and set ones as the rule does.
pub fn if_set<T: 'static>(rule: Rule<T>) -> Rule<Option<T>> {
    let Rule { wanted, allows } = rule;
    Rule { wanted, allows: Box::new(move |value| value.as_ref().is_none_or(&allows)) }
}
