//! The archive of an export: how it is written.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aicp_store::{Store, at};
use bytes::Bytes;
use tokio::sync::mpsc;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::manifest::{MANIFEST, join_tags};
use super::super::uploads::{create_folder, publish};
use super::format::{ABOUT, About, FaceLine, PEOPLE, PersonLine};
use crate::user_ids::user_id_of;
use crate::{Error, Face, Format, Limit, Person, Result};

/// Extension of a file that is not complete.
const PART: &str = "part";
/// Bytes between two looks at the free space.
const SPACE_INTERVAL_BYTES: u64 = 16 << 20;
/// What spreadsheets know UTF-8 by.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the writer gets.
pub(super) enum Part {
    /// A picture: the name of its entry and its bytes.
    Picture(String, Bytes),
    /// A person: the line, and the rows of the manifest.
    Person(Vec<u8>, Vec<[String; COLUMNS.len()]>),
    End(Box<About>),
}

const COLUMNS: [&str; 11] = [
    "file",
    "name",
    "externalId",
    "customerNumber",
    "documentNumber",
    "company",
    "duty",
    "province",
    "remark",
    "info",
    "tags",
];

/// Returns the name of the entry of a picture. It is made of numbers alone: names of people are no paths.
pub(super) fn picture_name(person: &Person, face: &Face, picture: &[u8]) -> String {
    let extension = Format::of(picture).map_or("bin", Format::extension);
    format!("pictures/{}/{}.{extension}", person.public_id, face.id)
}

/// Returns the line of a person, with its end.
pub(super) fn person_line(person: &Person, tags: &[String], faces: Vec<FaceLine>) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&PersonLine::new(person, tags.to_vec(), faces)).map_err(of_json)?;
    line.push(b'\n');
    Ok(line)
}

fn of_json(e: serde_json::Error) -> Error {
    at("export")(e.into()).into()
}

pub(super) fn manifest_row(file: &str, person: &Person, tags: &[String]) -> [String; COLUMNS.len()] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let profile = &person.profile;
    [
        file.to_owned(),
        text(&profile.name),
        user_id_of(person.external_id.as_deref(), person.public_id),
        text(&profile.customer_number),
        text(&profile.document_number),
        text(&profile.company),
        text(&profile.duty),
        text(&profile.province),
        text(&profile.remark),
        text(&person.info),
        join_tags(tags),
    ]
}

/// Writes the archive, on a thread of its own.
pub(super) struct Writer {
    pub path: PathBuf,
    pub store: Store,
    /// Maximum size in bytes.
    pub most: u64,
}

/// A file that is deleted unless it becomes the archive.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Writer {
    /// Writes what it is given. Returns the size in bytes, or `None` if the end did not come: then nothing is left.
    pub fn write(self, mut parts: mpsc::Receiver<Part>) -> Result<Option<u64>> {
        let folder = self.path.parent().unwrap_or(&self.path);
        create_folder(folder)?;
        let part = Unfinished(self.path.with_extension(PART));
        let of_file = |e: io::Error| Error::from(at(&part.0)(e));
        let file = create(&part.0).map_err(of_file)?;
        let mut archive = ZipWriter::new(BufWriter::new(file));
        let (mut people, mut manifest) = (spool(&part.0, "people")?, spool(&part.0, "manifest")?);
        manifest.write_all(BYTE_ORDER_MARK).map_err(of_file)?;
        let mut manifest = csv::Writer::from_writer(manifest);
        let of_csv = |e: csv::Error| of_file(io::Error::other(e));
        manifest.write_record(COLUMNS).map_err(of_csv)?;
        let (mut written, mut looked_at) = (0, 0);
        let about = loop {
            let size = match parts.blocking_recv() {
                Some(Part::Picture(name, picture)) => {
                    begin(&mut archive, &name)?;
                    archive.write_all(&picture).map_err(of_file)?;
                    picture.len()
                }
                Some(Part::Person(line, rows)) => {
                    people.write_all(&line).map_err(of_file)?;
                    let mut size = line.len();
                    for row in rows {
                        size += row.iter().map(String::len).sum::<usize>();
                        manifest.write_record(row).map_err(of_csv)?;
                    }
                    size
                }
                Some(Part::End(about)) => break about,
                None => return Ok(None),
            };
            written += size as u64;
            if written > self.most {
                return Err(Limit::ExportSize.into());
            }
            if written - looked_at > SPACE_INTERVAL_BYTES {
                looked_at = written;
                self.store.require_space()?;
            }
        };
        begin(&mut archive, PEOPLE)?;
        append(&mut archive, people).map_err(of_file)?;
        if about.has_pictures {
            begin(&mut archive, MANIFEST)?;
            let manifest = manifest.into_inner().map_err(|e| of_file(io::Error::other(e.to_string())))?;
            append(&mut archive, manifest).map_err(of_file)?;
        }
        begin(&mut archive, ABOUT)?;
        archive.write_all(&serde_json::to_vec_pretty(&about).map_err(of_json)?).map_err(of_file)?;
        let file = archive.finish().map_err(of_zip)?.into_inner().map_err(|e| of_file(e.into_error()))?;
        let bytes = file.metadata().map_err(of_file)?.len();
        publish(&file, &part.0, &self.path)?;
        Ok(Some(bytes))
    }
}

fn of_zip(e: zip::result::ZipError) -> Error {
    at("export")(e.into()).into()
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Creates a file without a name, for what becomes one entry at the end.
fn spool(beside: &Path, name: &str) -> Result<BufWriter<File>> {
    let path = beside.with_extension(name);
    let file = create(&path).and_then(|file| std::fs::remove_file(&path).map(|()| file));
    Ok(BufWriter::new(file.map_err(at(&path))?))
}

/// Begins an entry. Pictures are packed already.
fn begin(archive: &mut ZipWriter<BufWriter<File>>, name: &str) -> Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .large_file(true)
        .unix_permissions(0o600);
    archive.start_file(name, options).map_err(of_zip)
}

fn append(archive: &mut ZipWriter<BufWriter<File>>, spooled: BufWriter<File>) -> io::Result<()> {
    let mut file = spooled.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            count => archive.write_all(&chunk[..count])?,
        }
    }
}
