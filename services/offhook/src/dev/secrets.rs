//! The demo org's secrets: one list of the variables that hold them. Made anew at each start unless they are set.

use std::{collections::BTreeMap, fmt};

use anyhow::Context as _;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

/// What its calls are signed with, which `offhook dev` itself needs.
pub(super) const RETELL: &str = "DEMO_RETELL_API_KEY";
/// What the demo's HighLevel is verified with, at the address for many orgs too.
pub(super) const HIGHLEVEL_PUBLIC: &str = "DEMO_HIGHLEVEL_PUBLIC_KEY";
const HIGHLEVEL_PRIVATE: &str = "DEMO_HIGHLEVEL_PRIVATE_KEY";

/// Every secret: the variable that the orgs file refers to, its argument, what it is, how one is made. A new one is one line.
const SECRETS: [(&str, &str, &str, Made); 9] = [
    (RETELL, "demo-retell-api-key", "The key that the demo org's calls are signed with", Made::Key),
    ("DEMO_API_KEY", "demo-api-key", "The key that the demo org's own code shows", Made::Key),
    ("DEMO_VENDOR_TOKEN", "demo-vendor-token", "What it shows its vendors; the sandbox takes anything", Made::Key),
    ("DEMO_ELEVENLABS_SECRET", "demo-elevenlabs-secret", "What its ElevenLabs calls are signed with", Made::Webhook),
    ("DEMO_WHATSAPP_KEY", "demo-whatsapp-key", "What tokens of its WhatsApp instance are signed with", Made::Key),
    ("DEMO_CALCOM_SECRET", "demo-calcom-secret", "What its appointments are signed with", Made::Key),
    ("DEMO_WEBHOOK_SECRET", "demo-webhook-secret", "What its own events are signed with", Made::Webhook),
    (HIGHLEVEL_PRIVATE, "demo-highlevel-private-key", "The Ed25519 key its CRM signs with, in hex", Made::Private),
    (HIGHLEVEL_PUBLIC, "demo-highlevel-public-key", "What its CRM is verified with", Made::Public),
];

/// How a secret that is not set is made.
#[derive(Clone, Copy)]
enum Made {
    /// Any text.
    Key,
    /// `whsec_` and base64; 32 digits of hex are 24 bytes of base64, too.
    Webhook,
    /// 32 bytes in hex.
    Private,
    /// Of [`HIGHLEVEL_PRIVATE`].
    Public,
}

/// The secrets that are there, by variable.
#[derive(Clone, Default)]
pub(super) struct Secrets(BTreeMap<&'static str, String>);

impl Secrets {
    /// Whether none is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.0.len() == SECRETS.len()
    }

    /// With those that were missing, made now.
    ///
    /// # Errors
    /// When the private key that is set is none.
    pub(super) fn completed(mut self) -> anyhow::Result<Self> {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        for (variable, .., made) in SECRETS {
            if self.0.contains_key(variable) {
                continue;
            }
            let secret = match made {
                Made::Key => format!("key_demo_{}", random()),
                Made::Webhook => format!("whsec_{}", random()),
                Made::Private => format!("{}{}", random(), random()),
                Made::Public => {
                    sources::highlevel::public_key(&self.0[HIGHLEVEL_PRIVATE]).context(HIGHLEVEL_PRIVATE)?
                }
            };
            self.0.insert(variable, secret);
        }
        Ok(self)
    }

    /// The secret of this variable; empty if it is missing.
    pub(super) fn of(&self, variable: &str) -> &str {
        self.0.get(variable).map_or("", String::as_str)
    }

    /// Each variable with its secret.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(variable, secret)| (*variable, secret.as_str()))
    }
}

/// Without the values.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl FromArgMatches for Secrets {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let set = |variable| matches.get_one::<String>(variable).filter(|secret| !secret.is_empty()).cloned();
        Ok(Self(SECRETS.iter().filter_map(|(variable, ..)| Some((*variable, set(variable)?))).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.extend(Self::from_arg_matches(matches)?.0);
        Ok(())
    }
}

impl Args for Secrets {
    fn augment_args(command: Command) -> Command {
        SECRETS.iter().fold(command, |command, (variable, argument, help, _)| {
            command.arg(Arg::new(*variable).long(*argument).env(*variable).hide_env_values(true).help(*help))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[test]
fn what_is_set_stays_and_the_rest_is_made_and_fits() {
    let set = Secrets([(RETELL, "mine".to_owned())].into());
    assert!(!set.is_complete());
    let made = set.completed().expect("no key is set that could be none");
    assert!(made.is_complete() && made.of(RETELL) == "mine");
    let now = chrono::Utc::now();
    assert!(sources::webhook::sign(made.of("DEMO_WEBHOOK_SECRET"), "msg_1", b"{}", now).is_some());
    assert!(sources::highlevel::sign(made.of(HIGHLEVEL_PRIVATE), b"{}").is_ok());
    assert!(!format!("{made:?}").contains("mine"), "a secret is never printed");
}
