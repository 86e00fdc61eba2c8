//! An org with a calendar at each vendor and a messenger, and everybody who writes and reads for it: for the journeys of
//! appointments and messages.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use sources::{calcom, highlevel, whatsapp};
use testkit::{Sandbox, Service, World};

use crate::sources::post;

pub(crate) const PHONE: &str = "+15005550006";
const SECRET: &str = "a secret of this test";
/// Of this test alone; HighLevel's own signs nothing for us.
const PRIVATE_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c2b7e151628aed2a6abf7158809cf4f3c";

const ORG: &str = r#"
[[org]]
id = "office"
name = "Office"
[[org.branch]]
id = "main"
time_zone = "America/New_York"
calendar = "highlevel:cal_main"
[[org.branch]]
id = "tokyo"
time_zone = "Asia/Tokyo"
calendar = "calcom:88"
[[org.channel]]
kind = "whatsapp"
address = "clinic-01"
branch = "tokyo"
[org.source.calcom]
secrets = ["file:DIR/office.key"]
[org.source.whatsapp]
secrets = ["file:DIR/office.key"]
[org.source.highlevel]
public_keys = ["file:DIR/highlevel.pub"]
[org.vendor.calcom]
token = "file:DIR/office.key"
[org.vendor.highlevel]
base_url = "SANDBOX/highlevel"
token = "file:DIR/office.key"
location_id = "loc_demo"
"#;

/// The org and what serves it.
pub(crate) struct Office {
    pub(crate) world: World,
    pub(crate) vendors: Sandbox,
    services: [Service; 3],
    url: String,
}

impl Office {
    pub(crate) async fn start() -> Self {
        let world = World::start().await;
        let vendors = world.vendors().await;
        vendors.without_delays().await;
        world.write_key("office", SECRET);
        std::fs::write(world.path("highlevel.pub"), highlevel::public_key(PRIVATE_KEY).unwrap()).unwrap();
        let org = ORG.replace("DIR", &world.path("").display().to_string()).replace("SANDBOX", &vendors.url);
        world.apply_orgs(&(world.orgs_file() + &org)).await;
        let (ingress, url) = world.ingress().await;
        let services = [ingress, world.log_worker(), world.invalidate_worker()];
        Self { world, vendors, services, url }
    }

    /// A Cal.com booking is told, signed.
    pub(crate) async fn calcom(&self, body: &Value) {
        let body = body.to_string();
        let headers = [(calcom::SIGNATURE_HEADER, calcom::sign(SECRET, body.as_bytes()))];
        assert_eq!(post(&self.url, "office/calcom/events", &headers, &body).await.status(), 200);
    }

    /// Something at HighLevel is told, signed.
    pub(crate) async fn highlevel(&self, body: &Value) {
        let body = body.to_string();
        let headers = [(highlevel::SIGNATURE_HEADER, highlevel::sign(PRIVATE_KEY, body.as_bytes()).unwrap())];
        assert_eq!(post(&self.url, "office/highlevel/events", &headers, &body).await.status(), 200);
    }

    /// A message on the instance is told, with its token.
    pub(crate) async fn whatsapp(&self, body: &Value) {
        let headers = [("authorization", whatsapp::sign(SECRET, Utc::now()))];
        assert_eq!(post(&self.url, "office/whatsapp/clinic-01", &headers, &body.to_string()).await.status(), 200);
    }

    /// Waits until log-worker has nothing left to do.
    pub(crate) async fn recorded(&self) {
        self.world.settled(log_worker::NAME).await;
    }

    /// The rows of a query that selects one JSON value, once log-worker is done.
    pub(crate) async fn rows(&self, select: &'static str) -> Vec<Value> {
        self.recorded().await;
        self.world.rows(select).await
    }

    pub(crate) async fn end(self) {
        self.recorded().await;
        self.world.settled(invalidate_worker::NAME).await;
        for service in self.services {
            service.stop().await;
        }
        self.vendors.stop().await;
        self.world.end().await;
    }
}

/// What Cal.com tells of a booking, in a minute of its own: as many after an hour ago.
pub(crate) fn booking(trigger: &str, uid: &str, minute: i64, starts_at: &str, more: Value) -> Value {
    let mut payload = json!({ "uid": uid, "eventTypeId": 88, "title": "Check-up", "startTime": starts_at, "status": "ACCEPTED",
        "attendees": [{ "name": "Noor Haddad", "email": "noor@example.com", "phoneNumber": PHONE, "timeZone": "Europe/Madrid" }] });
    if let (Value::Object(payload), Value::Object(more)) = (&mut payload, more) {
        payload.extend(more);
    }
    json!({ "triggerEvent": trigger, "createdAt": text(Utc::now() - TimeDelta::minutes(60 - minute)), "payload": payload })
}

/// A moment as vendors write it.
pub(crate) fn text(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}
