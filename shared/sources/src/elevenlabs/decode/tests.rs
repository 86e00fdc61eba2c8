//! What an ElevenLabs call says, beside what a like call of another provider says.

use proptest::prelude::*;

use super::*;
use crate::retell;

const DONE: &str = r#"{"type":"post_call_transcription","event_timestamp":1795000140,"data":{
    "agent_id":"agent_1","conversation_id":"conv_1","status":"done","user_id":"cust_8812","has_audio":true,
    "transcript":[
        {"role":"agent","message":"Hi Noor!","time_in_call_secs":0,"tool_calls":null,"tool_results":null},
        {"role":"user","message":"Please move my visit.","time_in_call_secs":3},
        {"role":"agent","message":null,"time_in_call_secs":5,"tool_calls":[{"tool_name":"slots"}]},
        {"role":"agent","message":"Done.","time_in_call_secs":9}],
    "metadata":{"start_time_unix_secs":1795000070,"call_duration_secs":61,"cost":410,"cost_fiat":0.142,"termination_reason":"",
        "phone_call":{"type":"twilio","direction":"inbound","phone_number_id":"pn_3","agent_number":"+15005550001",
            "external_number":"+15005550006","stream_sid":"MZ01","call_sid":"CA6b"}},
    "analysis":{"call_successful":"success","transcript_summary":"Visit moved.","evaluation_criteria_results":{},"data_collection_results":{
        "customer_name":{"data_collection_id":"customer_name","value":" Noor Haddad ","rationale":"said so"},
        "customer_email":{"data_collection_id":"customer_email","value":"noor@example.com"}}},
    "conversation_initiation_client_data":{"dynamic_variables":{"customer_name":"Noor","offhook_id":"answer_1","n":2}}}}"#;

fn facts(kind: EventType, body: &str) -> CallFacts {
    match decode(kind, body.as_bytes()).unwrap() {
        Decoded::Call(facts) => *facts,
        other => panic!("{other:?} is no call: {body}"),
    }
}

#[test]
fn a_like_call_of_retell_says_the_same() {
    for (direction, from, to) in
        [("inbound", "+15005550006", "+15005550001"), ("outbound", "+15005550001", "+15005550006")]
    {
        let ours = facts(EventType::CallAnalyzed, &DONE.replace("inbound", direction));
        let retell = format!(
            r#"{{"event":"call_analyzed","call":{{"call_id":"c","call_type":"phone_call","call_status":"ended",
            "direction":"{direction}","agent_id":"agent_1","from_number":"{from}","to_number":"{to}",
            "start_timestamp":1795000070000,"duration_ms":61000,
            "transcript":"Agent: Hi Noor!\nUser: Please move my visit.\nAgent: Done.\n",
            "metadata":{{"offhook_id":"answer_1"}},"call_cost":{{"combined_cost":14.2}},
            "call_analysis":{{"call_summary":"Visit moved.","call_successful":true,
                "custom_analysis_data":{{"customer_name":"Noor Haddad","customer_email":"noor@example.com"}}}}}}}}"#
        );
        let Decoded::Call(theirs) = retell::decode(EventType::CallAnalyzed, retell.as_bytes()).unwrap() else {
            panic!("Retell tells of a call");
        };
        assert_eq!(ours, *theirs);
        assert_eq!(ours.contact_phone().unwrap().as_str(), "+15005550006");
        assert_eq!(ours.contact_name.as_deref(), Some("Noor Haddad"));
        assert_eq!(ours.our_number(), Some("+15005550001"));
    }
}

#[test]
fn what_the_provider_does_not_say_is_not_made_up() {
    let bare = r#"{"data":{"conversation_id":"c","status":"done","transcript":[],"metadata":{"start_time_unix_secs":0},
        "analysis":{"call_successful":"unknown","transcript_summary":"",
            "data_collection_results":{"customer_name":{"value":null},"customer_email":{"value":"none"}}}}}"#;
    let expected = CallFacts { status: Some(CallStatus::Ended), ..CallFacts::default() };
    assert_eq!(facts(EventType::CallAnalyzed, bare), expected);
    let astray = r#"{"data":{"agent_id":7,"transcript":[1,{"role":"agent"},{"role":"tool","message":"x"},{"message":"y"}],
        "metadata":{"call_duration_secs":-1,"phone_call":{"external_number":"+15005550006"},"cost_fiat":"free"},
        "analysis":[],"conversation_initiation_client_data":null}}"#;
    let expected = CallFacts { call_type: Some("phone_call".to_owned()), ..expected };
    assert_eq!(facts(EventType::CallAnalyzed, astray), expected);
    let failed = r#"{"data":{"status":"failed","analysis":{"call_successful":"failure"}}}"#;
    let failed = facts(EventType::CallAnalyzed, failed);
    assert_eq!((failed.status, failed.successful), (Some(CallStatus::Error), Some(false)));
}

