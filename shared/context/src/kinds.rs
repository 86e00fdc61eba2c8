//! The table of everything that is cached.

use cache::{Kind as _, Spec};

use crate::Contact;

/// Every kind, as `offhook cache kinds` prints them.
pub const KINDS: [Spec; 1] = [Contact::SPEC];
