//! What must not be told is not told, by errors nor by anything that is printed.

use vendors::{Limits, VendorError};

use crate::{
    discipline::account,
    double::{Double, live, phone, vendors},
};

#[tokio::test]
async fn an_error_tells_no_secret_no_number_and_no_body() {
    let said = format!("token pit-secret of +1 415 555 0100 is void {}", "x".repeat(300));
    let body = serde_json::json!({ "message": [said], "contact": { "name": "Ana" } }).to_string();
    for status in [401, 500] {
        let vendor = Double::saying(status, &body).await;
        let (vendors, _) = vendors(Limits::default());
        let account = account(&vendor.base_url, "a");
        let error = vendors.highlevel(&account).lookup(&phone(), live()).await.unwrap_err();
        let told = format!("{error} {error:?}");
        for secret in ["pit-secret", "0100", "555", "Ana"] {
            assert!(!told.contains(secret), "{told}");
        }
        let (VendorError::Broken(_, message) | VendorError::Refused(_, message)) = error else { panic!("{error}") };
        assert!(message.starts_with("token … of … is void"), "{message}");
        assert_eq!(message.chars().count(), 200);
        assert!(!format!("{account:?}").contains("pit-secret"));
    }
}
