//! Telling every process at once, now or never: for what is worth nothing later, such as "drop your copies".
//!
//! Core NATS, no stream: whoever is not listening at this moment misses it. Never for events.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

use crate::{Bus, BusError};

impl Bus {
    /// Sends `body` to all who listen to this topic at the moment.
    ///
    /// # Errors
    /// When the connection can't take it.
    pub async fn broadcast(&self, topic: &str, body: Bytes) -> Result<(), BusError> {
        let sent = self.client.publish(subject(topic), body).await;
        sent.map_err(|error| BusError::Unavailable(error.to_string()))
    }

    /// What is broadcast on this topic from now on, across reconnects; what is sent meanwhile is missed.
    ///
    /// # Errors
    /// When the connection can't take a subscription.
    pub async fn listen(&self, topic: &str) -> Result<impl Stream<Item = Bytes> + use<>, BusError> {
        let subscription = self.client.subscribe(subject(topic)).await;
        let messages = subscription.map_err(|error| BusError::Unavailable(error.to_string()))?;
        Ok(messages.map(|message| message.payload))
    }
}

/// Outside of every stream's subjects.
fn subject(topic: &str) -> String {
    format!("broadcast.{topic}")
}
