//! Quality and liveness controls of pictures.

use std::fmt;

use aicp_backends::{Cover, Examination, ExaminedFace, Quality, RECOGNISABLE};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Caller, Error, Platform, Refusal, Result};

/// Strictness of a quality or liveness control.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Control {
    /// No control.
    #[default]
    None,
    /// Lenient.
    Low,
    /// Admits a usual picture of a cooperating person.
    Normal,
    /// Strict.
    High,
}

/// Minimum recognisability for a face to be enrolled and to match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecognitionGate {
    /// The embedding carries an identity: the false-match rate of the threshold holds.
    #[default]
    On,
    /// Badly degraded faces pass too. docs/recognition.md says how many strangers match then.
    Loose,
    /// Every face passes.
    Off,
}

impl RecognitionGate {
    /// Returns the minimum recognisability, 0..1.
    pub fn least(self) -> f32 {
        match self {
            Self::On => RECOGNISABLE,
            Self::Loose => RECOGNISABLE / 5.0,
            Self::Off => 0.0,
        }
    }
}

/// The controls that a picture must pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gates {
    /// Quality control.
    pub quality: Control,
    /// Liveness control.
    pub liveness: Control,
}

/// Why a picture fails the quality control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QualityFault {
    /// The face is covered; the covered part, if known.
    Covered(Option<Cover>),
    /// The face is blurred.
    Blurred,
    /// The face is too dark, too bright or unevenly lit.
    Light,
    /// The face is not entirely in the picture.
    Incomplete,
    /// The face is too small, turned away or of poor quality overall.
    Other,
}

impl fmt::Display for QualityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Covered(None) => "the face is covered",
            Self::Covered(Some(Cover::Mouth)) => "mouth and nose are covered",
            Self::Covered(Some(Cover::Eyes)) => "the eyes are covered",
            Self::Covered(Some(Cover::Half)) => "half of the face is covered",
            Self::Blurred => "the face is blurred",
            Self::Light => "the light is not good",
            Self::Incomplete => "the face is incomplete",
            Self::Other => "the face is too small, turned away or too poor",
        })
    }
}

/// Minimum liveness for low, normal and high control. At the manual's thresholds the false-reject rates are 1e-4, 1e-3
/// and 1e-2.
pub const LIVENESS_THRESHOLDS: [f32; 3] = [0.05, 0.3, 0.9];

impl Control {
    /// Returns the minimum liveness, 0..1.
    pub(crate) fn liveness_threshold(self) -> Option<f32> {
        let [low, normal, high] = LIVENESS_THRESHOLDS;
        match self {
            Self::None => None,
            Self::Low => Some(low),
            Self::Normal => Some(normal),
            Self::High => Some(high),
        }
    }

    /// Returns the minimum of each quality component, 0..100.
    fn component_threshold(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Low => 10,
            Self::Normal => 30,
            Self::High => 60,
        }
    }
}

/// Returns the first fault of a face, in the order incomplete, covered, badly lit, blurred, other.
fn fault(quality: &Quality, control: Control) -> Option<QualityFault> {
    let least = control.component_threshold();
    let c = &quality.components;
    // Uneven light counts in the strictest control only: windows and lamps cause it.
    let light = [c.luminance, c.dynamic_range, c.over_exposure_prevention, c.under_exposure_prevention];
    let uneven = if control == Control::High { c.illumination_uniformity } else { u8::MAX };
    let light = light.into_iter().fold(uneven, u8::min);
    let checks = [
        (c.crop, QualityFault::Incomplete),
        (c.landmark_agreement.min(c.uncovered), QualityFault::Covered(quality.cover)),
        (light, QualityFault::Light),
        (c.sharpness, QualityFault::Blurred),
        (c.inter_eye_distance.min(c.head_pose), QualityFault::Other),
    ];
    checks.into_iter().find(|(component, _)| *component < least).map(|(_, fault)| fault)
}

impl Platform {
    /// Checks that the largest face of a picture passes the controls.
    ///
    /// # Errors
    /// [`Refusal::Quality`], [`Refusal::NotLive`], [`crate::BadInput::Picture`], [`Refusal::NoFace`], [`Error::Busy`].
    pub async fn pass_gates(&self, caller: &Caller, gates: Gates, picture: &Bytes) -> Result<()> {
        if gates == Gates::default() {
            return Ok(());
        }
        let wanted = Examination { quality: gates.quality != Control::None, liveness: gates.liveness != Control::None };
        let faces = self.inner.builtin.examine(self.photo(caller, picture.clone()), 1, wanted).await?;
        gates.check(faces.first().ok_or(Refusal::NoFace)?)
    }
}

impl Gates {
    /// Checks that a face passes the controls.
    ///
    /// # Errors
    /// [`Refusal::Quality`], [`Refusal::TooTight`], [`Refusal::NotLive`].
    pub fn check(&self, face: &ExaminedFace) -> Result<()> {
        if let Some(fault) = face.quality.as_ref().and_then(|quality| fault(quality, self.quality)) {
            return Err(Error::Refused(Refusal::Quality(fault)));
        }
        match (self.liveness.liveness_threshold(), face.liveness) {
            (Some(_), Some(live)) if live.is_too_tight => Err(Error::Refused(Refusal::TooTight)),
            (Some(least), Some(live)) if live.probability < least => Err(Error::Refused(Refusal::NotLive)),
            _ => Ok(()),
        }
    }
}
