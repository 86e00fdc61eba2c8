//! What an answer needs of an orgs.toml: calendars, deadlines, variables, greetings, and accounts with vendors.

use orgs::{ChannelKind, Greeting, Org, check};

/// An org whose branch says `branch` beside its id and zone, followed by `rest`, from line 7 on.
fn org(branch: &str, rest: &str) -> String {
    format!(
        "[[org]]\nid = \"demo\"\nname = \"Demo\"\n[[org.branch]]\nid = \"main\"\ntime_zone = \"UTC\"\n{branch}\n{rest}"
    )
}

/// An org with an agent that says `fields`, from line 12 on.
fn agent(fields: &str) -> String {
    channel("agent", fields)
}

fn channel(kind: &str, fields: &str) -> String {
    org("", &format!("[[org.channel]]\nkind = \"{kind}\"\naddress = \"a\"\nbranch = \"main\"\n{fields}\n"))
}

fn vendor(name: &str, settings: &str) -> String {
    org("", &format!("[org.vendor.{name}]\n{settings}\n"))
}

fn read(text: &str) -> Org {
    let mut orgs = check(text).unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"));
    let org = orgs.remove(0);
    let json = serde_json::to_vec(&org).unwrap();
    assert_eq!(serde_json::from_slice::<Org>(&json).unwrap(), org, "what is in the bucket reads back");
    org
}

/// Asserts that a file has exactly one fault, on this line, that says all of this.
fn one_fault(text: &str, line: usize, says: &[&str]) {
    let found: Vec<_> = check(text).expect_err(text).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 1, "{found:#?}\n{text}");
    assert!(found[0].starts_with(&format!("line {line}: ")), "line {line}: {found:?}");
    assert!(says.iter().all(|word| found[0].contains(word)), "{says:?}: {found:?}");
}

#[test]
fn a_branch_has_a_calendar_at_a_vendor_of_its_org() {
    let highlevel = "[org.vendor.highlevel]\ntoken = \"env:T\"\nlocation_id = \"loc\"\n";
    let calendar = |value: &str| format!("calendar = \"{value}\"");
    let branch = &read(&org(&calendar("highlevel:cal_main"), highlevel)).branches[0];
    let known = branch.calendar.as_ref().unwrap();
    assert_eq!((known.vendor.as_str(), known.id.as_str()), ("highlevel", "cal_main"));
    let calcom = "[org.vendor.calcom]\ntoken = \"env:T\"\n";
    let known = read(&org(&calendar("calcom:1001"), calcom)).branches.remove(0).calendar.unwrap();
    assert_eq!((known.vendor.as_str(), known.id.as_str()), ("calcom", "1001"));
    for wrong in ["calcom:check-up", "calcom:123:4", "calcom:0", "calcom:-1", "calcom:+1", "calcom:007"] {
        one_fault(&org(&calendar(wrong), calcom), 7, &["branch \"main\" · calendar", wrong, "event type's number"]);
    }
    assert_eq!(read(&org("", "")).branches[0].calendar, None);
    for wrong in
        ["cal_main", "zep:cal_main", "highlevel:", ":cal_main", "highlevel:a b", "highlevel:a/b", "HighLevel:a"]
    {
        one_fault(
            &org(&calendar(wrong), highlevel),
            7,
            &["branch \"main\" · calendar", "VENDOR:ID", "highlevel, calcom"],
        );
    }
    one_fault(&org(&calendar("calcom:1"), highlevel), 7, &["calendar", "add [org.vendor.calcom]"]);
    one_fault(&org("calendar = 7", ""), 7, &["should be a text"]);
}

#[test]
fn a_channel_says_how_long_its_answers_may_take() {
    for ms in [50, 400, 5_000] {
        assert_eq!(read(&agent(&format!("deadline_ms = {ms}"))).channels[0].deadline_ms, Some(ms));
    }
    assert_eq!(read(&agent("")).channels[0].deadline_ms, None);
    for ms in ["49", "5001", "-400"] {
        one_fault(&agent(&format!("deadline_ms = {ms}")), 12, &["deadline_ms is", ms, "50 to 5000 milliseconds"]);
    }
    for odd in ["\"400\"", "0.4", "99999999999999999999"] {
        one_fault(&agent(&format!("deadline_ms = {odd}")), 12, &["should be a whole number"]);
    }
}

