//! Who is calling, from our own tables: the contact and the summary of their last call.

use cache::{Key, Kind, Loaded, Spec};
use chrono::{DateTime, Utc};
use contract::{OrgId, PhoneNumber};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row as _};

use crate::{kinds, tags};

/// The person behind a number, as far as an org knows them.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Whose contact.
    pub org: OrgId,
    /// Their number.
    pub phone: PhoneNumber,
}

/// What is known of a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactFacts {
    /// Their name: the CRM's word, else as it was heard on a call.
    pub name: Option<String>,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Calls with them, in both directions.
    pub total_calls: i64,
    /// When the last one was.
    pub last_call_at: Option<DateTime<Utc>>,
    /// What the last call with a summary was about.
    pub last_summary: Option<String>,
}

impl Kind for Contact {
    const SPEC: Spec = kinds::CONTACT;
    type Value = ContactFacts;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(&tags::contact(&self.phone))
    }
}

impl Contact {
    /// Looks the contact up; absent when nobody of that number has called or been called, or was told of by the CRM.
    pub async fn load(self, pool: PgPool) -> Loaded<ContactFacts> {
        let found = find(&pool, &self).await;
        // Its words are for the operator, not for whoever reads why a part is missing.
        let told = found.inspect_err(|error| tracing::warn!(org = %self.org, %error, "a contact can't be read"));
        told.map_err(|_| "our tables did not answer").into()
    }
}

async fn find(pool: &PgPool, contact: &Contact) -> sqlx::Result<Option<ContactFacts>> {
    let query = sqlx::query(
        "SELECT name, email, total_calls, last_call_at,
                (SELECT summary FROM offhook.calls
                 WHERE org = $1 AND contact_phone = $2 AND started_at IS NOT NULL AND summary IS NOT NULL
                 ORDER BY started_at DESC LIMIT 1) AS last_summary
         FROM offhook.contacts WHERE org = $1 AND phone = $2",
    );
    let row = query.bind(contact.org.as_str()).bind(contact.phone.as_str()).fetch_optional(pool).await?;
    row.map(|row| {
        Ok(ContactFacts {
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            total_calls: row.try_get("total_calls")?,
            last_call_at: row.try_get("last_call_at")?,
            last_summary: row.try_get("last_summary")?,
        })
    })
    .transpose()
}
