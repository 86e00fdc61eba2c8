//! An orgs.toml in, all its faults out: every fault with its line, none hiding another, no secret repeated.

use contract::Source;
use orgs::{ChannelKind, Day, Org, Setting, check};

/// The faults of a file as `line: field problem`.
fn faults(text: &str) -> Vec<String> {
    check(text).expect_err("the file has faults").iter().map(ToString::to_string).collect()
}

/// A whole org with one branch; `rest` follows it, from line 9 on.
fn with(rest: &str) -> String {
    format!(
        "[[org]]\nid = \"demo\"\nname = \"Demo\"\n\n[[org.branch]]\nid = \"main\"\ntime_zone = \"Europe/Berlin\"\n\n{rest}"
    )
}

/// Asserts that a file has exactly one fault, on this line, that says all of this.
fn one_fault(text: &str, line: usize, says: &[&str]) {
    let found = faults(text);
    assert_eq!(found.len(), 1, "{found:#?}\n{text}");
    assert!(found[0].starts_with(&format!("line {line}: ")), "line {line}: {found:?}");
    assert!(says.iter().all(|word| found[0].contains(word)), "{says:?}: {found:?}");
}

#[test]
fn the_demo_is_faultless() {
    let orgs = check(include_str!("../../../orgs.demo.toml")).unwrap();
    let demo = &orgs[0];
    assert_eq!((orgs.len(), demo.id.as_str(), demo.name.as_str()), (1, "demo", "Demo Dental"));
    assert_eq!(demo.branches[0].id, "main");
    assert_eq!(demo.branches[0].time_zone, chrono_tz::America::New_York);
    assert_eq!(demo.branches[0].hours.len(), 5);
    assert_eq!(demo.branches[0].hours[&Day::Fri][0].to_string(), "09:00-17:00");
    assert_eq!(demo.channels[0].address, "+15005550001");
    assert_eq!((demo.channels[1].kind, demo.channels[1].address.as_str()), (ChannelKind::Agent, "agent_demo"));
    assert_eq!(demo.sources[Source::RETELL.as_str()].secrets[0].to_string(), "env:DEMO_RETELL_API_KEY");
}

#[test]
fn everything_a_file_may_say_is_understood() {
    let text = with(
        r#"
[org.branch.hours]
mon = ["13:00-24:00", "00:00-12:00"]
sun = []
[org.branch.exceptions]
2026-12-24 = ["09:00-12:00"]
"2026-12-25" = []
[[org.channel]]
kind = "phone"
address = "+49 (30) 1234-567"
branch = "main"
[[org.channel]]
kind = "webhook"
address = "forms"
branch = "main"
[org.source.retell]
secrets = ["file:/run/secrets/new", "env:OLD"]
[org.vendor.anthropic]
token = "file:/run/secrets/anthropic"
portal = "abc"
retries = 0x10
share = 0.5
sandbox = true
[[org]]
id = "other"
name = "Other"
"#,
    );
    let orgs = check(&text).unwrap();
    let branch = &orgs[0].branches[0];
    let monday: Vec<_> = branch.hours[&Day::Mon].iter().map(ToString::to_string).collect();
    assert_eq!(monday, ["00:00-12:00", "13:00-24:00"], "in order");
    assert_eq!(branch.exceptions.len(), 2);
    assert_eq!(orgs[0].channels[0].address, "+49301234567", "normalised");
    let anthropic = &orgs[0].vendors["anthropic"];
    assert_eq!(anthropic["retries"], Setting::Integer(16));
    assert_eq!(anthropic["share"], Setting::Number(0.5));
    assert_eq!(anthropic["sandbox"], Setting::Flag(true));
    assert_eq!(orgs[1].id.as_str(), "other");
    for org in &orgs {
        let json = serde_json::to_vec(org).unwrap();
        assert_eq!(&serde_json::from_slice::<Org>(&json).unwrap(), org, "what is in the bucket reads back");
    }
}

#[test]
fn an_older_reader_ignores_what_a_newer_writer_adds() {
    let json = r#"{"id":"demo","name":"Demo","since":"v9","branches":[{"id":"main","time_zone":"UTC","floor":2}],
        "sources":{"fax":{"secrets":["env:FAX"],"algorithm":"rot13"}}}"#;
    let org: Org = serde_json::from_str(json).unwrap();
    assert_eq!((org.branches.len(), org.sources.len()), (1, 1));
}

