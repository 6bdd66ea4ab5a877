-- How recognisable the face is that a template was made of, 0..1, as judged when it was enrolled. NULL: from before faces were
-- judged, or not judged yet.
ALTER TABLE template ADD COLUMN recognisability REAL;
CREATE INDEX template_unjudged ON template (face_id) WHERE recognisability IS NULL;
