-- Sign-in by face.

-- How an operator signs in with the full role: password or passwordAndFace.
ALTER TABLE operator ADD COLUMN sign_in TEXT NOT NULL DEFAULT 'password';
-- The face of an operator: the algorithm of its template, and the template, encrypted. All NULL: there is none.
ALTER TABLE operator ADD COLUMN face_algorithm TEXT;
ALTER TABLE operator ADD COLUMN face_provider TEXT;
ALTER TABLE operator ADD COLUMN face_version TEXT;
ALTER TABLE operator ADD COLUMN face_sealed BLOB;

-- Whether a face alone opened the session.
ALTER TABLE operator_token ADD COLUMN by_face INTEGER NOT NULL DEFAULT 0;