#[test]
fn seventeen_faults_of_one_file_are_told_at_once() {
    let text = r#"colour = "blue"
[[org]]
id = "Demo"
[[org.branch]]
id = "main"
time_zone = "America/Nowhere"
hours = { mon = ["09:00-17:00", "16:00-18:00"], tue = ["17:00-09:00"], someday = [] }
[[org.branch]]
id = "main"
time_zone = "UTC"
exceptions = { "2026-13-01" = [] }
[[org.channel]]
kind = "fax"
address = "1"
branch = "main"
[[org.channel]]
kind = "phone"
address = "5005550001"
branch = "main"
[[org.channel]]
kind = "agent"
address = "agent_a"
branch = "cellar"
[org.source.retell]
secrets = ["sk_live_51H"]
[org.source.fax]
secrets = []
[org.vendor.anthropic]
token = "pat-na1-7"
[[org]]
id = "b"
name = 7
"#;
    let expected = [
        "line 1: colour is not a field we know; here: org",
        "line 2: org \"Demo\" · name is missing",
        "line 3: org \"Demo\" · id \"Demo\" is not an org id: [a-z0-9][a-z0-9_-]{0,31}",
        "line 6: org \"Demo\" · branch \"main\" · time_zone is \"America/Nowhere\", not an IANA time zone such as America/New_York",
        "line 7: org \"Demo\" · branch \"main\" · hours · mon 16:00-18:00 overlaps 09:00-17:00",
        "line 7: org \"Demo\" · branch \"main\" · hours · someday \"someday\" is not a weekday: mon, tue, wed, thu, fri, sat, sun",
        "line 7: org \"Demo\" · branch \"main\" · hours · tue \"17:00-09:00\" is not an opening HH:MM-HH:MM that begins before it ends, at 24:00 at the latest",
        "line 9: org \"Demo\" · branch \"main\" · id is taken by the branch of line 5",
        "line 11: org \"Demo\" · branch \"main\" · exceptions · 2026-13-01 \"2026-13-01\" is not a date YYYY-MM-DD",
        "line 13: org \"Demo\" · channel \"1\" · kind \"fax\" is not one of phone, agent, whatsapp, webhook",
        "line 18: org \"Demo\" · channel \"5005550001\" · address \"5005550001\" is not a phone number with country code",
        "line 23: org \"Demo\" · channel \"agent_a\" · branch \"cellar\" is not a branch of this org",
        "line 25: org \"Demo\" · source \"retell\" · secrets is not a secret reference: env:NAME or file:/absolute/path (a secret itself has no place in this file)",
        "line 26: org \"Demo\" · source \"fax\" is not a source we know: retell, elevenlabs, whatsapp, calcom, highlevel, webhook, api",
        "line 26: org \"Demo\" · source \"fax\" · secrets has 0 references, not 1 to 16",
        "line 29: org \"Demo\" · vendor \"anthropic\" · token is not a secret reference: env:NAME or file:/absolute/path (a secret itself has no place in this file)",
        "line 32: org \"b\" · name should be a text, is integer",
    ];
    assert_eq!(faults(text), expected);
}

#[test]
fn broken_syntax_is_told_with_the_wrong_values_around_it() {
    let text = "[[org]]\nid = demo\nname = \"Demo\"\n[[org.branch]]\nid = \"main\"\ntime_zone = \"Mars\"\n[[org.branch]]\nid = \"b\"\nid = \"2\"\n";
    let found = faults(text);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("line 2: string values must be quoted"), "{found:?}");
    assert!(found[1].starts_with("line 6: ") && found[1].contains("time zone"), "{found:?}");
    assert!(found[2].starts_with("line 9: duplicate key"), "{found:?}");
}

#[test]
fn names_of_orgs_are_short_tokens_and_unique() {
    one_fault("[[org]]\nid = \"_\"\nname = \"X\"\n", 2, &["reserved"]);
    one_fault("[[org]]\nid = \"a\"\nname = \"X\"\n[[org]]\nid = \"a\"\nname = \"Y\"\n", 5, &["line 2"]);
    one_fault("[[org]]\nname = \"X\"\n", 1, &["org #1 · id is missing"]);
    one_fault("[[org]]\nid = \"a\"\nname = \" \"\n", 3, &["name"]);
    one_fault("[[org]]\nid = \"a\"\nname = \"a\\u0000b\"\n", 3, &["control"]);
    one_fault("[org]\nid = \"a\"\n", 1, &["array of tables"]);
}

