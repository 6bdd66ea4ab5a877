//! The use cases on fake biometrics: the rules, without models.

mod enrolment;
mod exports;
mod fixture;
mod gates;
mod members;
mod operators;
mod races;
mod recognition;
mod tenants;