#[test]
fn a_transfer_is_one_that_the_providers_tool_has_made() {
    let with = |kind: &str| {
        let turn = format!(
            r#"{{"role":"agent","message":null,"tool_results":[{{"tool_name":"transfer_to_number","type":"system","is_error":false,
            "result":{{"result_type":"{kind}","status":"success","transfer_number":"+15005550009"}}}}]}}"#
        );
        let facts =
            facts(EventType::CallAnalyzed, &DONE.replace(r#""transcript":["#, &format!(r#""transcript":[{turn},"#)));
        (facts.transferred, facts.transfer_destination)
    };
    for kind in ["transfer_to_number_twilio_success", "transfer_to_number_sip_success"] {
        assert_eq!(with(kind), (Some(true), Some("+15005550009".to_owned())), "{kind}");
    }
    assert_eq!(with("transfer_to_number_error"), (None, None));
    assert_eq!(with("transfer_to_agent_success"), (None, None));
}

#[test]
fn the_lines_own_result_tells_of_machines_and_of_nobody() {
    let of = |result: &str| {
        let with = format!(r#""direction":"outbound","call_result":"{result}""#);
        let facts = facts(EventType::CallAnalyzed, &DONE.replace(r#""direction":"inbound""#, &with));
        (facts.status.unwrap(), facts.in_voicemail)
    };
    assert_eq!(of("answered"), (CallStatus::Ended, Some(false)));
    assert_eq!(of("voicemail"), (CallStatus::Ended, Some(true)));
    for nobody in ["busy", "no_answer", "failed"] {
        assert_eq!(of(nobody), (CallStatus::NotConnected, None), "{nobody}");
    }
}

#[test]
fn a_call_that_nobody_took_did_not_connect() {
    let failed = facts(
        EventType::CallEnded,
        r#"{"type":"call_initiation_failure","event_timestamp":1795000300,"data":{"agent_id":"agent_1","conversation_id":"c",
        "failure_reason":"no-answer","metadata":{"type":"twilio","body":{"CallSid":"CA77","CallStatus":"no-answer",
        "From":"+15005550001","To":"+15005550006","Direction":"outbound-api"}}}}"#,
    );
    assert_eq!((failed.status, failed.direction), (Some(CallStatus::NotConnected), Some(Direction::Outbound)));
    assert_eq!((failed.our_number(), failed.duration_ms), (Some("+15005550001"), None));
    assert_eq!(failed.contact_phone().unwrap().as_str(), "+15005550006");
    assert_eq!(failed.disconnection_reason.as_deref(), Some("no-answer"));
    let direction = |reason: &str, body: &str| {
        let body = format!(r#"{{"data":{{"failure_reason":"{reason}","metadata":{{"type":"sip","body":{body}}}}}}}"#);
        facts(EventType::CallEnded, &body).direction
    };
    assert_eq!(direction("busy", r#"{"sip_status_code":486}"#), Some(Direction::Outbound));
    assert_eq!(direction("unknown", r#"{"sip_status_code":500}"#), None);
    assert_eq!(direction("unknown", r#"{"Direction":"inbound"}"#), Some(Direction::Inbound));
}

#[test]
fn emoji_stay_nul_goes_sound_is_kept_unread_and_no_data_is_an_error() {
    let odd = r#"{"data":{"transcript":[{"role":"user","message":" a\u0000b\ud83d\ude00\ud83d "}]}}"#;
    assert_eq!(facts(EventType::CallAnalyzed, odd).transcript.as_deref(), Some("User: ab😀\u{fffd}\n"));
    assert_eq!(decode(EventType::CallAudioReceived, b"whatever").unwrap(), Decoded::Other);
    assert_eq!(decode(EventType::OtherUnknown, b"whatever").unwrap(), Decoded::Other);
    assert!(decode(EventType::CallAnalyzed, b"{}").is_err());
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        cut in 0..DONE.len(),
        byte in any::<u8>(),
    ) {
        let mut spoiled = DONE.as_bytes().to_vec();
        spoiled[cut] = byte;
        for kind in [EventType::CallAnalyzed, EventType::CallEnded] {
            let _ = decode(kind, &body);
            let _ = decode(kind, &spoiled);
        }
    }
}