#[test]
fn a_webhook_says_where_its_bodies_name_what_happened() {
    for field in ["type", "event.name"] {
        let webhook = read(&channel("webhook", &format!("type_field = \"{field}\"")));
        assert_eq!(webhook.channels[0].type_field.as_deref(), Some(field));
    }
    assert_eq!(read(&channel("webhook", "")).channels[0].type_field, None);
    for odd in ["", ".", "a..b", &"x".repeat(129)] {
        one_fault(
            &channel("webhook", &format!("type_field = \"{odd}\"")),
            12,
            &["type_field is not the name of a field"],
        );
    }
    one_fault(&channel("whatsapp", "type_field = \"type\""), 12, &["whatsapp channel, only for webhook"]);
    one_fault(&channel("webhook", "type_field = 7"), 12, &["should be a text"]);
}

#[test]
fn a_channel_adds_variables_with_defaults_that_fit() {
    let variables = |inner: &str| agent(&format!("variables = {{ {inner} }}"));
    let channel = &read(&variables("offer = { default = \"Zähne\", max = 5 }, b2_ = { default = \"\" }")).channels[0];
    assert_eq!((channel.variables["offer"].default.as_str(), channel.variables["offer"].max), ("Zähne", Some(5)));
    assert_eq!((channel.variables["b2_"].max, channel.variables["b2_"].chars_max()), (None, 500));
    for name in ["Offer", "2nd", "_a", "a-b", "\"\"", &"a".repeat(65)] {
        one_fault(&variables(&format!("{name} = {{ default = \"\" }}")), 12, &["[a-z][a-z0-9_]{0,63}"]);
    }
    one_fault(
        &variables("a = { default = \"abc\", max = 2 }"),
        12,
        &["variables \"a\" · default has 3 characters", "is 2"],
    );
    one_fault(&variables(&format!("a = {{ default = {:?} }}", "x".repeat(501))), 12, &["has 501 characters", "is 500"]);
    for max in ["0", "10001", "-1"] {
        one_fault(&variables(&format!("a = {{ default = \"abc\", max = {max} }}")), 12, &["max is", "1 to 10000"]);
    }
    one_fault(&variables("a = { max = 7 }"), 12, &["variables \"a\" · default is missing"]);
    one_fault(&variables("a = { default = 7 }"), 12, &["should be a text"]);
    one_fault(&variables("a = { default = \"\", maximum = 7 }"), 12, &["not a field we know; here: default, max"]);
    one_fault(&variables("a = \"text\""), 12, &["should be a table"]);
    let many =
        |count: usize| variables(&(0..count).map(|n| format!("v{n} = {{ default = \"\" }}, ")).collect::<String>());
    assert_eq!(read(&many(64)).channels[0].variables.len(), 64);
    one_fault(&many(65), 12, &["has 65 variables, the limit is 64"]);
}

#[test]
fn a_greeting_has_placeholders_and_no_other_braces() {
    let greeting = |inner: &str| agent(&format!("greeting = {{ {inner} }}"));
    let both = read(&greeting("known = \"Hi {customer_name}, {x1}!\", unknown = \"Hello.\""));
    assert_eq!(both.channels[0].greeting.known.as_deref(), Some("Hi {customer_name}, {x1}!"));
    assert_eq!(both.channels[0].greeting.unknown.as_deref(), Some("Hello."));
    assert_eq!(read(&greeting("known = \"Hi\"")).channels[0].greeting.unknown, None);
    assert_eq!(read(&agent("")).channels[0].greeting, Greeting::default());
    for braced in ["{", "}", "{}", "{Name}", "{customer name}", "{{name}}", "{a", "a}", "{a}}", "{a-b}"] {
        one_fault(
            &greeting(&format!("known = \"Hi {braced}\"")),
            12,
            &["greeting · known has a brace", "write {name}"],
        );
    }
    assert!(check(&greeting(&format!("known = {:?}", "ä".repeat(500)))).is_ok());
    one_fault(&greeting(&format!("unknown = {:?}", "ä".repeat(501))), 12, &["greeting · unknown has 501 characters"]);
    one_fault(&greeting("stranger = \"Hi\""), 12, &["here: known, unknown"]);
    one_fault(&agent("greeting = \"Hi\""), 12, &["should be a table"]);
}

