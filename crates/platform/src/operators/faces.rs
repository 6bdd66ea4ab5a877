//! Faces of operators: one each, of which the template alone is stored, sealed.
//!
//! The templates are in no library and in no index. There are few, so a sign-in opens and compares them all.

use aicp_backends::{Photo, Priority, Terms, similarity_of_cosine};
use aicp_store::{Act, Algorithm, Operator, OperatorFace, OperatorTokenKind, Tx};
use aicp_types::{OperatorId, UnixMillis};
use bytes::Bytes;

use super::sessions::tokens_of;
use super::{Audited, OperatorInfo, SignInPolicy, has_face};
use crate::audit::state;
use crate::caller::SignIn;
use crate::error::or_missing;
use crate::secrets::Vault;
use crate::thresholds::threshold_for;
use crate::{Caller, Control, Examination, Gates, Missing, Platform, Refusal, Result};

/// Share of strangers whom a sign-in may take for an operator, whatever the number of operators. The thresholds are measured
/// down to a false-match rate of 1e-6, and estimated down to 1e-7, which suffices for 100 operators.
const FALSE_MATCHES: f64 = 1e-5;
/// Minimum lead of the best operator before the next, as a difference of cosines. People who are alike lie closer together.
const MIN_LEAD: f32 = 0.1;
/// Strictness of the quality control of a face that an operator gets.
const QUALITY: Control = Control::Normal;

/// Returns for whom the template of an operator's face is sealed; `id` as a secret's name has it.
pub(crate) fn sealed_for(id: &str) -> String {
    format!("face of operator {id}")
}

/// A face to write; without a template, one to remove.
struct FaceChange<F> {
    id: OperatorId,
    template: Option<Vec<f32>>,
    algorithm: Algorithm,
    vault: Vault,
    act: Act,
    is_unchanged: F,
}

impl<F: FnOnce(&Operator) -> bool> FaceChange<F> {
    async fn write(self, tx: &mut Tx) -> Result<Operator> {
        let Self { id, template, algorithm, vault, act, is_unchanged } = self;
        let before = tx.operator(id).await?.ok_or(Missing::Operator)?;
        if !is_unchanged(&before) {
            return Err(Refusal::WrongPassword.into());
        }
        let face = match template {
            Some(template) => {
                let sealed = vault.seal_bytes(&sealed_for(&id.to_string()), &bytes_of(&template))?;
                Some(OperatorFace { algorithm, sealed })
            }
            None if before.face.is_none() => return Err(Missing::Face.into()),
            None if SignInPolicy::of(&before) == SignInPolicy::PasswordAndFace => {
                return Err(Refusal::FaceMissing.into());
            }
            None => None,
        };
        let operator = Operator { face, updated_at: act.at, ..before.clone() };
        tx.write_operator(&operator).await.map_err(or_missing(Missing::Operator))?;
        end_sessions_by_face(tx, id, act.at).await?;
        let target = format!("operator {}", operator.name);
        let (before, after) = (state(&Audited::of(&before)), state(&Audited::of(&operator)));
        tx.append_act(Act { target, before, after, ..act }).await?;
        Ok(operator)
    }
}

impl Platform {
    /// Gives an operator the largest face of a picture, in place of the one before. Sessions that a face alone opened end.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Missing::Operator`], [`Refusal::NoFace`], [`Refusal::NotRecognisable`],
    /// [`Refusal::Quality`], [`Refusal::TooTight`], [`Refusal::NotLive`], [`crate::BadInput::Picture`], [`crate::Error::Busy`].
    pub async fn set_operator_face(&self, caller: &Caller, id: OperatorId, picture: Bytes) -> Result<OperatorInfo> {
        caller.require_administrator()?;
        self.write_face(caller, id, Some(picture), |_| true).await
    }

    /// Takes the face of an operator away. Sessions that a face alone opened end.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Missing::Operator`], [`Missing::Face`]; [`Refusal::FaceMissing`] while the operator signs in
    /// by password and face.
    pub async fn remove_operator_face(&self, caller: &Caller, id: OperatorId) -> Result<OperatorInfo> {
        caller.require_administrator()?;
        self.write_face(caller, id, None, |_| true).await
    }