#[test]
fn a_file_without_orgs_would_remove_them_all() {
    for text in ["", "# nothing\n", "org = []\n"] {
        one_fault(text, 1, &["names no [[org]]"]);
    }
}

#[test]
fn branch_ids_are_tokens_and_never_the_word_for_no_branch() {
    one_fault(&with("[[org.branch]]\nid = \"unassigned\"\ntime_zone = \"UTC\"\n"), 10, &["reserved"]);
    one_fault(&with("[[org.branch]]\nid = \"Ost Flügel\"\ntime_zone = \"UTC\"\n"), 10, &["branch id"]);
    one_fault(&with("[[org.branch]]\nid = \"b\"\n"), 9, &["time_zone is missing"]);
    one_fault(
        &with("[[org.branch]]\nid = \"b\"\ntime_zone = \"UTC\"\nhours = { mon = \"09:00-17:00\" }\n"),
        12,
        &["list of texts"],
    );
    one_fault(
        &with("[[org.branch]]\nid = \"b\"\ntime_zone = \"UTC\"\nexceptions = { 2026-1-5 = [] }\n"),
        12,
        &["YYYY-MM-DD"],
    );
}

#[test]
fn an_address_leads_to_one_place() {
    let channel = |kind: &str, address: &str| {
        format!("[[org.channel]]\nkind = \"{kind}\"\naddress = \"{address}\"\nbranch = \"main\"\n")
    };
    let other = "[[org]]\nid = \"b\"\nname = \"B\"\n[[org.branch]]\nid = \"main\"\ntime_zone = \"UTC\"\n";
    let twice = |kind, one, two| with(&(channel(kind, one) + &channel(kind, two)));
    let shared = |kind, one, two| with(&(channel(kind, one) + other + &channel(kind, two)));
    one_fault(&twice("phone", "+15005550001", "+1 500 555 0001"), 15, &["line 9"]);
    one_fault(&twice("webhook", "forms", "forms"), 15, &["line 9"]);
    one_fault(&shared("phone", "+15005550001", "001 500 555 0001"), 21, &["org \"demo\"", "line 9"]);
    one_fault(&shared("agent", "agent_a", "agent_a"), 21, &["org \"demo\"", "line 9"]);
    assert!(check(&shared("webhook", "forms", "forms")).is_ok(), "a name inside an org's own URL");
    assert!(check(&with(&(channel("agent", "x") + &channel("whatsapp", "x")))).is_ok(), "kinds are apart");
    for address in ["", "a b", "a/b", "ä", &"x".repeat(129)] {
        one_fault(&with(&channel("whatsapp", address)), 11, &["visible ASCII"]);
    }
}

#[test]
fn a_secret_written_out_is_refused_and_never_repeated() {
    const SECRET: &str = "key_4f9a1c";
    for rest in [
        "[org.source.retell]\nsecrets = [\"key_4f9a1c\"]\n",
        "[org.source.retell]\nsecrets = \"key_4f9a1c\"\n",
        "[org.source.retell]\nsecrets = [\"env:OK\"]\nsecret = \"key_4f9a1c\"\n",
        "[org.source.retell]\nsecrets = [\"env:key_4f9a1c-x\", 'file:key_4f9a1c']\n",
        "[org.source.retell]\nsecrets = [\"key_4f9a1c]\n",
        "[org.source.retell]\nsecrets = [key_4f9a1c]\n",
        "[org.vendor.zep]\napi_key = \"key_4f9a1c\"\n",
        "[org.vendor.langfuse]\nsecret_key = \"key_4f9a1c\"\n",
        "[org.vendor.anthropic]\napi_key = \"key_4f9a1c\"\n",
        "[org.vendor.anthropic]\nbase_url = \"https://key_4f9a1c@example.com\"\n",
        "[org.vendor.anthropic]\nwrite_token = \"key_4f9a1c\"\n",
    ] {
        let found = check(&with(rest)).expect_err(rest);
        assert!(!format!("{found:?}").contains(SECRET), "{found:?}");
    }
    assert!(check(&with("[org.vendor.langfuse]\npublic_key = \"pk\"\nsecret_key = \"env:LANGFUSE\"\n")).is_ok());
    one_fault(&with("[org.vendor.anthropic]\ntoken = 7\n"), 10, &["secret reference"]);
    one_fault(&with("[org.vendor.anthropic]\nlimit = inf\n"), 10, &["text, number or boolean"]);
    one_fault(&with("[org.vendor.salesforce]\nurl = \"x\"\n"), 9, &["not a vendor we know"]);
    one_fault(&with("[org.source.retell]\n"), 9, &["secrets is missing"]);
}