#[test]
fn an_answers_fields_stand_where_answers_are_given() {
    for field in ["deadline_ms = 400", "variables = { a = { default = \"\" } }", "greeting = { known = \"Hi\" }"] {
        assert!(check(&channel("agent", field)).is_ok());
        assert!(check(&channel("phone", field).replace("\"a\"", "\"+15005550001\"")).is_ok());
        for kind in [ChannelKind::Whatsapp, ChannelKind::Webhook] {
            one_fault(&channel(kind.as_str(), field), 12, &[kind.as_str(), "leave it out"]);
        }
    }
}

#[test]
fn an_orgs_own_code_has_keys() {
    let org_of = read(&org("", "[org.source.api]\nsecrets = [\"env:NEW\", \"file:/run/old\"]\n"));
    assert_eq!(org_of.sources["api"].secrets.len(), 2);
    one_fault(&org("", "[org.source.api]\nsecrets = []\n"), 8, &["has 0 references"]);
}

#[test]
fn the_vendors_we_know_have_the_fields_they_need_and_no_others() {
    let accounts = [
        (
            "highlevel",
            vec!["token = \"env:T\"", "location_id = \"loc\""],
            "token, location_id, tags, last_call_id_field, last_call_at_field, base_url",
        ),
        (
            "hubspot",
            vec!["token = \"env:T\""],
            "token, phone_property, tags_property, tags, last_call_id_property, last_call_at_property, base_url",
        ),
        ("calcom", vec!["token = \"env:T\""], "token, base_url"),
        ("zep", vec!["token = \"env:T\""], "token, base_url"),
        ("mem0", vec!["token = \"env:T\""], "token, base_url"),
        (
            "langfuse",
            vec!["public_key = \"pk\"", "secret_key = \"file:/run/sk\""],
            "public_key, secret_key, prompt_known, prompt_unknown, label, base_url",
        ),
    ];
    for (name, needed, fields) in accounts {
        let whole = needed.join("\n");
        read(&vendor(name, &format!("{whole}\nbase_url = \"https://eu.example.com/\"")));
        for missing in &needed {
            let field = missing.split(' ').next().unwrap();
            let others: Vec<_> = needed.iter().filter(|other| *other != missing).copied().collect();
            one_fault(&vendor(name, &others.join("\n")), 8, &[field, "is missing", name]);
            for wrong in ["7", "\"\""] {
                one_fault(&vendor(name, &format!("{field} = {wrong}\n{}", others.join("\n"))), 9, &[field]);
            }
        }
        let line = 9 + needed.len();
        one_fault(&vendor(name, &format!("{whole}\nretries = 3")), line, &["retries is not a field of", fields]);
    }
    read(&vendor(
        "langfuse",
        "public_key = \"pk\"\nsecret_key = \"env:S\"\nprompt_known = \"a\"\nlabel = \"production\"",
    ));
    let at_the_crm = "tags = \"front desk, english\"\nlast_call_id_field = \"cf_1\"\nlast_call_at_field = \"cf_2\"";
    read(&vendor("highlevel", &format!("token = \"env:T\"\nlocation_id = \"loc\"\n{at_the_crm}")));
    read(&vendor("anthropic", "anything = 3"));
}

#[test]
fn every_vendor_may_be_elsewhere_but_never_in_plain_text_far_away() {
    let at = |name: &str, url: &str| vendor(name, &format!("base_url = {url}\ntoken = \"env:T\""));
    for name in ["zep", "hubspot"] {
        for url in ["https://eu.example.com/v2", "http://127.0.0.1:8099/zep", "http://sandbox:8099", "env:SANDBOX/zep"]
        {
            read(&at(name, &format!("{url:?}")));
        }
        one_fault(&at(name, "\"http://eu.example.com\""), 9, &["base_url is plain http", "write https"]);
        one_fault(&at(name, "\"https://example.com/?key=1\""), 9, &["has a user, a query or a fragment"]);
        one_fault(&at(name, "\"eu.example.com\""), 9, &["is not a base URL", "env:NAME/path"]);
        one_fault(&at(name, "7"), 9, &["should be a text"]);
    }
}

#[test]
fn an_org_without_the_new_fields_is_the_same_json_as_before() {
    let json = serde_json::to_value(read(&agent(""))).unwrap();
    assert_eq!(json["channels"][0], serde_json::json!({"kind": "agent", "address": "a", "branch": "main"}));
    assert_eq!(json["branches"][0].as_object().unwrap().len(), 4);
}
