-- Columns under the names of docs/glossary.md, in place of those of one interface or another.

ALTER TABLE library RENAME COLUMN group_id TO external_id;
ALTER TABLE library RENAME COLUMN db_name TO name;
ALTER TABLE library RENAME COLUMN db_desc TO description;
ALTER TABLE library RENAME COLUMN person_db_lib TO engine_key;

-- "person_id" is the row id of a person everywhere else.
ALTER TABLE person RENAME COLUMN person_id TO public_id;
ALTER TABLE person RENAME COLUMN person_no TO number;
ALTER TABLE person RENAME COLUMN ext_user_id TO external_id;
ALTER TABLE person RENAME COLUMN user_info TO info;
ALTER TABLE person RENAME COLUMN id_iccid TO document_number;
ALTER TABLE person RENAME COLUMN cust_id TO customer_number;
ALTER TABLE last_ids RENAME COLUMN max_person_id TO max_public_id;

ALTER TABLE outbox RENAME COLUMN person_db_lib TO engine_key;
ALTER TABLE outbox RENAME COLUMN person_id TO public_id;
ALTER TABLE outbox RENAME COLUMN person_no TO number;
ALTER TABLE outbox RENAME COLUMN engine_url TO endpoint;
ALTER TABLE outbox RENAME COLUMN operate_type TO operation;

ALTER TABLE console_user RENAME COLUMN dept_id TO department;
