//! `aicp cert`

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use aicp_types::{Clock, SystemClock};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};

use crate::{Error, Result};

/// Names of the files.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
/// Days for which the certificate is valid: browsers refuse more than 398.
const DAYS: u64 = 397;

/// What to make.
pub(crate) struct NewCertificate {
    /// Folder of the files.
    pub out: PathBuf,
    /// Host names and addresses that the certificate is for.
    pub hosts: Vec<String>,
    /// Whether files that are there are overwritten.
    pub force: bool,
}

/// Makes a key and a certificate that it signs itself, for trials.
pub(crate) fn make(wanted: &NewCertificate) -> Result<()> {
    let failed = |e: rcgen::Error| Error::Certificate(e.to_string());
    let mut params = CertificateParams::new(wanted.hosts.clone()).map_err(failed)?;
    let name = wanted.hosts.iter().find(|host| host.parse::<IpAddr>().is_err()).or(wanted.hosts.first());
    params.distinguished_name.push(DnType::CommonName, name.map_or("aicp", String::as_str));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(SystemClock.now().get()).unwrap_or_default());
    // An hour back: clocks differ.
    params.not_before = (now - Duration::from_hours(1)).into();
    params.not_after = (now + Duration::from_hours(24 * DAYS)).into();
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    std::fs::create_dir_all(&wanted.out).map_err(Error::io(&wanted.out))?;
    let (certificate_file, key_file) = (wanted.out.join(CERTIFICATE), wanted.out.join(KEY));
    write(&key_file, &key.serialize_pem(), 0o600, wanted.force)?;
    write(&certificate_file, &certificate.pem(), 0o644, wanted.force)?;
    let mut out = std::io::stdout();
    let told = writeln!(
        out,
        "{}\n{}\nServe with --tls-cert {} --tls-key {}",
        certificate_file.display(),
        key_file.display(),
        certificate_file.display(),
        key_file.display()
    );
    Ok(told?)
}

fn write(path: &Path, text: &str, mode: u32, force: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).mode(mode);
    if force {
        // Not overwritten in place: the mode of the old file may be another.
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(path)(e)),
            _ => {}
        }
    }
    let mut file: File = options.create_new(true).open(path).map_err(Error::io(path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io(path))
}