#[test]
fn highlevel_needs_no_key_but_a_location() {
    let account = "[org.vendor.highlevel]\ntoken = \"env:T\"\nlocation_id = \"loc\"\n";
    let source = |fields: &str| with(&format!("[org.source.highlevel]\n{fields}{account}"));
    assert!(check(&source("")).unwrap()[0].sources["highlevel"].secrets.is_empty());
    let keys = check(&source("public_keys = [\"file:/next\", \"env:PRESENT\"]\n")).unwrap();
    assert_eq!(keys[0].sources["highlevel"].secrets.len(), 2);
    one_fault(&source("public_keys = [\"MCowBQYDK2VwAyEA\"]\n"), 10, &["public_keys", "secret reference"]);
    one_fault(&source("public_keys = [\"env:A\", \"env:B\", \"env:C\"]\n"), 9, &["3 references, not 0 to 2"]);
    one_fault(&source("secrets = [\"env:A\"]\n"), 10, &["not a field we know; here: public_keys"]);
    one_fault(&with("[org.source.highlevel]\n"), 9, &["needs [org.vendor.highlevel]"]);
}

#[test]
fn limits_hold() {
    let many = |count: usize| (0..count).map(|n| format!("[[org]]\nid = \"o{n}\"\nname = \"O\"\n")).collect::<String>();
    assert_eq!(check(&many(orgs::ORGS_MAX)).unwrap().len(), orgs::ORGS_MAX);
    one_fault(&many(orgs::ORGS_MAX + 1), 3 * orgs::ORGS_MAX + 1, &["limit is 10000"]);
    one_fault(&"#".repeat(orgs::FILE_BYTES_MAX + 1), 1, &["limit is 8388608"]);
    let secrets = |count| with(&format!("[org.source.retell]\nsecrets = [{}]\n", "\"env:A\", ".repeat(count)));
    assert!(check(&secrets(orgs::SECRETS_MAX)).is_ok());
    one_fault(&secrets(orgs::SECRETS_MAX + 1), 9, &["17 references"]);
    one_fault(
        &with(&format!("[org.vendor.anthropic]\nnote = \"{}\"\n", "x".repeat(orgs::ORG_BYTES_MAX))),
        1,
        &["limit is 262144"],
    );
}

#[test]
fn a_file_that_is_not_ours_at_all_ends_in_a_bounded_list() {
    let found = faults(&"x\n".repeat(100_000));
    assert!(found.len() <= 1_001, "{}", found.len());
    assert!(check(&"[".repeat(100_000)).is_err());
    assert!(check(&format!("a = {}", "[".repeat(100_000))).is_err());
}

proptest::proptest! {
    // A failing case belongs into a test above, not into a file nobody reads.
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_read_without_a_panic(text in "[\\[\\]a-z=\"'{}., \n\u{e9}0-9:#-]{0,200}") {
        let _ = check(&with(&text));
    }

    #[test]
    fn an_org_reads_back_from_its_json(
        id in "[a-z0-9][a-z0-9_-]{0,31}",
        name in "[^\\p{C}\\s\"\\\\]{1,30}",
        from in 0_u32..24,
        minutes in 0_u32..60,
        quarters in -1_000_000_i32..1_000_000,
    ) {
        let rest = format!(
            "hours = {{ wed = [\"{from:02}:{minutes:02}-24:00\"] }}\nexceptions = {{ 2026-12-25 = [] }}\n\
             [org.vendor.anthropic]\nfloat = {:?}\nname = \"{name}\"\n",
            f64::from(quarters) / 4.0
        );
        let text = with(&rest).replace("\"demo\"", &format!("{id:?}")).replace("\"Demo\"", &format!("\"{name}\""));
        let orgs = check(&text).unwrap();
        let json = serde_json::to_string(&orgs[0]).unwrap();
        let back: Org = serde_json::from_str(&json).unwrap();
        proptest::prop_assert_eq!(serde_json::to_string(&back).unwrap(), json);
        proptest::prop_assert_eq!((&back.branches, &back.name, back.id.as_str()), (&orgs[0].branches, &orgs[0].name, id.as_str()));
    }
}
