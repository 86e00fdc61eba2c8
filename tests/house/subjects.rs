//! Every event has a stream that takes it, every worker a consumer that keeps its promises: the files under nats/.

use contract::{EventType, OrgId, Source};
use serde_json::Value;

use crate::repository::{File, files, hold, services};

/// Whether everything that `inner` matches is matched by `outer` too; a subject is a pattern that matches itself.
fn covers(outer: &str, inner: &str) -> bool {
    let (mut outer, mut inner) = (outer.split('.'), inner.split('.'));
    loop {
        match (outer.next(), inner.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(token)) if token != ">" => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

/// Every subject that an event can have, for one org.
fn subjects() -> Vec<String> {
    let org: OrgId = "demo".parse().expect("an org id");
    let of = |kind: &EventType| Source::ALL.map(|source| kind.subject(&org, source));
    EventType::ALL.iter().flat_map(of).collect()
}

/// The subjects of the streams' files, all together.
fn taken(streams: &[File]) -> Vec<String> {
    streams.iter().flat_map(|file| strings(&json(file)["subjects"])).collect()
}

/// The faults of the streams: subjects that none takes.
fn stream_faults(subjects: &[String], taken: &[String]) -> Vec<String> {
    let lost = subjects.iter().filter(|subject| !taken.iter().any(|pattern| covers(pattern, subject)));
    lost.map(|subject| format!("{subject}: add a subject that matches it to a stream in nats/streams/")).collect()
}

/// The faults of a worker's consumer; `config` is its file's content, if there is one.
fn consumer_faults(worker: &str, config: Option<&Value>, taken: &[String]) -> Vec<String> {
    let path = format!("nats/consumers/{worker}.json");
    let Some(config) = config else { return vec![format!("{path}: write it; it is the consumer of {worker}")] };
    let mut faults = Vec::new();
    let mut require = |holds: bool, todo: &str| {
        if !holds {
            faults.push(format!("{path}: {todo}"))
        }
    };
    require(config["durable_name"] == worker, "set durable_name to the worker's name");
    require(config["ack_policy"] == "explicit", "set ack_policy to explicit; an event is done when the worker says so");
    require(config["max_deliver"] == -1, "set max_deliver to -1; the worker decides when to give up, not a count");
    require(config.get("backoff").is_none(), "take backoff out; the worker delays by error class");
    let filters = strings(&config["filter_subjects"]);
    require(!filters.is_empty(), "name the worker's events in filter_subjects");
    for filter in filters {
        let within = taken.iter().any(|pattern| covers(pattern, &filter));
        require(within, &format!("{filter} lies in no stream's subjects; correct it"));
        let of_org = filter.replacen("events.*", "events.demo", 1);
        let meets = subjects().iter().any(|subject| covers(&of_org, subject));
        require(meets, &format!("{filter} matches no event type and source there is; correct it"));
    }
    faults
}

fn json(file: &File) -> Value {
    serde_json::from_str(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn every_event_has_a_stream_that_takes_it() {
    hold(&stream_faults(&subjects(), &taken(&files("nats/streams", ".json"))));
}

#[test]
fn every_worker_has_a_consumer_that_keeps_its_promises() {
    let (taken, consumers) = (taken(&files("nats/streams", ".json")), files("nats/consumers", ".json"));
    let workers = services().into_iter().filter_map(|service| service.strip_prefix("services/").map(str::to_owned));
    let judge = |worker: String| {
        let file = consumers.iter().find(|file| file.name() == format!("{worker}.json"));
        consumer_faults(&worker, file.map(json).as_ref(), &taken)
    };
    hold(&workers.filter(|worker| worker.ends_with("-worker")).flat_map(judge).collect::<Vec<_>>());
}

#[test]
fn every_file_of_a_stream_or_consumer_is_applied() {
    let sources: String = files("shared/bus/src", ".rs").into_iter().map(|file| file.text).collect();
    let forgotten = files("nats", ".json").into_iter().filter(|file| !sources.contains(&file.path));
    let todo = |file: File| format!("{}: include it in shared/bus/src/topology.rs, or nothing applies it", file.path);
    hold(&forgotten.map(todo).collect::<Vec<_>>());
}

#[test]
fn a_subject_without_stream_and_a_lax_consumer_are_found() {
    assert!(covers("events.>", "events.a.b") && covers("events.*.b", "events.a.b") && covers("a.*.>", "a.*.*"));
    assert!(!covers("events.>", "events") && !covers("events.*", "events.>") && !covers("a.b", "a.*"));
    let taken = ["events.*.call.>".to_owned()];
    assert_eq!(
        stream_faults(&["events.demo.call.ended.retell".to_owned(), "events.demo.x".to_owned()], &taken).len(),
        1
    );
    let lax = serde_json::json!({
        "durable_name": "other", "ack_policy": "none", "max_deliver": 5, "backoff": [1], "filter_subjects": ["dead.>"]
    });
    assert_eq!(consumer_faults("x-worker", Some(&lax), &taken).len(), 6);
    assert_eq!(consumer_faults("x-worker", None, &taken).len(), 1);
    let sound = serde_json::json!({
        "durable_name": "x-worker", "ack_policy": "explicit", "max_deliver": -1, "filter_subjects": ["events.*.call.*.retell"]
    });
    assert_eq!(consumer_faults("x-worker", Some(&sound), &taken), Vec::<String>::new());
}
