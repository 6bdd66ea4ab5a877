//! Tokens of faces, by which callers name a face or a picture.

use aicp_store::picture_key;

use crate::Face;

/// Length of a face token in hex digits.
pub(super) const TOKEN_DIGITS: usize = 32;

/// Returns the token of an enrolled face; it depends on the picture alone.
pub fn face_token(face: &Face) -> String {
    face.picture_key.chars().take(TOKEN_DIGITS).collect()
}

/// Returns the token of a face of a picture, enrolled or not. Index 0 is the largest face, which an enrolment takes.
pub fn token_of_face(picture: &[u8], index: usize) -> String {
    let mut key = picture_key(picture);
    if index > 0 {
        key = picture_key(format!("{key}:{index}").as_bytes());
    }
    key.truncate(TOKEN_DIGITS);
    key
}
