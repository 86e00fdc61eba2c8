//! Langfuse: prompts by name and label.
//!
//! Wire facts: Langfuse's OpenAPI specification and its Python client. A prompt may be taken away by mistake, so whoever keeps
//! prompts keeps the last good one too; nothing is kept here. Fills in no variables.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use cache::Rate;
use contract::OrgId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    By, VendorError, Vendors,
    draft::{Draft, Operation},
    error::found,
    lenient::lenient,
    line::{Line, Vendor},
};

/// Where the API is in the EU, unless an account says otherwise.
pub const BASE_URL: &str = "https://cloud.langfuse.com";

/// Reading prompts is not limited there; a loop that has gone wrong is, here.
const VENDOR: Vendor =
    Vendor { name: "langfuse", rate: Rate { burst: 50, every: Duration::from_millis(20), reserve: 20, share: 25 } };

/// A project at Langfuse.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose.
    pub org: OrgId,
    /// [`BASE_URL`], another region's, or the sandbox's.
    pub base_url: String,
    /// `pk-lf-…`.
    pub public_key: String,
    /// `sk-lf-…`.
    pub secret_key: SecretString,
}

/// Langfuse, as one org uses it.
pub struct Langfuse<'a> {
    line: Line<'a>,
}

/// A prompt in one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// Its name.
    pub name: String,
    /// Its version, from 1 on.
    pub version: u32,
    /// The text with its `{{variables}}`; of a chat prompt the system messages, one paragraph each.
    pub text: String,
    /// What was set beside it, such as a model.
    pub config: Value,
    /// The labels it bears.
    pub labels: Vec<String>,
}

#[derive(Deserialize)]
struct Wire {
    name: String,
    version: u32,
    #[serde(flatten)]
    content: Content,
    #[serde(default)]
    config: Value,
    #[serde(default, deserialize_with = "lenient")]
    labels: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Content {
    Text { prompt: String },
    Chat { prompt: Vec<Turn> },
}

/// A message, or a placeholder for some; then it has neither role nor content.
#[derive(Deserialize)]
struct Turn {
    role: Option<String>,
    content: Option<String>,
}

impl Vendors {
    /// Langfuse for this account.
    #[must_use]
    pub fn langfuse<'a>(&'a self, account: &'a Account) -> Langfuse<'a> {
        let both = format!("{}:{}", account.public_key, account.secret_key.expose_secret());
        let credentials = SecretString::from(BASE64_STANDARD.encode(both));
        let line = Line {
            vendors: self,
            vendor: &VENDOR,
            account: cache::Account {
                org: account.org.clone(),
                name: format!("{}:{}", VENDOR.name, account.public_key),
            },
            base_url: &account.base_url,
            scheme: "Basic",
            secrets: vec![account.secret_key.clone(), credentials.clone()],
            credentials,
        };
        Langfuse { line }
    }
}

impl Langfuse<'_> {
    /// The version of the prompt that bears the label; `None` if there is no such prompt, or none with it.
    ///
    /// # Errors
    /// See [`VendorError`]; [`VendorError::Unreadable`] for a chat prompt without a system message.
    pub async fn prompt(&self, name: &str, label: &str, by: By) -> Result<Option<Prompt>, VendorError> {
        // Folders are part of the name: their slashes stay in its segment.
        let draft = Draft::get(["api", "public", "v2", "prompts", name]).query("label", label);
        let wire = found(self.line.call::<Wire>(by, Operation::repeatable("prompt"), draft).await)?;
        wire.map(Wire::into_prompt).transpose()
    }
}

impl Wire {
    fn into_prompt(self) -> Result<Prompt, VendorError> {
        let text = match self.content {
            Content::Text { prompt } => prompt,
            Content::Chat { prompt } => {
                let system = prompt.into_iter().filter(|turn| turn.role.as_deref() == Some("system"));
                let paragraphs: Vec<String> = system.filter_map(|turn| turn.content).collect();
                if paragraphs.is_empty() {
                    return Err(VendorError::Unreadable("a chat prompt without a system message".to_owned()));
                }
                paragraphs.join("\n\n")
            }
        };
        let Self { name, version, config, labels, .. } = self;
        Ok(Prompt { name, version, text, config, labels })
    }
}