    /// As [`Platform::set_operator_face`] for the operator who calls. The present password is wanted.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if no operator calls; [`Refusal::PasswordWanted`]; [`Refusal::TooManyAttempts`];
    /// [`Refusal::WrongPassword`]; those of the picture.
    pub async fn set_own_face(&self, caller: &Caller, password: String, picture: Bytes) -> Result<()> {
        let (checked, _) = self.checked_operator(caller, password).await?;
        let is_unchanged = move |now: &Operator| now.password_hash == checked.password_hash;
        self.write_face(caller, checked.id, Some(picture), is_unchanged).await.map(drop)
    }

    /// As [`Platform::remove_operator_face`] for the operator who calls.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if no operator calls; [`Refusal::PasswordWanted`]; [`Missing::Face`];
    /// [`Refusal::FaceMissing`].
    pub async fn remove_own_face(&self, caller: &Caller) -> Result<()> {
        let SignIn { operator_id: Some(id), .. } = caller.full_sign_in()? else {
            return Err(Refusal::Forbidden.into());
        };
        self.write_face(caller, id, None, |_| true).await.map(drop)
    }

    /// Writes the face of an operator, unless the operator is no longer as `is_unchanged` wants.
    async fn write_face(
        &self,
        caller: &Caller,
        id: OperatorId,
        picture: Option<Bytes>,
        is_unchanged: impl FnOnce(&Operator) -> bool + Send + 'static,
    ) -> Result<OperatorInfo> {
        let template = match picture {
            Some(picture) => Some(self.template_for_operator(picture).await?),
            None => None,
        };
        let now = self.now();
        let action = if template.is_some() { "operator.setFace" } else { "operator.removeFace" };
        let act = caller.act(now, action, "operator");
        let vault = self.inner.vault.clone();
        let change = FaceChange { id, template, algorithm: self.algorithm().clone(), vault, act, is_unchanged };
        // A removal gets what is set aside of the disk.
        let store = &self.inner.store;
        let written = match change.template {
            Some(_) => store.write(move |tx| Box::pin(change.write(tx))).await,
            None => store.remove(move |tx| Box::pin(change.write(tx))).await,
        };
        Ok(self.info(written?))
    }

    /// Makes the template of the largest face of a picture, if that is good enough to sign in by.
    async fn template_for_operator(&self, picture: Bytes) -> Result<Vec<f32>> {
        let gates = Gates { quality: QUALITY, ..self.sign_in_gates() };
        let photo = photo(picture, Priority::Known);
        let (face, enrolled) = self.inner.builtin.enrol_examined(photo, wanted(gates), |_| true).await?;
        gates.check(&face)?;
        Ok(enrolled.and_then(|enrolled| enrolled.template).ok_or(Refusal::NoFace)?)
    }

    /// Returns an operator who gave the right password, if the largest face of a picture is theirs.
    pub(super) async fn match_with_password(&self, operator: Operator, picture: Bytes) -> Result<Operator> {
        let probe = self.probe(photo(picture, Priority::Known)).await?;
        self.best_match(&probe, vec![operator])
    }

    /// Returns the operator whose face is the largest of a picture: the one with this name or, without a name, any. Looks at
    /// few pictures at a time, so that strangers can't keep the workers busy.
    pub(super) async fn match_face_alone(&self, name: Option<&str>, picture: Bytes) -> Result<Operator> {
        let _permit = self.inner.login_throttle.admit_look()?;
        let probe = self.probe(photo(picture, Priority::Unknown)).await?;
        let mut operators = self.inner.store.rows().await?.operators().await?;
        operators.retain(|operator| !operator.is_disabled && name.is_none_or(|name| operator.name == name));
        self.best_match(&probe, operators)
    }

    /// Returns the one of some operators whose face a probe matches.
    ///
    /// # Errors
    /// [`Refusal::FaceUnknown`].
    fn best_match(&self, probe: &[f32], mut operators: Vec<Operator>) -> Result<Operator> {
        operators.retain(|operator| has_face(operator, self.algorithm()));
        let cosines: Vec<f32> = operators.iter().map(|operator| self.cosine_to(operator, probe)).collect();
        let best = best_of(&cosines).ok_or(Refusal::FaceUnknown)?;
        Ok(operators.swap_remove(best))
    }

