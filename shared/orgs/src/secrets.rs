//! References to secrets, and how the values they stand for are read.
//!
//! Refuses a secret written out in place of its reference, and never prints a value.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::base_url::NotABaseUrl;

/// Longest secret, in bytes: PEM keys fit, a wrong path to a log file does not.
const SECRET_BYTES_MAX: u64 = 4 * 1024;

/// Fields of a vendor with such a name, or a name that ends in `_` and such a name, hold a secret reference.
const SECRET_FIELDS: [&str; 5] = ["token", "api_key", "secret", "secret_key", "password"];

/// Whether a vendor's field of this name holds a secret reference.
pub(crate) fn holds_secret(field: &str) -> bool {
    SECRET_FIELDS.iter().any(|name| field.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')))
}

/// Where a secret is: `env:NAME`, read at start, or `file:/absolute/path`, read again when it changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SecretRef {
    /// An environment variable of the process that verifies.
    Env(String),
    /// A file, less one newline at its end. Replace it by renaming a new one over it.
    File(PathBuf),
}

/// The text is no secret reference. Does not say what it is instead, as it may be the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a secret reference: env:NAME or file:/absolute/path (a secret itself has no place in this file)")]
pub struct NotAReference;

/// Why a reference gives no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("the variable is not set")]
    NotSet,
    #[error("the file can't be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {SECRET_BYTES_MAX} bytes")]
    TooLong,
    #[error("it is not UTF-8")]
    NotText,
    #[error("it {0}")]
    NotABaseUrl(#[from] NotABaseUrl),
}

impl FromStr for SecretRef {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        match text.split_once(':') {
            Some(("env", name)) if is_name(name) => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if Path::new(path).is_absolute() && !path.contains('\0') => {
                Ok(Self::File(path.into()))
            }
            _ => Err(NotAReference),
        }
    }
}

impl TryFrom<String> for SecretRef {
    type Error = NotAReference;

    fn try_from(text: String) -> Result<Self, NotAReference> {
        text.parse()
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl SecretRef {
    /// Reads the secret now. Blocks on the disk.
    pub(crate) fn read(&self) -> Result<SecretString, SecretError> {
        let text = match self {
            Self::Env(name) => read_env(name)?,
            Self::File(path) => read_file(path)?,
        };
        match text.len() as u64 {
            0 => Err(SecretError::Empty),
            1..=SECRET_BYTES_MAX => Ok(text.into()),
            _ => Err(SecretError::TooLong),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a reference names its variable; there is no config field to hold it")]
fn read_env(name: &str) -> Result<String, SecretError> {
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => SecretError::NotSet,
        std::env::VarError::NotUnicode(_) => SecretError::NotText,
    })
}

fn read_file(path: &Path) -> Result<String, SecretError> {
    // Asked before opening: opening a pipe would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(SecretError::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(SECRET_BYTES_MAX + 2).read_to_end(&mut bytes)?;
    let mut text = String::from_utf8(bytes).map_err(|_| SecretError::NotText)?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret;

    use super::*;

    fn file(path: &Path) -> SecretRef {
        SecretRef::File(path.to_owned())
    }

    #[test]
    fn a_reference_reads_back_as_written() {
        for text in ["env:DEMO_RETELL_API_KEY", "env:_x1", "file:/run/secrets/a b:c"] {
            assert_eq!(text.parse::<SecretRef>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_secret_written_out_is_no_reference() {
        for literal in
            ["", "sk_live_51", "env:", "env:sk-live-51", "env:1A", "file:", "file:relative/path", "ENV:A", "file:/a\0b"]
        {
            assert_eq!(literal.parse::<SecretRef>(), Err(NotAReference), "{literal}");
        }
    }

    #[test]
    fn a_file_gives_its_text_less_one_newline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (written, read) in [("key", "key"), ("key\n", "key"), ("key\n\n", "key\n"), (" key", " key")] {
            fs::write(&path, written).unwrap();
            assert_eq!(file(&path).read().unwrap().expose_secret(), read);
        }
    }

    #[test]
    fn what_can_be_no_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(matches!(file(&path).read(), Err(SecretError::Unreadable(_))));
        assert!(matches!(file(folder.path()).read(), Err(SecretError::NotAFile)));
        for empty in ["", "\n"] {
            fs::write(&path, empty).unwrap();
            assert!(matches!(file(&path).read(), Err(SecretError::Empty)));
        }
        fs::write(&path, [0xff]).unwrap();
        assert!(matches!(file(&path).read(), Err(SecretError::NotText)));
        fs::write(&path, format!("{}\n", "x".repeat(4096))).unwrap();
        assert!(file(&path).read().is_ok());
        fs::write(&path, "x".repeat(4097)).unwrap();
        assert!(matches!(file(&path).read(), Err(SecretError::TooLong)));
        assert!(matches!(SecretRef::Env("OFFHOOK_TEST_NOT_SET".into()).read(), Err(SecretError::NotSet)));
    }
}
