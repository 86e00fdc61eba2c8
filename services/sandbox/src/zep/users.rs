//! Zep's users. A user's id is the caller's choice and taken once.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{User, Zep, bad_request, date, not_found, required};
use crate::{
    call::{Call, Moment},
    reply::{Answer, Reply},
    state::State,
};

/// What a user may be given.
const FIELDS: [&str; 4] = ["email", "first_name", "last_name", "metadata"];

pub(crate) fn create(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let id = required(call, "user_id")?;
    if state.zep.users.contains_key(id) {
        return Err(bad_request("user already exists"));
    }
    Ok(Reply::created(state.zep.add_user(id, &call.body, moment)))
}

pub(crate) fn get(state: &mut State, call: &Call, _: &Moment) -> Answer {
    Ok(Reply::ok(json!(state.zep.user(call.param("userId"))?.record)))
}

pub(crate) fn update(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let user = state.zep.user_mut(call.param("userId"))?;
    user.record.extend(given(&call.body));
    user.record.insert("updated_at".to_owned(), date(moment.utc));
    Ok(Reply::ok(json!(user.record)))
}

/// The user, their threads and their facts.
pub(crate) fn delete(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let id = call.param("userId").unwrap_or_default();
    state.zep.users.remove(id).ok_or_else(|| not_found("user"))?;
    state.zep.threads.retain(|_, thread| thread.user_id != id);
    Ok(Reply::ok(json!({ "message": "user deleted" })))
}

pub(crate) fn warm(state: &mut State, call: &Call, _: &Moment) -> Answer {
    state.zep.user(call.param("userId"))?;
    Ok(Reply::ok(json!({ "message": "cache warm hint accepted" })))
}

fn given(body: &Value) -> impl Iterator<Item = (String, Value)> {
    FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone())))
}

impl Zep {
    /// A user of this id, with the body's fields.
    pub(crate) fn add_user(&mut self, id: &str, body: &Value, moment: &Moment) -> Value {
        let mut record: Map<String, Value> = given(body).collect();
        record.insert("user_id".to_owned(), json!(id));
        record.insert("uuid".to_owned(), json!(Uuid::new_v4()));
        record.insert("created_at".to_owned(), date(moment.utc));
        let shown = json!(record);
        self.users.insert(id.to_owned(), User { record, facts: Vec::new() });
        shown
    }
}
