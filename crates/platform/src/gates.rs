//! How good, and how surely live, a picture must be to be taken.

use std::fmt;

use aicp_engines::{Cover, DescribedFace, Engine, Examination, ExaminedFace, Quality, RECOGNISABLE};
use bytes::Bytes;

use crate::{App, Error, Platform, Result};

/// How much is asked of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Control {
    /// Nothing.
    #[default]
    None,
    /// Little.
    Low,
    /// A usual picture of somebody who cooperates.
    Normal,
    /// Much.
    High,
}

/// How recognisable a face must be to be enrolled and to match anybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum RecognitionGate {
    /// The embedding carries an identity: the rate that the threshold stands for holds.
    #[default]
    On,
    /// Faces that are spoilt badly pass too. docs/recognition.md says how many strangers match then.
    Loose,
    /// Every face passes.
    Off,
}

impl RecognitionGate {
    /// The least recognisability, 0..1.
    pub(crate) fn least(self) -> f32 {
        match self {
            Self::On => RECOGNISABLE,
            Self::Loose => RECOGNISABLE / 5.0,
            Self::Off => 0.0,
        }
    }
}

/// What is asked of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gates {
    /// Of its quality.
    pub quality: Control,
    /// Of its being live.
    pub liveness: Control,
}

/// What is wrong with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QualityFault {
    /// Something covers the face; what part, if that is told.
    Covered(Option<Cover>),
    /// The face is blurred.
    Blurred,
    /// The face is too dark, too bright or unevenly lit.
    Light,
    /// The face is not all in the picture.
    Incomplete,
    /// Something else: too small, turned away, or all in all too poor.
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

/// Probability of being live that each control asks for: where the manual's thresholds have false-reject rates of
/// 1e-4, 1e-3 and 1e-2.
pub const LIVENESS_THRESHOLDS: [f32; 3] = [0.05, 0.3, 0.9];

impl Control {
    /// The least probability of being live, 0..1.
    pub(crate) fn liveness_threshold(self) -> Option<f32> {
        let [low, normal, high] = LIVENESS_THRESHOLDS;
        match self {
            Self::None => None,
            Self::Low => Some(low),
            Self::Normal => Some(normal),
            Self::High => Some(high),
        }
    }

    /// The least of every component, 0..100.
    fn component_threshold(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Low => 10,
            Self::Normal => 30,
            Self::High => 60,
        }
    }
}

/// The first thing wrong with a face: what hides it, then what blurs it, then the rest.
fn fault(quality: &Quality, control: Control) -> Option<QualityFault> {
    let least = control.component_threshold();
    let c = &quality.components;
    // Uneven light alone is no fault below the strictest control: it is what windows and lamps do.
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
    /// What the built-in engine finds out about the faces of a picture, the largest first, at most `most`; none is no
    /// error.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::Busy`].
    pub async fn examine(
        &self,
        app: &App,
        picture: Bytes,
        most: usize,
        wanted: Examination,
    ) -> Result<Vec<ExaminedFace>> {
        let builtin: &dyn Engine = self.inner.engines.builtin();
        app.note_engine(builtin.name());
        Ok(self.inner.engines.builtin().examine(self.photo(app, picture), most, wanted).await?)
    }

    /// The faces of a picture, the largest first, each with the built-in engine's feature; none is no error.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::Busy`].
    pub async fn describe(&self, app: &App, picture: Bytes) -> Result<Vec<DescribedFace>> {
        let builtin: &dyn Engine = self.inner.engines.builtin();
        app.note_engine(builtin.name());
        Ok(self.inner.engines.builtin().describe(self.photo(app, picture)).await?)
    }

    /// Refuses a picture whose largest face does not pass.
    ///
    /// # Errors
    /// [`Error::Quality`], [`Error::NotLive`], [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`].
    pub async fn require(&self, app: &App, gates: Gates, picture: &Bytes) -> Result<()> {
        if gates == Gates::default() {
            return Ok(());
        }
        let wanted = Examination { quality: gates.quality != Control::None, liveness: gates.liveness != Control::None };
        let faces = self.inner.engines.builtin().examine(self.photo(app, picture.clone()), 1, wanted).await?;
        gates.check(faces.first().ok_or(Error::NoFace)?)
    }
}

impl Gates {
    /// Refuses a face that does not pass.
    ///
    /// # Errors
    /// [`Error::Quality`], [`Error::TooTight`], [`Error::NotLive`].
    pub fn check(&self, face: &ExaminedFace) -> Result<()> {
        if let Some(fault) = face.quality.as_ref().and_then(|quality| fault(quality, self.quality)) {
            return Err(Error::Quality(fault));
        }
        match (self.liveness.liveness_threshold(), face.liveness) {
            (Some(_), Some(live)) if live.is_too_tight => Err(Error::TooTight),
            (Some(least), Some(live)) if live.probability < least => Err(Error::NotLive),
            _ => Ok(()),
        }
    }
}