    fn cosine_to(&self, operator: &Operator, probe: &[f32]) -> f32 {
        let Some(face) = &operator.face else { return -1.0 };
        opened(&self.inner.vault, operator.id, face).map_or(-1.0, |template| cosine(&template, probe))
    }

    /// Makes a probe of the largest face of a picture, if that is recognisable and live.
    async fn probe(&self, photo: Photo) -> Result<Vec<f32>> {
        let gates = self.sign_in_gates();
        let (face, probe) = self.inner.builtin.probe(photo, wanted(gates)).await?;
        gates.check(&face)?;
        Ok(probe)
    }

    fn sign_in_gates(&self) -> Gates {
        Gates { liveness: self.settings().console.login_liveness, ..Gates::default() }
    }
}

/// Returns a picture on terms that no setting loosens: a face that is not recognisable matches strangers.
fn photo(bytes: Bytes, priority: Priority) -> Photo {
    Photo { bytes, terms: Terms { priority, ..Terms::default() } }
}

fn wanted(gates: Gates) -> Examination {
    Examination { quality: gates.quality != Control::None, liveness: gates.liveness != Control::None }
}

/// Opens the template of an operator's face; `None`, with a line in the log, if it can't be opened.
fn opened(vault: &Vault, id: OperatorId, face: &OperatorFace) -> Option<Vec<f32>> {
    match vault.open_bytes(&sealed_for(&id.to_string()), &face.sealed) {
        Ok(bytes) => Some(template_of(&bytes)),
        Err(e) => {
            tracing::warn!(operator = id.get(), error = %e, "the face of an operator matches nobody");
            None
        }
    }
}

fn bytes_of(template: &[f32]) -> Vec<u8> {
    template.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn template_of(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// Returns the cosine of two unit vectors; -1 if they can't be compared.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let cosine: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    if a.len() == b.len() && cosine.is_finite() { cosine } else { -1.0 }
}

/// Returns the place of the best of some cosines, if it reaches the threshold for that many faces and leads clearly.
fn best_of(cosines: &[f32]) -> Option<usize> {
    let mut ranked: Vec<(usize, f32)> = cosines.iter().copied().enumerate().collect();
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let ((place, best), others) = ranked.split_first()?;
    let leads = others.first().is_none_or(|(_, next)| best - next >= MIN_LEAD);
    let reaches = similarity_of_cosine(*best) >= threshold_for(cosines.len(), FALSE_MATCHES);
    (leads && reaches).then_some(*place)
}

/// Ends the sessions that a face alone opened.
async fn end_sessions_by_face(tx: &mut Tx, id: OperatorId, now: UnixMillis) -> Result<()> {
    for session in tokens_of(tx, Some(id), OperatorTokenKind::Session, now).await? {
        if session.made.by_face {
            tx.delete_operator_token(session.id).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_face_must_lead_clearly_and_reach_the_threshold_for_their_number() {
        assert_eq!(best_of(&[]), None);
        // 0.86, for one in 100,000, is a cosine of 0.499.
        assert_eq!((best_of(&[0.49]), best_of(&[0.51])), (None, Some(0)));
        // 0.91, for one in a million, is a cosine of 0.58.
        let ten = |best: f32| [&[0.1; 9][..], &[best]].concat();
        assert_eq!((best_of(&ten(0.57)), best_of(&ten(0.59))), (None, Some(9)));
        assert_eq!(best_of(&[0.5, 0.9, 0.1]), Some(1));
        assert_eq!((best_of(&[0.9, 0.81]), best_of(&[0.9, 0.79])), (None, Some(0)));
        assert_eq!(best_of(&[0.9, 0.9]), None);
        // More operators than the rates reach: the strictest threshold counts.
        assert_eq!(best_of(&[&[0.0; 5000][..], &[0.9]].concat()), Some(5000));
    }

    #[test]
    fn templates_survive_their_bytes_and_compare_only_with_their_like() {
        let template = [0.6f32, -0.8];
        assert_eq!(template_of(&bytes_of(&template)), template);
        assert!((cosine(&template, &template) - 1.0).abs() < 1e-6);
        assert_eq!((cosine(&template, &[1.0]), cosine(&[f32::NAN], &[1.0])), (-1.0, -1.0));
        assert_eq!(cosine(&[], &[]), 0.0);
    }
}
